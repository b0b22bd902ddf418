"""Keeping a server of many threads quick to answer, and of one size, while questions are read beside it."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
import time

__all__ = ["SWITCH_INTERVAL", "Collector", "settle", "share_memory", "take_turns"]

SWITCH_INTERVAL = 0.0005
"""Seconds after which a thread that computes hands the interpreter to one that waits for it.

The server's thread waits so long after each thing that it sends or receives, for every such call lets go of the
interpreter: with Python's own 5 ms, the events of many pages in a row keep a short request waiting for many times that.
"""

_NEVER = 1_000_000_000
_IDLE = 0.1
"""The share of a core below which a process is idle."""
_WORTH = 10
"""Collections of what is younger after which there may be something to collect of the rest."""

_ARENAS = 2
_M_ARENA_MAX = -8
"""Of glibc's malloc.h."""


def take_turns() -> None:
    """Lets the threads of this process hand over to each other sooner."""
    sys.setswitchinterval(SWITCH_INTERVAL)


def settle() -> None:
    """Takes what is there now, modules and models, out of all later garbage collections.

    A full collection looks at every object that there is, a tenth of a second for all that is loaded, and no other
    thread runs meanwhile.
    """
    gc.collect()
    gc.freeze()


class Collector:
    """Collects all garbage when the process is idle, rather than when so many things were made.

    The older a thing is, the rarer it is garbage: what was made and dropped lately is collected as ever. All the rest,
    conversations above all, is looked through for a twentieth of a second and more, in which no thread runs: it waits
    until nobody asks, but no longer than `longest`.

    Args:
        every: seconds between two looks at whether the process is idle.
        longest: seconds after which it is done although somebody asks.
    """

    def __init__(self, *, every: float = 5.0, longest: float = 600.0) -> None:
        self._every = every
        self._longest = longest
        self._over = threading.Event()
        self._before = gc.get_threshold()
        self._thread = threading.Thread(target=self._run, name="collector", daemon=True)

    def __enter__(self) -> Collector:
        first, second, _ = self._before
        gc.set_threshold(first, second, _NEVER)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        gc.set_threshold(*self._before)

    def _run(self) -> None:
        used, since = time.process_time(), time.monotonic()
        while not self._over.wait(self._every):
            now = time.process_time()
            idle = now - used < _IDLE * self._every
            used = now
            if gc.get_count()[2] >= _WORTH and (idle or time.monotonic() - since > self._longest):
                gc.collect()
                used, since = time.process_time(), time.monotonic()


def share_memory() -> None:
    """Has all threads share two heaps, where the C library is glibc; to be called while there are few threads.

    Glibc gives threads up to eight heaps a core, and what one has freed is of no use to the others: a conversation that
    is shown by ever other threads makes them all grow.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, _ARENAS)
