"""How fast the list of articles and the scope of a question are told in a large index.

    python tests/bench/listing.py --articles 100000

The rows that both read are made directly, five passages an article; what is asked goes the usual way. Each figure is
the median of nine. Nothing is searched: `tests/bench/scale.py` measures that.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[2]))

from index.encoder import EncoderIdentity
from index.scope import Scope
from index.store import listing, scoped
from index.store.database import Database
from index.store.rows import article_seal, digest

if TYPE_CHECKING:
    from collections.abc import Callable

PASSAGES = 5
OUTLETS = 400
WORDS = "mayor ferry council strike flood museum harbour winter election market train police".split()  # noqa: SIM905


def fill(folder: Path, articles: int) -> Database:
    """An index with the rows of so many articles."""
    drawn = random.Random(7)
    database = Database.create(folder, EncoderIdentity("none", "0", 8))
    cursor = database.connection.cursor()
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO files VALUES (1, '/a.jsonl', 1, 1, x'', 1)")
    cursor.execute("INSERT INTO texts VALUES (1, ?, 'x')", (digest("x"),))
    for number in range(1, articles + 1):
        title = " ".join(drawn.choices(WORDS, k=6)).title()
        url = f"https://www.outlet{int(drawn.paretovariate(0.7)) % OUTLETS}.example/{number}"
        published = (date(2010, 1, 1) + timedelta(days=drawn.randrange(5000))).isoformat()
        facts = (f"{number:032x}", title, url, published, None, None)
        cursor.execute(
            "INSERT INTO articles VALUES (?, ?, 1, ?, 1, 0, 1, ?, ?, ?, ?, ?, ?)",
            (number, facts[0], number, *facts[1:], article_seal(*facts, "/a.jsonl", 0, 1, number)),
        )
        listing.add_to_list(cursor, number, title, url, published)
        for _ in range(PASSAGES):
            cursor.execute("INSERT INTO passages (article, digest, copy_key, leader) VALUES (?, x'', 0, 0)", (number,))
    cursor.execute("UPDATE passages SET leader = id")
    cursor.execute("COMMIT")
    return database


def milliseconds(act: Callable[[], object]) -> float:
    """The median time of nine calls."""
    times = []
    for _ in range(9):
        started = time.perf_counter()
        act()
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="The list of articles, and scopes, of a large index.")
    parser.add_argument("--articles", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = fill(Path(folder), given.articles)
        large, year = Scope(frozenset({"outlet1.example"})), Scope(since="2015-01-01", until="2015-12-31")
        pages: dict[str, tuple[str, Scope | None, int]] = {
            "the first page": ("", None, 0),
            "the last page": ("", None, given.articles - 50),
            "a search of two words": ("ferry council", None, 0),
            "the largest outlet": ("", large, 0),
            "a year": ("", year, 0),
            "a search in a year": ("ferry", year, 0),
        }
        print(f"{given.articles:,} articles, {PASSAGES * given.articles:,} passages, median ms")
        for name, (search, scope, offset) in pages.items():
            page = listing.articles(database, search=search, scope=scope, limit=50, offset=offset)
            took = milliseconds(
                lambda search=search, scope=scope, offset=offset: listing.articles(  # type: ignore[misc]
                    database, search=search, scope=scope, limit=50, offset=offset
                )
            )
            print(f"list: {name:<24} {page.total:>9,} articles {took:>8.1f}")
        took = milliseconds(lambda: listing.sources(database, search="", scope=None))
        print(f"list: {'counts of all outlets':<24} {OUTLETS:>9,} outlets  {took:>8.1f}")
        for name, scope in {
            "an outlet": Scope(frozenset({"outlet7.example"})),
            "a year": year,
            "the largest": large,
        }.items():
            inside = scoped.look(database, scope)
            took = milliseconds(lambda scope=scope: scoped.look(database, scope))  # type: ignore[misc]
            print(f"scope, first time: {name:<11} {len(inside.articles):>9,} articles {took:>8.1f}")
        database.close()


if __name__ == "__main__":
    main()
