"""Examples from an index: for questions whose answering articles are known, what its own retriever hands over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.evaluation.questions import is_right
from rag.reader import as_read
from rag.training.examples import Example, Labelled

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator, Sequence

    from rag.engine import Engine
    from rag.evaluation.questions import EvaluationQuestion
    from rag.reader import Passage

__all__ = ["Retrieved", "find_words", "retrieve_for", "retrieved_examples", "spans_of"]

_PASSAGES = 40
"""Passages retrieved for each question."""


@dataclass(frozen=True, slots=True)
class Retrieved:
    """A question and the passages retrieved for it, the best first."""

    question: str
    passages: tuple[Labelled, ...]


def retrieve_for(engine: Engine, items: Sequence[EvaluationQuestion]) -> Iterator[Retrieved]:
    """What is retrieved for questions, labelled.

    A sentence is right when it holds the answer and its article is one of the question's. A passage that holds the
    answer in an article that is not known to answer is left out: it may well answer.
    """
    for item in items:
        evidence = engine.retrieve(item.question, top_k=_PASSAGES)
        found = []
        for hit in evidence.hits[: _PASSAGES + _PASSAGES // 2]:
            passage, places = as_read(hit.passage), hit.passage.article.places
            holds = [is_right(text, item.answers) for text in passage.sentences]
            right = tuple(
                is_right(text, item.answers, places=places, sources=item.sources) for text in passage.sentences
            )
            if any(holds) and not any(right):
                continue
            spans = spans_of(passage, item.answers, right)
            # Where the words stand otherwise than in the answer ("U.S.", "US"), only the sentence is known.
            answered = (True if spans else None) if any(right) else False
            found.append(Labelled(passage, spans, answered, right))
        yield Retrieved(evidence.question.text, tuple(found))


def spans_of(passage: Passage, answers: Iterable[str], right: Sequence[bool]) -> tuple[tuple[int, int, int], ...]:
    """Where the answers' words stand in the right sentences: the sentence's number, first and last character in it."""
    return tuple(
        (number, *place)
        for number, text in enumerate(passage.sentences)
        for answer in answers
        if right[number] and (place := find_words(text, answer)) is not None
    )


def find_words(text: str, answer: str) -> tuple[int, int] | None:
    """Where the answer's words stand in a sentence, case folded and as whole words."""
    low, wanted = text.lower(), answer.lower().strip()
    if len(low) != len(text):  # some capitals are two small letters
        return None
    start = low.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        if not (start and low[start - 1].isalnum()) and not (end < len(low) and low[end].isalnum()):
            return start, end
        start = low.find(wanted, start + 1)
    return None


def retrieved_examples(
    retrieved: Sequence[Retrieved], generator: random.Random, *, right: int = 5, wrong: int = 9
) -> Iterator[Example]:
    """Examples of a few right passages and more of the others, these rather from the head of the list.

    Args:
        retrieved: the questions.
        generator: decides.
        right: passages that answer, of an example at most.
        wrong: others, at most.
    """
    for each in retrieved:
        answering = [passage for passage in each.passages if any(passage.right)]
        others = [passage for passage in each.passages if not any(passage.right)]
        generator.shuffle(answering)
        keys = {id(passage): rank * generator.random() for rank, passage in enumerate(others, 1)}
        others.sort(key=lambda passage: keys[id(passage)])
        chosen = [*answering[:right], *others[:wrong]]
        if chosen:
            yield Example(each.question, tuple(chosen))
