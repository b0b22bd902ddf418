"""A corpus of hostile files: each is read or left out, in bounded time and memory, and the index is whole after it."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from typing import TYPE_CHECKING, Any

import pytest

from index.build import build_index
from index.check import check_index
from index.reading.worker import Limits
from index.store.database import DATABASE
from tests.index import hostile

if TYPE_CHECKING:
    from pathlib import Path

STORY = """Ferry Runs Aground Off Lindesnes

The harbour of Lindesnes was closed on Monday after a ferry ran aground in heavy fog, the mayor said.
"""


def index_hostile(folder: Path, count: int, tmp_path: Path, encoder: Any, limits: Limits) -> tuple[int, int]:
    """Index a corpus; returns how many files were read, and the most memory of a worker in bytes."""
    import resource

    paths = hostile.make(folder, count)
    (folder / "a-story.txt").write_text(STORY)
    (folder / "z-story.txt").write_text(STORY.replace("Monday", "Friday"))
    report = build_index([folder], tmp_path / "index", encoder=encoder, limits=limits)
    named = {each.path for each in report.skipped}
    with sqlite3.connect(tmp_path / "index" / DATABASE) as database:
        read = {row[0] for row in database.execute("SELECT path FROM files")}
    database.close()
    assert {str(folder / name) for name in ("a-story.txt", "z-story.txt")} <= read
    assert [path for path in paths if str(path) not in named | read] == []
    assert check_index(tmp_path / "index", mend=False).problems == ()
    again = build_index([folder / "z-story.txt"], tmp_path / "index", encoder=encoder)
    assert again.files_unchanged == 1
    return len(read), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of memory there")
def test_a_file_of_each_hostile_kind(tmp_path, tiny_encoder):
    _, memory = index_hostile(tmp_path / "articles", len(hostile.KINDS), tmp_path, tiny_encoder, Limits())
    assert memory < 700_000_000  # what is mapped from disk, and the interpreter itself, are on top of 512 MB


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@pytest.mark.skipif(sys.platform == "win32", reason="no limit of memory there")
def test_a_thousand_hostile_files(tmp_path, tiny_encoder):
    read, memory = index_hostile(tmp_path / "articles", 1000, tmp_path, tiny_encoder, Limits())
    print(f"{read - 2} of 1,000 read, {memory / 1e6:.0f} MB")
    shutil.rmtree(tmp_path / "articles")


def test_the_corpus_is_the_same_for_the_same_seed(tmp_path):
    first, second = (hostile.make(tmp_path / name, 20, seed=3) for name in ("a", "b"))
    noise = [number for number, path in enumerate(first) if "-noise" in path.name or "-long" in path.name]
    assert len(noise) == 5
    assert [first[number].read_bytes() for number in noise] == [second[number].read_bytes() for number in noise]
