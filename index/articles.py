"""Files and folders in, decoded texts out: one `Source` per text file, one per record of a JSON Lines file.

A file that cannot be used never stops the others: it comes back as a `Skipped` with the reason in plain words.
"""

from __future__ import annotations

import codecs
import gzip
import json
import os
import re
import sys
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING

from index.errors import ArticlesError
from index.types import Skipped, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_TEXT_BYTES", "SUFFIXES", "absolute", "decode", "find_changed", "find_files", "read_file"]

MAX_TEXT_BYTES = 20_000_000
"""The longest text file, and the longest line of a JSON Lines file, that is read, in bytes."""

SUFFIXES = (".txt", ".text", ".jsonl", ".jsonl.gz")
"""What is read from a folder; a file that is named itself may have any other suffix and is read as plain text."""

_NO_TEXT = "its name is not UTF-8 text; rename it"
_RECORD_SUFFIXES = (".jsonl", ".jsonl.gz")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f\x80-\x84\x86-\x9f]")
_CONTROL_SHARE = 0.02  # a form feed or a stray escape is text; more of them than this is a program or a picture
# UTF-32 first: its little-endian mark begins with the one of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def absolute(path: Path | str) -> Path:
    """The absolute path by which a file is known; ".." goes, and links keep the name that the user knows them by."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - which resolves links


def find_files(path: Path) -> Iterator[Path | Skipped]:
    """The files to read at `path`, as absolute paths: itself, or what lies in the folder and below, sorted by name.

    Hidden files and folders are left out without a word. A link to a file of the same folder gives that link, a link
    that leaves the folder is not followed, and a linked folder is never entered. `path` itself may be a link to
    anything. A name that is no text is left out with what is below it: it could be neither stored nor shown.

    Raises:
        ArticlesError: when there is nothing at `path`.
    """
    root = absolute(path)
    if not _exists(root):
        raise ArticlesError(
            f"found nothing at {_printable(root)}; expected a file ({', '.join(SUFFIXES)}) or a folder of such files; "
            "check the spelling, or name another path"
        )
    if not _is_text(root):
        yield Skipped(_printable(root), _NO_TEXT)
    elif root.is_dir():
        yield from _walk(root, root)
    else:
        yield root


def find_changed(path: Path, root: Path) -> Iterator[Path | Skipped]:
    """The part of what `find_files(root)` gives that is at `path` or below it; nothing where nothing is.

    Args:
        path: an absolute path, `root` or something below it.
        root: the file or folder that was named, as an absolute path.
    """
    if not _exists(path):
        return
    if path == root:
        yield from find_files(root)
        return
    inner = path.relative_to(root).parts
    between = [root.joinpath(*inner[:depth]) for depth in range(1, len(inner))]
    # os.path: a folder that may not be looked into is no link, and no error either
    if not any(part.startswith(".") for part in inner) and not any(map(os.path.islink, between)):
        yield from _walk(root, path)


def read_file(path: Path) -> Iterator[Source | Skipped]:
    """Read one file: JSON Lines by its suffix, anything else as one plain text. Never raises for a bad file.

    A record is a JSON object with `text` (a string that is not blank) and, each optional, the strings `url`, `title`
    and `published`; other keys are ignored. A bad line gives a `Skipped` with its number, and the next one is read.
    A file that cannot be read to its end, or whose last line is half a record, gives one that is `unfinished`.
    """
    path = absolute(path)
    name = _printable(path)
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            yield Skipped(name, "not a regular file")
        elif path.name.lower().endswith(_RECORD_SUFFIXES):
            yield from _read_records(path, name)
        else:
            yield _read_text(path, name)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        yield Skipped(name, f"cannot be read: {reason}", unfinished=True)


def decode(data: bytes) -> tuple[str, str]:
    r"""The text of `data` and the name of its encoding: by its byte order mark, else UTF-8, else as chardet finds.

    Every character is kept, line ends as they are; a byte order mark is not part of the text.

    Raises:
        ValueError: in words, when the bytes are no text.

    >>> decode(b"\xef\xbb\xbfna\xc3\xafve\r\n")
    ('naïve\r\n', 'utf-8')
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decode_as(data[len(mark) :], encoding), encoding
    if b"\x00" in data:
        raise ValueError("it holds NUL bytes, as programs and pictures do; expected text")
    try:
        text, encoding = data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        encoding = _detect(data)
        text = _decode_as(data, encoding)
    _check_text(text)
    return text, encoding


