"""Plain text: bytes -> characters, verbatim."""

from __future__ import annotations

import codecs
import re
from typing import IO, TYPE_CHECKING

from index.formats import base

if TYPE_CHECKING:
    from collections.abc import Iterator

    from index.formats.base import Origin, Reading
    from index.types import Skipped, Source

__all__ = ["check_text", "decode", "extracted", "read_text"]

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


def read_text(file: IO[bytes], origin: Origin, reading: Reading) -> Iterator[Source | Skipped]:
    """Read plain text or Markdown, as it stands: the marks of Markdown are characters like any other."""
    if not reading.begin():
        return
    data = base.read_whole(file, base.MAX_TEXT_BYTES)
    try:
        text, _ = decode(data)
    except ValueError as error:
        yield origin.skipped(f"not readable as text: {error}")
        return
    yield origin.source(text) if text.strip() else origin.skipped("empty: there is no text in it")


def extracted(origin: Origin, text: str, *, nothing: str, **facts: str | int | None) -> Source | Skipped:
    """A text that was taken out of a document, with what the document says of it.

    Args:
        origin: the document.
        text: its text.
        nothing: the reason to be given where the text is blank.
        facts: fields of `Source`; those that are blank, or cannot be stored, are taken as unknown.
    """
    if not text.strip():
        return origin.skipped(nothing)
    try:
        check_text(text)
    except ValueError as error:
        return origin.skipped(f"not readable as text: {error}")
    return origin.source(text, **{name: _storable(value) for name, value in facts.items()})


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
    check_text(text)
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
    check_text(text)
    return text


def check_text(text: str) -> None:
    """Raise ValueError, in words, when `text` cannot be stored or is no text."""
    if "\x00" in text:
        raise ValueError("it holds NUL characters, as programs and pictures do; expected text")
    if len(_CONTROL.findall(text)) > _CONTROL_SHARE * len(text):
        raise ValueError("too many of its characters are control codes; expected text")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"character {error.start} is half of a surrogate pair and cannot be stored") from error


def _storable(value: str | int | None) -> str | int | None:
    if not isinstance(value, str):
        return value
    try:
        check_text(value)
    except ValueError:
        return None
    return value.strip() or None
