"""The training itself: steps over batches of rows, a state to go on from, and figures on the way.

Needs torch and numpy, and nothing else that has to be installed.
"""

from __future__ import annotations

import collections
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from index.errors import TrainingError
from rag.training.held_out import figures, module_scores
from rag.training.losses import LABELS_BESIDE_A_TEACHER, hard_losses, parts_of, soft_losses
from rag.training.packed_rows import PackedRows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from rag.training.encoders import Encoder
    from rag.training.packed_rows import Arrays, Batch, Cut

__all__ = ["Trainer", "save_tensors"]

CHECKPOINT_EVERY = 240.0
"""Seconds between two states that are written."""
_RISING = 0.05
_AHEAD = 6
"""Batches that are cut before they are needed."""
_MARKS = (0.25, 0.5, 0.75)
"""Where in a run the held-out rows are read."""
_LINES = 20
"""Lines about the losses, evenly spread over a run."""


class Trainer:
    """A run while it goes on.

    Args:
        pieces: the rows to learn from.
        held_out: the rows to measure on.
        base: what is begun with; it is trained itself.
        teacher: whose scores are learnt beside the labels.
        settings: as `rag.training.run` keeps them.
        device: "cpu" or "cuda".
        say: takes lines about how it goes.

    Raises:
        TrainingError: when the rows have tokens that a model does not know.

    Attributes:
        model: what is trained.
        step, seen, seconds: steps, tokens, and time of training (without the reading of held-out rows) until now.
    """

    def __init__(
        self,
        pieces: Iterable[Arrays],
        held_out: Arrays,
        base: Encoder,
        teacher: Encoder | None,
        settings: dict[str, Any],
        device: str,
        say: Callable[[str], None],
    ) -> None:
        if device == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = True
            torch.backends.cuda.enable_cudnn_sdp(enabled=False)  # it would plan anew for each shape
        self.model = base.to(device)
        self.model.dropout = settings["dropout"]
        self._teacher = teacher.to(device).eval() if teacher is not None else None
        self._settings = settings
        self._device = device
        self._say = say
        self._pieces = [PackedRows(arrays, device) for arrays in pieces]
        self._held_out = PackedRows(held_out, device)
        self._check_vocabulary()
        trained = [values for values in self.model.parameters() if values.requires_grad]
        self._optimizer = torch.optim.AdamW(
            [
                {"params": [values for values in trained if values.ndim > 1], "weight_decay": 0.01},
                {"params": [values for values in trained if values.ndim <= 1], "weight_decay": 0.0},
            ],
            lr=settings["rate"],
            betas=(0.9, 0.98),
            fused=True,
        )
        self.step, self.seen, self.seconds = 0, 0, 0.0
        self._running: torch.Tensor | None = None
        once = sum(len(each.cuts(settings["tokens"], np.random.default_rng(0))) for each in self._pieces)
        self._steps = settings["steps"] or (None if settings["seconds"] else max(1, once))
        rows = sum(each.count for each in self._pieces)
        say(
            f"{rows:,} rows in {len(self._pieces)} pieces, {once:,} steps to see each once; "
            f"{_millions(sum(values.numel() for values in self.model.parameters()))} parameters"
        )

    def _check_vocabulary(self) -> None:
        highest = max(each.highest for each in [*self._pieces, self._held_out])
        for model in (self.model, self._teacher):
            if model is not None and highest >= model.shape.vocabulary:
                raise TrainingError(
                    f"the rows have a token of the number {highest:,}, and the model knows {model.shape.vocabulary:,}; "
                    "expected rows that were prepared with the vocabulary of the encoder"
                )

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from the state that an interrupted run left."""
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.step, self.seen, self.seconds = state["step"], state["seen"], state["seconds"]
        self._running = None if state["running"] is None else state["running"].to(self._device)
        self._say(f"going on from step {self.step:,}, {self.seconds:.0f} seconds in")

    def train(self, checkpoint: Path) -> dict[str, Any]:
        """Train to the end; the figures there."""
        self.model.train()
        marks = [mark for mark in _MARKS if mark > self._progress()]
        line = int(self._progress() * _LINES) + 1
        begun = saved = time.monotonic()
        before = self.seconds
        with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
            for batch in _ahead(islice(self._cuts(), self.step, None), pool):
                if self._progress() >= 1:
                    break
                self._one(batch)
                self.seconds = before + time.monotonic() - begun
                progress = self._progress()
                if progress * _LINES >= line or self.step == 1:
                    line = int(progress * _LINES) + 1
                    self._report(progress)
                if marks and progress >= marks[0]:
                    marks.pop(0)
                    paused = time.monotonic()
                    self._measure()
                    begun += time.monotonic() - paused
                if time.monotonic() - saved > CHECKPOINT_EVERY:
                    self._write(checkpoint)
                    saved = time.monotonic()
        return self._measure()

    def _progress(self) -> float:
        """How much of the run is over, from 0 on; 1 or more when it is done."""
        if self._steps is not None:
            return self.step / self._steps
        return float(self.seconds / self._settings["seconds"])

    def _cuts(self) -> Iterator[tuple[PackedRows, Cut]]:
        """The batches without end, each piece's in an order of its own each time."""
        generator = np.random.default_rng(self._settings["seed"])
        while True:
            for number in generator.permutation(len(self._pieces)):
                piece = self._pieces[number]
                for cut in piece.cuts(self._settings["tokens"], generator):
                    yield piece, cut

    def _one(self, batch: Batch) -> None:
        """One step."""
        if self._settings["dropout"]:
            torch.manual_seed(1_000_003 * self._settings["seed"] + self.step)
        done = (self.step + 0.5) / self._steps if self._steps is not None else self._progress()
        for group in self._optimizer.param_groups:
            group["lr"] = self._settings["rate"] * _share_of_rate(done)
        ids = batch.ids.long()
        with torch.autocast(self._device, dtype=torch.bfloat16):
            scores = self.model(ids, batch.lengths, batch.contexts)
        parts = parts_of(scores, batch)
        losses = hard_losses(parts, batch)
        total = losses.total
        shown = [losses.span, losses.sentence, losses.ranking]
        if self._teacher is not None:
            with torch.no_grad(), torch.autocast(self._device, dtype=torch.bfloat16):
                theirs = self._teacher(ids, batch.lengths, batch.contexts)
            soft = soft_losses(parts, parts_of(theirs, batch), batch)
            total = soft.total + LABELS_BESIDE_A_TEACHER * total
            shown += [soft.span, soft.sentence, soft.ranking]
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.seen += ids.numel()
        values = torch.stack([each.detach() for each in shown])
        self._running = values if self._running is None else 0.98 * self._running + 0.02 * values

    def _report(self, progress: float) -> None:
        names = ("span", "sentence", "list", "span of the teacher's", "sentence", "list")
        values = [] if self._running is None else self._running.tolist()
        shown = ", ".join(f"{name} {value:.3f}" for name, value in zip(names, values, strict=False))
        self._say(
            f"{self.seconds:.1f} s, step {self.step:,}, {_millions(self.seen)} tokens, {100 * progress:.0f}%: {shown}"
        )

    def _measure(self) -> dict[str, Any]:
        """The figures on the held-out rows."""
        self.model.eval()
        found = figures(self._held_out, module_scores(self.model, self._device))
        self.model.train()
        self._say(f"{self.seconds:.1f} s, step {self.step:,}, held-out rows: {found}")
        return asdict(found)

    def _write(self, path: Path) -> None:
        save_tensors(
            path,
            {
                "settings": json.dumps(self._settings),
                "step": self.step,
                "seen": self.seen,
                "seconds": self.seconds,
                "running": self._running,
                "model": self.model.state_dict(),
                "optimizer": self._optimizer.state_dict(),
            },
        )


def _ahead(cuts: Iterator[tuple[PackedRows, Cut]], pool: ThreadPoolExecutor) -> Iterator[Batch]:
    """The batches, cut in a thread of their own while the model is busy with the one before."""
    waiting = collections.deque(pool.submit(lambda each: each[0].batch(each[1]), each) for each in islice(cuts, _AHEAD))
    while waiting:
        yield waiting.popleft().result()
        waiting.extend(pool.submit(lambda each: each[0].batch(each[1]), each) for each in islice(cuts, 1))


def _share_of_rate(done: float) -> float:
    """The share of the greatest learning rate: up in a straight line over the first 5% of a run, then down to nothing.

    >>> _share_of_rate(0.0), _share_of_rate(0.025), _share_of_rate(0.05), _share_of_rate(1.0)
    (0.0, 0.5, 1.0, 0.0)
    """
    return done / _RISING if done < _RISING else max(0.0, (1 - done) / (1 - _RISING))


def _millions(count: int) -> str:
    return f"{count / 1e6:.1f}M"


def save_tensors(path: Path, content: dict[str, Any]) -> None:
    """Write tensors in one step, so that an interruption leaves what was there before."""
    beside = path.with_name(f"{path.name}.part")
    with beside.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
