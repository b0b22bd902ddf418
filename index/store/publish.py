"""Making the search files of a change before it is committed, so that they are there the moment it is."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from index.errors import StoreDamaged, StoreError
from index.files import fsync
from index.store.behind import catch_up, searched
from index.store.lexical import LexicalIndex
from index.store.search import LEXICAL, MANIFEST, PREFIX, Commit, SearchFiles, load, sha256_of
from index.store.vectors import EXACT_LIMIT, VectorBuilder, unit_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from index.store.database import Database
    from index.store.vectors import VectorIndex

__all__ = ["MERGED_BELOW", "NoSearchFiles", "Publisher", "build_in_memory", "new_commit"]

MERGED_BELOW = 4096
"""An index of fewer passages is written anew with every change: it takes less than half a second, and nothing that was
removed counts in any statistics."""
_PARTS = 8
"""Vector files of which the small ones are put together."""
_TAIL = 0.2
"""The share of the passages outside the first vector file, or removed from it, from which all is written anew."""
_GROWTH = 3
"""How many times what can be searched may wait to be searched too, while more and more is added."""
_COST = 20
"""How many times as long as they take to make, search files last while more and more is added: five percent of it."""
_TOGETHER = 8192
"""Vectors that are in memory at once while a file of them is made."""
_STAGING = ".search-"

_log = logging.getLogger(__name__)


class Publisher:
    """Writes the search files of changes; used by the one process that holds the write lock.

    Args:
        database: the truth. What the calling thread has changed and not committed is seen.
        merged_below: as `MERGED_BELOW`.
        longest: seconds after which nothing new waits to be searched while more is added, unless making the files takes
            a greater part of the time than `_COST` allows.
    """

    def __init__(self, database: Database, *, merged_below: int = MERGED_BELOW, longest: float = float("inf")) -> None:
        self._database = database
        self._merged_below = merged_below
        self._longest = longest
        self._made, self._took = time.monotonic(), 0.0
        self._last: SearchFiles | None = None

    def due(self) -> bool:
        """Whether what waits to be searched, in the change under way too, should not wait for more."""
        if time.monotonic() - self._made >= max(self._longest, _COST * self._took):
            return True
        before = self._before()
        since, size = (0, 0) if before is None else (before.commit.change, len(before))
        row = self._database.row("SELECT count(*) FROM touched WHERE change > ?", (since,))
        return row is not None and int(row[0]) >= max(MERGED_BELOW, _GROWTH * size)

    def last(self) -> Commit:
        """The last commit that has search files, or should have them."""
        before = self._before()
        return searched(self._database) if before is None else before.commit

    def prepare(self, commit: Commit, *, more: bool = False) -> None:
        """Make the search files of a commit that is about to be made, durable and under their final name.

        Args:
            commit: the commit.
            more: whether others will soon take their place: what is cheaply made is preferred.

        Raises:
            StoreError: when they cannot be written; what is there stays as it is.
        """
        folder = self._database.folder
        started = time.monotonic()
        staging: Path | None = None
        try:
            staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=folder))
            self._make(staging, commit, more=more)
            target = folder / commit.folder
            if target.exists():  # made for a change that never came
                shutil.rmtree(target)
            staging.rename(target)
            fsync(folder)
            self._made = time.monotonic()
            self._took = self._made - started
        except OSError as error:
            raise StoreError(
                f"the search files in {folder} cannot be written ({error.strerror or error}); this step was not "
                "stored, what was stored before stays: free some space and run the command again"
            ) from error
        finally:
            if staging is not None:
                shutil.rmtree(staging, ignore_errors=True)

    def current(self) -> bool:
        """Whether there are whole search files of the last commit; those that were made here are not read again."""
        before = self._before()
        return before is not None and before.commit == self._database.committed()

    def make_again(self) -> None:
        """Make the search files of the last commit, whose own are missing, behind or damaged.

        Raises:
            StoreError: when they cannot be written; the database is untouched.
        """
        commit = self._database.committed()
        self.prepare(commit)
        self._note(commit)
        self.committed(commit)

    def committed(self, commit: Commit) -> None:
        """Take away the search files of other commits, and what interrupted writers left."""
        folder = self._database.folder
        for old in (*folder.glob(f"{PREFIX}*"), *folder.glob(f"{_STAGING}*")):
            if old.name != commit.folder:
                shutil.rmtree(old, ignore_errors=True)

    def _note(self, commit: Commit) -> None:
        """That the search files of a commit are behind no more, where that was noted."""
        database = self._database
        if searched(database) == commit:
            return
        with database.errors():
            cursor = database.connection.cursor()
            cursor.execute("BEGIN IMMEDIATE")
            try:
                catch_up(cursor, commit)
                database.commit()
            except BaseException:
                if database.connection.in_transaction:
                    cursor.execute("ROLLBACK")
                raise

    def withdraw(self, commit: Commit) -> None:
        """Take away the search files of a commit that was not made."""
        self._last = None
        shutil.rmtree(self._database.folder / commit.folder, ignore_errors=True)

    def _make(self, staging: Path, commit: Commit, *, more: bool) -> None:
        before = self._before()
        if before is None or not self._advance(staging, before, commit):
            self._build(staging, commit, exact=more)
        for path in (*staging.rglob("*"), staging):
            if not path.is_file() or path.stat().st_nlink == 1:  # the others are durable under their old names
                fsync(path)
        self._last = load(staging.parent, commit, before, own=staging)

    def _before(self) -> SearchFiles | None:
        """The search files of the last commit, or where it has none, of the last that has, if they are whole."""
        last = dict.fromkeys((self._database.committed(), searched(self._database)))
        if self._last is None or self._last.commit not in last:
            self._last = None
            for commit in last:
                with contextlib.suppress(StoreDamaged):
                    self._last = load(self._database.folder, commit)
                    break
        return self._last

    def _build(self, staging: Path, commit: Commit, *, exact: bool = False) -> None:
        """All of it, from the database."""
        (staging / LEXICAL).mkdir()
        search = _build(self._database, commit, staging / LEXICAL, exact=exact)
        (part,) = search.vectors
        search.vectors[part].write(staging / part)
        _write_manifest(staging, commit, [part], frozenset(), {})

    def _advance(self, staging: Path, before: SearchFiles, commit: Commit) -> bool:
        """What is new beside the files of the commit before; False when all should rather be written anew."""
        touched = self._database.touched(before.commit.change)
        added = [passage for passage, leads in touched if leads and passage not in before]
        removed = [passage for passage, leads in touched if not leads and passage in before]
        total = len(before) + len(added) - len(removed)
        first_part = next(iter(before.vectors.values()))
        first = len(first_part)
        if first > EXACT_LIMIT and first_part.exact:
            return False  # it was made while more was to come
        if total < self._merged_below or total - first + 2 * len(before.gone) + len(removed) > _TAIL * total:
            return False
        old = self._database.folder / before.commit.folder
        back = {passage for passage in added if passage in before.gone}
        gone = (before.gone | set(removed)) - back
        parts = list(before.vectors)
        fresh = [passage for passage in added if passage not in back]
        if len(parts) >= _PARTS:
            fresh = [passage for passage in self._database.leading_passages() if passage not in first_part]
            parts = parts[:1]
            gone = frozenset(passage for passage in gone if passage in first_part)
        for name in parts:
            _link(old / name, staging / name)
        if fresh:
            name = f"vectors-{commit.change}.faiss"
            self._part(fresh).write(staging / name)
            parts.append(name)
        shutil.copytree(old / LEXICAL, staging / LEXICAL, copy_function=_link, ignore=_locks)
        documents = ((row[0], row[1], row[2]) for row in self._database.searchable(added))
        LexicalIndex.changed(staging / LEXICAL, documents, removed)
        known = {
            name: seen.sha256
            for name, seen in before.seen.items()
            if (staging / name).exists() and (staging / name).stat().st_ino == seen.inode
        }
        _write_manifest(staging, commit, parts, gone, known)
        return True

    def _part(self, passages: list[int]) -> VectorIndex:
        """A vector file of some passages; always exact, since it is small."""
        vectors = _Vectors(self._database, passages, exact=True)
        for number, _, _, vector in self._database.searchable(passages):
            vectors.add(number, vector)
        return vectors.done()


class NoSearchFiles(Publisher):
    """Makes none: for a database that nobody asks."""

    def due(self) -> bool:
        """They are never made."""
        return True

    def prepare(self, commit: Commit, *, more: bool = False) -> None:
        """Nothing to make."""

    def current(self) -> bool:
        """Nothing is missing."""
        return True

    def committed(self, commit: Commit) -> None:
        """Nothing to take away."""

    def withdraw(self, commit: Commit) -> None:
        """Nothing to take away."""


def build_in_memory(database: Database) -> SearchFiles:
    """The search files of the last commit, for a folder that cannot be written; nothing is left on disk."""
    return _build(database, database.committed(), None)


def new_commit(change: int) -> Commit:
    """A commit of that number with a name of its own."""
    return Commit(change, secrets.token_hex(8))


def _build(database: Database, commit: Commit, lexical: Path | None, *, exact: bool = False) -> SearchFiles:
    passages = database.leading_passages()
    vectors = _Vectors(database, passages, exact=exact or len(passages) <= EXACT_LIMIT)

    def documents() -> Iterator[tuple[int, str, str]]:
        for number, title, text, vector in database.searchable(passages):
            vectors.add(number, vector)
            yield number, title, text

    words = LexicalIndex.build(documents(), lexical)
    return SearchFiles(commit, {f"vectors-{commit.change}.faiss": vectors.done()}, frozenset(), words)


class _Vectors:
    """Stored vectors on their way into a vector file, some thousands at a time."""

    def __init__(self, database: Database, passages: Sequence[int], *, exact: bool) -> None:
        self._dimension = database.encoder().dimension
        self._builder = VectorBuilder(self._dimension, len(passages), exact=exact)
        if self._builder.sample:
            drawn = passages[:: max(1, len(passages) // self._builder.sample)]
            self._builder.train(unit_rows(list(database.vectors(drawn).values()), self._dimension))
        self._ids: list[int] = []
        self._blobs: list[bytes] = []

    def add(self, number: int, vector: bytes) -> None:
        self._ids.append(number)
        self._blobs.append(vector)
        if len(self._ids) >= _TOGETHER:
            self._hand_over()

    def done(self) -> VectorIndex:
        self._hand_over()
        return self._builder.done()

    def _hand_over(self) -> None:
        import numpy as np

        self._builder.add(np.asarray(self._ids, dtype=np.int64), unit_rows(self._blobs, self._dimension))
        self._ids, self._blobs = [], []


def _write_manifest(
    staging: Path, commit: Commit, parts: list[str], gone: Iterable[int], known: dict[str, str]
) -> None:
    """Name every file with its SHA-256; those in `known` are not read for it."""
    files = {}
    for path in sorted(staging.rglob("*")):
        name = path.relative_to(staging).as_posix()
        if path.is_file() and not path.name.startswith("."):
            files[name] = known.get(name) or sha256_of(path)
    content = {"change": commit.change, "commit": commit.name, "vectors": parts, "gone": sorted(gone), "files": files}
    (staging / MANIFEST).write_text(json.dumps(content), "utf-8")


def _link(source: str | Path, target: str | Path) -> None:
    """The same file under another name, or a copy: of what Tantivy writes to, and where there are no such links."""
    if Path(source).name in {"meta.json", ".managed.json"}:
        shutil.copyfile(source, target)
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _locks(_: str, names: list[str]) -> list[str]:
    return [name for name in names if name.endswith(".lock")]
