"""How the weights of the scores are found, on examples of which the right weights are known."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from index.build import build_index
from rag.answer import distinct_facts
from rag.candidates import READ_AGAIN_FEATURES, READ_FEATURES, Candidate
from rag.confidence import confidence_features
from rag.cross_validation import ranked_again, ranked_by
from rag.engine import Engine
from rag.evaluation.questions import EvaluationQuestion
from rag.fit import fit, fit_confidence, fit_ranking, fit_reach, fit_reach_again
from rag.fit_examples import Example, Gathering, news_examples, without
from rag.logistic import SCORING_FILE, LogisticModel, Scoring, logit
from rag.question import read_question
from rag.ranking import READ_AGAIN_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

QUESTION = read_question("When was the bridge in Lund opened?")
NAMES = ("overlap", "noise", "read", "margin", "behind", "agree", "spoken")
BY_READ = LogisticModel(0.0, {"read": 1.0})
BY_OVERLAP = LogisticModel(0.0, {"overlap": 1.0})


@pytest.fixture
def example(stored: Any) -> Callable[..., Example]:
    """A question whose candidates stand in an article each, of these features."""
    words = ("Ada", "Bob", "Cyd", "Dag", "Eve", "Fay", "Gro", "Hal", "Ida", "Jan", "Kim", "Lea", "Mia", "Ned", "Ola")

    def make(features: Sequence[dict[str, float]], right: Sequence[bool]) -> Example:
        candidates = []
        for number, own in enumerate(features):
            name = f"{words[number % 15]} {words[number // 15]}"
            passage = stored(number, f"{name} knows.")
            text = passage.sentences[0].span.of(passage.text)
            found = {**dict.fromkeys(NAMES, 0.0), **own}
            candidates.append(Candidate(passage, passage.sentences[0], text, found, 0.0, (0, len(name))))
        return Example(QUESTION, candidates, right)

    return make


def drawn(example: Callable[..., Example], count: int, *, answered: float = 1.0) -> list[Example]:
    """Questions of which the right sentence has the greatest sum of `read` and `overlap`; `noise` says nothing."""
    generator = random.Random(1)
    found = []
    for _ in range(count):
        features = [{name: generator.gauss(0, 1) for name in ("overlap", "noise", "read")} for _ in range(8)]
        right = [False] * 8
        if generator.random() < answered:
            at = generator.randrange(8)
            right[at] = True
            features[at]["read"] += 4.0
            features[at]["overlap"] += 3.0
        for each in features:
            each["margin"] = each["read"]
        found.append(example(features, right))
    return found


# The order of sentences


def test_the_right_ones_come_first(example: Any) -> None:
    examples = drawn(example, 80, answered=0.8)
    model = fit_ranking(examples, ["noise", "overlap", "read"])
    assert model.weights["read"] > 4 * abs(model.weights["noise"])
    assert model.weights["overlap"] > 4 * abs(model.weights["noise"])
    ranked = [ranked_by(model, each) for each in examples if any(each.right)]
    assert sum(each.right[0] for each in ranked) >= 0.95 * len(ranked)
    for each in ranked:
        probabilities = [candidate.probability for candidate in each.candidates]
        assert probabilities == sorted(probabilities, reverse=True)
    # Probabilities are scaled: an eighth of the sentences are right.
    probabilities = [candidate.probability for each in ranked for candidate in each.candidates]
    assert sum(probabilities) / len(probabilities) == pytest.approx(1 / 8, abs=0.02)
    # Of the order, questions without a right sentence say nothing.
    unanswered = [each for each in examples if not any(each.right)]
    assert unanswered
    assert fit_ranking([each for each in examples if any(each.right)], ["noise", "overlap", "read"]) == model


def test_ranking_keeps_candidates_and_labels_together(example: Any) -> None:
    made = example([{"read": score} for score in (0.5, 2.0, -1.0)], [False, True, False])
    ranked = ranked_by(BY_READ, made)
    assert [each.features["read"] for each in ranked.candidates] == [2.0, 0.5, -1.0]
    assert list(ranked.right) == [True, False, False]


# The confidence


def test_the_confidence_tells_answered_questions_from_others(example: Any) -> None:
    examples = drawn(example, 160, answered=0.5)
    ranked = [ranked_by(LogisticModel(-2.0, {"read": 1.0}), each) for each in examples]
    model = fit_confidence(ranked)
    assert {"read", "read_ahead", "margin_ahead", "size", "large:logit", "large:read"} <= set(model.weights)
    told = [
        (model.probability(confidence_features(*distinct_facts(each.candidates), each.searched)), each.right[0])
        for each in ranked
    ]
    right = [confidence for confidence, label in told if label]
    wrong = [confidence for confidence, label in told if not label]
    assert sum(right) / len(right) > 0.8 > 0.2 > sum(wrong) / len(wrong)
    # Calibrated on what it was fitted on.
    assert sum(right + wrong) / len(told) == pytest.approx(len(right) / len(told), abs=0.02)


def test_the_confidence_learns_what_the_size_of_a_collection_says(example: Any) -> None:
    # The same question, answered in small collections and not in large ones.
    made = ranked_by(BY_READ, example([{"read": 1.0}, {"read": -1.0}], [True, False]))
    ranked = [
        replace(made, searched=searched, right=[right, False])
        for searched, right in ((20, True), (50, True), (50_000, False), (200_000, False))
        for _ in range(20)
    ]
    model = fit_confidence(ranked)

    def confidence(searched: int) -> float:
        return model.probability(confidence_features(*distinct_facts(made.candidates), searched))

    assert confidence(20) > 0.9 > 0.1 > confidence(200_000)


# The reach


def test_a_reach_is_how_far_reading_must_look(example: Any) -> None:
    # Thirty passages, likely in order before they are read; of some questions the one at that rank is best when read.
    def asked(rank: int) -> Example:
        features = [{"overlap": 4.0 - number / 5, "read": 3.0 if number == rank else -3.0} for number in range(30)]
        return ranked_by(BY_READ, example(features, [number == rank for number in range(30)]))

    def lost(reach: float, examples: Sequence[Example]) -> int:
        """By the book: passages are read in order, until what is found is too good for the rest to outdo."""
        from rag.ranking import FIRST_READ, MORE_READ

        count = 0
        for each in examples:
            order = sorted(each.candidates, key=lambda one: -one.features["overlap"])
            read = FIRST_READ
            while read < len(order):
                best = max(logit(one.probability) for one in order[:read])
                if best > logit(BY_OVERLAP.probability(order[read].features)) + reach:
                    break
                read += MORE_READ
            count += each.candidates[0] not in order[:read]
        return count

    near = [asked(rank % 5) for rank in range(100)]
    assert fit_reach(near, BY_OVERLAP) == -4.0, "nothing is lost by reading the first ones only"
    # The best of what is read first scores -3, and the last in line -1.8: the best of all is found within -1.3.
    far = [*near, *(asked(29) for _ in range(5))]
    found = fit_reach(far, BY_OVERLAP)
    assert lost(found, far) <= 0.01 * len(far) < lost(found - 0.5, far)
    # One in a hundred may be lost.
    assert fit_reach([*near, asked(29)], BY_OVERLAP) == -4.0


def test_a_reach_that_nothing_limits(example: Any) -> None:
    """A sentence that looks hopeless before it is read, behind one that looks and reads well."""
    features = [{"overlap": 9.0 - number / 100, "read": 3.0} for number in range(30)]
    features.append({"overlap": -30.0, "read": 9.0})
    examples = [ranked_by(BY_READ, example(features, [False] * 30 + [True]))]
    assert fit_reach(examples, BY_OVERLAP) > 12
    assert fit_reach([], BY_OVERLAP) == -4.0


# All of them


def test_all_models_are_fitted_and_kept(example: Any, tmp_path: Path) -> None:
    scoring = fit(drawn(example, 80, answered=0.7))
    assert set(scoring.sentence.weights) == set(NAMES)
    assert set(scoring.prior.weights) == set(NAMES) - READ_FEATURES
    assert scoring.prior.weights["overlap"] > 0
    assert -4 <= scoring.reach <= 20
    path = tmp_path / SCORING_FILE
    path.write_text(json.dumps(scoring.to_dict()), "utf-8")
    again = Scoring.load(path)
    assert again.to_dict() == scoring.to_dict()
    features = {"read": 1.0, "overlap": 0.5}
    assert again.sentence.probability(features) == pytest.approx(scoring.sentence.probability(features), abs=1e-3)


# What was read again


@pytest.fixture
def twice(example: Any) -> Callable[..., Example]:
    """A question whose first candidates were read again: what each reader said of the candidates."""

    def make(quick: Sequence[float], sharp: Sequence[float], right: Sequence[bool]) -> Example:
        made = example([{"read": each} for each in quick], right)
        again = [
            replace(first, features={**first.features, "read": each, "quick_read": first.features["read"]})
            for first, each in zip(made.candidates, sharp, strict=False)
        ]
        return replace(made, again=again, right_again=list(right)[: len(again)], searched=50)

    return make


def by_read() -> Scoring:
    return Scoring(BY_READ, LogisticModel(0.0, {}), BY_OVERLAP, 0.0)


def test_what_was_read_again_stands_in_place_of_its_first_reading(twice: Any) -> None:
    made = twice([3.0, 2.0, 1.0, 0.0], [-5.0, 4.0], [False, False, True, True])
    alone = made.read_again()
    assert (list(alone.candidates), list(alone.right)) == (list(made.again), [False, False])
    assert (alone.question, alone.searched, alone.again, alone.right_again) == (made.question, 50, (), ())
    ranked = ranked_again(BY_READ, by_read(), made)
    assert [each.passage.id for each in ranked.candidates] == [1, 2, 3, 0]
    assert list(ranked.right) == [False, True, True, False]
    assert ["quick_read" in each.features for each in ranked.candidates] == [True, False, False, True]
    odds = [4.0, 1.0, 0.0, -5.0]
    assert [logit(each.probability) for each in ranked.candidates] == pytest.approx(odds)
    # Of what nobody read again the ranking stays.
    plain = replace(made, again=(), right_again=())
    assert ranked_again(BY_READ, by_read(), plain) == ranked_by(BY_READ, plain)


def test_a_reach_is_how_far_reading_again_must_look(twice: Any) -> None:
    def asked(rank: int) -> Example:
        quick = [4.0 - number / 2 for number in range(8)]
        return twice(quick, [3.0 if number == rank else -3.0 for number in range(8)], [False] * 8)

    near = [asked(rank % READ_AGAIN_AT_ONCE) for rank in range(100)]
    assert fit_reach_again(near, by_read(), BY_READ) == -4.0, "nothing is lost by reading the first ones only"
    # Two in a hundred may be lost.
    assert fit_reach_again([*near, asked(7), asked(7)], by_read(), BY_READ) == -4.0
    # Of two that read well, at 3 and 5, the better one is the fifth in line, at 2.6: it is read within 0.4.
    behind = [twice([4.0, 3.9, 3.5, 3.4, 2.6, 2.4], [3.0, -3.0, -3.0, -3.0, 5.0, 0.0], [False] * 6)] * 3
    assert fit_reach_again([*near, *behind], by_read(), BY_READ) == 0.5
    assert fit_reach_again([], by_read(), BY_READ) == -4.0


def test_models_of_a_second_reading_are_fitted_where_there_is_one(example: Any, tmp_path: Path) -> None:
    # The sharp reader tells the right ones where the quick one only guesses.
    generator = random.Random(2)
    examples = []
    for each in drawn(example, 80, answered=0.7):
        order = sorted(range(8), key=lambda number: -each.candidates[number].features["read"])[:4]
        again = []
        for number in order:
            own = each.candidates[number]
            told = {f"quick_{name}": own.features[name] for name in ("read", "margin", "behind")}
            read = (5.0 if each.right[number] else -5.0) + generator.gauss(0, 1)
            again.append(replace(own, features={**own.features, **told, "read": read, "same_words": 1.0}))
        examples.append(replace(each, again=again, right_again=[each.right[number] for number in order]))
    scoring = fit(examples)
    assert scoring.again is not None
    assert set(scoring.again.sentence.weights) == set(NAMES) | READ_AGAIN_FEATURES
    assert scoring.again.sentence.weights["read"] > 2 * abs(scoring.again.sentence.weights["quick_read"])
    assert {"read", "large:read", "large:quick_read"} <= set(scoring.again.confidence.weights)
    assert -4 <= scoring.again.reach <= 20
    once = fit([replace(each, again=(), right_again=()) for each in examples])
    assert once == replace(scoring, again=None)
    path = tmp_path / SCORING_FILE
    path.write_text(json.dumps(scoring.to_dict()), "utf-8")
    assert Scoring.load(path).to_dict() == scoring.to_dict()


# Examples of an index


@pytest.fixture
def engine(tmp_path: Path, tiny_encoder: Any, tiny_reader: Any) -> Iterator[Engine]:
    told = {
        "one": "The new bridge in Lund was opened on Monday, the city said.",
        "two": "In Lund the king opened the bridge on Monday at noon.",
        "three": "The bridge in Oslo was closed on Tuesday, Bob said.",
    }
    (tmp_path / "articles").mkdir()
    with (tmp_path / "articles" / "news.jsonl").open("w", encoding="utf-8") as file:
        for name, text in told.items():
            record = {"url": f"https://example.org/{name}", "title": f"Report {name}", "text": text}
            file.write(json.dumps(record) + "\n")
    build_index([tmp_path / "articles"], tmp_path / "index", encoder=tiny_encoder)
    model = LogisticModel(-2.0, {"read": 1.0})
    scoring = Scoring(model, model, model, 0.0)
    (tmp_path / SCORING_FILE).write_text(json.dumps(scoring.to_dict()), "utf-8")
    tiny_reader.folder = tmp_path
    with Engine.open(tmp_path / "index", encoder=tiny_encoder, reader=tiny_reader) as opened:
        yield opened


def test_a_question_is_asked_with_and_without_the_articles_that_answer_it(engine: Engine, tiny_reader: Any) -> None:
    url = "https://example.org/one"
    item = EvaluationQuestion("a", "When was the new bridge in Lund opened?", ("Monday",), (url,))
    gathering = Gathering(tiny_reader, Scoring(BY_READ, BY_READ, BY_READ, 0.0))
    whole, left = news_examples(engine, gathering, [item])
    urls = [{each.passage.article.url.rpartition("/")[2] for each in one.candidates} for one in (whole, left)]
    assert urls == [{"one", "two", "three"}, {"two", "three"}]
    # Right is what holds the answer in an article that is known to give it.
    right = [each.passage.article.url for each, label in zip(whole.candidates, whole.right, strict=True) if label]
    assert right == [url]
    assert not any(left.right)
    for each in (whole, left):
        assert set(each.candidates[0].features) >= READ_FEATURES


def test_articles_can_be_left_out(engine: Engine) -> None:
    item = EvaluationQuestion("a", "When was the new bridge in Lund opened?", ("Monday",))
    question, candidates = without(engine, item, [f"https://example.org/{name}" for name in ("one", "two", "three")])
    assert (question.text, candidates) == (item.question, [])
    assert without(engine, item, [])[1] == engine.candidates(item.question, thorough=True)[1]
