"""The gate in front of the web server: which requests come in, and which policy goes out with every page.

Gradio serves far more than this page needs (uploads, a file route that also fetches outside addresses, a proxy, a
code-editing mode, monitoring). What the page does not use is not reachable (`ui.routes`), what it uses gets only what
the page's script sends (`ui.payload`), and a session belongs to the browser that began it (`ui.sessions`).
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import math
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

from ui.admission import BUSY
from ui.payload import Calls, Malformed, NotThere, parse, session_of
from ui.routes import HEALTH, HEARTBEAT, JOIN, LOADING, MOST_QUERY_BYTES, STARTUP, Route, page_query, route_of
from ui.sessions import COOKIE, MOST_UNDELIVERED, Sessions, new_secret, own_name, secret_in

if TYPE_CHECKING:
    from ui.auth import Login

__all__ = ["LOOPBACK", "Gate", "Guard", "is_loopback"]

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

MOST_OPEN = 1_000
"""Requests at once; a page holds two open."""
BODY_SECONDS = 30.0
"""How long a request's body may take."""

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
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?", re.ASCII)
# What a proxy may say, and Gradio would believe of anybody: it makes addresses of them, or follows them.
_UNTRUSTED = (
    frozenset({b"forwarded", b"x-gradio-server", b"x-direct-url", b"x-original-url", b"x-rewrite-url"})
    | {b"authorization"}  # read here, and of no use behind
)
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
_CHALLENGE = (b"www-authenticate", b'Basic realm="citewell", charset="UTF-8"')


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


@dataclass(slots=True)
class Gate:
    """What the guard of one page knows; the server fills it in while it starts.

    Attributes:
        hosts: the names that the Host header may carry.
        any_address: also take every literal address as Host, for a server bound to all of them; a page that rebinds
            its DNS name to this machine still carries a name.
        calls: the events and functions of the page.
        login: who may come in; None: everybody who reaches the address.
        sessions: the conversations.
        health: what `/healthz` tells, without a login: no secrets.
        loading: what `/loading` tells the page: how far the models are.
        started: whether Gradio has asked for its own start (it does so once, with no login).
    """

    hosts: frozenset[str] = LOOPBACK
    any_address: bool = False
    calls: Calls = field(default_factory=lambda: Calls({}, {}))
    login: Login | None = None
    sessions: Sessions = field(default_factory=Sessions)
    health: Callable[[], dict[str, Any]] = lambda: {"status": "ready"}
    loading: Callable[[], dict[str, Any]] = lambda: {"status": "ready"}
    started: bool = False

    def is_ours(self, host: str) -> bool:
        """Whether a Host header, in lower case, names this server."""
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = match[1].strip("[]")
        return name in self.hosts or (self.any_address and _is_address(name))


class _Refused(Exception):
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


_MALFORMED = (422, "The request is malformed.")
_NOT_FOUND = (404, "Not found.")
_TOO_LONG = (413, "The request is too long.")


