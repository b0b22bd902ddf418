"""The page, served: `launch` puts what `build_app` lays out behind the guard."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import webbrowser
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from index.errors import CitewellError
from ui.admission import MOST_EVENTS, Admission, AdmittingEngine, places
from ui.article_routes import ArticleRoutes
from ui.guard import Gate, Guard
from ui.hosts import LOOPBACK, public_name
from ui.library import Library
from ui.loading import LoadingEngine
from ui.page import SAMPLE_QUESTIONS, build_app, load_gradio
from ui.panel import asset, style
from ui.payload import Calls
from ui.sessions import GRACE, MOST_SESSIONS, Sessions
from ui.turns import AnswersQuestions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    import gradio as gr

    from ui.auth import Login
    from ui.takeaway import KeepsVotes

__all__ = ["SAMPLE_QUESTIONS", "AnswersQuestions", "RunningApp", "build_app", "launch"]

_PROXIES = "FORWARDED_ALLOW_IPS"

# What of Gradio stays off. Most of it is not reachable either: see ui.guard.
_CLOSED = {
    "prevent_thread_lock": True,
    "quiet": True,
    "inbrowser": False,
    "share": False,
    "show_error": False,
    "footer_links": [],
    "run_history": False,
    "enable_monitoring": False,
    "ssr_mode": False,
    "pwa": False,
    "mcp_server": False,
    "num_workers": 0,
    "max_file_size": "1kb",
    "state_session_capacity": MOST_SESSIONS,
    # Questions that wait for their turn hold one each; articles are given by the others.
    "max_threads": 2 * MOST_EVENTS,
}


class RunningApp:
    """A page that is being served.

    Attributes:
        url: where it is, without a slash at the end.
        port: the port it listens on.
    """

    def __init__(self, demo: gr.Blocks, url: str, port: int) -> None:
        self._demo = demo
        self._closed = threading.Event()
        self.url = url
        self.port = port

    def wait(self) -> None:
        """Returns when the page is closed, or when the user presses Ctrl+C, which closes it."""
        try:
            while not self._closed.wait(1):  # in short waits: on Windows, Ctrl+C does not end a long one
                pass
        except KeyboardInterrupt:
            self.close()

    def close(self) -> None:
        """Stops serving; a second call does nothing."""
        if not self._closed.is_set():
            self._closed.set()
            self._demo.close(verbose=False)

    def __enter__(self) -> RunningApp:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def launch(
    engine: AnswersQuestions,
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    examples: Sequence[str] = SAMPLE_QUESTIONS,
    votes: KeepsVotes | None = None,
    block: bool = True,
    open_browser: bool = False,
    login: Login | None = None,
    allow_hosts: Collection[str] = (),
    keep_closed: float = GRACE,
) -> RunningApp:
    """Serves the page.

    Args:
        engine: answers the questions and gives the articles; with a `LoadingEngine`, the page is up while it loads;
            with a `Library` that can be changed, articles can be added and removed on it.
        host: the address to listen on. Without a login, on anything but loopback, everybody who reaches the address
            reads the articles.
        port: the port to listen on; 0 takes a free one.
        examples: questions offered as buttons.
        votes: where votes on answers go; None: the page asks for none.
        block: return only when the page is closed or the user presses Ctrl+C.
        open_browser: open the page in the user's browser.
        login: the name and password that everybody has to give.
        allow_hosts: names under which a proxy passes requests on, with their Host header as it came. With any, a proxy
            on this machine is believed what it says of the client's address and of TLS.
        keep_closed: seconds that a conversation is kept after its page was closed.

    Raises:
        CitewellError: the address cannot be listened on, or one of `allow_hosts` is no name.
    """
    from starlette.middleware import Middleware

    name = host.strip("[]")
    port = _free_port(name, port)
    everywhere = name in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
    names = {*LOOPBACK, name.lower(), *({socket.gethostname(), socket.getfqdn()} if everywhere else ())}
    # Gradio asks its own server once at the start: not by way of a proxy.
    for variable in ("NO_PROXY", "no_proxy"):
        excepted = [each for each in os.environ.get(variable, "").split(",") if each]
        os.environ[variable] = ",".join(dict.fromkeys([*excepted, *sorted(LOOPBACK), name]))
    names |= {public_name(each) for each in allow_hosts}
    gate = Gate(frozenset(each.strip("[]").lower() for each in names), everywhere, login=login)
    gate.sessions = Sessions(grace=keep_closed)
    library = engine if isinstance(engine, Library) else Library(engine)
    first = library.engine
    if isinstance(first, LoadingEngine):
        gate.loading = first.report
    else:
        library.engine = AdmittingEngine(first, Admission(places=places()))
    gate.health = _health(first)
    script = f"<script>{asset('loading.js')}</script>" if isinstance(first, LoadingEngine) else ""
    everything = {
        "theme": _theme(),
        # In the head, not as `css`: Gradio would put its own container before every selector, and load it late.
        "head": f"<style>{style()}</style>{script}",
        "server_name": f"[{name}]" if ":" in name else name,
        "server_port": port,
        "app_kwargs": {
            "docs_url": None,
            "redoc_url": None,
            "openapi_url": None,
            "middleware": [Middleware(Guard, gate=gate), Middleware(ArticleRoutes, library=library)],
        },
        **_CLOSED,
    }
    started: list[gr.Blocks] = []

    def start() -> None:
        demo = build_app(library, examples=examples, votes=votes)
        gate.calls = calls_of(demo)
        app, _, _ = demo.launch(**everything)
        gate.sessions.watch(app)
        logging.getLogger("uvicorn.error").addFilter(_tells_something)
        gate.started = True
        started.append(demo)

    try:
        with _proxies(believed=bool(allow_hosts)):
            _in_an_event_loop(start)
    except OSError as error:  # somebody took the port since it was tried
        raise CitewellError(_taken(name, port, error)) from error
    url_name = ("::1" if name == "::" else "127.0.0.1") if everywhere else name
    running = RunningApp(started[0], f"http://{f'[{url_name}]' if ':' in url_name else url_name}:{port}", port)
    if open_browser:
        webbrowser.open(running.url)
    if block:
        running.wait()
    return running


def _tells_something(record: logging.LogRecord) -> bool:
    """What is no HTTP at all is refused; that anybody can fill the log with it helps nobody."""
    return "Invalid HTTP request" not in record.getMessage()


def calls_of(demo: gr.Blocks) -> Calls:
    """The events that a page has and the kinds of their inputs, and the server functions of its components."""
    functions = {}
    for number, block in demo.blocks.items():
        names = frozenset(function.__name__ for function in getattr(block, "server_fns", ()))
        if names:
            functions[number] = names
    events = {}
    for number, event in demo.fns.items():
        if event.fn is not None:  # others run in the browser alone
            events[number] = tuple(block.get_block_name() for block in event.inputs)
    return Calls(events, functions)


def _health(engine: AnswersQuestions) -> Callable[[], dict[str, Any]]:
    try:
        release = version("citewell")
    except PackageNotFoundError:  # run in a checkout that is not installed
        release = None

    def health() -> dict[str, Any]:
        return {"status": engine.status if isinstance(engine, LoadingEngine) else "ready", "version": release}

    return health


@contextmanager
def _proxies(*, believed: bool) -> Iterator[None]:
    """Whether the server that starts meanwhile takes X-Forwarded-For and X-Forwarded-Proto from this machine.

    Uvicorn does, and Gradio lets nobody tell it otherwise but by this variable: whoever guesses passwords here would be
    another client with every guess. The variable stays as it is where the user set it.
    """
    if believed or _PROXIES in os.environ:
        yield
        return
    os.environ[_PROXIES] = ""
    try:
        yield
    finally:
        del os.environ[_PROXIES]


def _in_an_event_loop(action: Callable[[], None]) -> None:
    """Runs `action` in a thread that has a running event loop.

    Elsewhere Gradio makes six loops while it lays out and starts a page, and closes none of them. Its server, once
    started, runs in a loop of its own.
    """

    async def run() -> None:
        action()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, run()).result()


def _theme() -> Any:
    gr = load_gradio()
    # Names of fonts that the system has: nothing to fetch, and nothing that looks like every other Gradio page.
    sans = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
    mono = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
    return gr.themes.Base(primary_hue="neutral", neutral_hue="stone", font=list(sans), font_mono=list(mono))


def _free_port(host: str, port: int) -> int:
    """`port` if it can be listened on, or any free one for 0.

    Raises:
        CitewellError: it cannot.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if os.name == "posix":  # a port left behind in TIME_WAIT is free; elsewhere the option means "share it"
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    except (OSError, OverflowError) as error:
        raise CitewellError(_taken(host, port, error)) from error


def _taken(host: str, port: int, error: Exception) -> str:
    reason = getattr(error, "strerror", None) or str(error)
    return f"Cannot listen on {host}:{port} ({reason}). Choose another port: citewell serve --port {port % 65535 + 1}"
