"""Who published an article: the name by which its readers know the source, and by which questions are limited."""

from __future__ import annotations

from pathlib import PurePath
from urllib.parse import urlsplit

__all__ = ["outlet", "web_address"]

_LONGEST = 255


def web_address(source: str) -> str | None:
    """`source` if it is an http or https address with a host, else None: the only addresses that become links.

    >>> web_address("https://example.org/a"), web_address("javascript:alert(1)"), web_address("seeds/a.txt")
    ('https://example.org/a', None, None)
    """
    if not source.isprintable() or any(character.isspace() for character in source):
        return None
    try:
        parts = urlsplit(source)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        return None
    return source if usable else None


def outlet(source: str) -> str:
    r"""The host of an address without its `www.`, else the name of the file; at most 255 characters.

    What cannot be printed stands as U+FFFD: the name is shown, and comes back as it was shown.

    >>> outlet("https://www.example.org/news/1"), outlet("seeds/day.txt"), outlet("a\x1b.txt")
    ('example.org', 'day.txt', 'a�.txt')
    """
    address = web_address(source)
    if address is not None:
        name = (urlsplit(address).hostname or "").removeprefix("www.")
    else:
        name = PurePath(source.replace("\\", "/")).name or source
    return "".join(character if character.isprintable() else "\ufffd" for character in name[:_LONGEST])
