"""Links that open a page at a quote and mark it there (URL Fragment Text Directives, WICG, "Text Fragments")."""

from __future__ import annotations

from urllib.parse import quote as percent_encoded

__all__ = ["text_fragment_url"]

_WHOLE_WORDS = 12
"""A quote of more words is named by its ends: a link stays short, and one word that changed does not break it."""
_END_WORDS = 5


def text_fragment_url(url: str, quote: str) -> str:
    """The address of a page with a directive to show and mark a quote in it.

    Args:
        url: an http or https address; a fragment of its own is kept.
        quote: words that stand in the page, in one block of it.

    Returns:
        The address with `#:~:text=...`; `url` itself where the quote has no words. All characters that mean something
        in a directive are percent-encoded.

    >>> text_fragment_url("https://example.org/a", "Well-known, it seems")
    'https://example.org/a#:~:text=Well%2Dknown%2C%20it%20seems'
    >>> text_fragment_url("https://example.org/a#top", " ".join("abcdefghijklm"))
    'https://example.org/a#top:~:text=a%20b%20c%20d%20e,i%20j%20k%20l%20m'
    """
    words = quote.split()
    if not words:
        return url
    ends = [words] if len(words) <= _WHOLE_WORDS else [words[:_END_WORDS], words[-_END_WORDS:]]
    directive = ",".join(_encoded(" ".join(each)) for each in ends)
    page = url.partition(":~:")[0]
    return f"{page}{'' if '#' in page else '#'}:~:text={directive}"


def _encoded(text: str) -> str:
    # A hyphen would make a prefix or a suffix of the words beside it, and is a character that `quote` never encodes.
    return percent_encoded(text.encode("utf-8", "replace"), safe="").replace("-", "%2D")
