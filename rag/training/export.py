"""A trained reader as ONNX, in fp32 and in int8: `citewell train export`.

Plain int8 of such a model loses 5 F1 and more: a few channels of what goes into a matrix product are fifty times the
others, and one step for all of them leaves nothing of the rest. So each input channel is divided by a factor of its
own, and the weights are multiplied by it: the product stays the same, and both sides can be rounded. The factor of a
channel is the greatest input seen there, to the power of alpha, by the greatest weight, to the power of 1 - alpha.

Source: Xiao et al., "SmoothQuant" (2023).
"""

from __future__ import annotations

import copy
import logging
import random
import shutil
import tempfile
from dataclasses import asdict
from itertools import accumulate, chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index.errors import TrainingError
from index.quantised import open_session
from index.runtime import load_onnxruntime, quiet_exporter
from rag.model_files import write_checksums
from rag.training.held_out import INPUTS, figures, session_scores
from rag.training.packed_rows import PackedRows, read_piece

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import torch

    from rag.training.held_out import Figures
    from rag.training.packed_rows import Arrays

__all__ = [
    "ALPHA",
    "MOST_LOST",
    "WINDOWS",
    "export_reader",
    "export_run",
    "smoothed",
    "write_graphs",
]

_log = logging.getLogger(__name__)

ALPHA = 0.8
WINDOWS = 96
"""Windows that the greatest inputs are taken from."""
MOST_LOST = 0.7
"""F1, in percent, that int8 may lose."""
LARGEST = 95_000_000
"""Bytes of a file."""
_TOKENIZER = "tokenizer.json"
_MODEL = "model.onnx"
_EMBEDDINGS = "embeddings.bin"
_OUTPUTS = ("start", "end", "relevance")
_SMALLEST_PIECE = 4_096
"""Bytes from which on a table is worth being put into a second file."""


