"""The worker process: does the tasks that come in on its standard input, and ends itself when it hangs.

Messages are pickles behind their length. Both ends are this program, run by the same user; a parser that a file has
taken over could do no more to its parent than to the user's files.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import struct
import sys
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from index.reading.tasks import Task

__all__ = ["BEGIN", "DONE", "LENGTH", "OUT_OF_MEMORY", "READY", "main"]

LENGTH = struct.Struct(">Q")
READY = pickle.dumps("ready", pickle.HIGHEST_PROTOCOL)
BEGIN = pickle.dumps("begin", pickle.HIGHEST_PROTOCOL)
DONE = pickle.dumps("done", pickle.HIGHEST_PROTOCOL)
OUT_OF_MEMORY = pickle.dumps("memory", pickle.HIGHEST_PROTOCOL)

_GRACE = 5.0
"""Seconds on top of the time for a document, after which it ends itself: its parent, which does it first, is gone."""


def main() -> None:
    """Work until the standard input ends. Arguments: bytes of memory, and seconds for one document."""
    memory, seconds = int(sys.argv[1]), float(sys.argv[2])
    # The pipes are for messages alone: what a library prints goes nowhere.
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(nowhere, number)
    from index.reading.tasks import PrepareSources
    from index.types import Source

    # All is loaded when this has been cut into sentences, so that the first task has all of its time.
    list(PrepareSources((Source("", "Nothing is found in here."),)).run(lambda: None))
    _limit_memory(memory)
    try:
        _send(answers, DONE)
        while (task := _receive(requests)) is not None:
            _do(task, lambda message: _send(answers, message), seconds)
    except BrokenPipeError:
        os._exit(0)  # nobody reads any more


def _do(task: Task, send: Callable[[bytes], None], seconds: float) -> None:
    def on_begin() -> None:
        _alarm(0)
        send(BEGIN)
        _alarm(seconds + _GRACE)

    task.load()
    send(READY)
    _alarm(seconds + _GRACE)
    try:
        for prepared in task.run(on_begin):
            message = pickle.dumps(prepared, pickle.HIGHEST_PROTOCOL)
            _alarm(0)  # the parent reads when it has the time
            send(message)
            _alarm(seconds + _GRACE)
    except MemoryError:
        send(OUT_OF_MEMORY)
        os._exit(0)  # with a new process, and none of what is left in this one
    finally:
        _alarm(0)
    send(DONE)


def _alarm(seconds: float) -> None:
    """End the process after so many seconds, whatever it does then; 0 for never."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _limit_memory(count: int) -> None:
    with contextlib.suppress(ImportError, OSError, ValueError):  # not on Windows; macOS knows the limit and ignores it
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (count if hard == resource.RLIM_INFINITY else min(count, hard), hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _send(file: IO[bytes], message: bytes) -> None:
    file.write(LENGTH.pack(len(message)))
    file.write(message)
    file.flush()


def _receive(file: IO[bytes]) -> Any:
    head = file.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    return pickle.loads(file.read(LENGTH.unpack(head)[0]))  # noqa: S301 - from the process that started this one
