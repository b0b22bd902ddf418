"""Figures of quality from plain numbers and labels: pure functions; a figure that has no meaning is None, never NaN.

Answers are compared as SQuAD's official scripts do (Rajpurkar et al. 2016, 2018). Scores and confidences are better
when greater, labels are True for what is right.
"""

from __future__ import annotations

import re
import string
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BINS",
    "Bin",
    "CoveragePoint",
    "accuracy_at",
    "area_under_risk",
    "auroc",
    "average_precision",
    "calibration_bins",
    "calibration_error",
    "exact_match",
    "hit_at",
    "mean",
    "normalise_answer",
    "percentile",
    "pessimistic_order",
    "reciprocal_rank",
    "risk_coverage",
    "token_f1",
]

BINS = 10
"""Bins of the calibration error, all equally wide."""

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True, slots=True)
class Bin:
    """The answers whose confidence lies in `[low, high)`; in the last bin `[low, 1]`.

    Attributes:
        low, high: the bin's bounds, in [0, 1].
        count: how many answers there are.
        confidence: their mean confidence; None when there are none.
        accuracy: the share of them that is right; None when there are none.
    """

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class CoveragePoint:
    """What a threshold comes to: the share of questions answered, in (0, 1], and the share of these that is wrong."""

    threshold: float
    coverage: float
    risk: float


def normalise_answer(text: str) -> str:
    """An answer as SQuAD compares it: lower case, without punctuation and articles, one space between words.

    Only ASCII punctuation goes, as in the official script.

    >>> normalise_answer("The  90-minute call!")
    '90minute call'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(prediction: str, answers: Sequence[str]) -> float:
    """1.0 when the prediction equals an answer, both normalised, else 0.0.

    With no answer in `answers` (none that is left after normalising) the right prediction is an empty one.

    >>> exact_match("the USA", ["US", "USA"]), exact_match("", []), exact_match("Rome", [])
    (1.0, 1.0, 0.0)
    """
    return float(normalise_answer(prediction) in _known(answers))


def token_f1(prediction: str, answers: Sequence[str]) -> float:
    """The greatest F1 in [0, 1] of the prediction's words with those of an answer, both normalised.

    As in `exact_match` with no answer the right prediction is an empty one; half an answer to such a question, or
    nothing for an answer, is worth 0.

    >>> round(token_f1("more than 30 nations", ["30 nations"]), 3)
    0.667
    """
    return max(_f1(normalise_answer(prediction).split(), answer.split()) for answer in _known(answers))


def _known(answers: Sequence[str]) -> list[str]:
    """The answers, normalised; "" when there is none."""
    return [answer for answer in map(normalise_answer, answers) if answer] or [""]


def _f1(predicted: Sequence[str], answer: Sequence[str]) -> float:
    if not predicted or not answer:
        return float(list(predicted) == list(answer))
    common = sum((Counter(predicted) & Counter(answer)).values())
    return 2 * common / (len(predicted) + len(answer))


def mean(values: Sequence[float]) -> float | None:
    """The mean; None of nothing.

    >>> mean([1, 2]), mean([])
    (1.5, None)
    """
    return sum(values) / len(values) if values else None


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value below which `share` (in [0, 1]) of the values lie, interpolated between neighbours; None of nothing.

    >>> percentile([4.0, 1.0, 2.0], 0.5), percentile([0.0, 1.0], 0.95)
    (2.0, 0.95)
    """
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def auroc(scores: Sequence[float], labels: Sequence[bool]) -> float | None:
    """The probability in [0, 1] that a right one has a greater score than a wrong one; a tie counts half.

    None when all are right, or all wrong.

    >>> auroc([0.9, 0.4, 0.4, 0.1], [True, True, False, False])
    0.875
    """
    rights = sum(map(bool, labels))
    wrongs = len(labels) - rights
    if not rights or not wrongs:
        return None
    won, wrongs_below = 0.0, 0
    for _, tied in groupby(sorted(zip(scores, labels, strict=True)), key=lambda pair: pair[0]):
        own = [label for _, label in tied]
        own_rights = sum(map(bool, own))
        own_wrongs = len(own) - own_rights
        won += own_rights * (wrongs_below + own_wrongs / 2)
        wrongs_below += own_wrongs
    return won / (rights * wrongs)


def calibration_bins(confidences: Sequence[float], labels: Sequence[bool], *, bins: int = BINS) -> list[Bin]:
    """The answers by confidence in [0, 1], in `bins` equally wide bins."""
    found: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    edges = [number / bins for number in range(1, bins)]
    for confidence, label in zip(confidences, labels, strict=True):
        found[bisect_right(edges, confidence)].append((confidence, label))
    return [
        Bin(
            number / bins,
            (number + 1) / bins,
            len(own),
            mean([confidence for confidence, _ in own]),
            mean([float(label) for _, label in own]),
        )
        for number, own in enumerate(found)
    ]


