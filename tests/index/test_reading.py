"""Reading ahead: the same as one after the other, and no file that hangs, swells or breaks its reader stops it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import index.reading.ahead
from index.build import build_index
from index.reading.ahead import Ahead
from index.reading.worker import Limits
from index.types import Skipped, Source
from tests.index import documents
from tests.index.odd_task import Odd, texts
from tests.index.test_build import contents
from tests.index.test_formats import PARAGRAPHS, TITLE

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of memory there")
@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("hang", "one document has 2 seconds"),
        ("swell", "takes more than 512 MB"),
        ("abort", "signal 6"),
        ("exit", "exit code 3"),
    ],
)
def test_only_the_text_that_breaks_its_reader_is_left_out(what: str, reason: str) -> None:
    with Ahead(Limits(seconds=2.0), workers=1) as ahead:
        ahead.expect(1_000_000)
        found = list(ahead.run([Odd(texts(5), what, 2), "end"]))
    assert found[-1] == "end"
    lost = found.pop(2)
    assert isinstance(lost, Skipped)
    assert (lost.line, reason in lost.reason) == (2, True), lost
    assert [each.reason for each in found[:-1]] == ["text 0", "text 1", "text 3", "text 4"]


def test_what_stands_between_tasks_stays_there() -> None:
    items: list[Any] = []
    for number in range(60):
        items += [Odd((Source("/a", f"{number}", number),), at=-1), f"after {number}"]
    with Ahead(workers=3) as ahead:
        ahead.expect(1_000_000)
        found = list(ahead.run(items))
    assert [each.reason if isinstance(each, Skipped) else each for each in found] == [
        each for number in range(60) for each in (f"{number}", f"after {number}")
    ]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    folder.mkdir()
    for name, make in documents.MAKERS.items():
        for number in range(2):
            varied = [each.replace("Monday", f"day {number}") for each in PARAGRAPHS]
            (folder / f"{number}-{name}").write_bytes(make(f"{TITLE} Again {number}", varied))
    words = "The harbour number %d was closed on Monday, the mayor said."
    lines = [json.dumps({"text": words % number}) for number in range(300)]
    (folder / "news.jsonl").write_text("\n".join([*lines[:150], "{broken", *lines[150:]]))
    (folder / "z.txt").write_text("\n\n".join([TITLE, *PARAGRAPHS]))
    return folder


def test_an_index_is_the_same_with_workers_and_without(corpus, tmp_path, tiny_encoder, monkeypatch):
    reports = []
    for name, small in (("ahead", 0), ("here", 10**9)):
        with monkeypatch.context() as patch:
            patch.setattr(index.reading.ahead, "_SMALL", small)
            patch.setattr(index.reading.ahead, "_SMALL_ALL", small)
            if small:
                patch.setattr(Ahead, "_is_done_here", lambda self, task: True)
            reports.append(build_index([corpus], tmp_path / name, encoder=tiny_encoder))
    ahead, here = reports
    assert contents(tmp_path / "ahead") == contents(tmp_path / "here")
    assert (ahead.skipped, ahead.articles_added, ahead.passages_added) == (
        here.skipped,
        here.articles_added,
        here.passages_added,
    )
    assert ahead.articles_added > 300


def test_a_few_small_text_files_start_no_worker(tmp_path, tiny_encoder, monkeypatch):
    def refuse(*args: object) -> None:
        raise AssertionError("a worker was started")

    monkeypatch.setattr(index.reading.ahead, "Worker", refuse)
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "a.txt").write_text("\n\n".join([TITLE, *PARAGRAPHS]))
    (folder / "b.jsonl").write_text('{"text": "The harbour was closed on Monday, the mayor said."}\n')
    assert build_index([folder], tmp_path / "index", encoder=tiny_encoder).articles_added == 2


def test_a_reader_that_cannot_be_started_is_an_error(tmp_path, tiny_encoder, monkeypatch):
    from index.errors import ArticlesError

    path = tmp_path / "a.html"
    path.write_bytes(documents.html(TITLE, PARAGRAPHS))
    monkeypatch.setattr(index.reading.worker, "_PROGRAM", "raise SystemExit('no such module')")
    with pytest.raises(ArticlesError, match=r"did not start .*no such module"):
        build_index([path], tmp_path / "index", encoder=tiny_encoder)


PROGRAM = """
import sys, time
from pathlib import Path
from index.reading.ahead import Ahead
from index.reading.worker import Limits
from tests.index.odd_task import Odd, texts
with Ahead(Limits(seconds=1.0), workers=2) as ahead:
    ahead.expect(1_000_000)
    found = ahead.run([Odd(texts(3), "hang", 1) for _ in range(4)])
    print(next(found), *(each._process.pid for each in ahead._workers), flush=True)
    next(found)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("end", ["interrupt", "kill"])
def test_no_worker_outlives_the_program(end: str) -> None:
    import signal

    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        *_, first = process.stdout.readline().split(") ")
        workers = [int(each) for each in first.split() if each.isdigit()]
        assert workers
        process.send_signal(signal.SIGINT if end == "interrupt" else signal.SIGKILL)
        process.wait(60)
    gone = threading.Event()
    for _ in range(300):  # a worker that hangs ends itself after its time and five seconds
        if not any(Path(f"/proc/{pid}/stat").exists() and _alive(pid) for pid in workers):
            gone.set()
            break
        gone.wait(0.1)
    assert gone.is_set()


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False
