"""A sentence-transformers model exported once to ONNX int8.

Dynamic quantisation, weights per output channel. The export is compared with the model it was made from before it is
kept: where int8 loses too much, it is the fp32 graph.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from index.errors import EncoderError, first_line
from index.model_cache import made_from
from index.quantised import open_session
from index.runtime import load_onnxruntime, load_sentence_transformer, quiet_exporter

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Export", "exported"]

_VERSION = 2
_MIN_COSINE = 0.97
"""The least cosine between a probe text's exported and original vectors. Measured for the default encoder on 1,500
passages of news: mean .993, least .980."""
_PROBES = (
    "what did Putin demand?",
    "NATO Secretary General Mark Rutte speaks during a press conference in Warsaw, Poland, on March 26, 2025.",
    "Shares fell 3.5% on Friday after the company said it would cut 1,200 jobs, about a tenth of its workforce.",
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Export:
    """An exported model.

    Attributes:
        model: the ONNX file's bytes, checked against the hash that was noted when it was made.
        fingerprint: of the weights that it was made from (`weights_fingerprint`).
        dimension: numbers per vector.
        precision: "int8" or "fp32".
    """

    model: bytes
    fingerprint: str
    dimension: int
    precision: str


def exported(folder: Path, *, cache: Path | None = None) -> Export:
    """The export of a model folder, from the cache or made now (about five seconds) and kept there.

    Raises:
        EncoderError: when the folder is no model that can be exported.
    """
    return made_from(folder, f"export {_VERSION}", make=lambda into: _make(folder, into), read=_read, cache=cache)


def _read(folder: Path) -> Export:
    facts = json.loads((folder / "export.json").read_text("utf-8"))
    model = (folder / "model.onnx").read_bytes()
    if hashlib.sha256(model).hexdigest() != facts["sha256"]:
        raise ValueError(f"{folder / 'model.onnx'} is damaged")
    return Export(model, str(facts["fingerprint"]), int(facts["dimension"]), str(facts["precision"]))


def _make(folder: Path, into: Path) -> None:
    """Write `model.onnx` and `export.json` for the model in `folder`."""
    from index.encoder import weights_fingerprint

    fingerprint = weights_fingerprint(folder)
    try:
        with quiet_exporter():
            probes, vectors = _export_fp32(folder, into / "fp32.onnx")
            precision = _quantise(into / "fp32.onnx", into / "int8.onnx", probes, vectors)
    except EncoderError:
        raise
    except Exception as error:
        raise EncoderError(
            f"the encoder in {folder} cannot be exported ({first_line(error)}); expected a "
            "sentence-transformers model of the BERT family"
        ) from error
    (into / f"{precision}.onnx").rename(into / "model.onnx")
    for leftover in into.glob("*32.onnx*"):
        leftover.unlink()
    (into / "int8.onnx").unlink(missing_ok=True)
    facts = {
        "fingerprint": fingerprint,
        "dimension": int(vectors.shape[1]),
        "precision": precision,
        "sha256": hashlib.sha256((into / "model.onnx").read_bytes()).hexdigest(),
    }
    (into / "export.json").write_text(json.dumps(facts), "utf-8")


def _export_fp32(folder: Path, path: Path) -> tuple[list[Any], Any]:
    """Write the fp32 graph; give the probes' tokens, each of shape (1, tokens), and the original model's vectors."""
    import numpy as np
    import torch

    model = load_sentence_transformer()(str(folder), device="cpu", local_files_only=True).eval()

    class Graph(torch.nn.Module):
        def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
            # Without a mask: each text is run alone, and what masks nothing costs a twelfth of the time.
            features = model({"input_ids": input_ids})
            return torch.nn.functional.normalize(features["sentence_embedding"], dim=-1)

    graph = Graph()
    graph.model = model
    probes = [model.tokenizer([text], return_tensors="pt")["input_ids"] for text in _PROBES]
    with torch.no_grad():
        vectors = np.vstack([graph(probe).numpy() for probe in probes])
        torch.onnx.export(
            graph,
            (probes[0],),
            str(path),
            input_names=["input_ids"],
            output_names=["vectors"],
            dynamic_axes={"input_ids": {0: "batch", 1: "tokens"}, "vectors": {0: "batch"}},
            opset_version=17,
            dynamo=False,  # the other exporter takes three times as long here and needs another package
        )
    return [probe.numpy() for probe in probes], vectors


def _quantise(source: Path, target: Path, probes: list[Any], vectors: Any) -> str:
    """Write the int8 graph and say which precision to keep: int8 unless it strays too far from `vectors`."""
    import numpy as np

    load_onnxruntime()
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(source, target, weight_type=QuantType.QInt8, per_channel=True)
    session = open_session(target.read_bytes())
    found = np.vstack([session.run(None, {"input_ids": probe})[0] for probe in probes])
    cosine = float((found * vectors).sum(axis=1).min())
    if cosine >= _MIN_COSINE:
        return "int8"
    _log.warning("int8 strays too far (cosine %.3f); the encoder runs in fp32", cosine)
    return "fp32"
