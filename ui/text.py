"""Text from outside, made safe to show: one character in, one character out."""

from __future__ import annotations

import html
import re
from pathlib import PurePath
from urllib.parse import urlsplit

__all__ = ["escape", "link", "outlet", "visible"]

# Characters that a page must not obey: C0 and C1 controls but tab and newline (a lone CR would also break lines),
# the bidirectional embeddings, overrides and isolates that can make a line read backwards ("Trojan Source",
# CVE-2021-42574), and lone surrogates, which cannot be sent as UTF-8 at all.
_UNRULY = re.compile("[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    r"""`text` with every control character shown as U+FFFD; the length, and so every offset, stays the same.

    >>> visible("a\x00b\u202ec\n")
    'a\ufffdb\ufffdc\n'
    """
    return _UNRULY.sub("\ufffd", text)


def escape(text: str) -> str:
    """`visible(text)` as HTML that holds no markup, fit for text and for double-quoted attributes.

    >>> escape('<b title="x">')
    '&lt;b title=&quot;x&quot;&gt;'
    """
    return html.escape(visible(text), quote=True)


def link(source: str) -> str | None:
    """`source` if it is an http or https address with a host, else None: the only addresses that become links.

    >>> link("https://example.org/a"), link("javascript:alert(1)"), link("seeds/a.txt")
    ('https://example.org/a', None, None)
    """
    if visible(source) != source or any(character.isspace() for character in source):
        return None
    try:
        parts = urlsplit(source)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        return None
    return source if usable else None


def outlet(source: str) -> str:
    """Who published it: the host of an address without its `www.`, else the name of the file.

    >>> outlet("https://www.example.org/news/1"), outlet("seeds/day.txt")
    ('example.org', 'day.txt')
    """
    address = link(source)
    if address is not None:
        return (urlsplit(address).hostname or "").removeprefix("www.")
    return PurePath(source.replace("\\", "/")).name or source
