"""Files and folders in, decoded texts out: one `Source` per document, as `index.formats.registry` reads it.

A file that cannot be used never stops the others: it comes back as a `Skipped` with the reason in plain words.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from index.errors import ArticlesError
from index.formats.registry import SUFFIXES, read
from index.formats.text import decode
from index.types import Skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from index.types import Source

__all__ = ["EVERYTHING", "SUFFIXES", "Patterns", "absolute", "decode", "find_changed", "find_files", "read_file"]

_EXPECTED = ", ".join(suffix for suffix in SUFFIXES if not suffix.endswith(".gz")) + ", or one of these packed as .gz"
_NO_TEXT = "its name is not UTF-8 text; rename it"


@dataclass(frozen=True, slots=True)
class Patterns:
    """Which files of a folder are read, by patterns as a shell has them: `*`, `?`, `[abc]`; `*` goes over `/` too.

    A pattern with a `/` in it is compared with the path below the folder, one without with each name of that path.
    Small and capital letters are different ones. A file that was named itself is read whatever the patterns are.

    Attributes:
        include: read only what fits one of these; all when there are none.
        exclude: and of that nothing that fits one of these.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def admits(self, inner: Path) -> bool:
        """Whether a file is read.

        >>> Patterns(exclude=("drafts",)).admits(Path("2024/drafts/a.txt"))
        False
        >>> Patterns(include=("2024/*.html",)).admits(Path("2024/may/a.html"))
        True
        """
        return (not self.include or _fits(inner, self.include)) and not _fits(inner, self.exclude)


EVERYTHING = Patterns()


def _fits(inner: Path, patterns: tuple[str, ...]) -> bool:
    whole = inner.as_posix()
    return any(
        fnmatchcase(whole, pattern.strip("/"))
        if "/" in pattern.strip("/")
        else any(fnmatchcase(part, pattern.strip("/")) for part in inner.parts)
        for pattern in patterns
    )


def absolute(path: Path | str) -> Path:
    """The absolute path by which a file is known; ".." goes, and links keep the name that the user knows them by."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - which resolves links


def find_files(path: Path, patterns: Patterns = EVERYTHING) -> Iterator[Path | Skipped]:
    """The files to read at `path`, as absolute paths: itself, or what lies in the folder and below, sorted by name.

    Hidden files and folders are left out without a word. A link to a file of the same folder gives that link, a link
    that leaves the folder is not followed, and a linked folder is never entered. `path` itself may be a link to
    anything. A name that is no text is left out with what is below it: it could be neither stored nor shown. What the
    patterns leave out of a folder is left out without a word.

    Raises:
        ArticlesError: when there is nothing at `path`.
    """
    root = absolute(path)
    if not _exists(root):
        raise ArticlesError(
            f"found nothing at {_printable(root)}; expected a file ({_EXPECTED}) or a folder of such files; "
            "check the spelling, or name another path"
        )
    if not _is_text(root):
        yield Skipped(_printable(root), _NO_TEXT)
    elif root.is_dir():
        yield from _walk(root, root, patterns)
    else:
        yield root


def find_changed(path: Path, root: Path, patterns: Patterns = EVERYTHING) -> Iterator[Path | Skipped]:
    """The part of what `find_files(root)` gives that is at `path` or below it; nothing where nothing is.

    Args:
        path: an absolute path, `root` or something below it.
        root: the file or folder that was named, as an absolute path.
        patterns: as for `find_files`.
    """
    if not _exists(path):
        return
    if path == root:
        yield from find_files(root, patterns)
        return
    inner = path.relative_to(root).parts
    between = [root.joinpath(*inner[:depth]) for depth in range(1, len(inner))]
    # os.path: a folder that may not be looked into is no link, and no error either
    if not any(part.startswith(".") for part in inner) and not any(map(os.path.islink, between)):
        yield from _walk(root, path, patterns)


def read_file(
    path: Path,
    fields: Mapping[str, str] | None = None,
    *,
    resume: int = 0,
    on_begin: Callable[[], None] | None = None,
) -> Iterator[Source | Skipped]:
    """Read one file by its suffix, anything else as one plain text. Never raises for a bad file.

    A record of a JSON Lines file that cannot be read gives a `Skipped` with its number, and the next one is read. A
    file that cannot be read to its end, or whose last line is half a record, gives one that is `unfinished`.

    Args:
        path: the file.
        fields: which field of a record holds what (`index.formats.base.FIELDS`), where it has an unusual name.
        resume: how many documents are passed over (`index.formats.base.Reading`).
        on_begin: called before each document is parsed.

    Raises:
        MemoryError: when it needs more than there is; nothing else.
    """
    path = absolute(path)
    return read(path, name=_printable(path), fields=fields, resume=resume, on_begin=on_begin)


def _walk(root: Path, start: Path, patterns: Patterns) -> Iterator[Path | Skipped]:
    """What is found at `start`, in the folder `root`, and below it."""
    inside = root.resolve()
    waiting = [start]  # a stack, not recursion: folders may be nested deeper than Python's
    while waiting:
        path = waiting.pop()
        name = _printable(path)
        try:
            if not _is_text(path):
                yield Skipped(name, _NO_TEXT)
                continue
            if path != root and not path.is_dir() and not patterns.admits(path.relative_to(root)):
                continue
            if path.is_symlink() and path != root:
                reason = _link_reason(path, inside)
                if reason is not None:
                    yield Skipped(name, reason)
                    continue
            if path.is_dir():
                entries = sorted(path.iterdir(), key=lambda entry: os.fsencode(entry.name), reverse=True)
                waiting.extend(entry for entry in entries if not entry.name.startswith("."))
            elif not path.is_file():
                yield Skipped(name, "not a regular file")
            elif path.name.lower().endswith(SUFFIXES):
                yield path
            else:
                found = f"unknown format {_printable(Path(path.suffix))}" if path.suffix else "no suffix"
                yield Skipped(name, f"{found}; expected {_EXPECTED}")
        except OSError as error:
            yield Skipped(name, f"cannot be read: {error.strerror or error}")


def _link_reason(path: Path, inside: Path) -> str | None:
    """Why the link at `path` is not followed; None when it is."""
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: a loop of links, before Python 3.13
        return "a link that leads nowhere"
    if not target.is_relative_to(inside):
        return "a link that leaves the folder"
    return "a link to a folder that is read at its own place" if target.is_dir() else None


def _exists(path: Path) -> bool:
    try:
        path.lstat()
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return False
    return True


def _is_text(path: Path) -> bool:
    """Whether the path can be stored: a name may be any bytes on Linux, and half a surrogate pair on Windows."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _printable(path: Path) -> str:
    r"""The path as text that can be stored: bytes of its name that are no UTF-8 stand as `\xff`."""
    return str(path).encode("utf-8", sys.getfilesystemencodeerrors()).decode("utf-8", "backslashreplace")
