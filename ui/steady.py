"""Keeping the page quick to answer while questions are read in threads beside it."""

from __future__ import annotations

import gc
import sys

__all__ = ["SWITCH_INTERVAL", "settle", "take_turns"]

SWITCH_INTERVAL = 0.0005
"""Seconds after which a thread that computes hands the interpreter to one that waits for it.

The server's thread waits so long after each thing that it sends or receives, for every such call lets go of the
interpreter: with Python's own 5 ms, the events of many pages in a row keep a short request waiting for many times that.
"""


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
