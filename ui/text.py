"""Text from outside, made safe to show: one character in, one character out."""

from __future__ import annotations

import html
import re

from index.outlet import outlet
from index.outlet import web_address as link

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
