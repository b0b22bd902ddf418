"""The reader: marks the words of a passage that answer a question, and says how sure it is that any do.

`Reader` is what the pipeline asks for; `rag.reader_models` has the ones there are. What surrounds a model's forward
pass is here, as pure steps: sentences are laid into windows that the model can take (`lay_out`), and the model's scores
for tokens become spans of characters and scores of sentences again (`decode`).

The steps are those of an extractive reader of the SQuAD 2.0 kind: a span's score is the score of its first token as a
start plus that of its last one as an end, and the score of "no answer here" is that of the first token, [CLS].
Source: Devlin et al., "BERT" (2019), section 4.3.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rag.marks import best_spans

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from index.store.base import PassageRecord

    Scores = NDArray[np.float32]

__all__ = [
    "MAX_ANSWER_TOKENS",
    "MAX_TOKENS",
    "NO_READER",
    "Passage",
    "Reader",
    "Reading",
    "SentenceReading",
    "SpanReading",
    "Tokens",
    "Window",
    "as_read",
    "best_span",
    "consensus_span",
    "decode",
    "lay_out",
    "merge",
]

NO_READER = "none"
"""The reader's name when there is none: the encoder alone ranks the sentences."""
MAX_TOKENS = 320
"""Tokens of a window at most, the question included; a retrieved passage has about 150."""
MAX_QUESTION_TOKENS = 96
"""Tokens of the question that are read; more are cut."""
MAX_TITLE_TOKENS = 40
MAX_ANSWER_TOKENS = 30
"""The longest answer, in tokens; as long as is usual for SQuAD."""
_HOPELESS = 8.0
"""A sentence whose best span's score lies so far behind the best one of its window will not be quoted for its words."""
_NEVER = 1e3
"""Taken from the score of a token with which no answer begins; a model's scores are far smaller."""
_OVERLAP_TOKENS = 64
"""What two pieces of a sentence that is too long for a window have in common."""


@dataclass(frozen=True, slots=True)
class Passage:
    """What a reader reads: sentences in order, and the title of their article ("" when unknown).

    Attributes:
        filed: at the beginning of its first sentence, how many characters say where the article was filed ("PARIS");
            they are read, and never an answer.
    """

    sentences: tuple[str, ...]
    title: str = ""
    filed: int = 0


def as_read(record: PassageRecord) -> Passage:
    """A stored passage as a reader reads it: its sentences without what is left out between them."""
    sentences = tuple(sentence.span.of(record.text) for sentence in record.sentences)
    place = record.article.place or ""
    opens = record.before is None and bool(sentences) and sentences[0].startswith(place)
    return Passage(sentences, record.article.title, len(place) if opens else 0)


@dataclass(frozen=True, slots=True)
class SpanReading:
    """A span that may answer.

    Attributes:
        start, end: half-open character range in its sentence.
        score: the model's score of its first and last token together; comparable with `Reading.no_answer`.
    """

    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class SentenceReading:
    """What a reader makes of one sentence.

    Attributes:
        span: its best span; None for a sentence with nothing to read in it.
        margin: the span's score less that of no answer in the same window; above 0 the model would rather answer.
        score: that the sentence answers, a logit; the margin again for a model without a head for sentences.
        others: the next best spans, best first, none of which shares a token with another or with `span`; none where
            the sentence's best span lies far behind that of another sentence.
    """

    span: SpanReading | None
    margin: float
    score: float
    others: tuple[SpanReading, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader makes of one passage.

    Attributes:
        sentences: one for each of the passage's, in order.
        no_answer: the score that the passage holds no answer, in the window that is surest of one.
    """

    sentences: tuple[SentenceReading, ...]
    no_answer: float

    @property
    def best(self) -> int | None:
        """The number of the sentence with the widest margin; None when there is nothing to read."""
        found = [number for number, sentence in enumerate(self.sentences) if sentence.span is not None]
        return max(found, key=lambda number: self.sentences[number].margin, default=None)


class Reader(Protocol):
    """Anything that reads passages for an answer; must be safe to call from several threads."""

    @property
    def name(self) -> str:
        """The model's name or folder, for people."""
        ...

    @property
    def folder(self) -> Path | None:
        """Where its files lie, with a `rag.logistic.SCORING_FILE` that belongs to it or not; None when not known."""
        ...

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """Read passages.

        Args:
            question: what is asked; a very long one is cut (`MAX_QUESTION_TOKENS`).
            passages: any number of any length.

        Returns:
            A reading for each passage, in order. It does not depend on the other passages.
        """
        ...


@dataclass(frozen=True, slots=True)
class Tokens:
    """A tokenised text.

    Attributes:
        ids: the tokens' numbers in the vocabulary.
        spans: for each token its half-open character range in the text.
    """

    ids: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, start: int, end: int) -> Tokens:
        """The tokens from `start` up to `end`."""
        return Tokens(self.ids[start:end], self.spans[start:end])


