"""Requests and responses of ASGI, as the guard handles them: read within bounds, refused in words, closed in order."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

__all__ = ["FRAMING", "POLICY", "App", "Message", "Receive", "Refused", "Response", "Scope", "Send"]
__all__ += ["TOO_LONG", "counted", "headers_of", "read", "replay", "trusted"]

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-src 'none'; frame-ancestors 'none'"
)
"""Gradio compiles its components in the page, hence 'unsafe-eval'; everything else stays on this server."""

_HEADERS = (
    (b"content-security-policy", POLICY.encode("ascii")),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
# What a proxy may say, and Gradio would believe of anybody: it makes addresses of them, or follows them.
_UNTRUSTED = (
    frozenset({b"forwarded", b"x-gradio-server", b"x-direct-url", b"x-original-url", b"x-rewrite-url"})
    | {b"authorization"}  # read here, and of no use behind
)
FRAMING = frozenset({b"content-length", b"transfer-encoding"})
TOO_LONG = (413, "The request is too long.")


class Refused(Exception):
    """The request does not come in.

    Attributes:
        status: of HTTP.
        text: what is wrong.
        headers: more of them.
    """

    def __init__(self, status: int, text: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text
        self.headers = headers


class Response:
    """What goes out: with the policy on it, and closed in good order whatever happens."""

    def __init__(self, send: Send, *, as_json: bool) -> None:
        self._send = send
        self._as_json = as_json
        self._started = False
        self._ended = False
        self.more: tuple[tuple[bytes, bytes], ...] = ()

    async def send(self, message: Message) -> None:
        """Passes a message of the application on."""
        if message["type"] == "http.response.start":
            self._started = True
            message["headers"] = [*message.get("headers", ()), *_HEADERS, *self.more]
        elif message["type"] == "http.response.body":
            self._ended = not message.get("more_body", False)
        await self._send(message)

    async def whole(self, status: int, kind: bytes, body: bytes, *headers: tuple[bytes, bytes]) -> None:
        """A whole response, which nobody keeps."""
        length = (b"content-length", str(len(body)).encode())
        start = {
            "status": status,
            "headers": [(b"content-type", kind), length, (b"cache-control", b"no-store"), *headers],
        }
        await self.send({"type": "http.response.start", **start})
        await self.send({"type": "http.response.body", "body": body})

    async def json(self, value: dict[str, Any]) -> None:
        """A value."""
        await self.whole(200, b"application/json", json.dumps(value).encode("ascii"))

    async def refuse(self, refused: Refused) -> None:
        """Says why not; a response that has begun is ended."""
        if not self._started:
            kind, text = b"text/plain; charset=utf-8", refused.text
            if self._as_json:  # as Gradio's script reads it
                kind, text = b"application/json", json.dumps({"detail": refused.text})
            await self.whole(refused.status, kind, text.encode("ascii"), *refused.headers)
        elif not self._ended:
            await self.send({"type": "http.response.body", "body": b""})

    async def fail(self, error: Exception, path: str) -> None:
        """Says that something went wrong, and writes down what."""
        # An event stream of a session that is over ends with an HTTP error after its first line: no fault of ours, and
        # the client was told in that line.
        if not self._started or type(error.__cause__).__name__ != "HTTPException":
            logger.error("%s failed", path.encode("unicode_escape").decode("ascii"), exc_info=error)
        await self.refuse(Refused(500, "Something went wrong. The terminal that runs citewell says what."))


def headers_of(scope: Scope) -> dict[bytes, list[bytes]]:
    """The headers by their names in lower case; each may stand more than once."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.lower(), []).append(value)
    return found


def trusted(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers without the login, and without what only a proxy may say; that TLS ends at one is kept."""
    kept = []
    for name, value in headers:
        lower = name.lower()
        proxied = lower.startswith(b"x-forwarded-") and not (
            lower == b"x-forwarded-proto" and value in (b"http", b"https")
        )
        if not proxied and lower not in _UNTRUSTED and lower != b"authorization":
            kept.append((name, value))
    return kept


async def read(receive: Receive, most: int) -> bytes:
    """The request's body, refused when it is longer than `most`, whatever its headers said."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":  # the client has gone: what it sent is all there is
            return b"".join(chunks)
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > most:
            raise Refused(*TOO_LONG)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def counted(receive: Receive, most: int) -> Receive:
    """The body as it comes, refused as soon as it is longer than `most`."""
    size = 0

    async def counting() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > most:
            raise Refused(*TOO_LONG)
        return message

    return counting


def replay(body: bytes, receive: Receive) -> Receive:
    """`body` once, then what else comes."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
