"""From retrieved passages to an answer: which sentences, in which order, and whether to answer at all."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from index.dedupe import jaccard
from rag.kinds import EXACT_KINDS, answer_spans
from rag.scoring import (
    Context,
    collective_features,
    confidence_model,
    sentence_features,
    sentence_model,
    words_of,
)
from rag.types import Citation, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from index.store.base import ArticleRecord, PassageRecord, SentencePlace, SentenceRecord
    from rag.question import Question
    from rag.retrieve import Hit
    from rag.scoring import LogisticModel

__all__ = ["Candidate", "Selection", "cite", "confidence_features", "rank_sentences", "select"]

READ_PASSAGES = 25
"""Passages whose sentences are scored."""
READ_SENTENCES = 24
"""Sentences that are also compared with the question by the encoder, the best by the cheaper features first."""
_COMPARED = 10
"""Facts that the confidence takes into account."""
SAME_FACT = 0.6
"""Share of common words (Jaccard index) from which two sentences say the same."""
RELATIVE = 0.5
"""A further sentence is cited when it is at least this likely, relative to the first."""
RELATIVE_SPOKEN = 0.05
"""The same for a further sentence that reports the words of the speaker asked about: people say several things, and
each of them answers "what did X say?"."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may answer.

    Attributes:
        passage: where it stands.
        sentence: the sentence as stored.
        text: its characters.
        features: as in `rag.scoring`, and "cosine", the sentence's own with the question.
        probability: that it answers, in [0, 1], by the sentence model.
    """

    passage: PassageRecord
    sentence: SentenceRecord
    text: str
    features: Mapping[str, float]
    probability: float


@dataclass(frozen=True, slots=True)
class Selection:
    """The sentences of an answer.

    Attributes:
        confidence: the probability in [0, 1] that the first sentence answers.
        cited: the sentences that qualify, in the order in which they are read; empty when not answered.
        related: the closest of those that do not.
        same: for a chosen sentence's number, others that say the same and were left out for it.
    """

    confidence: float
    cited: tuple[Candidate, ...]
    related: tuple[Candidate, ...]
    same: Mapping[int, tuple[Candidate, ...]]


def rank_sentences(
    question: Question,
    vector: NDArray[np.float32],
    hits: Sequence[Hit],
    rarity: Mapping[str, float],
    encode: Callable[[Sequence[str]], NDArray[np.float32]],
    *,
    read: int = READ_SENTENCES,
) -> list[Candidate]:
    """The sentences of the first passages, the most likely answer first.

    Args:
        question: what is asked.
        vector: its unit vector.
        hits: retrieved passages, the best first.
        rarity: a weight for each of the question's terms.
        encode: gives the unit vectors of sentences.
        read: how many sentences are compared by the encoder, and given.
    """
    import numpy as np

    model = sentence_model()
    found = _candidates(question, hits, rarity)
    found = [_scored(each, model, each.features["passage_cosine"]) for each in found]
    closest = sorted(found, key=_best_first)[:read]
    if not closest:
        return []
    cosines = np.asarray(encode([candidate.text for candidate in closest]) @ vector)
    ranked = [_scored(each, model, cosine) for each, cosine in zip(closest, cosines.tolist(), strict=True)]
    return sorted(ranked, key=_best_first)


def select(question: Question, ranked: Sequence[Candidate], *, top: int, min_confidence: float) -> Selection:
    """Choose the sentences of the answer, each fact once.

    Args:
        question: what is asked.
        ranked: candidates, the best first.
        top: the greatest number of citations, and of related sentences.
        min_confidence: the confidence below which nothing is cited.
    """
    distinct, same = _distinct(ranked, max(2 * top, _COMPARED))
    if not distinct:
        return Selection(0.0, (), (), {})
    confidence = confidence_model().probability(confidence_features(question, distinct))
    if confidence < min_confidence:
        return Selection(confidence, (), tuple(distinct[:top]), same)
    cited = [candidate for candidate in distinct[:_COMPARED] if _adds(candidate, distinct[0])][:top]
    chosen = {candidate.sentence.id for candidate in cited}
    related = [candidate for candidate in distinct if candidate.sentence.id not in chosen]
    return Selection(confidence, tuple(_reading_order(cited)), tuple(related[:top]), same)


def confidence_features(question: Question, distinct: Sequence[Candidate]) -> dict[str, float]:
    """What the confidence is made of: the first sentence's features, its probability, and how far ahead it is."""
    first = distinct[0]
    logits = [_logit(candidate.probability) for candidate in distinct[:_COMPARED]]
    share = 1 / sum(math.exp(logit - logits[0]) for logit in logits)
    return {
        **first.features,
        "logit": logits[0],
        "ahead": logits[0] - logits[1] if len(logits) > 1 else logits[0] - _logit(0.0),
        "share": share,
        "terms": min(len(question.terms), 8) / 8,
        "named": float(bool(question.names)),
    }


