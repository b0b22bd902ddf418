"""Web archives (.warc, .warc.gz): the pages that were fetched, an article each (read by FastWARC)."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from index.formats import base, html
from index.formats.base import is_address, need

if TYPE_CHECKING:
    from collections.abc import Iterator

    from index.formats.base import Origin, Reading
    from index.types import Skipped, Source

__all__ = ["read_warc"]

_PAGES = ("text/html", "application/xhtml+xml")


def read_warc(file: IO[bytes], origin: Origin, reading: Reading) -> Iterator[Source | Skipped]:
    """Read the pages of a web archive that the server gave with status 200; pictures and the like are passed over."""
    warc = need("fastwarc.warc", extra="warc", kind="WARC")
    need("trafilatura", extra="warc", kind="WARC")
    records = warc.ArchiveIterator(_Forward(file), record_types=warc.WarcRecordType.response, parse_http=True)
    found = False
    for record in records:
        reading.member()
        if not record.is_http or record.http_headers is None or record.http_headers.status_code != 200:
            continue
        if (record.http_content_type or "").lower() not in _PAGES:
            continue
        found = True
        if reading.begin():
            yield _page(record, origin, reading)
    if not found:
        yield origin.skipped("there is no web page in it that was fetched with success")


class _Forward:
    """A file that can only be read on: what says that it could be, and then cannot, makes FastWARC panic."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._at = 0

    def read(self, count: int = -1) -> bytes:
        data = self._file.read(count)
        self._at += len(data)
        return data

    def tell(self) -> int:
        return self._at


def _page(record: Any, origin: Origin, reading: Reading) -> Source | Skipped:
    address = record.headers.get("WARC-Target-URI", "").strip("<> ")
    within = origin.inside(address) if address else origin
    data = record.reader.read(base.MAX_TEXT_BYTES + 1)
    reading.unpack(len(data))
    if len(data) > base.MAX_TEXT_BYTES:
        return within.skipped(f"longer than {base.MAX_TEXT_BYTES:,} bytes")
    try:
        return html.page(data, within, url=address if is_address(address) else None, charset=record.http_charset)
    except ValueError as error:
        return within.skipped(f"not readable as HTML: {error}")
