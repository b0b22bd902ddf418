"""Two readers as one: a quick one reads all that was retrieved, a sharp one reads the best of it again.

How much is read again is decided by what the first reading left open (`rag.ranking`), within the time that a question
may take: where the processor is busy, less is read again, not later.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

from rag.reader import Reading, SentenceReading

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rag.reader import Passage, Reader

__all__ = ["MOST_READ_AGAIN", "Cascade", "combined"]

PATIENCE = 0.45
"""Seconds that reading again may take, as long as anything is left to be read again."""
MOST_READ_AGAIN = 8
"""Passages that are read again at most: a right sentence is seldom further behind."""
_KEPT = 2_000
"""Readings that are kept: those of some fifty questions, for the next turns of a conversation."""
_NEW = 0.3
"""What the latest reading counts in the pace."""
_PACE_HOLDS = 60.0
"""Seconds for which a pace holds. Then it is found anew, or one slow moment would end reading again for good."""


class Cascade:
    """A quick reader and a sharp one; safe to use from several threads.

    As a `rag.reader.Reader` it reads passages with the quick one, and the likeliest of them again; their readings are
    then what both make of them (`combined`). `rag.ranking.rank_by_reader` goes about it more closely, with all that is
    known of the passages.

    Args:
        quick: reads all.
        sharp: reads again; None: nothing is.
        patience: seconds that reading again may take while there is more of it; `math.inf` for no limit.
        name: for people.
    """

    def __init__(self, quick: Reader, sharp: Reader | None, *, patience: float = PATIENCE, name: str = "auto") -> None:
        self._first = _Kept(quick)
        self._second = _Kept(sharp) if sharp is not None else None
        self._patience = patience
        self._name = name
        self._pace, self._paced = 0.0, -math.inf
        self._lock = Lock()

    @property
    def name(self) -> str:
        """For people."""
        return self._name

    @property
    def folder(self) -> Path | None:
        """Where the quick reader's files lie; the weights beside it are those of both."""
        return self._first.reader.folder

    @property
    def quick(self) -> Reader:
        """What reads all."""
        return self._first

    @property
    def sharp(self) -> str | None:
        """The name of what reads again; None when nothing is."""
        return self._second.name if self._second is not None else None

    def affords(self, question: str, passages: Sequence[Passage], *, since: float) -> bool:
        """Whether there is time to read passages again, as fast as it went lately; what is kept takes none.

        Args:
            question: what is asked.
            passages: what would be read again.
            since: when reading again began for the question, by `time.perf_counter`.
        """
        if self._second is None:
            return False
        new = self._second.missing(question, passages)
        now = time.perf_counter()
        with self._lock:
            pace = self._pace if now - self._paced <= _PACE_HOLDS else 0.0
        return new == 0 or now - since + new * pace <= self._patience

    def read_again(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """The sharp reader's readings, in order; see `rag.reader.Reader.read`.

        Raises:
            ValueError: when there is no sharp reader.
        """
        if self._second is None:
            raise ValueError("there is no second reader")
        new = self._second.missing(question, passages)
        begun = time.perf_counter()
        readings = self._second.read(question, passages)
        if new:
            now = time.perf_counter()
            pace = (now - begun) / new
            with self._lock:
                known = now - self._paced <= _PACE_HOLDS
                self._pace = (1 - _NEW) * self._pace + _NEW * pace if known else pace
                self._paced = now
        return readings

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """Read passages; see `rag.reader.Reader.read`. Without regard to time, so that nothing depends on it."""
        readings = self._first.read(question, passages)
        if self._second is None:
            return readings
        order = sorted(range(len(readings)), key=lambda number: -_best_score(readings[number]))[:MOST_READ_AGAIN]
        again = self._second.read(question, [passages[number] for number in order])
        for number, reading in zip(order, again, strict=True):
            readings[number] = combined(readings[number], reading)
        return readings


def combined(quick: Reading, sharp: Reading) -> Reading:
    """What two readers make of one passage: the sharp one's spans, and the mean of both scores of a sentence.

    Where the quick one saw nothing to read in a sentence, it has no say.
    """
    sentences = []
    for first, second in zip(quick.sentences, sharp.sentences, strict=True):
        score = second.score if first.span is None else (first.score + second.score) / 2
        sentences.append(SentenceReading(second.span, second.margin, score, second.others))
    return Reading(tuple(sentences), sharp.no_answer)


def _best_score(reading: Reading) -> float:
    return max((sentence.score for sentence in reading.sentences), default=float("-inf"))


class _Kept:
    """A reader whose last readings are kept."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._known: OrderedDict[tuple[str, Passage], Reading] = OrderedDict()
        self._lock = Lock()

    @property
    def name(self) -> str:
        return self.reader.name

    @property
    def folder(self) -> Path | None:
        return self.reader.folder

    def missing(self, question: str, passages: Sequence[Passage]) -> int:
        """How many of the passages it would have to read."""
        with self._lock:
            return sum((question, passage) not in self._known for passage in passages)

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        with self._lock:
            found = {each: self._known[question, each] for each in passages if (question, each) in self._known}
        unknown = list(dict.fromkeys(each for each in passages if each not in found))
        if unknown:
            found.update(zip(unknown, self.reader.read(question, unknown), strict=True))
        with self._lock:
            for passage, reading in found.items():
                self._known[question, passage] = reading
                self._known.move_to_end((question, passage))
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return [found[each] for each in passages]
