"""Collections of every size for one set of questions: with an article that answers, and without any.

A confidence that is right over thousands of articles may be wrong over one, where nothing else competes and every
second sentence is about what is asked. So each question is asked of collections of a size twice: once with an article
that is known to answer it, and once without any, among articles that were found for it and others drawn at random.

An article that holds an answer's words and is not known to answer might answer all the same: it is in no collection in
which that question is asked. Only where nothing can be left to chance, in the collection of all articles, it stays.
"""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from index.build import build_index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from index.encoder import Encoder, EncoderIdentity
    from rag.evaluation.questions import EvaluationQuestion

__all__ = [
    "EVERY_SOURCE",
    "ArticleText",
    "Collection",
    "Known",
    "RememberingEncoder",
    "build_collection",
    "draw_collections",
    "look_up",
    "near_articles",
]

EVERY_SOURCE = 1_000
"""From this size on all sources of a question are in the collection, as they would be in a large one; below, one is."""
NEAR = 100
"""Articles that are found for a question, at most."""
_SHARE = 3
"""One in so many articles of a collection answers a question that is asked there: then at least one article was found
for each, and most of them answer nothing."""
_CHOICE = 2
"""So many times the articles that are needed must be there to choose from, for a further question to be let in."""


@dataclass(frozen=True, slots=True)
class ArticleText:
    """An article as it is written down for an index.

    Attributes:
        url: by which questions name it as a source; None when it has none.
        title, text: as the index is to read them.
        published: its date as the source writes it; None when it is not known.
    """

    url: str | None
    title: str
    text: str
    published: str | None = None


