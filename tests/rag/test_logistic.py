"""Logistic models over named features, and the files that they are kept in."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import ReaderError
from rag.logistic import SCORING_FILE, LogisticModel, Scoring, logit, scoring_for

if TYPE_CHECKING:
    from pathlib import Path

SCORING = Scoring(
    LogisticModel(-1.25, {"read": 0.5, "overlap": 2.0}),
    LogisticModel(0.5, {"logit": 1.0}),
    LogisticModel(-3.0, {"overlap": 4.0}),
    2.5,
)


def test_a_probability_is_that_of_the_weighted_sum() -> None:
    model = LogisticModel(-1.0, {"read": 2.0, "margin": -0.5})
    assert model.probability({"read": 1.5, "margin": 1.0, "unknown": 9.0}) == pytest.approx(1 / (1 + math.exp(-1.5)))
    assert model.probability({}) == pytest.approx(1 / (1 + math.exp(1.0)))


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_a_probability_is_one_whatever_the_features(bias: float, feature: float) -> None:
    assert 0.0 <= LogisticModel(bias, {"x": 3.0}).probability({"x": feature}) <= 1.0


@given(st.floats(0, 1))
def test_log_odds_are_finite_and_undo_a_probability(probability: float) -> None:
    odds = logit(probability)
    assert abs(odds) < 9.3
    assert 1 / (1 + math.exp(-odds)) == pytest.approx(probability, abs=1.1e-4)


def test_models_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / SCORING_FILE
    path.write_text(json.dumps(SCORING.to_dict()), "utf-8")
    assert Scoring.load(path) == SCORING
    assert Scoring.load(path).to_dict() == SCORING.to_dict()


def test_without_a_reader_the_sentence_model_is_the_prior(tmp_path: Path) -> None:
    path = tmp_path / SCORING_FILE
    content = SCORING.to_dict()
    del content["prior"], content["reach"]
    path.write_text(json.dumps(content), "utf-8")
    found = Scoring.load(path)
    assert found.prior == found.sentence == SCORING.sentence
    assert found.reach == 0.0


def changed(**changes: Any) -> str:
    return json.dumps({**SCORING.to_dict(), **changes})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        changed(sentence=None),
        changed(sentence={"bias": 0.0}),
        changed(sentence={"bias": "much", "weights": {}}),
        changed(sentence={"bias": 0.0, "weights": [1.0]}),
        changed(confidence={"bias": 0.0, "weights": {"read": None}}),
        changed(prior=[]),
        changed(reach="far"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / SCORING_FILE
    path.write_text(text, "utf-8")
    with pytest.raises(ReaderError, match="cannot be read") as caught:
        Scoring.load(path)
    assert str(path) in str(caught.value)
    assert "expected a file that `python -m rag.fit` wrote" in str(caught.value)


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(ReaderError, match="FileNotFoundError"):
        Scoring.load(tmp_path / SCORING_FILE)
    (tmp_path / SCORING_FILE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ReaderError, match="UnicodeDecodeError"):
        Scoring.load(tmp_path / SCORING_FILE)


def test_a_readers_own_models_are_used_where_there_are_any(tmp_path: Path) -> None:
    (tmp_path / SCORING_FILE).write_text(changed(), "utf-8")
    assert scoring_for(tmp_path, True) == SCORING
    without = scoring_for(None, False)
    assert "cosine" in without.sentence.weights
    assert scoring_for(tmp_path / "no-scoring-there", False) == without
