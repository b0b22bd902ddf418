"""Sentences of passages as candidates, and what a reader adds to what is known of them."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

import pytest

from rag.candidates import (
    READ_AGAIN_FEATURES,
    READ_FEATURES,
    best_first,
    gather,
    rescored,
    with_agreement,
    with_reading,
    with_second_reading,
)
from rag.conditions import CONDITION_FEATURES, condition_features
from rag.logistic import LogisticModel
from rag.question import read_question
from rag.reader import Reading, SentenceReading, SpanReading
from rag.retrieve import Hit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from index.store.base import PassageRecord
    from rag.candidates import Candidate

QUESTION = read_question("When was the bridge in Lund opened?")
RARITY = dict.fromkeys(QUESTION.terms, 1.0)


def candidates_of(*passages: PassageRecord) -> list[Candidate]:
    return gather(QUESTION, [Hit(each, 0.5, 1.0, 0.25) for each in passages], RARITY)


def read(span: tuple[int, int] | None, margin: float, score: float) -> SentenceReading:
    if span is None:
        return SentenceReading(None, float("-inf"), float("-inf"))
    return SentenceReading(SpanReading(*span, margin + 1.0), margin, score)


def sigmoid(score: float) -> float:
    return 1 / (1 + math.exp(-score))


def test_every_sentence_of_a_passage_is_a_candidate(stored: Any) -> None:
    one = stored(1, "The bridge opened.", "Åse came.", before="On Monday in Lund.", title="Lund")
    two = stored(2, "Nobody came.")
    found = candidates_of(one, two)
    assert [each.text for each in found] == ["The bridge opened.", "Åse came.", "Nobody came."]
    assert [each.passage.id for each in found] == [1, 1, 2]
    for each in found:
        assert each.sentence.span.of(each.passage.text) == each.text
        assert (each.span, each.read_by, each.probability) == (None, None, 0.0)
        assert not READ_FEATURES & set(each.features)
        assert (each.features["passage"], each.features["passage_cosine"]) == (0.5, 0.25)
    # "Lund" stands in the sentence before and in the title, "bridge" and "open" in the sentence itself.
    assert found[0].features["overlap"] == pytest.approx(2 / 3)
    assert found[0].features["before"] == pytest.approx(1 / 3)
    assert (found[0].features["first"], found[1].features["first"]) == (1.0, 0.0)
    assert candidates_of() == []


def test_of_copies_each_wording_is_a_candidate_once(stored: Any) -> None:
    leader = stored(1, "The bridge opened.", "212 came.")
    near = stored(2, "The bridge  opened!", "215 came.", group=1)
    other = stored(3, "The bridge opened.")
    assert [each.text for each in candidates_of(leader, near, other)] == [
        "The bridge opened.",
        "212 came.",
        "215 came.",
        "The bridge opened.",
    ]


def test_a_model_scores_by_all_features_old_and_new(stored: Any) -> None:
    (found,) = candidates_of(stored(1, "The bridge opened."))
    model = LogisticModel(-1.0, {"overlap": 3.0, "cosine": 2.0})
    scored = rescored(found, model, cosine=0.5)
    assert scored.features == {**found.features, "cosine": 0.5}
    assert scored.probability == pytest.approx(sigmoid(-1.0 + 3.0 * 2 / 3 + 1.0))
    assert found.probability == 0.0


def test_the_likelier_comes_first_and_of_equals_the_one_stored_first(stored: Any) -> None:
    low, high, twin = (
        rescored(each, LogisticModel(0.0, {"first": 1.0})) for each in candidates_of(stored(1, "A.", "B.", "C."))
    )
    assert sorted([twin, high, low], key=best_first) == [low, high, twin]


# What a reader adds


def read_of(found: Sequence[Candidate], readings: Mapping[int, Reading]) -> list[Candidate]:
    return with_agreement(with_reading(QUESTION, found, readings, "tiny"))


def test_the_features_that_only_a_reader_gives(stored: Any) -> None:
    found = candidates_of(stored(1, "It opened on Monday.", "Work began in May.", "Nobody."))
    reading = Reading((read((13, 19), 4.0, 2.5), read((14, 17), -1.5, -3.0), read(None, 0, 0)), 1.0)
    first, second = read_of(found, {1: reading})
    assert {name: first.features[name] for name in READ_FEATURES - set(CONDITION_FEATURES)} == {
        "read": 2.5,
        "margin": 4.0,
        "behind": 0.0,
        "agree": 0.0,
    }
    assert {name: second.features[name] for name in READ_FEATURES - set(CONDITION_FEATURES)} == {
        "read": -3.0,
        "margin": -1.5,
        "behind": 5.5,
        "agree": 0.0,
    }
    assert [each.text[slice(*each.span)] for each in (first, second) if each.span] == ["Monday", "May"]
    assert first.features["overlap"] == found[0].features["overlap"]
    assert (first.read_by, second.read_by) == ("tiny", "tiny")


def test_what_a_sentence_leaves_open_of_the_question_is_told_with_its_words_and_what_stands_around(stored: Any) -> None:
    texts = ("On Monday in Lund.", "It opened in the bridge.", "It opened at noon.")
    found = candidates_of(stored(1, *texts[1:], before=texts[0], title="A Title"))
    reading = Reading((read((16, 22), 1.0, 1.0), read((13, 17), 2.0, 2.0)), 0.0)
    first, second = read_of(found, {1: reading})
    expected = condition_features(QUESTION, texts[1], texts[0], "A Title", (16, 22))
    assert {name: first.features[name] for name in CONDITION_FEATURES} == expected
    assert (expected["repeats_question"], expected["asks_place_missing"]) == (1.0, 0.0)
    # "Lund" stands in the sentence before the first one, which is not the one before the second.
    assert (second.features["repeats_question"], second.features["asks_place_missing"]) == (0.0, 1.0)


def test_extreme_scores_are_cut(stored: Any) -> None:
    found = candidates_of(stored(1, "It opened on Monday.", "In May."))
    reading = Reading((read((13, 19), 1e9, 1e9), read((3, 6), -1e9, -1e9)), 0.0)
    first, second = read_of(found, {1: reading})
    assert [first.features[name] for name in ("read", "margin", "behind")] == [12.0, 12.0, 0.0]
    assert [second.features[name] for name in ("read", "margin", "behind")] == [-12.0, -12.0, 12.0]


def test_what_was_not_read_is_no_candidate_any_more(stored: Any) -> None:
    found = candidates_of(stored(1, "In May."), stored(2, "In June."), stored(3, "..."))
    readings = {1: Reading((read((3, 6), 1.0, 1.0),), 0.0), 3: Reading((read(None, 0, 0),), 0.0)}
    assert [each.text for each in read_of(found, readings)] == ["In May."]
    assert read_of(found, {}) == []


def test_words_are_marked_at_natural_borders(stored: Any) -> None:
    asked = read_question("How much did the bridge cost?")
    found = gather(
        asked, [Hit(stored(1, "It cost 12 million kronor."), 0.5, 1.0, 0.25)], dict.fromkeys(asked.terms, 1.0)
    )
    (each,) = with_reading(asked, found, {1: Reading((read((8, 10), 1.0, 1.0),), 0.0)}, "tiny")
    assert each.span is not None
    assert each.text[slice(*each.span)] == "12 million"


# What a second reader adds


def test_a_second_reading_stands_in_place_of_the_first_which_is_kept_beside_it(stored: Any) -> None:
    found = candidates_of(
        stored(1, "It opened on Monday noon.", "Work began in May.", "In June."), stored(2, "In July.")
    )
    quick = Reading((read((13, 19), 4.0, 2.5), read((14, 17), -1.5, -3.0), read((3, 7), 0.0, 0.0)), 1.0)
    once = with_reading(QUESTION, found, {1: quick, 2: Reading((read((3, 7), 9.0, 9.0),), 0.0)}, "quick")
    sharp = Reading((read((13, 24), 1e9, 3.5), read((0, 4), 6.0, -20.0), read(None, 0, 0)), 0.0)
    first, second = with_second_reading(QUESTION, once, {1: sharp}, "sharp")
    assert [first.features[name] for name in ("read", "margin", "behind")] == [3.5, 12.0, 0.0]
    assert [first.features[f"quick_{name}"] for name in ("read", "margin", "behind")] == [2.5, 4.0, 0.0]
    assert [second.features[name] for name in ("read", "margin", "behind")] == [-12.0, 6.0, 12.0]
    assert [second.features[f"quick_{name}"] for name in ("read", "margin", "behind")] == [-3.0, -1.5, 5.5]
    assert [each.text[slice(*each.span)] for each in (first, second) if each.span] == ["Monday noon", "Work"]
    assert (first.features["same_words"], second.features["same_words"]) == (pytest.approx(6 / 11), 0.0)
    for each, before in zip((first, second), once, strict=False):
        assert (each.read_by, before.read_by) == ("sharp", "quick")
        assert set(each.features) == set(before.features) | READ_AGAIN_FEATURES
        assert not READ_AGAIN_FEATURES & set(before.features)


def agreement(passages: Sequence[PassageRecord], answers: Sequence[tuple[str, float]]) -> list[float]:
    """How much others agree with the answer and score of the one sentence of each passage."""
    found = candidates_of(*passages)
    readings = {}
    for each, (words, score) in zip(found, answers, strict=True):
        start = each.text.index(words)
        readings[each.passage.id] = Reading((read((start, start + len(words)), 1.0, score),), 0.0)
    return [each.features["agree"] for each in read_of(found, readings)]


def test_other_articles_with_the_same_words_agree(stored: Any) -> None:
    passages = [stored(1, "It opened in the May."), stored(2, "In May, they said."), stored(3, "In June.")]
    found = agreement(passages, [("the May", 2.0), ("May,", -1.0), ("June", 5.0)])
    assert found == pytest.approx([math.log1p(sigmoid(-1.0)), math.log1p(sigmoid(2.0)), 0.0])


def test_an_article_does_not_agree_with_itself(stored: Any) -> None:
    passages = [stored(1, "In May.", article=7), stored(2, "Then, in May.", article=7), stored(3, "May!", article=8)]
    found = agreement(passages, [("May", 2.0), ("May", 3.0), ("May", 0.0)])
    # Of an article only its surest sentence counts.
    assert found == pytest.approx([math.log1p(0.5), math.log1p(0.5), math.log1p(sigmoid(3.0))])


def test_an_answer_of_function_words_agrees_with_none(stored: Any) -> None:
    assert agreement([stored(1, "He is the one."), stored(2, "The one.")], [("the", 2.0), ("The", 2.0)]) == [0.0, 0.0]


def test_the_order_of_the_candidates_does_not_matter(stored: Any) -> None:
    sentences = {"In May.": "May", "It was May.": "May", "June it was.": "June", "May or June.": "June"}
    passages = [stored(number, text, article=number % 3) for number, text in enumerate(sentences)]
    found = candidates_of(*passages)
    readings = {}
    for number, (text, words) in enumerate(sentences.items()):
        start = text.index(words)
        readings[number] = Reading((read((start, start + len(words)), 1.0, number - 1.5),), 0.0)
    expected = {each.passage.id: each for each in read_of(found, readings)}
    assert len({each.features["agree"] for each in expected.values()}) == 4
    for seed in range(5):
        shuffled = random.Random(seed).sample(found, len(found))
        assert {each.passage.id: each for each in read_of(shuffled, readings)} == expected
