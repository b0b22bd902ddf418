"""What every `Store` promises, against brute force over what was put in; and any sequence of changes like a fresh one.

A store under test is named in STORES; another implementation joins by adding how it is opened and written to.
"""

from __future__ import annotations

import threading
from collections import Counter
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from index.analysis import words
from index.prepare import prepare
from index.store import publish
from index.store.database import Database
from index.store.local import LocalStore
from index.store.publish import Publisher
from index.store.vectors import to_blob
from index.store.writer import FileJob, Writer, write_lock
from index.types import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from index.prepare import PreparedArticle
    from index.store.base import Scored, Store

WORDS = (  # noqa: SIM905 - one to read
    "ferry bridge museum glass bread harbour train strike river council mayor winter market flood school garden "
    "doctor engine island letter window summer police castle forest singer record bottle carpet dollar"
).split()
DIMENSION = 16


def text_of(number: int) -> str:
    """An article of three sentences of random words: no near copy of one with another number."""
    drawn = np.random.default_rng(number).choice(WORDS, (3, 14))
    sentences = [f"In town{number % 12} the {' '.join(row)} was seen by all of them." for row in drawn]
    return "\n\n".join(sentences) + "\n"


def vector_of(text: str) -> np.ndarray:
    """A unit vector that depends on the text alone."""
    values = np.random.default_rng(abs(hash_of(text))).normal(size=DIMENSION)
    return (values / np.linalg.norm(values)).astype(np.float32)


def hash_of(text: str) -> int:
    return sum((at + 1) * ord(character) for at, character in enumerate(text))


def prepared(path: str, text: str) -> list[PreparedArticle]:
    return list(prepare(Source(path, text)))


class Local:
    """An index folder that is written to, one article a file."""

    def __init__(self, folder: Path, *, merged_below: int) -> None:
        from index.encoder import EncoderIdentity

        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.database = Database.create(folder, EncoderIdentity("tiny", "0" * 8, DIMENSION))
        self._merged_below = merged_below

    def put(self, texts: dict[str, str]) -> None:
        """Add files, or change them, in one transaction."""
        jobs, vectors = [], {}
        with write_lock(self.folder):
            writer = self._writer()
            for path, text in texts.items():
                articles = prepared(path, text)
                gone = list(writer.stored_articles(path).values())
                jobs.append(FileJob(path, len(text), 1, b"", articles, gone, complete=True))
                wanted = writer.without_vector(each.text for article in articles for each in article.passages)
                vectors |= {known_by: to_blob(vector_of(text)) for known_by, text in wanted.items()}
            writer.write(jobs, vectors)

    def remove(self, paths: list[str]) -> None:
        with write_lock(self.folder):
            self._writer().remove_files(paths)

    def _writer(self) -> Writer:
        return Writer(self.database, Publisher(self.database, merged_below=self._merged_below))

    def open(self) -> LocalStore:
        return LocalStore.open(self.folder)

    def close(self) -> None:
        self.database.close()


STORES = {"local, written anew": 10**6, "local, in parts": 0}


@pytest.fixture(params=list(STORES), ids=list(STORES))
def local(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Local]:
    made = Local(tmp_path / "index", merged_below=STORES[request.param])
    yield made
    made.close()


# The oracle


