"""Trains a reader on prepared rows: `citewell train run`.

Where nothing but torch and numpy is installed:

    python -m rag.training.run PREPARED --out FOLDER --base ENCODER [--teacher RUN] [--seconds S | --steps N] ...

A run goes on where it was interrupted, under the same settings only. What a step sees depends on the seed and the
step's number alone. When it is done, its folder holds:

- `model.pt`: the state of the model, a plain dictionary of tensors (`rag.training.encoders` says which), to be read
  with `torch.load(path, weights_only=True)`;
- `run.json`: its settings, the model's measures, what it learnt from, the figures on the held-out rows, and the SHA-256
  of `model.pt`; it is there only when the run is done;
- `run.log`: what it said on the way;
- `held-out.npz.xz` and `tokenizer.json`, as they were prepared, so that the folder is all that an export needs.
"""

from __future__ import annotations

import argparse
import collections
import json
import logging
import os
import platform
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from index.errors import CitewellError, TrainingError, first_line
from rag.training.encoders import KINDS, Shape, fewer_layers, load_state, read_encoder
from rag.training.held_out import figures, module_scores
from rag.training.losses import LABELS_BESIDE_A_TEACHER, hard_losses, parts_of, soft_losses
from rag.training.packed_rows import PackedRows, read_piece, sha256_of, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rag.training.encoders import Encoder
    from rag.training.packed_rows import Arrays, Batch, Cut

__all__ = ["HELD_OUT_FILE", "PLAN_FILE", "Prepared", "Settings", "finished", "main", "read_model", "read_plan", "run"]

_log = logging.getLogger(__name__)

