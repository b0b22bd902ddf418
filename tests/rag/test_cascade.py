"""Two readers as one: what is read again, how much of it, and what is made of both readings."""

from __future__ import annotations

import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rag.cascade
import rag.ranking
from index.build import build_index
from rag.cascade import MOST_READ_AGAIN, Cascade, combined
from rag.engine import Engine
from rag.formats import answer_as
from rag.logistic import Again, LogisticModel, Scoring
from rag.question import read_question
from rag.ranking import READ_AGAIN_AT_ONCE, rank_by_reader, readers_of
from rag.rarity import weights
from rag.reader import Passage, Reading, SentenceReading, SpanReading
from rag.retrieve import Evidence, Hit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from rag.candidates import Candidate

TEXT = "Who knows number {}?"
READ = LogisticModel(0.0, {"read": 1.0})
BOTH = LogisticModel(0.0, {"read": 1.0, "quick_read": 1.0})
SURE, UNSURE = LogisticModel(3.0, {}), LogisticModel(-3.0, {})


def scoring(reach_again: float = 20.0, *, reach: float = 20.0) -> Scoring:
    """All passages are read, and ranked by what the reader says; what is read again by the sum of what both say."""
    return Scoring(READ, UNSURE, LogisticModel(0.0, {"passage": 1.0}), reach, Again(BOTH, SURE, reach_again))


@dataclass
class ByTable:
    """Marks the first three letters of each sentence, at the score that a table gives it; notes what it reads."""

    scores: Mapping[str, float]
    name: str = "quick"
    folder: Path | None = None
    read_passages: list[tuple[str, Passage]] = field(default_factory=list)

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        self.read_passages += [(question, each) for each in passages]
        return [Reading(tuple(map(self._sentence, each.sentences)), 0.0) for each in passages]

    def _sentence(self, text: str) -> SentenceReading:
        score = float(self.scores[text])
        return SentenceReading(SpanReading(0, 3, score), score, score)

    def taken(self) -> list[str]:
        """The first sentences of what it has read since it was last asked."""
        found = [each.sentences[0] for _, each in self.read_passages]
        self.read_passages.clear()
        return found


@dataclass
class Clock:
    """A clock that goes on when something is said to take time, and hardly else."""

    now: float = 1_000.0

    def __call__(self) -> float:
        self.now += 1e-6
        return self.now


@dataclass
class Slow(ByTable):
    """Takes so many seconds for each passage."""

    seconds: float = 0.0
    clock: Clock = field(default_factory=Clock)

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        self.clock.now += self.seconds * len(passages)
        return super().read(question, passages)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which reading is timed."""
    made = Clock()
    for module in (rag.cascade, rag.ranking):
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=made))
    return made


def sentence(number: int) -> str:
    return f"Ada knows number {number}."


def table(scores: Sequence[float]) -> dict[str, float]:
    return {sentence(number): score for number, score in enumerate(scores)}


@pytest.fixture
def evidence(stored: Any) -> Callable[..., Evidence]:
    """So many passages of one sentence each, for a question of that number."""

    def make(count: int = 20, asked: int = 0) -> Evidence:
        question = read_question(TEXT.format(asked))
        hits = [Hit(stored(number, sentence(number)), 1 - number / 100, 1.0, 0.5) for number in range(count)]
        rarity = weights(question.terms, [1] * len(question.terms), 100)
        return Evidence(question, np.ones(4, dtype=np.float32), hits, rarity)

    return make


FALLING = [4.0 - number / 4 for number in range(20)]
"""The quick reader's scores of twenty passages."""


def numbers(ranked: Sequence[Candidate]) -> list[int]:
    return [each.passage.id for each in ranked]


# What is read again


def test_quick_reads_all_and_sharp_the_best_of_it(evidence: Any) -> None:
    quick, sharp = ByTable(table(FALLING[::-1])), ByTable(table([0.0] * 20), "sharp")
    alone = rank_by_reader(evidence(), quick, scoring())
    quick.taken()
    ranked = rank_by_reader(evidence(), Cascade(quick, sharp, patience=math.inf), scoring())
    assert sorted(quick.taken()) == sorted(map(sentence, range(20)))
    assert sharp.taken() == [each.text for each in alone[:MOST_READ_AGAIN]]
    assert {each.passage.id: each.read_by for each in ranked} == {
        number: "sharp" if number >= 20 - MOST_READ_AGAIN else "quick" for number in range(20)
    }
    assert readers_of(ranked) == {"quick": 20 - MOST_READ_AGAIN, "sharp": MOST_READ_AGAIN}
    assert list(readers_of(alone).items()) == [("quick", 20)]
    assert readers_of([]) == {}