@dataclass(frozen=True, slots=True)
class Collection:
    """Articles, and the questions that are asked of them; all numbers count from 0.

    Attributes:
        size: how many articles there are, those left out among them.
        articles: their numbers, ascending.
        asked: the number of each question, and whether an article is known to answer it.
        left_out: numbers of articles that must not be found, though an index may hold them.
    """

    size: int
    articles: tuple[int, ...]
    asked: tuple[tuple[int, bool], ...]
    left_out: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of questions and articles before anything is asked; one entry for each question.

    Attributes:
        sources: the numbers of the articles that are named as its sources, in the question's order.
        answering: of these, the ones whose text holds an answer; all of them where the question has no answer, which
            makes it a trap: its article is about the same things and does not say.
        holding: the numbers of all articles that hold an answer in their text or title.
    """

    sources: tuple[tuple[int, ...], ...]
    answering: tuple[tuple[int, ...], ...]
    holding: tuple[frozenset[int], ...]

    def usable(self, questions: Sequence[EvaluationQuestion]) -> list[int]:
        """The numbers of the questions that can be asked: those that an article answers, or that have no answer."""
        return [number for number, each in enumerate(questions) if self.answering[number] or not each.answers]


@dataclass(frozen=True, slots=True)
class _Unit:
    """Articles that are in a collection together with the questions asked of them.

    Attributes:
        articles: their numbers.
        asked: the numbers of the questions.
        barred: numbers of the articles that must not be there.
    """

    articles: tuple[int, ...]
    asked: tuple[int, ...]
    barred: frozenset[int]


def look_up(questions: Sequence[EvaluationQuestion], articles: Sequence[ArticleText]) -> Known:
    """Which articles are sources of which questions, and which hold their answers.

    An answer is held as `rag.evaluation.questions.is_right` finds it: as whole words, case and punctuation folded.
    """
    from index.analysis import fold

    answers = [[f" {words} " for words in map(fold, each.answers) if words] for each in questions]
    wanted = {word for own in answers for words in own for word in words.split()}
    with_word: dict[str, set[int]] = {word: set() for word in wanted}
    folded, by_url = [], dict[str, list[int]]()
    for number, article in enumerate(articles):
        folded.append((f" {fold(article.title)} ", f" {fold(article.text)} "))
        for word in wanted.intersection(" ".join(folded[-1]).split()):
            with_word[word].add(number)
        if article.url is not None:
            by_url.setdefault(article.url, []).append(number)

    def holding(words: str) -> frozenset[int]:
        each = set.intersection(*(with_word[word] for word in words.split()))
        return frozenset(number for number in each if any(words in part for part in folded[number]))

    held = {words: holding(words) for words in {words for own in answers for words in own}}
    sources = [tuple(number for url in each.sources for number in by_url.get(url, ())) for each in questions]
    return Known(
        tuple(sources),
        tuple(
            tuple(number for number in own if not words or any(each in folded[number][1] for each in words))
            for own, words in zip(sources, answers, strict=True)
        ),
        tuple(frozenset().union(*(held[words] for words in own)) for own in answers),
    )


def near_articles(
    questions: Sequence[EvaluationQuestion],
    articles: Sequence[ArticleText],
    known: Known,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> list[list[int]]:
    """For each question the numbers of the articles that BM25 finds for it and that hold no answer, best first.

    Args:
        questions: what is asked.
        articles: where to look.
        known: of these questions and articles (`look_up`).
        progress: called with the number of questions done and of all.
    """
    from index.store.lexical import LexicalIndex
    from rag.question import read_question

    index = LexicalIndex.build(((number, each.title, each.text) for number, each in enumerate(articles)), None)
    found = []
    for number, question in enumerate(questions):
        terms = read_question(question.question).terms
        barred = known.holding[number].union(known.sources[number])
        hits = index.search(terms, top_k=NEAR + len(barred)) if terms else []
        found.append([hit.passage for hit in hits if hit.passage not in barred][:NEAR])
        if progress is not None:
            progress(number + 1, len(questions))
    return found


def draw_collections(
    questions: Sequence[EvaluationQuestion],
    articles: Sequence[ArticleText],
    size: int,
    *,
    near: Sequence[Sequence[int]],
    seed: int,
    known: Known | None = None,
) -> list[Collection]:
    """Collections of `size` articles in which each question is asked with an article that answers it, and without.

    Questions share collections as far as none of them might be answered by an article that is not known to answer it.
    A third of the articles answer, at most, but for one question's own; of the others about half are near ones, the
    rest drawn at random. Without an answer, a collection of one article is the nearest that does not answer.

    Below `EVERY_SOURCE` one article answers, the first source that holds an answer; from there on all sources of a
    question are in the collection. A size of all articles or more is the collection of all: asked once as it is, and
    with each question's sources left out.

    A question with no answer is asked once: among the articles of its sources where it names any (a trap), else
    without. A question with answers none of which stands in its sources is not asked, and neither is one where too few
    articles hold none of its answers.

    Args:
        questions: what is asked.
        articles: what is drawn from.
        size: how many articles make a collection, at least 1.
        near: for each question numbers of articles that were found for it and do not answer it, best first.
        seed: all draws depend on it and on what else is given alone.
        known: of these questions and articles; looked up when None.

    Raises:
        ValueError: when the size is less than 1, or `near` has not one entry for each question.
    """
    if size < 1:
        raise ValueError(f"the size of a collection must be at least 1, found {size}")
    if len(near) != len(questions):
        raise ValueError(f"near must have an entry for each of the {len(questions)} questions, found {len(near)}")
    known = look_up(questions, articles) if known is None else known
    usable = known.usable(questions)
    present = [number for number in usable if known.answering[number]]
    absent = [number for number in usable if questions[number].answers or not known.answering[number]]
    if size >= len(articles):
        return _of_all(questions, len(articles), known, present=present, absent=absent)
    draw = _Draw(size, len(articles), near)
    sources = {number: known.answering[number][: None if size >= EVERY_SOURCE else 1] for number in present}
    others = {number: known.holding[number].difference(known.sources[number]) for number in present}
    barred = {number: known.holding[number].union(known.sources[number]) for number in absent}
    nearest = {
        number: next(((each,) for each in near[number] if each not in barred[number]), ()) if size == 1 else ()
        for number in absent
    }
    drawn = []
    for name, units, is_known in (
        ("with", _units(sources, others), [bool(each.answers) for each in questions]),
        ("without", _units(nearest, barred), [False] * len(questions)),
    ):
        generator = random.Random(f"{seed} {size} {name}")  # noqa: S311 - a draw that can be repeated, nothing secret
        for inside, asked in draw(units, generator):
            drawn.append(Collection(size, inside, tuple((number, is_known[number]) for number in asked)))
    return drawn


def _of_all(
    questions: Sequence[EvaluationQuestion], total: int, known: Known, *, present: Iterable[int], absent: Iterable[int]
) -> list[Collection]:
    """All articles, and all without the sources of each question."""
    everything = tuple(range(total))
    left_out: dict[tuple[int, ...], list[int]] = {}
    for number in absent:
        left_out.setdefault(tuple(sorted(set(known.sources[number]))), []).append(number)
    asked = tuple((number, bool(questions[number].answers)) for number in present)
    return [
        *([Collection(total, everything, asked)] if asked else []),
        *(
            Collection(total, everything, tuple((number, False) for number in numbers), own)
            for own, numbers in left_out.items()
        ),
    ]


def _units(own: Mapping[int, tuple[int, ...]], barred: Mapping[int, frozenset[int]]) -> list[_Unit]:
    """Questions asked of the same articles, together; those with no article of their own, one by one."""
    shared: dict[tuple[int, ...] | int, list[int]] = {}
    for number, articles in own.items():
        shared.setdefault(articles or number, []).append(number)
    return [
        _Unit(own[numbers[0]], tuple(numbers), frozenset().union(*(barred[number] for number in numbers)))
        for numbers in shared.values()
    ]


@dataclass(frozen=True, slots=True)
class _Draw:
    """Draws collections of `size` out of `total` articles, with the articles `near` each question."""

    size: int
    total: int
    near: Sequence[Sequence[int]]

    def __call__(
        self, units: Iterable[_Unit], generator: random.Random
    ) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """The articles and the questions of each collection, both ascending; a unit that fits nowhere is left out."""
        pending = list(units)
        generator.shuffle(pending)
        drawn: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        while True:
            inside, barred, asked, pending = self._together(pending)
            if not asked:
                return drawn
            drawn.append((self._filled(inside, barred, asked, generator), tuple(sorted(asked))))

    def _together(self, pending: Sequence[_Unit]) -> tuple[set[int], set[int], list[int], list[_Unit]]:
        """What goes into the next collection: its own articles, those barred, its questions, and the units left."""
        most = max(1, self.size // _SHARE)
        inside, barred, asked, rest = set[int](), set[int](), list[int](), list[_Unit]()
        taken = 0
        for place, unit in enumerate(pending):
            if taken == most:
                return inside, barred, asked, [*rest, *pending[place:]]
            own, bar = inside.union(unit.articles), barred.union(unit.barred)
            needed, room = self.size - len(own), self.total - len(own | bar)
            fits = needed >= 0 and own.isdisjoint(bar) and room >= needed
            if fits and taken:
                fits = len(own) <= most and room >= _CHOICE * needed
            if fits:
                inside, barred, taken = own, bar, taken + 1
                asked += unit.asked
            else:
                rest.append(unit)
        return inside, barred, asked, rest

    def _filled(
        self, inside: set[int], barred: set[int], asked: Sequence[int], generator: random.Random
    ) -> tuple[int, ...]:
        """The collection's own articles with near ones, each question's in turn, and with others at random."""
        chosen = set(inside)
        halfway = len(chosen) + (self.size - len(chosen) + 1) // 2
        fit = ([each for each in self.near[number] if each not in barred] for number in asked)
        for each in (each for rank in zip_longest(*fit) for each in rank if each is not None):
            if len(chosen) == halfway:
                break
            chosen.add(each)
        left = [number for number in range(self.total) if number not in barred and number not in chosen]
        return tuple(sorted(chosen.union(generator.sample(left, self.size - len(chosen)))))


class RememberingEncoder:
    """An encoder that embeds each text once: an article that is in many collections costs no more than in one.

    Args:
        encoder: embeds what is not known yet.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._known: dict[bytes, NDArray[np.float32]] = {}

    @property
    def identity(self) -> EncoderIdentity:
        """Whose vectors these are: the encoder's that is remembered."""
        return self._encoder.identity

    def encode(self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> NDArray[np.float32]:
        """Encode texts; see `index.encoder.Encoder.encode`."""
        import numpy as np

        # By their hashes: the texts of a large collection need not be kept twice.
        keys = [hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        if missing:
            vectors = self._encoder.encode(list(missing.values()), progress=progress)
            self._known.update(zip(missing, vectors, strict=True))
        if progress is not None:
            progress(len(texts))
        if not texts:
            return np.zeros((0, self.identity.dimension), dtype=np.float32)
        return np.stack([self._known[key] for key in keys])


def build_collection(
    articles: Iterable[ArticleText],
    folder: Path,
    encoder: Encoder,
    *,
    progress: Callable[[Any], None] | None = None,
) -> Path:
    """Write articles to a folder as JSON Lines and index them there.

    Args:
        articles: at least one.
        folder: an empty one; best in memory, for nothing of it is kept.
        encoder: embeds the passages; best a `RememberingEncoder`.
        progress: as `index.build.build_index` takes it.

    Returns:
        The index folder, below `folder`.

    Raises:
        ArticlesError: when none of the articles holds a sentence.
        StoreError: when the folder cannot be written to.
    """
    written = folder / "articles.jsonl"
    with written.open("w", encoding="utf-8") as file:
        for each in articles:
            fields = {"url": each.url, "title": each.title, "published": each.published, "text": each.text}
            file.write(json.dumps(fields) + "\n")
    build_index([written], folder / "index", encoder=encoder, progress=progress)
    return folder / "index"
