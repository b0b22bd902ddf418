"""The encoders that a reader can have, in plain torch: the layers of BERT and of MPNet under one set of names.

Needs torch, and nothing else that has to be installed; import it where a model is needed, since torch loads slowly.

The state of a model (`state_dict()`, as `citewell train run` saves it in `model.pt`) is a plain dictionary of tensors:

| name | shape | |
| --- | --- | --- |
| `word.weight` | (vocabulary, width) | in the order of the vocabulary that the windows are numbered by |
| `pos.weight` | (positions, width) | MPNet counts them from 2 |
| `kind.weight` | (2, width) | the question's tokens, and those of what is read; BERT only |
| `rel.weight` | (32, heads) | what each bucket of distances adds to the attention; MPNet only |
| `norm.weight`, `norm.bias` | (width,) | of the embeddings |
| `layers.N.qkv.*` | (3 width, width), (3 width,) | queries, keys and values, in this order |
| `layers.N.o.*` | (width, width), (width,) | what the heads find, put together |
| `layers.N.n1.*`, `layers.N.n2.*` | (width,) | behind the attention, and behind the rest of the layer |
| `layers.N.f1.*`, `layers.N.f2.*` | (inner, width), (width, inner) | and their biases |
| `head.*` | (3, width), (3,) | start, end, relevance |

Sources: Devlin et al., "BERT" (2019); Song et al., "MPNet" (2020), whose relative positions are those of Raffel et al.,
"T5" (2020).
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from index.errors import TrainingError, first_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "KINDS",
    "Encoder",
    "Shape",
    "build",
    "fewer_layers",
    "load_state",
    "read_encoder",
    "read_weights",
    "relative_buckets",
    "shape_of",
]

State = dict[str, torch.Tensor]

KINDS = ("bert", "mpnet")
_BUCKETS = 32
_FURTHEST = 128
"""The distance, in tokens, from which on all are alike to MPNet."""
_LONGEST = 512
"""Tokens of a window at most, for which relative positions are laid out."""
_MASKED = -1e4
_SPECIAL = {0: 1, 101: 0, 102: 2}
"""[PAD], [CLS] and [SEP] by their numbers in BERT's vocabulary, and where MPNet's has them; [MASK] is its last."""
_MASK = 103
_BEHIND = {"f1": "intermediate.dense", "f2": "output.dense", "n2": "output.LayerNorm"}
_NAMES = {
    "bert": {"o": "attention.output.dense", "n1": "attention.output.LayerNorm", **_BEHIND},
    "mpnet": {"o": "attention.attn.o", "n1": "attention.LayerNorm", **_BEHIND},
}
"""What transformers calls the parts of a layer."""
_PRODUCTS = {
    "bert": tuple(f"attention.self.{name}" for name in ("query", "key", "value")),
    "mpnet": tuple(f"attention.attn.{name}" for name in "qkv"),
}
_DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64}


@dataclass(frozen=True, slots=True)
class Shape:
    """The measures of an encoder.

    Attributes:
        kind: "bert" or "mpnet".
        layers: how many.
        width: of a token's state.
        heads: of the attention.
        inner: the width within a layer, behind the attention.
        positions: rows of the table of positions.
        vocabulary: rows of the table of words.
    """

    kind: str = "bert"
    layers: int = 6
    width: int = 384
    heads: int = 12
    inner: int = 1536
    positions: int = 512
    vocabulary: int = 30_522

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it; `Shape(**...)` is the way back."""
        return asdict(self)


def relative_buckets(count: int) -> torch.Tensor:
    """The bucket of each distance: row i, column j that of j - i; int64 of shape (count, count).

    Half of the buckets are for tokens further on. Of each half the first 8 are distances of their own, the others
    grow wider up to 128.

    >>> relative_buckets(3).tolist()
    [[0, 17, 18], [1, 0, 17], [2, 1, 0]]
    """
    places = torch.arange(count)
    back = places[:, None] - places[None, :]
    half = _BUCKETS // 2
    exact = half // 2
    far = back.abs()
    share = torch.log(far.clamp(min=1).float() / exact) / math.log(_FURTHEST / exact)
    wide = (exact + (share * (half - exact)).long()).clamp(max=half - 1)
    return (back < 0).long() * half + torch.where(far < exact, far, wide)