def test_what_the_quick_reader_did_not_come_to_is_not_read_again(evidence: Any) -> None:
    quick, sharp = ByTable(table(FALLING)), ByTable(table(FALLING), "sharp")
    ranked = rank_by_reader(evidence(), Cascade(quick, sharp, patience=math.inf), scoring(reach=-20.0))
    assert len(quick.read_passages) == len(ranked) == rag.ranking.FIRST_READ
    assert len(sharp.read_passages) == MOST_READ_AGAIN


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.integers(0, 14), st.integers(-9, 17))
def test_what_is_read_again_and_how_it_ranks_is_by_the_book(evidence: Any, data: Any, count: int, reach: int) -> None:
    scores = st.lists(st.integers(-4, 4), min_size=count, max_size=count)
    quick, sharp = data.draw(scores), data.draw(scores)
    readers = ByTable(table(quick)), ByTable(table(sharp), "sharp")
    ranked = rank_by_reader(evidence(count), Cascade(*readers, patience=math.inf), scoring(reach + 0.5))
    # Two at a time, until the likeliest of the others lies too far behind the best one found.
    order = sorted(range(count), key=lambda number: (-quick[number], number))[:MOST_READ_AGAIN]
    done: list[int] = []
    while order:
        done, order = done + order[:READ_AGAIN_AT_ONCE], order[READ_AGAIN_AT_ONCE:]
        if order and max(quick[number] + sharp[number] for number in done) > quick[order[0]] + reach + 0.5:
            break
    assert readers[1].taken() == list(map(sentence, done))
    odds = [quick[number] + (sharp[number] if number in done else 0) for number in range(count)]
    assert numbers(ranked) == sorted(range(count), key=lambda number: (-odds[number], number))
    for each in ranked:
        assert each.probability == pytest.approx(1 / (1 + math.exp(-odds[each.passage.id])))
        assert ("quick_read" in each.features) == (each.read_by == "sharp") == (each.passage.id in done)


def test_reading_again_ends_when_none_left_may_outdo_the_best(evidence: Any) -> None:
    # The best has log odds of 8 when read again; those of the third, fifth and seventh are 3.5, 3 and 2.5 before.
    for reach, count in ((-20.0, 2), (4.4, 2), (4.6, 4), (5.1, 6), (5.6, 8), (20.0, 8)):
        sharp = ByTable(table(FALLING), "sharp")
        rank_by_reader(evidence(), Cascade(ByTable(table(FALLING)), sharp, patience=math.inf), scoring(reach))
        assert len(sharp.taken()) == count


def test_a_cascade_without_a_second_reader_reads_as_the_first_alone(evidence: Any) -> None:
    quick = ByTable(table(FALLING))
    alone = rank_by_reader(evidence(), quick, scoring())
    assert rank_by_reader(evidence(), Cascade(quick, None), scoring()) == alone
    # And so does one whose weights know of no second reading.
    sharp = ByTable(table(FALLING), "sharp")
    without = Scoring(READ, UNSURE, scoring().prior, 20.0)
    assert rank_by_reader(evidence(), Cascade(quick, sharp, patience=math.inf), without) == alone
    assert sharp.read_passages == []


def test_a_sentence_in_which_the_second_reader_finds_nothing_is_none_any_more(stored: Any, tiny_reader: Any) -> None:
    class Blind(ByTable):
        def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
            nothing = SentenceReading(None, -math.inf, -math.inf)
            return [Reading((nothing,) * len(each.sentences), 0.0) for each in passages]

    question = read_question("When was the bridge opened?")
    hits = [Hit(stored(number, f"Bob {number}."), 0.5, 1.0, 0.5) for number in range(9)]
    found = Evidence(question, np.ones(4, dtype=np.float32), hits, dict.fromkeys(question.terms, 1.0))
    cascade = Cascade(tiny_reader, Blind({}, "sharp"), patience=math.inf)
    ranked = rank_by_reader(found, cascade, scoring())
    assert [each.read_by for each in ranked] == ["tiny"]


# Within the time there is


def asked_slowly(evidence: Any, clock: Clock, seconds: float, *, patience: float, times: int) -> list[int]:
    """How many passages are read again, of different questions in a row."""
    sharp = Slow(table(FALLING), "sharp", seconds=seconds, clock=clock)
    cascade = Cascade(ByTable(table(FALLING)), sharp, patience=patience)
    found = []
    for asked in range(times):
        rank_by_reader(evidence(asked=asked), cascade, scoring())
        found.append(len(sharp.taken()))
    return found


