"""Names under which the page can be reached: this machine's own, and those of a proxy before it."""

from __future__ import annotations

import ipaddress
import re

from index.errors import CitewellError

__all__ = ["LOOPBACK", "is_address", "is_loopback", "public_name"]

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

_MOST_CHARACTERS = 253
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_NAME = re.compile(rf"(?:{_LABEL}\.)*(?![0-9]+\Z){_LABEL}", re.ASCII)
_WITH_PORT = re.compile(r"(?P<name>[^:]+):[0-9]*")


def is_address(name: str) -> bool:
    """Whether a name is a literal IP address, without brackets."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server bound to `host`.

    >>> is_loopback("127.0.0.1"), is_loopback("[::1]"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    return is_address(name) and ipaddress.ip_address(name).is_loopback


def public_name(given: str) -> str:
    """The name of a host that `--allow-host` gives, as a browser sends it: in lower case, without a port.

    Args:
        given: a name such as `news.example.org`, or an IP address.

    Raises:
        CitewellError: it is no name: a URL, a name with a port, a pattern, or anything else.

    >>> public_name("News.Example.org"), public_name("[2001:DB8::0:1]")
    ('news.example.org', '2001:db8::1')
    """
    text = given.strip().lower()
    bare = text.removeprefix("[").removesuffix("]")
    if is_address(bare):
        return str(ipaddress.ip_address(bare))
    if _NAME.fullmatch(text) is not None and len(text) <= _MOST_CHARACTERS:
        return text
    raise CitewellError(f"--allow-host takes the name of a host, as in news.example.org; {_what_it_is(given, text)}")


def _what_it_is(given: str, text: str) -> str:
    """What stands there instead of a name, and what to do."""
    found = f"found {given[:_MOST_CHARACTERS]!r}"
    host = re.split(r"[/?#]", text.partition("://")[2] or text)[0].rpartition("@")[2]
    port = _WITH_PORT.fullmatch(host)
    name = port["name"] if port is not None else host
    instead = f". Use: --allow-host {name}" if _NAME.fullmatch(name) is not None else ""
    if "://" in text or "/" in text:
        return f"{found}, which is an address of a page{instead}"
    if "*" in text:
        return f"{found}, which is a pattern. Give each name by itself: the option can be repeated"
    if port is not None:
        return f"{found}, which has a port (a name is let in with any){instead}"
    if not text.isascii():
        return f"{found}. Give the name as it stands in the certificate, in ASCII: xn--..."
    return f"{found}, which is none"
