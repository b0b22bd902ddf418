"""Which stored files are no longer on disk, and whether all that is stored of them may be removed at once.

A disk that is not mounted looks as if somebody had deleted everything on it. So a removal is refused that takes away
all articles below a path that was named, or more than a fifth of them and more than ten. An article counts only when it
would be gone from the index: one that stands in another file as well, as after a move, does not.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from index.store.database import Database

__all__ = ["Missing", "is_gone", "same_file", "sort_missing", "stored_below"]

_SHARE = 0.2
_FEW = 10
_MANY = 500
"""Digests from which on the table of files, which has no index by digest, is read as a whole."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Stored files that are not on disk.

    Attributes:
        removable: those whose articles may go.
        kept: those whose articles stay.
        reason: why they stay, for a person, with what to do; None when none are kept.
    """

    removable: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    reason: str | None = None


def is_gone(path: str) -> bool:
    """Whether there is certainly no file at `path`: a folder that cannot be looked into says nothing of its files."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - for hundreds of thousands of paths
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return stat.S_ISDIR(mode)


def stored_below(database: Database, paths: Iterable[Path]) -> list[str]:
    """The stored files at `paths` and below them, in order."""
    found: set[str] = set()
    for path in paths:
        condition, values = _below(path)
        found.update(row[0] for row in database.rows(f"SELECT path FROM files WHERE {condition}", values))  # noqa: S608
    return sorted(found)


def same_file(database: Database, paths: Collection[Path]) -> list[str]:
    """Other stored files that are links to the same file as one of `paths` was when it was stored.

    Nobody is told of a change to those: what a link leads to has its events under its own name.
    """
    named = {str(path) for path in paths}
    found = database.rows_for("SELECT DISTINCT digest FROM files WHERE path IN (%s)", list(named))
    digests = {row[0] for row in found}
    if len(digests) < _MANY:
        rows = database.rows_for("SELECT path, digest FROM files WHERE digest IN (%s)", list(digests))
    else:
        rows = database.rows("SELECT path, digest FROM files")
    return sorted(path for path, digest in rows if digest in digests and path not in named and _is_link(path))


def sort_missing(database: Database, missing: Sequence[str], roots: Sequence[Path], *, yes_remove: bool) -> Missing:
    """Sort stored files that are not on disk by whether their articles may be removed.

    Args:
        database: the index, with what was found stored already.
        missing: files below `roots` for which `is_gone` holds.
        roots: the files and folders that were named. Where one of them is gone itself, all below it is kept.
        yes_remove: remove them however many they are.
    """
    if not missing:
        return Missing()
    lost = _lost_articles(database, missing)
    kept: dict[str, None] = {}
    reasons = []
    for root in roots:
        prefix = os.path.join(root, "")  # noqa: PTH118 - with a separator at its end
        below = [path for path in missing if path == str(root) or path.startswith(prefix)]
        reason = _reason_to_keep(database, root, below, sum(lost.get(path, 0) for path in below), yes_remove)
        if below and reason is not None:
            kept.update(dict.fromkeys(below))
            reasons.append(reason)
    removable = tuple(path for path in missing if path not in kept)
    return Missing(removable, tuple(kept), "; ".join(reasons) if reasons else None)


def _reason_to_keep(database: Database, root: Path, below: Sequence[str], lost: int, yes_remove: bool) -> str | None:
    if not os.path.exists(root):  # noqa: PTH110 - false where it may not be looked at, rather than an error
        return f"{root} is gone, and what is stored of it was kept; it is looked at again when it is back"
    if yes_remove or lost == 0:
        return None
    condition, values = _below(root)
    row = database.row(f"SELECT count(*) FROM articles JOIN files ON files.id = file WHERE {condition}", values)  # noqa: S608
    total = int(row[0]) if row is not None else 0
    if lost < total and (lost <= _FEW or lost <= _SHARE * total):
        return None
    return (
        f"{lost:,} of {total:,} articles below {root} would be removed at once, for their files are gone (the first: "
        f"{below[0]}), as when a disk is not mounted; they were kept: put the files back, or remove the articles with "
        "--yes-remove"
    )


def _lost_articles(database: Database, missing: Sequence[str]) -> dict[str, int]:
    """How many articles of each missing file stand in no file that is left."""
    gone = set(missing)
    stored = database.rows_for(
        "SELECT path, article_id FROM articles JOIN files ON files.id = file WHERE path IN (%s)", missing
    )
    places = database.rows_for(
        "SELECT article_id, path FROM articles JOIN files ON files.id = file WHERE article_id IN (%s)",
        list({article for _, article in stored}),
    )
    stay = {article for article, path in places if path not in gone}
    lost: dict[str, int] = {}
    for path, article in stored:
        if article not in stay:
            lost[path] = lost.get(path, 0) + 1
    return lost


def _below(path: Path) -> tuple[str, tuple[str, ...]]:
    """A condition on `files.path`, answered by its index, and its values."""
    prefix = os.path.join(path, "")  # noqa: PTH118
    return "path = ? OR (path > ? AND path < ?)", (str(path), prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1))


def _is_link(path: str) -> bool:
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISLNK(status.st_mode) or status.st_nlink > 1