@pytest.mark.parametrize(
    ("seconds", "patience", "counts"),
    [
        (0.01, 0.65, [8, 8]),
        (0.1, 0.65, [6, 6]),
        (0.2, 0.65, [2, 2]),
        (0.5, 0.65, [2, 0]),  # how slow it is must be found first
        (0.5, math.inf, [8, 8]),
        (1e-9, 0.0, [0, 0]),
    ],
)
def test_the_slower_the_second_reader_the_less_it_reads(
    evidence: Any, clock: Clock, seconds: float, patience: float, counts: list[int]
) -> None:
    assert asked_slowly(evidence, clock, seconds, patience=patience, times=2) == counts


def test_time_that_the_first_reader_takes_does_not_count(evidence: Any, clock: Clock) -> None:
    quick = Slow(table(FALLING), seconds=0.02, clock=clock)  # 0.4 seconds
    sharp = Slow(table(FALLING), "sharp", seconds=0.1, clock=clock)
    rank_by_reader(evidence(), Cascade(quick, sharp, patience=0.65), scoring())
    assert len(sharp.read_passages) == 6


def test_one_slow_moment_does_not_end_reading_again_for_good(evidence: Any, clock: Clock) -> None:
    sharp = Slow(table(FALLING), "sharp", seconds=5.0, clock=clock)
    cascade = Cascade(ByTable(table(FALLING)), sharp, patience=0.65)

    def count(asked: int) -> int:
        rank_by_reader(evidence(asked=asked), cascade, scoring())
        return len(sharp.taken())

    assert [count(0), count(1)] == [2, 0]
    sharp.seconds = 0.01
    assert count(2) == 0
    clock.now += 61.0
    assert [count(3), count(4)] == [8, 8]


def test_the_pace_follows_what_reading_takes_lately(evidence: Any, clock: Clock) -> None:
    sharp = Slow(table(FALLING), "sharp", seconds=0.2, clock=clock)
    cascade = Cascade(ByTable(table(FALLING)), sharp, patience=0.65)
    rank_by_reader(evidence(), cascade, scoring())
    sharp.seconds = 0.01
    counts = []
    for asked in range(1, 6):
        sharp.taken()
        rank_by_reader(evidence(asked=asked), cascade, scoring())
        counts.append(len(sharp.taken()))
    assert counts == sorted(counts)
    assert counts[-1] == MOST_READ_AGAIN


def test_a_slow_reader_in_real_time(evidence: Any) -> None:
    class Sleeping(ByTable):
        def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
            time.sleep(0.2 * len(passages))
            return super().read(question, passages)

    slow = Sleeping(table(FALLING), "sharp")
    rank_by_reader(evidence(), Cascade(ByTable(table(FALLING)), slow, patience=0.3), scoring())
    assert len(slow.read_passages) <= READ_AGAIN_AT_ONCE < MOST_READ_AGAIN


@pytest.mark.parametrize("patience", [0.0, 0.65])
def test_thorough_reads_as_much_as_may_be_again_whatever_the_time_and_the_reach(
    evidence: Any, clock: Clock, patience: float
) -> None:
    sharp = Slow(table(FALLING), "sharp", seconds=100.0, clock=clock)
    cascade = Cascade(ByTable(table(FALLING)), sharp, patience=patience)
    for asked in range(2):
        ranked = rank_by_reader(evidence(asked=asked), cascade, scoring(-20.0), thorough=True)
        assert len(sharp.taken()) == MOST_READ_AGAIN
        assert readers_of(ranked) == {"quick": 12, "sharp": MOST_READ_AGAIN}


# What is kept


def test_a_question_that_is_asked_again_is_not_read_again(evidence: Any) -> None:
    quick, sharp = ByTable(table(FALLING)), ByTable(table(FALLING), "sharp")
    cascade = Cascade(quick, sharp, patience=math.inf)
    first = rank_by_reader(evidence(), cascade, scoring())
    quick.taken(), sharp.taken()
    assert rank_by_reader(evidence(), cascade, scoring()) == first
    assert (quick.taken(), sharp.taken()) == ([], [])
    rank_by_reader(evidence(asked=1), cascade, scoring())
    assert (len(quick.taken()), len(sharp.taken())) == (20, 8), "another question is read"


def test_what_is_kept_takes_no_time(evidence: Any, clock: Clock) -> None:
    sharp = Slow(table(FALLING), "sharp", seconds=0.5, clock=clock)
    cascade = Cascade(ByTable(table(FALLING)), sharp, patience=0.65)
    first = rank_by_reader(evidence(), cascade, scoring())
    assert len(sharp.taken()) == 2
    assert rank_by_reader(evidence(), cascade, scoring()) == first, "though there is no time to read any anew"
    assert sharp.taken() == []


