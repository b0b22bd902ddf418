"""The user's own files that came by way of the page: kept word for word in a folder beside the index."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import threading
import time
import unicodedata
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from index.articles import SUFFIXES
from index.errors import ArticlesError
from index.files import fsync

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MOST_FILES", "MOST_FILE_BYTES", "Incoming", "Uploads", "safe_name"]

MOST_FILE_BYTES = 20_000_000
"""The longest file that is taken in, in bytes."""
MOST_FILES = 50
"""Files that may be added at once, and that may wait to be."""
_WAITING = ".incoming"
_FORGOTTEN = 3600.0
"""Seconds after which a file that came and was never added goes again."""
_LONGEST_STEM = 80
_STRANGE = re.compile(r"[^\w .()+-]")
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)


def safe_name(name: str) -> str:
    r"""A name for a file of the same kind, in no other folder and never hidden.

    Raises:
        ArticlesError: when its ending is none of those that are read.

    >>> safe_name("../../etc/Année 1.TXT"), safe_name("C:\\news\\.a:b.txt")
    ('Année 1.txt', 'a_b.txt')
    """
    last = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1])
    suffix = max((each for each in SUFFIXES if last.lower().endswith(each)), key=len, default=None)
    if suffix is None:
        raise ArticlesError(f"{name[-100:]!r} is of a kind that is not read; expected one of {', '.join(SUFFIXES)}")
    stem = _STRANGE.sub("_", last[: -len(suffix)]).strip(" .")
    while len(stem) > _LONGEST_STEM or len(stem.encode()) > 2 * _LONGEST_STEM:
        stem = stem[:-1]
    stem = stem.strip(" .") or "article"
    return f"_{stem}{suffix}" if _DEVICES.fullmatch(stem) else f"{stem}{suffix}"


@dataclass(slots=True)
class Incoming:
    """A file on its way in.

    Attributes:
        token: by which it is named later.
        name: that it is to have.
        path: where it waits.
        file: what is written to; closed when it is whole.
        size: bytes so far.
        since: when it began, on the monotonic clock.
    """

    token: str
    name: str
    path: Path
    file: IO[bytes]
    size: int = 0
    since: float = 0.0


class Uploads:
    """A folder of files that came by way of the page.

    Args:
        folder: made when the first one comes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._waiting: dict[str, Incoming] = {}
        self._lock = threading.Lock()
        # What a server that was killed left behind; another one may be at work here.
        for path in (folder / _WAITING).glob("*"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _FORGOTTEN:
                    path.unlink()

    def begin(self, name: str) -> Incoming:
        """Take in a file of that name.

        Raises:
            ArticlesError: when its kind is not read, or too many files wait.
            OSError: when there is no place for it.
        """
        wanted = safe_name(name)
        with self._lock:
            for each in list(self._waiting.values()):
                if time.monotonic() - each.since > _FORGOTTEN:
                    self._drop(each)
            if len(self._waiting) >= MOST_FILES:
                raise ArticlesError(f"{MOST_FILES} files wait to be added; add them, or wait an hour, and try again")
            waiting = self.folder / _WAITING
            waiting.mkdir(parents=True, exist_ok=True)
            token = secrets.token_hex(16)
            path = waiting / token
            incoming = Incoming(token, wanted, path, path.open("xb"), since=time.monotonic())
            self._waiting[token] = incoming
            return incoming

    def write(self, incoming: Incoming, chunk: bytes) -> None:
        """Add bytes to a file.

        Raises:
            ArticlesError: when it becomes too long; nothing of it is kept.
            OSError: when the disk is full.
        """
        incoming.size += len(chunk)
        if incoming.size > MOST_FILE_BYTES:
            self.forget(incoming.token)
            raise ArticlesError(
                f"{incoming.name} is longer than {MOST_FILE_BYTES:,} bytes; split it into smaller files"
            )
        incoming.file.write(chunk)

    def finish(self, incoming: Incoming) -> str:
        """All of it is there; gives the token by which it is kept."""
        incoming.file.close()
        return incoming.token

    def forget(self, token: str) -> None:
        """Take away a file that waits, if it does."""
        with self._lock:
            if token in self._waiting:
                self._drop(self._waiting[token])

    def keep(self, token: str) -> tuple[Path, bool]:
        """Give a file that waits its name, and say whether it is new: the same bytes under that name are not.

        Another file of the same name keeps its own; this one then gets a number.

        Raises:
            ArticlesError: when no file of that token waits.
            OSError: when it cannot be written.
        """
        with self._lock:
            incoming = self._waiting.get(token)
            if incoming is None or not incoming.file.closed:
                raise ArticlesError("a file that was to be added is not there any more; choose it again")
            fsync(incoming.path)
            suffix = max((each for each in SUFFIXES if incoming.name.endswith(each)), key=len)
            stem, number = incoming.name[: -len(suffix)], 1
            while True:
                path = self.folder / (incoming.name if number == 1 else f"{stem}-{number}{suffix}")
                if _place(incoming.path, path):
                    fsync(self.folder)
                    self._drop(incoming)
                    return path, True
                if _same(incoming.path, path):
                    self._drop(incoming)
                    return path, False
                number += 1

    def discard(self, path: Path) -> None:
        """Take away a file of this folder, of which nothing is in the index; others stay where they are."""
        if path.parent == self.folder:
            path.unlink(missing_ok=True)

    def _drop(self, incoming: Incoming) -> None:
        self._waiting.pop(incoming.token, None)
        incoming.file.close()
        with contextlib.suppress(OSError):
            incoming.path.unlink(missing_ok=True)
            incoming.path.parent.rmdir()  # unless others wait


def _place(source: Path, target: Path) -> bool:
    """Give a whole file another name where none stands; False when one does."""
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    except OSError:  # a disk without such links
        if target.exists():
            return False
        part = source.with_suffix(".part")
        shutil.copyfile(source, part)
        fsync(part)
        part.rename(target)
    return True


def _same(left: Path, right: Path) -> bool:
    """Whether two files hold the same bytes."""
    if not right.is_file() or left.stat().st_size != right.stat().st_size:
        return False
    return _hash(left) == _hash(right)


def _hash(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
