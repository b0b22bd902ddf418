"""Files of records, an article each: JSON Lines, JSON and CSV.

A record has a text and, each optional, a URL, a title, a date and an author. They are looked for under their usual
names, or under those that `fields` gives; "a.b" is the field b of the object at a.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from typing import IO, TYPE_CHECKING, Any

from index.formats import base
from index.formats.text import check_text, decode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from index.formats.base import Origin, Reading
    from index.types import Skipped, Source

__all__ = ["read_csv", "read_json", "read_json_lines"]

_USUAL = {
    "text": ("text", "body", "content", "article", "articleBody", "article_body", "maintext", "full_text", "story"),
    "title": ("title", "headline", "head"),
    "url": ("url", "link", "source_url", "web_url", "canonical_url"),
    "published": (
        "published",
        "date",
        "published_at",
        "publishedAt",
        "datePublished",
        "date_publish",
        "publish_date",
        "pubDate",
        "pub_date",
    ),
    "author": ("author", "authors", "byline", "creator"),
}
_LISTS = ("articles", "items", "results", "records", "data", "docs", "documents", "hits", "entries")
_SPACE = re.compile(r"[ \t\n\r]*")
_DELIMITERS = ",;\t|"


def read_json_lines(file: IO[bytes], origin: Origin, reading: Reading) -> Iterator[Source | Skipped]:
    """Read a JSON object a line. A bad line is left out with its number, and the next one is read."""
    number = 0
    empty = True
    while line := file.readline(base.MAX_TEXT_BYTES + 1):
        number += 1
        if len(line) > base.MAX_TEXT_BYTES:
            while line and not line.endswith(b"\n"):
                line = file.readline(base.MAX_TEXT_BYTES)
            yield origin.skipped(f"the line is longer than {base.MAX_TEXT_BYTES:,} bytes", line=number)
        elif line.strip() not in (b"", codecs.BOM_UTF8):
            if reading.begin():
                yield _line(line, number, origin, reading.fields)
        else:
            continue
        empty = False
    if empty:
        yield origin.skipped("empty: there is no record in it")


def read_json(file: IO[bytes], origin: Origin, reading: Reading) -> Iterator[Source | Skipped]:
    """Read a JSON file: a list of objects, an object with such a list in it, or one object."""
    text, _ = decode(base.read_whole(file))
    start = _SPACE.match(text)
    at = start.end() if start is not None else 0
    if not text[at:]:
        yield origin.skipped("empty: there is no record in it")
        return
    if text[at] == "[":
        yield from _elements(text, at + 1, origin, reading)
        return
    value = json.loads(text)
    found = value
    if isinstance(value, dict):
        found = next((value[name] for name in _LISTS if _is_list_of_objects(value.get(name))), value)
    for record in found if isinstance(found, list) else [found]:
        if reading.begin():
            yield _record(record, origin, reading.fields, "the file", None)


def read_csv(file: IO[bytes], origin: Origin, reading: Reading) -> Iterator[Source | Skipped]:
    """Read a table whose first line names its columns; they may stand apart by comma, semicolon, tab or bar."""
    text, _ = decode(base.read_whole(file))
    header, _, _ = text.lstrip().partition("\n")
    delimiter = max(_DELIMITERS, key=header.count)
    before = csv.field_size_limit(base.MAX_TEXT_BYTES)
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        names: list[str] | None = None
        line = 0
        for row in rows:
            begins, line = line + 1, rows.line_num
            if not any(cell.strip() for cell in row):
                continue
            if names is None:
                names = [name.strip() for name in row]
            elif reading.begin():
                yield _record(dict(zip(names, row, strict=False)), origin, reading.fields, "the row", begins)
    except csv.Error as error:
        yield origin.skipped(f"the table breaks off: {error}", line=line + 1)
    finally:
        csv.field_size_limit(before)
    if names is None:
        yield origin.skipped("empty: there is no row in it")


def _elements(text: str, at: int, origin: Origin, reading: Reading) -> Iterator[Source | Skipped]:
    """The elements of a list, each decoded on its own: the objects of a large file need not all be there at once."""
    decoder = json.JSONDecoder()
    line, counted = 1, 0
    empty = True
    while True:
        at = _skip_space(text, at)
        if text[at : at + 1] == "]":
            break
        value, end = decoder.raw_decode(text, at)
        empty = False
        line, counted = line + text.count("\n", counted, at), at
        if reading.begin():
            yield _record(value, origin, reading.fields, "the element", line)
        at = _skip_space(text, end)
        if text[at : at + 1] == ",":
            at += 1
        elif text[at : at + 1] != "]":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
    if empty:
        yield origin.skipped("empty: there is no record in it")


def _skip_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match is not None else at


def _is_list_of_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _line(line: bytes, number: int, origin: Origin, fields: Mapping[str, str]) -> Source | Skipped:
    cut = not line.endswith(b"\n")
    try:
        record = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError:
        return origin.skipped("the line is not UTF-8", line=number, unfinished=cut)
    except json.JSONDecodeError as error:
        reason = f"the line is not JSON: {error.msg} at column {error.colno}"
        return origin.skipped(reason, line=number, unfinished=cut)
    except RecursionError:
        return origin.skipped("the line is not a record: it is nested too deeply", line=number)
    except ValueError as error:  # an integer of thousands of digits
        return origin.skipped(f"the line is not JSON: {error}", line=number)
    return _record(record, origin, fields, "the line", number)


def _record(record: object, origin: Origin, fields: Mapping[str, str], what: str, line: int | None) -> Source | Skipped:
    try:
        if not isinstance(record, dict):
            raise ValueError(f"found a {type(record).__name__}; expected an object")  # noqa: TRY004
        text, url, title, published, author = (
            _field(record, name, fields.get(name)) for name in ("text", "url", "title", "published", "author")
        )
        if text is None:
            raise ValueError(_no_text(record, fields.get("text")))
    except ValueError as error:
        return origin.skipped(f"{what} is not a record: {error}", line=line)
    return origin.source(text, line=line, url=url, title=title, published=published, author=author)


def _no_text(record: dict[str, Any], named: str | None) -> str:
    if named is not None:
        return f'found no "{named}"; expected a string that is not blank'
    strings = [f'"{name[:40]}"' for name, value in record.items() if isinstance(value, str) and value.strip()]
    return (
        'found no "text" or the like; expected a string that is not blank: name its field with --field text=NAME '
        f"(the strings here: {', '.join(strings[:8]) or 'none'})"
    )


def _field(record: dict[str, Any], name: str, named: str | None) -> str | None:
    """What a record holds under a name; None when it is missing or blank.

    Raises:
        ValueError: when it is no string that can be stored. Under a name that is only usual, that is nothing.
    """
    if named is not None:
        return _string(_at(record, named), named)
    if record.get(name) is not None:
        return _string(record[name], name)
    for usual in _USUAL[name]:
        value = record.get(usual)
        if isinstance(value, list) and name == "author":
            value = _joined(value)
        if isinstance(value, str) and value.strip():
            return _string(value, usual)
    return None


def _at(record: dict[str, Any], named: str) -> object:
    if named in record:
        return record[named]
    value: object = record
    for part in named.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _string(value: object, name: str) -> str | None:
    if value is None:
        return None
    if isinstance(value, list) and (joined := _joined(value)) is not None:
        value = joined if name in _USUAL["author"] else value
    if not isinstance(value, str):
        raise ValueError(f'"{name}" is a {type(value).__name__}; expected a string')  # noqa: TRY004
    try:
        check_text(value)
    except ValueError as error:
        raise ValueError(f'"{name}" cannot be read: {error}') from error
    return value if value.strip() else None


def _joined(values: list[Any]) -> str | None:
    return ", ".join(values) if values and all(isinstance(each, str) for each in values) else None
