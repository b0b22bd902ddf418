"""Asks an engine every question of a file, and computes the figures of what came of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

from index.errors import EvaluationError
from rag.engine import MIN_CONFIDENCE, TOP
from rag.evaluation.metrics import (
    accuracy_at,
    area_under_risk,
    auroc,
    calibration_error,
    exact_match,
    hit_at,
    mean,
    percentile,
    reciprocal_rank,
    token_f1,
)
from rag.evaluation.outcomes import Evaluation, Outcome, RankedSentence
from rag.evaluation.questions import is_right

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rag.evaluation.questions import EvaluationQuestion
    from rag.types import Answer, Citation

__all__ = ["WARM_UP", "Asked", "evaluate", "figures_of", "judge", "latencies", "rank"]

WARM_UP = "Which river flows through the town?"
"""Asked once before the clock runs: whatever is loaded on first use is loaded then."""


class Asked(Protocol):
    """What is evaluated; a `rag.engine.Engine` is one."""

    def ask(self, question: str, *, top: int = TOP, min_confidence: float = MIN_CONFIDENCE) -> Answer:
        """Answer a question; see `rag.engine.Engine.ask`."""
        ...


def evaluate(
    engine: Asked,
    items: Sequence[EvaluationQuestion],
    *,
    top: int = TOP,
    min_confidence: float = MIN_CONFIDENCE,
    settings: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Ask every question once, one after the other.

    Each is asked with no threshold, so that the ranking and the confidence are seen of all; what would have been
    answered at `min_confidence` follows from the confidence.

    Args:
        engine: what is asked.
        items: questions with what is expected, at least one.
        top: the greatest number of citations, at least 1.
        min_confidence: the confidence in [0, 1] from which an answer counts as given.
        settings: what to note of the run.
        progress: called with the number of questions done and of all.

    Raises:
        EvaluationError: when there is no question.
        QuestionError: when one cannot be asked; those that `read_questions` gave can.
    """
    if not items:
        raise EvaluationError("there is no question to ask; expected at least one")
    engine.ask(WARM_UP, top=top, min_confidence=0.0)
    outcomes = []
    for done, item in enumerate(items, 1):
        start = time.perf_counter()
        answer = engine.ask(item.question, top=top, min_confidence=0.0)
        seconds = time.perf_counter() - start
        outcomes.append(judge(item, answer, seconds, min_confidence=min_confidence))
        if progress is not None:
            progress(done, len(items))
    return Evaluation(tuple(outcomes), min_confidence, dict(settings or {}))


def judge(item: EvaluationQuestion, answer: Answer, seconds: float, *, min_confidence: float) -> Outcome:
    """What came of a question.

    Args:
        item: the question with what is expected.
        answer: given with `min_confidence=0.0`.
        seconds: how long it took.
        min_confidence: the confidence in [0, 1] from which it counts as given.
    """
    ranked = tuple(_judged(item, citation) for citation in rank(answer))
    shown = [_judged(item, citation) for citation in answer.citations]
    words = ranked[0].words if ranked else ""
    return Outcome(
        id=item.id,
        question=item.question,
        answers=item.answers,
        date=item.date,
        confidence=answer.confidence,
        answered=bool(shown) and answer.confidence >= min_confidence,
        ranked=ranked,
        shown=len(shown),
        shown_right=sum(sentence.right for sentence in shown),
        exact=exact_match(words, item.answers),
        f1=token_f1(words, item.answers),
        seconds=seconds,
        timings=dict(answer.timings),
    )


def rank(answer: Answer) -> tuple[Citation, ...]:
    """An answer's sentences as they rank: the first citation, then all others by their score.

    Citations after the first one are listed as they are read, and what is related comes behind them.
    """
    listed = (*answer.citations, *answer.related)
    return (*listed[:1], *sorted(listed[1:], key=lambda citation: -citation.score))


def _judged(item: EvaluationQuestion, citation: Citation) -> RankedSentence:
    holds = is_right(citation.quote, item.answers)
    copies = (each for each in citation.also_in if each.wording is None)
    places = [name for place in (citation, *copies) for name in (place.source, place.path)]
    right = is_right(citation.quote, item.answers, places=places, sources=item.sources)
    return RankedSentence(
        quote=citation.quote,
        right=right,
        elsewhere=holds and not right,
        highlight=citation.highlight,
        score=citation.score,
        title=citation.title,
        source=citation.source,
        published=citation.published,
        location=citation.location,
    )


