"""Stores under test, what is put in them, and brute force over it as an oracle."""

from __future__ import annotations

import functools
from collections import Counter
from math import log
from typing import TYPE_CHECKING

import numpy as np
import pytest

from index.analysis import words
from index.encoder import EncoderIdentity
from index.prepare import prepare
from index.store.database import Database
from index.store.local import LocalStore
from index.store.publish import Publisher
from index.store.vectors import to_blob
from index.store.writer import FileJob, Writer, write_lock
from index.types import Source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from index.prepare import PreparedArticle
    from index.store.base import Scored, Store

STORES = {"local, written anew": 10**6, "local, in parts": 0}
"""The stores under test, and from how many passages on each adds to its search files."""

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


SLOTS = 12
"""Files that a writer that goes on and on writes anew by turns."""


def file_of(step: int) -> dict[str, str]:
    """The file that a step of such a writer writes."""
    return {f"/a/{step % SLOTS}.txt": text_of(step)}


def files_behind(step: int) -> dict[str, str]:
    """All files behind a step of such a writer."""
    return {
        path: text for number in range(max(1, step - SLOTS + 1), step + 1) for path, text in file_of(number).items()
    }


@functools.cache
def vector_of(text: str) -> np.ndarray:
    """A unit vector that depends on the text alone."""
    values = np.random.default_rng(abs(hash_of(text))).normal(size=DIMENSION)
    return (values / np.linalg.norm(values)).astype(np.float32)


def hash_of(text: str) -> int:
    return sum((at + 1) * ord(character) for at, character in enumerate(text))


@functools.cache
def prepared(path: str, text: str) -> list[PreparedArticle]:
    return list(prepare(Source(path, text)))


class Local:
    """An index folder that is written to, one article a file."""

    def __init__(self, folder: Path, *, merged_below: int) -> None:
        self.folder = folder
        if (folder / "index.db").exists():
            self.database = Database.open(folder)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            self.database = Database.create(folder, EncoderIdentity("tiny", "0" * 8, DIMENSION))
        self.merged_below = merged_below

    def put(self, texts: Mapping[str, str | Source], *, more: bool = False) -> None:
        """Add files, or change them, in one transaction: plain texts, or what a record says of itself."""
        with write_lock(self.folder):
            self.write(self.writer(), texts, more=more)

    def write(self, writer: Writer, texts: Mapping[str, str | Source], *, more: bool = False) -> None:
        """As `put`, by a writer that may go on; the caller holds the lock."""
        jobs, vectors = [], {}
        for path, text in texts.items():
            articles = prepared(path, text) if isinstance(text, str) else list(prepare(text))
            gone = list(writer.stored_articles(path).values())
            jobs.append(FileJob(path, 1, 1, b"", articles, gone, complete=True))
            wanted = writer.without_vector(each.text for article in articles for each in article.passages)
            vectors |= {known_by: to_blob(vector_of(text)) for known_by, text in wanted.items()}
        writer.write(jobs, vectors, more=more)

    def remove(self, paths: list[str]) -> None:
        with write_lock(self.folder):
            self.writer().remove_files(paths)

    def writer(self) -> Writer:
        return Writer(self.database, Publisher(self.database, merged_below=self.merged_below))

    def open(self) -> LocalStore:
        return LocalStore.open(self.folder)

    def close(self) -> None:
        self.database.close()


# The oracle


class Oracle:
    """Every passage of the articles, each group of equal ones once, searched by brute force."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.passages: dict[str, str] = {}
        for path, text in texts.items():
            for article in prepared(path, text):
                for passage in article.passages:
                    self.passages.setdefault(passage.text, article.article.title)
        self._known: dict[str, list[tuple[str, float]]] = {}

    def vectors(self, vector: np.ndarray) -> list[tuple[str, float]]:
        scored = [(text, float(vector_of(text) @ vector)) for text in self.passages]
        return sorted(scored, key=lambda each: -each[1])

    def lexical(self, terms: list[str]) -> list[tuple[str, float]]:
        """BM25 (k1 1.2, b .75) over titles and over texts, the two scores added."""
        key = " ".join(terms)
        if key not in self._known:
            self._known[key] = self._lexical(terms)
        return self._known[key]

    def _lexical(self, terms: list[str]) -> list[tuple[str, float]]:
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
        assert store.searched() == len(oracle.passages)
        for seed in ("ferry", "the museum of glass", "x"):
            vector = vector_of(seed)
            expected = oracle.vectors(vector)
            found = store.search_vectors(vector, top_k=10)
            assert [each.score for each in found] == pytest.approx([score for _, score in expected[:10]], abs=2e-3)
            scores = dict(expected)
            for text, each in zip(texts_of(store, found), found, strict=True):
                assert scores[text] == pytest.approx(each.score, abs=2e-3)
            again = store.cosines(vector, [*(each.passage for each in found), 10**9])
            assert again == pytest.approx([*(each.score for each in found), 0.0], abs=1e-5)
        for terms in (["ferri"], ["bridg", "letter"], ["town3", "glass", "river"], ["nowher"]):
            expected = oracle.lexical(terms)
            found = store.search_lexical(terms, top_k=10_000)
            assert sorted(texts_of(store, found)) == sorted(text for text, _ in expected)
            assert sorted((each.score for each in found), reverse=True) == [each.score for each in found]
            if statistics:
                # Tantivy keeps the lengths of texts in one byte each: exact up to 40 words.
                assert [each.score for each in found] == pytest.approx([score for _, score in expected], rel=0.02)


def articles(*numbers: int) -> dict[str, str]:
    """Files by path, one article each."""
    return {f"/a/{number}.txt": text_of(number) for number in numbers}
