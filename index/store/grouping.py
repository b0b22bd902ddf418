"""Who stands for whom: passages, and whole articles, in groups of copies that do not depend on the order they came in.

Rows with the same folded text are one wording, named by its key. Wordings have an order: the earliest day of
publication first, those without one behind, then by path, part of an archive, line and place. In this order each
wording stands for itself unless an earlier one that does is nearly the same; then it belongs to the most similar of
these. So the groups follow from what is stored alone: an index that was changed step by step has those of one that is
made afresh.

A change notes the wordings that it touches, and when all rows are written, `Grouping.settle` goes through them in their
order, and through those that follow from it: later ones that a new leader is nearly the same as, and those that lost
theirs. Whoever is looked at depends on earlier ones alone, and these are settled.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any, NamedTuple

from index.dedupe import Words, band_keys
from index.store.connections import VARIABLES, sliced
from index.store.levels import ARTICLE_LEVEL, PASSAGE_LEVEL, Level, Rank, rank_of

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Copied", "Copies", "Grouping"]

_CANDIDATES = 50
"""Leaders with a band in common that a wording is compared with: a newsletter's line must not make it slow."""
_REMEMBERED = 2_000
"""Texts that are kept at hand while a change is settled."""


class Copied(NamedTuple):
    """How many of the rows that were added are exact copies of others, or near ones, or copied by later ones."""

    exact: int
    near: int


class _Wording(NamedTuple):
    """A row of `wordings`."""

    key: int
    first: int
    leads: int | None


