from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest

from index.errors import CitewellError, StoreNotFound
from tests.ui.wire import Wire
from ui.loading import LoadingEngine

ROOT = Path(__file__).parents[2]


class Closable:
    def __init__(self, engine):
        self._engine = engine
        self.closed = Event()

    def ask(self, question, **options):
        return self._engine.ask(question, **options)

    def article(self, article_id):
        return self._engine.article(article_id)

    def close(self):
        self.closed.set()


def test_a_question_waits_for_the_models(engine):
    go_on, closable = Event(), Closable(engine)

    def load(say):
        say("Reading the articles … 1 of 2")
        assert go_on.wait(60)
        return closable

    loading = LoadingEngine(load)
    while loading.report()["line"] != "Reading the articles … 1 of 2":
        pass
    assert loading.status == "loading"
    go_on.set()
    assert loading.ask("When does the harbour close?").answered
    assert loading.report() == {"status": "ready", "line": ""}
    assert loading.article(next(iter(engine.told))).title
    loading.wait()
    loading.close()
    assert closable.closed.is_set()


def test_an_engine_that_comes_too_late_is_closed(engine):
    go_on, closable = Event(), Closable(engine)
    loading = LoadingEngine(lambda say: closable if go_on.wait(60) else None)
    loading.close()
    go_on.set()
    assert closable.closed.wait(60)


@pytest.mark.parametrize(
    ("error", "line"),
    [(StoreNotFound("there is no index in x"), "there is no index in x"), (OSError("inside"), "could not be loaded")],
)
def test_what_could_not_be_loaded_is_told_everywhere(error, line):
    def load(say):
        raise error

    loading = LoadingEngine(load)
    with pytest.raises(type(error)) as caught:
        loading.wait()
    assert caught.value is error
    for call in (lambda: loading.ask("Why?"), lambda: loading.article("x"), lambda: loading.store):
        with pytest.raises(CitewellError, match=line):
            call()
    report = loading.report()
    assert report["status"] == "failed"
    assert line in report["line"]


@pytest.mark.browser
def test_the_page_is_up_while_the_models_load_and_says_so(serve, engine, open_page):
    go_on = Event()

    def load(say):
        say("Embedding the passages … 3 of 20 <b>")
        assert go_on.wait(120)
        return Closable(engine)

    app = serve(LoadingEngine(load))
    wire = Wire(app.url)
    assert wire.get("/healthz").json()["status"] == "loading"
    opened = open_page(app.url)
    try:
        opened.page.wait_for_selector("#loading")
        assert opened.page.inner_text("#loading") == "Embedding the passages … 3 of 20 <b>"
        opened.page.fill("#question textarea", "When does the harbour close?")
        opened.page.click("#send")
        opened.page.wait_for_selector("#chat .pending")
    finally:
        go_on.set()
    opened.wait_for_answers(1)
    opened.page.wait_for_selector("#loading", state="detached")
    assert wire.get("/healthz").json()["status"] == "ready"
    assert opened.page.locator("#chat .answered").count() == 1
    assert not opened.errors + opened.outside


@pytest.mark.browser
def test_a_failure_is_shown_in_the_page(serve, open_page):
    def load(say):
        raise StoreNotFound("there is no index in <img src=x onerror=alert(1)>")

    opened = open_page(serve(LoadingEngine(load)).url)
    opened.page.wait_for_selector("#loading.failed")
    assert opened.page.inner_text("#loading") == "there is no index in <img src=x onerror=alert(1)>"
    opened.ask("Why?")
    assert "there is no index in <img" in opened.page.inner_text("#chat .problem")


WATCHED = """
import sys
from pathlib import Path
from tests.ui.served import watch
from ui.cli import main
watch(Path("no secret at all"), Path(sys.argv.pop(1)))
main()
"""


def serve_command(*arguments, watched=None):
    start = ["-m", "ui.cli"] if watched is None else ["-c", WATCHED, str(watched)]
    command = [sys.executable, *start, "serve", "--port", "0", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_failed_load_ends_the_command_with_its_line_and_exit_code(tmp_path):
    process = serve_command("--index", str(tmp_path / "nothing"))
    out, errors = process.communicate(timeout=120)
    assert process.returncode == StoreNotFound.exit_code
    assert out == ""
    lines = errors.strip().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("The page is at http://127.0.0.1:")
    assert lines[1].startswith("citewell: ")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="Ctrl+C is sent as a signal of POSIX")
def test_the_command_serves_the_models_calls_nobody_and_ends_quietly(seeds_index, tmp_path):
    events = tmp_path / "events.txt"
    process = serve_command("--index", str(seeds_index), watched=events)
    try:
        url = process.stderr.readline().split()[4].rstrip(";")
        assert process.stdout.readline() == f"citewell is ready at {url} — press Ctrl+C to stop\n"
        wire = Wire(url)
        assert wire.get("/healthz").json()["status"] == "ready"
        assert "90-minute" in wire.ask("How long was the call between Putin and Trump?")
    finally:
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
    assert (process.returncode, out, errors) == (0, "", "")
    assert events.read_text("utf-8") == ""
