"""Tasks done ahead, in worker processes, with their results in the order of the tasks and a bound on what waits.

A few small plain files are done right here: a worker takes longer to start.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Self, TypeVar

from index.encoder import available_cores
from index.reading.tasks import PrepareSources, ReadFile
from index.reading.worker import Allowance, Died, Limits, Watch, Worker
from index.types import Skipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from index.reading.tasks import Prepared, Task

__all__ = ["Ahead"]

_Other = TypeVar("_Other")

_SMALL = 128_000
"""Bytes of a plain file that is read right here, as long as all of them together are no more than the next."""
_SMALL_ALL = 256_000
_WAITING = 4_000_000
"""Bytes of results that may wait for each task before its worker waits too."""
_EACH_WORKER = 32
"""Tasks under way or done, for each worker: enough to go on with while what was read is embedded and stored."""
_BYTES_A_DOCUMENT = 1_000_000
"""A file of many documents has the time of one for each of so many bytes; half of that for each of them."""
_LOST = 3
"""Documents of one file that may be lost before the rest of it is left out too."""
_LOOK_UP = 1.0
"""Seconds: on Windows, Ctrl+C does not end a longer wait."""


class Ahead:
    """Does tasks ahead. To be closed, which ends all workers.

    Args:
        limits: what one document may take.
        workers: how many processes there may be; as many as cores, up to 8, when None.
    """

    def __init__(self, limits: Limits | None = None, *, workers: int | None = None) -> None:
        self._limits = limits or Limits()
        self._count = max(1, min(8, available_cores()) if workers is None else workers)
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._watch = Watch()
        self._lock = threading.Lock()
        self._workers: set[Worker] = set()
        self._jobs: set[_Job] = set()
        self._closed = False
        self._here = 0

    def run(self, items: Iterable[ReadFile | PrepareSources | _Other]) -> Iterator[Prepared | _Other]:
        """What comes of each task, in the order of the tasks, and between them all that stands between the tasks.

        Args:
            items: taken from this thread, some tasks ahead of what is yielded.
        """
        waiting: deque[_Job | _Other] = deque()
        for item in items:
            if not isinstance(item, (ReadFile, PrepareSources)):
                waiting.append(item)
            elif self._is_done_here(item):
                yield from _in_order(waiting, 0)  # no job is among them
                yield from item.run(_nothing)
            else:
                waiting.append(self._submit(item))
                yield from _in_order(waiting, _EACH_WORKER * self._count)
        yield from _in_order(waiting, 0)

    def expect(self, weight: int) -> None:
        """Tell how much there is to come, so that workers are started at once where that is enough for them."""
        if weight > _SMALL_ALL:
            self._here = _SMALL_ALL

    def close(self) -> None:
        """End all workers, and wait until they are gone."""
        with self._lock:
            self._closed = True
            for worker in self._workers:
                worker.end()
            for job in self._jobs:
                job.give_up()
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        self._watch.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _is_done_here(self, task: Task) -> bool:
        """Whether a task is so small, as all before it were, that no worker is started for it."""
        if self._threads or not task.plain or task.weight > _SMALL or self._here + task.weight > _SMALL_ALL:
            return False
        self._here += task.weight
        return True

    def _submit(self, task: Task) -> _Job:
        job = _Job(task)
        with self._lock:
            self._jobs.add(job)
            if len(self._threads) < min(self._count, len(self._jobs)):
                thread = threading.Thread(target=self._work, name="citewell-reading", daemon=True)
                self._threads.append(thread)
                thread.start()
        self._queue.put(job)
        return job

    def _work(self) -> None:
        """What each thread does: it has one worker at a time, and hands it one task after the other."""
        worker: Worker | None = None
        try:
            while (job := self._queue.get()) is not None:
                try:
                    worker = self._do(job, worker)
                except _GivenUp:
                    return
                except BaseException as error:  # noqa: BLE001 - raised again where the results are waited for
                    worker = None
                    job.finish(error)
                finally:
                    with self._lock:
                        self._jobs.discard(job)
        finally:
            if worker is not None:
                self._drop(worker)

    def _do(self, job: _Job, worker: Worker | None) -> Worker | None:
        """Do a job with a worker, or with several, one after the other, where one is lost; returns the last."""
        task: Task | None = job.task
        lost = 0
        allowance = self._allowance(job.task)
        while task is not None:
            if worker is None:
                worker = self._start()
            begun = task.resume
            try:
                for size, prepared in worker.ask(task, allowance):
                    if prepared is None:
                        begun += 1
                    else:
                        job.put(size, prepared)
                break
            except Died as died:
                self._drop(worker)
                worker = None
                if self._closed:
                    raise _GivenUp from died
                lost += 1
                job.put(0, task.lost(begun, str(died)))
                task = task.after(begun)
                if task is not None and isinstance(task, ReadFile) and (lost >= _LOST or allowance.left <= 0):
                    job.put(0, Skipped(task.path, "the rest of it is left out, for it takes too long", unfinished=True))
                    break
                if isinstance(task, PrepareSources):
                    allowance = self._allowance(task)
        job.finish()
        return worker

    def _allowance(self, task: Task) -> Allowance:
        seconds, now = self._limits.seconds, time.monotonic()
        if isinstance(task, PrepareSources):
            return Allowance(seconds, now + seconds * len(task.sources))
        if task.single:
            return Allowance(seconds, now + seconds)
        return Allowance(seconds / 2, now + seconds * (1 + task.weight // _BYTES_A_DOCUMENT))

    def _start(self) -> Worker:
        worker = Worker(self._limits, self._watch)
        with self._lock:
            self._workers.add(worker)
            closed = self._closed
        if closed:
            self._drop(worker)
            raise _GivenUp
        return worker

    def _drop(self, worker: Worker) -> None:
        with self._lock:
            self._workers.discard(worker)
        worker.close()


class _GivenUp(Exception):
    """Nobody waits for the results any more."""


class _Job:
    """A task under way: a thread puts its results in as another takes them out."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._results: deque[tuple[int, Prepared]] = deque()
        self._size = 0
        self._done = False
        self._given_up = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()

    def put(self, size: int, result: Prepared) -> None:
        """Add a result, of so many bytes, when there is room.

        Raises:
            _GivenUp: when nobody waits for it.
        """
        with self._changed:
            while self._size >= _WAITING and not self._given_up:
                self._changed.wait()
            if self._given_up:
                raise _GivenUp
            self._results.append((size, result))
            self._size += size
            self._changed.notify_all()

    def finish(self, error: BaseException | None = None) -> None:
        """Say that there are no more."""
        with self._changed:
            self._done, self._error = True, error
            self._changed.notify_all()

    def give_up(self) -> None:
        """Say that nobody waits any more."""
        with self._changed:
            self._given_up = True
            self._changed.notify_all()

    def results(self) -> Iterator[Prepared]:
        """All results, as they come; raises what kept the task from being done."""
        while True:
            with self._changed:
                while not self._results and not self._done:
                    self._changed.wait(_LOOK_UP)
                if not self._results:
                    break
                size, result = self._results.popleft()
                self._size -= size
                self._changed.notify_all()
            yield result
        if self._error is not None:
            raise self._error


def _in_order(waiting: deque[_Job | _Other], jobs: int) -> Iterator[Prepared | _Other]:
    """Take the first of those that wait, until no more than so many are jobs."""
    left = sum(isinstance(each, _Job) for each in waiting)
    while waiting and (left > jobs or not isinstance(waiting[0], _Job)):
        each = waiting.popleft()
        if isinstance(each, _Job):
            left -= 1
            yield from each.results()
        else:
            yield each


def _nothing() -> None:
    pass