class Layer(nn.Module):
    """One layer: attention, and two products of each token's own state, each with what came in added and normalised."""

    def __init__(self, shape: Shape, epsilon: float) -> None:
        super().__init__()
        self.heads = shape.heads
        self.qkv = nn.Linear(shape.width, 3 * shape.width)
        self.o = nn.Linear(shape.width, shape.width)
        self.n1 = nn.LayerNorm(shape.width, epsilon)
        self.f1 = nn.Linear(shape.width, shape.inner)
        self.f2 = nn.Linear(shape.inner, shape.width)
        self.n2 = nn.LayerNorm(shape.width, epsilon)

    def forward(self, states: torch.Tensor, bias: torch.Tensor, dropout: float) -> torch.Tensor:
        """The next states, of the shape of those that come in: (rows, tokens, width).

        Args:
            states: what comes in.
            bias: what is added to the attention; (rows or 1, heads or 1, tokens, tokens).
            dropout: the share of what is added that is left out while training.
        """
        rows, tokens, width = states.shape
        split = self.qkv(states).view(rows, tokens, 3, self.heads, width // self.heads)
        queries, keys, values = split.permute(2, 0, 3, 1, 4)
        found = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=bias)
        joined = self.o(found.transpose(1, 2).reshape(rows, tokens, width))
        states = self.n1(states + functional.dropout(joined, dropout, self.training))
        inner = self.f2(functional.gelu(self.f1(states)))
        result: torch.Tensor = self.n2(states + functional.dropout(inner, dropout, self.training))
        return result


class Encoder(nn.Module):
    """An encoder with a head of three scores a token.

    Args:
        shape: its measures.

    Attributes:
        shape: the same.
        dropout: while training; 0 unless it is set.
    """

    buckets: torch.Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.dropout = 0.0
        self.relative = shape.kind == "mpnet"
        epsilon = 1e-5 if self.relative else 1e-12
        self.word = nn.Embedding(shape.vocabulary, shape.width)
        self.pos = nn.Embedding(shape.positions, shape.width)
        self.kind = None if self.relative else nn.Embedding(2, shape.width)
        self.norm = nn.LayerNorm(shape.width, epsilon)
        self.layers = nn.ModuleList(Layer(shape, epsilon) for _ in range(shape.layers))
        self.head = nn.Linear(shape.width, 3)
        self.rel = nn.Embedding(_BUCKETS, shape.heads) if self.relative else None
        if self.rel is not None:
            # Its gradient would cost as much as a layer's attention, and it is learnt long since.
            self.rel.weight.requires_grad_(False)
            self.register_buffer("buckets", relative_buckets(_LONGEST), persistent=False)

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor, contexts: torch.Tensor) -> torch.Tensor:
        """The scores of each token as a start, as an end, and its relevance: float32 of shape (rows, tokens, 3).

        Args:
            ids: numbers in the vocabulary, int64 of shape (rows, tokens); what stands behind a row's end is not read.
            lengths: tokens in use, int64 of shape (rows,).
            contexts: where the title and the sentences begin, int64 of shape (rows,).
        """
        rows, tokens = ids.shape
        places = torch.arange(tokens, device=ids.device)
        used = places[None] < lengths[:, None]
        states = self.word(ids) + self.pos(places + (2 if self.relative else 0))[None]
        if self.kind is not None:
            states = states + self.kind(((places[None] >= contexts[:, None]) & used).long())
        states = self.norm(states)
        dtype = torch.bfloat16 if torch.is_autocast_enabled(ids.device.type) else states.dtype
        bias = torch.zeros((rows, 1, 1, tokens), dtype=dtype, device=ids.device)
        bias = bias.masked_fill(~used[:, None, None, :], _MASKED)
        if self.rel is not None:
            distances = self.rel(self.buckets[:tokens, :tokens]).permute(2, 0, 1)[None]
            bias = distances.to(dtype) + bias
        else:
            bias = bias.expand(rows, 1, tokens, tokens)
        states = states.to(dtype)
        for layer in self.layers:
            states = layer(states, bias, self.dropout)
        with torch.autocast(ids.device.type, enabled=False):
            scores: torch.Tensor = self.head(states.float())
        return scores


