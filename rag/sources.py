"""Where an article comes from, for people: its address, its outlet, and a link to the very words."""

from __future__ import annotations

import re
from urllib.parse import quote

from index.outlet import outlet
from index.outlet import web_address as link

__all__ = ["link", "link_to_words", "outlet", "target_of", "visible"]

# Characters that a page must not obey: C0 and C1 controls but tab and newline (a lone CR would also break lines),
# the bidirectional embeddings, overrides and isolates that can make a line read backwards ("Trojan Source",
# CVE-2021-42574), and lone surrogates, which cannot be sent as UTF-8 at all.
_UNRULY = re.compile("[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

# What RFC 3986 lets stand in an address, but for the brackets, which have a meaning in Markdown too.
_IN_ADDRESSES = "%!#$&'()*+,/:;=?@-._~"
_WHOLE_WORDS = 15
"""Longer passages are named by their first and last words, which browsers look for in this order."""
_WORDS_OF_AN_END = 5


def visible(text: str) -> str:
    r"""`text` with every control character shown as U+FFFD; the length, and so every offset, stays the same.

    >>> visible("a\x00b\u202ec\n")
    'a\ufffdb\ufffdc\n'
    """
    return _UNRULY.sub("\ufffd", text)


def target_of(address: str) -> str:
    """An address (`link`) with all signs encoded but those of ASCII that RFC 3986 lets stand, the brackets too.

    >>> target_of('https://example.org/ä"><b>?q=[1]#b')
    'https://example.org/%C3%A4%22%3E%3Cb%3E?q=%5B1%5D#b'
    """
    return quote(address, safe=_IN_ADDRESSES, errors="replace")


def link_to_words(source: str, words: str) -> str | None:
    """The target of a link that opens a page at `words`, where the browser can do that: a text fragment.

    The words are percent-encoded to the last sign, so nothing in them ends the address or adds to it; long passages
    are named by their ends. See https://wicg.github.io/scroll-to-text-fragment/.

    Args:
        source: as in `Place`.
        words: what stands on the page; runs of white space count as one space, as browsers show them.

    Returns:
        As `target_of`; None when `source` is no address (`link`).

    >>> link_to_words("https://example.org/a", "Well, she said - yes.")
    'https://example.org/a#:~:text=Well%2C%20she%20said%20%2D%20yes.'
    """
    address = link(source)
    if address is None:
        return None
    parts = words.split()
    if len(parts) > _WHOLE_WORDS:
        text = f"{_fragment(parts[:_WORDS_OF_AN_END])},{_fragment(parts[-_WORDS_OF_AN_END:])}"
    else:
        text = _fragment(parts)
    base, _, own = target_of(address).partition("#")
    return f"{base}#{own.partition(':~:')[0]}:~:text={text}"


def _fragment(words: list[str]) -> str:
    # A dash, a comma and an ampersand separate the parts of a text fragment; `quote` leaves the dash.
    return quote(" ".join(words), safe="", errors="replace").replace("-", "%2D")
