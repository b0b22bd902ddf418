"""Conversations on the server: whose they are, how many, and when they are let go.

The page's script names its session itself, with a short random text, and Gradio believes every name. Here a name
counts only together with a secret that the browser was given as a cookie: what another browser names is another
session, whatever it guessed or overheard.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["COOKIE", "MOST_SESSIONS", "Sessions", "new_secret", "own_name", "secret_in"]

COOKIE = "citewell"
MOST_SESSIONS = 200
"""Conversations that are kept; the one used longest ago goes first."""
MOST_UNDELIVERED = 8
"""Events of one session whose end its browser has not fetched."""
GRACE = 300.0
"""Seconds that a conversation is kept after its page was closed: a page that was only asleep comes back."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{32}")


def new_secret() -> str:
    """A secret for a browser: 32 characters, 192 bits."""
    return secrets.token_urlsafe(24)


def secret_in(cookies: str) -> str:
    """The secret in a Cookie header; empty when there is none that we made.

    >>> secret_in("a=b; citewell=" + 32 * "x") == 32 * "x", secret_in("citewell=short")
    (True, '')
    """
    for each in cookies.split(";"):
        name, _, value = each.strip().partition("=")
        if name == COOKIE and _SECRET.fullmatch(value):
            return value
    return ""


def own_name(session: str, secret: str) -> str:
    """The name under which this server keeps what a browser with `secret` calls `session`.

    >>> own_name("abc", "one secret") == own_name("abc", "another")
    False
    """
    return hashlib.blake2b(session.encode(), key=secret.encode(), digest_size=16).hexdigest()


class Sessions:
    """Counts what is open, and frees what is closed.

    All methods run in the server's event loop.

    Args:
        grace: see `GRACE`.
    """

    def __init__(self, *, grace: float = GRACE) -> None:
        self._grace = grace
        self._open: dict[str, int] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._app: Any = None

    def watch(self, app: Any) -> None:
        """Says which of Gradio's apps holds the sessions."""
        self._app = app

    def opened(self, name: str) -> None:
        """A page with this session is open (again)."""
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()
        self._open[name] = self._open.get(name, 0) + 1

    def closed(self, name: str) -> None:
        """A page with this session was closed; when it was the last, the session goes after the grace."""
        left = self._open.pop(name, 1) - 1
        if left > 0:
            self._open[name] = left
            return
        self._timers[name] = asyncio.get_running_loop().call_later(self._grace, self._start, self._forget, name)

    def undelivered(self, name: str) -> int:
        """Events of the session whose end was not fetched yet."""
        return 0 if self._app is None else len(self._queue.pending_event_ids_session.get(name, ()))

    def tidy(self) -> None:
        """Lets go of what Gradio keeps of sessions that are over."""
        pending = self._queue.pending_event_ids_session if self._app is not None else {}
        if len(pending) <= 2 * MOST_SESSIONS:
            return
        for name in list(pending):
            if name not in self._app.state_holder:
                self._start(self._forget, name)

    @property
    def _queue(self) -> Any:
        # Gradio has no word for this: it keeps a set and a queue for every session that ever was.
        return self._app.get_blocks()._queue

    def _start(self, action: Callable[[str], Any], name: str) -> None:
        task = asyncio.get_running_loop().create_task(action(name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forget(self, name: str) -> None:
        self._timers.pop(name, None)
        if self._app is None or name in self._open:
            return
        await self._queue.clean_events(session_hash=name)
        self._queue.pending_event_ids_session.pop(name, None)
        self._queue.pending_messages_per_session.pop(name, None)
        holder = self._app.state_holder
        with holder.lock:
            holder.session_data.pop(name, None)
            holder.time_last_used.pop(name, None)