def build(shape: Shape) -> Encoder:
    """An encoder with random weights from torch's own generator, and a head that says nothing yet."""
    model = Encoder(shape)
    for name, values in model.named_parameters():
        if values.ndim > 1:
            nn.init.normal_(values, std=0.02)
        elif name.endswith("bias"):
            nn.init.zeros_(values)
    return model


def shape_of(state: Mapping[str, torch.Tensor], *, heads: int = 12) -> Shape:
    """The measures that a state has.

    Args:
        state: see this module.
        heads: of the attention of a BERT encoder, which its state does not tell; 12 in all that are common.

    Raises:
        TrainingError: when it is no state of an encoder.
    """
    try:
        layers = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("layers."))
        relative = "rel.weight" in state
        vocabulary, width = state["word.weight"].shape
        return Shape(
            "mpnet" if relative else "bert",
            layers,
            width,
            state["rel.weight"].shape[1] if relative else heads,
            state["layers.0.f1.weight"].shape[0],
            state["pos.weight"].shape[0],
            vocabulary,
        )
    except (KeyError, ValueError, IndexError, AttributeError) as error:
        raise TrainingError(
            f"the weights are no encoder's ({type(error).__name__}: {first_line(error)}); expected tensors by "
            "the names word.weight, pos.weight, layers.0.qkv.weight and so on, as `citewell train run` saves them"
        ) from error


def load_state(state: Mapping[str, torch.Tensor], shape: Shape | None = None) -> Encoder:
    """The encoder that a state belongs to, for reading.

    Args:
        state: see this module.
        shape: its measures; told from the state when None.

    Raises:
        TrainingError: when something is missing, of another size, or no number.
    """
    model = Encoder(shape if shape is not None else shape_of(state))
    try:
        model.load_state_dict({name: values.float() for name, values in state.items()})
    except (RuntimeError, AttributeError) as error:
        lines = [line.strip() for line in str(error).splitlines()[1:]] or [first_line(error)]
        raise TrainingError(f"the weights do not fit the encoder ({lines[0]})") from error
    for name, values in model.state_dict().items():
        if not bool(torch.isfinite(values).all()):
            raise TrainingError(f"the weights are damaged: {name} holds what is no number")
    return model.eval()


def fewer_layers(model: Encoder, layers: int) -> Encoder:
    """A shallower encoder: layers of another one, evenly spread from its first to its last.

    Raises:
        TrainingError: when it has no more than that.
    """
    if not 1 <= layers <= model.shape.layers:
        raise TrainingError(f"the encoder to begin with has {model.shape.layers} layers; expected from 1 to as many")
    kept = [round(number * (model.shape.layers - 1) / max(1, layers - 1)) for number in range(layers)]
    shallow = Encoder(replace(model.shape, layers=layers))
    own = model.state_dict()
    state = {name: values for name, values in own.items() if not name.startswith("layers.")}
    for number, source in enumerate(kept):
        beginning = f"layers.{source}."
        state |= {
            f"layers.{number}.{name.removeprefix(beginning)}": values
            for name, values in own.items()
            if name.startswith(beginning)
        }
    shallow.load_state_dict(state)
    return shallow


# Encoders as others keep them


