"""Training examples: for each question a few passages as retrieval hands over, each with what a reader should say.

What a reader meets is mostly passages that do not answer, so every question comes with some: the same passage without
the sentence that answers, other passages about the same things, and now and then the question itself is changed a
little so that its passage answers it no longer (other names and numbers, the opposite, a denial).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from index.analysis import content_terms
from rag.reader import Passage

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rag.training.data import AnswerSpan, Asked, DataSet, Ranked

__all__ = ["Example", "Labelled", "Twist", "examples_of", "neighbours", "ranked_examples"]

_SHORTEST, _MOSTLY, _LONGEST = 25, 50, 120
"""Words of a passage; an index makes passages of about 90."""
_WHOLE_CONTEXT = 0.08
_SHARES = {"without": 0.4, "elsewhere": 0.35, "twisted": 0.18}
"""For each question with an answer, how often such a passage without one goes with it."""
_DISTRACTORS = (0, 1, 1, 2, 3)
"""Other sentences that are put around one that stands alone in its data set."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A passage and what a reader should say of it.

    Attributes:
        passage: what is read.
        spans: the answers: number of the sentence, character range in it.
        answered: whether the passage answers; None when that is known of its sentences only.
        right: for each sentence whether it answers; None where that is not known.
    """

    passage: Passage
    spans: tuple[AnswerSpan, ...]
    answered: bool | None
    right: tuple[bool | None, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """A question and its passages."""

    question: str
    passages: tuple[Labelled, ...]


def examples_of(
    data: DataSet, near: Sequence[Sequence[int]], generator: random.Random, *, questions: int | None = None
) -> Iterator[Example]:
    """An epoch's examples of a data set, in random order.

    Args:
        data: contexts and questions.
        near: for each question the numbers of contexts that look as if they might answer it (`neighbours`).
        generator: decides on the crops and on what goes with what.
        questions: how many questions; all when None.
    """
    twist = Twist(asked.question for asked in data.asked)
    order = list(range(len(data.asked)))
    generator.shuffle(order)
    for number in order[:questions]:
        asked = data.asked[number]
        answers = {data.contexts[asked.context].sentences[at][start:end].lower() for at, start, end in asked.answers}
        passages = [_passage(data, asked, generator)]
        if asked.answers:
            alone = len(data.contexts[asked.context].sentences) == 1  # what is left without it are strangers
            if not alone and generator.random() < _SHARES["without"]:
                without = _without(passages[0], answers)
                if without is not None:
                    passages.append(without)
            if generator.random() < _SHARES["elsewhere"]:
                elsewhere = _elsewhere(data, asked, near[number], answers, generator)
                if elsewhere is not None:
                    passages.append(elsewhere)
            if generator.random() < _SHARES["twisted"]:
                twisted = twist(asked.question, generator)
                if twisted is not None:
                    yield Example(twisted, (unanswered(passages[0].passage),))
        yield Example(asked.question, tuple(passages))


def ranked_examples(ranked: Sequence[Ranked], generator: random.Random, *, longest: int = 24) -> Iterator[Example]:
    """Examples of questions with marked sentences: alone, or in runs of two to four where they stand in one text.

    Args:
        ranked: the questions.
        generator: decides.
        longest: passages of an example at most; of those that answer, up to half as many.
    """
    for each in ranked:
        pairs = list(zip(each.sentences, each.labels, strict=True))
        if each.in_order and generator.random() < 0.5:
            runs, start = [], 0
            while start < len(pairs):
                size = generator.randint(2, 4)
                runs.append(pairs[start : start + size])
                start += size
        else:
            runs = [[pair] for pair in pairs]
        right = [run for run in runs if any(label for _, label in run)]
        wrong = [run for run in runs if not any(label for _, label in run)]
        if not right and generator.random() < 0.6:
            continue
        generator.shuffle(right)
        generator.shuffle(wrong)
        chosen = [*right[: longest // 2], *wrong][:longest]
        yield Example(each.question, tuple(_marked(run) for run in chosen))


def _marked(run: Sequence[tuple[str, bool]]) -> Labelled:
    right = tuple(label for _, label in run)
    return Labelled(Passage(tuple(text for text, _ in run)), (), None if any(right) else False, right)


def unanswered(passage: Passage) -> Labelled:
    """A passage of which no sentence answers."""
    return Labelled(passage, (), False, (False,) * len(passage.sentences))


def _passage(data: DataSet, asked: Asked, generator: random.Random) -> Labelled:
    """The question's context, cropped to a run of sentences that holds an answer."""
    context = data.contexts[asked.context]
    if len(context.sentences) == 1:
        return _among_others(data, asked, generator)
    anchor = generator.choice(asked.answers)[0] if asked.answers else generator.randrange(len(context.sentences))
    first, last = _crop([len(sentence.split()) for sentence in context.sentences], anchor, generator)
    spans = tuple((at - first, start, end) for at, start, end in asked.answers if first <= at < last)
    holding = {at for at, _, _ in spans}
    title = context.title if generator.random() < 0.8 else ""
    right = tuple(number in holding for number in range(last - first))
    return Labelled(Passage(context.sentences[first:last], title), spans, bool(spans), right)


