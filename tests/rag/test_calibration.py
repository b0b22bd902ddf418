"""The confidence brought into line with a user's own questions."""

from __future__ import annotations

import json
import math
import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.build import build_index
from index.errors import EvaluationError, StoreDamaged
from rag.calibration import CALIBRATION_FILE, FEWEST, Calibration, fit_calibration, load_calibration, save_calibration
from rag.engine import Engine
from rag.logistic import SCORING_FILE, LogisticModel, Scoring, logit

if TYPE_CHECKING:
    from pathlib import Path

KEPT = Calibration(1.5, -0.25, "tiny", 40)


def sigmoid(odds: float) -> float:
    return 1 / (1 + math.exp(-odds))


def asked(count: int, slope: float, shift: float) -> list[tuple[float, bool]]:
    """Questions on which the right confidence is on that line from the one that was given."""
    generator = random.Random(1)
    odds = [generator.uniform(-4, 4) for _ in range(count)]
    return [(sigmoid(each), generator.random() < sigmoid(slope * each + shift)) for each in odds]


@pytest.mark.parametrize(("slope", "shift"), [(1.0, 0.0), (0.5, -1.0), (2.0, 0.7), (1.3, 2.0)])
def test_a_known_line_is_found(slope: float, shift: float) -> None:
    found = fit_calibration(asked(4_000, slope, shift), reader="tiny")
    assert found.slope == pytest.approx(slope, rel=0.1)
    assert found.shift == pytest.approx(shift, abs=0.15)
    assert (found.reader, found.questions) == ("tiny", 4_000)
    assert found(0.5) == pytest.approx(sigmoid(found.shift))
    assert found(sigmoid(1.5)) == pytest.approx(sigmoid(1.5 * slope + shift), abs=0.04)


def test_few_questions_change_little() -> None:
    answers = [(0.5, number % 3 > 0) for number in range(FEWEST)]
    found = fit_calibration(answers, reader="tiny")
    assert 0.5 < found(0.5) < 0.6 < 2 / 3


def test_a_fit_is_likelier_than_none() -> None:
    answers = asked(300, 0.4, -1.5)
    found = fit_calibration(answers, reader="tiny")

    def loss(calibrated: Any) -> float:
        return -sum(math.log(calibrated(each) if right else 1 - calibrated(each)) for each, right in answers)

    assert loss(found) < loss(lambda each: each) - 10


@given(st.floats(0.01, 1e6), st.floats(-1e6, 1e6), st.lists(st.floats(0, 1), min_size=2, max_size=5))
def test_the_order_stays_and_probabilities_stay_probabilities(
    slope: float, shift: float, confidences: list[float]
) -> None:
    calibrated = [Calibration(slope, shift, "any", 30)(each) for each in sorted(confidences)]
    assert all(0.0 <= each <= 1.0 for each in calibrated)
    assert calibrated == sorted(calibrated)


@pytest.mark.parametrize(("right", "wrong"), [(0, 0), (15, FEWEST - 16), (FEWEST, 0), (0, 100), (4, 100), (100, 4)])
def test_too_few_questions(right: int, wrong: int) -> None:
    with pytest.raises(EvaluationError, match="too few to calibrate on; expected at least 30") as caught:
        fit_calibration([(0.6, True)] * right + [(0.4, False)] * wrong, reader="tiny")
    assert f"{right + wrong} questions, {right} with a right first sentence" in str(caught.value)


def test_enough_questions() -> None:
    found = fit_calibration([(0.6, True)] * 5 + [(0.4, False)] * (FEWEST - 5), reader="tiny")
    assert found.questions == FEWEST


# Kept with the index


def test_a_calibration_is_read_as_it_was_saved(tmp_path: Path) -> None:
    assert load_calibration(tmp_path, reader="tiny") is None
    save_calibration(Calibration(9.0, 9.0, "tiny", 30), tmp_path)
    save_calibration(KEPT, tmp_path)
    assert load_calibration(tmp_path, reader="tiny") == KEPT
    assert [path.name for path in tmp_path.iterdir()] == [CALIBRATION_FILE]


def test_another_readers_calibration_is_passed_over(tmp_path: Path) -> None:
    save_calibration(KEPT, tmp_path)
    assert load_calibration(tmp_path, reader="none") is None


def test_a_folder_that_is_not_there_cannot_keep_it(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="cannot be written"):
        save_calibration(KEPT, tmp_path / "nowhere")


GOOD = {"slope": 1.0, "shift": 0.0, "reader": "tiny", "questions": 30}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        json.dumps({name: value for name, value in GOOD.items() if name != "shift"}).encode(),
        json.dumps({**GOOD, "slope": 0.0}).encode(),
        json.dumps({**GOOD, "slope": -1.0}).encode(),
        json.dumps({**GOOD, "slope": float("nan")}).encode(),
        json.dumps({**GOOD, "shift": float("inf")}).encode(),
        json.dumps({**GOOD, "shift": None}).encode(),
        json.dumps({**GOOD, "questions": "many"}).encode(),
        json.dumps({**GOOD, "questions": float("inf")}).encode(),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CALIBRATION_FILE).write_bytes(content)
    with pytest.raises(StoreDamaged, match="cannot be read as a calibration") as caught:
        load_calibration(tmp_path, reader="tiny")
    assert str(tmp_path / CALIBRATION_FILE) in str(caught.value)
    assert "remove the file" in str(caught.value)


def test_an_engine_uses_the_calibration_that_is_kept_with_its_index(
    tmp_path: Path, tiny_encoder: Any, tiny_reader: Any
) -> None:
    (tmp_path / "a.txt").write_text("The new bridge in Lund was opened on Monday, the city said.\n", "utf-8")
    index = tmp_path / "index"
    build_index([tmp_path / "a.txt"], index, encoder=tiny_encoder)
    model = LogisticModel(-3.0, {"read": 0.5})
    scoring = Scoring(model, model, model, 0.0)
    (tmp_path / SCORING_FILE).write_text(json.dumps(scoring.to_dict()), "utf-8")
    tiny_reader.folder = tmp_path

    def confidence(**options: Any) -> float:
        with Engine.open(index, encoder=tiny_encoder, **{"reader": tiny_reader, **options}) as engine:
            return engine.ask("When was the bridge in Lund opened?").confidence

    plain = confidence()
    without = confidence(reader="none")
    save_calibration(KEPT, index)
    assert confidence() == pytest.approx(sigmoid(1.5 * logit(plain) - 0.25))
    assert confidence() != pytest.approx(plain, abs=0.01)
    assert confidence(calibrated=False) == plain
    assert confidence(reader="none") == without, "another reader's"
    save_calibration(Calibration(1.0, 1.0, "none", 30), index)
    assert confidence() == plain
    assert confidence(reader="none") == pytest.approx(sigmoid(logit(without) + 1.0))

    # What would be answered follows it.
    save_calibration(Calibration(1.0, -5.0, "tiny", 30), index)
    with Engine.open(index, encoder=tiny_encoder, reader=tiny_reader) as engine:
        assert not engine.ask("When was the bridge in Lund opened?").answered
    (index / CALIBRATION_FILE).write_text("{", "utf-8")
    with pytest.raises(StoreDamaged, match="calibration"):
        confidence()
    assert confidence(calibrated=False) == plain