def figures_of(outcomes: Sequence[Outcome], threshold: float) -> dict[str, Any]:
    """The figures of a run; shares and scores are in [0, 1], and None where there is nothing to measure.

    Args:
        outcomes: of each question.
        threshold: the run's.

    Returns:
        Over the questions that the articles answer: `hit_at_1` and `hit_at_5` (a right sentence is the first, among
        the first five), `mrr`, `span_exact_match` and `span_f1` (of the first sentence's highlighted words, nothing
        highlighted being worth 0), `highlighted` (the share with such words).
        At the threshold: `answered_share` of all questions, `accuracy_answered` (the share of these whose first
        citation is right), `citation_precision` (the share of all their citations that are right), and
        `wrongly_answered`, the share answered of the questions that the articles do not answer.
        Of the confidence: `auroc` (the first sentence right or not; all questions), `answerability_auroc` (questions
        that the articles answer or not), `calibration_error`, `area_under_risk`, `mean_confidence`.
        `thresholds`: for 0.1, 0.2, ..., 0.9 as the `threshold` the `answered_share` and `accuracy_answered` there.
        `latency_ms`: for "whole" and each stage `p50` and `p95`, in milliseconds.
        And `questions`, `answerable`, `unanswerable`, `answered`, `min_confidence`.
    """
    asked = [outcome for outcome in outcomes if outcome.answerable]
    hopeless = [outcome for outcome in outcomes if not outcome.answerable]
    answered = [outcome for outcome in outcomes if outcome.answered]
    labels = [[sentence.right for sentence in outcome.ranked] for outcome in asked]
    confidences = [outcome.confidence for outcome in outcomes]
    right = [outcome.right for outcome in outcomes]
    shown = sum(outcome.shown for outcome in answered)
    return {
        "questions": len(outcomes),
        "answerable": len(asked),
        "unanswerable": len(hopeless),
        "answered": len(answered),
        "min_confidence": threshold,
        "hit_at_1": mean([hit_at(each, 1) for each in labels]),
        "hit_at_5": mean([hit_at(each, 5) for each in labels]),
        "mrr": mean([reciprocal_rank(each) for each in labels]),
        "span_exact_match": mean([outcome.exact for outcome in asked]),
        "span_f1": mean([outcome.f1 for outcome in asked]),
        "highlighted": mean([float(bool(each.ranked and each.ranked[0].words)) for each in asked]),
        "answered_share": mean([float(outcome.answered) for outcome in outcomes]),
        "accuracy_answered": mean([float(outcome.right) for outcome in answered]),
        "citation_precision": sum(outcome.shown_right for outcome in answered) / shown if shown else None,
        "wrongly_answered": mean([float(outcome.answered) for outcome in hopeless]),
        "auroc": auroc(confidences, right),
        "answerability_auroc": auroc(confidences, [outcome.answerable for outcome in outcomes]),
        "calibration_error": calibration_error(confidences, right),
        "area_under_risk": area_under_risk(confidences, right),
        "mean_confidence": mean(confidences),
        "thresholds": [_at(confidences, right, tenth / 10) for tenth in range(1, 10)],
        "latency_ms": latencies(outcomes),
    }


def _at(confidences: Sequence[float], right: Sequence[bool], threshold: float) -> dict[str, float | None]:
    share, accuracy = accuracy_at(confidences, right, threshold)
    return {"threshold": threshold, "answered_share": share, "accuracy_answered": accuracy}


def latencies(outcomes: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    """Milliseconds a question, median and 95th percentile: "whole" first, then each stage in its order."""
    columns: dict[str, list[float]] = {"whole": [outcome.seconds for outcome in outcomes]}
    for outcome in outcomes:
        for stage, seconds in outcome.timings.items():
            columns.setdefault(stage, []).append(seconds)
    return {
        stage: {
            name: 1000 * found
            for name, share in (("p50", 0.5), ("p95", 0.95))
            if (found := percentile(seconds, share)) is not None
        }
        for stage, seconds in columns.items()
    }