def test_a_passage_that_is_given_twice_is_read_once() -> None:
    quick = ByTable({"Ada.": 1.0, "Bob.": 2.0})
    ada, bob = Passage(("Ada.",)), Passage(("Bob.",))
    readings = Cascade(quick, None).read("Who?", [ada, bob, ada])
    assert readings == quick.read("Who?", [ada, bob, ada])
    assert [each.sentences[0] for _, each in quick.read_passages[:2]] == ["Ada.", "Bob."]
    assert len(quick.read_passages) == 2 + 3
    assert Cascade(quick, None).read("Who?", []) == []


def test_not_all_readings_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rag.cascade, "_KEPT", 3)
    quick = ByTable(table(FALLING))
    cascade = Cascade(quick, None)
    passages = [Passage((sentence(number),)) for number in range(6)]
    expected = quick.read("Who?", passages)
    quick.taken()
    assert cascade.read("Who?", passages) == expected, "more at once than are kept"
    assert len(quick.taken()) == 6
    assert cascade.read("Who?", passages[3:]) == expected[3:]
    assert quick.taken() == []
    # What was used last is kept longest.
    cascade.read("Who?", [passages[3], passages[0]])
    assert quick.taken() == [sentence(0)]
    assert cascade.read("Who?", [passages[5], passages[3]]) == [expected[5], expected[3]]
    assert quick.taken() == []
    cascade.read("Who?", [passages[4]])
    assert quick.taken() == [sentence(4)]


# As a reader of passages alone


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), max_size=14))
def test_the_likeliest_passages_are_read_by_both(scores: list[tuple[float, float]]) -> None:
    quick = ByTable(table([each for each, _ in scores]))
    sharp = ByTable(table([each for _, each in scores]), "sharp")
    passages = [Passage((sentence(number),)) for number in range(len(scores))]
    readings = Cascade(quick, sharp, patience=0.0).read("Who?", passages)
    taken = {each.sentences[0] for _, each in sharp.read_passages}
    assert len(taken) == min(len(scores), MOST_READ_AGAIN)
    again = [text in taken for text in map(sentence, range(len(scores)))]
    left = [score for (score, _), one in zip(scores, again, strict=True) if not one]
    assert all(score >= max(left, default=-math.inf) for (score, _), one in zip(scores, again, strict=True) if one)
    for reading, one, (first, second) in zip(readings, again, scores, strict=True):
        (own,) = reading.sentences
        assert own.score == ((first + second) / 2 if one else first)
        assert own.margin == (second if one else first)


def test_both_readings_as_one() -> None:
    nothing = SentenceReading(None, -math.inf, -math.inf)
    quick = Reading((SentenceReading(SpanReading(0, 3, 5.0), 4.0, 2.0), nothing), 1.0)
    sharp = Reading((SentenceReading(SpanReading(4, 9, 7.0), -1.0, 3.0), nothing), 8.0)
    assert combined(quick, sharp) == Reading((SentenceReading(SpanReading(4, 9, 7.0), -1.0, 2.5), nothing), 8.0)


def test_what_a_cascade_says_of_itself(tmp_path: Path) -> None:
    quick, sharp = ByTable({}, folder=tmp_path), ByTable({}, "sharp", folder=tmp_path / "sharp")
    both, alone = Cascade(quick, sharp), Cascade(quick, None, name="one")
    assert (both.name, both.folder, both.quick.name, both.sharp) == ("auto", tmp_path, "quick", "sharp")
    assert (alone.name, alone.folder, alone.sharp) == ("one", tmp_path, None)
    assert not alone.affords("Who?", [], since=time.perf_counter())
    with pytest.raises(ValueError, match="no second reader"):
        alone.read_again("Who?", [])


# From several threads


def test_threads_get_what_one_gets(evidence: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    tables = [table(generator.uniform(-4, 4, 20).tolist()) for _ in range(2)]
    expected = [
        rank_by_reader(
            evidence(asked=asked),
            Cascade(ByTable(tables[0]), ByTable(tables[1], "sharp"), patience=math.inf),
            scoring(1.0),
        )
        for asked in range(6)
    ]
    monkeypatch.setattr(rag.cascade, "_KEPT", 50)  # so that some are let go while others are read
    running, most = 0, 0
    lock = Lock()

    class Crowded(ByTable):
        def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.001)
            found = super().read(question, passages)
            with lock:
                running -= 1
            return found

    cascade = Cascade(Crowded(tables[0]), Crowded(tables[1], "sharp"), patience=math.inf)
    questions = [asked % 6 for asked in range(48)]
    with ThreadPoolExecutor(8) as workers:
        found = list(workers.map(lambda asked: rank_by_reader(evidence(asked=asked), cascade, scoring(1.0)), questions))
    assert found == [expected[asked] for asked in questions]
    assert most > 1, "they read at the same time"


