"""Looks at the groups of copies: do they follow from what is stored, and are the keys that find copies those of it?"""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

from index.dedupe import Words, band_keys
from index.store.levels import LEVELS, rank_of

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence

    from index.dedupe import Likeness
    from index.store.database import Database
    from index.store.findings import Kind
    from index.store.levels import Level, Rank

__all__ = ["GroupVerifier"]


class GroupVerifier:
    """Notes what is wrong with the groups of an index.

    Args:
        database: the open index.
        note: takes the kind of a finding, what it is about, and what is wrong.
        name: names an article for a person, by the store's number.
    """

    def __init__(self, database: Database, note: Callable[[Kind, str, str], None], name: Callable[[int], str]) -> None:
        self._database = database
        self._note = note
        self._name = name
        self._found_bands = 0
        self._wordings: set[int] = set()

    def look_at_bands(self, texts: Sequence[tuple[int, str]], likeness: Likeness, what: str) -> None:
        """Compare the keys by which near copies of some texts are found, each by the key of its wording."""
        fresh = {key: text for key, text in texts if key not in self._wordings}
        self._wordings |= fresh.keys()
        shingles = [Words.of(text).shingles for text in fresh.values()]
        for key, bands in zip(fresh, band_keys(shingles, likeness), strict=True):
            if not bands:
                continue
            expected = len(set(bands))
            rows = self._database.rows(
                f"SELECT count(*) FROM bands WHERE wording = ? AND key IN ({','.join('?' * len(bands))})",  # noqa: S608
                (key, *bands),
            )
            self._found_bands += rows[0][0]
            if rows[0][0] != expected:
                self._note("bands", what, "the keys that find its copies are not those of its text")

    def run(self, damaged: Container[int], *, sound: bool) -> None:
        """Look at who stands for whom.

        Args:
            damaged: articles whose groups are not looked at.
            sound: whether nothing was found to be wrong, and so the keys of all texts were looked at.
        """
        for level in LEVELS:
            self._look_at_rows(level, damaged)
            self._look_at_copies(level, damaged)
        if not sound:
            return
        for (key,) in self._database.rows(
            "SELECT copy_key FROM wordings WHERE copy_key NOT IN"
            " (SELECT copy_key FROM passages UNION ALL SELECT copy_key FROM article_groups)"
        ):
            self._note("leader", f"wording {key}", "nothing that is stored has it")
        ((total,),) = self._database.rows("SELECT count(*) FROM bands")
        if total > self._found_bands:
            self._note("bands", f"{total - self._found_bands:,} keys", "they find nothing that is stored")

    def _look_at_rows(self, level: Level, damaged: Container[int]) -> None:
        """Every row of a wording is stood for by the same one, and the wording's first one is its earliest."""
        for key, rows in groupby(self._ranked(level), key=lambda row: row[0]):
            members = [each[1:] for each in rows]
            if any(article in damaged for article, _, _ in members):
                continue
            first = min(rank for _, rank, _ in members)[-1]
            wording = self._database.row(
                "SELECT own.first, leading.first, leading.leads = leading.copy_key FROM wordings AS own"
                " LEFT JOIN wordings AS leading ON leading.copy_key = own.leads WHERE own.copy_key = ?",
                (key,),
            )
            if wording is None or wording[0] != first:
                self._bad(level, first, "it is not kept as the earliest of its exact copies")
            elif not wording[2]:
                self._bad(level, first, "it is kept as a copy of what stands for no group")
            else:
                for _, rank, leader in members:
                    if leader != wording[1]:
                        self._bad(level, rank[-1], f"{leader} stands for it; expected {wording[1]}")

    def _look_at_copies(self, level: Level, damaged: Container[int]) -> None:
        """Every near copy is one of what stands for it, which is earlier."""
        text = lru_cache(1024)(lambda number: Words.of(self._text(level, number)))
        for number, article, leader, its_article in self._database.rows(
            f"SELECT mine.id, mine.{level.article}, yours.id, yours.{level.article} FROM wordings AS own"  # noqa: S608
            f" JOIN wordings AS leading ON leading.copy_key = own.leads JOIN {level.table} AS mine"
            f" ON mine.id = own.first AND mine.copy_key = own.copy_key JOIN {level.table} AS yours"
            " ON yours.id = leading.first WHERE own.leads != own.copy_key"
        ):
            if article in damaged or its_article in damaged:
                continue
            if not level.likeness.of(text(number), text(leader)):
                self._bad(level, number, f"it is kept as a copy of {level.likeness.name} {leader}, which it is not")
            elif self._rank(level, leader) > self._rank(level, number):
                self._bad(level, number, f"{level.likeness.name} {leader}, which is later, stands for it")

    def _bad(self, level: Level, number: int, found: str) -> None:
        table = level.table
        rows = self._database.rows("SELECT article FROM passages WHERE id = ?", (number,))
        if table == "article_groups":
            self._note("leader", self._name(number), found)
        else:
            self._note("leader", f"passage {number} of {self._name(rows[0][0]) if rows else 'no article'}", found)

    def _ranked(self, level: Level) -> Iterator[tuple[Any, int, Rank, Any]]:
        """The key, the article, the rank and the leader of every row, those of a wording together."""
        columns, _, tables = level.ranked.partition(" FROM ")
        own = f"{level.table}.copy_key, {level.table}.{level.article}, {level.table}.leader"
        with self._database.errors():
            for key, article, leader, *rank in self._database.connection.execute(
                f"SELECT {own}, {columns} FROM {tables} ORDER BY {level.table}.copy_key"  # noqa: S608
            ):
                yield key, article, _rank(rank), leader

    def _rank(self, level: Level, number: int) -> Rank:
        rows = self._database.rows(f"SELECT {level.ranked} WHERE {level.table}.id = ?", (number,))
        return _rank(rows[0])

    def _text(self, level: Level, number: int) -> str:
        rows = self._database.rows(level.text, (number,))
        spans = self._database.rows(level.spans, (number,))
        whole = [(start, end) for start, end in spans if isinstance(start, int) and isinstance(end, int)]
        return " ".join(str(row[0])[start:end] for row in rows for start, end in whole)


def _rank(columns: Sequence[Any]) -> Rank:
    """As `rank_of`, whatever a flipped bit made of the columns."""
    published, path, part, line, start, number = columns
    return rank_of(
        published if isinstance(published, str) else None,
        str(path),
        part if isinstance(part, str) else None,
        line if isinstance(line, int) else None,
        start if isinstance(start, int) else 0,
        number,
    )
