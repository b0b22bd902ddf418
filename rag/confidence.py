"""What tells whether the first sentence answers the question, as named features; `rag.logistic` weighs them.

A ranking only has to put a right sentence before wrong ones; the confidence also has to tell when none is right. So it
looks at what the readers say of the sentence itself, at how near the best sentence with another answer comes, at other
articles that answer with the same words, at what of the question the sentence leaves out, and at how much was searched:
among many sentences one looks right by chance.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rag.logistic import logit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rag.candidates import Candidate

__all__ = ["COMPARED", "READ_AGAIN", "confidence_features"]

COMPARED = 10
"""Facts that the confidence takes into account."""
READ_AGAIN = "read_again"
"""The feature that tells whether two readers read the first sentence; its confidence has a model of its own."""
_WIDEST = 6.0
"""By how much one sentence is ahead of another at most, in log odds or a reader's score; beyond, it says no more."""
_LARGEST = 6.0
"""The collection of a million passages, as a power of ten; larger ones count as that."""


def confidence_features(
    distinct: Sequence[Candidate], same: Mapping[int, Sequence[Candidate]], searched: int
) -> dict[str, float]:
    """What the confidence is made of.

    Args:
        distinct: the best sentence of each fact, the best first, as `rag.answer.distinct_facts` gives them; at least
            one.
        same: for the number of each the others that say the same.
        searched: how many passages were searched.

    Returns:
        The first sentence's own features (`rag.scoring`, `rag.candidates`), and `logit`, its log odds; `ahead`,
        `read_ahead` and `margin_ahead`, by how much the best of the other facts lies behind it; `share`, its share of
        the odds of all facts; `sources`, in how many other stories the same fact was found; `size`, how much was
        searched, from 0 for one passage to 1 for a million.
    """
    first, others = distinct[0], distinct[1:COMPARED]
    odds = [logit(candidate.probability) for candidate in distinct[:COMPARED]]
    stories = {each.passage.article.story for each in same.get(first.sentence.id, ())} - {first.passage.article.story}
    found = {
        **first.features,
        "logit": odds[0],
        "ahead": _ahead(odds[0], odds[1:]),
        "share": 1 / sum(math.exp(each - odds[0]) for each in odds),
        "sources": math.log1p(len(stories)),
    }
    for name in ("read", "margin"):
        if name in first.features:
            found[f"{name}_ahead"] = _ahead(first.features[name], [each.features[name] for each in others])
    found["size"] = min(1.0, math.log10(max(1, searched)) / _LARGEST)
    found[READ_AGAIN] = float("quick_read" in first.features)
    return found


def _ahead(first: float, others: Sequence[float]) -> float:
    """By how much the first lies ahead of the best of the others, cut; as far as it can be where there are none."""
    return max(-_WIDEST, min(_WIDEST, first - max(others, default=-math.inf)))
