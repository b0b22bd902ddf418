"""The sentences of retrieved passages as candidates for an answer, each with the features that it is scored by."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rag.conditions import CONDITION_FEATURES, condition_features
from rag.denial import affirmed_span
from rag.kinds import asks_whether
from rag.marks import natural_span
from rag.scoring import Context, answer_key, collective_features, day_of, sentence_features

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from index.store.base import PassageRecord, SentenceRecord
    from rag.logistic import LogisticModel
    from rag.question import Question
    from rag.reader import Reading, SpanReading
    from rag.retrieve import Hit

__all__ = [
    "READ_AGAIN_FEATURES",
    "READ_FEATURES",
    "Candidate",
    "best_first",
    "gather",
    "rescored",
    "with_agreement",
    "with_reading",
    "with_second_reading",
]

READ_FEATURES = frozenset({"agree", "behind", "margin", "read", *CONDITION_FEATURES})
"""Features that only a reader gives (`with_reading`, `with_agreement`)."""
READ_AGAIN_FEATURES = frozenset({"quick_behind", "quick_margin", "quick_read", "same_words"})
"""Features that only a second reader's reading brings (`with_second_reading`)."""
_GREATEST = 12.0
"""The reader's scores are cut to this size: beyond it, they say no more."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may answer.

    Attributes:
        passage: where it stands.
        sentence: the sentence as stored.
        text: its characters.
        features: as in `rag.scoring`; "cosine" is the sentence's own with the question, and of a reader's
            those that `with_reading` and `with_agreement` name.
        probability: that it answers, in [0, 1], by the sentence model; ranks, and is not calibrated.
        span: the half-open range in `text` of the words that a reader would answer with; None without a reader.
        read_by: the name of the reader whose span that is; None without a reader.
    """

    passage: PassageRecord
    sentence: SentenceRecord
    text: str
    features: Mapping[str, float]
    probability: float = 0.0
    span: tuple[int, int] | None = None
    read_by: str | None = None


def gather(question: Question, hits: Sequence[Hit], rarity: Mapping[str, float]) -> list[Candidate]:
    """The sentences of the hits with their features, not yet scored; of a group's copies each wording once.

    Args:
        question: what is asked.
        hits: retrieved passages, the best first.
        rarity: a weight for each of the question's terms.
    """
    places, sentences, contexts = [], [], []
    seen: set[tuple[int, int]] = set()
    for hit in hits:
        record = hit.passage
        previous = record.before.span.of(record.text) if record.before is not None else ""
        for position, sentence in enumerate(record.sentences):
            text = sentence.span.of(record.text)
            wording = (record.group, sentence.copy_key)
            if wording in seen:
                previous = text
                continue
            seen.add(wording)
            places.append((record, sentence))
            sentences.append(text)
            contexts.append(
                Context(
                    before=previous,
                    title=record.article.title,
                    article=record.article.key,
                    score=hit.score,
                    cosine=hit.cosine,
                    position=position,
                    paragraph=sentence.paragraph,
                    passage=record.id,
                    day=day_of(record.article.published),
                )
            )
            previous = text
    own = [
        sentence_features(question, text, context, rarity) for text, context in zip(sentences, contexts, strict=True)
    ]
    together = collective_features(question, sentences, contexts, own)
    return [
        Candidate(record, sentence, text, {**features, **more})
        for (record, sentence), text, features, more in zip(places, sentences, own, together, strict=True)
    ]


def rescored(candidate: Candidate, model: LogisticModel, **features: float) -> Candidate:
    """The candidate with more features, and the probability that a model gives it by all of them."""
    everything = {**candidate.features, **features}
    return replace(candidate, features=everything, probability=model.probability(everything))


def best_first(candidate: Candidate) -> tuple[float, int]:
    """A key to sort candidates by, the most likely first."""
    return (-candidate.probability, candidate.sentence.id)


