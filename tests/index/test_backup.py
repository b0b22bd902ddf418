from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from index import backup
from index.backup import back_up, snapshot
from index.build import build_index
from index.check import check_index
from index.errors import StoreDamaged, StoreError, StoreNotFound, StoreVersionMismatch
from index.store.database import DATABASE, Database
from index.store.local import LocalStore
from index.store.writer import write_lock

ROOT = Path(__file__).resolve().parents[2]


def write(folder: Path, number: int) -> None:
    folder.mkdir(exist_ok=True)
    sentences = [
        f"In report {number} the keeper of lighthouse {number} says that its colour is {number * 7} again.",
        f"Ship {number * 3} of the harbour of Vardø left on day {number} with {number * 11} crates of dried fish.",
    ]
    (folder / f"{number}.txt").write_text("\n\n".join(["A Report From the Coast", *sentences]) + "\n", "utf-8")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    for number in range(12):
        write(tmp_path / "articles", number)
    return tmp_path / "articles"


@pytest.fixture
def index(corpus: Path, tmp_path: Path, tiny_encoder) -> Path:
    build_index([corpus], tmp_path / "index", encoder=tiny_encoder)
    return tmp_path / "index"


def rows(folder: Path, sql: str) -> list[tuple]:
    connection = sqlite3.connect(folder / DATABASE)
    found = connection.execute(sql).fetchall()
    connection.close()
    return found


