"""Examples as arrays of a few fixed shapes: on a CPU, bf16 compiles every new shape for seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.reader import lay_out

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rag.reader import Tokens, Window
    from rag.training.examples import Example, Labelled

__all__ = ["LENGTHS", "Batch", "Row", "make_batches", "rows_of"]

LENGTHS = (48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256)
"""Tokens of a row. A batch has as many rows as fit in its tokens."""
_BEGUN = 16
"""Batches of one length that wait for rows that fit."""


@dataclass(frozen=True, slots=True)
class Row:
    """A window with its labels.

    Attributes:
        window: the model's input.
        starts, ends: positions of the first and of the last token of each answer.
        answered: whether there is one; None when that is not known.
        right: for each piece of the window whether its sentence answers; None where that is not known.
        group: equal for the rows of one question.
    """

    window: Window
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    answered: bool | None
    right: tuple[bool | None, ...]
    group: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Arrays for one step; rows that fill it up have no token and no weight.

    Attributes:
        ids, mask, types: the model's input, int64 of shape (rows, tokens).
        starts, ends: 1 at the first and last tokens of answers, at [CLS] where there is none; bool, (rows, tokens).
        open: positions that may be chosen: [CLS] and the sentences' tokens; bool, (rows, tokens).
        answers: whether the starts and ends are known; bool, (rows,).
        sentence: the number, within the batch, of the sentence that a token belongs to, -1 for none; int64,
            (rows, tokens).
        right: for each sentence 1.0, 0.0, or -1.0 where it is not known; float32, (sentences,).
        group: for each sentence the number of its question; int64, (sentences,).
    """

    ids: NDArray[np.int64]
    mask: NDArray[np.int64]
    types: NDArray[np.int64]
    starts: NDArray[np.bool_]
    ends: NDArray[np.bool_]
    open: NDArray[np.bool_]
    answers: NDArray[np.bool_]
    sentence: NDArray[np.int64]
    right: NDArray[np.float32]
    group: NDArray[np.int64]


def rows_of(
    examples: Iterable[Example], tokenize: Callable[[Sequence[str]], list[Tokens]], *, cls: int, sep: int
) -> list[list[Row]]:
    """The rows of each example. Of a passage that needs several windows all are taken."""
    found = []
    for group, example in enumerate(examples):
        rows = []
        (question,) = tokenize([example.question])
        for labelled in example.passages:
            title, *sentences = tokenize([labelled.passage.title, *labelled.passage.sentences])
            windows = lay_out(question, title, sentences, cls=cls, sep=sep, max_tokens=LENGTHS[-1])
            rows += [_row(window, labelled, group) for window in windows]
        if rows:
            found.append(rows)
    return found


def _row(window: Window, labelled: Labelled, group: int) -> Row:
    starts, ends = [], []
    for number, at, tokens in window.pieces:
        for sentence, start, end in labelled.spans:
            if sentence == number:
                inside = [i for i, (left, right) in enumerate(tokens.spans) if left < end and right > start]
                # An answer that is cut off at a piece's end is not in this window.
                if inside and tokens.spans[inside[0]][0] <= start and tokens.spans[inside[-1]][1] >= end:
                    starts.append(at + inside[0])
                    ends.append(at + inside[-1])
    answered = labelled.answered and bool(starts) if labelled.answered is not None else None
    right = tuple(labelled.right[number] for number, _, _ in window.pieces)
    return Row(window, tuple(starts), tuple(ends), answered, right, group)


def make_batches(examples: Sequence[Sequence[Row]], tokens: int, generator: random.Random) -> list[list[Row]]:
    """Rows put together by length, those of one question in one batch where they fit, all in random order.

    Args:
        examples: the rows of each question.
        tokens: of a batch, its padding included.
        generator: decides on the order.
    """
    by_length: dict[int, list[Sequence[Row]]] = {}
    for rows in examples:
        by_length.setdefault(_length(rows), []).append(rows)
    batches: list[list[Row]] = []
    for length, units in sorted(by_length.items()):
        generator.shuffle(units)
        batches += _packed(units, max(1, tokens // length))
    generator.shuffle(batches)
    return batches


def _packed(units: Sequence[Sequence[Row]], room: int) -> list[list[Row]]:
    """Each unit in the first of a few open batches that has room for it.

    One that has more rows than half a batch, for which there is no room, fills up another, and goes on in the next.
    """
    done: list[list[Row]] = []
    begun: list[list[Row]] = []
    for unit in units:
        rest = list(unit)
        batch = next((each for each in begun if len(each) + len(rest) <= room), None)
        while batch is None and len(rest) > room // 2 and (begun or len(rest) > room):
            fullest = max(begun, key=len, default=[])
            begun = [each for each in begun if each is not fullest]
            free = room - len(fullest)
            done.append(fullest + rest[:free])
            rest = rest[free:]
            batch = next((each for each in begun if len(each) + len(rest) <= room), None)
        if not rest:
            continue
        if batch is None:
            batch = []
            begun.append(batch)
        batch += rest
        if len(batch) == room or len(begun) > _BEGUN:
            fullest = batch if len(batch) == room else max(begun, key=len)
            begun = [each for each in begun if each is not fullest]
            done.append(fullest)
    return done + [batch for batch in begun if batch]


def _length(rows: Sequence[Row]) -> int:
    """The least of `LENGTHS` that holds the longest row."""
    longest = max(len(row.window.ids) for row in rows)
    return next(each for each in LENGTHS if longest <= each)


def to_arrays(rows: Sequence[Row], tokens: int) -> Batch:
    """The arrays of a batch, filled up to its fixed shape."""
    import numpy as np

    length = _length(rows)
    shape = (max(len(rows), tokens // length), length)
    ids, mask, types = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    starts, ends, allowed = (np.zeros(shape, dtype=np.bool_) for _ in range(3))
    answers = np.zeros(shape[0], dtype=np.bool_)
    sentence = np.full(shape, -1, dtype=np.int64)
    right: list[float] = []
    group: list[int] = []
    mask[:, 0] = 1  # a row without any token would make the attention divide by nothing
    allowed[:, 0] = True
    for number, row in enumerate(rows):
        size = len(row.window.ids)
        ids[number, :size] = row.window.ids
        mask[number, :size] = 1
        types[number, row.window.context : size] = 1
        if row.answered is not None:
            answers[number] = True
            starts[number, list(row.starts) if row.answered else 0] = True
            ends[number, list(row.ends) if row.answered else 0] = True
        for (_, at, piece), label in zip(row.window.pieces, row.right, strict=True):
            sentence[number, at : at + len(piece)] = len(right)
            allowed[number, at : at + len(piece)] = True
            right.append(-1.0 if label is None else float(label))
            group.append(row.group)
    return Batch(
        ids,
        mask,
        types,
        starts,
        ends,
        allowed,
        answers,
        sentence,
        np.array(right, dtype=np.float32),
        np.array(group, dtype=np.int64),
    )
