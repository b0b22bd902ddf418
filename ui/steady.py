"""Keeping a server of many threads quick to answer, and of one size, while questions are read beside it."""

from __future__ import annotations

import ctypes
import gc
import sys

__all__ = ["SWITCH_INTERVAL", "settle", "share_memory", "take_turns"]

SWITCH_INTERVAL = 0.0005
"""Seconds after which a thread that computes hands the interpreter to one that waits for it.

The server's thread waits so long after each thing that it sends or receives, for every such call lets go of the
interpreter: with Python's own 5 ms, the events of many pages in a row keep a short request waiting for many times that.
"""

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


def share_memory() -> None:
    """Has all threads share two heaps, where the C library is glibc; to be called while there are few threads.

    Glibc gives threads up to eight heaps a core, and what one has freed is of no use to the others: a conversation that
    is shown by ever other threads makes them all grow.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, _ARENAS)