def read_encoder(folder: Path) -> Encoder:
    """The encoder in a folder of sentence-transformers or transformers, with a head that says nothing yet.

    Args:
        folder: holds `config.json`, of the BERT or the MPNet kind, and `model.safetensors` or `pytorch_model.bin`.

    Raises:
        TrainingError: when it does not, or they are damaged.
    """
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        shape = Shape(
            str(config["model_type"]),
            int(config["num_hidden_layers"]),
            int(config["hidden_size"]),
            int(config["num_attention_heads"]),
            int(config["intermediate_size"]),
            int(config["max_position_embeddings"]),
            int(config["vocab_size"]),
        )
        if shape.kind not in KINDS:
            raise ValueError(f"it is of the kind {shape.kind!r}")
        weights = read_weights(folder)
        # A model with a head of its own has its encoder under the name of its kind.
        weights = {name.removeprefix(f"{shape.kind}."): values for name, values in weights.items()}
        state = _named_as_ours(weights, shape)
        shape = replace(shape, vocabulary=len(state["word.weight"]))
        head = build(shape).state_dict()
        return load_state({**state, **{name: head[name] for name in ("head.weight", "head.bias")}}, shape)
    except Exception as error:
        raise TrainingError(
            f"the encoder in {folder} cannot be trained on ({type(error).__name__}: {first_line(error)}); expected the "
            "whole folder of a sentence-transformers model of the BERT or MPNet kind, such as all-MiniLM-L6-v2 or "
            "all-mpnet-base-v2"
        ) from error


def read_weights(folder: Path) -> State:
    """The tensors in a folder's `model.safetensors` or, without one, its `pytorch_model.bin`.

    Raises:
        OSError: when neither is there.
        ValueError: when the file is damaged.
    """
    path = folder / "model.safetensors"
    if not path.exists():
        weights: State = torch.load(folder / "pytorch_model.bin", map_location="cpu", weights_only=True)
        return weights
    # The format is simple enough to need no package: the length of a table in JSON, the table, and the bytes.
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 + size:
        raise ValueError(f"{path.name} is cut off: it has {len(content):,} bytes")
    table = json.loads(content[8 : 8 + size])
    found: State = {}
    for name, entry in table.items():
        if name == "__metadata__":
            continue
        start, end = (8 + size + at for at in entry["data_offsets"])
        if end > len(content):
            raise ValueError(f"{path.name} is cut off: it has {len(content):,} bytes, and {name} ends at {end:,}")
        if end > start:
            flat = torch.frombuffer(bytearray(content[start:end]), dtype=_DTYPES[entry["dtype"]])
            found[name] = flat.reshape(entry["shape"])
    return found


def _named_as_ours(weights: State, shape: Shape) -> State:
    """The weights of transformers' encoder under our names."""
    words = weights["embeddings.word_embeddings.weight"]
    state = {"pos.weight": weights["embeddings.position_embeddings.weight"], **_layers(weights, shape)}
    if shape.kind == "bert":
        return {**state, "word.weight": words, "kind.weight": weights["embeddings.token_type_embeddings.weight"]}
    # MPNet has the words of BERT's vocabulary four places further on, but for the special ones.
    ordered = words[4:-1].clone()
    for own, other in {**_SPECIAL, _MASK: len(words) - 1}.items():
        if own < len(ordered):
            ordered[own] = words[other]
    return {**state, "word.weight": ordered, "rel.weight": weights["encoder.relative_attention_bias.weight"]}


def _layers(weights: State, shape: Shape) -> State:
    """What both have under names of their own: the norm of the embeddings, and the layers."""
    names, products = _NAMES[shape.kind], _PRODUCTS[shape.kind]
    state: State = {}
    for part in ("weight", "bias"):
        state[f"norm.{part}"] = weights[f"embeddings.LayerNorm.{part}"]
        for number in range(shape.layers):
            theirs, ours = f"encoder.layer.{number}.", f"layers.{number}."
            state[f"{ours}qkv.{part}"] = torch.cat([weights[f"{theirs}{name}.{part}"] for name in products])
            state |= {f"{ours}{own}.{part}": weights[f"{theirs}{other}.{part}"] for own, other in names.items()}
    return state
