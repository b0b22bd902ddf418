"""Logistic models over named features: how likely a sentence answers, and how likely the whole answer is right.

The weights are data, fitted on news questions by `rag.fit`: those for the shipped reader lie beside it, those for any
other reader and for none in `rag/data/`. The features are named (`rag.scoring`), so that a score can be explained.
"""

from __future__ import annotations

import functools
import json
import math
from dataclasses import dataclass
from importlib.resources import files as package_files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index.errors import ReaderError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SCORING_FILE", "Again", "LogisticModel", "Scoring", "logit", "scoring_for"]

SCORING_FILE = "scoring.json"
"""What the models are called beside a reader."""


@dataclass(frozen=True, slots=True)
class LogisticModel:
    """A logistic regression over named features.

    Attributes:
        bias: the intercept.
        weights: a weight for each feature; features without one do not count.
    """

    bias: float
    weights: Mapping[str, float]

    def probability(self, features: Mapping[str, float]) -> float:
        """The probability in [0, 1].

        >>> LogisticModel(0.0, {"overlap": 1.0}).probability({"overlap": 0.0})
        0.5
        """
        total = self.bias + sum(weight * features.get(name, 0.0) for name, weight in self.weights.items())
        return 1 / (1 + math.exp(-max(-40.0, min(40.0, total))))


@dataclass(frozen=True, slots=True)
class Again:
    """The models for what a second reader read again.

    Attributes:
        sentence: as `Scoring.sentence`, by what both readers say. The probabilities of both are comparable.
        confidence: as `Scoring.confidence`, where the best sentence was read again.
        reach: by how much reading again raises a sentence's log odds at most, for all but a few.
    """

    sentence: LogisticModel
    confidence: LogisticModel
    reach: float


@dataclass(frozen=True, slots=True)
class Scoring:
    """The models that turn features into probabilities.

    Attributes:
        sentence: ranks sentences; its probabilities are comparable within a question, and not calibrated.
        confidence: says how likely the best sentence answers; calibrated.
        prior: ranks sentences before they are read. The sentence model itself where there is no reader.
        reach: by how much reading raises a sentence's log odds at most, for all but a few: what stays further behind
            than that is not read.
        again: the same for what a second reader reads again; None where none does.
    """

    sentence: LogisticModel
    confidence: LogisticModel
    prior: LogisticModel
    reach: float
    again: Again | None = None

    @classmethod
    def load(cls, path: Path) -> Scoring:
        """Read the models from a file that `rag.fit` wrote.

        Raises:
            ReaderError: when it cannot be read as one.
        """
        try:
            data = json.loads(path.read_text("utf-8"))
            models = _models(data)
            again = None
            if "again" in data:
                second = _models(data["again"])
                again = Again(second["sentence"], second["confidence"], float(data["again"]["reach"]))
            prior = models.get("prior", models["sentence"])
            return cls(models["sentence"], models["confidence"], prior, float(data.get("reach", 0.0)), again)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ReaderError(
                f"the weights in {path} cannot be read ({type(error).__name__}); expected a file that "
                "`python -m rag.fit` wrote"
            ) from error

    def to_dict(self) -> dict[str, Any]:
        """The models as plain values, as `load` reads them."""

        def plain(model: LogisticModel) -> dict[str, Any]:
            weights = {name: round(weight, 4) for name, weight in sorted(model.weights.items())}
            return {"bias": round(model.bias, 4), "weights": weights}

        found = {
            "sentence": plain(self.sentence),
            "confidence": plain(self.confidence),
            "prior": plain(self.prior),
            "reach": round(self.reach, 4),
        }
        if self.again is not None:
            found["again"] = {
                "sentence": plain(self.again.sentence),
                "confidence": plain(self.again.confidence),
                "reach": round(self.again.reach, 4),
            }
        return found


def _models(data: Mapping[str, Any]) -> dict[str, LogisticModel]:
    """The models among the values of a file, by name."""
    return {
        name: LogisticModel(
            float(data[name]["bias"]), {key: float(each) for key, each in data[name]["weights"].items()}
        )
        for name in ("sentence", "confidence", "prior")
        if name in data
    }


@functools.cache
def scoring_for(folder: Path | None, read: bool) -> Scoring:
    """The models for a reader.

    Args:
        folder: where its model lies, with a `scoring.json` beside it or not; None when that is not known.
        read: whether there is a reader.

    Raises:
        ReaderError: when the weights cannot be read.
    """
    if folder is not None and (folder / SCORING_FILE).is_file():
        return Scoring.load(folder / SCORING_FILE)
    name = "any_reader.json" if read else "without_reader.json"
    return Scoring.load(Path(str(package_files("rag").joinpath("data", name))))


def logit(probability: float) -> float:
    """The log odds, of a probability cut to [0.0001, 0.9999].

    >>> logit(0.5)
    0.0
    """
    clipped = min(max(probability, 1e-4), 1 - 1e-4)
    return math.log(clipped / (1 - clipped))
