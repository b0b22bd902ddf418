"""The training itself: steps over batches, a state to go on from, and figures on the way.

What a step sees depends on the seed and the step's number alone. On a CPU it runs in bf16 with a few fixed shapes, on a
GPU where there is one.
"""

from __future__ import annotations

import json
import logging
import random
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from index.encoder import available_cores
from index.errors import TrainingError, first_line
from rag.training.batches import make_batches, rows_of, to_arrays
from rag.training.data import read_data_set
from rag.training.examples import examples_of, neighbours, ranked_examples
from rag.training.retrieved import retrieved_examples

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rag.training.batches import Row
    from rag.training.data import DataSet
    from rag.training.examples import Example
    from rag.training.retrieved import Retrieved

__all__ = ["Plan", "Sources", "read_sources", "train"]

_log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.pt"
CHECKPOINT_EVERY = 240.0
"""Seconds between two states that are written."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of a training; a state can be gone on with under the same settings only.

    Attributes:
        epochs: how often all is seen; a fraction is allowed.
        rate: the greatest learning rate; it rises over the first 6% of the steps and falls to nothing.
        tokens: of a step, padding included.
        seed: of everything that is drawn.
        shares: by the beginning of a data set's name, how many of its questions are drawn in an epoch; others whole.
        held_out: by the beginning of a data set's name, the share of its documents that is kept for measuring.
        repeat: how often in an epoch the questions asked of the index are seen.
        made: how many questions are made of the index's own articles; those of no use are left out.
        share: of a training that began with another's weights, what its own count in the mean of both that is the
            result. What two trainings of one model agree on is better than either (Wortsman et al., "Robust fine-tuning
            of zero-shot models", 2022).
    """

    epochs: float = 1.7
    rate: float = 1.5e-4
    tokens: int = 3072
    seed: int = 1
    shares: dict[str, int] = field(default_factory=lambda: {"qamr": 7_000, "qasrl": 1_000, "qanom": 2_000})
    held_out: dict[str, float] = field(default_factory=lambda: {"squadshifts_new_wiki": 0.12})
    repeat: int = 3
    made: int = 9_000
    share: float = 0.75

    def held_out_of(self, name: str) -> float:
        """The share of a data set's documents that is kept for measuring."""
        return next((share for beginning, share in self.held_out.items() if name.startswith(beginning)), 0.0)


@dataclass(slots=True)
class Sources:
    """What is learnt from: data sets with the neighbours of their questions, and questions asked of an index.

    Attributes:
        sets: the data sets, and for each question of one the contexts that look as if they might answer it.
        retrieved: questions asked of an index.
        made: questions made of its articles.
        held_out: for each data set of which a part is kept for measuring, that part.
    """

    sets: list[tuple[DataSet, list[list[int]]]] = field(default_factory=list)
    retrieved: list[Retrieved] = field(default_factory=list)
    made: list[Retrieved] = field(default_factory=list)
    held_out: list[DataSet] = field(default_factory=list)


def read_sources(
    paths: Sequence[Path], plan: Plan, retrieved: Sequence[Retrieved] = (), made: Sequence[Retrieved] = ()
) -> Sources:
    """Read data sets, and find for each question passages that look as if they might answer it.

    Args:
        paths: the files.
        plan: says what is held out.
        retrieved: questions asked of an index.
        made: questions made of its articles.

    Raises:
        TrainingError: when a file cannot be read.
    """
    sources = Sources(retrieved=list(retrieved), made=list(made))
    for path in paths:
        data = read_data_set(path)
        for reason in data.skipped[:5]:
            _log.warning("skipped: %s", reason)
        if len(data.skipped) > 5:
            _log.warning("skipped: %d more in %s", len(data.skipped) - 5, path.name)
        share = plan.held_out_of(data.name)
        if share:
            data, held_out = data.split(share)
            sources.held_out.append(held_out)
        alone = all(len(context.sentences) == 1 for context in data.contexts)
        sources.sets.append((data, [[]] * len(data.asked) if alone else neighbours(data)))
    return sources


