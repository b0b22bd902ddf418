"""The articles of an index as JSON Lines, which `citewell index` reads again (`index.articles`).

One object a line: `article_id`, `title`, `url`, `published`, `published_from`, `author`, `place`, `agency`, `path`,
`part`, `line`, `start`, `end`, `text`.
`text` is the article as it stands in its source text, character for character; `start` and `end` are its place there,
in characters; `line` is the 1-based line of the file where it begins. An article that stands in several files is
exported at each of them. UTF-8, with the characters that end a line for some readers escaped.

All lines are of one state of the index. They are read from a copy of the database that is made first and takes as much
room: a reading that lasts would keep writers waiting, and what was printed cannot be taken back when they commit.
"""

from __future__ import annotations

import json
import re
import secrets
from typing import IO, TYPE_CHECKING, Any

from index.backup import snapshot
from index.dedupe import key
from index.errors import StoreDamaged, StoreError, first_line
from index.files import fsync
from index.store.rows import ARTICLE, article_of, checked_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from index.store.database import Database

__all__ = ["export_file", "export_lines"]

_PAGE = 200
"""Articles read at once."""
_UNSAFE = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def export_lines(folder: Path, file: IO[bytes], *, beside: Path | None = None) -> int:
    """Write the articles of an index to an open file, and return how many there are.

    Args:
        folder: the index folder.
        file: where the lines go.
        beside: as for `index.backup.snapshot`.

    Raises:
        StoreNotFound, StoreVersionMismatch: as `Database.open`.
        StoreDamaged: when an article is not as it was written; the lines before it are right.
        StoreError: when there is no room for the copy of the database.
        OSError: when `file` cannot be written.
    """
    count = 0
    with snapshot(folder, beside=beside) as database:
        for record in _records(database):
            line = json.dumps(record, ensure_ascii=False)
            file.write(_UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", line).encode("utf-8") + b"\n")
            count += 1
    return count


def export_file(folder: Path, out: Path) -> int:
    """Write the articles of an index to a file, which appears when it is whole, and return how many there are.

    Args:
        folder: the index folder.
        out: the file, replaced if it is there; `.jsonl` at its end lets `citewell index` read it again.

    Raises:
        StoreNotFound, StoreVersionMismatch, StoreDamaged: as `export_lines`; what is at `out` stays.
        StoreError: when it cannot be written, or would be a file of the index folder; what is at `out` stays.
    """
    target = out.expanduser().resolve()
    if target.is_relative_to(folder.resolve()):
        raise StoreError(f"{out} lies in the index folder {folder} itself; name a file outside of it")
    if target.exists() and not target.is_file():
        raise StoreError(f"{out} is no regular file; name one that is, or one that is not there yet")
    part = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
    try:
        with part.open("xb") as file:
            count = export_lines(folder, file, beside=target.parent)
        fsync(part)
        part.replace(target)
        fsync(target.parent)
    except OSError as error:
        raise StoreError(
            f"{out} cannot be written ({error.strerror or first_line(error)}); free some space, or name another file"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return count


def _records(database: Database) -> Iterator[dict[str, Any]]:
    last, number, text = 0, -1, ""
    while True:
        rows = database.rows(
            f"SELECT {ARTICLE}, articles.text FROM articles JOIN files ON files.id = file"  # noqa: S608
            " WHERE articles.id > ? ORDER BY articles.id LIMIT ?",
            (last, _PAGE),
        )
        if not rows:
            return
        for *row, text_number in rows:
            record = article_of(row)
            if text_number != number:  # the articles of a file share its text, and follow each other
                number, text = text_number, _text(database, text_number)
            start, end = record.extent.start, record.extent.end
            if end > len(text) or not _quoted_from(database, record.key, text):
                raise StoreDamaged(
                    f"the article {record.id!r} is not in the index as it was written; expected the text that its "
                    "sentences stand in: run `citewell check`"
                )
            yield {
                "article_id": record.id,
                "title": record.title,
                "url": record.url,
                "published": record.published,
                "published_from": record.published_from,
                "author": record.author,
                "place": record.place,
                "agency": record.agency,
                "path": record.path,
                "part": record.part,
                "line": row[10] if row[10] is not None else text.count("\n", 0, start) + 1,
                "start": start,
                "end": end,
                "text": record.extent.of(text),
            }
        last = rows[-1][0]


def _quoted_from(database: Database, article: int, text: str) -> bool:
    """Whether it is this text that an article's first sentence stands in."""
    row = database.row(
        "SELECT start, end, copy_key FROM sentences WHERE article = ? ORDER BY start LIMIT 1", (article,)
    )
    return row is None or key(text[row[0] : row[1]]) == row[2]


def _text(database: Database, number: int) -> str:
    text, known_by = database.row("SELECT text, digest FROM texts WHERE id = ?", (number,)) or ("", b"")
    return checked_text(text, known_by)
