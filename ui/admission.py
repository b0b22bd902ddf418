"""How many questions are read at once, and how many may wait for that."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from threading import Event, Lock, current_thread, main_thread
from typing import TYPE_CHECKING, Any

from index.errors import CitewellError
from index.yielding import yield_thread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.types import Answer, ArticleView
    from ui.turns import AnswersQuestions

__all__ = ["BUSY", "MOST_EVENTS", "Admission", "AdmittingEngine", "Busy", "places"]

MOST_WAITING = 64
"""Questions that wait while others are read: at a tenth of a second each, the last waits some seconds."""
MOST_EVENTS = 128
"""Events of the page that run at once: more than may wait, so that whoever finds no place is told at once."""
PATIENCE = 30.0
"""Seconds after which a question that waits is given up."""

BUSY = "Many are asking at this moment, and the page is busy. Ask again in a few seconds."


def places() -> int:
    """How many questions are read at once: more than there are cores would only make each of them slower."""
    from index.encoder import available_cores

    return max(2, available_cores())


class Busy(CitewellError):
    """No place is free."""


class Admission:
    """A room with a few places and a bounded queue before it, first come, first served.

    Args:
        places: how many are in at once.
        waiting: how many may wait.
        patience: seconds until one who waits is sent away.
    """

    def __init__(self, *, places: int, waiting: int = MOST_WAITING, patience: float = PATIENCE) -> None:
        self._free = places
        self._most = waiting
        self._patience = patience
        self._line: deque[Event] = deque()
        self._lock = Lock()

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place, held inside the `with`.

        Raises:
            Busy: too many wait already, or the wait took too long.
        """
        self._enter()
        try:
            yield
        finally:
            self._leave()

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return len(self._line)

    def _enter(self) -> None:
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return
            if len(self._line) >= self._most:
                raise Busy(BUSY)
            called = Event()
            self._line.append(called)
        if called.wait(self._patience):
            return
        with self._lock:
            if called in self._line:
                self._line.remove(called)
                raise Busy(BUSY)
        # Called at the very last moment: the place is ours.

    def _leave(self) -> None:
        with self._lock:
            # Handed over, not given back: nobody who comes now is faster than the first in the line.
            if self._line:
                self._line.popleft().set()
            else:
                self._free += 1


class AdmittingEngine:
    """An engine that reads a few questions at once; articles are given at any time.

    Threads that read stand back for the server's own, which has little to do and is waited for by everybody.

    Args:
        engine: answers.
        admission: the room.
    """

    def __init__(self, engine: AnswersQuestions, admission: Admission) -> None:
        self._engine = engine
        self._admission = admission

    def ask(self, question: str, *args: Any, **options: Any) -> Answer:
        """The engine's answer.

        Raises:
            Busy: see `Admission.place`.
            CitewellError: as the engine.
        """
        if current_thread() is not main_thread():  # that one is never the server's, and may have other work
            yield_thread()
        with self._admission.place():
            return self._engine.ask(question, *args, **options)

    def article(self, article_id: str) -> ArticleView:
        """The engine's article."""
        return self._engine.article(article_id)

    def __getattr__(self, name: str) -> Any:
        """Whatever else the engine has."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._engine, name)
