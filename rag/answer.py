"""From retrieved passages to an answer: which sentences, in which order, and whether to answer at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.candidates import Candidate
from rag.confidence import COMPARED, confidence_features
from rag.context import resolving_sentence
from rag.facts import alike, answers_less, say_the_same
from rag.kinds import EXACT_KINDS, answer_spans
from rag.marks import marks_nothing
from rag.scoring import words_of
from rag.types import Citation, Excerpt, Place
from rag.wording import same_words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set

    from index.store.base import ArticleRecord, SentencePlace
    from rag.question import Question
    from rag.retrieve import Hit

__all__ = ["Selection", "cite", "distinct_facts", "near_copies", "select"]

RELATIVE = 0.85
"""A further sentence is cited when it is at least this likely, relative to the first. Most questions ask for one thing,
and what answers it in other words than the first sentence is wrong nine times of ten."""
RELATIVE_SPOKEN = 0.02
"""The same for a further sentence that reports the words of the speaker asked about: people say several things, and
each of them answers "what did X say?"."""
_REPEATING = 0.5
"""The same for a further sentence that answers with no more than a cited one, and is told with that one."""


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


def select(
    ranked: Sequence[Candidate],
    confident: Callable[[Mapping[str, float]], float],
    *,
    top: int,
    min_confidence: float,
    searched: int,
    any_words: bool = False,
) -> Selection:
    """Choose the sentences of the answer, each fact once.

    Args:
        ranked: candidates, the best first.
        confident: gives the confidence in [0, 1] for what it is made of (`rag.confidence`).
        top: the greatest number of citations, and of related sentences.
        min_confidence: the confidence below which nothing is cited.
        searched: how many passages were searched.
        any_words: whether whatever the speaker asked about says is an answer (`rag.speech.any_words_answer`).
    """
    distinct, same = distinct_facts(ranked, max(2 * top, COMPARED))
    if not distinct:
        return Selection(0.0, (), (), {})
    confidence = confident(confidence_features(distinct, same, searched))
    if confidence < min_confidence:
        return Selection(confidence, (), tuple(distinct[:top]), same)
    first = distinct[0]
    cited = [first]
    repeated: dict[int, list[Candidate]] = {}
    for candidate in distinct[1:COMPARED]:
        if not _answers_too(candidate, first, any_words):
            continue
        twin = next((each for each in cited if answers_less(candidate, each)), None)
        if twin is not None:
            repeated.setdefault(twin.sentence.id, []).extend((candidate, *same.get(candidate.sentence.id, ())))
        elif _as_likely(candidate, first):
            cited.append(candidate)
    cited = cited[:top]
    same = {number: (*others, *repeated.get(number, ())) for number, others in same.items()}
    given = {each.sentence.id for each in (*cited, *(other for others in repeated.values() for other in others))}
    related = [candidate for candidate in distinct if candidate.sentence.id not in given]
    return Selection(confidence, tuple(_reading_order(cited)), tuple(related[:top]), same)


def cite(
    number: int,
    candidate: Candidate,
    question: Question,
    same: Sequence[Candidate],
    places: Mapping[int, Sequence[SentencePlace]],
    *,
    shown: Sequence[Candidate] = (),
) -> Citation:
    """Make a citation; its quote is cut from the stored text by its offsets.

    Args:
        number: 1 for the first.
        candidate: the sentence.
        question: what is asked, for the words to highlight.
        same: other candidates that say the same.
        places: for each of these sentences' numbers, the other places where it stands.
        shown: the sentences that are cited; none of them is repeated as the context of another.
    """
    sentence, article = candidate.sentence, candidate.passage.article
    place = _place(article, sentence.span.start, sentence.span.end, sentence.line)
    others = {_where(each): each for each in _stands_at(candidate, places, None)}
    for other in same:
        wording = None if same_words(candidate.text, other.text) else other.text
        own = other.sentence
        there = _place(other.passage.article, own.span.start, own.span.end, own.line, wording)
        for each in (there, *_stands_at(other, places, wording)):
            others.setdefault(_where(each), each)
    others.pop(_where(place), None)
    return Citation(
        **{name: getattr(place, name) for name in Place.__slots__ if name != "wording"},
        number=number,
        quote=sentence.span.of(candidate.passage.text),
        highlight=_highlight(question, candidate),
        score=candidate.probability,
        also_in=tuple(others.values()),
        context=_context(candidate, {each.sentence.id for each in shown}),
        read_by=candidate.read_by,
    )


def _answers_too(candidate: Candidate, first: Candidate, any_words: bool) -> bool:
    """Whether a sentence besides the first one answers.

    Never one in which a reader finds no answer, but where it is enough that the speaker asked about speaks.
    """
    answers = candidate.features.get("margin", 1.0) > 0
    if first.features["spoken"]:  # then what others say answers nothing
        return bool(candidate.features["spoken"]) and (answers or any_words)
    return answers and candidate.probability >= _REPEATING * first.probability


def _as_likely(candidate: Candidate, first: Candidate) -> bool:
    """Whether a sentence that answers is likely enough to be cited besides the first one."""
    least = RELATIVE_SPOKEN if first.features["spoken"] else RELATIVE
    return candidate.probability >= least * first.probability


def distinct_facts(
    ranked: Sequence[Candidate], count: int = COMPARED
) -> tuple[list[Candidate], dict[int, tuple[Candidate, ...]]]:
    """The best sentences of the first `count` facts, and for the number of each the others that say the same."""
    kept: list[Candidate] = []
    same: dict[int, list[Candidate]] = {}
    for candidate in ranked:
        twin = next((other for other in kept if say_the_same(candidate, other)), None)
        if twin is None:
            if len(kept) < count:
                kept.append(candidate)
                same[candidate.sentence.id] = []
        elif twin.sentence.copy_key != candidate.sentence.copy_key:  # exact copies are found in the store
            same[twin.sentence.id].append(candidate)
    return kept, {number: tuple(others) for number, others in same.items()}


def _reading_order(cited: Sequence[Candidate]) -> list[Candidate]:
    """The best sentence first, then the rest of its article as it runs on, then the other articles, best first."""
    if not cited:
        return []
    first, rest = cited[0], cited[1:]
    order = list(dict.fromkeys(candidate.passage.article.key for candidate in cited))
    return [first, *sorted(rest, key=lambda each: (order.index(each.passage.article.key), each.sentence.span.start))]


def _highlight(question: Question, candidate: Candidate) -> tuple[int, int] | None:
    """The words that answer: those that a reader marks, if it thinks that any may; none where it does not.

    Without a reader, where the kind of question tells: the span nearest to the question's own words.
    """
    if candidate.span is not None:
        return None if marks_nothing(candidate.features["margin"]) else candidate.span
    text = candidate.text
    kinds = [kind for kind in question.kinds if kind in EXACT_KINDS]
    if not kinds:
        return None
    spans = answer_spans(text, kinds[0], frozenset(question.terms))
    if not spans:
        return None
    known = [word.start for word in words_of(text) if word.stem in question.terms] or [0]
    return min(spans, key=lambda span: sum(abs(span[0] - start) for start in known))


def _context(candidate: Candidate, shown: Set[int]) -> Excerpt | None:
    found = resolving_sentence(candidate.passage, candidate.sentence)
    if found is None or found.id in shown:
        return None
    return Excerpt(found.span.start, found.span.end, found.span.of(candidate.passage.text))


def near_copies(candidate: Candidate, hits: Sequence[Hit], shown: Collection[int]) -> list[Candidate]:
    """What near copies of a sentence's passage say in its place: of each the sentence that says the same otherwise.

    Args:
        candidate: the sentence.
        hits: retrieved passages with their near copies, read or not.
        shown: the numbers of sentences that are given themselves.
    """
    found = []
    for hit in hits:
        passage = hit.passage
        if passage.group != candidate.passage.group or passage.id == candidate.passage.id:
            continue
        for sentence in passage.sentences:
            if sentence.copy_key == candidate.sentence.copy_key or sentence.id in shown:
                continue
            other = Candidate(passage, sentence, sentence.span.of(passage.text), {})
            if alike(candidate, other):
                found.append(other)
    return found


def _stands_at(
    candidate: Candidate, places: Mapping[int, Sequence[SentencePlace]], wording: str | None
) -> Iterator[Place]:
    for each in places[candidate.sentence.id]:
        yield _place(each.article, each.span.start, each.span.end, each.line, wording)


def _where(place: Place) -> tuple[str, str, int, int]:
    return (place.path, place.article_id, place.line, place.start)


def _place(article: ArticleRecord, start: int, end: int, line: int, wording: str | None = None) -> Place:
    return Place(
        article_id=article.id,
        title=article.title,
        source=article.url or article.path,
        published=article.published,
        start=start,
        end=end,
        path=article.path,
        line=line,
        part=article.part,
        author=article.author,
        published_from=article.published_from,
        wording=wording,
    )