# With an index

ARTICLES = {
    "one": "Bridge Opens\n\nThe new bridge in Lund was opened on Monday, the city said.\n\nIt cost 12 million kr.\n",
    "two": "Town News\n\nIn Lund cars have crossed the old bridge since Tuesday, when it was opened.\n",
    "three": "A Year Ago\n\nThe old bridge at Kalmar was closed on Friday, and nobody there had ever seen Åse.\n",
}
QUESTION = "When was the new bridge in Lund opened?"


@pytest.fixture
def opened(tmp_path: Path, tiny_encoder: Any, tiny_reader: Any) -> Callable[..., Engine]:
    """An engine whose readers are a quick one and, where one is given, a sharp one."""
    (tmp_path / "articles").mkdir()
    for name, text in ARTICLES.items():
        (tmp_path / "articles" / f"{name}.txt").write_text(text, "utf-8")
    build_index([tmp_path / "articles"], tmp_path / "index", encoder=tiny_encoder)

    def open_with(sharp: Any, reach: float = 20.0) -> Engine:
        cascade = Cascade(tiny_reader, sharp, patience=math.inf)
        return Engine.open(tmp_path / "index", encoder=tiny_encoder, reader=cascade, scoring=scoring(reach))

    return open_with


def test_an_answer_tells_who_read_it(opened: Any, tiny_reader: Any) -> None:
    sharp = type(tiny_reader)("sharp")
    with opened(sharp, -20.0) as engine:
        answer = engine.ask(QUESTION, min_confidence=0.0)
    total = len({each.article_id for each in (*answer.citations, *answer.related)})
    assert answer.readers == {"sharp": READ_AGAIN_AT_ONCE, "tiny": total - READ_AGAIN_AT_ONCE}
    assert len(sharp.read_passages) == READ_AGAIN_AT_ONCE
    first = answer.citations[0]
    assert (first.read_by, first.quote[slice(*first.highlight)]) == ("sharp", "Monday")
    assert {each.read_by for each in (*answer.citations, *answer.related)} == {"sharp", "tiny"}
    told = answer.to_dict()
    assert told["readers"] == answer.readers
    assert [each["read_by"] for each in told["citations"]] == [each.read_by for each in answer.citations]
    assert [each["read_by"] for each in told["related"]] == [each.read_by for each in answer.related]
    assert json.loads(answer_as(answer, "json")) == json.loads(json.dumps(told))


def test_the_confidence_in_what_was_read_again_is_by_a_model_of_its_own(opened: Any, tiny_reader: Any) -> None:
    with opened(type(tiny_reader)("sharp")) as engine:
        assert engine.reader == "auto"
        twice = engine.ask(QUESTION)
    assert (twice.answered, twice.confidence) == (True, pytest.approx(1 / (1 + math.exp(-3))))
    with opened(None) as engine:
        once = engine.ask(QUESTION)
    assert (once.answered, once.confidence) == (False, pytest.approx(1 / (1 + math.exp(3))))
    assert once.readers == {"tiny": sum(twice.readers.values())}


def test_the_encoder_alone_is_no_reader(opened: Any, tmp_path: Path, tiny_encoder: Any) -> None:
    opened(None).close()
    with Engine.open(tmp_path / "index", encoder=tiny_encoder, reader="none") as engine:
        answer = engine.ask(QUESTION, min_confidence=0.0)
    assert answer.readers == answer.to_dict()["readers"] == {}
    assert {each.read_by for each in answer.citations} == {None}


def test_turns_of_a_conversation_are_read_once(opened: Any, tiny_reader: Any) -> None:
    sharp = type(tiny_reader)("sharp")
    with opened(sharp) as engine:
        first = engine.ask(QUESTION)
        read = len(tiny_reader.read_passages), len(sharp.read_passages)
        assert engine.ask(QUESTION, history=[first]) == first
        assert (len(tiny_reader.read_passages), len(sharp.read_passages)) == read
        follow = engine.ask("How much did it cost?", history=[first], min_confidence=0.0)
        assert follow.read_as is not None
        read = len(tiny_reader.read_passages), len(sharp.read_passages)
        assert engine.ask("How much did it cost?", history=[first], min_confidence=0.0) == follow
        assert engine.ask(QUESTION, history=[first, follow]) == first
        assert (len(tiny_reader.read_passages), len(sharp.read_passages)) == read
