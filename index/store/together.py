"""How the threads of a process read a database together, and wait for a commit no longer than it takes.

SQLite waits longer and longer between two looks at a lock, up to 100 ms: many times as long as a commit takes. And to
the system, the threads of a process hold one lock on a file together: as long as one of them reads, others join it
without a look at the writer who waits.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Together", "patiently"]

_LOOK = 0.0005
"""Seconds between two looks at a lock."""


class Together:
    """Lets threads read at the same time, but not one after another without an end.

    Of those who come while nobody reads, the first waits for a commit under way and the others for it. Nobody joins who
    comes later than `longest` seconds after the first has begun; they begin anew when all have left.

    Args:
        longest: how long others may join; a writer's commit waits about so long.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._count = 0
        self._since: float | None = None
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def one(self, begin: Callable[[], None]) -> Iterator[None]:
        """Read with the others.

        Args:
            begin: takes this thread's part of the lock, and waits where a commit is under way.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._count or self._may_join())
            self._count += 1
            first = self._since is None
        try:
            begin()
            if first:
                with self._changed:
                    self._since = time.monotonic()
                    self._changed.notify_all()
            yield
        finally:
            with self._changed:
                self._count -= 1
                if not self._count:
                    self._since = None
                    self._changed.notify_all()

    def _may_join(self) -> bool:
        return self._since is not None and time.monotonic() - self._since < self._longest


def patiently(step: Callable[[], object], meanwhile: Callable[[], None] | None = None, *, longest: float) -> None:
    """Take a step that a lock of another connection may forbid, as soon as that one lets go.

    Args:
        step: something with SQLite that may be tried again, on a connection that does not wait by itself.
        meanwhile: what can be done while it is forbidden; called once.
        longest: seconds after which the lock is given up.

    Raises:
        sqlite3.OperationalError: what SQLite says of the step; of a lock only after `longest` seconds.
    """
    end = time.monotonic() + longest
    while True:
        try:
            step()
        except sqlite3.OperationalError as error:
            if not _is_lock(error) or time.monotonic() > end:
                raise
        else:
            return
        if meanwhile is not None:
            meanwhile()
            meanwhile = None
        time.sleep(_LOOK)


def _is_lock(error: sqlite3.OperationalError) -> bool:
    """Whether another connection's lock is all that is wrong; the low byte tells, the others say more."""
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
