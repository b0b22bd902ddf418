"""The gate in front of the web server: which requests come in, and which policy goes out with every page.

Gradio serves far more than this page needs (uploads, a file route that also fetches outside addresses, a proxy, a
code-editing mode, monitoring). What the page does not use is not reachable (`ui.routes`), what it uses gets only what
the page's script sends (`ui.payload`), and a session belongs to the browser that began it (`ui.sessions`).
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

from ui.admission import BUSY
from ui.exchange import TOO_LONG, Refused, Response, counted, headers_of, read, replay, trusted
from ui.hosts import LOOPBACK, is_address
from ui.payload import Calls, Malformed, NotThere, parse, session_of
from ui.routes import HEALTH, HEARTBEAT, JOIN, LOADING, MOST_QUERY_BYTES, STARTUP, Route, page_query, route_of
from ui.sessions import COOKIE, MOST_UNDELIVERED, Sessions, new_secret, own_name, secret_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from ui.auth import Login
    from ui.exchange import App, Message, Receive, Scope, Send

__all__ = ["Gate", "Guard"]

MOST_OPEN = 1_000
"""Requests at once; a page holds two open."""
MOST_MADE = 1
"""Requests of one route that is `made` which are worked on at once. Fifty readers who open the page together would make
fifty threads compute, and each of them makes the server's own wait for its turn; or they would keep it busy themselves
for so long that nothing else is answered in between."""
BODY_SECONDS = 30.0
"""How long a request's body may take."""

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?", re.ASCII)
_CHALLENGE = (b"www-authenticate", b'Basic realm="citewell", charset="UTF-8"')


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
        return name in self.hosts or (self.any_address and is_address(name))


_MALFORMED = (422, "The request is malformed.")
_NOT_FOUND = (404, "Not found.")


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
        self._making: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(MOST_MADE))

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
        response = Response(send, as_json=scope["method"] == "POST")
        try:
            headers = headers_of(scope)
            self._check_origin(scope, headers)
            route = route_of(scope["path"])
            if route is not None and route.path == HEALTH:
                _check_method(scope, route)
                await response.json(self.gate.health())
                return
            if self._open > MOST_OPEN:
                raise Refused(503, BUSY, (b"retry-after", b"2"))
            await self._check_login(scope, headers)
            if route is None or (route.path == STARTUP and self.gate.started):
                raise Refused(*_NOT_FOUND)
            _check_method(scope, route)
            if route.path == LOADING:
                await response.json(self.gate.loading())
                return
            await self._pass_on(scope, receive, response, route, headers)
        except Refused as refused:
            await response.refuse(refused)
        except Exception as error:  # noqa: BLE001 - the one place where it becomes a line for the client
            await response.fail(error, scope["path"])

    def _check_origin(self, scope: Scope, headers: dict[bytes, list[bytes]]) -> None:
        hosts = headers.get(b"host", [])
        host = hosts[0].decode("latin-1").lower() if len(hosts) == 1 else ""
        if not self.gate.is_ours(host):
            raise Refused(400, "Unknown host name.")
        origins = {each.decode("latin-1").lower() for each in headers.get(b"origin", [])}
        # The scheme may be either: TLS may end at a proxy, and the page is asked for by http then.
        if any(origin not in ("", f"http://{host}", f"https://{host}") for origin in origins):
            raise Refused(403, "Requests from other sites are refused.")
        # A link from elsewhere may lead to the page; nothing else of it is for other sites.
        elsewhere = headers.get(b"sec-fetch-site", [b"none"])[0].lower() in (b"cross-site", b"same-site")
        if elsewhere and not (scope["path"] == "/" and headers.get(b"sec-fetch-mode", [b""])[0] == b"navigate"):
            raise Refused(403, "Requests from other sites are refused.")

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
            raise Refused(429, "Too many wrong passwords. Wait a moment.", (b"retry-after", retry))
        raise Refused(401, "This page asks for a name and a password.", _CHALLENGE)

    async def _pass_on(
        self, scope: Scope, receive: Receive, response: Response, route: Route, headers: dict[bytes, list[bytes]]
    ) -> None:
        query = scope.get("query_string", b"")
        if len(query) > MOST_QUERY_BYTES:
            raise Refused(414, "The address is too long.")
        secret = secret_in(headers.get(b"cookie", [b""])[0].decode("latin-1"))
        passed: Scope = {**scope, "headers": trusted(scope["headers"]), "query_string": b""}
        if route.path == "/":
            passed["query_string"] = page_query(query.decode("latin-1")).encode("ascii")
            if not secret:
                response.more = (_cookie(scope),)
        elif route.query:
            passed["query_string"] = query
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
            raise Refused(*_MALFORMED) from None
        except NotThere:
            raise Refused(*_NOT_FOUND) from None
        if route.path == HEARTBEAT and session is not None:
            self.gate.sessions.opened(session)
            try:
                await self.app(passed, receive, response.send)
            finally:
                self.gate.sessions.closed(session)
            return
        if route.made:
            await self._make(route, passed, receive, response)
            return
        await self.app(passed, receive, response.send)

    async def _make(self, route: Route, scope: Scope, receive: Receive, response: Response) -> None:
        """Pass a request on in its turn; that is over when the response begins: who reads slowly holds up nobody."""
        async with AsyncExitStack() as turn:
            await turn.enter_async_context(self._making[route.path])

            async def send(message: Message) -> None:
                await turn.aclose()
                await response.send(message)

            await self.app(scope, receive, send)

    async def _body(
        self, scope: Scope, receive: Receive, route: Route, headers: dict[bytes, list[bytes]], secret: str
    ) -> Receive:
        """What the application is to read as the request's body; its headers in `scope` are brought into line."""
        length = headers.get(b"content-length", [b"0"])[0]
        if not length.isdigit() or int(length[:20]) > route.most_bytes:
            raise Refused(*TOO_LONG)
        if route.streamed:
            return counted(receive, route.most_bytes)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await read(receive, route.most_bytes)
        except TimeoutError:
            raise Refused(408, "The request took too long.") from None
        if route.check is not None:
            # Only JSON by name: a form of another site can send anything else without asking first.
            if headers.get(b"content-type", [b""])[0].partition(b";")[0].strip().lower() != b"application/json":
                raise Refused(415, "Expected JSON.")
            checked = route.check(parse(body), self.gate.calls)
            if route.session == "body":
                name = own_name(checked["session_hash"], secret)
                checked["session_hash"] = name
                if route.path == JOIN:
                    self.gate.sessions.tidy()
                    if self.gate.sessions.undelivered(name) >= MOST_UNDELIVERED:
                        raise Refused(503, BUSY, (b"retry-after", b"2"))
            body = json.dumps(checked).encode("ascii")
            kept = [
                pair for pair in scope["headers"] if pair[0].lower() not in (b"content-length", b"transfer-encoding")
            ]
            scope["headers"] = [*kept, (b"content-length", str(len(body)).encode())]
        return replay(body, receive)


def _cookie(scope: Scope) -> tuple[bytes, bytes]:
    secure = "; Secure" if scope.get("scheme") == "https" else ""
    return b"set-cookie", f"{COOKIE}={new_secret()}; Path=/; HttpOnly; SameSite=Lax{secure}".encode("ascii")


def _check_method(scope: Scope, route: Route) -> None:
    allowed = ("POST",) if route.post else ("GET", "HEAD")
    if scope["method"] not in allowed:
        raise Refused(405, "Not allowed.", (b"allow", ", ".join(allowed).encode()))
