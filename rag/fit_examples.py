"""Examples for `rag.fit`: questions with their candidates, asked of a large index and of small collections."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rag.candidates import READ_AGAIN_FEATURES
from rag.cascade import Cascade
from rag.engine import Engine
from rag.evaluation.collections import (
    RememberingEncoder,
    build_collection,
    draw_collections,
    look_up,
    near_articles,
)
from rag.evaluation.questions import is_right
from rag.logistic import Again, LogisticModel, Scoring, scoring_for
from rag.ranking import READ_PASSAGES, rank_by_reader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from index.encoder import Encoder
    from rag.candidates import Candidate
    from rag.evaluation.collections import ArticleText
    from rag.evaluation.questions import EvaluationQuestion
    from rag.question import Question
    from rag.reader import Reader
    from rag.retrieve import Evidence

__all__ = ["Example", "Gathering", "collection_examples", "news_examples", "without"]

_SPARE = 60
"""Passages that are retrieved beyond those that are read, to fill up when articles are left out."""
_NOTHING = LogisticModel(0.0, {})
_SEED = 1


@dataclass(frozen=True, slots=True)
class Example:
    """A question, its candidates, all of them read, and which of them are right.

    Attributes:
        question: what is asked.
        candidates: the sentences, as the first reader read them.
        right: whether each answers.
        searched: how many passages were searched.
        again: those that a second reader read again, as it did.
        right_again: whether each of these answers.
        id: the question's, by which a question is held out with all its examples.
        source: where it was asked, for people.
        answered: whether an article that was searched is known to answer.
    """

    question: Question
    candidates: Sequence[Candidate]
    right: Sequence[bool]
    searched: int = 1
    again: Sequence[Candidate] = ()
    right_again: Sequence[bool] = ()
    id: str = ""
    source: str = ""
    answered: bool = True

    def read_again(self) -> Example:
        """The example of the sentences that were read again alone."""
        return replace(self, candidates=self.again, right=self.right_again, again=(), right_again=())


@dataclass(frozen=True, slots=True)
class Gathering:
    """How candidates are read for fitting: all of them, and as many as may be again.

    Attributes:
        reader: the reader; None: the encoder alone.
        scoring: decides what is read again; weights that were fitted before, or none.
    """

    reader: Reader | None
    scoring: Scoring

    @classmethod
    def load(cls, reader: str | None) -> Gathering:
        """With a reader by its name or folder, and the weights that it has so far.

        Raises:
            ReaderError: when it cannot be loaded.
        """
        from rag.reader_models import load_reader

        loaded = load_reader(reader)
        scoring = scoring_for(loaded.folder if loaded is not None else None, loaded is not None)
        return cls(loaded, replace(scoring, again=Again(_NOTHING, _NOTHING, 0.0)))

    def over(self, index: Path | str, *, encoder: Encoder | None = None) -> Engine:
        """An engine over an index, to be closed; raises as `rag.engine.Engine.open`."""
        reader = self.reader if self.reader is not None else "none"
        return Engine.open(index, encoder=encoder, reader=reader, calibrated=False, scoring=self.scoring)

    def example(
        self, engine: Engine, evidence: Evidence, item: EvaluationQuestion, *, source: str, answered: bool
    ) -> Example:
        """A question with what was found for it, read; the last two as in `Example`."""
        reader = self.reader
        again: list[Candidate] = []
        if isinstance(reader, Cascade):
            first = rank_by_reader(evidence, reader.quick, self.scoring, thorough=True)
            second = rank_by_reader(evidence, reader, self.scoring, thorough=True)
            again = [each for each in second if each.features.keys() >= READ_AGAIN_FEATURES]
        else:
            first = engine.rank(evidence, thorough=True)
        return Example(
            evidence.question,
            first,
            _right(first, item),
            evidence.searched,
            again,
            _right(again, item),
            item.id,
            source,
            answered,
        )


def _right(candidates: Iterable[Candidate], item: EvaluationQuestion) -> list[bool]:
    return [
        is_right(each.text, item.answers, places=each.passage.article.places, sources=item.sources)
        for each in candidates
    ]


def news_examples(engine: Engine, gathering: Gathering, items: Sequence[EvaluationQuestion]) -> Iterator[Example]:
    """Examples of a large index: each question as it is, and without the articles that answer it."""
    for item in items:
        for left_out in ((), item.sources):
            found = _evidence(engine, item, left_out)
            yield gathering.example(engine, found, item, source="all articles", answered=not left_out)


def collection_examples(
    articles: Sequence[ArticleText],
    questions: Sequence[EvaluationQuestion],
    sizes: Iterable[int],
    gathering: Gathering,
    *,
    encoder: Encoder,
    name: str,
) -> Iterator[Example]:
    """Examples of small collections, each an index of its own in a temporary folder; see `rag.evaluation.collections`.

    Args:
        articles: what is drawn from.
        questions: what is asked.
        sizes: how many articles make a collection.
        gathering: how they are read.
        encoder: embeds the articles.
        name: of the articles, for people.
    """
    remembering = RememberingEncoder(encoder)
    known = look_up(questions, articles)
    near = near_articles(questions, articles, known)
    for size in sizes:
        for drawn in draw_collections(questions, articles, size, near=near, seed=_SEED, known=known):
            with tempfile.TemporaryDirectory(prefix="citewell-fit-") as temporary:
                inside = [articles[number] for number in drawn.articles]
                index = build_collection(inside, Path(temporary), remembering)
                with gathering.over(index, encoder=remembering) as engine:
                    for number, answered in drawn.asked:
                        item, source = questions[number], f"{name}, {size}"
                        found = engine.retrieve(item.question)
                        yield gathering.example(engine, found, item, source=source, answered=answered)


def without(
    engine: Engine, item: EvaluationQuestion, left_out: Sequence[str], *, thorough: bool = True
) -> tuple[Question, list[Candidate]]:
    """A question and its ranked candidates, as if the articles of some URLs were not in the index.

    Args:
        engine: what is asked.
        item: the question.
        left_out: the URLs.
        thorough: whether all that is retrieved is read.
    """
    evidence = _evidence(engine, item, left_out)
    return evidence.question, engine.rank(evidence, thorough=thorough)


def _evidence(engine: Engine, item: EvaluationQuestion, left_out: Sequence[str]) -> Evidence:
    """What is found for a question outside of the articles of some URLs."""
    evidence = engine.retrieve(item.question, top_k=READ_PASSAGES + (_SPARE if left_out else 0))
    hits = [hit for hit in evidence.hits if hit.passage.article.url not in left_out]
    groups = list(dict.fromkeys(hit.passage.group for hit in hits))[:READ_PASSAGES]
    return replace(evidence, hits=[hit for hit in hits if hit.passage.group in groups])
