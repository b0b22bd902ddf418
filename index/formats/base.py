"""What the readers of all formats share: where a text comes from, and how much a file may unpack to."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any

from index.errors import MissingExtra
from index.types import Skipped, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from _typeshed import WriteableBuffer

__all__ = [
    "FIELDS",
    "MAX_DEPTH",
    "MAX_FILE_BYTES",
    "MAX_MEMBERS",
    "MAX_TEXT_BYTES",
    "Bomb",
    "Bounded",
    "Origin",
    "Reading",
    "TooMuch",
    "is_address",
    "need",
    "read_whole",
]

MAX_TEXT_BYTES = 20_000_000
"""The longest text file, and the longest line of a JSON Lines file, that is read, in bytes."""
MAX_FILE_BYTES = 60_000_000
"""The largest file that has to be in memory as a whole to be read (HTML, PDF, DOCX, JSON, CSV, a feed, mail)."""
MAX_DEPTH = 3
"""Archives within archives, attachments of mails included."""
MAX_MEMBERS = 100_000
"""Files of one archive, archives within it included."""
FIELDS = ("text", "title", "url", "published", "author")
"""What can be known of a record, and what `--field` maps."""

_UNPACKED_FREE = 32_000_000
_UNPACKED_RATIO = 100
"""A file may unpack to so many bytes, and so many times its own size on top; text packs to a third or a tenth."""


class TooMuch(ValueError):
    """A file holds, or unpacks to, more than is read."""


class Bomb(TooMuch):
    """An archive that is not to be read on, whichever of its members made it clear."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a text is read from.

    Attributes:
        path: the file on disk.
        part: the name of the member within it; None when the file is no archive.
    """

    path: str
    part: str | None = None

    def inside(self, name: str) -> Origin:
        """A member of this one; what a terminal would obey, or half a character, is not kept of its name."""
        clean = name.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")
        return replace(self, part=clean if self.part is None else f"{self.part}!{clean}")

    def skipped(self, reason: str, *, line: int | None = None, unfinished: bool = False) -> Skipped:
        """That this one was left out, and why."""
        return Skipped(self.path, reason if self.part is None else f"{self.part}: {reason}", line, unfinished)

    def source(self, text: str, **facts: Any) -> Source:
        """A text from here; the facts are fields of `Source`."""
        return Source(path=self.path, text=text, part=self.part, **facts)


@dataclass(slots=True)
class Reading:
    """One file being read: what its readers share.

    Attributes:
        read: reads a member, given its name, its bytes and its origin; by the suffix of the name.
        size: bytes of the file on disk.
        fields: which field of a record holds what, of `FIELDS`; those that are not named go by their usual names.
        resume: how many documents are passed over: a reader that had to be ended goes on behind the one that hung.
        on_begin: called before each document is parsed.
        depth: how deep in archives it is.
    """

    read: Callable[[str, IO[bytes], Origin, Reading], Iterator[Source | Skipped]]
    size: int
    fields: Mapping[str, str] = field(default_factory=dict)
    resume: int = 0
    on_begin: Callable[[], None] = lambda: None
    depth: int = 0
    begun: int = 0
    members: int = 0
    unpacked: int = 0

    def begin(self) -> bool:
        """Whether the next document is to be parsed."""
        self.begun += 1
        if self.begun <= self.resume:
            return False
        self.on_begin()
        return True

    def unpack(self, count: int) -> None:
        """Count bytes that came out of an archive.

        Raises:
            Bomb: when they are too many for a file of this size.
        """
        self.unpacked += count
        if self.unpacked > _UNPACKED_FREE + _UNPACKED_RATIO * self.size:
            raise Bomb(
                f"unpacks to more than {_UNPACKED_RATIO} times its size of {self.size:,} bytes, as archives do that "
                "are made to fill a disk; unpack it yourself and name the folder"
            )

    def member(self) -> None:
        """Count a file of an archive.

        Raises:
            Bomb: when there are too many.
        """
        self.members += 1
        if self.members > MAX_MEMBERS:
            raise Bomb(f"holds more than {MAX_MEMBERS:,} files; unpack it and name the folder")


class Bounded(io.RawIOBase):
    """The bytes of an archive's member, each counted by `Reading.unpack`."""

    def __init__(self, file: IO[bytes] | io.BufferedIOBase, reading: Reading) -> None:
        self._file = file
        self._reading = reading

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read some bytes; raises Bomb."""
        view = memoryview(buffer)
        data = self._file.read(len(view))
        self._reading.unpack(len(data))
        view[: len(data)] = data
        return len(data)


def read_whole(file: IO[bytes], limit: int = MAX_FILE_BYTES) -> bytes:
    """All bytes of a file.

    Raises:
        TooMuch: when there are more than `limit`.
    """
    data = file.read(limit + 1)  # not by the size of the file: it may grow meanwhile
    if len(data) > limit:
        raise TooMuch(f"longer than {limit:,} bytes; split it into smaller files")
    return data


def need(module: str, *, extra: str, kind: str) -> Any:
    """A module of an optional library.

    Raises:
        MissingExtra: when it is not installed, with the extra that brings it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        raise MissingExtra(
            f'{kind} files are read with {library}, which cannot be loaded; run `pip install "citewell[{extra}]"`'
        ) from error


def is_address(url: str | None) -> bool:
    """Whether a string is an absolute web address.

    >>> is_address("https://example.org/a"), is_address("/a"), is_address("javascript:alert(1)")
    (True, False, False)
    """
    return url is not None and url.lower().startswith(("http://", "https://")) and not any(map(str.isspace, url))