def with_reading(
    question: Question, candidates: Sequence[Candidate], readings: Mapping[int, Reading], by: str
) -> list[Candidate]:
    """The candidates whose passages were read, with what the reader makes of them.

    The features are `read`, the score that the sentence answers; `margin`, by how much its best span outdoes no answer;
    `behind`, how far that margin lies behind the widest of its passage; and those of `rag.conditions`.

    Args:
        question: what is asked.
        candidates: sentences of retrieved passages.
        readings: by number of the passage.
        by: the reader's name.
    """
    found: list[Candidate] = []
    for candidate in candidates:
        reading = readings.get(candidate.passage.id)
        if reading is None or reading.best is None:
            continue
        number = _position(candidate)
        own = reading.sentences[number]
        if own.span is None:
            continue
        span = _marked(question, candidate.text, own.span, own.others)
        before, title = _sentence_before(candidate, number), candidate.passage.article.title
        features = {
            **candidate.features,
            **condition_features(question, candidate.text, before, title, span),
            "read": _cut(own.score),
            "margin": _cut(own.margin),
            "behind": _cut(reading.sentences[reading.best].margin - own.margin),
        }
        found.append(replace(candidate, features=features, span=span, read_by=by))
    return found


def with_second_reading(
    question: Question, candidates: Sequence[Candidate], readings: Mapping[int, Reading], by: str
) -> list[Candidate]:
    """The candidates whose passages were read again, with what the second reader makes of them.

    `read`, `margin` and `behind` become the second reader's; what the first one said stays as `quick_read`,
    `quick_margin` and `quick_behind`. `same_words` is how much both would answer with the same words: the characters
    that their spans share, of those in either, in [0, 1].

    Args:
        question: what is asked.
        candidates: as `with_reading` gives them.
        readings: the second reader's, by number of the passage.
        by: its name.
    """
    again = {(each.passage.id, each.sentence.id): each for each in with_reading(question, candidates, readings, by)}
    found = []
    for first in candidates:
        second = again.get((first.passage.id, first.sentence.id))
        if second is None or first.span is None or second.span is None:
            continue
        features = {
            **second.features,
            **{f"quick_{name}": first.features[name] for name in ("behind", "margin", "read")},
            "same_words": _common(first.span, second.span),
        }
        found.append(replace(second, features=features))
    return found


def _common(left: tuple[int, int], right: tuple[int, int]) -> float:
    """The share of two ranges that lies in both.

    >>> _common((0, 4), (2, 6)), _common((0, 2), (4, 6))
    (0.3333333333333333, 0.0)
    """
    both = max(0, min(left[1], right[1]) - max(left[0], right[0]))
    either = max(left[1], right[1]) - min(left[0], right[0])
    return both / either if both and either else 0.0


def with_agreement(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates that were read, with `agree`: how much other articles are read as answering with the same words.

    It is the log of one plus the likelihoods, summed over other articles, of the same answer there.

    Args:
        candidates: all that were read, as `with_reading` gives them.
    """
    support: dict[frozenset[str], dict[int, float]] = {}
    keys = [answer_key(each.text[slice(*each.span)]) if each.span is not None else frozenset() for each in candidates]
    for candidate, key in zip(candidates, keys, strict=True):
        if key:
            by_article = support.setdefault(key, {})
            article = candidate.passage.article.key
            likely = 1 / (1 + math.exp(-candidate.features["read"]))
            by_article[article] = max(by_article.get(article, 0.0), likely)
    found = []
    for candidate, key in zip(candidates, keys, strict=True):
        by_article = support.get(key, {})
        others = sum(by_article.values()) - by_article.get(candidate.passage.article.key, 0.0)
        found.append(replace(candidate, features={**candidate.features, "agree": math.log1p(max(0.0, others))}))
    return found


def _position(candidate: Candidate) -> int:
    """The number of the sentence in its passage."""
    numbers = (number for number, each in enumerate(candidate.passage.sentences) if each.id == candidate.sentence.id)
    return next(numbers)


def _marked(question: Question, text: str, span: SpanReading, others: Sequence[SpanReading]) -> tuple[int, int]:
    """The words of a sentence that answer: the best span that it does not deny, at natural borders.

    A sentence that answers yes or no is marked as it was read, whole.
    """
    if asks_whether(question.text):
        return span.start, span.end
    span = affirmed_span(text, (span, *others), question.text)
    return natural_span(text, span.start, span.end, question.kinds)


def _sentence_before(candidate: Candidate, number: int) -> str:
    """The text of the sentence before the one of that number in its passage; "" at the beginning of an article."""
    passage = candidate.passage
    before = passage.sentences[number - 1] if number else passage.before
    return before.span.of(passage.text) if before is not None else ""


def _cut(score: float) -> float:
    return max(-_GREATEST, min(_GREATEST, score))