PLAN_FILE = "plan.json"
HELD_OUT_FILE = "held-out.npz.xz"
MODEL_FILE = "model.pt"
FACTS_FILE = "run.json"
LOG_FILE = "run.log"
CHECKPOINT = "checkpoint.pt"
CHECKPOINT_EVERY = 240.0
"""Seconds between two states that are written."""
_RATES = {"bert": 1.5e-4, "mpnet": 6e-5}
_RATE_WITH_A_TEACHER = 2.5e-4
_TOKENS = {"cuda": 24_576, "cpu": 3_072}
_RISING = 0.05
_AHEAD = 6
"""Batches that are cut before they are needed."""
_MARKS = (0.25, 0.5, 0.75)
"""Where in a run the held-out rows are read."""
_LINES = 20
"""Lines about the losses, evenly spread over a run."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Of a run. What is None is chosen when it begins.

    Attributes:
        base: the folder of the encoder to begin with, or of a finished run.
        kind: "bert" or "mpnet", where the base is to be of that kind.
        layers: fewer than the base has; all when None.
        teacher: the folder of a finished run, whose scores are learnt beside the labels.
        seconds: how long to train; the learning rate follows the clock.
        steps: how many steps; without either, until all rows were seen once.
        rate: the greatest learning rate; it rises over the first 5% and falls to nothing.
        tokens: of a step, padding included.
        dropout: the share of each layer's output that is left out.
        seed: of all that is drawn.
    """

    base: Path
    kind: str | None = None
    layers: int | None = None
    teacher: Path | None = None
    seconds: float | None = None
    steps: int | None = None
    rate: float | None = None
    tokens: int | None = None
    dropout: float = 0.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `citewell train prepare` left.

    Attributes:
        folder: where it lies.
        plan: the content of its `plan.json`.
    """

    folder: Path
    plan: dict[str, Any]

    @property
    def data(self) -> dict[str, int]:
        """The questions learnt from, by data set."""
        return dict(self.plan["data"])

    def pieces(self) -> Iterator[Arrays]:
        """The rows to learn from.

        Raises:
            TrainingError: when a piece is missing or damaged.
        """
        for piece in self.plan["pieces"]:
            yield read_piece(self.folder / piece["file"], piece["sha256"])

    def held_out(self) -> Arrays:
        """The rows to measure on.

        Raises:
            TrainingError: when they are missing or damaged.
        """
        return read_piece(self.folder / HELD_OUT_FILE, self.plan["held_out"]["sha256"])


def read_plan(folder: Path) -> Prepared:
    """What was prepared in a folder.

    Raises:
        TrainingError: when nothing was, or not all of it.
    """
    path = folder / PLAN_FILE
    try:
        plan = json.loads(path.read_text("utf-8"))
        named = [(piece["file"], piece["sha256"]) for piece in plan["pieces"]]
        plan["held_out"]["sha256"], plan["data"], plan["questions"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise TrainingError(
            f"{path} cannot be read ({type(error).__name__}: {first_line(error)}); expected a folder that "
            "`citewell train prepare` finished"
        ) from error
    if not named:
        raise TrainingError(f"{path} names no rows to learn from; run `citewell train prepare` with data sets")
    return Prepared(folder, plan)


def run(prepared: Path, out: Path, settings: Settings, *, say: Callable[[str], None] = _log.info) -> Path:
    """Train a reader, going on where an earlier run was interrupted.

    Args:
        prepared: the folder of what was prepared.
        out: a folder for the run; made when it is not there.
        settings: see `Settings`.
        say: takes lines about how it goes; they are in the run's log as well.

    Returns:
        The file with the model's state.

    Raises:
        TrainingError: when what was prepared, the base, the teacher or the state is missing, damaged or of no use, or
            `out` holds a run with other settings.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    rows = read_plan(prepared)
    torch.manual_seed(settings.seed)  # the head that is put on an encoder is drawn
    base = _read_base(settings)
    teacher = read_model(settings.teacher) if settings.teacher is not None else None
    own = _resolved(settings, base, rows, device)
    if (done := finished(out)) is not None:
        _same_settings(out / FACTS_FILE, done["settings"], own)
        say(f"{out} holds this run, finished: nothing is left to do")
        return out / MODEL_FILE
    state = _read_checkpoint(out / CHECKPOINT, own)
    out.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", HELD_OUT_FILE):
        shutil.copyfile(rows.folder / name, out / name)
    with (out / LOG_FILE).open("a", encoding="utf-8") as log:

        def tell(line: str) -> None:
            log.write(f"{line}\n")
            log.flush()
            say(line)

        if device == "cpu":
            tell("no GPU is there: training on the CPU")
        trainer = _Trainer(rows, base, teacher, own, device, tell)
        if state is not None:
            trainer.restore(state)
        del state
        found = trainer.train(out / CHECKPOINT)
    _save(out / MODEL_FILE, {name: values.float().cpu() for name, values in trainer.model.state_dict().items()})
    facts = {
        "settings": own,
        "shape": trainer.model.shape.to_dict(),
        "steps": trainer.step,
        "seconds": trainer.seconds,
        "tokens": trainer.seen,
        "machine": _machine(device),
        "data": rows.data,
        "held_out": rows.plan["held_out"]["data"],
        "held_out_sha256": rows.plan["held_out"]["sha256"],
        "figures": found,
        "sha256": sha256_of(out / MODEL_FILE),
    }
    write_whole(out / FACTS_FILE, (json.dumps(facts, indent=1) + "\n").encode())
    (out / CHECKPOINT).unlink(missing_ok=True)
    return out / MODEL_FILE


