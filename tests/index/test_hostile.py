"""A corpus of hostile files: each is read or left out, in bounded time and memory, and the index is whole after it."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from index.build import build_index
from index.check import check_index
from index.reading import ahead
from index.reading.worker import Limits, Worker
from index.store.database import DATABASE
from tests.index import hostile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from index.reading.tasks import Prepared, Task
    from index.reading.worker import Allowance

ROOT = Path(__file__).parents[2]
_END = 5.0
"""Seconds that the end of a worker may take: the look at the clock, the kill, and the wait for it on a busy machine."""
STORY = """Ferry Runs Aground Off Lindesnes

The harbour of Lindesnes was closed on Monday after a ferry ran aground in heavy fog, the mayor said.
"""


class Timed(Worker):
    """A worker that notes how long each document took, the time that is waited for it, as it is limited; and how much
    memory it has held by then."""

    greatest: ClassVar[dict[str, float]] = {}
    """By path, of the documents in it."""
    memory: ClassVar[int] = 0
    """Bytes, the most of all workers. What the system says of a child that has ended is no use: it begins with what its
    parent held."""

    def ask(self, task: Task, allowance: Allowance) -> Iterator[tuple[int, Prepared | None]]:
        found, spent = super().ask(task, allowance), 0.0
        try:
            while True:
                started = time.monotonic()
                each = next(found, None)
                spent += time.monotonic() - started
                if each is None:
                    return
                if each[1] is None:  # a document begins
                    spent = self.note(task.path, spent)
                yield each
        finally:
            self.note(task.path, spent)

    def note(self, path: str, seconds: float) -> float:
        self.greatest[path] = max(seconds, self.greatest.get(path, 0.0))
        with contextlib.suppress(OSError):  # it is gone: ended at one of its limits
            status = Path(f"/proc/{self._process.pid}/status").read_text()
            held = next((line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")), "0")
            Timed.memory = max(Timed.memory, int(held) * 1024)
        return 0.0


def by_kind(greatest: dict[str, float]) -> dict[str, float]:
    """The greatest time of each kind of file, the longest first."""
    kinds: dict[str, float] = {}
    for path, seconds in greatest.items():
        kind = Path(path).name.partition("-")[2]
        kinds[kind] = max(seconds, kinds.get(kind, 0.0))
    return dict(sorted(kinds.items(), key=lambda each: -each[1]))


def index_hostile(tmp_path: Path, count: int, encoder: Any) -> tuple[int, int, dict[str, float]]:
    """Index a corpus; how many files were read, the most memory of a worker in bytes, the greatest time of each kind.

    To be called in a process of its own: all its workers are timed.
    """
    ahead.Worker = Timed  # type: ignore[misc]
    folder = tmp_path / "articles"
    paths = hostile.make(folder, count)
    (folder / "a-story.txt").write_text(STORY)
    (folder / "z-story.txt").write_text(STORY.replace("Monday", "Friday"))
    report = build_index([folder], tmp_path / "index", encoder=encoder)
    named = {each.path for each in report.skipped}
    with sqlite3.connect(tmp_path / "index" / DATABASE) as database:
        read = {row[0] for row in database.execute("SELECT path FROM files")}
    database.close()
    assert {str(folder / name) for name in ("a-story.txt", "z-story.txt")} <= read
    unheard = [path.name for path in paths if str(path) not in named | read]
    assert not unheard, f"neither read nor left out: {unheard}"
    assert check_index(tmp_path / "index", mend=False).problems == ()
    again = build_index([folder / "z-story.txt"], tmp_path / "index", encoder=encoder)
    assert again.files_unchanged == 1
    return len(read) - 2, Timed.memory, by_kind(Timed.greatest)


PROGRAM = """
import json, sys
from pathlib import Path
from tests.conftest import TinyEncoder
from tests.index.test_hostile import index_hostile
print(json.dumps(index_hostile(Path(sys.argv[1]), int(sys.argv[2]), TinyEncoder())))
"""


def in_a_process_of_its_own(tmp_path: Path, count: int) -> tuple[int, int]:
    """As `index_hostile`.

    The times are printed, and compared with what the product ends workers at, which looks once a second.
    """
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), str(count)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    read, memory, times = json.loads(done.stdout.splitlines()[-1])
    print("\nseconds that a document of each kind took at most:")
    print("\n".join(f"{seconds:6.2f}  {kind}" for kind, seconds in times.items()))
    assert max(times.values()) < Limits().seconds + _END
    return read, memory


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is Linux's")
def test_a_file_of_each_hostile_kind(tmp_path):
    _, memory = in_a_process_of_its_own(tmp_path, len(hostile.KINDS))
    assert memory < 600_000_000  # of 512 MB for data, and what of libraries is mapped from disk


@pytest.mark.exhaustive
@pytest.mark.timeout(7200)
@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is Linux's")
def test_a_thousand_hostile_files(tmp_path):
    read, memory = in_a_process_of_its_own(tmp_path, 1000)
    print(f"{read} of 1,000 read, {memory / 1e6:.0f} MB")
    assert memory < 600_000_000
    shutil.rmtree(tmp_path / "articles")


def test_the_corpus_is_the_same_for_the_same_seed(tmp_path):
    first, second = (hostile.make(tmp_path / name, 20, seed=3) for name in ("a", "b"))
    noise = [number for number, path in enumerate(first) if "-noise" in path.name or "-long" in path.name]
    assert len(noise) == 5
    assert [first[number].read_bytes() for number in noise] == [second[number].read_bytes() for number in noise]
