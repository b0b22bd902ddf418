"""RSS and Atom feeds, an article for each entry (by feedparser)."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, Any

from index.formats import base
from index.formats.base import is_address, need
from index.formats.markup import plain_text
from index.formats.text import extracted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from index.formats.base import Origin, Reading
    from index.types import Skipped, Source

__all__ = ["read_feed"]


def read_feed(file: IO[bytes], origin: Origin, reading: Reading) -> Iterator[Source | Skipped]:
    """Read the entries of a feed: what it gives of each article, in full or in short."""
    feedparser = need("feedparser", extra="feeds", kind="feed")
    # Not the bytes themselves: where they are the name of a file, feedparser would open that.
    feed = feedparser.parse(io.BytesIO(base.read_whole(file)), resolve_relative_uris=False)
    if not feed.entries:
        yield origin.skipped("no RSS or Atom feed with an entry in it" if not feed.version else "the feed has no entry")
        return
    for entry in feed.entries:
        if not reading.begin():
            continue
        link = entry.get("link")
        title = plain_text(entry.get("title", ""))
        yield extracted(
            origin,
            _text(entry),
            nothing=f"the entry {title[:80]!r} has no text",
            url=link if is_address(link) else None,
            title=title,
            author=entry.get("author"),
            published=entry.get("published") or entry.get("updated"),
        )


def _text(entry: Any) -> str:
    """The longest that an entry gives."""
    given = [each.get("value", "") for each in entry.get("content", [])] + [entry.get("summary", "")]
    return max((plain_text(each) for each in given), key=len)
