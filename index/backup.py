"""Consistent copies of an index while it is asked and written to, made with SQLite's online backup."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index.check import check_facts
from index.errors import StoreDamaged, StoreError, first_line
from index.files import fsync
from index.store.database import DATABASE, Database
from index.store.search import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from index.store.search import Commit

__all__ = ["BackupReport", "back_up", "snapshot"]

_PAGES = 2_500
"""Pages of 4 kB copied at once; in between, a writer may commit."""
_RESTARTS = 3
"""How often commits may make the copying begin anew; then all is copied at once, and a commit waits for it."""
_PATIENCE = 120.0
"""Seconds that a commit under way is waited for."""
_OWN = {DATABASE, "writer.lock", "writer.json"}
_WRITTEN_TO = {"-journal", "-wal", "-shm", ".lock", ".part", ".tmp"}


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What was copied.

    Attributes:
        path: the folder of the copy, an index like any other.
        change: the number of the change that it is of.
        articles: how many it holds.
        search_files: whether the search files were copied too; if not, they are made again when the copy is opened.
        bytes: the size of the copy on disk.
        seconds: wall time.
    """

    path: str
    change: int
    articles: int
    search_files: bool
    bytes: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values, the field names as keys."""
        return {name: getattr(self, name) for name in self.__slots__}


def back_up(folder: Path, dest: Path) -> BackupReport:
    """Copy a whole index as of one change, whatever is written meanwhile.

    All is copied to a folder beside `dest`, verified, made durable, and only then called `dest`. What is copied: the
    database, its search files if they are of the same change, and the other files of the index folder, as a
    calibration. Rows are not looked at one by one: `index.check` does that, on the copy as on any index.

    Args:
        folder: the index folder.
        dest: where the copy goes: a folder that is not there, or is empty, and not inside of `folder`.

    Raises:
        StoreNotFound, StoreVersionMismatch: as `Database.open`.
        StoreDamaged: when the database is damaged; nothing is kept of the copy.
        StoreError: when `dest` cannot be used or written to, as on a full disk; nothing is kept of the copy.
    """
    started = time.perf_counter()
    database = Database.open(folder)
    staging: Path | None = None
    try:
        target = _target(folder, dest)
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        staging.chmod(stat.S_IMODE(folder.stat().st_mode))
        copy_database(database, staging / DATABASE)
        commit, articles = _verified(staging, folder)
        searched = _copy_search_files(folder, staging, commit)
        _copy_others(folder, staging)
        for path in (*staging.rglob("*"), staging):
            fsync(path)
        size = sum(path.stat().st_size for path in staging.rglob("*") if path.is_file())
        if target.exists():
            target.rmdir()  # empty, as was seen above
        staging.rename(target)
        fsync(target.parent)
    except OSError as error:
        raise _not_written(dest, error) from error
    finally:
        database.close()
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
    return BackupReport(str(target), commit.change, articles, searched, size, time.perf_counter() - started)


@contextlib.contextmanager
def snapshot(folder: Path, *, beside: Path | None = None) -> Iterator[Database]:
    """An index's database as of one change, for as long as it is needed: a copy that nobody writes to.

    Args:
        folder: the index folder.
        beside: the folder in which the copy is made for that time; the system's for temporary files when None.

    Raises:
        StoreNotFound, StoreVersionMismatch, StoreDamaged: as `Database.open`.
        StoreError: when there is no room for the copy.
    """
    database = Database.open(folder)
    try:
        try:
            temporary = tempfile.TemporaryDirectory(prefix=".citewell-", dir=beside, ignore_cleanup_errors=True)
        except OSError as error:
            raise _not_written(beside or Path(tempfile.gettempdir()), error) from error
        with temporary as name:
            copy_database(database, Path(name) / DATABASE)
            copy = Database.open(Path(name))
            try:
                yield copy
            finally:
                copy.close()
    finally:
        database.close()


def copy_database(database: Database, target: Path) -> None:
    """Copy the database file as of one change, whatever is written meanwhile; the copy is not made durable.

    Commits wait for milliseconds; only when there are so many that the copying never ends they wait until it has.

    Args:
        database: what is copied.
        target: the file to write; it must not be there.

    Raises:
        StoreDamaged: when SQLite cannot read the database.
        StoreError: when the copy cannot be written, or a writer holds the database for minutes.
    """
    watched = _Progress(target)
    try:
        copy = sqlite3.connect(target, isolation_level=None)
        try:
            copy.execute("PRAGMA synchronous = OFF")
            try:
                database.connection.backup(copy, pages=_PAGES, progress=watched.step, sleep=0.005)
            except _BeganAnew:
                database.connection.backup(copy, pages=-1, progress=watched.wait, sleep=0.05)
        finally:
            copy.close()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise _damaged(database.folder, str(error)) from error
        raise _not_written(target.parent, error) from error


class _BeganAnew(Exception):
    """So many commits came that the copy does not get ahead of them."""


class _Progress:
    """Watches a copy under way: how often it had to begin anew, and how long it waits for a commit."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._remaining: int | None = None
        self._restarts = 0
        self._since: float | None = None

    def step(self, status: int, remaining: int, total: int) -> None:
        """After each part. SQLite begins anew by itself when another process has committed meanwhile."""
        self.wait(status, remaining, total)
        if status != sqlite3.SQLITE_OK:
            return
        if self._remaining is not None and remaining >= self._remaining:
            self._restarts += 1
            if self._restarts >= _RESTARTS:
                raise _BeganAnew
        self._remaining = remaining

    def wait(self, status: int, _remaining: int, _total: int) -> None:
        """Give up when a commit takes minutes: SQLite would wait for ever."""
        if status not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            self._since = None
            return
        self._since = self._since or time.monotonic()
        if time.monotonic() - self._since > _PATIENCE:
            raise StoreError(f"the index was being written to for {_PATIENCE:.0f} s and could not be copied; try later")