def calibration_error(confidences: Sequence[float], labels: Sequence[bool], *, bins: int = BINS) -> float | None:
    """The expected calibration error: how far confidence and accuracy lie apart, in [0, 1]; None of nothing.

    The mean over `bins` equally wide bins of |accuracy - mean confidence|, weighted by their answers.
    Source: Guo et al., "On Calibration of Modern Neural Networks" (2017), equation 3.

    >>> round(calibration_error([0.9, 0.9], [True, False]), 3)
    0.4
    """
    total = sum(
        each.count * abs(each.accuracy - each.confidence)
        for each in calibration_bins(confidences, labels, bins=bins)
        if each.accuracy is not None and each.confidence is not None
    )
    return total / len(confidences) if confidences else None


def risk_coverage(confidences: Sequence[float], labels: Sequence[bool]) -> list[CoveragePoint]:
    """What each threshold comes to, from the strictest on; one point for each different confidence.

    >>> [(point.coverage, point.risk) for point in risk_coverage([0.9, 0.5, 0.5, 0.1], [True, True, False, False])]
    [(0.25, 0.0), (0.75, 0.3333333333333333), (1.0, 0.5)]
    """
    points = []
    answered = wrong = 0
    for confidence, tied in groupby(_surest_first(confidences, labels), key=lambda pair: pair[0]):
        own = [label for _, label in tied]
        answered += len(own)
        wrong += len(own) - sum(own)
        points.append(CoveragePoint(confidence, answered / len(confidences), wrong / answered))
    return points


def area_under_risk(confidences: Sequence[float], labels: Sequence[bool]) -> float | None:
    """The mean risk over all coverages 1/n, 2/n, ..., 1, in [0, 1], the less the better; None of nothing.

    Among equal confidences the errors are taken as evenly spread, so that the order of the answers is of no matter.
    Source: Geifman et al., "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers" (2019).

    >>> round(area_under_risk([0.9, 0.1], [True, False]), 3), round(area_under_risk([0.5, 0.5], [True, False]), 3)
    (0.25, 0.5)
    """
    total = wrong_before = 0.0
    answered = 0
    for _, tied in groupby(_surest_first(confidences, labels), key=lambda pair: pair[0]):
        own = [label for _, label in tied]
        share = (len(own) - sum(own)) / len(own)
        for number in range(1, len(own) + 1):
            total += (wrong_before + share * number) / (answered + number)
        answered += len(own)
        wrong_before += share * len(own)
    return total / answered if answered else None


def _surest_first(confidences: Sequence[float], labels: Sequence[bool]) -> list[tuple[float, bool]]:
    pairs = [(confidence, bool(label)) for confidence, label in zip(confidences, labels, strict=True)]
    return sorted(pairs, key=lambda pair: -pair[0])


def accuracy_at(
    confidences: Sequence[float], labels: Sequence[bool], threshold: float
) -> tuple[float | None, float | None]:
    """The share of questions answered from `threshold` on, and the share of these that is right.

    Either is None when there is nothing to have a share of.

    >>> accuracy_at([0.9, 0.5, 0.1], [True, False, True], 0.5)
    (0.6666666666666666, 0.5)
    """
    answered = [float(label) for confidence, label in zip(confidences, labels, strict=True) if confidence >= threshold]
    return (len(answered) / len(confidences) if confidences else None), mean(answered)


def hit_at(ranked: Sequence[bool], count: int) -> float:
    """1.0 when one of the first `count` is right, else 0.0.

    >>> hit_at([False, True], 1), hit_at([False, True], 5)
    (0.0, 1.0)
    """
    return float(any(ranked[:count]))


def reciprocal_rank(ranked: Sequence[bool]) -> float:
    """1 divided by the rank (from 1) of the first right one; 0.0 when there is none. Its mean is the MRR.

    >>> reciprocal_rank([False, True, True])
    0.5
    """
    return next((1 / rank for rank, right in enumerate(ranked, 1) if right), 0.0)


def average_precision(ranked: Sequence[bool]) -> float:
    """The mean of the precisions at each right one, in [0, 1]; 0.0 when there is none. Its mean is the MAP.

    >>> average_precision([True, False, True])
    0.8333333333333333
    """
    precisions, found = [], 0
    for rank, right in enumerate(ranked, 1):
        if right:
            found += 1
            precisions.append(found / rank)
    return mean(precisions) or 0.0


def pessimistic_order(scores: Sequence[float], labels: Sequence[bool]) -> list[bool]:
    """The labels, the greatest score first, and among equal scores the wrong ones first: a tie wins nothing.

    In the file's order a reader that says the same of every sentence would look perfect where right ones come first.

    >>> pessimistic_order([0.5, 0.9, 0.5], [True, False, False])
    [False, False, True]
    """
    return [
        label for _, label in sorted(zip(scores, map(bool, labels), strict=True), key=lambda pair: (-pair[0], pair[1]))
    ]
