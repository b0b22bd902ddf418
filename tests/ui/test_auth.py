from __future__ import annotations

import asyncio
import base64
import os
import pty
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner

from index.errors import CitewellError
from tests.ui.wire import Wire
from ui.auth import Login, PasswordHash, Throttle, hash_of, load_login

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse battery"


def cheap(password: str) -> PasswordHash:
    """A hash that takes no time."""
    from ui.auth import _scrypt

    return PasswordHash("saltsalt", _scrypt(password, "saltsalt", 2, 1, 1, 64), 2, 1, 1)


def basic(user: str, password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())


@pytest.fixture
def password_file(tmp_path):
    def write(text, mode=0o600):
        file = tmp_path / "password.txt"
        file.write_bytes(text.encode())
        file.chmod(mode)
        return f"ann:{file}"

    return write


def finished(coroutine):
    """In a thread of its own: where a browser is driven, this one has a loop already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def ask(login, user, password, address="192.0.2.1"):
    return finished(login.refusal(basic(user, password), address))


@pytest.mark.parametrize(
    "text", [PASSWORD, PASSWORD + "\r\nmore\n", "\ufeff" + PASSWORD + "\n", str(hash_of(PASSWORD))]
)
def test_the_first_line_is_the_password_or_its_hash(password_file, text):
    login = load_login(password_file(text))
    assert ask(login, "ann", PASSWORD) is None
    assert ask(login, "ann", PASSWORD + "x") == (401, 0.0)
    assert ask(login, "bob", PASSWORD) == (401, 0.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "0 characters"),
        ("\nsecond line", "0 characters"),
        ("short", "5 characters; expected a password of 8 or more"),
        ("scrypt:1:2:3$x$y", "expected scrypt:N:R:P"),
        ("scrypt:32767:8:1$saltsalt$" + "0" * 64, "expected scrypt:N:R:P"),
        ("scrypt:4194304:8:1$saltsalt$" + "0" * 64, "expected scrypt:N:R:P"),
    ],
)
def test_a_file_with_no_usable_password_is_one_clear_line(password_file, text, message):
    with pytest.raises(CitewellError, match=message) as caught:
        load_login(password_file(text))
    assert text == "" or text not in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_file_that_others_can_use_is_refused(password_file, mode):
    with pytest.raises(CitewellError, match="chmod 600"):
        load_login(password_file(PASSWORD, mode))


@pytest.mark.parametrize("option", ["", "ann", "ann:", ":file", "a\x00b:file", "ann:/nowhere/at/all"])
def test_an_option_that_names_no_file_is_one_clear_line(option):
    with pytest.raises(CitewellError, match="--auth"):
        load_login(option)


@pytest.mark.parametrize(
    "header", [b"", b"Basic", b"Basic !!!", b"Basic " + base64.b64encode(b"ann"), b"Bearer x", b"Basic " + b"A" * 9000]
)
def test_a_header_that_is_no_login_is_asked_again(header):
    assert finished(Login("ann", cheap(PASSWORD)).refusal(header, "x")) == (401, 0.0)


def test_guessing_gets_slower_and_the_right_password_waits_too():
    now = [0.0]
    login = Login("ann", cheap(PASSWORD), throttle=Throttle(clock=lambda: now[0]))
    assert ask(login, "ann", PASSWORD, "the office") is None
    for _ in range(5):
        assert ask(login, "ann", "a guess", "192.0.2.1") == (401, 0.0)
    assert ask(login, "ann", PASSWORD + " ", "192.0.2.1") == (429, 1.0)
    assert ask(login, "ann", "a guess", "192.0.2.2") == (401, 0.0)  # another address is not held up
    assert ask(login, "ann", PASSWORD, "192.0.2.1") is None  # and who is known is not, wherever
    waits = []
    for _ in range(12):
        now[0] += 1000
        ask(login, "ann", "a guess", "192.0.2.1")
        waits.append(ask(login, "ann", "a guess", "192.0.2.1")[1])
    assert waits == sorted(waits)
    assert waits[-1] == 60.0


def test_what_is_remembered_of_guessers_is_bounded():
    throttle = Throttle(most=10)
    for number in range(1000):
        throttle.failed(f"192.0.2.{number}")
    assert len(throttle) == 10
    for number in range(100):
        throttle.failed(f"2001:db8::{number:x}")
    assert len(throttle) == 10
    assert throttle.wait("2001:db8::ffff") > 0  # one network, one guesser


def test_only_a_few_guesses_wait_at_once():
    login = Login("ann", hash_of(PASSWORD))

    async def storm():
        return await asyncio.gather(*(login.refusal(basic("ann", f"guess {n}"), f"192.0.2.{n}") for n in range(40)))

    assert [status for status, _ in finished(storm())].count(429) == 40 - Login.MOST_WAITING


@pytest.fixture(scope="module")
def guarded(serve, engine):
    # A throttle that lets the tests guess.
    return serve(engine, login=Login("änn", cheap(PASSWORD), throttle=Throttle(free=1000)))


def test_every_route_asks_for_the_login_but_health(guarded):
    wire = Wire(guarded.url)
    paths = ["/", "/config", "/theme.css", "/loading", "/assets/x.js", "/gradio_api/heartbeat/x", "/nowhere"]
    paths += ["/gradio_api/queue/data?session_hash=x", "/gradio_api/startup-events"]
    for path in paths:
        reply = wire.get(path)
        assert reply.status == 401, path
        assert reply.headers["www-authenticate"].startswith("Basic ")
    for path in ("queue/join", "component_server", "cancel", "reset"):
        assert wire.post(f"/gradio_api/{path}", {}).status == 401
    assert wire.get("/healthz").status == 200


def test_with_the_login_it_is_the_page_and_its_secret_goes_no_further(guarded, caplog):
    wire = Wire(guarded.url, {"Authorization": basic("änn", PASSWORD).decode()})
    assert "ovember, the mayor said." in wire.ask("When does the harbour close?")
    assert wire.get("/gradio_api/startup-events").status == 404
    assert not [body for body in wire.received if PASSWORD.encode() in body or basic("änn", PASSWORD)[6:] in body]
    assert PASSWORD not in caplog.text
    for user, password in (("änn", "wrong"), ("ann", PASSWORD), ("", "")):
        refused = Wire(guarded.url, {"Authorization": basic(user, password).decode()})
        assert refused.get("/config").status == 401


def test_a_guesser_is_told_to_wait(serve, engine):
    app = serve(engine, login=Login("ann", cheap(PASSWORD), throttle=Throttle(free=3, clock=lambda: 0.0)))
    wire = Wire(app.url, {"Authorization": basic("ann", "guess").decode()})
    replies = [wire.get("/") for _ in range(5)]
    assert [reply.status for reply in replies] == [401, 401, 401, 429, 429]
    assert int(replies[-1].headers["retry-after"]) >= 1


def test_a_guesser_is_no_other_client_by_saying_so(serve, engine):
    def statuses(**options):
        throttle = Throttle(free=2, clock=lambda: 0.0)
        app = serve(engine, login=Login("ann", cheap(PASSWORD), throttle=throttle), **options)
        wire = Wire(app.url, {"Authorization": basic("ann", "guess").decode()})
        return [wire.get("/", X_Forwarded_For=f"192.0.2.{number}").status for number in range(4)]

    assert statuses() == [401, 401, 429, 429]
    # A proxy before the page says who asks: one who guesses there keeps nobody else out.
    assert statuses(allow_hosts=["news.example.org"]) == [401, 401, 401, 401]


@pytest.mark.browser
def test_the_browser_logs_in_once_for_the_whole_page(guarded, browser):
    context = browser.new_context(http_credentials={"username": "änn", "password": PASSWORD})
    context.set_default_timeout(20_000)
    try:
        page = context.new_page()
        refused = []
        page.on("response", lambda answer: refused.append(answer.url) if answer.status in (401, 403, 429) else None)
        page.goto(guarded.url)
        page.fill("#question textarea", "When does the harbour close?")
        page.click("#send")
        page.click("#chat .cite >> nth=0")
        page.wait_for_selector("#source mark.focus")
        assert not refused
    finally:
        context.close()


@pytest.fixture
def run():
    from rag import cli
    from ui import cli as with_serve

    assert with_serve.main is not None
    return lambda *arguments: CliRunner().invoke(cli.app, [*arguments])


def test_serve_refuses_a_login_that_it_cannot_read(run, password_file):
    result = run("serve", "--host", "0.0.0.0", "--auth", password_file("short"))
    assert result.exit_code == 1
    assert "expected a password of 8 or more" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.skipif(os.name != "posix", reason="asks on a terminal of POSIX")
def test_the_hash_is_written_to_a_file_that_only_the_user_can_read(tmp_path):
    file = tmp_path / "hash.txt"
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "ui.auth", str(file)], cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    # getpass throws away what was typed before it asked.
    for _ in range(2):
        seen = b""
        while b": " not in seen:
            seen += os.read(ours, 1024)
        os.write(ours, f"{PASSWORD}\n".encode())
    assert process.wait(60) == 0
    os.close(ours)
    assert file.stat().st_mode & 0o777 == 0o600
    assert PASSWORD not in file.read_text()
    assert ask(load_login(f"ann:{file}"), "ann", PASSWORD) is None
