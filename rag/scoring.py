"""How likely a sentence answers a question: plain features, and a logistic model over them.

The weights are data (`rag/data/scoring.json`), fitted on news questions by `rag.fit`; the features are named, so that a
score can be explained.
"""

from __future__ import annotations

import functools
import json
import math
from dataclasses import dataclass
from importlib.resources import files as package_files
from typing import TYPE_CHECKING

from index.analysis import words
from rag.kinds import answer_spans

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from index.analysis import Word
    from rag.question import Question

__all__ = ["Context", "LogisticModel", "confidence_model", "sentence_features", "sentence_model", "words_of"]


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


@functools.cache
def _models() -> dict[str, LogisticModel]:
    data = json.loads(package_files("rag").joinpath("data", "scoring.json").read_text("utf-8"))
    return {name: LogisticModel(data[name]["bias"], data[name]["weights"]) for name in ("sentence", "confidence")}


def sentence_model() -> LogisticModel:
    """The model that ranks sentences."""
    return _models()["sentence"]


def confidence_model() -> LogisticModel:
    """The model that says how likely the best sentence answers."""
    return _models()["confidence"]


@functools.lru_cache(maxsize=50_000)
def words_of(sentence: str) -> tuple[Word, ...]:
    """`index.analysis.words`, remembered."""
    return words(sentence)


@dataclass(frozen=True, slots=True)
class Context:
    """What a sentence is scored with besides its own words.

    Attributes:
        before: the sentence before it, "" at the beginning of an article.
        title: the article's title.
        score: the passage's fused retrieval score in [0, 1].
        cosine: the passage's cosine with the question.
        position: how many sentences of its passage stand before it.
        caption: whether it stands under a picture.
    """

    before: str
    title: str
    score: float
    cosine: float
    position: int
    caption: bool


def sentence_features(
    question: Question, sentence: str, context: Context, rarity: Mapping[str, float]
) -> dict[str, float]:
    """Named features of a sentence, without its own cosine (which costs the encoder and comes later).

    Args:
        question: what is asked.
        sentence: the sentence's text.
        context: where it stands.
        rarity: a weight for each of the question's terms (`rag.rarity.weights`).
    """
    own = words_of(sentence)
    stems = [word.stem for word in own]
    have = set(stems)
    before = {word.stem for word in words_of(context.before)}
    title = {word.stem for word in words_of(context.title)}
    total = sum(rarity.values()) or 1.0
    names_total = sum(rarity[term] for term in question.names) or 1.0
    others = [term for term in question.terms if term not in question.names]
    others_total = sum(rarity[term] for term in others) or 1.0

    def share(terms: Sequence[str] | frozenset[str], where: set[str], whole: float) -> float:
        return sum(rarity[term] for term in terms if term in where) / whole

    overlap = share(question.terms, have, total)
    with_before = share(question.terms, have | before, total)
    near = {kind: bool(answer_spans(sentence, kind, frozenset(question.terms))) for kind in question.kinds}
    count = len(own)
    return {
        "overlap": overlap,
        "before": with_before - overlap,
        "title": share(question.terms, have | before | title, total) - with_before,
        "missing_name": 1.0 - share(question.names, have | before | title, names_total) if question.names else 0.0,
        "other_overlap": share(others, have, others_total),
        "all_terms": float(overlap > 0.999),
        "pairs": _pairs(question.pairs, stems),
        "kind_there": float(bool(near) and all(near.values())),
        "kind_absent": float(bool(near) and not any(near.values())),
        "passage": context.score,
        "passage_cosine": context.cosine,
        "length": math.log(1 + count) / math.log(40),
        "short": float(count < 6),
        "asks": float(sentence.rstrip("\"”’' ").endswith("?")),
        "caption": float(context.caption),
        "first": float(context.position == 0),
        "terms": min(len(question.terms), 10) / 10,
    }


def _pairs(pairs: Sequence[tuple[str, str]], stems: Sequence[str]) -> float:
    """The share of the question's neighbouring terms that stand within four words of each other in the sentence.

    >>> _pairs([("world", "cup")], ["the", "world", "cup"])
    1.0
    """
    if not pairs:
        return 0.0
    places: dict[str, list[int]] = {}
    for at, stem in enumerate(stems):
        places.setdefault(stem, []).append(at)
    near = sum(
        any(0 < abs(left - right) <= 4 for left in places.get(first, ()) for right in places.get(second, ()))
        for first, second in pairs
    )
    return near / len(pairs)
