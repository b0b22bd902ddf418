"""Counts in how many passages of a collection each word stands: how the data of `rag.rarity` were made.

python -m rag.count ARTICLES.jsonl.gz --out rag/data/passage_counts.txt.gz
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path
from typing import TYPE_CHECKING

from index.analysis import words
from index.articles import read_file
from index.types import Skipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["LEAST", "count_passages", "main"]

LEAST = 15
"""Stems in fewer passages are left out of the data; they count as unseen."""


def count_passages(texts: Iterable[str], *, words_each: int = 100) -> tuple[dict[str, int], int]:
    """Count, over runs of `words_each` words, in how many each stem stands; how the shipped counts were made."""
    counts: dict[str, int] = {}
    total = 0
    for text in texts:
        stems = [word.stem for word in words(text)]
        for start in range(0, len(stems), words_each):
            total += 1
            for term in set(stems[start : start + words_each]):
                counts[term] = counts.get(term, 0) + 1
    return counts, total


def main(arguments: Sequence[str] | None = None) -> None:
    """Count the words of a collection and write them: the number of passages, then a stem and its count a line."""
    parser = argparse.ArgumentParser(prog="python -m rag.count", description="Count in how many passages words stand.")
    parser.add_argument("articles", type=Path, help="a text file or JSON Lines")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    found = (item.text for item in read_file(given.articles) if not isinstance(item, Skipped))
    counts, total = count_passages(found)
    lines = [str(total), *(f"{term}\t{count}" for term, count in sorted(counts.items()) if count >= LEAST)]
    given.out.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0))
    print(f"{total:,} passages, {len(lines) - 1:,} stems")


if __name__ == "__main__":
    main()
