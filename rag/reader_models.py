"""The readers there are: the shipped model on ONNX Runtime, and any question-answering model of transformers."""

from __future__ import annotations

import functools
import logging
import re
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files as package_files
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from index.encoder import available_cores
from index.errors import ReaderError, first_line
from index.quantised import open_model
from index.runtime import silence_hub
from rag.cascade import Cascade
from rag.kinds import asks_whether
from rag.model_files import verify
from rag.reader import MAX_TOKENS, NO_READER, Reading, Tokens, Window, decode, lay_out, merge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rag.reader import Passage, Reader, Scores

__all__ = [
    "DEFAULT_READER",
    "SHIPPED",
    "BatchReader",
    "OnnxReader",
    "Tokenizer",
    "TransformersReader",
    "load_reader",
    "shipped_folder",
]

DEFAULT_READER = "auto"
SHIPPED = "quick", "sharp"
"""The readers that ship with citewell: one that reads much, and one of five times the size that reads again."""
_REMEMBERED = 50_000
_BATCH = 16
_TEMPERATURE = 0.3
"""Of the consensus by which the shipped reader's words are marked; chosen on held-out questions of SQuADShifts."""
_MODEL_FILE = "model.onnx"
_NO_MEMORY = re.compile(r"bad_alloc|bad allocation|failed to allocate|cannot allocate|out of memory", re.IGNORECASE)

_log = logging.getLogger(__name__)


class Tokenizer:
    """Tokenises texts one by one, those read lately from memory.

    Args:
        tokenizer: a `tokenizers.Tokenizer` that neither truncates nor pads.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._known: OrderedDict[str, Tokens] = OrderedDict()
        self._lock = Lock()

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """From a `tokenizer.json`; what it says of truncation and padding is set aside."""
        from tokenizers import Tokenizer as FastTokenizer

        tokenizer = FastTokenizer.from_file(str(path))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return cls(tokenizer)

    def special(self, token: str) -> int:
        """The number of a token of the vocabulary.

        Raises:
            ValueError: when there is none such.
        """
        number = self._tokenizer.token_to_id(token)
        if number is None:
            raise ValueError(f"the vocabulary holds no {token}")
        return int(number)

    def __call__(self, texts: Sequence[str]) -> list[Tokens]:
        """The texts' tokens, without special ones."""
        with self._lock:
            found = {text: self._known[text] for text in texts if text in self._known}
        missing = list(dict.fromkeys(text for text in texts if text not in found))
        for text, encoding in zip(
            missing, self._tokenizer.encode_batch(missing, add_special_tokens=False), strict=True
        ):
            found[text] = Tokens(tuple(encoding.ids), tuple(encoding.offsets))
        with self._lock:
            for text in missing:
                self._known[text] = found[text]
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return [found[text] for text in texts]


def _windows(
    question: str, passages: Sequence[Passage], tokenize: Callable[[Sequence[str]], list[Tokens]], **options: int
) -> list[list[Window]]:
    """The windows of each passage."""
    texts = [question]
    for passage in passages:
        texts += [passage.title, *passage.sentences]
    tokens = iter(tokenize(texts))
    asked = next(tokens)
    laid_out = []
    for passage in passages:
        title = next(tokens)
        laid_out.append(lay_out(asked, title, [next(tokens) for _ in passage.sentences], **options))
    return laid_out


def _readings(
    passages: Sequence[Passage],
    windows: Sequence[Sequence[Window]],
    scores: Sequence[tuple[Scores, ...]],
    *,
    temperature: float = 0.0,
    whole: bool = False,
) -> list[Reading]:
    """The passages' readings from the scores of all windows in a row; the options are those of `decode`."""
    rows = iter(scores)
    readings = []
    for passage, own in zip(passages, windows, strict=True):
        decoded, no_answers = [], []
        for window in own:
            row = next(rows)
            decoded.append(decode(window, *row, temperature=temperature, whole=whole, filed=passage.filed))
            no_answers.append(float(row[0][0] + row[1][0]))
        readings.append(merge(passage, decoded, no_answers))
    return readings


