"""An engine that is still loading: the page is up meanwhile, and says what it waits for."""

from __future__ import annotations

from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Protocol

from index.errors import CitewellError
from ui.admission import Admission, AdmittingEngine, places

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from rag.types import Answer, ArticleView
    from ui.turns import AnswersQuestions

    class ClosableEngine(AnswersQuestions, Protocol):
        """What is loaded."""

        def close(self) -> None:
            """Let go of the index's files."""
            ...


__all__ = ["LoadingEngine"]

_START = "Loading the models …"
_UNEXPECTED = "The models could not be loaded. The terminal that runs citewell says why."


class LoadingEngine:
    """An engine from the moment it begins to load.

    Questions and articles wait until it is there; when it cannot be loaded they get the error.

    Args:
        load: loads it, in a thread of its own; it is given a function that takes a line about what it is doing.
    """

    def __init__(self, load: Callable[[Callable[[str], None]], ClosableEngine]) -> None:
        self._load = load
        self._doing = _START
        self._engine: AdmittingEngine | None = None
        self._error: BaseException | None = None
        self._done = Event()
        self._told = Event()
        self._watched = False
        self._closed = False
        self._lock = Lock()
        Thread(target=self._run, name="loading", daemon=True).start()

    def _run(self) -> None:
        try:
            engine = self._load(self._say)
        except BaseException as error:  # noqa: BLE001 - raised again in whoever waits for the engine
            self._error = error
        else:
            with self._lock:
                # Limited from here on: the wait for the models is no wait for one's turn.
                self._engine = AdmittingEngine(engine, Admission(places=places()))
                late = self._closed
            if late:
                engine.close()
        self._done.set()

    def _say(self, line: str) -> None:
        self._doing = line

    @property
    def status(self) -> str:
        """`loading`, `ready` or `failed`."""
        if not self._done.is_set():
            return "loading"
        return "ready" if self._error is None else "failed"

    def report(self) -> dict[str, Any]:
        """How far it is, for the page: `{status, line}`; `line` says what is done, or what went wrong."""
        status = self.status
        self._watched = True
        if status == "loading":
            return {"status": status, "line": self._doing}
        if status == "ready":
            return {"status": status, "line": ""}
        self._told.set()
        return {"status": status, "line": self._problem()}

    def _problem(self) -> str:
        return str(self._error) if isinstance(self._error, CitewellError) else _UNEXPECTED

    def wait(self) -> None:
        """Returns when the engine is there.

        Raises:
            BaseException: what loading it raised; a page that is open has been told, if it still asks.
        """
        while not self._done.wait(1):  # in short waits: on Windows, Ctrl+C does not end a long one
            pass
        if self._error is not None:
            if self._watched:
                self._told.wait(5)
            raise self._error

    def _ready(self) -> AdmittingEngine:
        self._done.wait()
        if self._engine is None:
            raise CitewellError(self._problem()) from self._error
        return self._engine

    def ask(self, question: str, *args: Any, **options: Any) -> Answer:
        """The engine's answer, once it is there.

        Raises:
            CitewellError: as the engine, and when it could not be loaded.
        """
        return self._ready().ask(question, *args, **options)

    def article(self, article_id: str) -> ArticleView:
        """The engine's article, once it is there.

        Raises:
            CitewellError: as the engine, and when it could not be loaded.
        """
        return self._ready().article(article_id)

    def __getattr__(self, name: str) -> Any:
        """Whatever else the engine has, once it is there: not to be asked for while the page is laid out."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._ready(), name)

    def close(self) -> None:
        """Lets go of the engine, now or when it is there."""
        with self._lock:
            self._closed = True
            engine = self._engine
        if engine is not None:
            engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
