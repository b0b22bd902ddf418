"""Text from outside, made safe to show: one character in, one character out."""

from __future__ import annotations

import html

from rag.sources import link, outlet, visible

__all__ = ["escape", "link", "outlet", "visible"]


def escape(text: str) -> str:
    """`visible(text)` as HTML that holds no markup, fit for text and for double-quoted attributes.

    >>> escape('<b title="x">')
    '&lt;b title=&quot;x&quot;&gt;'
    """
    return html.escape(visible(text), quote=True)
