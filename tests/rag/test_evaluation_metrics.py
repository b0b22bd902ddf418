"""The figures, against scikit-learn, NumPy, SciPy, SQuAD's own script, and brute force."""

from __future__ import annotations

import collections
import itertools
import re
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, roc_auc_score

from rag.evaluation import metrics
from rag.evaluation.compare import sign_test

# Few values, so that ties are common.
GRID = st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5, 0.7, 0.9, 1.0])
PAIRS = st.lists(st.tuples(GRID, st.booleans()), min_size=1, max_size=30)
ANY_PAIRS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30)
TEXT = st.text(alphabet="aAnthe The.,!?’'-–1290 \t", max_size=25)


def parted(pairs: list[tuple[float, bool]]) -> tuple[list[float], list[bool]]:
    return [score for score, _ in pairs], [label for _, label in pairs]


# Answers, as SQuAD's official script compares them (its own code, with the names shortened)


def official_normalise(text: str) -> str:
    lower = "".join(ch for ch in text.lower() if ch not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", lower).split())


def official_f1(gold: str, prediction: str) -> float:
    gold_tokens, prediction_tokens = official_normalise(gold).split(), official_normalise(prediction).split()
    common = collections.Counter(gold_tokens) & collections.Counter(prediction_tokens)
    same = sum(common.values())
    if len(gold_tokens) == 0 or len(prediction_tokens) == 0:
        return float(gold_tokens == prediction_tokens)
    if same == 0:
        return 0.0
    precision, recall = same / len(prediction_tokens), same / len(gold_tokens)
    return 2 * precision * recall / (precision + recall)


@given(TEXT, st.lists(TEXT, max_size=3))
def test_answers_are_compared_as_in_the_official_script(prediction: str, answers: list[str]) -> None:
    golds = [answer for answer in answers if official_normalise(answer)] or [""]
    assert metrics.normalise_answer(prediction) == official_normalise(prediction)
    assert metrics.exact_match(prediction, answers) == max(
        float(official_normalise(gold) == official_normalise(prediction)) for gold in golds
    )
    assert metrics.token_f1(prediction, answers) == pytest.approx(max(official_f1(g, prediction) for g in golds))


def test_no_answer_is_right_where_there_is_none_and_worth_nothing_else() -> None:
    assert [metrics.token_f1(given, []) for given in ("", "the", "Lund")] == [1.0, 1.0, 0.0]
    assert [metrics.exact_match(given, ["Lund"]) for given in ("", "in Lund", "Lund.")] == [0.0, 0.0, 1.0]


# Scores against labels


@given(PAIRS)
def test_auroc(pairs: list[tuple[float, bool]]) -> None:
    scores, labels = parted(pairs)
    found = metrics.auroc(scores, labels)
    if len(set(labels)) < 2:
        assert found is None
    else:
        assert found == pytest.approx(roc_auc_score(labels, scores))
        assert metrics.auroc([-score for score in scores], labels) == pytest.approx(1 - (found or 0.0))


def test_auroc_takes_infinite_margins() -> None:
    assert metrics.auroc([float("-inf"), 1.0, float("inf")], [False, False, True]) == 1.0


@given(st.permutations(range(8)), st.lists(st.booleans(), min_size=8, max_size=8))
def test_average_precision_and_ranks(scores: list[int], labels: list[bool]) -> None:
    order = metrics.pessimistic_order(scores, labels)
    assert order == [label for _, label in sorted(zip(scores, labels, strict=True), reverse=True)]
    if any(labels):
        assert metrics.average_precision(order) == pytest.approx(average_precision_score(labels, scores))
        first = order.index(True) + 1
        assert metrics.reciprocal_rank(order) == 1 / first
        assert [metrics.hit_at(order, count) for count in range(9)] == [float(first <= count) for count in range(9)]
    else:
        assert metrics.average_precision(order) == metrics.reciprocal_rank(order) == metrics.hit_at(order, 8) == 0.0


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.booleans()), min_size=1, max_size=6))
def test_a_tie_is_broken_the_worst_way(pairs: list[tuple[float, bool]]) -> None:
    orders = [
        [label for _, label in order]
        for order in itertools.permutations(pairs)
        if all(left[0] >= right[0] for left, right in itertools.pairwise(order))
    ]
    found = metrics.average_precision(metrics.pessimistic_order(*parted(pairs)))
    assert found == pytest.approx(min(map(metrics.average_precision, orders)))


