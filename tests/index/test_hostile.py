"""A corpus of hostile files: each is read or left out, in bounded time and memory, and the index is whole after it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from index.build import build_index
from index.check import check_index
from index.store.database import DATABASE
from tests.index import hostile

ROOT = Path(__file__).parents[2]
STORY = """Ferry Runs Aground Off Lindesnes

The harbour of Lindesnes was closed on Monday after a ferry ran aground in heavy fog, the mayor said.
"""


def index_hostile(tmp_path: Path, count: int, encoder: Any) -> tuple[int, int]:
    """Index a corpus; returns how many files were read, and the most memory of a worker in bytes."""
    import resource

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
    assert [path for path in paths if str(path) not in named | read] == []
    assert check_index(tmp_path / "index", mend=False).problems == ()
    again = build_index([folder / "z-story.txt"], tmp_path / "index", encoder=encoder)
    assert again.files_unchanged == 1
    return len(read) - 2, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


PROGRAM = """
import json, sys
from pathlib import Path
from tests.conftest import TinyEncoder
from tests.index.test_hostile import index_hostile
print(json.dumps(index_hostile(Path(sys.argv[1]), int(sys.argv[2]), TinyEncoder())))
"""


def in_a_process_of_its_own(tmp_path: Path, count: int) -> tuple[int, int]:
    """As `index_hostile`: what is counted as the most memory is then that of its workers, and of no other child."""
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), str(count)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    read, memory = json.loads(done.stdout.splitlines()[-1])
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
    shutil.rmtree(tmp_path / "articles")


def test_the_corpus_is_the_same_for_the_same_seed(tmp_path):
    first, second = (hostile.make(tmp_path / name, 20, seed=3) for name in ("a", "b"))
    noise = [number for number, path in enumerate(first) if "-noise" in path.name or "-long" in path.name]
    assert len(noise) == 5
    assert [first[number].read_bytes() for number in noise] == [second[number].read_bytes() for number in noise]
