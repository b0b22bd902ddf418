"""Fits the confidence to a user's own questions: `citewell evaluate QUESTIONS --calibrate`.

The shipped confidence was fitted on news. A collection of another kind may be easier or harder; two numbers, a slope
and a shift of the log odds, bring it back (Platt 1999). They are kept in the index folder, with the reader that they
belong to; with another reader they are passed over.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from index.errors import EvaluationError, StoreDamaged, first_line
from index.files import fsync
from rag.logistic import logit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["CALIBRATION_FILE", "Calibration", "fit_calibration", "load_calibration", "save_calibration"]

CALIBRATION_FILE = "calibration.json"
FEWEST = 30
"""Questions that are needed, at least; and five of each kind, with a right first sentence and without."""
_FEWEST_OF_EACH = 5
_TRUST = 10.0
"""How many questions the shipped confidence weighs."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A straight line from the shipped log odds to those of the user's collection.

    Attributes:
        slope: above 0; greater than 1 makes the confidence more decided.
        shift: added to the log odds.
        reader: the name of the reader that it was fitted with.
        questions: how many it was fitted on.
    """

    slope: float
    shift: float
    reader: str
    questions: int

    def __call__(self, confidence: float) -> float:
        """The calibrated probability in [0, 1].

        >>> Calibration(1.0, 0.0, "any", 30)(0.25)
        0.25
        """
        odds = self.slope * logit(confidence) + self.shift
        return 1 / (1 + math.exp(-max(-40.0, min(40.0, odds))))


def fit_calibration(answers: Sequence[tuple[float, bool]], *, reader: str) -> Calibration:
    """Fit the line that makes the observed answers most likely, drawn a little towards the shipped confidence.

    Args:
        answers: for each question the uncalibrated confidence, and whether the first sentence was right.
        reader: the name of the reader.

    Raises:
        EvaluationError: when there are too few questions, or too few of a kind.
    """
    import numpy as np
    from scipy.optimize import minimize

    right = sum(label for _, label in answers)
    if len(answers) < FEWEST or min(right, len(answers) - right) < _FEWEST_OF_EACH:
        raise EvaluationError(
            f"{len(answers)} questions, {right} with a right first sentence, are too few to calibrate on; expected at "
            f"least {FEWEST}, and of those with a right first sentence and of the others {_FEWEST_OF_EACH} each"
        )
    odds = np.array([logit(confidence) for confidence, _ in answers])
    labels = np.array([label for _, label in answers], dtype=float)

    def loss(line: Any) -> float:
        scores = math.exp(line[0]) * odds + line[1]
        own = np.logaddexp(0.0, scores) - labels * scores
        return float(own.sum() + _TRUST / 2 * (line[0] ** 2 + line[1] ** 2))

    found = minimize(loss, np.zeros(2), method="Nelder-Mead").x
    return Calibration(math.exp(float(found[0])), float(found[1]), reader, len(answers))


def save_calibration(calibration: Calibration, folder: Path) -> None:
    """Keep a calibration in an index folder, in one step.

    Raises:
        EvaluationError: when it cannot be written.
    """
    path = folder / CALIBRATION_FILE
    beside = path.with_suffix(".part")
    try:
        beside.write_text(json.dumps(asdict(calibration)) + "\n", "utf-8")
        fsync(beside)
        beside.replace(path)
        fsync(folder)
    except OSError as error:
        raise EvaluationError(f"the calibration cannot be written to {path} ({first_line(error)})") from error


def load_calibration(folder: Path, *, reader: str) -> Calibration | None:
    """The calibration of an index folder; None when there is none, or it belongs to another reader.

    Raises:
        StoreDamaged: when it cannot be read.
    """
    path = folder / CALIBRATION_FILE
    try:
        data = json.loads(path.read_text("utf-8"))
        found = Calibration(float(data["slope"]), float(data["shift"]), str(data["reader"]), int(data["questions"]))
        if not (math.isfinite(found.slope) and math.isfinite(found.shift) and found.slope > 0):
            raise ValueError(f"slope {found.slope}, shift {found.shift}")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise StoreDamaged(
            f"{path} cannot be read as a calibration ({type(error).__name__}: {first_line(error)}); remove the file, "
            "or fit it again with `citewell evaluate QUESTIONS --calibrate`"
        ) from error
    return found if found.reader == reader else None
