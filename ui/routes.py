"""What of the web server can be reached: a list, so that a route which a later Gradio adds stays closed.

To let in one more: a `Route` in `ROUTES`. A route of our own that takes longer bodies than a question (an upload) says
so with `most_bytes` and `streamed`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from ui import payload
from ui.uploads import MOST_FILE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from ui.payload import Calls

__all__ = ["PAGE_QUERY", "ROUTES", "Route", "page_query", "route_of"]

MOST_BODY_BYTES = 64 * 1024
"""The longest request body, where a route does not say otherwise; a question is far shorter."""
MOST_QUERY_BYTES = 8 * 1024
"""The longest query string."""

PAGE_QUERY = frozenset({"__theme", "q", "article", "start", "end"})
"""The parameters of the page itself that are passed on; others are dropped, for Gradio reads files by some of them."""

# No NUL, no backslash, no colon (another name of a file, on Windows), no percent sign (a path decoded twice).
_PATH = re.compile(r"/(?:[A-Za-z0-9_~@=+.-]+/)*[A-Za-z0-9_~@=+.-]*")


@dataclass(frozen=True, slots=True)
class Route:
    """One thing that can be reached.

    Attributes:
        path: the path, without a slash at the end; or, with one, a folder and all below it.
        post: whether it takes POST, and nothing else; otherwise it is read (GET, HEAD).
        check: what is known of its JSON body, and gives the body that is passed on; None: the body is not looked at.
        session: where the request names its session: "body", "query", "path", or None where it has none.
        most_bytes: the longest body.
        query: whether its query string is passed on, which is dropped otherwise.
        streamed: the body is passed on as it comes (and cut off by an error when it is too long), not held in memory.
        made: what it gives takes time to make: one after the other.
    """

    path: str
    post: bool = False
    check: Callable[[dict[str, Any], Calls], dict[str, Any]] | None = None
    session: str | None = None
    most_bytes: int = MOST_BODY_BYTES
    query: bool = False
    streamed: bool = False
    made: bool = False


HEALTH = "/healthz"
LOADING = "/loading"
STARTUP = "/gradio_api/startup-events"
HEARTBEAT = "/gradio_api/heartbeat/"
JOIN = "/gradio_api/queue/join"

ROUTES = (
    Route("/", made=True),
    Route("/config", made=True),
    Route("/favicon.ico"),
    Route("/robots.txt"),
    Route("/theme.css"),
    Route("/assets/"),
    Route("/static/"),
    Route("/svelte/"),
    Route(HEALTH),
    Route(LOADING),
    Route(STARTUP),
    Route(HEARTBEAT, session="path"),
    Route("/gradio_api/queue/data", session="query"),
    Route(JOIN, post=True, check=payload.joined, session="body", made=True),
    Route("/gradio_api/component_server", post=True, check=payload.component_call, session="body"),
    Route("/gradio_api/cancel", post=True, check=payload.cancelled, session="body"),
    Route("/gradio_api/reset", post=True, check=payload.reset),
    Route("/articles", query=True),
    Route("/articles/add", post=True),
    Route("/articles/remove", post=True),
    Route("/articles/file", post=True, query=True, most_bytes=MOST_FILE_BYTES, streamed=True),
    Route("/articles/text", post=True, most_bytes=MOST_FILE_BYTES, streamed=True),
)

_EXACT = {route.path: route for route in ROUTES}
_FOLDERS = tuple(route for route in ROUTES if route.path.endswith("/") and route.path != "/")


def route_of(path: str) -> Route | None:
    """The route of a decoded path, or None when there is none.

    >>> route_of("/config/").path, route_of("/assets/../config"), route_of("/monitoring")
    ('/config', None, None)
    """
    if _PATH.fullmatch(path) is None or {".", ".."} & set(path.split("/")):
        return None
    # Gradio's script asks for some with a slash at the end, and some without.
    found = _EXACT.get(path.removesuffix("/") or "/")
    if found is not None:
        return found
    return next((route for route in _FOLDERS if path.startswith(route.path) and path != route.path), None)


def page_query(query: str) -> str:
    """What of the page's query string is passed on.

    >>> page_query("q=Why%3F&deep_link=../../secret&utm_source=x")
    'q=Why%3F'
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="replace", max_num_fields=64)
    except ValueError:
        return ""
    return urlencode([(name, value) for name, value in pairs if name in PAGE_QUERY])
