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
import json
import logging
import platform
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from index.errors import CitewellError, TrainingError, first_line
from rag.training.encoders import KINDS, Shape, fewer_layers, load_state, read_encoder
from rag.training.packed_rows import read_piece, sha256_of, write_whole
from rag.training.trainer import Trainer, save_tensors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rag.training.encoders import Encoder
    from rag.training.packed_rows import Arrays

__all__ = ["HELD_OUT_FILE", "PLAN_FILE", "Prepared", "Settings", "finished", "main", "read_model", "read_plan", "run"]

_log = logging.getLogger(__name__)

PLAN_FILE = "plan.json"
HELD_OUT_FILE = "held-out.npz.xz"
MODEL_FILE = "model.pt"
FACTS_FILE = "run.json"
LOG_FILE = "run.log"
CHECKPOINT = "checkpoint.pt"
_RATES = {"bert": 1.5e-4, "mpnet": 6e-5}
_RATE_WITH_A_TEACHER = 2.5e-4
_TOKENS = {"cuda": 24_576, "cpu": 3_072}


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
        trainer = Trainer(rows.pieces(), rows.held_out(), base, teacher, own, device, tell)
        if state is not None:
            trainer.restore(state)
        del state
        found = trainer.train(out / CHECKPOINT)
    save_tensors(out / MODEL_FILE, {name: values.float().cpu() for name, values in trainer.model.state_dict().items()})
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
