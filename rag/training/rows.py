"""Examples as windows with labels: what the model is to say of each of its tokens and sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.reader import lay_out
from rag.training.packed_rows import LENGTHS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rag.reader import Tokens, Window
    from rag.training.examples import Example, Labelled

__all__ = ["Row", "rows_of"]


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