# Confidence


@given(ANY_PAIRS)
def test_the_bins_hold_every_answer_once_and_the_error_is_theirs(pairs: list[tuple[float, bool]]) -> None:
    confidences, labels = parted(pairs)
    bins = metrics.calibration_bins(confidences, labels)
    assert len(bins) == metrics.BINS
    places = np.minimum(np.digitize(confidences, np.arange(1, 11) / 10), 9)
    expected = 0.0
    for number, each in enumerate(bins):
        inside = places == number
        assert each.count == inside.sum()
        if each.count:
            assert each.accuracy == pytest.approx(np.array(labels)[inside].mean())
            assert each.confidence == pytest.approx(np.array(confidences)[inside].mean())
            assert each.low - 1e-12 <= (each.confidence or 0.0) <= each.high + 1e-12
            expected += abs(np.array(labels)[inside].mean() - np.array(confidences)[inside].mean()) * inside.mean()
        else:
            assert (each.accuracy, each.confidence) == (None, None)
    assert metrics.calibration_error(confidences, labels) == pytest.approx(expected)


def test_calibration_at_its_ends() -> None:
    assert metrics.calibration_error([], []) is None
    assert metrics.calibration_error([1.0, 0.0], [True, False]) == 0.0
    assert metrics.calibration_error([1.0, 0.0], [False, True]) == 1.0
    assert [each.count for each in metrics.calibration_bins([0.1, 0.0999, 1.0, 0.9], [True] * 4)][:2] == [1, 1]
    assert metrics.calibration_bins([1.0, 0.9], [True] * 2)[-1].count == 2


@given(PAIRS)
def test_the_risk_at_each_coverage(pairs: list[tuple[float, bool]]) -> None:
    confidences, labels = parted(pairs)
    points = metrics.risk_coverage(confidences, labels)
    assert [point.threshold for point in points] == sorted(set(confidences), reverse=True)
    assert points[-1].coverage == 1.0
    for point in points:
        answered = [label for score, label in pairs if score >= point.threshold]
        assert point.coverage == pytest.approx(len(answered) / len(pairs))
        assert point.risk == pytest.approx(answered.count(False) / len(answered))
        share, accuracy = metrics.accuracy_at(confidences, labels, point.threshold)
        assert (share, accuracy) == (pytest.approx(point.coverage), pytest.approx(1 - point.risk))


@given(st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.9]), st.booleans()), min_size=1, max_size=6))
def test_the_area_under_the_risk_is_the_mean_over_all_orders_of_ties(pairs: list[tuple[float, bool]]) -> None:
    areas = []
    for order in itertools.permutations(pairs):
        if all(left[0] >= right[0] for left, right in itertools.pairwise(order)):
            wrong = np.cumsum([not label for _, label in order])
            areas.append((wrong / np.arange(1, len(order) + 1)).mean())
    assert metrics.area_under_risk(*parted(pairs)) == pytest.approx(np.mean(areas))


def test_figures_of_nothing_are_none() -> None:
    assert metrics.area_under_risk([], []) is None
    assert metrics.auroc([], []) is None
    assert metrics.accuracy_at([], [], 0.5) == (None, None)
    assert metrics.accuracy_at([0.4], [True], 0.5) == (0.0, None)
    assert metrics.percentile([], 0.5) is None
    assert metrics.risk_coverage([], []) == []


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.floats(0, 1))
def test_percentile(values: list[float], share: float) -> None:
    assert metrics.percentile(values, share) == pytest.approx(float(np.percentile(values, 100 * share)), abs=1e-6)


@given(st.integers(0, 30), st.integers(0, 30))
def test_the_sign_test(won: int, lost: int) -> None:
    expected = binomtest(won, won + lost).pvalue if won + lost else 1.0
    assert sign_test(won, lost) == pytest.approx(expected)
