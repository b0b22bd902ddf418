"""What `citewell index -` reads: kept as a file, so that it can be cited, and is found again by the next run."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import IO, TYPE_CHECKING

from index.errors import ArticlesError, CitewellError
from index.files import fsync

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["keep", "suffix_of"]

_MOST = 2_000_000_000
_PIECE = 1 << 20
_LOOKED_AT = 4096
_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", ".pdf"),
    (b"WARC/", ".warc"),
    (b"PK\x03\x04", ".zip"),
    (b"\x1f\x8b", ".tar.gz"),
)


def keep(file: IO[bytes], folder: Path) -> Path:
    """Write what a file gives to one in `folder` that is named by its content, and return that.

    Raises:
        ArticlesError: when there is nothing, or too much.
        CitewellError: when it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".{secrets.token_hex(8)}"
        digest = hashlib.blake2b(digest_size=8)
        size, head = 0, b""
        try:
            with part.open("xb") as out:
                while piece := file.read(_PIECE):
                    size += len(piece)
                    if size > _MOST:
                        raise ArticlesError(f"more than {_MOST:,} bytes came on standard input; write them to a file")
                    head = head or piece[:_LOOKED_AT]
                    digest.update(piece)
                    out.write(piece)
            if not size:
                raise ArticlesError("nothing came on standard input; expected the text of articles")
            fsync(part)
            target = folder / f"{digest.hexdigest()}{suffix_of(head)}"
            part.replace(target)
            fsync(folder)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise CitewellError(f"{folder} cannot be written to ({error.strerror or error}); set CITEWELL_HOME") from error
    return target


def suffix_of(head: bytes) -> str:
    """The suffix of the format that a file has which begins like this.

    >>> suffix_of(b'{"text": "One."}'), suffix_of(b"<!DOCTYPE html>"), suffix_of(b"Rates rose.")
    ('.jsonl', '.html', '.txt')
    """
    for beginning, suffix in _BEGINNINGS:
        if head.startswith(beginning):
            return suffix
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"{"):
        return ".jsonl" if re.match(rb'\{\s*"[^\n]*\}\s*(\n|$)', start) or b"\n" not in start else ".json"
    if start.startswith(b"[") and start[1:].lstrip().startswith(b"{"):
        return ".json"
    if re.match(rb"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(rss|feed|rdf:RDF)\b", start, re.DOTALL):
        return ".xml"
    page = re.match(rb"(<\?xml[^>]*>\s*)?<(!doctype\s+html|html|head|body|!--)", start, re.IGNORECASE)
    return ".txt" if page is None else ".html"
