"""Takes articles out of an index: those of an id, of a file, or of the files of a folder."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from index.articles import absolute
from index.errors import ArticlesError, StoreError
from index.store.database import Database
from index.store.local import describe
from index.store.writer import Writer, write_lock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from index.store.base import IndexInfo

__all__ = ["Removal", "RemoveReport", "find_removal", "remove_articles"]

_ID = re.compile(r"[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True)
class Removal:
    """What names stand for in an index.

    Attributes:
        keys: the store's numbers of the places where the articles stand, in order.
        articles: the ids of the articles, each once.
        files: the paths of their files, each once, sorted.
        change: the number of the last committed change when they were found.
    """

    keys: tuple[int, ...]
    articles: tuple[str, ...]
    files: tuple[str, ...]
    change: int


@dataclass(frozen=True, slots=True)
class RemoveReport:
    """What was removed.

    Attributes:
        articles_removed: places where an article stood: one that stands in two files counts twice.
        files: the paths of the files that they stood in.
        on_disk: those of the files that are still there: when one is read again, its articles come back.
        seconds: wall time.
        info: what the index holds now.
    """

    articles_removed: int
    files: tuple[str, ...]
    on_disk: tuple[str, ...]
    seconds: float
    info: IndexInfo


def find_removal(names: Sequence[str], folder: Path) -> Removal:
    """What would be removed; nothing is.

    Args:
        names: for each either an article's id (32 hexadecimal digits; all places where it stands are meant), or the
            path of a file that was indexed, or of a folder above such files. They need not be on the disk any more.
        folder: the index folder.

    Raises:
        ArticlesError: when one of the names is none of these.
        StoreNotFound, StoreVersionMismatch, StoreDamaged: as `Database.open`.
    """
    database = Database.open(folder)
    try:
        with database.reading():
            return _find(database, names)
    finally:
        database.close()


def remove_articles(removal: Removal, folder: Path) -> RemoveReport:
    """Remove what was found, all of it in one transaction or, on an error, nothing.

    Raises:
        StoreLocked: when another process is writing to the index.
        StoreError: when the index was changed since, or cannot be written to.
    """
    started = time.perf_counter()
    database = Database.open(folder)
    try:
        with write_lock(folder):
            if database.change() != removal.change:
                raise StoreError(
                    f"the index in {folder} was changed since the articles were looked up; nothing was removed: run "
                    "the command again"
                )
            written = Writer(database).remove_articles(removal.keys)
            return RemoveReport(
                articles_removed=written.articles_removed,
                files=removal.files,
                on_disk=tuple(path for path in removal.files if Path(path).exists()),
                seconds=time.perf_counter() - started,
                info=describe(database),
            )
    finally:
        database.close()


def _find(database: Database, names: Sequence[str]) -> Removal:
    found: dict[int, tuple[str, str]] = {}
    for name in names:
        rows = _by_id(database, name) or _by_path(database, name)
        if not rows:
            raise ArticlesError(
                f"the index in {database.folder} holds no article with the id {name!r}, and none of a file there; "
                "nothing was removed: expected 32 hexadecimal digits, or the path of an indexed file or a folder above"
            )
        found |= {key: (number, path) for key, number, path in rows}
    return Removal(
        keys=tuple(sorted(found)),
        articles=tuple(dict.fromkeys(found[key][0] for key in sorted(found))),
        files=tuple(sorted({path for _, path in found.values()})),
        change=database.change(),
    )


def _by_id(database: Database, name: str) -> list[tuple[int, str, str]]:
    if not _ID.fullmatch(name):
        return []
    return database.rows(
        "SELECT articles.id, article_id, path FROM articles JOIN files ON files.id = file WHERE article_id = ?",
        (name.lower(),),
    )


def _by_path(database: Database, name: str) -> list[tuple[int, str, str]]:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:  # no such path is stored
        return []
    if not name:
        return []
    path = str(absolute(Path(name).expanduser()))
    below = os.path.join(path, "")  # noqa: PTH118 - with a separator at its end
    # No LIKE: it takes capitals for small letters, and a path may hold its wildcards.
    return database.rows(
        "SELECT articles.id, article_id, path FROM articles JOIN files ON files.id = file"
        " WHERE path = ?1 OR substr(path, 1, length(?2)) = ?2",
        (path, below),
    )
