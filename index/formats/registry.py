"""All formats by the suffix of a file's name, and the reading of one file whatever happens in it."""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tarfile import TarError
from typing import IO, TYPE_CHECKING
from zipfile import BadZipFile

from index.errors import MissingExtra, first_line
from index.formats import archives, docx, feeds, html, mail, pdf, records, text, warc
from index.formats.base import Bomb, Origin, Reading, TooMuch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from index.types import Skipped, Source

    Reader = Callable[[IO[bytes], Origin, Reading], Iterator[Source | Skipped]]

__all__ = ["SUFFIXES", "Format", "format_of", "libraries_of", "read"]


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file.

    Attributes:
        name: what it is called.
        suffixes: the ends of the names that its files have.
        reader: reads one.
        plain: whether reading it is no more than decoding: no parser that a hostile file could lead astray.
        single: whether it is one document, which is read within the time of one.
        records: whether it holds records with named fields.
        libraries: the modules that the reader loads when it is first used.
    """

    name: str
    suffixes: tuple[str, ...]
    reader: Reader
    plain: bool = False
    single: bool = False
    records: bool = False
    libraries: tuple[str, ...] = ()

    @property
    def lines(self) -> bool:
        """Whether it is plain, with a document in each line."""
        return self.plain and self.records


_HTML = ("trafilatura", "trafilatura.metadata")
_FORMATS = (
    Format("text", (".txt", ".text", ".md", ".markdown"), text.read_text, plain=True, single=True),
    Format("JSON Lines", (".jsonl", ".ndjson"), records.read_json_lines, plain=True, records=True),
    Format("JSON", (".json",), records.read_json, records=True),
    Format("CSV", (".csv", ".tsv"), records.read_csv, records=True),
    Format("HTML", (".html", ".htm", ".xhtml"), html.read_html, single=True, libraries=_HTML),
    Format("PDF", (".pdf",), pdf.read_pdf, single=True, libraries=("pypdfium2",)),
    Format("Word", (".docx",), docx.read_docx, single=True, libraries=("docx",)),
    Format("feed", (".rss", ".atom", ".xml"), feeds.read_feed, libraries=("feedparser",)),
    Format("WARC", (".warc",), warc.read_warc, libraries=("fastwarc.warc", *_HTML)),
    Format("mail", (".eml",), mail.read_mail),
    Format("ZIP", (".zip",), archives.read_zip),
    Format("TAR", (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz"), archives.read_tar),
)
_BY_SUFFIX = {suffix: each for each in _FORMATS for suffix in each.suffixes}
_HOLD_OTHERS = (archives.read_zip, archives.read_tar, mail.read_mail)
_LONGEST_FIRST = sorted(_BY_SUFFIX, key=len, reverse=True)
_TEXT = _FORMATS[0]
SUFFIXES = (*_BY_SUFFIX, *(f"{suffix}.gz" for each in _FORMATS[:-1] for suffix in each.suffixes))
"""What is read from a folder; a file that is named itself may have any other suffix and is read as plain text."""


def format_of(name: str) -> Format | None:
    """The format of a file by its name, packed with gzip or not; None when the name tells nothing.

    >>> format_of("News.HTML").name, format_of("a.jsonl.gz").name, format_of("b.tar.gz").name, format_of("README")
    ('HTML', 'JSON Lines', 'TAR', None)
    """
    lower = name.lower()
    for suffix in _LONGEST_FIRST:
        if lower.endswith((suffix, f"{suffix}.gz")):
            return _BY_SUFFIX[suffix]
    return None


def libraries_of(name: str) -> tuple[str, ...]:
    """The modules that reading a file may load when it is the first of its kind."""
    found = format_of(name)
    if found is None or found.reader not in _HOLD_OTHERS:
        return () if found is None else found.libraries
    return tuple(dict.fromkeys(library for each in _FORMATS for library in each.libraries))


def read(
    path: Path,
    *,
    name: str,
    fields: Mapping[str, str] | None = None,
    resume: int = 0,
    on_begin: Callable[[], None] | None = None,
) -> Iterator[Source | Skipped]:
    """Read one file by the suffix of its name; one that tells nothing is read as plain text.

    Args:
        path: the file.
        name: its path as it is to be stored.
        fields: as in `Reading`.
        resume: as in `Reading`.
        on_begin: as in `Reading`.

    Raises:
        MemoryError: when it needs more than there is; nothing else.
    """
    origin = Origin(name)
    try:
        # os.path: a file that may not be looked at is opened, and says why it cannot be
        if os.path.exists(path) and not os.path.isfile(path):  # noqa: PTH110, PTH113 - opening a pipe would wait for ever
            yield origin.skipped("not a regular file")
            return
        with path.open("rb") as file:
            reading = Reading(_member, os.fstat(file.fileno()).st_size, fields or {}, resume)
            if on_begin is not None:
                reading.on_begin = on_begin
            found = format_of(path.name)
            yield from _guarded(_TEXT if found is None else found, path.name, file, origin, reading)
    except OSError as error:
        yield origin.skipped(f"cannot be read: {_reason(error)}", unfinished=True)


def _member(name: str, file: IO[bytes], origin: Origin, reading: Reading) -> Iterator[Source | Skipped]:
    """Read a member of an archive, or what a .gz holds."""
    found = format_of(name)
    if found is None:
        suffix = Path(name).suffix
        yield origin.skipped(f"unknown format {suffix}" if suffix else "no suffix")
        return
    reading.depth += 1
    try:
        yield from _guarded(found, name, file, origin, reading)
    finally:
        reading.depth -= 1


def _guarded(found: Format, name: str, file: IO[bytes], origin: Origin, reading: Reading) -> Iterator[Source | Skipped]:
    """What a reader finds; what goes wrong in it is a reason to leave out the rest of the file, and so is nothing."""
    begun, silent = reading.begun, True
    packed = name.lower().endswith(".gz") and ".tar" not in found.suffixes
    reader = partial(archives.read_gzip, name) if packed else found.reader
    try:
        for each in reader(file, origin, reading):
            silent = False
            yield each
        if silent and reading.begun == begun:  # a document that is passed over is begun, too
            yield origin.skipped("empty: there is nothing in it that is an article, or holds one")
    except MemoryError:
        raise
    except Bomb as error:
        if reading.depth > 0:
            raise
        yield origin.skipped(str(error))
    except (TooMuch, MissingExtra) as error:
        yield origin.skipped(str(error))
    except (OSError, EOFError, zlib.error, BadZipFile, TarError) as error:
        yield origin.skipped(f"cannot be read: {_reason(error)}", unfinished=True)
    except BaseException as error:
        # What parsers make of damaged files is without limit; a panic of one that is written in Rust is no Exception.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        yield origin.skipped(f"not readable as {found.name}: {first_line(error)[:300]}")


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
