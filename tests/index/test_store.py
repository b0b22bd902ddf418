"""What every `Store` promises, against brute force over what was put in; and any sequence of changes like a fresh one.

A store under test is named in `tests.index.stores.STORES`; another implementation joins by adding how it is opened and
written to. What it promises of scopes and lists is in `test_store_scope.py`.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from index.check import check_index
from index.store import publish
from index.store.publish import Publisher
from index.store.vectors import to_blob
from index.store.writer import FileJob, Writer, write_lock
from tests.index.stores import Local, Oracle, agree, articles, prepared, text_of, vector_of

# The promises


def test_an_empty_store_finds_nothing(local: Local) -> None:
    with write_lock(local.folder):
        local.writer().write([], {})
    store = local.open()
    agree(store, Oracle({}))
    assert store.info().articles == 0
    assert store.article("0" * 32) is None
    assert store.passages([1, 2]) == []
    assert store.cosines(vector_of("x"), [7]) == [0.0]
    store.close()


def test_it_finds_what_brute_force_finds(local: Local) -> None:
    local.put(articles(*range(40)))
    store = local.open()
    agree(store, Oracle(articles(*range(40))))
    assert store.info().articles == 40
    store.close()


def test_what_is_added_changed_and_removed(local: Local) -> None:
    local.put(articles(*range(20)))
    store = local.open()
    local.put(articles(20, 21))
    agree(store, Oracle(articles(*range(22))))
    local.put({"/a/3.txt": text_of(30)})
    local.remove(["/a/5.txt", "/a/6.txt"])
    now = articles(*(number for number in range(22) if number not in {5, 6})) | {"/a/3.txt": text_of(30)}
    agree(store, Oracle(now), statistics=local.merged_below > 0)
    again = local.open()
    agree(again, Oracle(now), statistics=local.merged_below > 0)
    store.close()
    again.close()


def test_a_text_that_moves_from_one_file_to_another_in_one_step_is_found(local: Local) -> None:
    local.put({"/a/1.txt": text_of(2)})
    local.put({"/a/1.txt": text_of(1), "/a/2.txt": text_of(2)})
    store = local.open()
    agree(store, Oracle(articles(1, 2)), statistics=local.merged_below > 0)
    store.close()


def test_many_small_changes_one_after_another(local: Local) -> None:
    local.put(articles(*range(30)))
    store = local.open()
    for number in range(30, 60):
        local.put(articles(number))
        if number % 7 == 0:
            agree(store, Oracle(articles(*range(number + 1))))
    agree(store, Oracle(articles(*range(60))))
    (folder,) = local.folder.glob("search-*")
    assert len(list(folder.glob("vectors-*"))) <= publish._PARTS
    store.close()


def test_a_copy_takes_the_place_of_what_goes_and_gives_it_back(local: Local) -> None:
    local.put(articles(1, 2, 3) | {"/b/1.txt": text_of(1)})
    store = local.open()
    for _ in range(2):
        local.remove(["/a/1.txt"])
        agree(store, Oracle(articles(2, 3) | {"/b/1.txt": text_of(1)}), statistics=local.merged_below > 0)
        local.put(articles(1))
        local.remove(["/b/1.txt"])
        agree(store, Oracle(articles(1, 2, 3)), statistics=local.merged_below > 0)
        local.put({"/b/1.txt": text_of(1)})
    store.close()


def test_a_reading_sees_one_state_whatever_is_written(local: Local) -> None:
    local.put(articles(*range(10)))
    store = local.open()
    written = threading.Event()

    def write() -> None:
        local.remove(["/a/4.txt"])
        local.put(articles(11))
        written.set()

    with store.reading():
        before = store.search_lexical(["ferri"], top_k=10)
        thread = threading.Thread(target=write)
        thread.start()
        assert not written.wait(0.2), "the commit waits for who reads"
        agree(store, Oracle(articles(*range(10))))
        assert store.search_lexical(["ferri"], top_k=10) == before
        assert store.info().articles == 10
    thread.join(30)
    agree(
        store,
        Oracle(articles(*(number for number in (*range(10), 11) if number != 4))),
        statistics=local.merged_below > 0,
    )
    store.close()


def test_an_error_on_the_way_leaves_all_as_it_was(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    local.put(articles(1, 2))
    store = local.open()
    listing = sorted(path.name for path in local.folder.iterdir())
    with monkeypatch.context() as patched:

        def full(*_: Any) -> None:
            raise OSError(28, "No space left on device")

        patched.setattr(publish, "_write_manifest", full)
        with pytest.raises(Exception, match="this step was not stored") as caught:
            local.put(articles(3))
        assert "free some space" in str(caught.value)
    assert sorted(path.name for path in local.folder.iterdir()) == listing
    agree(store, Oracle(articles(1, 2)))
    local.put(articles(3))
    agree(store, Oracle(articles(1, 2, 3)))
    store.close()


def test_files_of_a_change_that_never_came_are_not_used(local: Local) -> None:
    local.put(articles(1, 2))
    commit = local.database.committed()
    other = local.folder / f"search-{commit.change + 1}"
    (local.folder / commit.folder).rename(other)
    (local.folder / ".search-left").mkdir()
    local.put(articles(3))
    assert [path.name for path in local.folder.glob("*search-*")] == [other.name]
    store = local.open()
    agree(store, Oracle(articles(1, 2, 3)))
    store.close()


@pytest.mark.parametrize("taken", ["folder", "lock"])
def test_search_files_that_cannot_be_made_on_disk_are_made_in_memory(local: Local, taken: str) -> None:
    local.put(articles(*range(10)))
    shutil.rmtree(next(local.folder.glob("search-*")))
    if taken == "lock":
        with write_lock(local.folder):
            store = local.open()
            agree(store, Oracle(articles(*range(10))))
        assert not list(local.folder.glob("search-*"))
    else:
        store = local.open()
        agree(store, Oracle(articles(*range(10))))
        assert len(list(local.folder.glob("search-*"))) == 1
    store.close()


# Much at once


def test_while_much_is_added_what_was_there_is_found(tmp_path: Path) -> None:
    local = Local(tmp_path / "index", merged_below=0)
    local.put(articles(*range(6)))
    store = local.open()
    with write_lock(local.folder):
        writer = local.writer()
        local.write(writer, articles(6, 7), more=True)
        local.write(writer, articles(8) | {"/a/3.txt": text_of(30)}, more=True)
        agree(store, Oracle(articles(0, 1, 2, 4, 5)), statistics=False)  # what went is not found any more
        assert store.info().articles == 9
        fresh = local.open()
        agree(fresh, Oracle(articles(0, 1, 2, 4, 5)), statistics=False)
        fresh.close()
        writer.publish()
        agree(store, Oracle(articles(0, 1, 2, 4, 5, 6, 7, 8) | {"/a/3.txt": text_of(30)}), statistics=False)
    store.close()


def test_a_first_much_is_found_bit_by_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.store.publish.MERGED_BELOW", 3)
    local = Local(tmp_path / "index", merged_below=0)
    with write_lock(local.folder):
        writer = local.writer()
        sizes = []
        for number in range(12):
            local.write(writer, articles(number), more=True)
            store = local.open()
            with store.reading():
                sizes.append(len(store.search_vectors(vector_of("x"), top_k=100)))
            store.close()
        assert sizes == [0, 0, 3, 3, 3, 3, 3, 3, 3, 3, 3, 12]


def test_what_is_added_waits_to_be_found_no_longer_than_was_said(tmp_path: Path) -> None:
    local = Local(tmp_path / "index", merged_below=0)
    local.put(articles(0, 1))
    with write_lock(local.folder):
        database = local.database
        publisher = Publisher(database, merged_below=0, longest=0.0)
        assert publisher.due()
        local.write(Writer(database, publisher), articles(2, 3), more=True)
        store = local.open()
        agree(store, Oracle(articles(0, 1, 2, 3)), statistics=False)
        store.close()
        assert not publisher.due()  # making them again now would cost more than what it is worth


def test_files_that_go_behind_much_that_was_added_are_missed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    local = Local(tmp_path / "index", merged_below=0)
    local.put(articles(0, 1))
    with write_lock(local.folder):
        writer = local.writer()
        local.write(writer, articles(2, 3), more=True)
        writer.publish()
    (own,) = local.folder.glob("search-*")
    shutil.rmtree(own)
    store = local.open()
    agree(store, Oracle(articles(0, 1, 2, 3)), statistics=False)
    store.close()
    assert "making them again" in caplog.text


def test_search_files_that_are_behind_a_killed_writer_are_made_by_who_asks(tmp_path: Path) -> None:
    local = Local(tmp_path / "index", merged_below=0)
    local.put(articles(0, 1))
    with write_lock(local.folder):
        local.write(local.writer(), articles(2, 3), more=True)
        running = local.open()
        agree(running, Oracle(articles(0, 1)), statistics=False)
    assert check_index(local.folder, mend=False).problems == ()
    store = local.open()
    for asked in (running, store):
        agree(asked, Oracle(articles(0, 1, 2, 3)), statistics=False)
        asked.close()
    (made,) = local.folder.glob("search-*")
    assert made.name == local.database.committed().folder
    local.put(articles(4))
    store = local.open()
    agree(store, Oracle(articles(0, 1, 2, 3, 4)), statistics=False)
    store.close()


# Any sequence of changes


class Changes(RuleBasedStateMachine):
    """Files put, changed and removed in any order, opened anew and written anew: always as if made afresh."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.clean = True

    @initialize(merged_below=st.sampled_from([0, 0, 25, 10**6]))
    def begin(self, merged_below: int) -> None:
        self.temporary = tempfile.TemporaryDirectory()
        self.local = Local(Path(self.temporary.name) / "index", merged_below=merged_below)
        with write_lock(self.local.folder):
            self.local.writer().write([], {})
        self.store = self.local.open()

    @rule(numbers=st.lists(st.integers(0, 30), min_size=1, max_size=6), shift=st.integers(0, 3), more=st.integers(0, 2))
    def put(self, numbers: list[int], shift: int, more: int) -> None:
        """In one transaction, or first in some whose search files wait for more, and the last may never come."""
        for at in range(more):
            self._put({f"/a/{number}.txt": text_of(number + shift + at + 1) for number in numbers}, more=True)
        if more < 2:
            self._put({f"/a/{number}.txt": text_of(number + shift) for number in numbers}, more=False)

    def _put(self, texts: dict[str, str], *, more: bool) -> None:
        self.clean = self.clean and not set(texts) & set(self.texts)
        self.local.put(texts, more=more)
        self.texts |= texts

    @precondition(lambda self: self.texts)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        paths = data.draw(st.lists(st.sampled_from(sorted(self.texts)), min_size=1, max_size=5, unique=True))
        self.local.remove(paths)
        self.clean = False
        for path in paths:
            del self.texts[path]

    @rule(at=st.sampled_from(["prepare", "committed"]), number=st.integers(0, 30))
    def crash(self, at: str, number: int) -> None:
        """The process dies before the commit, or right behind it."""
        writer = self.local.writer()
        text = text_of(number)
        path = f"/a/{number}.txt"
        job = FileJob(path, len(text), 1, b"", prepared(path, text), list(writer.stored_articles(path).values()), True)
        vectors = {
            known_by: to_blob(vector_of(each))
            for known_by, each in writer.without_vector(
                passage.text for article in job.articles for passage in article.passages
            ).items()
        }
        original = getattr(Publisher, at)

        class Died(BaseException):
            pass

        def dies(publisher: Publisher, commit: Any, **how: Any) -> None:
            if at == "prepare":
                original(publisher, commit, **how)
            raise Died

        setattr(Publisher, at, dies)
        try:
            with pytest.raises(Died):
                writer.write([job], vectors)
        finally:
            setattr(Publisher, at, original)
        if at == "committed":
            self.clean = self.clean and path not in self.texts
            self.texts[path] = text

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = self.local.open()

    @rule()
    def merge(self) -> None:
        for folder in self.local.folder.glob("search-*"):
            shutil.rmtree(folder)
        self.reopen()
        self.clean = True

    @invariant()
    def is_as_if_made_afresh(self) -> None:
        agree(self.store, Oracle(self.texts), statistics=self.clean or self.local.merged_below > 0)
        assert self.store.info().articles == len(self.texts)
        listed = self.store.articles(limit=1000).articles
        assert sorted(each.article.path for each in listed) == sorted(self.texts)
        assert {each.outlet for each in self.store.sources()} == {Path(path).name for path in self.texts}
        for path, text in self.texts.items():
            (article,) = prepared(path, text)
            found = self.store.article(article.article.id)
            assert found is not None
            assert found[1] == text or found[0].path != path

    def teardown(self) -> None:
        self.store.close()
        self.local.close()
        self.temporary.cleanup()


TestChanges = Changes.TestCase
TestChanges.settings = settings(
    phases=[Phase.reuse, Phase.generate],
    max_examples=25,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
