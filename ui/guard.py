"""The gate in front of the web server: which requests come in, and which policy goes out with every page.

Gradio serves far more than this page needs (uploads, a file route that also fetches outside addresses, a proxy, a
code-editing mode, monitoring). What the page does not use is not reachable: a list of what is let in, so that a route
which a later Gradio adds stays closed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

__all__ = ["LOOPBACK", "Guard", "is_loopback"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

MOST_BODY_BYTES = 64 * 1024
"""The longest request body; a question is far shorter."""

LONGER_BODIES = {"/articles/file": 20_000_000, "/articles/text": 20_000_000}
"""Paths whose bodies may be longer, in bytes; they are passed on as they come, and break off at that length."""

_PATHS = frozenset(
    {
        "/",
        "/articles",
        "/articles/add",
        "/articles/remove",
        *LONGER_BODIES,
        "/config",
        "/favicon.ico",
        "/robots.txt",
        "/theme.css",
        "/gradio_api/cancel",
        "/gradio_api/component_server",
        "/gradio_api/queue/data",
        "/gradio_api/queue/join",
        "/gradio_api/reset",
        "/gradio_api/startup-events",
    }
)
_FOLDERS = ("/assets/", "/static/", "/svelte/", "/gradio_api/heartbeat/")

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
)
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?", re.ASCII)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server bound to `host`.

    >>> is_loopback("127.0.0.1"), is_loopback("[::1]"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    return _is_address(name) and ipaddress.ip_address(name).is_loopback


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Guard:
    """Pure ASGI middleware.

    A request is let in when its Host is one of ours (no name that an outsider's DNS can point here), when it does not
    come from another site's page, when the page needs its path, and when its body is short.

    Args:
        app: the application behind the gate.
        hosts: the names that the Host header may carry.
        any_address: also take every literal address as Host, for a server bound to all of them; a page that rebinds
            its DNS name to this machine still carries a name.
    """

    def __init__(self, app: App, *, hosts: Iterable[str] = LOOPBACK, any_address: bool = False) -> None:
        self.app = app
        self.hosts = frozenset(host.strip("[]").lower() for host in hosts)
        self.any_address = any_address

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Refuses the request, or passes it on and adds the headers to its response."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # the page opens no web socket
            await send({"type": "websocket.close", "code": 1008})
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await _refuse(send, *refusal)
            return
        if scope["path"] in LONGER_BODIES:
            receive = _cut(receive, LONGER_BODIES[scope["path"]])
        elif scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            body = await _read(receive)
            if body is None:
                await _refuse(send, 413, "The request is too long.")
                return
            receive = _replay(body, receive)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        await self.app(scope, receive, send_with_headers)

    def _refusal(self, scope: MutableMapping[str, Any]) -> tuple[int, str] | None:
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.lower(), []).append(value)
        hosts = headers.get(b"host", [])
        host = hosts[0].decode("latin-1").lower() if len(hosts) == 1 else ""
        if not self._is_ours(host):
            return 400, "Unknown host name."
        origin = headers.get(b"origin", [b""])[0].decode("latin-1").lower()
        if origin and origin.partition("://")[2] != host:
            return 403, "Requests from other sites are refused."
        length = headers.get(b"content-length", [b"0"])[0]
        if not length.isdigit() or int(length[:20]) > LONGER_BODIES.get(scope["path"], MOST_BODY_BYTES):
            return 413, "The request is too long."
        path = scope["path"]
        if ".." in path.split("/"):
            return 404, "Not found."
        # Gradio's script asks for some with a slash at the end, and some without.
        if (path.removesuffix("/") or "/") not in _PATHS and not path.startswith(_FOLDERS):
            return 404, "Not found."
        return None

    def _is_ours(self, host: str) -> bool:
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = match[1].strip("[]")
        return name in self.hosts or (self.any_address and _is_address(name))


async def _refuse(send: Send, status: int, text: str) -> None:
    body = text.encode("ascii")
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode()), *_HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _read(receive: Receive) -> bytes | None:
    """The request's body; None when it is longer than `MOST_BODY_BYTES`, whatever its headers said."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":  # the client has gone: what it sent is all there is
            return b"".join(chunks)
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MOST_BODY_BYTES:
            return None
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _cut(receive: Receive, most: int) -> Receive:
    """What comes in, which breaks off when it becomes longer than `most` bytes, whatever its headers said."""
    size = 0

    async def cut() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        return {"type": "http.disconnect"} if size > most else message

    return cut


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