def _target(folder: Path, dest: Path) -> Path:
    """The folder of the copy, where it may be made."""
    target, source = dest.expanduser().resolve(), folder.resolve()
    if target == source or target.is_relative_to(source):
        raise StoreError(f"{dest} lies in the index folder {folder} itself; name a folder outside of it for the copy")
    if target.exists() and not target.is_dir():
        raise StoreError(f"{dest} is a file; expected a folder for the copy that is not there yet, or is empty")
    if target.exists() and any(target.iterdir()):
        raise StoreError(f"{dest} is not empty; expected a folder for the copy that is not there yet, or is empty")
    return target


def _verified(copy: Path, source: Path) -> tuple[Commit, int]:
    """The commit that a copy is of, and how many articles it holds.

    Raises:
        StoreDamaged: when it is not whole: what it was copied from is not.
    """
    database = Database.open(copy)
    try:
        found = [str(row[0]) for row in database.rows("PRAGMA integrity_check(1)")]
        if found != ["ok"]:
            raise _damaged(source, found[0])
        check_facts(database)
        return database.committed(), database.counts()["articles"]
    finally:
        database.close()


def _copy_search_files(source: Path, target: Path, commit: Commit) -> bool:
    """Copy the search files of a commit; False when they are gone, or not as they were written."""
    own, copy = source / commit.folder, target / commit.folder
    try:
        for path in sorted(own.rglob("*")):
            if path.is_file() and path.suffix not in _WRITTEN_TO:
                place = copy / path.relative_to(own)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)
        load(target, commit)
    except (FileNotFoundError, StoreDamaged):  # a writer has committed since, and taken them away
        shutil.rmtree(copy, ignore_errors=True)
        return False
    return True


def _copy_others(source: Path, target: Path) -> None:
    """Copy what else the index folder holds: files that citewell keeps with an index, each replaced as a whole."""
    for path in source.iterdir():
        passing = path.name.startswith(".") or any(path.name.endswith(each) for each in _WRITTEN_TO)
        if path.is_file() and path.name not in _OWN and not passing:
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(path, target / path.name)


def _damaged(folder: Path, found: str) -> StoreDamaged:
    return StoreDamaged(
        f"the index in {folder} is damaged ({found}); expected one that SQLite finds whole, and nothing was copied: "
        "run `citewell check`"
    )


def _not_written(place: Path, error: Exception) -> StoreError:
    reason = getattr(error, "strerror", None) or first_line(error)
    return StoreError(
        f"the copy at {place} cannot be made ({reason}), and nothing is left of it; free some space, or name another "
        "place for it"
    )
