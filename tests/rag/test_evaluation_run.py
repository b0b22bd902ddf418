"""An engine asked the questions of a file: what is noted of each, the figures, and two runs side by side."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest

from index.build import build_index
from index.errors import EvaluationError
from rag.engine import Engine
from rag.evaluation.compare import compare
from rag.evaluation.figures import difference, evaluation_text, shown
from rag.evaluation.outcomes import Evaluation, Outcome, RankedSentence, read_evaluation
from rag.evaluation.questions import EvaluationQuestion
from rag.evaluation.run import WARM_UP, evaluate, figures_of, judge, rank
from rag.types import Answer, Citation, Place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ARTICLES = {
    "lund": """Bridge Opens in Lund

The new bridge in Lund opened on Monday after four years of work, the city said.

It cost 12 million euros.
""",
    "oslo": """Ferry Sinks Off Oslo

A ferry with 40 passengers sank off Oslo on Tuesday, and all were saved.

The captain was questioned by the police.
""",
}
ITEMS = [
    EvaluationQuestion("bridge", "When did the new bridge in Lund open?", ("Monday",), ("lund.txt",)),
    EvaluationQuestion("elsewhere", "When did the new bridge in Lund open this year?", ("Monday",), ("oslo.txt",)),
    EvaluationQuestion("ferry", "How many passengers were on the ferry that sank off Oslo?", ("40 passengers",)),
    EvaluationQuestion("never", "Who won the election in France?"),
]


@pytest.fixture
def engine(tiny_encoder: Any, tmp_path: Path) -> Iterator[Engine]:
    articles = tmp_path / "articles"
    articles.mkdir()
    for name, text in ARTICLES.items():
        (articles / f"{name}.txt").write_text(text, "utf-8")
    build_index([articles], tmp_path / "index", encoder=tiny_encoder)
    with Engine.open(tmp_path / "index", encoder=tiny_encoder, reader="none") as opened:
        yield opened


def test_an_engine_is_asked_and_judged(engine: Engine) -> None:
    seen: list[tuple[int, int]] = []
    run = evaluate(engine, ITEMS, settings={"questions": "q"}, progress=lambda done, total: seen.append((done, total)))
    bridge, elsewhere, ferry, never = run.outcomes
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [each.id for each in run.outcomes] == [item.id for item in ITEMS]

    assert bridge.right
    assert bridge.rank == 1
    assert "opened on Monday" in bridge.ranked[0].quote
    assert bridge.ranked[0].location.endswith("lund.txt:3")
    assert ferry.right
    assert "40 passengers" in ferry.ranked[0].quote

    # The same sentence, but not in an article that the question names.
    assert elsewhere.ranked[0].quote == bridge.ranked[0].quote
    assert not elsewhere.right
    assert elsewhere.ranked[0].elsewhere
    assert not bridge.ranked[0].elsewhere

    assert not never.answerable
    assert not any(sentence.right for sentence in never.ranked)
    for outcome in run.outcomes:
        assert outcome.answered == (outcome.confidence >= run.threshold and outcome.shown > 0)
        assert outcome.seconds >= sum(outcome.timings.values()) * 0.9
        assert {"encode", "retrieve", "read"} <= set(outcome.timings)
    figures = run.figures()
    assert (figures["questions"], figures["answerable"], figures["unanswerable"]) == (4, 3, 1)
    assert figures["hit_at_1"] == pytest.approx(2 / 3)
    assert figures["latency_ms"]["whole"]["p50"] >= figures["latency_ms"]["read"]["p50"]


def test_what_would_be_answered_is_what_the_engine_answers(engine: Engine) -> None:
    for threshold in (0.0, 0.3, 0.5, 0.9, 1.0):
        run = evaluate(engine, ITEMS, min_confidence=threshold)
        answers = [engine.ask(item.question, min_confidence=threshold) for item in ITEMS]
        assert [each.answered for each in run.outcomes] == [answer.answered for answer in answers]
        for outcome, answer in zip(run.outcomes, answers, strict=True):
            assert outcome.confidence == pytest.approx(answer.confidence)
            if answer.answered:
                assert outcome.shown == len(answer.citations)


def test_each_question_is_asked_once_behind_a_warm_up(engine: Engine) -> None:
    asked: list[str] = []

    class Listening:
        def ask(self, question: str, **options: Any) -> Answer:
            asked.append(question)
            return engine.ask(question, **options)

    evaluate(Listening(), ITEMS)
    assert asked == [WARM_UP, *(item.question for item in ITEMS)]


def test_nothing_to_ask_is_an_error(engine: Engine) -> None:
    with pytest.raises(EvaluationError, match="no question"):
        evaluate(engine, [])


# One answer


def citation(number: int, quote: str, score: float, highlight: tuple[int, int] | None = None) -> Citation:
    return Citation("0" * 32, "T", "https://e.org/1", None, 0, len(quote), "/a.txt", 3, number, quote, highlight, score)


ANSWER = Answer(
    "Q?",
    True,
    0.6,
    (citation(1, "In Lund, at 9.", 0.5, (3, 7)), citation(2, "Later.", 0.1), citation(3, "Earlier.", 0.45)),
    (citation(1, "It was Lund.", 0.3), citation(2, "Not there.", 0.2)),
    timings={"read": 0.25},
)


def test_the_first_stays_first_and_the_others_follow_by_their_scores() -> None:
    better = dataclasses.replace(ANSWER, related=(citation(1, "It was Lund.", 0.9),))
    assert [each.quote for each in rank(better)] == ["In Lund, at 9.", "It was Lund.", "Earlier.", "Later."]
    silent = dataclasses.replace(ANSWER, citations=())
    assert [each.quote for each in rank(silent)] == ["It was Lund.", "Not there."]


def test_an_answer_is_judged() -> None:
    item = EvaluationQuestion("a", "Q?", ("in Lund",), date="today")
    outcome = judge(item, ANSWER, 0.5, min_confidence=0.6)
    assert [sentence.right for sentence in outcome.ranked] == [True, False, False, False, False]
    assert (outcome.shown, outcome.shown_right) == (3, 1)
    assert outcome.answered
    assert (outcome.exact, outcome.f1) == (0.0, pytest.approx(2 / 3))
    assert (outcome.date, outcome.timings, outcome.seconds) == ("today", {"read": 0.25}, 0.5)
    assert not judge(item, ANSWER, 0.5, min_confidence=0.61).answered
    assert not judge(item, dataclasses.replace(ANSWER, citations=()), 0.5, min_confidence=0.0).answered
    nothing = judge(item, Answer("Q?", False, 0.0), 0.5, min_confidence=0.5)
    assert (nothing.right, nothing.rank, nothing.f1, nothing.ranked) == (False, None, 0.0, ())


@pytest.mark.parametrize(("wording", "right"), [(None, True), ("It was in Lund, at nine.", False)])
def test_a_sentence_whose_copy_stands_in_an_article_that_answers_is_right(wording: str | None, right: bool) -> None:
    item = EvaluationQuestion("a", "Q?", ("in Lund",), ("https://e.org/2",))
    copy = Place("1" * 32, "T", "https://e.org/2", None, 5, 19, "/b.txt", 1, wording=wording)
    first, *others = ANSWER.citations
    shared = dataclasses.replace(ANSWER, citations=(dataclasses.replace(first, also_in=(copy,)), *others))
    assert not judge(item, ANSWER, 0.5, min_confidence=0.5).right
    outcome = judge(item, shared, 0.5, min_confidence=0.5)
    assert outcome.right == right
    assert outcome.ranked[0].elsewhere != right


# Figures of outcomes made by hand


def sentence(right: bool) -> RankedSentence:
    return RankedSentence("Lund it was.", right, False, (0, 4), 0.5, "T", "https://e.org/1", "2025", "/a.txt:3")


def outcome(
    name: str, confidence: float, *right: bool, answerable: bool = True, shown: int = 1, **more: Any
) -> Outcome:
    values: dict[str, Any] = {
        "id": name,
        "question": f"{name}?",
        "answers": ("Lund",) if answerable else (),
        "date": None,
        "confidence": confidence,
        "answered": confidence >= 0.5,
        "ranked": tuple(sentence(each) for each in right),
        "shown": shown,
        "shown_right": sum(right[:shown]),
        "exact": 1.0,
        "f1": 1.0,
        "seconds": 0.010,
        "timings": {"read": 0.004},
    }
    return Outcome(**{**values, **more})


OUTCOMES = (
    outcome("first", 0.9, True, False, shown=2),
    outcome("third", 0.7, False, False, True, exact=0.0, f1=0.5),
    outcome("sixth", 0.2, *[False] * 5, True, exact=0.0, f1=0.0, seconds=0.030),
    outcome("silent", 0.4, True, timings={}),
    outcome("hopeless", 0.6, False, answerable=False),
    outcome("rightly silent", 0.1, False, answerable=False),
)


def test_the_figures() -> None:
    figures = figures_of(OUTCOMES, 0.5)
    assert {name: figures[name] for name in ("questions", "answerable", "unanswerable", "answered")} == {
        "questions": 6,
        "answerable": 4,
        "unanswerable": 2,
        "answered": 3,
    }
    assert figures["hit_at_1"] == 2 / 4
    assert figures["hit_at_5"] == 3 / 4
    assert figures["mrr"] == pytest.approx((1 + 1 / 3 + 1 / 6 + 1) / 4)
    assert figures["span_exact_match"] == 2 / 4
    assert figures["span_f1"] == 2.5 / 4
    assert figures["highlighted"] == 1.0
    assert figures["answered_share"] == 3 / 6
    assert figures["accuracy_answered"] == 1 / 3
    assert figures["citation_precision"] == 1 / 4
    assert figures["wrongly_answered"] == 1 / 2
    # Right 0.9 and 0.4 against wrong 0.7, 0.2, 0.6, 0.1; answerable 0.9, 0.7, 0.2, 0.4 against 0.6, 0.1.
    assert figures["auroc"] == 6 / 8
    assert figures["answerability_auroc"] == 6 / 8
    assert figures["calibration_error"] == pytest.approx((0.1 + 0.7 + 0.2 + 0.6 + 0.6 + 0.1) / 6)
    assert figures["area_under_risk"] == pytest.approx((0 + 1 / 2 + 2 / 3 + 2 / 4 + 3 / 5 + 4 / 6) / 6)
    assert figures["thresholds"][6] == {
        "threshold": 0.7,
        "answered_share": pytest.approx(2 / 6),
        "accuracy_answered": 1 / 2,
    }
    assert figures["latency_ms"]["whole"] == {"p50": pytest.approx(10.0), "p95": pytest.approx(25.0)}
    assert figures["latency_ms"]["read"] == {"p50": pytest.approx(4.0), "p95": pytest.approx(4.0)}
    json.dumps(figures, allow_nan=False)


def test_figures_without_a_meaning_are_none() -> None:
    unanswerable = figures_of([OUTCOMES[5]], 0.5)
    for name in (
        "hit_at_1",
        "mrr",
        "span_f1",
        "accuracy_answered",
        "citation_precision",
        "auroc",
        "answerability_auroc",
    ):
        assert unanswerable[name] is None, name
    assert figures_of([OUTCOMES[0]], 0.5)["wrongly_answered"] is None
    assert "hit@1" not in evaluation_text(unanswerable)
    assert "wrongly answered" in evaluation_text(unanswerable)


def test_figures_as_they_are_written() -> None:
    assert [shown(value, "ms") for value in (9.96, 10.2, 1_234.5)] == ["10.0 ms", "10 ms", "1,234 ms"]
    assert (shown(0.5, "threshold"), shown(1_234, "count"), shown(77.61, "percent")) == ("0.5", "1,234", "77.6")
    assert [difference(0.5, new, "share") for new in (0.5, 0.50001, 0.6, 0.4)] == ["0", "0", "+10.0 pp", "−10.0 pp"]


# Written and read again


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = Evaluation(OUTCOMES, 0.5, {"questions": "q.jsonl", "part": None})
    path = tmp_path / "run.json"
    path.write_text(json.dumps(run.to_dict(), allow_nan=False), "utf-8")
    again = read_evaluation(path)
    assert again == run
    assert again.figures() == run.to_dict()["figures"]


@pytest.mark.parametrize(
    "change",
    [
        lambda content: [],
        lambda content: {**content, "kind": "something"},
        lambda content: {**content, "version": 99},
        lambda content: {key: value for key, value in content.items() if key != "questions"},
        lambda content: {**content, "questions": [{"id": 1}]},
        lambda content: {**content, "questions": ["x"]},
        lambda content: {**content, "threshold": "high"},
    ],
)
def test_what_is_no_saved_run(tmp_path: Path, change: Any) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(change(Evaluation(OUTCOMES, 0.5).to_dict())), "utf-8")
    with pytest.raises(EvaluationError, match=r"run\.json is no saved evaluation"):
        read_evaluation(path)
    path.write_text("{", "utf-8")
    with pytest.raises(EvaluationError, match="is no saved evaluation"):
        read_evaluation(path)


# Two runs


def test_questions_won_and_lost() -> None:
    old = Evaluation(
        (
            outcome("first", 0.5, False),
            outcome("silent", 0.5, True),
            outcome("third", 0.1, True),
            outcome("gone", 0, True),
        ),
        0.5,
    )
    found = compare(Evaluation(OUTCOMES, 0.5), old)
    assert [(was.id, now.id) for was, now in found.won] == [("first", "first")]
    assert [(was.id, now.id) for was, now in found.lost] == [("third", "third")]
    assert (found.shared, found.only_old, found.only_new) == (3, 1, 3)
    assert found.chance == 1.0
    # Both figures are of the three questions that both were asked.
    assert (found.old["questions"], found.new["questions"]) == (3, 3)
    assert (found.old["hit_at_1"], found.new["hit_at_1"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    text = evaluation_text(Evaluation(OUTCOMES, 0.5).figures(), found)
    assert "Of 3 shared questions: 1 won, 1 lost" in text
    assert "1 were asked only before, 3 only now" in text


def test_runs_that_share_nothing_cannot_be_compared() -> None:
    run = Evaluation(OUTCOMES, 0.5)
    other = Evaluation(tuple(dataclasses.replace(each, question="Else?") for each in OUTCOMES), 0.5)
    with pytest.raises(EvaluationError, match="share no question"):
        compare(run, other)
    same = compare(run, run)
    assert (same.won, same.lost, same.old) == ((), (), same.new)