class Oracle:
    """Every passage of the articles, each group of equal ones once, searched by brute force."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.passages: dict[str, str] = {}
        for path, text in texts.items():
            for article in prepared(path, text):
                for passage in article.passages:
                    self.passages.setdefault(passage.text, article.article.title)

    def vectors(self, vector: np.ndarray) -> list[tuple[str, float]]:
        scored = [(text, float(vector_of(text) @ vector)) for text in self.passages]
        return sorted(scored, key=lambda each: -each[1])

    def lexical(self, terms: list[str]) -> list[tuple[str, float]]:
        """BM25 (k1 1.2, b .75) over titles and over texts, the two scores added."""
        total: Counter[str] = Counter()
        for field in (lambda text: text, lambda text: self.passages[text]):
            documents = {text: Counter(word.stem for word in words(field(text))) for text in self.passages}
            mean = sum(sum(counts.values()) for counts in documents.values()) / max(1, len(documents))
            for term in terms:
                holding = sum(term in counts for counts in documents.values())
                idf = log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
                for text, counts in documents.items():
                    if counts[term]:
                        length = 1.2 * (0.25 + 0.75 * sum(counts.values()) / mean)
                        total[text] += idf * counts[term] * 2.2 / (counts[term] + length)
        return total.most_common()


def texts_of(store: Store, found: list[Scored]) -> list[str]:
    """The texts of passages that were found."""
    records = store.passages([each.passage for each in found])
    assert len(records) == len(found)
    return [" ".join(each.span.of(record.text) for each in record.sentences) for record in records]


def agree(store: Store, oracle: Oracle, *, statistics: bool = True) -> None:
    """The store finds what brute force finds, in its order; where scores are equal, either order will do.

    Args:
        store: what is asked.
        oracle: what it should hold.
        statistics: whether nothing that was removed counts in BM25's statistics.
    """
    with store.reading():
        for seed in ("ferry", "the museum of glass", "x"):
            vector = vector_of(seed)
            expected = oracle.vectors(vector)
            found = store.search_vectors(vector, top_k=10)
            assert [each.score for each in found] == pytest.approx([score for _, score in expected[:10]], abs=2e-3)
            scores = dict(expected)
            for text, each in zip(texts_of(store, found), found, strict=True):
                assert scores[text] == pytest.approx(each.score, abs=2e-3)
        for terms in (["ferri"], ["bridg", "letter"], ["town3", "glass", "river"], ["nowher"]):
            expected = oracle.lexical(terms)
            found = store.search_lexical(terms, top_k=10_000)
            assert sorted(texts_of(store, found)) == sorted(text for text, _ in expected)
            assert sorted((each.score for each in found), reverse=True) == [each.score for each in found]
            if statistics:
                # Tantivy keeps the lengths of texts in one byte each: exact up to 40 words.
                assert [each.score for each in found] == pytest.approx([score for _, score in expected], rel=0.02)


# The promises


def articles(*numbers: int) -> dict[str, str]:
    return {f"/a/{number}.txt": text_of(number) for number in numbers}


def test_an_empty_store_finds_nothing(local: Local) -> None:
    with write_lock(local.folder):
        local._writer().write([], {})
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
    agree(store, Oracle(now), statistics=local._merged_below > 0)
    again = local.open()
    agree(again, Oracle(now), statistics=local._merged_below > 0)
    store.close()
    again.close()


def test_a_text_that_moves_from_one_file_to_another_in_one_step_is_found(local: Local) -> None:
    local.put({"/a/1.txt": text_of(2)})
    local.put({"/a/1.txt": text_of(1), "/a/2.txt": text_of(2)})
    store = local.open()
    agree(store, Oracle(articles(1, 2)), statistics=local._merged_below > 0)
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
        agree(store, Oracle(articles(2, 3) | {"/b/1.txt": text_of(1)}), statistics=local._merged_below > 0)
        local.put(articles(1))
        local.remove(["/b/1.txt"])
        agree(store, Oracle(articles(1, 2, 3)), statistics=local._merged_below > 0)
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
        statistics=local._merged_below > 0,
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
    import shutil

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


# Any sequence of changes


class Changes(RuleBasedStateMachine):
    """Files put, changed and removed in any order, opened anew and written anew: always as if made afresh."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.clean = True

    @initialize(merged_below=st.sampled_from([0, 0, 25, 10**6]))
    def begin(self, merged_below: int) -> None:
        import tempfile

        self.temporary = tempfile.TemporaryDirectory()
        self.local = Local(Path(self.temporary.name) / "index", merged_below=merged_below)
        with write_lock(self.local.folder):
            self.local._writer().write([], {})
        self.store = self.local.open()

    @rule(numbers=st.lists(st.integers(0, 30), min_size=1, max_size=6), shift=st.integers(0, 3))
    def put(self, numbers: list[int], shift: int) -> None:
        texts = {f"/a/{number}.txt": text_of(number + shift) for number in numbers}
        self.clean = self.clean and not set(texts) & set(self.texts)
        self.local.put(texts)
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
        writer = self.local._writer()
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

        def dies(publisher: Publisher, commit: Any) -> None:
            if at == "prepare":
                original(publisher, commit)
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
        import shutil

        for folder in self.local.folder.glob("search-*"):
            shutil.rmtree(folder)
        self.reopen()
        self.clean = True

    @invariant()
    def is_as_if_made_afresh(self) -> None:
        agree(self.store, Oracle(self.texts), statistics=self.clean or self.local._merged_below > 0)
        assert self.store.info().articles == len(self.texts)
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
