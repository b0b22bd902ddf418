"""What tells a sentence that answers from one that does not, as named features; `rag.logistic` weighs them."""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from index.analysis import stop_words, words
from rag.kinds import EXACT_KINDS, answer_spans
from rag.speech import speaks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from index.analysis import Word
    from rag.question import Question

__all__ = [
    "Context",
    "answer_key",
    "collective_features",
    "day_of",
    "new_terms",
    "sentence_features",
    "words_of",
]

_MANY_ARTICLES = 10
"""Retrieved articles from which it says much that a sentence stands at an article's head: in two articles any sentence
may be asked for, in thousands those that report the story asked for say it first."""
_VOTES = 3
_STORY_DAYS = 2.0
_STORY_POWER = 4
"""Passages that match only half as well count a sixteenth."""
_DAY = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")


@functools.lru_cache(maxsize=50_000)
def answer_key(answer: str) -> frozenset[str]:
    """What two answers have in common that say the same: the stems of the words that count in them.

    >>> answer_key("the Hague") == answer_key("The Hague.")
    True
    """
    return frozenset(word.stem for word in words(answer) if answer[word.start : word.end].lower() not in stop_words())


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
        article: the store's number of the article.
        score: the passage's fused retrieval score in [0, 1].
        cosine: the passage's cosine with the question.
        position: how many sentences of its passage stand before it.
        paragraph: the 0-based number of its paragraph in the article.
        passage: the store's number of its passage.
        day: when the article was published, as days since the year 1; None when that is not known.
    """

    before: str
    title: str
    article: int
    score: float
    cosine: float
    position: int
    paragraph: int
    passage: int
    day: int | None


def sentence_features(
    question: Question, sentence: str, context: Context, rarity: Mapping[str, float]
) -> dict[str, float]:
    """Named features of a sentence by itself; its own cosine costs the encoder and is added later.

    Args:
        question: what is asked.
        sentence: the sentence's text.
        context: where it stands.
        rarity: a weight for each of the question's terms (`rag.rarity.weights`).
    """
    own = words_of(sentence)
    stems = [word.stem for word in own]
    have = set(stems)
    before = have | {word.stem for word in words_of(context.before)}
    headline = {word.stem for word in words_of(context.title)}
    around = before | headline
    names = [term for term in question.terms if term in question.names]
    others = [term for term in question.terms if term not in question.names]

    def share(terms: Sequence[str], where: set[str]) -> float:
        whole = sum(rarity[term] for term in terms)
        return sum(rarity[term] for term in terms if term in where) / whole if whole else 0.0

    overlap, with_before = share(question.terms, have), share(question.terms, before)
    known = frozenset(question.terms)
    there = {kind: bool(answer_spans(sentence, kind, known)) for kind in question.kinds}
    spoken = bool(question.speaker) and speaks(sentence, context.before, question.speaker)
    new = new_terms(sentence, known)
    return {
        "overlap": overlap,
        "before": with_before - overlap,
        "title": share(question.terms, around) - with_before,
        "headline": share(question.terms, headline),
        "missing_name": 1.0 - share(names, around) if names else 0.0,
        "other_overlap": share(others, have),
        "pairs": _pairs(question.pairs, stems),
        "kind_there": float(bool(there) and all(there.values())),
        "kind_absent": float(bool(there) and not any(there.values())),
        "exact_absent": float(any(not found for kind, found in there.items() if kind in EXACT_KINDS)),
        "spoken": float(spoken),
        "not_spoken": float(bool(question.speaker) and not spoken),
        "passage": context.score,
        "passage_cosine": context.cosine,
        "length": math.log(1 + len(own)) / math.log(40),
        "asks": float(sentence.rstrip("\"”’' ").endswith("?")),
        "first": float(context.position == 0),
        "new": math.log1p(len(new)),
        "nothing_new": float(not new),
    }


def collective_features(
    question: Question,
    sentences: Sequence[str],
    contexts: Sequence[Context],
    features: Sequence[Mapping[str, float]],
) -> list[dict[str, float]]:
    """Named features of sentences in the light of all the others that were retrieved.

    Args:
        question: what is asked.
        sentences: all sentences of the retrieved passages.
        contexts: where each stands.
        features: each one's own (`sentence_features`).

    Returns:
        For each sentence: `article`, the best passage score of its article; `article_share`, its article's share of
        the scores of all passages; `story`, how much else was published in the days around it that matches the
        question as well; `lead`, how near it stands to the head of its article, where many articles were retrieved;
        `many`, whether they were, from 0 to 1; `votes`, how much other articles that match the question mention the
        names and numbers that it adds.
    """
    best: dict[int, float] = {}
    passages: dict[int, Context] = {}
    sums: dict[int, float] = {}
    days: dict[int, int] = {}
    mentions: dict[str, dict[int, float]] = {}
    added = [new_terms(sentence, frozenset(question.terms)) for sentence in sentences]
    for context, own, terms in zip(contexts, features, added, strict=True):
        best[context.article] = max(best.get(context.article, 0.0), context.score)
        if context.day is not None:
            days[context.article] = context.day
        if context.passage not in passages:
            passages[context.passage] = context
            sums[context.article] = sums.get(context.article, 0.0) + context.score
        weight = context.score * (own["overlap"] + own["before"])
        for term in terms:
            by_article = mentions.setdefault(term, {})
            by_article[context.article] = max(by_article.get(context.article, 0.0), weight)
    total = sum(sums.values()) or 1.0
    stories = {article: _story(article, days, best) for article in best}
    many = min(1.0, (len(best) - 1) / _MANY_ARTICLES)
    totals = {term: sum(by_article.values()) for term, by_article in mentions.items()}
    found = []
    for context, terms in zip(contexts, added, strict=True):
        votes = sorted((totals[term] - mentions[term][context.article] for term in terms), reverse=True)
        found.append(
            {
                "article": best[context.article],
                "article_share": sums[context.article] / total,
                "story": stories[context.article],
                "lead": many / (1 + context.paragraph),
                "many": many,
                "votes": math.log1p(max(0.0, sum(votes[:_VOTES]))),
            }
        )
    return found


def _story(article: int, days: Mapping[int, int], scores: Mapping[int, float]) -> float:
    """How much was published around an article's day that matches the question, as the log of one plus its weight.

    News that is asked for was reported by many at once; what matches in other words is often another day's news.

    Args:
        article: the store's number of the article.
        days: when each article was published, where that is known.
        scores: the best passage score of each, in [0, 1].
    """
    if article not in days:
        return 0.0
    near = (
        scores[other] ** _STORY_POWER * math.exp(-(((day - days[article]) / _STORY_DAYS) ** 2) / 2)
        for other, day in days.items()
        if other != article
    )
    return math.log1p(sum(near))


def day_of(published: str | None) -> int | None:
    """The day that a date begins with, as days since the year 1; None when it is not year, month and day in digits.

    >>> day_of("2022/06/16"), day_of("2022-06-16T08:00:00Z"), day_of("June 16, 2022")
    (738322, 738322, None)
    """
    match = _DAY.match(published or "")
    try:
        return date(*map(int, match.groups())).toordinal() if match is not None else None
    except ValueError:
        return None


@functools.lru_cache(maxsize=50_000)
def new_terms(sentence: str, known: frozenset[str]) -> frozenset[str]:
    """Stems of the names and numbers inside a sentence that are not among `known`.

    >>> sorted(new_terms("On Monday Ingrid Dahl counted 212 people.", frozenset({"dahl"})))
    ['212', 'ingrid', 'monday']
    """
    return frozenset(
        word.stem
        for word in words_of(sentence)
        if word.start > 0
        and (sentence[word.start].isupper() or sentence[word.start].isdigit())
        and word.stem not in known
        and sentence[word.start : word.end].lower() not in stop_words()
    )


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