def _crop(words: Sequence[int], anchor: int, generator: random.Random) -> tuple[int, int]:
    """A run of sentences around one, of a random length in words, that one anywhere in it."""
    if generator.random() < _WHOLE_CONTEXT:
        return 0, len(words)
    room = generator.triangular(_SHORTEST, _LONGEST, _MOSTLY)
    first, last, total = anchor, anchor + 1, words[anchor]
    while total < room:
        before = first > 0 and total + words[first - 1] <= room + 15
        behind = last < len(words) and total + words[last] <= room + 15
        if not before and not behind:
            break
        if before and (not behind or generator.random() < 0.5):
            first -= 1
            total += words[first]
        else:
            total += words[last]
            last += 1
    return first, last


def _among_others(data: DataSet, asked: Asked, generator: random.Random) -> Labelled:
    """A sentence that stands alone in its data set, with some others put around it."""
    own = data.contexts[asked.context]
    others = []
    for _ in range(generator.choice(_DISTRACTORS)):
        number = min(max(0, asked.context + generator.choice((-3, -2, -1, 1, 2, 3))), len(data.contexts) - 1)
        other = data.contexts[number].sentences[0]
        if number != asked.context and other not in others:
            others.append(other)
    at = generator.randint(0, len(others))
    sentences = (*others[:at], own.sentences[0], *others[at:])
    spans = tuple((at, start, end) for _, start, end in asked.answers)
    right = tuple(number == at and bool(spans) for number in range(len(sentences)))
    return Labelled(Passage(sentences), spans, bool(spans), right)


def _without(labelled: Labelled, answers: set[str]) -> Labelled | None:
    """The passage without the sentences that answer; None when nothing is left, or an answer is repeated there."""
    left = tuple(text for text, right in zip(labelled.passage.sentences, labelled.right, strict=True) if not right)
    if not left or _holds(left, answers):
        return None
    return unanswered(Passage(left, labelled.passage.title))


def _elsewhere(
    data: DataSet, asked: Asked, near: Sequence[int], answers: set[str], generator: random.Random
) -> Labelled | None:
    """A passage of another context that shares words with the question and holds none of its answers."""
    others = [number for number in near if number != asked.context]
    if not others:
        return None
    context = data.contexts[generator.choice(others)]
    terms = set(content_terms(asked.question))
    shared = [len(terms & set(content_terms(sentence))) for sentence in context.sentences]
    anchor = max(range(len(shared)), key=lambda number: shared[number])
    first, last = _crop([len(sentence.split()) for sentence in context.sentences], anchor, generator)
    sentences = context.sentences[first:last]
    return None if _holds(sentences, answers) else unanswered(Passage(sentences, context.title))


def _holds(sentences: Sequence[str], answers: set[str]) -> bool:
    text = " ".join(sentences).lower()
    return any(answer in text for answer in answers)


def neighbours(data: DataSet, *, count: int = 12) -> list[list[int]]:
    """For each question the contexts that share most of its rare words (cosine of tf-idf), its own left out."""
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not data.asked:
        return []
    vectorizer = TfidfVectorizer(analyzer=content_terms, sublinear_tf=True, dtype=np.float32)
    contexts = vectorizer.fit_transform(" ".join(context.sentences) for context in data.contexts)
    questions = vectorizer.transform(asked.question for asked in data.asked)
    found: list[list[int]] = []
    for start in range(0, len(data.asked), 1_000):
        scores = (questions[start : start + 1_000] @ contexts.T).toarray()
        for row, asked in zip(scores, data.asked[start : start + 1_000], strict=True):
            row[asked.context] = 0.0
            top = np.argpartition(-row, min(count, len(row) - 1))[:count]
            found.append([int(number) for number in sorted(top, key=lambda at: -row[at]) if row[number] > 0])
    return found


