"""`citewell watch`: what it prints, and how it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from index.build import BuildReport
from index.store.base import IndexInfo
from index.types import Skipped
from rag.watch_cli import update_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import sys, zlib
import numpy as np
import typer
import index.watch
from index.encoder import EncoderIdentity
from rag.watch_cli import watch

class Encoder:
    identity = EncoderIdentity("tiny", "tiny-8", 8)

    def encode(self, texts, *, progress=None):
        return np.stack([np.eye(8, dtype=np.float32)[zlib.crc32(text.encode()) % 8] for text in texts])

index.watch.load_encoder = lambda name: Encoder()
app = typer.Typer(pretty_exceptions_enable=False)
app.command()(watch)
app()
"""


def report(added: int, removed: int, holds: int, *skipped: Skipped) -> BuildReport:
    info = IndexInfo("/index", holds, 0, 0, 0, "tiny", 0, 1, 1)
    return BuildReport(0, 0, added, removed, 0, 0, 0, 0, 0, 0, 0, skipped, (), None, 0.1, info)


@pytest.mark.parametrize(
    ("added", "removed", "holds", "line"),
    [
        (2, 1, 34, "2 articles added, 1 removed; 34 in the index"),
        (1, 0, 1, "1 article added; 1 in the index"),
        (0, 1_200, 0, "1,200 articles removed; 0 in the index"),
        (0, 0, 1, "nothing new; 1 article in the index"),
        (0, 0, 12_000, "nothing new; 12,000 articles in the index"),
    ],
)
def test_the_line_of_an_update(added: int, removed: int, holds: int, line: str) -> None:
    assert update_lines(report(added, removed, holds)) == [line]


def test_what_was_left_out_is_named_and_cannot_disturb_the_terminal() -> None:
    skipped = [Skipped(f"/news/two\nlines\x1b[1m\udce9{n}.txt", "no\ntext", line=n or None) for n in range(30)]
    lines = update_lines(report(0, 0, 3, *skipped))
    assert lines[1] == "  left out: /news/two lines\ufffd[1m\ufffd0.txt: no text"
    assert lines[2] == "  left out: /news/two lines\ufffd[1m\ufffd1.txt:1: no text"
    assert lines[-1] == "  and 10 more"
    assert len(lines) == 22


@contextmanager
def running(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, encoding="utf-8") as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


@pytest.mark.timeout(60)
@pytest.mark.skipif(sys.platform == "win32", reason="other signals there")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_a_line_for_each_update_until_it_is_ended(tmp_path: Path, end: signal.Signals) -> None:
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "a.txt").write_text("The ferry ran aground near Lindesnes on Monday.")
    with running(folder, "--index", tmp_path / "index", *(["--poll"] if end is signal.SIGTERM else [])) as process:
        assert line_of(process) == "1 article added; 1 in the index"
        temporary = folder / "temporary"
        temporary.write_text("A museum of glass opened in Murano on Friday.")
        temporary.rename(folder / "b.txt")
        assert line_of(process) == "1 article added; 2 in the index"
        (folder / "b.txt").unlink()
        assert line_of(process) == "1 article removed; 1 in the index"
        (folder / "a.txt").unlink()
        assert process.stderr is not None
        problem = process.stderr.readline()
        assert problem.startswith("citewell: 1 of 1 articles below ")
        assert "--yes-remove" in problem
        process.send_signal(end)
        assert process.wait(10) == 0
        assert process.stdout is not None
        assert (process.stdout.read(), process.stderr.read()) == ("", "")


@pytest.mark.timeout(60)
def test_what_was_left_out_and_yes_remove(tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "a.txt").write_text("The ferry ran aground near Lindesnes on Monday.")
    (folder / "b.xyz").write_bytes(b"%PDF")
    with running(folder, "--index", tmp_path / "index", "--yes-remove") as process:
        assert line_of(process) == "1 article added; 1 in the index"
        assert line_of(process).startswith(f"  left out: {folder / 'b.xyz'}: unknown format .xyz")
        (folder / "a.txt").unlink()
        assert line_of(process) == "1 article removed; 0 in the index"
