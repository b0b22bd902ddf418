"""What came of each question of an evaluation, and the whole run, as values that can be written and read again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from index.errors import EvaluationError, first_line
from rag.evaluation.files import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Evaluation", "Outcome", "RankedSentence", "read_evaluation"]

_KIND = "citewell evaluation"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class RankedSentence:
    """A sentence that was given for a question.

    Attributes:
        quote: word for word.
        right: whether it answers (`rag.evaluation.questions.is_right`).
        elsewhere: whether it only holds an answer, in an article that is not among the question's sources.
        highlight: the half-open range inside `quote` of the words that answer; None when they are not known.
        score: as in `rag.types.Citation`.
        title, source, published: of its article.
        location: `path:line`.
    """

    quote: str
    right: bool
    elsewhere: bool
    highlight: tuple[int, int] | None
    score: float
    title: str
    source: str
    published: str | None
    location: str

    @property
    def words(self) -> str:
        """The highlighted words; "" when none are."""
        return "" if self.highlight is None else self.quote[self.highlight[0] : self.highlight[1]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a question.

    Attributes:
        id, question, answers, date: as in `rag.evaluation.questions.EvaluationQuestion`.
        confidence: of the answer, in [0, 1].
        answered: whether it reaches the run's threshold.
        ranked: the sentences given, the best first, whether answered or not.
        shown: how many citations an answer shows.
        shown_right: how many of these are right.
        exact, f1: of the first sentence's highlighted words against the answers, in [0, 1].
        seconds: from question to answer.
        timings: seconds of each stage.
    """

    id: str
    question: str
    answers: tuple[str, ...]
    date: str | None
    confidence: float
    answered: bool
    ranked: tuple[RankedSentence, ...]
    shown: int
    shown_right: int
    exact: float
    f1: float
    seconds: float
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def answerable(self) -> bool:
        """Whether the articles are expected to answer."""
        return bool(self.answers)

    @property
    def right(self) -> bool:
        """Whether the first sentence is right."""
        return bool(self.ranked) and self.ranked[0].right

    @property
    def rank(self) -> int | None:
        """The rank, from 1, of the first right sentence; None when there is none."""
        return next((rank for rank, sentence in enumerate(self.ranked, 1) if sentence.right), None)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Outcome:
        """An outcome from its fields as plain values (`dataclasses.asdict`), read from JSON or not.

        Raises:
            KeyError, TypeError: when it is no such thing.
        """
        ranked = tuple(
            RankedSentence(**{**each, "highlight": None if each["highlight"] is None else tuple(each["highlight"])})
            for each in content["ranked"]
        )
        return cls(**{**content, "answers": tuple(content["answers"]), "ranked": ranked})


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A run over a file of questions.

    Attributes:
        outcomes: one for each question, in the file's order.
        threshold: the confidence in [0, 1] from which an answer counts as given.
        settings: what was run on what, in plain values for a person and for JSON.
    """

    outcomes: tuple[Outcome, ...]
    threshold: float
    settings: Mapping[str, Any] = field(default_factory=dict)

    def figures(self) -> dict[str, Any]:
        """The figures; see `rag.evaluation.run.figures_of`."""
        from rag.evaluation.run import figures_of

        return figures_of(self.outcomes, self.threshold)

    def to_dict(self) -> dict[str, Any]:
        """The run as plain values for JSON: what it was, its figures, and each question's outcome."""
        return {
            "kind": _KIND,
            "version": _VERSION,
            "settings": dict(self.settings),
            "threshold": self.threshold,
            "figures": self.figures(),
            "questions": [asdict(outcome) for outcome in self.outcomes],
        }

    @classmethod
    def from_dict(cls, content: Any) -> Evaluation:
        """A run from what `to_dict` gave, read from JSON or not; the figures are made anew.

        Raises:
            ValueError: when it is no such thing.
        """
        try:
            found = content["kind"], content["version"]
            if found != (_KIND, _VERSION):
                raise ValueError(f"its kind is {found[0]!r} and its version {found[1]!r}")
            outcomes = tuple(Outcome.from_dict(each) for each in content["questions"])
            return cls(outcomes, float(content["threshold"]), dict(content["settings"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"{type(error).__name__}: {first_line(error)}") from error


def read_evaluation(path: Path) -> Evaluation:
    """A run that `citewell evaluate --save` wrote.

    Raises:
        EvaluationError: when it cannot be read, or is none.
    """
    try:
        return Evaluation.from_dict(json.loads(read_text(path)))
    except ValueError as error:
        raise EvaluationError(
            f"{path} is no saved evaluation ({first_line(error)}); expected a file that "
            f"`citewell evaluate --save` of this version wrote (version {_VERSION})"
        ) from error