def cite(
    number: int,
    candidate: Candidate,
    question: Question,
    same: Sequence[Candidate],
    places: Mapping[int, Sequence[SentencePlace]],
) -> Citation:
    """Make a citation; its quote is cut from the stored text by its offsets.

    Args:
        number: 1 for the first.
        candidate: the sentence.
        question: what is asked, for the words to highlight.
        same: other candidates that say the same.
        places: for each of these sentences' numbers, the other places where it stands.
    """
    sentence, article = candidate.sentence, candidate.passage.article
    others = [_place(each.article, each.span.start, each.span.end, each.line) for each in places[sentence.id]]
    for other in same:
        own = other.sentence
        others.append(_place(other.passage.article, own.span.start, own.span.end, own.line))
        others += [_place(each.article, each.span.start, each.span.end, each.line) for each in places[own.id]]
    place = _place(article, sentence.span.start, sentence.span.end, sentence.line)
    return Citation(
        **{name: getattr(place, name) for name in Place.__slots__},
        number=number,
        quote=sentence.span.of(candidate.passage.text),
        highlight=_highlight(question, candidate.text),
        score=candidate.probability,
        also_in=tuple(dict.fromkeys(other for other in others if other != place)),
    )


def _candidates(question: Question, hits: Sequence[Hit], rarity: Mapping[str, float]) -> list[Candidate]:
    """The sentences of the hits with their features, not yet scored; of a group's copies each wording once."""
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
                )
            )
            previous = text
    own = [
        sentence_features(question, text, context, rarity) for text, context in zip(sentences, contexts, strict=True)
    ]
    together = collective_features(question, sentences, contexts, own)
    return [
        Candidate(record, sentence, text, {**features, **more}, 0.0)
        for (record, sentence), text, features, more in zip(places, sentences, own, together, strict=True)
    ]


def _scored(candidate: Candidate, model: LogisticModel, cosine: float) -> Candidate:
    features = {**candidate.features, "cosine": cosine}
    return replace(candidate, features=features, probability=model.probability(features))


def _adds(candidate: Candidate, first: Candidate) -> bool:
    """Whether a sentence is cited besides the first one."""
    both_spoken = candidate.features["spoken"] and first.features["spoken"]
    return candidate.probability >= (RELATIVE_SPOKEN if both_spoken else RELATIVE) * first.probability


def _best_first(candidate: Candidate) -> tuple[float, int]:
    return (-candidate.probability, candidate.sentence.id)


def _logit(probability: float) -> float:
    clipped = min(max(probability, 1e-4), 1 - 1e-4)
    return math.log(clipped / (1 - clipped))


def _distinct(ranked: Sequence[Candidate], count: int) -> tuple[list[Candidate], dict[int, tuple[Candidate, ...]]]:
    """The best sentences of the first `count` facts, and for the number of each the others that say the same."""
    kept: list[Candidate] = []
    same: dict[int, list[Candidate]] = {}
    for candidate in ranked:
        twin = next((other for other in kept if _say_the_same(candidate, other)), None)
        if twin is None:
            if len(kept) < count:
                kept.append(candidate)
                same[candidate.sentence.id] = []
        elif twin.sentence.copy_key != candidate.sentence.copy_key:  # exact copies are found in the store
            same[twin.sentence.id].append(candidate)
    return kept, {number: tuple(others) for number, others in same.items()}


def _say_the_same(left: Candidate, right: Candidate) -> bool:
    """Whether two sentences tell one fact in nearly the same words. With other numbers it is another fact."""
    if left.sentence.copy_key == right.sentence.copy_key:
        return True
    mine, yours = _stems(left.text), _stems(right.text)
    if any(any(map(str.isdigit, stem)) for stem in mine ^ yours):
        return False
    return jaccard(mine, yours) >= SAME_FACT


@functools.lru_cache(maxsize=20_000)
def _stems(text: str) -> frozenset[str]:
    return frozenset(word.stem for word in words_of(text))


def _reading_order(cited: Sequence[Candidate]) -> list[Candidate]:
    """The best sentence first, then the rest of its article as it runs on, then the other articles, best first."""
    if not cited:
        return []
    first, rest = cited[0], cited[1:]
    order = list(dict.fromkeys(candidate.passage.article.key for candidate in cited))
    return [first, *sorted(rest, key=lambda each: (order.index(each.passage.article.key), each.sentence.span.start))]


def _highlight(question: Question, text: str) -> tuple[int, int] | None:
    """The words that answer, where the kind of question tells: the span nearest to the question's own words."""
    kinds = [kind for kind in question.kinds if kind in EXACT_KINDS]
    if not kinds:
        return None
    spans = answer_spans(text, kinds[0], frozenset(question.terms))
    if not spans:
        return None
    known = [word.start for word in words_of(text) if word.stem in question.terms] or [0]
    return min(spans, key=lambda span: sum(abs(span[0] - start) for start in known))


def _place(article: ArticleRecord, start: int, end: int, line: int) -> Place:
    return Place(
        article_id=article.id,
        title=article.title,
        source=article.url or article.path,
        published=article.published,
        start=start,
        end=end,
        path=article.path,
        line=line,
    )
