"""How good weights are on questions that they were not fitted on: each question is held out once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rag.answer import distinct_facts
from rag.candidates import best_first, rescored
from rag.confidence import READ_AGAIN, confidence_features
from rag.evaluation.metrics import auroc, calibration_error, mean
from rag.evaluation.questions import part_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rag.fit_examples import Example
    from rag.logistic import LogisticModel, Scoring

__all__ = ["FOLDS", "Told", "cross_validated", "ranked_again", "ranked_by", "table", "tell"]

FOLDS = 4


@dataclass(frozen=True, slots=True)
class Told:
    """What weights say of an example.

    Attributes:
        source, answered: as in `Example`.
        confidence: that the first sentence answers, in [0, 1].
        right: whether it does.
    """

    source: str
    answered: bool
    confidence: float
    right: bool


def cross_validated(
    examples: Sequence[Example], fit: Callable[[Sequence[Example]], Scoring], *, folds: int = FOLDS
) -> list[Told]:
    """What weights say of each example that were fitted on the examples of other questions.

    Args:
        examples: of every source.
        fit: fits weights.
        folds: into how many parts the questions are divided, by a hash of their ids.
    """
    told = []
    for fold in range(folds):
        held_out = [each for each in examples if _fold(each.id, folds) == fold]
        others = [each for each in examples if _fold(each.id, folds) != fold]
        if held_out and others:
            told += tell(fit(others), held_out)
    return told


def _fold(name: str, folds: int) -> int:
    """A question's part, by another hash than that by which files of questions are divided."""
    return int(part_of(f"fold of {name}") * folds)


def tell(scoring: Scoring, examples: Iterable[Example]) -> list[Told]:
    """What weights say of examples; those without any candidate are left out."""
    found = []
    for example in examples:
        if not example.candidates:
            continue
        ranked = ranked_by(scoring.sentence, example)
        if scoring.again is not None:
            ranked = ranked_again(scoring.again.sentence, scoring, example)
        features = confidence_features(*distinct_facts(ranked.candidates), ranked.searched)
        twice = scoring.again is not None and features[READ_AGAIN]
        model = scoring.again.confidence if twice and scoring.again is not None else scoring.confidence
        found.append(Told(example.source, example.answered, model.probability(features), ranked.right[0]))
    return found


def table(told: Sequence[Told], *, threshold: float = 0.5) -> str:
    """The figures of each source, a line each.

    Args:
        told: of every source.
        threshold: the confidence from which an answer counts as given.
    """
    by_source: dict[str, list[Told]] = defaultdict(list)
    for each in told:
        by_source[each.source].append(each)
    lines = [f"{'':<40}{'asked':>6}{'first':>7}{'given':>7}{'right':>7}{'without':>9}{'ECE':>7}{'AUROC':>7}"]
    for source, own in by_source.items():
        inside, outside = ([each for each in own if each.answered is answered] for answered in (True, False))
        given = [each for each in inside if each.confidence >= threshold]
        confidences, rights = [each.confidence for each in own], [each.right for each in own]
        figures = (
            mean([float(each.right) for each in inside]),
            len(given) / len(inside) if inside else None,
            mean([float(each.right) for each in given]),
            mean([float(each.confidence >= threshold) for each in outside]),
            calibration_error(confidences, rights),
            auroc(confidences, rights),
        )
        shown = "".join(
            f"{'-' if each is None else format(each, '.3f'):>{width}}"
            for each, width in zip(figures, (7, 7, 7, 9, 7, 7), strict=True)
        )
        lines.append(f"{source:<40}{len(own):>6}{shown}")
    return "\n".join(lines)


def ranked_by(model: LogisticModel, example: Example) -> Example:
    """The example with its candidates scored by a model, the best first."""
    pairs = [
        (rescored(candidate, model), right) for candidate, right in zip(example.candidates, example.right, strict=True)
    ]
    pairs.sort(key=lambda pair: best_first(pair[0]))
    return replace(example, candidates=[each for each, _ in pairs], right=[right for _, right in pairs])


def ranked_again(model: LogisticModel, scoring: Scoring, example: Example) -> Example:
    """The example with what was read again in place of its first reading, ranked as `rag.ranking` does."""
    done = {each.passage.id for each in example.again}
    pairs = [(rescored(each, model), right) for each, right in zip(example.again, example.right_again, strict=True)]
    pairs += [
        (rescored(each, scoring.sentence), right)
        for each, right in zip(example.candidates, example.right, strict=True)
        if each.passage.id not in done
    ]
    pairs.sort(key=lambda pair: best_first(pair[0]))
    return replace(example, candidates=[each for each, _ in pairs], right=[right for _, right in pairs])
