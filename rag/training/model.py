"""The reader as a torch module: an encoder's own layers, with a head of three scores a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from index.errors import TrainingError, first_line
from index.runtime import load_onnxruntime, quiet_exporter

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from rag.training.batches import Batch

__all__ = ["build", "export", "losses"]

SENTENCE_WEIGHT = 0.5
"""What the two losses of the sentences count beside that of the spans."""


def build(folder: Path) -> Any:
    """A reader with the weights of the encoder in a folder, and a fresh head.

    Its `forward(ids, mask, types)` gives the scores of each token as a start, as an end, and its relevance, float32 of
    shape (rows, tokens, 3). Dropout is off: no example is seen often enough to be learnt by heart, and on a CPU it
    costs a quarter of the time.

    Raises:
        TrainingError: when the folder holds no such encoder.
    """
    import torch
    from transformers import AutoModel
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]

    class ReaderModel(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            # On a CPU the plain attention is faster than the fused one at these lengths, by a third of a step.
            self.bert = AutoModel.from_pretrained(
                str(folder), add_pooling_layer=False, attn_implementation="eager", local_files_only=True
            )
            for module in self.bert.modules():
                if isinstance(module, torch.nn.Dropout):
                    module.p = 0.0
            self.head = torch.nn.Linear(self.bert.config.hidden_size, 3)
            torch.nn.init.normal_(self.head.weight, std=0.02)
            torch.nn.init.zeros_(self.head.bias)

        def forward(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
            states = self.bert(input_ids=ids, attention_mask=mask, token_type_ids=types).last_hidden_state
            return self.head(states.float())  # type: ignore[no-any-return]

    try:
        return ReaderModel()
    except Exception as error:
        raise TrainingError(
            f"the encoder in {folder} cannot be trained on ({first_line(error)}); expected the folder of a "
            "sentence-transformers model of the BERT kind, such as all-MiniLM-L6-v2"
        ) from error


def losses(scores: torch.Tensor, batch: Batch) -> dict[str, torch.Tensor]:
    """The losses of a batch.

    - `span`: the negative log of the probability that the chosen first (and last) token is one of an answer's, or
      [CLS] where there is none; the mean of both, over the rows of which it is known.
    - `sentence`: the cross-entropy of each sentence's score, the mean of its tokens' relevance.
    - `list`: the negative log of the share of the right sentences in a softmax over all sentences of their question
      in the batch.
    """
    import torch

    device = scores.device
    known = torch.from_numpy(batch.answers).to(device)
    allowed = torch.from_numpy(batch.open).to(device)
    total = scores.new_zeros(())
    result = {"span": total, "sentence": total, "list": total}
    if bool(known.any()):
        parts = []
        for channel, targets in ((0, batch.starts), (1, batch.ends)):
            logits = scores[:, :, channel].masked_fill(~allowed, -1e4)
            log_probabilities = torch.log_softmax(logits, dim=1)
            chosen = log_probabilities.masked_fill(~torch.from_numpy(targets).to(device), -1e4)
            parts.append(-torch.logsumexp(chosen, dim=1)[known].mean())
        result["span"] = (parts[0] + parts[1]) / 2
    right = torch.from_numpy(batch.right).to(device)
    if len(right):
        own = sentence_scores(scores[:, :, 2], torch.from_numpy(batch.sentence).to(device), len(right))
        labelled = right >= 0
        if bool(labelled.any()):
            result["sentence"] = torch.nn.functional.binary_cross_entropy_with_logits(own[labelled], right[labelled])
        group = torch.from_numpy(batch.group).to(device)
        numbers, places = torch.unique(group[labelled], return_inverse=True)
        scaled = own[labelled].clamp(-80.0, 80.0).exp()  # further out, float32 has no exponent
        everything = scaled.new_zeros(len(numbers)).index_add(0, places, scaled)
        mass = scaled.new_zeros(len(numbers)).index_add(0, places, scaled * (right[labelled] > 0.5))
        several = torch.bincount(places, minlength=len(numbers)) > 1
        useful = (mass > 0) & several
        if bool(useful.any()):
            result["list"] = -(mass[useful] / everything[useful]).log().mean()
    return result


def sentence_scores(relevance: torch.Tensor, sentence: torch.Tensor, count: int) -> torch.Tensor:
    """The mean relevance of each sentence's tokens, shape (count,)."""
    inside = sentence >= 0
    places = sentence[inside]
    sums = relevance.new_zeros(count).index_add(0, places, relevance[inside])
    sizes = relevance.new_zeros(count).index_add(0, places, relevance.new_ones(len(places)))
    return sums / sizes.clamp(min=1)


def export(model: Any, full: Path, small: Path) -> None:
    """Write a model as ONNX: in fp32, and as int8.

    Args:
        model: what `build` made, on the CPU.
        full: the fp32 file.
        small: the int8 file; dynamic, a scale for each channel of the weights.
    """
    import torch

    load_onnxruntime()
    from onnxruntime.quantization import QuantType, quantize_dynamic

    class Graph(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> tuple[torch.Tensor, ...]:
            scores = self.model(ids, mask, types)
            return scores[:, :, 0], scores[:, :, 1], scores[:, :, 2]

    graph = Graph().eval()
    ids = torch.arange(12).reshape(2, 6)
    inputs = (ids, torch.ones_like(ids), torch.zeros_like(ids))
    names = ["input_ids", "attention_mask", "token_type_ids"]
    outputs = ["start", "end", "relevance"]
    with torch.no_grad(), quiet_exporter():
        torch.onnx.export(
            graph,
            inputs,
            str(full),
            input_names=names,
            output_names=outputs,
            dynamic_axes={name: {0: "batch", 1: "tokens"} for name in [*names, *outputs]},
            opset_version=17,
            dynamo=False,
        )
        quantize_dynamic(full, small, weight_type=QuantType.QInt8, per_channel=True)
