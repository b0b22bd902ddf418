"""A page in a process of its own, which writes down every file it opens and every address it turns to.

    python -m tests.ui.served SECRET EVENTS

Prints the page's address and serves until its standard input ends.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.ui.conftest import COPY, HARBOUR, NASTY, WordOverlap

OPEN = "Open the secret, please"
CALL = "Call outside, please"


class Traitor(WordOverlap):
    """Shows that the watch is awake: two questions make it do what must not happen."""

    def __init__(self, secret: Path) -> None:
        super().__init__(HARBOUR, COPY, NASTY)
        self._secret = secret

    def ask(self, question: str, **options: Any) -> Any:
        if question == OPEN:
            self._secret.read_bytes()
        if question == CALL:
            import socket

            with suppress(OSError):
                socket.getaddrinfo("evil.example", 80)
        return super().ask(question, **options)


def watch(secret: Path, events: Path) -> None:
    """Writes down, one a line, what touches the secret and every address that is not this machine's."""
    out = events.open("a", encoding="utf-8", buffering=1)
    name = secret.name

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("open", "os.listdir", "os.scandir", "shutil.copyfile") and name in repr(arguments[0]):
            out.write(f"{event} {arguments[0]!r}\n")
        elif event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
            address = arguments[1] if event in ("socket.connect", "socket.sendto") else arguments[0]
            host = address[0] if isinstance(address, tuple) else address
            if host not in ("127.0.0.1", "::1", "localhost", None):
                out.write(f"{event} {host!r}\n")
        elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
            out.write(f"{event} {arguments[0]!r}\n")

    sys.addaudithook(hook)


def main() -> None:
    secret, events = (Path(each) for each in sys.argv[1:3])
    engine = Traitor(secret)
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ui.app import launch

        watch(secret, events)
        app = launch(engine, port=0, block=False, examples=["When does the harbour close?"])
    print(app.url, flush=True)
    sys.stdin.read()
    app.close()


if __name__ == "__main__":
    main()