_OPPOSITES = {
    left: right
    for pair in (
        "first last", "largest smallest", "biggest smallest", "highest lowest", "most least", "more less",
        "before after", "best worst", "oldest youngest", "longest shortest", "early late", "earlier later",
        "increase decrease", "increased decreased", "rise fall", "win lose", "won lost", "start end",
        "started ended", "begin finish", "began finished", "above below", "inside outside", "always never",
        "good bad", "north south", "east west", "northern southern", "eastern western", "male female",
        "men women", "father mother", "son daughter", "brother sister", "husband wife", "old new",
        "cheap expensive", "buy sell", "bought sold", "like dislike", "love hate", "minimum maximum",
        "positive negative", "support oppose", "accept reject", "same different",
    )
    for left, right in (pair.split(), pair.split()[::-1])
}  # fmt: skip
_NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?![\w])")
_NAME = re.compile(r"(?<=[a-z,’'] )[A-Z][\w’'.-]*\w(?: (?:of |the )?[A-Z][\w’'.-]*\w)*")
_DENY = re.compile(r"\b(did|does|do|is|are|was|were|can|could|will|would|should|has|have)\b(?! not)", re.IGNORECASE)


class Twist:
    """Changes a question so that a passage which answered it answers it no longer.

    Args:
        questions: where names to put in the place of others are taken from.
    """

    def __init__(self, questions: Iterable[str]) -> None:
        self._names: list[str] = sorted({name for question in questions for name in _NAME.findall(question)})

    def __call__(self, question: str, generator: random.Random) -> str | None:
        """The changed question; None when nothing in it can be changed."""
        ways: list[Callable[[str, random.Random], str | None]]
        ways = [self._another_name, _another_number, _opposite, _denied]
        # A denial is the weakest of them, and nearly always to be had.
        weights = [generator.random(), generator.random(), generator.random(), generator.random() * 0.5]
        for _, way in sorted(zip(weights, ways, strict=True), key=lambda pair: -pair[0]):
            twisted = way(question, generator)
            if twisted is not None and twisted != question:
                return twisted
        return None

    def _another_name(self, question: str, generator: random.Random) -> str | None:
        found = list(_NAME.finditer(question))
        if not found or len(self._names) < 2:
            return None
        match = generator.choice(found)
        other = generator.choice(self._names)
        if other.lower() in question.lower():
            return None
        return question[: match.start()] + other + question[match.end() :]


def _another_number(question: str, generator: random.Random) -> str | None:
    found = list(_NUMBER.finditer(question))
    if not found:
        return None
    match = generator.choice(found)
    number = int(match.group().replace(",", ""))
    other = abs(number + generator.choice((-1, 1)) * generator.randint(1, max(2, min(number // 2, 40))))
    return None if other == number else f"{question[: match.start()]}{other}{question[match.end() :]}"


def _opposite(question: str, generator: random.Random) -> str | None:
    words = question.split(" ")
    known = [at for at, word in enumerate(words) if word.lower().rstrip("?,.") in _OPPOSITES]
    if not known:
        return None
    at = generator.choice(known)
    bare = words[at].rstrip("?,.")
    words[at] = _OPPOSITES[bare.lower()] + words[at][len(bare) :]
    return " ".join(words)


def _denied(question: str, generator: random.Random) -> str | None:
    match = _DENY.search(question)
    if match is None:
        return None
    if match.group().lower() in {"did", "does", "do"}:
        # "What did he not say": behind the subject is best, and nearly always the next word or two.
        rest = question[match.end() :].split(" ")
        at = 2 if len(rest) > 2 and rest[1].lower() not in {"the", "a", "his", "her", "their"} else 3
        return question[: match.end()] + " ".join([*rest[:at], "not", *rest[at:]]) if len(rest) > at else None
    return f"{question[: match.end()]} {generator.choice(('not', 'never'))}{question[match.end() :]}"
