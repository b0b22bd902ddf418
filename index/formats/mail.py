"""Mails (.eml): subject, sender, date and text; what is attached is read by its suffix, as in an archive."""

from __future__ import annotations

import email
import email.policy
import io
import re
from email.message import EmailMessage
from itertools import pairwise
from typing import IO, TYPE_CHECKING, Any

from index.formats import base
from index.formats.markup import plain_text
from index.formats.text import decode, extracted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from index.formats.base import Origin, Reading
    from index.types import Skipped, Source

__all__ = ["read_mail", "unwrapped"]

_WIDEST = 80
_FULL = 50
"""A line of a mail's text that is wrapped has between so many characters."""


def read_mail(file: IO[bytes], origin: Origin, reading: Reading) -> Iterator[Source | Skipped]:
    """Read a mail and its attachments."""
    message = email.message_from_bytes(base.read_whole(file), policy=email.policy.default)
    if not isinstance(message, EmailMessage) or not message.keys():
        yield origin.skipped("no mail: it has no header")
        return
    if reading.begin():
        body = message.get_body(preferencelist=("plain", "html"))
        yield extracted(
            origin,
            "" if body is None else _text(body),
            nothing="the mail has no text",
            title=_header(message, "subject"),
            author=_sender(message),
            published=_header(message, "date"),
        )
    if reading.depth >= base.MAX_DEPTH:
        return
    for part in message.iter_attachments():
        name = part.get_filename()
        if name:
            reading.member()
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                yield from reading.read(name, io.BytesIO(content), origin.inside(name), reading)


def unwrapped(text: str, *, flowed: bool = False) -> str:
    r"""A mail's text with the lines of a paragraph joined, as a mail program shows it.

    Args:
        text: lines of up to 80 characters; where one is longer, lines are paragraphs already, and stay.
        flowed: whether a line that goes on ends with a space (RFC 3676).

    >>> unwrapped("The strike at the port of Gdansk ends on Monday, the\nunion said.\n\nTalks went on.\n")
    'The strike at the port of Gdansk ends on Monday, the union said.\n\nTalks went on.'
    """
    blocks = [block.split("\n") for block in re.split(r"\n[ \t]*\n+", text.replace("\r\n", "\n").strip())]
    return "\n\n".join(_joined(block, flowed=flowed) for block in blocks)


def _joined(lines: Sequence[str], *, flowed: bool) -> str:
    if not flowed and any(len(line) > _WIDEST for line in lines):
        return "\n".join(lines)
    out = lines[0]
    for before, line in pairwise(lines):
        goes_on = before.endswith(" ") and before != "-- " if flowed else len(before) >= _FULL
        quoted = line.lstrip().startswith((">", "*", "-", "•"))
        out = f"{out.rstrip()} {line.strip()}" if goes_on and not quoted else f"{out}\n{line}"
    return out


def _text(body: Any) -> str:
    try:
        content = body.get_content()
    except (LookupError, UnicodeError):  # an encoding that does not exist
        content = decode(body.get_payload(decode=True))[0]
    if body.get_content_subtype() == "html":
        return plain_text(content)
    return unwrapped(content, flowed=str(body.get_param("format", "")).lower() == "flowed")


def _sender(message: EmailMessage) -> str | None:
    """The names of who sent it; their addresses where they have none."""
    try:
        addresses = message["from"].addresses
    except (ValueError, IndexError, AttributeError, TypeError):
        return _header(message, "from")
    return ", ".join(each.display_name or each.addr_spec for each in addresses) or None


def _header(message: EmailMessage, name: str) -> str | None:
    try:
        value = message[name]
    except (ValueError, IndexError, AttributeError, TypeError):  # the parser of headers trips over some
        return None
    return None if value is None else " ".join(str(value).split())
