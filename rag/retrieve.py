"""Passages for a question: BM25 over titles and texts, cosines of the encoder, and both fused."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from index.boilerplate import EVERY_RULE
from index.errors import ArticlesError
from rag.rarity import weights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from index.boilerplate import Rules
    from index.encoder import Encoder
    from index.scope import Scope
    from index.store.base import PassageRecord, Scored, SentencePlace, Store
    from rag.question import Question

__all__ = ["DENSE_WEIGHT", "Hit", "Retriever", "fuse"]

CANDIDATES = 100
"""Passages taken from each retriever before they are fused."""
DENSE_WEIGHT = 0.5
"""Share of the encoder in the fused score."""
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved passage, or a near copy of one, which has that one's scores.

    Attributes:
        passage: the passage, with its article's text.
        score: fused, in [0, 1]; 1 when it is the best of both retrievers.
        lexical: BM25, at least 0; 0 when no word of the question stands in it.
        cosine: with the question, in [-1, 1].
    """

    passage: PassageRecord
    score: float
    lexical: float
    cosine: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found for a question, before anything is read.

    Attributes:
        question: as it was read.
        vector: its unit vector, shape (dimension,).
        hits: retrieved passages, the best first, and behind them their near copies.
        rarity: a weight for each of the question's terms (`rag.rarity.weights`).
        places: for the number of each sentence of the hits, the other places where it stands.
        searched: how many passages were searched, copies counted once.
    """

    question: Question
    vector: NDArray[np.float32]
    hits: Sequence[Hit]
    rarity: Mapping[str, float]
    places: Mapping[int, tuple[SentencePlace, ...]] = field(default_factory=dict)
    searched: int = 0


class Retriever:
    """Finds passages in a store.

    Args:
        store: where to search.
        encoder: the encoder that made the store's vectors.
        rules: whether sentences in lines that recur in their source are left out.
    """

    def __init__(self, store: Store, encoder: Encoder, *, rules: Rules = EVERY_RULE) -> None:
        self._store = store
        self.encoder = encoder
        self._rules = rules

    def encode(self, question: Question) -> NDArray[np.float32]:
        """The question's unit vector, shape (dimension,)."""
        vector: NDArray[np.float32] = self.encoder.encode([question.text])[0]
        return vector

    def retrieve(
        self, question: Question, vector: NDArray[np.float32], *, top_k: int, scope: Scope | None = None
    ) -> Evidence:
        """The `top_k` best passages of distinct groups, best first, and behind them their near copies.

        Sentences of recurring lines are left out of them, and with them a passage that holds nothing else. All that an
        answer is made of is read here, from one state of the index.

        Args:
            question: what is asked.
            vector: its unit vector (`encode`).
            top_k: how many.
            scope: the articles that are asked; all when None. Nothing that lies outside is in what is found.

        Raises:
            ArticlesError: when no article lies in the scope.
        """
        scope = scope or None
        with self._store.reading():
            hits = self._hits(question, vector, top_k, scope)
            if not hits and scope is not None:
                self._check(scope)
            rarity = weights(question.terms, *self._store.document_frequencies(question.terms))
            searched = self._store.searched(scope)
            sentences = [sentence for hit in hits for sentence in hit.passage.sentences]
            places = self._store.places(sentences, scope=scope)
        return Evidence(question, vector, hits, rarity, places, searched)

    def _hits(self, question: Question, vector: NDArray[np.float32], top_k: int, scope: Scope | None) -> list[Hit]:
        lexical = self._store.search_lexical(question.terms, top_k=CANDIDATES, scope=scope)
        dense = self._store.search_vectors(vector, top_k=CANDIDATES, scope=scope)
        known = {each.passage: each.score for each in dense}
        missing = [each.passage for each in lexical if each.passage not in known]
        cosines = known | dict(zip(missing, self._store.cosines(vector, missing), strict=True))
        bm25 = {each.passage: each.score for each in lexical}
        scores = fuse(lexical, cosines)
        best = sorted(scores, key=lambda passage: (-scores[passage], passage))[:top_k]
        if scope is None:
            records = [*self._store.passages(best), *self._store.variants(best)]
        else:
            records = self._store.within(best, scope)
        return [
            Hit(record, scores[record.group], bm25.get(record.group, 0.0), cosines[record.group])
            for record in self._prose(records)
        ]

    def _prose(self, records: Sequence[PassageRecord]) -> list[PassageRecord]:
        """The passages without the sentences of recurring lines; those that hold nothing else are left out."""
        left_out = self._store.recurring(records) if self._rules.collection else frozenset()
        if not left_out:
            return list(records)
        kept = ([each for each in record.sentences if each.id not in left_out] for record in records)
        return [replace(record, sentences=tuple(own)) for record, own in zip(records, kept, strict=True) if own]

    def _check(self, scope: Scope) -> None:
        """Refuse a scope in which nothing lies: that the articles do not say would be another thing."""
        if self._store.articles(scope=scope, limit=1).total:
            return
        known = [each.outlet for each in self._store.sources()]
        near = [name for wanted in sorted(scope.sources) for name in get_close_matches(wanted, known, 1)]
        named = near or known[:_NAMED]
        more = f" and {len(known) - len(named)} more" if not near and len(known) > len(named) else ""
        hint = f"; did you mean {' or '.join(near)}?" if near and set(near) - scope.sources else ""
        raise ArticlesError(
            f"no article of the index lies in what was asked for ({scope.describe()})"
            + (hint or f"; it holds articles from {', '.join(named) or 'no source'}{more}")
        )


def fuse(lexical: Sequence[Scored], cosines: Mapping[int, float], *, weight: float = DENSE_WEIGHT) -> dict[int, float]:
    """A convex combination of both scores, each scaled to [0, 1] over the candidates.

    BM25 is divided by its best score, so that a passage without a word of the question gets 0. Cosines are scaled from
    the least to the greatest.

    Args:
        lexical: the lexical retriever's passages.
        cosines: for these and the dense retriever's passages, the cosine.
        weight: the share of the cosines, in [0, 1].

    Source: Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval" (2023).

    >>> from index.store.base import Scored
    >>> fuse([Scored(1, 4.0)], {1: 0.2, 2: 0.6})
    {1: 0.5, 2: 0.5}
    """
    best = max((each.score for each in lexical), default=0.0)
    bm25 = {each.passage: each.score / best for each in lexical} if best > 0 else {}
    low, high = min(cosines.values(), default=0.0), max(cosines.values(), default=0.0)
    spread = high - low
    return {
        passage: weight * ((cosine - low) / spread if spread > 0 else 1.0) + (1 - weight) * bm25.get(passage, 0.0)
        for passage, cosine in cosines.items()
    }
