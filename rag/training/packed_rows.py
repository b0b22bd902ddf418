"""Windows with labels: as flat arrays in files, and as padded tensors on the device that trains.

What `citewell train prepare` writes and `citewell train run` reads. A file is an xz-compressed npz of these arrays; the
rows of a question stand together:

| name | of each | |
| --- | --- | --- |
| `ids` | token | its number in the vocabulary |
| `lengths`, `contexts` | row | its tokens, and where the title and the sentences begin |
| `groups` | row | the number of its question |
| `answered` | row | 1, 0, or -1 where that is not known |
| `span_rows`, `span_starts`, `span_ends` | answer | its row, and the positions of its first and last token |
| `piece_rows`, `piece_starts`, `piece_lengths` | sentence in a row | its row, position and tokens |
| `piece_right` | sentence in a row | 1, 0, or -1 where that is not known |

Needs numpy and, for tensors, torch; nothing else that has to be installed.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import os
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from index.errors import TrainingError, first_line
from rag.model_files import sha256_of
from rag.reader import lay_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    import torch
    from numpy.typing import NDArray

    from rag.reader import Tokens, Window
    from rag.training.examples import Example, Labelled

    Arrays = dict[str, NDArray[Any]]
    Cut = tuple[int, NDArray[np.int64]]

__all__ = [
    "LENGTHS",
    "Batch",
    "PackedRows",
    "Row",
    "pack",
    "pieces_of",
    "read_piece",
    "rows_of",
    "sha256_of",
    "write_piece",
    "write_whole",
]

LENGTHS = (48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256)
"""Tokens of a row, padding included: few shapes, since bf16 on a CPU compiles every new one for seconds."""
MOST_BYTES = 60_000_000
"""Of a piece."""
_PER_ROW = 16
_UNKNOWN = -1
_NO_SENTENCE = -2
_TYPES = {
    "ids": np.uint16,
    "lengths": np.uint16,
    "contexts": np.uint16,
    "groups": np.int32,
    "answered": np.int8,
    "span_rows": np.int32,
    "span_starts": np.uint8,
    "span_ends": np.uint8,
    "piece_rows": np.int32,
    "piece_starts": np.uint8,
    "piece_lengths": np.uint8,
    "piece_right": np.int8,
}


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


def pack(questions: Sequence[Sequence[Row]]) -> Arrays:
    """The rows of questions as flat arrays; see this module."""
    found: dict[str, list[Any]] = {name: [] for name in _TYPES}
    number = 0
    for group, rows in enumerate(questions):
        for row in rows:
            found["ids"].append(np.array(row.window.ids, dtype=np.uint16))
            found["lengths"].append(len(row.window.ids))
            found["contexts"].append(row.window.context)
            found["groups"].append(group)
            found["answered"].append(_label(row.answered))
            for start, end in zip(row.starts, row.ends, strict=True):
                found["span_rows"].append(number)
                found["span_starts"].append(start)
                found["span_ends"].append(end)
            for (_, at, piece), right in zip(row.window.pieces, row.right, strict=True):
                found["piece_rows"].append(number)
                found["piece_starts"].append(at)
                found["piece_lengths"].append(len(piece))
                found["piece_right"].append(_label(right))
            number += 1
    tokens = np.concatenate(found.pop("ids")) if number else np.empty(0, dtype=np.uint16)
    return {"ids": tokens, **{name: np.array(values, dtype=_TYPES[name]) for name, values in found.items()}}


def _label(value: bool | None) -> int:
    return _UNKNOWN if value is None else int(value)


def pieces_of(questions: Sequence[Sequence[Row]], *, most: int = MOST_BYTES) -> Iterator[list[Sequence[Row]]]:
    """The questions in runs that, packed, are files of `most` bytes or less even if nothing could be compressed."""
    run: list[Sequence[Row]] = []
    size = 0
    for rows in questions:
        # Two bytes a token, and what is known of the row, its answers and its sentences.
        own = sum(2 * len(row.window.ids) + _PER_ROW + 6 * len(row.starts) + 7 * len(row.window.pieces) for row in rows)
        if run and size + own > most - 10_000:
            yield run
            run, size = [], 0
        run.append(rows)
        size += own
    if run:
        yield run


def write_piece(arrays: Arrays, path: Path) -> str:
    """Write arrays to a file in one step; its SHA-256."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    content = lzma.compress(buffer.getvalue(), preset=3)
    write_whole(path, content)
    return hashlib.sha256(content).hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that an interruption leaves what was there before, or nothing, and never a part."""
    beside = path.with_name(f"{path.name}.part")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def read_piece(path: Path, sha256: str) -> Arrays:
    """The arrays of a file.

    Raises:
        TrainingError: when it is not there, or not what was written.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TrainingError(
            f"{path} cannot be read ({first_line(error)}); expected all that `citewell train prepare` wrote"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise TrainingError(
            f"{path} is damaged: its SHA-256 begins with {found[:12]}, not {sha256[:12]}; copy the folder again, or "
            "run `citewell train prepare`"
        )
    with np.load(io.BytesIO(lzma.decompress(content)), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in _TYPES}


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors for one step.

    Attributes:
        ids: numbers in the vocabulary, 0 behind a row's end; int32, (rows, tokens).
        lengths, contexts: tokens in use, and where the title and the sentences begin; int64, (rows,).
        sentences: the number, within the row, of the sentence that a token belongs to, -1 for none; int16,
            (rows, tokens).
        starts, ends: where the answers' first and last tokens are, [CLS] where there is none; bool, (rows, tokens).
        answered: 1, 0, or -1 where it is not known; int8, (rows,).
        right: for each sentence of a row 1, 0, -1 where it is not known, -2 where there is no such sentence; int8,
            (rows, sentences of the longest row).
        groups: the number of each row's question, those of one question together; int64, (rows,).
    """

    ids: torch.Tensor
    lengths: torch.Tensor
    contexts: torch.Tensor
    sentences: torch.Tensor
    starts: torch.Tensor
    ends: torch.Tensor
    answered: torch.Tensor
    right: torch.Tensor
    groups: torch.Tensor


class PackedRows:
    """All rows of a file as padded tensors on a device, those of one length together.

    Args:
        arrays: see this module.
        device: "cpu" or "cuda".

    Attributes:
        count: rows.
        questions: that they belong to.
        tokens: padding included.
        highest: the greatest number of a token.
    """

    def __init__(self, arrays: Arrays, device: str = "cpu") -> None:
        import torch

        self.device = device
        self.count = len(arrays["lengths"])
        groups = arrays["groups"].astype(np.int64)
        self.questions = int(groups.max()) + 1 if self.count else 0
        self.highest = int(arrays["ids"].max(initial=0))
        self._by_length: dict[int, Batch] = {}
        self._groups: dict[int, NDArray[np.int64]] = {}
        if not self.count:
            self.tokens = 0
            return
        lengths = arrays["lengths"].astype(np.int64)
        begins = np.cumsum(lengths) - lengths
        flat = _FlatLabels(arrays, begins)
        longest = np.zeros(self.questions, dtype=np.int64)
        np.maximum.at(longest, groups, lengths)  # the rows of a question stay together
        place = np.searchsorted(np.array(LENGTHS), longest[groups])
        for number in np.unique(place):
            rows, length = np.flatnonzero(place == number), LENGTHS[number]
            inside = np.arange(length)[None] < lengths[rows, None]
            at = np.where(inside, begins[rows, None] + np.arange(length)[None], 0)
            values: dict[str, NDArray[Any]] = {
                "ids": np.where(inside, arrays["ids"].astype(np.int32)[at], 0),
                "lengths": lengths[rows],
                "contexts": arrays["contexts"][rows].astype(np.int64),
                "sentences": np.where(inside, flat.sentences[at], np.int16(-1)),
                "starts": inside & flat.starts[at],
                "ends": inside & flat.ends[at],
                "answered": arrays["answered"][rows],
                "right": flat.right[rows],
                "groups": groups[rows],
            }
            tensors = {name: torch.from_numpy(np.ascontiguousarray(each)).to(device) for name, each in values.items()}
            self._by_length[length] = Batch(**tensors)
            self._groups[length] = groups[rows]
        self.tokens = sum(batch.ids.numel() for batch in self._by_length.values())

    def cuts(self, tokens: int, generator: np.random.Generator | None = None) -> list[Cut]:
        """Which rows go together: their length, and their numbers among those of that length.

        Args:
            tokens: of a batch at most, padding included.
            generator: for a random order of the questions and of the batches; what is left of a length that fills some
                is left out then, for another time. Without one all are taken, in order.
        """
        found: list[Cut] = []
        for length, groups in self._groups.items():
            size = max(1, tokens // length)
            order = np.arange(len(groups))
            if generator is not None:
                _, inverse = np.unique(groups, return_inverse=True)
                keys = generator.permutation(int(inverse.max()) + 1)
                order = np.argsort(keys[inverse], kind="stable")
            cuts = [order[start : start + size] for start in range(0, len(order), size)]
            if generator is not None and len(cuts) > 1 and len(cuts[-1]) < size:
                cuts.pop()
            found += [(length, cut) for cut in cuts]
        if generator is not None:
            found = [found[number] for number in generator.permutation(len(found))]
        return found

    def batch(self, cut: Cut) -> Batch:
        """The tensors of a cut."""
        import torch

        length, rows = cut
        whole = self._by_length[length]
        chosen = torch.from_numpy(rows).to(self.device, non_blocking=True)
        return Batch(*(getattr(whole, each.name)[chosen] for each in fields(Batch)))


class _FlatLabels:
    """What is known of each token of all rows in a row, and of each row's sentences.

    Attributes:
        sentences: the number of the token's sentence within its row, -1 for none.
        starts, ends: whether an answer begins or ends with the token.
        right: int8 of shape (rows, most sentences of a row).
    """

    def __init__(self, arrays: Arrays, begins: NDArray[np.int64]) -> None:
        tokens, rows = len(arrays["ids"]), len(begins)
        owners = arrays["piece_rows"].astype(np.int64)
        numbers = np.arange(len(owners))
        opens = np.concatenate([[True], owners[1:] != owners[:-1]])[: len(owners)]
        own = numbers - np.maximum.accumulate(np.where(opens, numbers, 0)) if len(owners) else numbers
        self.right = np.full((rows, int(own.max(initial=0)) + 1), _NO_SENTENCE, dtype=np.int8)
        self.right[owners, own] = arrays["piece_right"]
        sizes = arrays["piece_lengths"].astype(np.int64)
        within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        self.sentences = np.full(tokens, -1, dtype=np.int16)
        self.sentences[np.repeat(begins[owners] + arrays["piece_starts"], sizes) + within] = np.repeat(own, sizes)
        self.starts, self.ends = np.zeros(tokens, dtype=np.bool_), np.zeros(tokens, dtype=np.bool_)
        answered = arrays["answered"]
        sure = answered[arrays["span_rows"]] == 1
        for marks, places in ((self.starts, arrays["span_starts"]), (self.ends, arrays["span_ends"])):
            marks[begins[arrays["span_rows"][sure]] + places[sure]] = True
            marks[begins[answered == 0]] = True