def everything(folder: Path) -> dict[str, list[tuple]]:
    tables = [name for (name,) in rows(folder, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {table: sorted(rows(folder, f"SELECT * FROM {table}"), key=repr) for table in tables}


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.name.endswith(".lock")}


def test_the_copy_is_an_index_like_the_first(index, tmp_path, tiny_encoder):
    (index / "calibration.json").write_text('{"slope": 1.0}\n')
    for passing in ("writer.json", "calibration.part", ".hidden", "index.db-journal.tmp"):
        (index / passing).write_text("x")
    report = back_up(index, tmp_path / "copies" / "monday")
    copy = tmp_path / "copies" / "monday"
    assert everything(copy) == everything(index)
    assert report.to_dict() == {
        "path": str(copy),
        "change": 1,
        "articles": 12,
        "search_files": True,
        "bytes": sum(path.stat().st_size for path in copy.rglob("*") if path.is_file()),
        "seconds": report.seconds,
    }
    (search,) = index.glob("search-*")
    assert names(copy) == {DATABASE, "calibration.json"} | {
        name for name in names(index) if name.startswith(search.name)
    }
    assert (copy / "calibration.json").read_text() == '{"slope": 1.0}\n'
    assert stat.S_IMODE(copy.stat().st_mode) == stat.S_IMODE(index.stat().st_mode)
    assert [path.name for path in copy.parent.iterdir()] == ["monday"]
    shutil.rmtree(index)
    store = LocalStore.open(copy)
    (hit,) = store.search_lexical(["crate", "121"], top_k=1)
    assert Path(store.passages([hit.passage])[0].article.path).name == "11.txt"
    store.close()
    assert check_index(copy).problems == ()
    assert build_index([tmp_path / "articles"], copy, encoder=tiny_encoder).files_unchanged == 12


def test_an_empty_folder_will_do(index, tmp_path):
    (tmp_path / "copy").mkdir()
    back_up(index, tmp_path / "copy")
    assert check_index(tmp_path / "copy").articles == 12


@pytest.mark.parametrize("damage", ["gone", "flipped"])
def test_search_files_that_are_not_whole_are_left_out_and_made_again(index, tmp_path, damage):
    (search,) = index.glob("search-*")
    if damage == "gone":
        shutil.rmtree(search)
    else:
        path = next(search.glob("vectors-*"))
        path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    report = back_up(index, tmp_path / "copy")
    assert not report.search_files
    assert names(tmp_path / "copy") == {DATABASE}
    store = LocalStore.open(tmp_path / "copy")
    assert len(store.search_lexical(["lighthous"], top_k=20)) == 12
    store.close()
    assert check_index(tmp_path / "copy").problems == ()


WRITER = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from conftest import TinyEncoder
from index.build import build_index
articles, index, number = Path({articles!r}), Path({index!r}), 100
while True:
    text = f"A Report From the Coast\\n\\nKeeper {{number}} painted door {{number * 7}}.\\n"
    (articles / f"{{number}}.txt").write_text(text)
    if number % 3 == 0:
        (articles / f"{{number - 1}}.txt").unlink()
    build_index([articles], index, encoder=TinyEncoder(), prune=True)
    print(number, flush=True)
    number += 1
"""


def test_copies_made_while_another_process_writes(index, corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(backup, "_PAGES", 5)  # so that commits fall into the middle of the copying
    program = WRITER.format(tests=str(ROOT / "tests"), articles=str(corpus), index=str(index))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment) as writer:
        try:
            assert writer.stdout is not None
            changes = []
            for number in range(4):
                assert writer.stdout.readline()
                changes.append(back_up(index, tmp_path / f"copy-{number}").change)
        finally:
            writer.kill()
    assert changes == sorted(set(changes))
    for number, change in enumerate(changes):
        report = check_index(tmp_path / f"copy-{number}")
        assert {problem.kind for problem in report.problems} <= {"search files"}  # where they were left out
        assert (report.sound, rows(tmp_path / f"copy-{number}", "SELECT value FROM meta WHERE key = 'change'")) == (
            True,
            [(str(change),)],
        )
        assert report.articles > 12


def test_when_commits_never_let_it_finish_all_is_copied_at_once(index, corpus, tmp_path, monkeypatch):
    """Each part is followed by a commit, made by another connection in the progress of the copying itself."""
    monkeypatch.setattr(backup, "_PAGES", 2)
    steps = []
    step = backup._Progress.step
    other = sqlite3.connect(index / DATABASE)

    def commits(self, status, remaining, total):
        steps.append(remaining)
        other.execute("UPDATE files SET mtime_ns = mtime_ns + 1")
        other.commit()
        step(self, status, remaining, total)

    monkeypatch.setattr(backup._Progress, "step", commits)
    report = back_up(index, tmp_path / "copy")
    other.close()
    assert 3 <= len(steps) <= 6
    assert report.articles == 12
    assert everything(tmp_path / "copy") == everything(index)


def test_a_commit_that_lasts_is_waited_for_but_not_for_ever(index, tmp_path, monkeypatch):
    other = sqlite3.connect(index / DATABASE, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    timer = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    database = Database(index)
    began = time.monotonic()
    timer.start()
    backup.copy_database(database, tmp_path / "copy.db")
    assert time.monotonic() - began >= 0.25
    timer.join()
    other.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr(backup, "_PATIENCE", 0.2)
    database.connection.execute("PRAGMA busy_timeout = 0")
    with pytest.raises(StoreError, match="could not be copied"):
        backup.copy_database(database, tmp_path / "second.db")
    other.execute("COMMIT")
    other.close()
    database.close()


def test_who_writes_is_not_in_the_way(index, tmp_path):
    with write_lock(index):
        assert back_up(index, tmp_path / "copy").articles == 12
    assert not (tmp_path / "copy" / "writer.lock").exists()
    assert not (tmp_path / "copy" / "writer.json").exists()


def test_places_that_are_refused(index, tmp_path):
    before = names(index)
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    (tmp_path / "link").symlink_to(index)
    for dest in (index, index / "copy", tmp_path / "link" / "a" / "b", tmp_path / "full" / ".." / "index" / "copy"):
        with pytest.raises(StoreError, match="index folder"):
            back_up(index, dest)
    with pytest.raises(StoreError, match="is a file"):
        back_up(index, tmp_path / "file")
    with pytest.raises(StoreError, match="not empty"):
        back_up(index, tmp_path / "full")
    with pytest.raises(StoreError, match="cannot be made"):
        back_up(index, tmp_path / "file" / "copy")
    with pytest.raises(StoreNotFound):
        back_up(tmp_path / "nowhere", tmp_path / "copy")
    assert names(index) == before
    assert {path.name for path in tmp_path.iterdir()} == {"articles", "index", "file", "full", "link"}


@pytest.mark.parametrize("room", [10_000, "all but the search files"])
def test_a_full_disk(index, tmp_path, room):
    """Files may not grow beyond a limit: SQLite and Python are told so as they are when the disk is full."""
    if room != 10_000:
        room = (index / DATABASE).stat().st_size
        (index / "calibration.json").write_bytes(b" " * (room + 1))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        with pytest.raises(StoreError, match="free some space") as caught:
            back_up(index, tmp_path / "copies" / "copy")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "copies").iterdir()) == []
    assert back_up(index, tmp_path / "copies" / "copy").articles == 12


def test_what_is_damaged_is_not_called_a_copy(index, tmp_path):
    data = bytearray((index / DATABASE).read_bytes())
    page = int.from_bytes(data[16:18], "big")
    for at in range(3 * page, len(data), 2 * page):
        data[at : at + 8] = b"\xff" * 8
    (index / DATABASE).write_bytes(data)
    with pytest.raises(StoreDamaged, match="is damaged"):
        back_up(index, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert not list(tmp_path.glob(".*"))


def test_another_format_version(index, tmp_path):
    connection = sqlite3.connect(index / DATABASE)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreVersionMismatch):
        back_up(index, tmp_path / "copy")


def test_a_snapshot_stays_as_it_was_and_goes_away(index, corpus, tmp_path, tiny_encoder):
    (tmp_path / "beside").mkdir()
    with snapshot(index, beside=tmp_path / "beside") as database:
        assert database.folder.parent == tmp_path / "beside"
        write(corpus, 50)
        build_index([corpus], index, encoder=tiny_encoder)
        assert database.counts()["articles"] == 12
    assert list((tmp_path / "beside").iterdir()) == []
    with pytest.raises(StoreError, match="free some space"), snapshot(index, beside=tmp_path / "no"):
        pass


def test_the_report_can_be_written_as_json(index, tmp_path):
    assert json.loads(json.dumps(back_up(index, tmp_path / "copy").to_dict()))["articles"] == 12
