"""A fast encoder: the mean of one vector for each token, distilled from a sentence-transformers model.

Each token of the vocabulary is encoded alone, the mean of all tokens is taken off, and frequent tokens weigh less; how
frequent a token is, is told by its place in the vocabulary (Zipf's law), so no text is needed. It runs on model2vec.

Source: Tulkens and van Dongen, "Model2Vec" (2024), without its principal components: their signs differ from machine to
machine, and vectors must compare everywhere. Weights: Arora, Liang and Ma, "A Simple but Tough-to-Beat Baseline for
Sentence Embeddings" (2017), with a = 1e-4.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from index.encoder import FAST_ENCODER, MAX_TOKENS, EncoderIdentity, default_model_folder, weights_fingerprint
from index.errors import EncoderError, first_line
from index.model_cache import made_from
from index.runtime import silence_hub

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["StaticEncoder"]

_VERSION = 1
_SMOOTHING = 1e-4
_BATCH = 1024


class StaticEncoder:
    """The mean of static token vectors; safe to use from several threads.

    Args:
        model: a model of model2vec whose vectors are normalised.
        identity: whose vectors they are.
    """

    def __init__(self, model: Any, identity: EncoderIdentity) -> None:
        self._model = model
        self._identity = identity

    @classmethod
    def load(cls, *, cache: Path | None = None) -> StaticEncoder:
        """The one distilled from the default encoder: from the cache, or made now (half a minute) and kept there.

        Args:
            cache: where it is kept; the user's cache folder when None.

        Raises:
            EncoderError: when the default encoder is not installed, or cannot be distilled.
        """
        silence_hub()
        from tokenizers import Tokenizer

        from index.static_model import WordwiseModel

        folder = default_model_folder()
        table, fingerprint = made_from(
            folder, f"static {_VERSION}", make=lambda into: _distil(folder, into), read=_read, cache=cache
        )
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_truncation()
        model = WordwiseModel(table, tokenizer, normalize=True, max_length=MAX_TOKENS)
        return cls(model, EncoderIdentity(FAST_ENCODER, fingerprint, int(table.shape[1])))

    @property
    def identity(self) -> EncoderIdentity:
        """Whose vectors these are."""
        return self._identity

    def encode(self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> NDArray[np.float32]:
        """Encode texts; see `Encoder.encode`. A text of no known token gets the vector of the token for such."""
        import numpy as np

        vectors = np.zeros((len(texts), self._identity.dimension), dtype=np.float32)
        for start in range(0, len(texts), _BATCH):
            part = list(texts[start : start + _BATCH])
            vectors[start : start + len(part)] = self._model.encode(part, use_multiprocessing=False)
            if progress is not None:
                progress(start + len(part))
        nothing = ~vectors.any(axis=1)
        vectors[nothing] = np.eye(1, vectors.shape[1], dtype=np.float32)
        return vectors


def _distil(folder: Path, into: Path) -> None:
    """Write `vectors.npy`, fp16 of shape (vocabulary, dimension), and `distilled.json`."""
    import numpy as np

    try:
        vectors = _token_vectors(folder)
    except Exception as error:
        raise EncoderError(
            f"the encoder in {folder} cannot be distilled ({first_line(error)}); expected a sentence-transformers "
            "model of the BERT family"
        ) from error
    share = 1 / (np.arange(len(vectors)) + 2.0)
    share /= share.sum()
    weights = _SMOOTHING / (_SMOOTHING + share)
    table = ((vectors - vectors.mean(axis=0)) * weights[:, None]).astype(np.float16)
    np.save(into / "vectors.npy", table)
    facts = {
        "fingerprint": hashlib.sha256(f"static {_VERSION} {weights_fingerprint(folder)}".encode()).hexdigest()[:32],
        "sha256": hashlib.sha256((into / "vectors.npy").read_bytes()).hexdigest(),
    }
    (into / "distilled.json").write_text(json.dumps(facts), "utf-8")


def _token_vectors(folder: Path) -> NDArray[np.float32]:
    """What the model makes of each token between its two special ones: the mean, shape (vocabulary, dimension)."""
    import numpy as np
    import torch
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    model = AutoModel.from_pretrained(str(folder), local_files_only=True).float().eval()
    found = []
    with torch.no_grad():
        for start in range(0, len(tokenizer), _BATCH):
            tokens = torch.arange(start, min(start + _BATCH, len(tokenizer)))
            first, last = (torch.full_like(tokens, each) for each in (tokenizer.cls_token_id, tokenizer.sep_token_id))
            ids = torch.stack([first, tokens, last], dim=1)
            read = model(input_ids=ids, attention_mask=torch.ones_like(ids))
            found.append(read.last_hidden_state.mean(dim=1).numpy())
    return np.concatenate(found)


def _read(folder: Path) -> tuple[NDArray[np.float32], str]:
    """The token vectors and the fingerprint of what they were made from."""
    import numpy as np

    facts = json.loads((folder / "distilled.json").read_text("utf-8"))
    path = folder / "vectors.npy"
    if hashlib.sha256(path.read_bytes()).hexdigest() != facts["sha256"]:
        raise ValueError(f"{path} is damaged")
    return np.load(path).astype(np.float32), str(facts["fingerprint"])
