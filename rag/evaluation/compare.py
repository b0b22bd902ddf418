"""Two runs side by side: the figures of both on the questions they share, and which questions were won and lost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from index.errors import EvaluationError
from rag.evaluation.run import figures_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rag.evaluation.outcomes import Evaluation, Outcome

__all__ = ["Comparison", "compare", "sign_test"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A run against an earlier one, on the questions that both were asked.

    Attributes:
        old, new: the figures of both (`rag.evaluation.run.figures_of`), over the shared questions.
        won: pairs of outcomes, old and new, of questions whose first sentence is right now and was not.
        lost: of those whose first sentence was right and is not any more.
        shared: how many questions both were asked.
        only_old, only_new: how many only one was asked.
        chance: the probability in [0, 1] that a coin would part won and lost at least as unevenly (`sign_test`).
    """

    old: Mapping[str, Any]
    new: Mapping[str, Any]
    won: tuple[tuple[Outcome, Outcome], ...]
    lost: tuple[tuple[Outcome, Outcome], ...]
    shared: int
    only_old: int
    only_new: int
    chance: float

    @property
    def sentence(self) -> str:
        """What was won and lost, in words."""
        what = (
            f"Of {self.shared:,} shared questions: {len(self.won):,} won, {len(self.lost):,} lost "
            f"(sign test: p = {self.chance:.3f})."
        )
        if self.only_old or self.only_new:
            what += (
                f" The figures compared are those of the shared questions; {self.only_old:,} were asked only before, "
                f"{self.only_new:,} only now."
            )
        return what


def compare(new: Evaluation, old: Evaluation) -> Comparison:
    """Set a run beside an earlier one. Questions are the same when their ids and their words are.

    Raises:
        EvaluationError: when the runs share no question.
    """
    before = {(outcome.id, outcome.question): outcome for outcome in old.outcomes}
    pairs = [(before[key], outcome) for outcome in new.outcomes if (key := (outcome.id, outcome.question)) in before]
    if not pairs:
        raise EvaluationError(
            "the two runs share no question; expected a run saved (--save) on questions with the same ids and words"
        )
    won = tuple((was, now) for was, now in pairs if now.right and not was.right)
    lost = tuple((was, now) for was, now in pairs if was.right and not now.right)
    return Comparison(
        old=figures_of([was for was, _ in pairs], old.threshold),
        new=figures_of([now for _, now in pairs], new.threshold),
        won=won,
        lost=lost,
        shared=len(pairs),
        only_old=len(old.outcomes) - len(pairs),
        only_new=len(new.outcomes) - len(pairs),
        chance=sign_test(len(won), len(lost)),
    )


def sign_test(won: int, lost: int) -> float:
    """The probability in [0, 1] that a fair coin parts `won + lost` throws at least as unevenly, in either direction.

    >>> sign_test(5, 5), round(sign_test(8, 1), 4)
    (1.0, 0.0391)
    """
    throws = won + lost
    tail = sum(math.comb(throws, heads) for heads in range(min(won, lost) + 1))
    share: float = 2 * tail / 2**throws
    return min(1.0, share)