class OnnxReader:
    """A model that `citewell train` made, on ONNX Runtime.

    Args:
        session: an `onnxruntime.InferenceSession` with inputs `input_ids`, `attention_mask` and `token_type_ids`
            (int64, batch x tokens) and outputs `start`, `end` and `relevance` (float32, batch x tokens).
        tokenizer: the model's.
        name: for people.
        folder: where its files lie.
    """

    def __init__(self, session: Any, tokenizer: Tokenizer, name: str, folder: Path | None = None) -> None:
        self._folder = folder
        self._session = session
        self._tokenizer = tokenizer
        self._name = name
        self._special = {"cls": tokenizer.special("[CLS]"), "sep": tokenizer.special("[SEP]")}
        self._workers = ThreadPoolExecutor(max_workers=available_cores(), thread_name_prefix="reader")

    @classmethod
    def load(cls, folder: Path, *, name: str | None = None) -> OnnxReader:
        """Load a model folder.

        Args:
            folder: holds `model.onnx`, `tokenizer.json`, and `checksums.json` that both are compared with.
            name: for people; the folder when None.

        Raises:
            ReaderError: when it does not, they cannot be used, or are not what the checksums say.
        """
        try:
            verify(folder)
            session = open_model(folder / _MODEL_FILE)
            tokenizer = Tokenizer.load(folder / "tokenizer.json")
            outputs = [output.name for output in session.get_outputs()]
            if outputs != ["start", "end", "relevance"]:
                raise ValueError(f"its outputs are {outputs}, not start, end and relevance")
            return cls(session, tokenizer, name or str(folder), folder)
        except ReaderError:
            raise
        except Exception as error:
            raise ReaderError(
                f"the reader in {folder} cannot be loaded ({first_line(error)}); expected a folder that "
                "`citewell train` made, with model.onnx and tokenizer.json"
            ) from error

    @property
    def name(self) -> str:
        """The model's name or folder, for people."""
        return self._name

    @property
    def folder(self) -> Path | None:
        """Where its files lie."""
        return self._folder

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """Read passages; see `rag.reader.Reader.read`.

        Each window is run alone, one per core: int8 scales a batch by its largest value, so that what a passage says
        would depend on its neighbours, and nothing is padded.
        """
        windows = _windows(question, passages, self._tokenizer, **self._special)
        flat = [window for own in windows for window in own]
        scores = [self._run(flat[0])] if len(flat) == 1 else list(self._workers.map(self._run, flat))
        return _readings(passages, windows, scores, temperature=_TEMPERATURE, whole=asks_whether(question))

    def _run(self, window: Window) -> tuple[Scores, ...]:
        import numpy as np

        ids = np.array([window.ids], dtype=np.int64)
        types = np.zeros_like(ids)
        types[0, window.context :] = 1
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": types}
        start, end, relevance = self._session.run(None, inputs)
        return start[0], end[0], relevance[0]


class BatchReader:
    """A reader that runs windows of like length together.

    Args:
        tokenizer: the model's.
        name: for people.
        cls, sep, pad: the numbers of the tokens that stand for [CLS], [SEP] and padding.
        max_tokens: of a window.
    """

    def __init__(
        self, tokenizer: Tokenizer, name: str, cls: int, sep: int, pad: int, *, max_tokens: int = MAX_TOKENS
    ) -> None:
        self._tokenizer = tokenizer
        self._name = name
        self._pad = pad
        self._options = {"cls": cls, "sep": sep, "max_tokens": max_tokens}

    @property
    def name(self) -> str:
        """The model's name or folder, for people."""
        return self._name

    @property
    def folder(self) -> Path | None:
        """Where its files lie, when that is known."""
        return None

    def scores(self, ids: Any, mask: Any, types: Any) -> tuple[Scores, ...]:
        """Each token's score as a start and as an end and, where the model has one, its relevance.

        Args:
            ids: int64 of shape (rows, tokens).
            mask: 1 for a token, 0 for padding; the same shape.
            types: 0 for the question, 1 for what is read; the same shape.

        Returns:
            float32 arrays of the same shape.
        """
        raise NotImplementedError

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """Read passages; see `rag.reader.Reader.read`. Windows go in batches of 16 of like length."""
        windows = _windows(question, passages, self._tokenizer, **self._options)
        flat = [window for own in windows for window in own]
        order = sorted(range(len(flat)), key=lambda number: len(flat[number].ids))
        scores: dict[int, tuple[Scores, ...]] = {}
        for start in range(0, len(order), _BATCH):
            part = order[start : start + _BATCH]
            scores.update(zip(part, self._run([flat[number] for number in part]), strict=True))
        return _readings(passages, windows, [scores[number] for number in range(len(flat))])

    def _run(self, windows: Sequence[Window]) -> list[tuple[Scores, ...]]:
        import numpy as np

        longest = max(len(window.ids) for window in windows)
        ids = np.full((len(windows), longest), self._pad, dtype=np.int64)
        mask = np.zeros_like(ids)
        types = np.zeros_like(ids)
        for row, window in enumerate(windows):
            ids[row, : len(window.ids)] = window.ids
            mask[row, : len(window.ids)] = 1
            types[row, window.context : len(window.ids)] = 1
        scores = self.scores(ids, mask, types)
        return [tuple(each[row, : len(window.ids)] for each in scores) for row, window in enumerate(windows)]


