"""How a model does on the rows that it is not trained on: while it is trained, and when it is exported.

Needs numpy and torch, and nothing else that has to be installed.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.evaluation.metrics import auroc

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from rag.training.packed_rows import Batch, PackedRows

__all__ = ["INPUTS", "Figures", "figures", "module_scores", "session_scores"]

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
"""Of a reader's graph."""

_TOKENS = 16_384
_LONGEST = 30
"""Tokens of an answer at most, as `rag.reader.MAX_ANSWER_TOKENS`."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was found.

    Attributes:
        f1: of the tokens of the best span, the mean over the rows that are answered, in percent; None when none is.
        auroc: of the best span's score less that of no answer, for rows that are answered against those that are not;
            None without both.
        rows: how many were read.
    """

    f1: float | None
    auroc: float | None
    rows: int

    def __str__(self) -> str:
        f1 = "-" if self.f1 is None else f"{self.f1:.2f}"
        auroc = "-" if self.auroc is None else f"{self.auroc:.3f}"
        return f"F1 {f1}, AUROC {auroc} ({self.rows:,} rows)"


def figures(rows: PackedRows, scores: Callable[[Batch], torch.Tensor]) -> Figures:
    """Read all rows.

    Args:
        rows: of which it is known whether they are answered; others do not count.
        scores: the model: of a batch each token's scores, float32 of shape (rows, tokens, 3).
    """
    shares: list[float] = []
    margins: list[float] = []
    answered: list[bool] = []
    for cut in rows.cuts(_TOKENS):
        batch = rows.batch(cut)
        spans, own = _best_spans(scores(batch), batch)
        starts, ends = batch.starts.cpu().numpy(), batch.ends.cpu().numpy()
        labels = batch.answered.tolist()
        for number, (label, (first, last), margin) in enumerate(zip(labels, spans, own, strict=True)):
            if label < 0:
                continue
            margins.append(margin)
            answered.append(label == 1)
            if label == 1:
                shares.append(_span_f1(first, last, np.flatnonzero(starts[number]), np.flatnonzero(ends[number])))
    f1 = 100 * float(np.mean(shares)) if shares else None
    return Figures(f1, auroc(margins, answered), len(margins))


def _best_spans(scores: torch.Tensor, batch: Batch) -> tuple[list[tuple[int, int]], list[float]]:
    """Each row's best span within a sentence, and how far its score lies above that of no answer."""
    import torch

    tokens = scores.shape[1]
    square = torch.ones(tokens, tokens, dtype=torch.bool, device=scores.device)
    spans = square.triu() & ~square.triu(_LONGEST)
    sentences = batch.sentences
    inside = (sentences[:, :, None] == sentences[:, None, :]) & (sentences[:, :, None] >= 0)
    sums = scores[:, :, None, 0] + scores[:, None, :, 1]
    best, at = sums.masked_fill(~(spans[None] & inside), -1e9).flatten(1).max(dim=1)
    margins = best - scores[:, 0, 0] - scores[:, 0, 1]
    return [divmod(place, tokens) for place in at.tolist()], margins.tolist()


def _span_f1(first: int, last: int, starts: Any, ends: Any) -> float:
    """The F1 of a span's tokens with the answer that it has most in common with.

    >>> _span_f1(2, 3, np.array([3, 9]), np.array([3, 9]))
    0.6666666666666666
    """
    best = 0.0
    for start in starts:
        behind = ends[ends >= start]
        if len(behind):
            end = int(behind[0])
            common = min(last, end) - max(first, int(start)) + 1
            best = max(best, 2 * common / (last - first + end - int(start) + 2))
    return best


def module_scores(model: Any, device: str) -> Callable[[Batch], torch.Tensor]:
    """A module of `rag.training.encoders` as `figures` asks it: in bf16, as it is trained."""
    import torch

    def scores(batch: Batch) -> torch.Tensor:
        with torch.inference_mode(), torch.autocast(device, dtype=torch.bfloat16):
            found: torch.Tensor = model(batch.ids.long(), batch.lengths, batch.contexts)
        return found.float()

    return scores


def session_scores(session: Any) -> Callable[[Batch], torch.Tensor]:
    """A graph as `figures` asks it: each row alone, as the product reads, since int8 scales a batch by its largest."""
    import torch

    from index.encoder import available_cores

    def scores(batch: Batch) -> torch.Tensor:
        found = np.zeros((*batch.ids.shape, 3), dtype=np.float32)

        def read(row: int) -> None:
            length, context = int(batch.lengths[row]), int(batch.contexts[row])
            ids = batch.ids[row : row + 1, :length].long().numpy()
            types = np.zeros_like(ids)
            types[0, context:] = 1
            outputs = session.run(None, dict(zip(INPUTS, (ids, np.ones_like(ids), types), strict=True)))
            found[row, :length] = np.stack([output[0] for output in outputs], axis=-1)

        with ThreadPoolExecutor(available_cores()) as pool:
            list(pool.map(read, range(len(found))))
        return torch.from_numpy(found)

    return scores