@dataclass(frozen=True, slots=True)
class Window:
    """One input of the model.

    Attributes:
        ids: `[CLS] question [SEP] title sentences [SEP]`, as numbers in the vocabulary.
        context: where the title and the sentences begin; the tokens before are the question's.
        pieces: for each sentence in it, in order: the number of the sentence, the position of its first token in
            `ids`, and its tokens, or those of them that stand in this window.
    """

    ids: tuple[int, ...]
    context: int
    pieces: tuple[tuple[int, int, Tokens], ...]


def lay_out(
    question: Tokens,
    title: Tokens,
    sentences: Sequence[Tokens],
    *,
    cls: int,
    sep: int,
    max_tokens: int = MAX_TOKENS,
) -> list[Window]:
    """Lay a passage's sentences into as few windows as hold them, each with the question and the title.

    A window after the first begins with the last sentence of the one before, where that leaves room. A sentence that
    no window holds is cut into pieces that overlap by 64 tokens or, in a small window, by a quarter.

    Args:
        question: its tokens; cut to `MAX_QUESTION_TOKENS` and to half a window.
        title: the title's tokens; cut to `MAX_TITLE_TOKENS` and to a quarter of a window.
        sentences: each one's tokens.
        cls: the number of [CLS].
        sep: the number of [SEP].
        max_tokens: tokens of a window at most, at least 16.
    """
    asked = question.ids[: min(MAX_QUESTION_TOKENS, max_tokens // 2 - 2)]
    headed = title.ids[: min(MAX_TITLE_TOKENS, max_tokens // 4)]
    head = (cls, *asked, sep, *headed)
    context = len(asked) + 2
    room = max_tokens - len(head) - 1
    runs: list[list[tuple[int, Tokens]]] = []
    run: list[tuple[int, Tokens]] = []
    for number, tokens in enumerate(sentences):
        for piece in _pieces(tokens, room):
            used = sum(len(each) for _, each in run)
            if run and used + len(piece) > room:
                runs.append(run)
                last = run[-1]
                run = [last] if last[0] != number and len(last[1]) + len(piece) <= room else []
            run.append((number, piece))
    if run:
        runs.append(run)
    windows = []
    for each in runs:
        ids = list(head)
        pieces = []
        for number, piece in each:
            pieces.append((number, len(ids), piece))
            ids += piece.ids
        windows.append(Window((*ids, sep), context, tuple(pieces)))
    return windows


def _pieces(tokens: Tokens, room: int) -> list[Tokens]:
    """The sentence whole or, when it is longer than `room`, in overlapping pieces; none when it has no token."""
    if len(tokens) <= room:
        return [tokens] if len(tokens) else []
    step = room - min(_OVERLAP_TOKENS, room // 4)
    return [tokens.part(start, start + room) for start in range(0, len(tokens) - (room - step), step)]


def decode(
    window: Window,
    start: Scores,
    end: Scores,
    relevance: Scores | None = None,
    *,
    temperature: float = 0.0,
    whole: bool = False,
    filed: int = 0,
) -> dict[int, SentenceReading]:
    """The readings of a window's sentences, from the model's scores of its tokens.

    The best span of a sentence begins and ends in it, in that order, and has at most `MAX_ANSWER_TOKENS` tokens.

    Args:
        window: what the model read.
        start: each token's score as an answer's first one, shape (tokens,).
        end: the same as its last one.
        relevance: each token's share in its sentence's score, the sentence's being their mean; None for a model
            without a head for sentences.
        temperature: 0: the span with the greatest score is marked. Above 0: the one that has most in common with all
            likely ones (`consensus_span`); the margin is that of the greatest score all the same.
        whole: whether a sentence is marked whole, as for a question that yes or no would answer.
        filed: as in `Passage`: no span begins in these characters of the first sentence, unless it is no longer.

    Returns:
        By number of the sentence; of a sentence in two pieces, the better one's.
    """
    no_answer = float(start[0] + end[0])
    if filed:
        start = _without_filed(window, start, filed)
    spans = [best_span(start[at : at + len(piece)], end[at : at + len(piece)]) for _, at, piece in window.pieces]
    widest = max((score for _, _, score in spans), default=0.0)
    found: dict[int, SentenceReading] = {}
    for (number, at, tokens), (first, last, score) in zip(window.pieces, spans, strict=True):
        stop = at + len(tokens)
        others: tuple[SpanReading, ...] = ()
        if whole:
            first, last = 0, len(tokens) - 1
        elif score > widest - _HOPELESS:
            others = _other_spans(tokens, start[at:stop], end[at:stop])
            if temperature > 0:
                first, last = consensus_span(start[at:stop], end[at:stop], temperature=temperature)
        margin = score - no_answer
        own = margin if relevance is None else float(relevance[at:stop].mean())
        span = SpanReading(tokens.spans[first][0], tokens.spans[last][1], score)
        reading = SentenceReading(span, margin, own, others)
        known = found.get(number)
        found[number] = reading if known is None else _better(known, reading)
    return found


def _other_spans(tokens: Tokens, start: Scores, end: Scores) -> tuple[SpanReading, ...]:
    """The best spans of a sentence behind the best one; `start` and `end` are the scores of its tokens."""

    def choose(low: int, high: int) -> tuple[int, int, float]:
        first, last, score = best_span(start[low:high], end[low:high])
        return low + first, low + last, score

    return tuple(
        SpanReading(tokens.spans[first][0], tokens.spans[last][1], score)
        for first, last, score in best_spans(choose, len(tokens))[1:]
    )


def _without_filed(window: Window, start: Scores, filed: int) -> Scores:
    """The scores of first tokens, of those that say where the article was filed so low that they are none."""
    lowered = start.copy()
    for number, at, piece in window.pieces:
        inside = sum(span[0] < filed for span in piece.spans) if number == 0 else 0
        if inside < len(piece):
            lowered[at : at + inside] -= _NEVER
    return lowered


def consensus_span(
    start: Scores, end: Scores, *, temperature: float, longest: int = MAX_ANSWER_TOKENS, likely: int = 40
) -> tuple[int, int]:
    """The first and the last token of the span that is expected to have most tokens in common with the answer.

    Among the `likely` spans with the greatest scores, that of the greatest expected F1 when the answer is one of them,
    as likely as their scores say. Where the model is sure, it is the span with the greatest score; where it wavers
    between a name and the name with a title, it is what they agree on.

    Source: minimum Bayes risk decoding, Kumar and Byrne (2004).

    >>> import numpy as np
    >>> consensus_span(np.array([1.0, 0.9, 0.8, -9.0]), np.array([-9.0, -9.0, -9.0, 1.0]), temperature=1.0)
    (1, 3)
    """
    import numpy as np

    sums = np.where(_allowed(len(start), longest), start[:, None] + end[None, :], -np.inf).ravel()
    count = min(likely, len(sums))
    top = np.argpartition(-sums, count - 1)[:count]
    top = top[sums[top] > -np.inf]
    first, last = np.divmod(top, len(start))
    weights = np.exp((sums[top] - sums[top].max()) / temperature)
    common = np.minimum(last[:, None], last[None, :]) - np.maximum(first[:, None], first[None, :]) + 1
    lengths = last - first + 1
    expected = (2 * np.maximum(common, 0) / (lengths[:, None] + lengths[None, :])) @ weights
    best = int(np.lexsort((-sums[top], -expected))[0])
    return int(first[best]), int(last[best])


def best_span(start: Scores, end: Scores, *, longest: int = MAX_ANSWER_TOKENS) -> tuple[int, int, float]:
    """The first and the last token of the span with the greatest sum of scores, and that sum.

    >>> import numpy as np
    >>> best_span(np.array([0.0, 3.0, 1.0]), np.array([4.0, 0.0, 2.0]))
    (1, 2, 5.0)
    """
    import numpy as np

    sums = np.where(_allowed(len(start), longest), start[:, None] + end[None, :], -np.inf)
    first, last = divmod(int(sums.argmax()), len(start))
    return first, last, float(sums[first, last])


@functools.lru_cache(maxsize=1_024)
def _allowed(count: int, longest: int) -> NDArray[np.bool_]:
    """Which pairs of a first and a last token make a span, shape (count, count)."""
    import numpy as np

    first, last = np.indices((count, count))
    allowed: NDArray[np.bool_] = (first <= last) & (last < first + longest)
    return allowed


def merge(passage: Passage, windows: Sequence[dict[int, SentenceReading]], no_answers: Sequence[float]) -> Reading:
    """One reading of a passage from those of its windows.

    Args:
        passage: what was read.
        windows: for each window what `decode` gave.
        no_answers: for each window the score of no answer.
    """
    best: dict[int, SentenceReading] = {}
    surest, no_answer = float("-inf"), 0.0
    for found, none in zip(windows, no_answers, strict=True):
        for number, reading in found.items():
            known = best.get(number)
            best[number] = reading if known is None else _better(known, reading)
            if reading.margin > surest:
                surest, no_answer = reading.margin, none
    nothing = SentenceReading(None, float("-inf"), float("-inf"))
    return Reading(tuple(best.get(number, nothing) for number in range(len(passage.sentences))), no_answer)


def _better(left: SentenceReading, right: SentenceReading) -> SentenceReading:
    """The span with the wider margin, and the greater score."""
    wider = left if left.margin >= right.margin else right
    return SentenceReading(wider.span, wider.margin, max(left.score, right.score), wider.others)