class TransformersReader(BatchReader):
    """Any extractive question-answering model of transformers with a vocabulary of the BERT or RoBERTa kind.

    Args:
        model: a `transformers` model with `start_logits` and `end_logits`.
        tokenizer: the model's.
        name: for people.
        special: the numbers of the tokens that stand for [CLS], [SEP] and padding.
    """

    def __init__(self, model: Any, tokenizer: Tokenizer, name: str, special: tuple[int, int, int]) -> None:
        super().__init__(tokenizer, name, *special, max_tokens=min(MAX_TOKENS, _positions(model.config)))
        self._model = model
        self._lock = Lock()

    @classmethod
    def load(cls, name: str) -> TransformersReader:
        """Load a model by name or folder, on the GPU where there is one.

        Raises:
            ReaderError: when it cannot be loaded, or is no extractive question-answering model.
        """
        silence_hub()
        import torch
        from transformers import AutoModelForQuestionAnswering, AutoTokenizer
        from transformers.utils import logging

        folder = Path(name).expanduser()
        source = str(folder) if folder.is_dir() else name
        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            slow = AutoTokenizer.from_pretrained(source, use_fast=True)
            model, report = AutoModelForQuestionAnswering.from_pretrained(
                source, dtype=torch.float32, output_loading_info=True
            )
            untrained = sorted(key for key in report["missing_keys"] if "qa_outputs" in key)
            if untrained:
                raise ValueError(f"it has no trained head for spans ({', '.join(untrained)} is missing)")
            special = (slow.cls_token_id, slow.sep_token_id, slow.pad_token_id)
            if None in special or getattr(slow, "backend_tokenizer", None) is None:
                raise ValueError("its tokenizer has no [CLS], [SEP] and padding, or is not a fast one")
            fast = slow.backend_tokenizer
            fast.no_padding()
            fast.no_truncation()
            device = "cuda" if torch.cuda.is_available() else "cpu"
            return cls(model.to(device).eval(), Tokenizer(fast), name, special)
        except Exception as error:
            raise ReaderError(
                f"the reader {name!r} cannot be loaded ({first_line(error)}); expected a folder with an extractive "
                "question-answering model of transformers (or one that `citewell train` made), or the name of one "
                "that can be downloaded"
            ) from error

    def scores(self, ids: Any, mask: Any, types: Any) -> tuple[Scores, ...]:
        """The scores of a batch; see `BatchReader.scores`."""
        import torch

        inputs = {"input_ids": ids, "attention_mask": mask}
        if getattr(self._model.config, "type_vocab_size", 0) > 1:
            inputs["token_type_ids"] = types
        device = self._model.device
        with self._lock, torch.inference_mode():
            output = self._model(**{key: torch.from_numpy(value).to(device) for key, value in inputs.items()})
            return output.start_logits.float().cpu().numpy(), output.end_logits.float().cpu().numpy()


def _positions(config: Any) -> int:
    """How many tokens a model reads at once; models of the RoBERTa kind begin to count behind the padding's number."""
    limit = int(getattr(config, "max_position_embeddings", MAX_TOKENS))
    return limit - 2 if getattr(config, "type_vocab_size", 2) == 1 else limit


def shipped_folder(name: str) -> Path:
    """Where the files of a shipped reader are: "quick" or "sharp"."""
    return Path(str(package_files("rag").joinpath("models", name)))


@functools.lru_cache(maxsize=4)
def load_reader(name: str | None = None) -> Reader | None:
    """The reader of that name or folder. The last ones are kept.

    Args:
        name: None or "auto": both shipped readers as a `rag.cascade.Cascade`, or the quick one alone where there is no
            memory for the other; "quick" or "sharp": one of them; "none": no reader; a folder that `citewell train`
            made, or the name or folder of an extractive question-answering model of transformers.

    Raises:
        ReaderError: when it cannot be loaded.
    """
    if name == NO_READER:
        return None
    if name is None or name == DEFAULT_READER:
        return _load_cascade()
    if name in SHIPPED:
        return OnnxReader.load(shipped_folder(name), name=name)
    folder = Path(name).expanduser()
    if (folder / _MODEL_FILE).is_file():
        return OnnxReader.load(folder)
    return TransformersReader.load(name)


def _load_cascade() -> Cascade:
    """Both shipped readers; without memory for the second one the first alone, which is said once."""
    quick, sharp = (functools.partial(load_reader, name) for name in SHIPPED)
    first = quick()
    if first is None:  # cannot be: a shipped reader is one
        raise ReaderError(f"the reader {SHIPPED[0]} is missing; install citewell again")
    try:
        return Cascade(first, sharp())
    except ReaderError as error:
        if not _out_of_memory(error):
            raise
        _log.warning("there is no memory for the reader %r: %r reads alone", *reversed(SHIPPED))
        return Cascade(first, None)


def _out_of_memory(error: BaseException) -> bool:
    """Whether an error was raised for want of memory, by Python or, in its own words, by ONNX Runtime."""
    cause = error.__cause__
    return isinstance(cause, MemoryError) or (cause is not None and bool(_NO_MEMORY.search(str(cause))))
