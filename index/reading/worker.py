"""One worker process, seen from the process that started it: started, asked, watched, ended."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from index.errors import ArticlesError
from index.reading.child import BEGIN, DONE, LENGTH, OUT_OF_MEMORY, READY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from index.reading.tasks import Prepared, Task

__all__ = ["Allowance", "Died", "Limits", "Watch", "Worker"]

_PROGRAM = "import json, sys; sys.path[:] = json.loads(sys.argv.pop()); from index.reading.child import main; main()"
_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one document may take.

    Attributes:
        seconds: of wall time.
        memory: bytes, of the whole worker process (on Linux; elsewhere only time and sizes are bounded).
    """

    seconds: float = 10.0
    memory: int = 512_000_000


@dataclass(slots=True)
class Allowance:
    """How much time a task has left.

    Attributes:
        each: seconds for one document.
        end: when all of it is to be done, in the time of `time.monotonic`; waiting for its reader does not count.
    """

    each: float
    end: float

    @property
    def left(self) -> float:
        """Seconds until the next deadline."""
        return min(self.each, self.end - time.monotonic())


class Died(Exception):
    """A worker was ended, or ended itself, before it was done; the message says why, for a person."""


class Watch:
    """Ends workers whose time is over. One thread, which sleeps until the next deadline and only while there is one."""

    def __init__(self) -> None:
        self._deadlines: dict[Worker, float] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def arm(self, worker: Worker, seconds: float) -> None:
        """Give a worker so much time from now."""
        with self._changed:
            self._deadlines[worker] = time.monotonic() + seconds
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="citewell-watch", daemon=True)
                self._thread.start()
            elif len(self._deadlines) == 1:
                self._changed.notify()

    def disarm(self, worker: Worker) -> None:
        """Give a worker all the time that it wants."""
        with self._changed:
            self._deadlines.pop(worker, None)

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._deadlines.clear()
            thread, self._thread = self._thread, None
            self._changed.notify()
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        with self._changed:
            while self._thread is threading.current_thread():
                now = time.monotonic()
                for worker in [each for each, at in self._deadlines.items() if at <= now]:
                    del self._deadlines[worker]
                    worker.end(late=True)
                # Deadlines move only forward: one that was armed meanwhile is not earlier than the earliest now, but by
                # the part of its time that a container has left; those are looked at once a second.
                left = min(self._deadlines.values(), default=None)
                self._changed.wait(None if left is None else min(1.0, max(0.01, left - time.monotonic())))


class Worker:
    """A process that does one task at a time.

    It is started with nothing of this program but the places that modules are imported from, so that it does not matter
    how this one was started, or which threads it has.

    Args:
        limits: what one document may take.
        watch: ends it when a document takes longer.

    Raises:
        ArticlesError: when it does not start.
    """

    def __init__(self, limits: Limits, watch: Watch) -> None:
        self._limits = limits
        self._watch = watch
        self._late = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        where = json.dumps([os.path.abspath(each) for each in sys.path])  # noqa: PTH100 - which resolves links
        # -P: no module is to come out of the folder that the program happens to run in.
        command = [sys.executable, "-P", "-c", _PROGRAM, str(limits.memory), str(limits.seconds), where]
        self._process = subprocess.Popen(  # noqa: S603 - this very interpreter
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            # Each worker has one core; and Ctrl+C is for the program, which ends its workers itself.
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"},
            start_new_session=True,
        )
        watch.arm(self, _START_SECONDS)
        if self._receive() != DONE:
            said = self._said()
            self.close()
            raise ArticlesError(
                f"the process that reads files did not start ({said or 'it said nothing'}); expected "
                f"{sys.executable!r} to be the Python that citewell is installed in"
            )
        watch.disarm(self)

    def ask(self, task: Task, allowance: Allowance) -> Iterator[tuple[int, Prepared | None]]:
        """Do a task.

        Args:
            task: what to do.
            allowance: how much time it has.

        Yields:
            Before a document is parsed: 0 and None. What comes of one: about how many bytes it takes, and itself.

        Raises:
            Died: when a document takes too much, or its parser ends the process.
        """
        try:
            self._load(task, allowance)
            while True:
                self._watch.arm(self, allowance.left)
                message = self._receive()
                self._watch.disarm(self)
                if message == DONE:
                    return
                if message is None or message == OUT_OF_MEMORY:
                    raise Died(self._reason(memory=message is not None))
                if message == BEGIN:
                    yield 0, None
                else:
                    started = time.monotonic()
                    yield len(message), pickle.loads(message)  # noqa: S301 - see index.reading.child
                    allowance.end += time.monotonic() - started
        except OSError as error:
            raise Died(self._reason(memory=False)) from error

    def _load(self, task: Task, allowance: Allowance) -> None:
        """Hand over a task, and wait until the libraries that it needs are loaded; that takes of its time nothing."""
        started = time.monotonic()
        self._watch.arm(self, _START_SECONDS)
        self._send(task)
        if self._receive() != READY:
            raise Died(self._reason(memory=False))
        allowance.end += time.monotonic() - started

    def end(self, *, late: bool = False) -> None:
        """End the process at once, from any thread."""
        self._late = self._late or late
        self._process.kill()

    def close(self) -> None:
        """End the process, wait until it is gone, and let go of what it had."""
        self._watch.disarm(self)
        self._process.kill()
        self._process.wait()
        for file in (self._process.stdin, self._process.stdout, self._errors):
            if file is not None:
                with suppress(OSError):  # what was not sent cannot be sent any more
                    file.close()

    def _reason(self, *, memory: bool) -> str:
        """Why it is gone."""
        code = self._process.wait()
        if self._late:
            return f"takes too long to read; one document has {self._limits.seconds:g} seconds"
        if memory or b"MemoryError" in self._tail():
            return f"takes more than {self._limits.memory // 1_000_000:,} MB of memory to read"
        what = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"its reader broke down ({what}); the file is damaged, or made to do harm"

    def _tail(self) -> bytes:
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - 4000))
        return self._errors.read()

    def _said(self) -> str:
        self._process.kill()
        self._process.wait()
        lines = self._tail().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""

    def _send(self, value: Any) -> None:
        message = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        file = self._pipe(self._process.stdin)
        file.write(LENGTH.pack(len(message)) + message)
        file.flush()

    def _receive(self) -> bytes | None:
        """The next message; None when the process is gone."""
        file = self._pipe(self._process.stdout)
        head = file.read(LENGTH.size)
        if len(head) < LENGTH.size:
            return None
        length = LENGTH.unpack(head)[0]
        message = file.read(length)
        return message if len(message) == length else None

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        if pipe is None:
            raise OSError("the pipe is closed")
        return pipe