def export_reader(
    model: torch.nn.Module,
    out: Path,
    *,
    tokenizer: Path,
    held_out: Arrays,
    alpha: float = ALPHA,
    windows: int = WINDOWS,
    most_lost: float = MOST_LOST,
    largest: int = LARGEST,
    check: Sequence[Path] = (),
    facts: Mapping[str, Any] | None = None,
    say: Callable[[str], None] = _log.info,
) -> dict[str, Any]:
    """Write a reader's folder, and measure what int8 costs.

    In `out`: `model.onnx` (int8), for a large model with its word embeddings in `embeddings.bin` beside it,
    `tokenizer.json`, the card `README.md`, `checksums.json`, and in `fp32/` the same before it was made small. The
    folder comes into being when all of it is written and int8 has been found good.

    Args:
        model: a `rag.training.encoders.Encoder` on the CPU; it stays as it is.
        out: a folder that is not there, or empty.
        tokenizer: the `tokenizer.json` that the windows were made with.
        held_out: rows that the model did not learn from (`rag.training.packed_rows`).
        alpha: how much of the difference between channels goes into the weights, in [0, 1]; 0.65 to 0.8 is good.
        windows: how many of the rows the greatest inputs are taken from.
        most_lost: F1, in percent, that int8 may lose on the held-out rows, and on each file in SQuAD format.
        largest: bytes of a file at most.
        check: more files to measure on, in SQuAD format, or TREC QA and WikiQA.
        facts: of the training, for the card (`rag.training.card.card`).
        say: takes lines about how it goes.

    Returns:
        The figures: by "int8" and "fp32", by what was measured on, by the name of the figure.

    Raises:
        TrainingError: when `out` is in use, there is nothing to measure on, or int8 loses too much; nothing is left.
    """
    from rag.training.card import write_card

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise TrainingError(f"{out} is not empty; name another folder for the reader, or remove it")
    rows = PackedRows(held_out)
    if not rows.count or not (held_out["answered"] == 1).any():
        raise TrainingError(
            "there are no held-out rows with an answer to measure on; expected those that `citewell train prepare` "
            "keeps of its data sets"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as temporary:
        made = Path(temporary) / "reader"
        say(f"smoothing with alpha {alpha:g}, by {min(windows, rows.count)} windows")
        write_graphs(smoothed(model, held_out, alpha=alpha, windows=windows), made, largest=largest)
        for folder in (made, made / "fp32"):
            shutil.copyfile(tokenizer, folder / "tokenizer.json")
        found: dict[str, Any] = {}
        for name, folder in (("fp32", made / "fp32"), ("int8", made)):
            found[name] = _measured(folder, rows, check)
            for measured, values in found[name].items():
                shown = ", ".join(f"{figure} {value:.3f}" for figure, value in values.items() if value is not None)
                say(f"{name}, {measured}: {shown}")
        _refuse_loss(found, most_lost)
        write_card(made, {**(facts or {}), "alpha": alpha, "windows": windows, "figures": found})
        for folder in (made / "fp32", made):
            names = sorted(path.name for path in folder.iterdir() if path.suffix in {".onnx", ".bin"})
            write_checksums(folder, (*names, _TOKENIZER))
        if out.exists():
            out.rmdir()
        made.rename(out)
    return found


def export_run(
    source: Path,
    out: Path,
    *,
    prepared: Path | None = None,
    alpha: float = ALPHA,
    most_lost: float = MOST_LOST,
    check: Sequence[Path] = (),
    say: Callable[[str], None] = _log.info,
) -> dict[str, Any]:
    """Write the reader's folder of a finished run, or of a model's state alone.

    Args:
        source: the folder of a finished run (`rag.training.run`), or a file that `torch.load` reads as a state by the
            names in `rag.training.encoders`, of an encoder with 12 heads.
        out: see `export_reader`.
        prepared: the folder of `citewell train prepare` whose held-out rows and tokenizer are meant; those of the run
            when None. A state alone has none.
        alpha: see `export_reader`.
        most_lost: see `export_reader`.
        check: see `export_reader`.
        say: see `export_reader`.

    Returns:
        The figures; see `export_reader`.

    Raises:
        TrainingError: when the source is missing, damaged or not finished, or as `export_reader`.
    """
    import torch

    from rag.training.encoders import load_state
    from rag.training.run import HELD_OUT_FILE, LOG_FILE, finished, read_model, read_plan

    facts: dict[str, Any] = {}
    if source.is_file():
        if prepared is None:
            raise TrainingError(f"{source} is a model's state alone; name the rows to measure it on with --prepared")
        try:
            state = dict(torch.load(source, map_location="cpu", weights_only=True))
        except Exception as error:
            raise TrainingError(
                f"{source} cannot be read as a model's state ({type(error).__name__}); expected a dictionary of "
                "tensors as `citewell train run` saves it in model.pt"
            ) from error
        model = load_state(state)
        facts["shape"] = model.shape.to_dict()
    else:
        model = read_model(source)
        facts = finished(source) or {}
        facts["log"] = (source / LOG_FILE).read_text("utf-8") if (source / LOG_FILE).exists() else ""
    if prepared is not None:
        folder, held_out = prepared, read_plan(prepared).held_out()
    else:
        folder, held_out = source, read_piece(source / HELD_OUT_FILE, facts["held_out_sha256"])
    tokenizer = folder / "tokenizer.json"
    if not tokenizer.exists():
        raise TrainingError(f"{tokenizer} is not there; copy the folder again")
    options: dict[str, Any] = {"alpha": alpha, "most_lost": most_lost, "check": check, "say": say}
    return export_reader(model, out, tokenizer=tokenizer, held_out=held_out, facts=facts, **options)


def _refuse_loss(found: Mapping[str, Any], most_lost: float) -> None:
    for measured, full in found["fp32"].items():
        small = found["int8"][measured]
        if full.get("f1") is not None and full["f1"] - small["f1"] > most_lost:
            raise TrainingError(
                f"int8 loses {full['f1'] - small['f1']:.2f} F1 on {measured} ({full['f1']:.2f} in fp32, "
                f"{small['f1']:.2f}), more than {most_lost:g}; nothing is left: try another --alpha, from 0.65 to 0.8"
            )


# Smoothing


def smoothed(model: torch.nn.Module, rows: Arrays, *, alpha: float, windows: int) -> torch.nn.Module:
    """A copy of a model whose matrix products have inputs of one size; it gives the same scores, but for rounding.

    Args:
        model: an encoder.
        rows: where windows are taken from, always the same ones.
        alpha: see `export_reader`.
        windows: how many.
    """
    import torch

    model = copy.deepcopy(model).eval()
    # The head is small, and goes on in fp32's company: its inputs are normalised.
    products = {
        name: module for name, module in model.named_modules() if isinstance(module, torch.nn.Linear) and name != "head"
    }
    greatest: dict[str, torch.Tensor] = {}

    def watch(name: str) -> Callable[[Any, tuple[torch.Tensor, ...]], None]:
        def seen(_: Any, inputs: tuple[torch.Tensor, ...]) -> None:
            own = inputs[0].detach().abs().reshape(-1, inputs[0].shape[-1]).amax(dim=0)
            greatest[name] = torch.maximum(greatest[name], own) if name in greatest else own

        return seen

    hooks = [module.register_forward_pre_hook(watch(name)) for name, module in products.items()]
    with torch.inference_mode():
        for ids, context in _windows(rows, windows):
            model(torch.tensor([ids]), torch.tensor([len(ids)]), torch.tensor([context]))
    for hook in hooks:
        hook.remove()
    for name, module in products.items():
        parent, _, own = name.rpartition(".")
        setattr(model.get_submodule(parent), own, _smooth(module, greatest[name].clone(), alpha))
    return model


def _windows(rows: Arrays, number: int) -> list[tuple[list[int], int]]:
    """Some of the rows, as the model reads them alone: their tokens, and where the title and the sentences begin."""
    lengths = rows["lengths"].tolist()
    begins = [0, *accumulate(lengths)]
    generator = random.Random(1)  # noqa: S311 - the same choice every time, nothing secret
    chosen = sorted(generator.sample(range(len(lengths)), min(number, len(lengths))))
    contexts = rows["contexts"].tolist()
    return [(rows["ids"][begins[row] : begins[row + 1]].tolist(), contexts[row]) for row in chosen]


def _smooth(product: torch.nn.Linear, greatest: torch.Tensor, alpha: float) -> torch.nn.Module:
    """A product whose input is divided by a factor a channel, and whose weights are multiplied by it."""
    import torch

    weights = product.weight.detach()
    factors = greatest.clamp(min=1e-3) ** alpha / weights.abs().amax(dim=0).clamp(min=1e-4) ** (1 - alpha)
    factors = factors / factors.log().mean().exp()

    class Smooth(torch.nn.Module):
        inverse: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("inverse", 1 / factors)
            self.product = torch.nn.Linear(product.in_features, product.out_features)
            self.product.weight.data = weights * factors
            self.product.bias.data = product.bias.detach()

        def forward(self, states: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.product(states * self.inverse)
            return found

    return Smooth()


# Graphs


def write_graphs(model: torch.nn.Module, out: Path, *, largest: int = LARGEST) -> None:
    """Write a model as ONNX: int8 as `model.onnx` in a folder, fp32 under the same name in `fp32/` within it.

    int8 is dynamic, with a scale for each output channel of the weights. Of a graph that would be larger than one file
    may be, the word embeddings go into `embeddings.bin` and, when that is not enough (as in fp32), other tables into
    `weights-1.bin` and so on; ONNX Runtime finds them beside it.

    Args:
        model: an encoder on the CPU, smoothed or not.
        out: made when it is not there.
        largest: bytes of a file at most.
    """
    import onnx
    import torch

    load_onnxruntime()
    from onnxruntime.quantization import QuantType, quantize_dynamic

    class Graph(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> tuple[torch.Tensor, ...]:
            lengths = mask.sum(dim=1)
            scores = self.model(ids, lengths, lengths - types.sum(dim=1))
            # A model that does not look at the types would lose them as an input, and a reader asks for all three.
            return scores[:, :, 0], scores[:, :, 1], scores[:, :, 2] + 0.0 * types.sum().float()

    ids = torch.arange(24).reshape(2, 12)
    types = torch.zeros_like(ids)
    types[:, 5:] = 1
    (out / "fp32").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".graphs-", dir=out) as temporary:
        full, small = Path(temporary) / "fp32.onnx", Path(temporary) / "int8.onnx"
        with torch.no_grad(), quiet_exporter():
            torch.onnx.export(
                Graph().eval(),
                (ids, torch.ones_like(ids), types),
                str(full),
                input_names=list(INPUTS),
                output_names=list(_OUTPUTS),
                dynamic_axes={name: {0: "batch", 1: "tokens"} for name in (*INPUTS, *_OUTPUTS)},
                opset_version=17,
                dynamo=False,
            )
            quantize_dynamic(full, small, weight_type=QuantType.QInt8, per_channel=True)
        for source, folder in ((full, out / "fp32"), (small, out)):
            _write_split(onnx.load(source), folder, largest)


def _write_split(graph: Any, folder: Path, largest: int) -> None:
    """Write a graph, with tables in files of their own where it is too large for one."""
    import onnx
    from onnx.external_data_helper import set_external_data

    if graph.ByteSize() > largest:
        tables = sorted(
            (table for table in graph.graph.initializer if len(table.raw_data) >= _SMALLEST_PIECE),
            key=lambda table: (".word.weight" not in table.name, -len(table.raw_data)),
        )
        names = chain([_EMBEDDINGS], (f"weights-{number}.bin" for number in count(1)))
        file, used, left = next(names), 0, graph.ByteSize()
        for table in tables:
            if left <= largest:
                break
            if used and (file == _EMBEDDINGS or used + len(table.raw_data) > largest):
                file, used = next(names), 0
            set_external_data(table, location=file)
            used += len(table.raw_data)
            left -= len(table.raw_data)
    onnx.save_model(graph, str(folder / _MODEL))
    for path in folder.glob("*.bin"):
        path.chmod(0o644)  # the files of tables are made for their writer alone


# Figures


def _measured(folder: Path, rows: PackedRows, check: Sequence[Path]) -> dict[str, dict[str, float | None]]:
    """The figures of a graph on the held-out rows and on files, by what they were measured on."""
    import onnx

    from rag.evaluation.sentences import evaluate_sentences
    from rag.evaluation.squad import evaluate_squad
    from rag.reader_models import OnnxReader, Tokenizer

    session = open_session(onnx.load(folder / _MODEL).SerializeToString())
    own: Figures = figures(rows, session_scores(session))
    found = {"held-out rows": {name: value for name, value in asdict(own).items() if name != "rows"}}
    if check:
        reader = OnnxReader(session, Tokenizer.load(folder / "tokenizer.json"), str(folder))
        for path in check:
            ranked = "trecqa" in path.name or "wikiqa" in path.name
            values = evaluate_sentences(path, reader) if ranked else evaluate_squad(path, reader)
            names = ("map", "mrr") if ranked else ("exact_match", "f1", "answerability_auroc")
            found[path.name] = {name: values[name] for name in names}
    return found