def _detect(data: bytes) -> str:
    import chardet
    from chardet import EncodingEra

    # Encodings of today first: over all of them it takes western text for rare Baltic ones.
    for era in (EncodingEra.MODERN_WEB, EncodingEra.ALL):
        found = chardet.detect(data, encoding_era=era, prefer_superset=True)["encoding"]
        if found is None:
            continue
        try:
            encoding = codecs.lookup(found).name
            data.decode(encoding)
        except (LookupError, UnicodeDecodeError):
            continue
        return encoding
    raise ValueError("its characters are in no encoding that was recognised; save it as UTF-8")


def _decode_as(data: bytes, encoding: str) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"it begins as {encoding} text, and byte {error.start} breaks it; save it as UTF-8") from error
    _check_text(text)
    return text


def _check_text(text: str) -> None:
    """Raise ValueError, in words, when `text` cannot be stored or is no text."""
    if "\x00" in text:
        raise ValueError("it holds NUL characters, as programs and pictures do; expected text")
    if len(_CONTROL.findall(text)) > _CONTROL_SHARE * len(text):
        raise ValueError("too many of its characters are control codes; expected text")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"character {error.start} is half of a surrogate pair and cannot be stored") from error


def _read_text(path: Path, name: str) -> Source | Skipped:
    with path.open("rb") as file:
        data = file.read(MAX_TEXT_BYTES + 1)  # not by the size of the file: it may grow meanwhile
    if len(data) > MAX_TEXT_BYTES:
        return Skipped(name, f"longer than {MAX_TEXT_BYTES:,} bytes; split it into smaller files")
    try:
        text, _ = decode(data)
    except ValueError as error:
        return Skipped(name, f"not readable as text: {error}")
    if not text.strip():
        return Skipped(name, "empty: there is no text in it")
    return Source(path=name, text=text)


def _read_records(path: Path, name: str) -> Iterator[Source | Skipped]:
    opened: IO[bytes] = gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb")  # type: ignore[assignment]  # noqa: SIM115
    number = 0
    empty = True
    with opened as file:
        while line := file.readline(MAX_TEXT_BYTES + 1):
            number += 1
            if len(line) > MAX_TEXT_BYTES:
                while line and not line.endswith(b"\n"):
                    line = file.readline(MAX_TEXT_BYTES)
                yield Skipped(name, f"the line is longer than {MAX_TEXT_BYTES:,} bytes", line=number)
            elif line.strip() not in (b"", codecs.BOM_UTF8):
                yield _record(line, name, number)
            else:
                continue
            empty = False
    if empty:
        yield Skipped(name, "empty: there is no record in it")


def _record(line: bytes, name: str, number: int) -> Source | Skipped:
    cut = not line.endswith(b"\n")
    try:
        record = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        url, title, published, text = (_field(record, key) for key in ("url", "title", "published", "text"))
    except UnicodeDecodeError:
        return Skipped(name, "the line is not UTF-8", line=number, unfinished=cut)
    except json.JSONDecodeError as error:
        reason = f"the line is not JSON: {error.msg} at column {error.colno}"
        return Skipped(name, reason, line=number, unfinished=cut)
    except RecursionError:
        return Skipped(name, "the line is not a record: it is nested too deeply", line=number)
    except ValueError as error:
        return Skipped(name, f"the line is not a record: {error}", line=number)
    if text is None:
        return Skipped(name, 'the line is not a record: found no "text"; expected a string that is not blank', number)
    return Source(path=name, text=text, line=number, url=url, title=title, published=published)


def _field(record: object, key: str) -> str | None:
    """The string at `key`, None when it is missing or blank; raises ValueError when it is no storable string."""
    if not isinstance(record, dict):
        raise ValueError(f"found a {type(record).__name__}; expected an object")  # noqa: TRY004
    value = record.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f'"{key}" is a {type(value).__name__}; expected a string')  # noqa: TRY004
    try:
        _check_text(value)
    except ValueError as error:
        raise ValueError(f'"{key}" cannot be read: {error}') from error
    return value if value.strip() else None


def _walk(root: Path, start: Path) -> Iterator[Path | Skipped]:
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
                yield Skipped(name, f"{found}; expected {', '.join(SUFFIXES)}")
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
