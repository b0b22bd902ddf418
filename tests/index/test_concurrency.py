"""Readers who ask while a writer writes see one state each time, and no error."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from index.store.local import LocalStore
from tests.index.stores import SLOTS, Local, file_of, files_behind, vector_of

if TYPE_CHECKING:
    from pathlib import Path

COMMITS = 60


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the writer is a forked process")
def test_readers_while_a_process_writes(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    local = Local(folder, merged_below=0)
    local.put(files_behind(SLOTS))
    local.close()
    states = [files_behind(step) for step in range(SLOTS, SLOTS + COMMITS + 1)]
    store = LocalStore.open(folder)
    writer = os.fork()
    if writer == 0:
        signal.alarm(120)
        status = 1
        try:
            own = Local(folder, merged_below=0)
            for step in range(SLOTS + 1, SLOTS + 1 + COMMITS):
                own.put(file_of(step))
            status = 0
        finally:
            os._exit(status)
    over = threading.Event()
    seen: set[int] = set()
    wrong: list[str] = []

    def read() -> None:
        last = 0
        while not over.is_set():
            try:
                with store.reading():
                    found = store.search_lexical(["seen"], top_k=100)
                    near = store.search_vectors(vector_of("ferry"), top_k=100)
                    records = store.passages([each.passage for each in found])
                held = {record.article.path: record.text for record in records}
                if {each.passage for each in near} != {each.passage for each in found}:
                    wrong.append("words and vectors find other passages")
                if held not in states:
                    wrong.append(f"a mixed state: {sorted(held)}")
                    continue
                if states.index(held) < last:
                    wrong.append("an earlier state behind a later one")
                last = states.index(held)
                seen.add(last)
            except Exception as error:  # noqa: BLE001 - what comes is what is looked for
                wrong.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    _, status = os.waitpid(writer, 0)
    over.set()
    for thread in threads:
        thread.join()
    sys.stdout.write(f"\n{COMMITS} commits, {len(seen)} states seen, {len(wrong)} wrong\n")
    assert wrong == []
    assert status == 0
    with store.reading():
        found = store.passages([each.passage for each in store.search_lexical(["seen"], top_k=100)])
    assert {record.article.path: record.text for record in found} == states[-1]
    store.close()
