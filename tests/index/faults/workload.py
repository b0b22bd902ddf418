"""A small workload on an index, and what must hold of the index however it ended."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from index.store.local import LocalStore
from tests.index.stores import Local, Oracle, agree, articles, prepared, text_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["STATES", "begin", "check", "work"]

STATES = (
    articles(*range(8)),
    articles(*range(10)) | {"/a/3.txt": text_of(30)},
    articles(*(number for number in range(10) if number not in {3, 5})),
    articles(*(number for number in range(12) if number not in {3, 5})),
    articles(*(number for number in range(14) if number not in {3, 5})),
    articles(*(number for number in range(16) if number not in {3, 5})),
)
"""The files that the index holds at the beginning, and after each step."""


@functools.cache
def oracle(state: int, *, more: bool) -> Oracle:
    """What a state holds, and behind the last check what was added to it."""
    return Oracle(STATES[state] | (articles(20) if more else {}))


def begin(folder: Path) -> None:
    """The index at the beginning."""
    local = Local(folder, merged_below=0)
    local.put(STATES[0])
    local.close()


def work(folder: Path, done: Callable[[int], None]) -> None:
    """The steps, each reported as soon as it is: files added and one changed, two removed, two added; two and two more
    of a larger change, whose search files come with its last part."""
    local = Local(folder, merged_below=0)
    local.put({path: text for path, text in STATES[1].items() if STATES[0].get(path) != text})
    done(1)
    local.remove(["/a/3.txt", "/a/5.txt"])
    done(2)
    local.put({path: text for path, text in STATES[3].items() if path not in STATES[2]})
    done(3)
    local.put({path: text for path, text in STATES[4].items() if path not in STATES[3]}, more=True)
    done(4)
    local.put({path: text for path, text in STATES[5].items() if path not in STATES[4]})
    done(5)
    local.close()


def check(folder: Path, reported: int) -> int:
    """The number of the state that the index is in: the last one reported, or the one under way then.

    Raises:
        AssertionError: when it is in none of them, finds something else than it holds, or cannot be written to.
        CitewellError: when it cannot be opened.
    """
    store = LocalStore.open(folder)
    try:
        with store.reading():
            records = [store.passages([number])[0] for number in store.leading_passages()]
            held = {record.article.path: record.text for record in records}
        state = next((number for number, texts in enumerate(STATES) if texts == held), None)
        assert state is not None, f"a mixed state: {sorted(held)}"
        assert state in {reported, reported + 1}, f"{reported} steps were reported, and the index is at {state}"
        agree(store, oracle(state, more=False), statistics=False)
        for path, text in STATES[state].items():
            (article,) = prepared(path, text)
            found = store.article(article.article.id)
            assert found is not None
            assert found[1] == text
    finally:
        store.close()
    local = Local(folder, merged_below=0)
    try:
        local.put(articles(20))
        assert not [path.name for path in folder.glob(".search-*")]
        assert len(list(folder.glob("search-*"))) == 1
    finally:
        local.close()
    store = LocalStore.open(folder)
    try:
        agree(store, oracle(state, more=True), statistics=False)
    finally:
        store.close()
    return state