def finished(folder: Path) -> dict[str, Any] | None:
    """What is known of the finished run in a folder; None when there is none.

    Raises:
        TrainingError: when what is there cannot be read.
    """
    path = folder / FACTS_FILE
    if not path.exists():
        return None
    try:
        facts: dict[str, Any] = json.loads(path.read_text("utf-8"))
        facts["settings"], facts["sha256"], facts["shape"], facts["held_out_sha256"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise TrainingError(f"{path} is damaged ({type(error).__name__}); remove the folder to train again") from error
    return facts


def read_model(folder: Path) -> Encoder:
    """The model of a finished run, for reading.

    Raises:
        TrainingError: when there is none, or it is damaged.
    """
    facts = finished(folder)
    path = folder / MODEL_FILE
    if facts is None:
        raise TrainingError(
            f"{folder} holds no finished run; expected the folder of `citewell train run`, with run.json"
        )
    if not path.exists() or sha256_of(path) != facts["sha256"]:
        raise TrainingError(f"{path} is missing or damaged; copy the folder again, or run `citewell train run`")
    return load_state(torch.load(path, map_location="cpu", weights_only=True), Shape(**facts["shape"]))


def _read_base(settings: Settings) -> Encoder:
    """What is begun with."""
    model = read_model(settings.base) if (settings.base / FACTS_FILE).exists() else read_encoder(settings.base)
    if settings.kind is not None and model.shape.kind != settings.kind:
        raise TrainingError(f"{settings.base} is of the kind {model.shape.kind}, not {settings.kind}")
    return model if settings.layers is None else fewer_layers(model, settings.layers)


def _resolved(settings: Settings, base: Encoder, rows: Prepared, device: str) -> dict[str, Any]:
    """The settings as they are kept, with what was left open chosen; a state is gone on with under the same only."""
    taught = settings.teacher is not None and base.shape.kind == "bert"
    rate = _RATE_WITH_A_TEACHER if taught else _RATES[base.shape.kind]
    values: dict[str, Any] = {
        **asdict(settings),
        "kind": base.shape.kind,
        "layers": base.shape.layers,
        "rate": rate if settings.rate is None else settings.rate,
        "tokens": settings.tokens or _TOKENS[device],
        "rows": sha256_of(rows.folder / PLAN_FILE),
    }
    for name, folder in (("base", settings.base), ("teacher", settings.teacher)):
        values[name] = None if folder is None else {"name": folder.resolve().name, "sha256": _weights_sha256(folder)}
    return values


def _weights_sha256(folder: Path) -> str:
    names = (MODEL_FILE, "model.safetensors", "pytorch_model.bin")
    return next((sha256_of(folder / name) for name in names if (folder / name).exists()), "")


def _same_settings(path: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Refuse to go on with another run's state.

    Raises:
        TrainingError: when a setting differs; it names them.
    """
    others = [
        f"{name} {found.get(name)!r} and not {wanted.get(name)!r}"
        for name in {**wanted, **found}
        if found.get(name) != wanted.get(name)
    ]
    if others:
        raise TrainingError(
            f"{path} is of a run with other settings ({'; '.join(others)}); name another folder, or remove that one"
        )


def _read_checkpoint(path: Path, wanted: dict[str, Any]) -> dict[str, Any] | None:
    """The state that an interrupted run left; None when there is none.

    Raises:
        TrainingError: when it cannot be read, or belongs to other settings.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        found = json.loads(state["settings"])
    except Exception as error:
        raise TrainingError(
            f"{path} cannot be read ({type(error).__name__}); remove it to train from the beginning"
        ) from error
    _same_settings(path, found, wanted)
    return state


def _save(path: Path, content: dict[str, Any]) -> None:
    """Write tensors in one step, so that an interruption leaves what was there before."""
    beside = path.with_name(f"{path.name}.part")
    with beside.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


class _Trainer:
    """A run while it goes on.

    Attributes:
        model: what is trained.
        step, seen, seconds: steps, tokens, and time of training (without the reading of held-out rows) until now.
    """

    def __init__(
        self,
        prepared: Prepared,
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
        self._pieces = [PackedRows(arrays, device) for arrays in prepared.pieces()]
        self._held_out = PackedRows(prepared.held_out(), device)
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
        _save(
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


def _machine(device: str) -> str:
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{platform.machine()}, {torch.get_num_threads()} threads"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rag.training.run", description="Train a reader on prepared rows.")
    parser.add_argument("prepared", type=Path, help="the folder of `citewell train prepare`")
    parser.add_argument("--out", type=Path, required=True, help="a folder for the run")
    parser.add_argument("--base", type=Path, required=True, help="the folder of an encoder, or of a finished run")
    parser.add_argument("--kind", choices=KINDS, help="what the base is to be")
    parser.add_argument("--layers", type=int, help="fewer than the base has")
    parser.add_argument("--teacher", type=Path, help="the folder of a finished run")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--seconds", type=float, help="how long to train")
    length.add_argument("--steps", type=int, help="how many steps")
    parser.add_argument("--rate", type=float, help="the greatest learning rate")
    parser.add_argument("--tokens", type=int, help="of a step")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the command line says; its exit code."""
    given = vars(_parser().parse_args(arguments))
    prepared, out = given.pop("prepared"), given.pop("out")
    try:
        run(prepared, out, Settings(**given), say=lambda line: print(line, file=sys.stderr, flush=True))
    except CitewellError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