def epoch_rows(sources: Sources, plan: Plan, epoch: int, tokenizer: Any) -> list[list[Row]]:
    """The rows of an epoch's questions; the same for the same seed."""
    generator = random.Random(f"{plan.seed}:{epoch}")  # noqa: S311 - a reproducible draw, nothing secret
    examples: list[Example] = []
    for data, near in sources.sets:
        share = next((count for name, count in plan.shares.items() if data.name.startswith(name)), None)
        examples += examples_of(data, near, generator, questions=share)
        examples += ranked_examples(data.ranked, generator)
    for _ in range(plan.repeat):
        examples += retrieved_examples(sources.retrieved, generator)
    examples += retrieved_examples(sources.made, generator, right=2, wrong=5)
    return rows_of(examples, tokenizer, cls=tokenizer.special("[CLS]"), sep=tokenizer.special("[SEP]"))


def train(
    sources: Sources,
    encoder: Path,
    out: Path,
    *,
    plan: Plan,
    after: Path | None = None,
    evaluate: Callable[[Any], dict[str, float]] | None = None,
    say: Callable[[str], None] = _log.info,
) -> Any:
    """Train a reader, going on where an earlier run was interrupted.

    Args:
        sources: what to learn from.
        encoder: the folder of the encoder whose weights are the beginning.
        out: a folder for the state; made when it is not there.
        plan: the settings.
        after: the folder of a finished training whose weights are the beginning, rather than the encoder's.
        evaluate: called with the model four times in a training, for figures to show.
        say: takes lines about how it goes.

    Returns:
        The trained module (`rag.training.model.build`), on the CPU; behind another training the mean of both.

    Raises:
        TrainingError: when there is nothing to learn from, `encoder` holds no encoder that can be trained, or `out` the
            state of a training with other settings.
    """
    import torch

    from rag.reader_models import Tokenizer
    from rag.training.model import build

    torch.manual_seed(plan.seed)
    torch.set_num_threads(available_cores())
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = Tokenizer.load(encoder / "tokenizer.json")
    model = build(encoder).to(device)
    decayed = [each for each in model.parameters() if each.ndim > 1]
    plain = [each for each in model.parameters() if each.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}], lr=plan.rate, fused=True
    )
    batches, epoch = _batches(sources, plan, 0, tokenizer), 0
    if not batches:
        raise TrainingError(
            "there is nothing to train on; expected data sets with questions, see `citewell train --help`"
        )
    steps = max(1, round(len(batches) * plan.epochs))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    out.mkdir(parents=True, exist_ok=True)
    step = _restore(out / CHECKPOINT, plan, model, optimizer, schedule, say)
    if after is not None and step == 0:
        model.load_state_dict(_weights(after / CHECKPOINT, model))
        say(f"beginning with the weights in {after}")
    say(f"{len(batches):,} steps an epoch, {steps:,} in all, {step:,} done, on {device}")
    first = 0
    begun = saved = time.monotonic()
    done_before = step
    running: dict[str, float] = {}
    model.train()
    while step < steps:
        while step >= first + len(batches):
            first += len(batches)
            epoch += 1
            batches = _batches(sources, plan, epoch, tokenizer)
        parts = _step(model, batches[step - first], plan, device)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        for name, value in parts.items():
            running[name] = 0.98 * running.get(name, value) + 0.02 * value
        if step % 50 == 0:
            left = (time.monotonic() - begun) / (step - done_before) * (steps - step)
            shown = ", ".join(f"{name} {value:.3f}" for name, value in running.items())
            say(f"step {step:,} of {steps:,}: {shown}; {left / 60:.0f} min left")
        if evaluate is not None and step < steps and step % max(1, steps // 4) == 0:
            model.eval()
            figures = evaluate(model)
            model.train()
            say(f"step {step:,}: " + ", ".join(f"{name} {value:.3f}" for name, value in figures.items()))
        if time.monotonic() - saved > CHECKPOINT_EVERY:
            _save(out / CHECKPOINT, plan, step, model, optimizer, schedule)
            saved = time.monotonic()
    _save(out / CHECKPOINT, plan, step, model, optimizer, schedule)
    model = model.eval().to("cpu")
    if after is not None:
        _average(model, after / CHECKPOINT, plan.share)
    return model


def _batches(sources: Sources, plan: Plan, epoch: int, tokenizer: Any) -> list[list[Row]]:
    rows = epoch_rows(sources, plan, epoch, tokenizer)
    return make_batches(rows, plan.tokens, random.Random(f"{plan.seed}:{epoch}:order"))  # noqa: S311


def _step(model: Any, rows: Sequence[Row], plan: Plan, device: str) -> dict[str, float]:
    """One forward and backward pass; the losses."""
    import torch

    from rag.training.model import SENTENCE_WEIGHT, losses

    batch = to_arrays(rows, plan.tokens)
    ids, mask, types = (torch.from_numpy(each).to(device) for each in (batch.ids, batch.mask, batch.types))
    with torch.autocast(device, dtype=torch.bfloat16):
        scores = model(ids, mask, types)
    parts = losses(scores.float(), batch)
    loss = parts["span"] + SENTENCE_WEIGHT * (parts["sentence"] + parts["list"])
    if loss.requires_grad:
        loss.backward()  # type: ignore[no-untyped-call]
    return {name: float(value.detach()) for name, value in parts.items()}


def _rate(step: int, steps: int) -> float:
    """The share of the greatest learning rate: up in a straight line over the first 6% of the steps, then down.

    >>> _rate(0, 100), _rate(6, 100), _rate(100, 100)
    (0.14285714285714285, 1.0, 0.0)
    """
    rising = max(1, round(steps * 0.06))
    return (step + 1) / (rising + 1) if step < rising else max(0.0, (steps - step) / max(1, steps - rising))


def _save(path: Path, plan: Plan, step: int, model: Any, optimizer: Any, schedule: Any) -> None:
    """Write the state in one step, so that an interruption leaves the one before."""
    import torch

    state = {
        "plan": json.dumps(asdict(plan), sort_keys=True),
        "step": step,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
    }
    beside = path.with_suffix(".part")
    torch.save(state, beside)
    beside.replace(path)


def _weights(path: Path, model: Any) -> dict[str, Any]:
    """The weights that another training of the same model ended with.

    Raises:
        TrainingError: when they are not there, or belong to a model of another shape.
    """
    import torch

    try:
        weights: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)["model"]
        shapes = {name: value.shape for name, value in weights.items()}
        if shapes != {name: value.shape for name, value in model.state_dict().items()}:
            raise ValueError("they are of another shape")
    except Exception as error:
        raise TrainingError(
            f"{path} holds no weights to begin with ({first_line(error)}); expected the state that a training from the "
            "same encoder left"
        ) from error
    return weights


def _average(model: Any, path: Path, share: float) -> None:
    """Put a model's weights between those of the training that it began with and its own."""
    earlier = _weights(path, model)
    own = model.state_dict()
    model.load_state_dict(
        {
            name: earlier[name] + share * (value - earlier[name]) if value.is_floating_point() else value
            for name, value in own.items()
        }
    )


def _restore(path: Path, plan: Plan, model: Any, optimizer: Any, schedule: Any, say: Callable[[str], None]) -> int:
    """Take up the state that is there, if any; the number of steps done.

    Raises:
        TrainingError: when it cannot be read, or belongs to other settings.
    """
    import torch

    if not path.exists():
        return 0
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        wanted = json.dumps(asdict(plan), sort_keys=True)
        if state["plan"] != wanted:
            raise TrainingError(
                f"{path} is the state of a training with other settings ({state['plan']}), not {wanted}; name another "
                "folder, or remove that file"
            )
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
    except TrainingError:
        raise
    except Exception as error:
        raise TrainingError(
            f"{path} cannot be read ({type(error).__name__}); remove it to train from the beginning"
        ) from error
    say(f"going on from step {state['step']:,}")
    return int(state["step"])