class Grouping:
    """The groups of one level within one transaction.

    Args:
        cursor: of the transaction.
        level: what is grouped.
    """

    def __init__(self, cursor: Any, level: Level) -> None:
        self._cursor = cursor
        self._level = level
        self._ranks: dict[int, Rank] = {}
        self._words: dict[int, Words] = {}
        self._bands: dict[int, tuple[int, ...]] = {}
        self._added: dict[int, int] = {}
        self._new: set[int] = set()
        self._displaced: dict[int, int] = {}
        self._dirty: set[int] = set()
        self._moved: set[int] = set()
        self._stale: set[int] = set()

    def add(self, rows: Iterable[tuple[int, int, tuple[int, ...]]]) -> None:
        """Note new rows: the number, the key of the folded text, and its bands (`index.dedupe.band_keys`).

        Each row stands in its table with itself as `leader`.
        """
        fresh: dict[int, tuple[int, tuple[int, ...]]] = {}
        noted = list(rows)
        known = self._wordings(key for _, key, _ in noted)
        for number, key, bands in noted:
            self._added[number] = key
            if key in fresh:
                self._stale.add(key)
                if self._rank(number) < self._rank(fresh[key][0]):
                    fresh[key] = (number, bands)
            elif key in known:
                self._stale.add(key)
                if self._rank(number) < self._rank(known[key].first):
                    self._displaced.setdefault(key, known[key].first)
                    self._move(known[key], number)
                    known[key] = known[key]._replace(first=number)
            else:
                fresh[key] = (number, bands)
        self._add_wordings(fresh)

    def _add_wordings(self, fresh: dict[int, tuple[int, tuple[int, ...]]]) -> None:
        """Add wordings, given by their keys with their first rows and their bands.

        One that has no band in common with any other stands for itself, and nothing about it is left to be settled.
        All is written in the order of its keys: neighbours in a table together.
        """
        holders: dict[int, int] = {}
        near: set[int] = set()
        for key, (_, bands) in fresh.items():
            for band in bands:
                other = holders.setdefault(band, key)
                if other != key:
                    near |= {key, other}
        found = sorted(holders)
        for part in sliced(found, VARIABLES):
            rows = self._cursor.execute(f"SELECT key FROM bands WHERE key IN ({','.join('?' * len(part))})", part)  # noqa: S608
            near.update(holders[band] for (band,) in rows)
        self._cursor.executemany(
            "INSERT INTO wordings VALUES (?, ?, ?)",
            ((key, first, None if key in near else key) for key, (first, _) in sorted(fresh.items())),
        )
        self._cursor.executemany(
            "INSERT OR IGNORE INTO bands VALUES (?, ?)",
            sorted((band, key) for key, (_, bands) in fresh.items() for band in bands),
        )
        self._bands.update((key, fresh[key][1]) for key in near)
        self._new |= fresh.keys()
        self._dirty |= near

    def forget(self, number: int) -> None:
        """Note that a row goes; to be called right before it is deleted."""
        table = self._level.table
        (key,) = self._cursor.execute(f"SELECT copy_key FROM {table} WHERE id = ?", (number,)).fetchone()  # noqa: S608
        self._added.pop(number, None)
        wording = self._wording(key)
        if wording is None or wording.first != number:
            return
        others = self._cursor.execute(
            f"SELECT {self._level.ranked} WHERE {table}.copy_key = ? AND {table}.id != ?",
            (key, number),
        ).fetchall()
        if others:
            self._move(wording, min(rank_of(*row) for row in others)[-1])
            return
        for band in self._bands_of(wording):
            self._cursor.execute("DELETE FROM bands WHERE key = ? AND wording = ?", (band, key))
        self._cursor.execute("DELETE FROM wordings WHERE copy_key = ?", (key,))
        self._dirty |= self._led_by(key)
        for noted in (self._dirty, self._moved, self._stale, self._new):
            noted.discard(key)
        self._words.pop(key, None)
        self._bands.pop(key, None)

    def settle(self) -> Copied:
        """Bring the groups in line with what was noted; how many of the added rows are copies."""
        heap = [(self._rank(wording.first), wording.key) for wording in map(self._wording, self._dirty) if wording]
        heapq.heapify(heap)
        waiting = {key for _, key in heap}
        unseated: set[int] = set()
        while heap:
            _, key = heapq.heappop(heap)
            waiting.discard(key)
            wording = self._wording(key)
            if wording is None:
                continue
            near = self._sharing_a_band(wording)
            leads = self._leader(wording, near)
            follow: set[int] = set()
            if leads != wording.leads:
                self._cursor.execute("UPDATE wordings SET leads = ? WHERE copy_key = ?", (leads, key))
                self._stale.add(key)
            if leads == key and (wording.leads != key or key in self._moved):
                follow = self._copies_behind(wording, near)
            elif leads != key and wording.leads == key:
                follow = self._led_by(key)
                unseated.add(key)
            for each in follow - waiting:
                found = self._wording(each)
                if found is not None:
                    waiting.add(each)
                    heapq.heappush(heap, (self._rank(found.first), each))
        self._write_leaders()
        return self._count(unseated)

    def again(self) -> None:
        """Group everything anew, whatever is noted of it."""
        table = self._level.table
        rows = self._cursor.execute(f"SELECT id, copy_key FROM {table} ORDER BY id").fetchall()  # noqa: S608
        for part in sliced(rows, VARIABLES):
            bands = band_keys([Words.of(self._text(number)).shingles for number, _ in part], self._level.likeness)
            self.add([(*row, each) for row, each in zip(part, bands, strict=True)])
            self._stale.update(key for _, key in part)
        self.settle()

    # The steps

    def _leader(self, wording: _Wording, near: Iterable[tuple[_Wording, int]]) -> int:
        """The key of the wording that stands for this one."""
        rank = self._rank(wording.first)
        leaders = [
            (-count, each.key, each) for each, count in near if each.leads == each.key and self._rank(each.first) < rank
        ]
        best, best_likeness = wording.key, 0.0
        for _, _, each in sorted(
            sorted(leaders)[:_CANDIDATES], key=lambda leader: self._rank(leader[2].first)
        ):  # of equals the earliest
            likeness = self._level.likeness.of(self._words_of(wording), self._words_of(each))
            if likeness > best_likeness:
                best, best_likeness = each.key, likeness
        return best

    def _copies_behind(self, leader: _Wording, near: Iterable[tuple[_Wording, int]]) -> set[int]:
        """The later wordings that may belong to a new leader."""
        rank, own = self._rank(leader.first), self._level.likeness
        return {
            each.key
            for each, _ in near
            if self._rank(each.first) > rank and own.of(self._words_of(each), self._words_of(leader))
        }

    def _move(self, wording: _Wording, first: int) -> None:
        """Give a wording another first row, and with it another place in the order."""
        self._cursor.execute("UPDATE wordings SET first = ? WHERE copy_key = ?", (first, wording.key))
        self._dirty.add(wording.key)
        self._moved.add(wording.key)
        if wording.leads == wording.key:
            self._dirty |= self._led_by(wording.key)

    def _write_leaders(self) -> None:
        """Write down the number of the row that stands for it in each row of the wordings that changed."""
        stale = set(self._stale)
        for key in self._moved:
            stale |= self._led_by(key) | {key}
        for key in stale:
            row = self._cursor.execute(
                "SELECT leading.first FROM wordings AS own JOIN wordings AS leading ON leading.copy_key = own.leads"
                " WHERE own.copy_key = ?",
                (key,),
            ).fetchone()
            if row is not None:
                self._cursor.execute(
                    f"UPDATE {self._level.table} SET leader = ?1 WHERE copy_key = ?2 AND leader != ?1",  # noqa: S608
                    (row[0], key),
                )

    def _count(self, unseated: Iterable[int]) -> Copied:
        """Each added row counts once: for what it copies, or else for what copies it because it is earlier."""
        followed = {wording.leads for wording in map(self._wording, unseated) if wording}
        exact = near = 0
        known = self._wordings(self._added.values())
        for number, key in self._added.items():
            wording = known.get(key)
            if wording is None:
                continue
            older = self._displaced.get(key)
            if wording.first != number or (older is not None and older not in self._added and self._is_there(older)):
                exact += 1
            elif key in self._new and (wording.leads != key or key in followed):
                near += 1
        return Copied(exact, near)

    # Reading

    def _wording(self, key: int) -> _Wording | None:
        row = self._cursor.execute("SELECT copy_key, first, leads FROM wordings WHERE copy_key = ?", (key,)).fetchone()
        return None if row is None else _Wording(*row)

    def _wordings(self, keys: Iterable[int]) -> dict[int, _Wording]:
        """Those of the keys that there are."""
        wanted = sorted(set(keys))
        found: dict[int, _Wording] = {}
        for part in sliced(wanted, VARIABLES):
            rows = self._cursor.execute(
                f"SELECT copy_key, first, leads FROM wordings WHERE copy_key IN ({','.join('?' * len(part))})",  # noqa: S608
                part,
            )
            found.update((row[0], _Wording(*row)) for row in rows)
        return found

    def _led_by(self, key: int) -> set[int]:
        rows = self._cursor.execute("SELECT copy_key FROM wordings WHERE leads = ?1 AND copy_key != ?1", (key,))
        return {row[0] for row in rows.fetchall()}

    def _sharing_a_band(self, wording: _Wording) -> list[tuple[_Wording, int]]:
        """The wordings that have bands in common with this one, and how many."""
        bands = self._bands_of(wording)
        if not bands:
            return []
        rows = self._cursor.execute(
            "SELECT copy_key, first, leads, count(*) FROM bands JOIN wordings ON copy_key = wording"  # noqa: S608
            f" WHERE key IN ({','.join('?' * len(bands))}) AND wording != ? GROUP BY wording",
            (*bands, wording.key),
        )
        return [(_Wording(*row), count) for *row, count in rows.fetchall()]

    def _bands_of(self, wording: _Wording) -> tuple[int, ...]:
        if wording.key not in self._bands:
            shingles = self._words_of(wording).shingles
            self._bands[wording.key] = next(iter(band_keys([shingles], self._level.likeness)))
        return self._bands[wording.key]

    def _words_of(self, wording: _Wording) -> Words:
        found = self._words.pop(wording.key, None)
        if found is None:
            found = Words.of(self._text(wording.first))
            if len(self._words) >= _REMEMBERED:
                del self._words[next(iter(self._words))]
        self._words[wording.key] = found  # the last one used stands last
        return found

    def _text(self, number: int) -> str:
        row = self._cursor.execute(self._level.text, (number,)).fetchone()
        spans = self._cursor.execute(self._level.spans, (number,)).fetchall()
        return " ".join(row[0][start:end] for start, end in spans)

    def _rank(self, number: int) -> Rank:
        if number not in self._ranks:
            row = self._cursor.execute(
                f"SELECT {self._level.ranked} WHERE {self._level.table}.id = ?",
                (number,),
            ).fetchone()
            self._ranks[number] = rank_of(*row)
        return self._ranks[number]

    def _is_there(self, number: int) -> bool:
        table = self._level.table
        return self._cursor.execute(f"SELECT 1 FROM {table} WHERE id = ?", (number,)).fetchone() is not None  # noqa: S608


class Copies:
    """The groups of passages and of articles within one transaction.

    Args:
        cursor: of the transaction.
    """

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self.passages = Grouping(cursor, PASSAGE_LEVEL)
        self.articles = Grouping(cursor, ARTICLE_LEVEL)

    def forget(self, article: int) -> list[bytes]:
        """Delete an article with its passages; the digests of their texts."""
        self.articles.forget(article)
        passages = self._cursor.execute("SELECT id, digest FROM passages WHERE article = ?", (article,)).fetchall()
        for number, _ in passages:
            self.passages.forget(number)
            self._cursor.execute("DELETE FROM passages WHERE id = ?", (number,))
        self._cursor.execute("DELETE FROM articles WHERE id = ?", (article,))
        return [digest for _, digest in passages]

    def settle(self) -> tuple[Copied, Copied]:
        """Settle both; the copies among the passages and among the articles that were added."""
        return self.passages.settle(), self.articles.settle()

    def again(self) -> None:
        """Form all groups anew."""
        self._cursor.execute("DELETE FROM bands")
        self._cursor.execute("DELETE FROM wordings")
        self.passages.again()
        self.articles.again()
