"""Work that nobody waits for: it has the processor when others leave it.

What embeds stands back. What commits does not, since others wait while it holds the index; nor do the processes that
read documents, which have a limited time for each. On an idle machine nothing is slower for it. Only Linux weighs
single threads; elsewhere nothing is done.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["NICE", "session_yields", "yield_thread"]

NICE = 10
"""The nice value of what stands back: against one other it has a tenth of the processor. With the greatest, 19, it
would have a 68th, and on a machine where others are always at work next to nothing is ever done."""
_SESSION = Path("/proc/self/autogroup")
_OFTEN = 0.02
_LONGEST = 1.0


def yield_thread() -> None:
    """Have the calling thread stand back for all others, from now on: there is no way back without privileges."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):  # then it is as urgent as before
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


@contextlib.contextmanager
def session_yields() -> Iterator[None]:
    """Within, the whole session of this process, as of a terminal, stands back for other sessions.

    Where Linux groups threads by sessions, it shares the processor out among these first, and nice values count only
    inside of one. For a process that nobody in its own session waits for; what it was before it is again behind it.
    """
    before = _weight()
    if before is None or before >= NICE or not _weigh(NICE):
        yield
        return
    try:
        yield
    finally:
        _weigh(before)


def _weight() -> int | None:
    """The nice value of this process's session; None where sessions are not grouped."""
    try:
        return int(_SESSION.read_text("ascii").rpartition("nice")[2])
    except (OSError, ValueError):
        return None


def _weigh(nice: int) -> bool:
    """Set the nice value of this process's session; False where that cannot be done.

    The kernel takes ten such requests a second, of all processes together, and has the others try again.
    """
    end = time.monotonic() + _LONGEST
    while time.monotonic() < end:
        try:
            _SESSION.write_text(str(nice), "ascii")
        except BlockingIOError:
            time.sleep(_OFTEN)
        except OSError:
            return False
        else:
            return True
    return False