class Guard:
    """Pure ASGI middleware.

    A request is let in when its Host is one of ours (no name that an outsider's DNS can point here), when it does not
    come from another site's page, when it carries the login where there is one, when the page needs its path, and when
    its body is short and what the page's script sends. Whatever goes wrong behind is one line for the client and one
    entry in the log.

    Args:
        app: the application behind the gate.
        gate: what is let in.
    """

    def __init__(self, app: App, *, gate: Gate) -> None:
        self.app = app
        self.gate = gate
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses the request, answers it, or passes it on and adds the headers to its response."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # the page opens no web socket
            await send({"type": "websocket.close", "code": 1008})
            return
        self._open += 1
        try:
            await self._serve(scope, receive, send)
        finally:
            self._open -= 1

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = _Response(send, as_json=scope["method"] == "POST")
        try:
            headers = _headers(scope)
            self._check_origin(scope, headers)
            route = route_of(scope["path"])
            if route is not None and route.path == HEALTH:
                _check_method(scope, route)
                await response.json(self.gate.health())
                return
            if self._open > MOST_OPEN:
                raise _Refused(503, BUSY, (b"retry-after", b"2"))
            await self._check_login(scope, headers)
            if route is None or (route.path == STARTUP and self.gate.started):
                raise _Refused(*_NOT_FOUND)
            _check_method(scope, route)
            if route.path == LOADING:
                await response.json(self.gate.loading())
                return
            await self._pass_on(scope, receive, response, route, headers)
        except _Refused as refused:
            await response.refuse(refused)
        except Exception as error:  # noqa: BLE001 - the one place where it becomes a line for the client
            await response.fail(error, scope["path"])

    def _check_origin(self, scope: Scope, headers: dict[bytes, list[bytes]]) -> None:
        hosts = headers.get(b"host", [])
        host = hosts[0].decode("latin-1").lower() if len(hosts) == 1 else ""
        if not self.gate.is_ours(host):
            raise _Refused(400, "Unknown host name.")
        origins = {each.decode("latin-1").lower() for each in headers.get(b"origin", [])}
        if any(origin and origin.partition("://")[2] != host for origin in origins):
            raise _Refused(403, "Requests from other sites are refused.")
        # A link from elsewhere may lead to the page; nothing else of it is for other sites.
        elsewhere = headers.get(b"sec-fetch-site", [b"none"])[0].lower() in (b"cross-site", b"same-site")
        if elsewhere and not (scope["path"] == "/" and headers.get(b"sec-fetch-mode", [b""])[0] == b"navigate"):
            raise _Refused(403, "Requests from other sites are refused.")

    async def _check_login(self, scope: Scope, headers: dict[bytes, list[bytes]]) -> None:
        if self.gate.login is None or (scope["path"] == STARTUP and not self.gate.started):
            return
        address = (scope.get("client") or ("", 0))[0]
        refusal = await self.gate.login.refusal(headers.get(b"authorization", [None])[0], address)
        if refusal is None:
            return
        status, seconds = refusal
        if status == 429:
            retry = str(math.ceil(seconds)).encode()
            raise _Refused(429, "Too many wrong passwords. Wait a moment.", (b"retry-after", retry))
        raise _Refused(401, "This page asks for a name and a password.", _CHALLENGE)

    async def _pass_on(
        self, scope: Scope, receive: Receive, response: _Response, route: Route, headers: dict[bytes, list[bytes]]
    ) -> None:
        query = scope.get("query_string", b"")
        if len(query) > MOST_QUERY_BYTES:
            raise _Refused(414, "The address is too long.")
        secret = secret_in(headers.get(b"cookie", [b""])[0].decode("latin-1"))
        passed: Scope = {**scope, "headers": _trusted(scope["headers"]), "query_string": b""}
        if route.path == "/":
            passed["query_string"] = page_query(query.decode("latin-1")).encode("ascii")
            if not secret:
                response.more = (_cookie(scope),)
        session = None
        try:
            if route.session == "query":
                given = parse_qs(query.decode("latin-1"), max_num_fields=8).get("session_hash", [])
                session = own_name(session_of(given[0] if len(given) == 1 else ""), secret)
                passed["query_string"] = urlencode({"session_hash": session}).encode("ascii")
            elif route.session == "path":
                session = own_name(session_of(scope["path"].removeprefix(route.path)), secret)
                passed["path"] = route.path + session
                passed["raw_path"] = passed["path"].encode("ascii")
            if route.post:
                receive = await self._body(passed, receive, route, headers, secret)
        except (Malformed, ValueError):
            raise _Refused(*_MALFORMED) from None
        except NotThere:
            raise _Refused(*_NOT_FOUND) from None
        if route.path == HEARTBEAT and session is not None:
            self.gate.sessions.opened(session)
            try:
                await self.app(passed, receive, response.send)
            finally:
                self.gate.sessions.closed(session)
            return
        await self.app(passed, receive, response.send)

    async def _body(
        self, scope: Scope, receive: Receive, route: Route, headers: dict[bytes, list[bytes]], secret: str
    ) -> Receive:
        """What the application is to read as the request's body; its headers in `scope` are brought into line."""
        length = headers.get(b"content-length", [b"0"])[0]
        if not length.isdigit() or int(length[:20]) > route.most_bytes:
            raise _Refused(*_TOO_LONG)
        if route.streamed:
            return _counted(receive, route.most_bytes)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read(receive, route.most_bytes)
        except TimeoutError:
            raise _Refused(408, "The request took too long.") from None
        if route.check is not None:
            # Only JSON by name: a form of another site can send anything else without asking first.
            if headers.get(b"content-type", [b""])[0].partition(b";")[0].strip().lower() != b"application/json":
                raise _Refused(415, "Expected JSON.")
            checked = route.check(parse(body), self.gate.calls)
            if route.session == "body":
                name = own_name(checked["session_hash"], secret)
                checked["session_hash"] = name
                if route.path == JOIN:
                    self.gate.sessions.tidy()
                    if self.gate.sessions.undelivered(name) >= MOST_UNDELIVERED:
                        raise _Refused(503, BUSY, (b"retry-after", b"2"))
            body = json.dumps(checked).encode("ascii")
            kept = [
                pair for pair in scope["headers"] if pair[0].lower() not in (b"content-length", b"transfer-encoding")
            ]
            scope["headers"] = [*kept, (b"content-length", str(len(body)).encode())]
        return _replay(body, receive)


