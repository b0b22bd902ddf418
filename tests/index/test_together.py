"""Threads that read together, and what they do while a commit is under way."""

from __future__ import annotations

import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from index.store import local as local_store
from index.store.local import LocalStore
from index.store.together import Together, patiently
from tests.index.stores import Local, articles, text_of

if TYPE_CHECKING:
    from pathlib import Path


def _thread(target: Any) -> threading.Thread:
    thread = threading.Thread(target=target)
    thread.start()
    return thread


def test_the_first_waits_and_the_others_wait_for_it() -> None:
    together = Together(60.0)
    begun: list[str] = []
    may_begin, waits = threading.Event(), threading.Event()

    def first() -> None:
        def begin() -> None:
            waits.set()
            assert may_begin.wait(60)
            begun.append("first")

        with together.one(begin):
            pass

    def other() -> None:
        with together.one(lambda: begun.append("other")):
            pass

    one = _thread(first)
    assert waits.wait(60)
    others = [_thread(other) for _ in range(3)]
    assert begun == []
    may_begin.set()
    for thread in (one, *others):
        thread.join(60)
    assert begun == ["first", "other", "other", "other"]


def test_one_that_cannot_begin_lets_the_next_try() -> None:
    together = Together(60.0)

    def fail() -> None:
        raise sqlite3.OperationalError("a disk that fails")

    with pytest.raises(sqlite3.OperationalError, match="fails"), together.one(fail):
        pass
    began = []
    with together.one(lambda: began.append(True)):
        pass
    assert began == [True]


def test_nobody_joins_late() -> None:
    together = Together(0.0)
    order: list[str] = []

    def late() -> None:
        with together.one(lambda: order.append("late begins")):
            pass

    with together.one(lambda: order.append("first begins")):
        thread = _thread(late)
        thread.join(0.2)
        order.append("first ends")
    thread.join(60)
    assert order == ["first begins", "first ends", "late begins"]


def test_a_lock_is_waited_for_and_what_else_fails_is_raised_at_once(tmp_path: Path) -> None:
    file = tmp_path / "some.db"
    holder = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    holder.execute("CREATE TABLE some (number INTEGER)")
    holder.execute("BEGIN EXCLUSIVE")
    asker = sqlite3.connect(file, isolation_level=None, timeout=0)
    meanwhile: list[bool] = []

    def let_go() -> None:
        meanwhile.append(True)
        holder.execute("COMMIT")

    patiently(lambda: asker.execute("SELECT * FROM some").fetchall(), let_go, longest=60)
    assert meanwhile == [True]
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        patiently(lambda: asker.execute("SELECT * FROM others"), let_go, longest=60)
    assert meanwhile == [True]
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        patiently(lambda: asker.execute("SELECT * FROM some").fetchall(), longest=0.01)
    holder.close()
    asker.close()


def test_who_waits_for_a_commit_loads_its_search_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local = Local(tmp_path / "index", merged_below=0)
    local.put(articles(*range(12)))
    store = LocalStore.open(local.folder)
    loaded: list[int] = []
    load = local_store.load

    def counting(folder: Path, commit: Any, *more: Any) -> Any:
        loaded.append(commit.change)
        return load(folder, commit, *more)

    monkeypatch.setattr(local_store, "load", counting)
    blocker = sqlite3.connect(local.folder / "index.db", isolation_level=None)

    # The commit is held up by one who reads, and those who come then by the commit.
    blocker.execute("BEGIN")
    blocker.execute("SELECT * FROM meta").fetchall()
    writer = _thread(lambda: local.put({"/a/3.txt": text_of(99)}))
    while _can_be_read(local.folder / "index.db"):
        time.sleep(0.001)
    looked = threading.Event()
    ahead = store._database.while_waiting
    assert ahead is not None

    def look() -> None:
        ahead()
        looked.set()

    store._database.while_waiting = look
    seen: list[str] = []

    def read() -> None:
        with store.reading():
            found = store.search_lexical(["seen"], top_k=100)
            seen.extend(each.text for each in store.passages([each.passage for each in found]))

    reader = _thread(read)
    assert looked.wait(60)
    assert seen == []
    blocker.execute("COMMIT")
    blocker.close()
    reader.join(60)
    writer.join(60)
    assert sorted(set(seen)) == sorted(text_of(number) for number in (*range(3), *range(4, 12), 99))
    assert loaded == []
    store.close()
    local.close()


def _can_be_read(path: Path) -> bool:
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    try:
        connection.execute("SELECT * FROM meta").fetchall()
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return True
