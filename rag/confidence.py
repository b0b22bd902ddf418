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
_READ = ("read", "margin", "behind", "read_ahead", "margin_ahead", "number_missing", "opposite")
"""What a reader makes of the first sentence. In a handful of articles it tells nearly everything: words in common tell
little there, since what does not answer is often about the same things."""
_NOT_READ = ("logit", "ahead", "share", "cosine", "overlap", "missing_name", "exact_absent")
"""What is known of it without a reader."""
_AMONG_MANY = (
    "agree",
    "ahead",
    "article",
    "headline",
    "lead",
    "logit",
    "margin",
    "overlap",
    "passage",
    "passage_cosine",
    "quick_read",
    "read",
    "share",
    "sources",
    "story",
    "title",
)
"""What tells a right sentence from one that looks right by chance, where there is much to choose from."""
_WIDEST = 6.0
"""By how much one sentence is ahead of another at most, in log odds or a reader's score; beyond, it says no more."""
_LARGEST = 6.0
"""The collection of a million passages, as a power of ten; larger ones count as that."""
_LARGE_FROM = 0.25
"""The size of some thirty passages, more than which are not read."""
_ON_TOPIC = 0.5
"""The cosine of question and passage from which on they are about the same things."""
_COVERED = 0.6
"""The share of the question's rare words from which on it is told enough of it: in the sentence, the one before it and
the title."""


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
        Features of the first sentence (`rag.scoring`, `rag.candidates`), and `logit`, its log odds; `ahead`,
        `read_ahead` and `margin_ahead`, by how much the best of the other facts lies behind it; `share`, its share of
        the odds of all facts; `sources`, in how many other stories the same fact was found. `off_topic` and
        `uncovered`: how much too far its passage is from the question, and how much too little of the question is told
        there, from 0 on. `size`: how much was searched, from 0 for one passage to 1 for a million; `large`: by how
        much that is more than is read. Under `large:NAME`, features that count the more, the larger the collection.
    """
    first, others = distinct[0], distinct[1:COMPARED]
    odds = [logit(candidate.probability) for candidate in distinct[:COMPARED]]
    stories = {each.passage.article.story for each in same.get(first.sentence.id, ())} - {first.passage.article.story}
    known = {
        **first.features,
        "logit": odds[0],
        "ahead": _ahead(odds[0], odds[1:]),
        "share": 1 / sum(math.exp(each - odds[0]) for each in odds),
        "sources": math.log1p(len(stories)),
    }
    for name in ("read", "margin"):
        if name in first.features:
            known[f"{name}_ahead"] = _ahead(first.features[name], [each.features[name] for each in others])
    told = sum(known.get(name, 0.0) for name in ("overlap", "before", "title"))
    size = min(1.0, math.log10(max(1, searched)) / _LARGEST)
    large = max(0.0, size - _LARGE_FROM)
    telling = _READ if "read" in known else _NOT_READ
    return {
        **{name: known[name] for name in telling if name in known},
        **{f"large:{name}": large * known[name] for name in _AMONG_MANY if name in known},
        "off_topic": max(0.0, _ON_TOPIC - known.get("passage_cosine", 0.0)),
        "uncovered": max(0.0, _COVERED - told),
        "size": size,
        "large": large,
        READ_AGAIN: float("quick_read" in first.features),
    }


def _ahead(first: float, others: Sequence[float]) -> float:
    """By how much the first lies ahead of the best of the others, cut; as far as it can be where there are none."""
    return max(-_WIDEST, min(_WIDEST, first - max(others, default=-math.inf)))