class _Response:
    """What goes out: with the policy on it, and closed in good order whatever happens."""

    def __init__(self, send: Send, *, as_json: bool) -> None:
        self._send = send
        self._as_json = as_json
        self._started = False
        self._ended = False
        self.more: tuple[tuple[bytes, bytes], ...] = ()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = True
            message["headers"] = [*message.get("headers", ()), *_HEADERS, *self.more]
        elif message["type"] == "http.response.body":
            self._ended = not message.get("more_body", False)
        await self._send(message)

    async def whole(self, status: int, kind: bytes, body: bytes, *headers: tuple[bytes, bytes]) -> None:
        length = (b"content-length", str(len(body)).encode())
        start = {
            "status": status,
            "headers": [(b"content-type", kind), length, (b"cache-control", b"no-store"), *headers],
        }
        await self.send({"type": "http.response.start", **start})
        await self.send({"type": "http.response.body", "body": body})

    async def json(self, value: dict[str, Any]) -> None:
        await self.whole(200, b"application/json", json.dumps(value).encode("ascii"))

    async def refuse(self, refused: _Refused) -> None:
        if not self._started:
            kind, text = b"text/plain; charset=utf-8", refused.text
            if self._as_json:  # as Gradio's script reads it
                kind, text = b"application/json", json.dumps({"detail": refused.text})
            await self.whole(refused.status, kind, text.encode("ascii"), *refused.headers)
        elif not self._ended:
            await self.send({"type": "http.response.body", "body": b""})

    async def fail(self, error: Exception, path: str) -> None:
        # An event stream of a session that is over ends with an HTTP error after its first line: no fault of ours, and
        # the client was told in that line.
        if not self._started or type(error.__cause__).__name__ != "HTTPException":
            logger.error("%s failed", path.encode("unicode_escape").decode("ascii"), exc_info=error)
        await self.refuse(_Refused(500, "Something went wrong. The terminal that runs citewell says what."))


def _headers(scope: Scope) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.lower(), []).append(value)
    return found


def _trusted(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
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


def _cookie(scope: Scope) -> tuple[bytes, bytes]:
    secure = "; Secure" if scope.get("scheme") == "https" else ""
    return b"set-cookie", f"{COOKIE}={new_secret()}; Path=/; HttpOnly; SameSite=Lax{secure}".encode("ascii")


def _check_method(scope: Scope, route: Route) -> None:
    allowed = ("POST",) if route.post else ("GET", "HEAD")
    if scope["method"] not in allowed:
        raise _Refused(405, "Not allowed.", (b"allow", ", ".join(allowed).encode()))


async def _read(receive: Receive, most: int) -> bytes:
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
            raise _Refused(*_TOO_LONG)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _counted(receive: Receive, most: int) -> Receive:
    size = 0

    async def counting() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > most:
            raise _Refused(*_TOO_LONG)
        return message

    return counting


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
