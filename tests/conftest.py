"""What the tests share: the sample articles, small deterministic models, and indexes built with them."""

from __future__ import annotations

import json
import math
import re
import string
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from index.analysis import words
from index.build import build_index
from index.dedupe import key
from index.encoder import EncoderIdentity, load_encoder
from index.store.base import ArticleRecord, PassageRecord, SentenceRecord
from index.types import Span
from rag.cascade import Cascade
from rag.engine import Engine
from rag.reader import Passage, Reading, SentenceReading, SpanReading
from rag.reader_models import SHIPPED, load_reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).parent.parent


@dataclass
class TinyEncoder:
    """Counts hashed stems: texts that share words have near vectors. Notes what it was asked to encode."""

    dimension: int = 64
    name: str = "tiny"
    encoded: list[str] = field(default_factory=list)

    @property
    def identity(self) -> EncoderIdentity:
        return EncoderIdentity(self.name, f"{self.name}-{self.dimension}", self.dimension)

    def encode(self, texts: Sequence[str], *, progress: Any = None) -> np.ndarray:
        self.encoded += texts
        vectors = np.full((len(texts), self.dimension), 1e-3, dtype=np.float32)
        for row, text in enumerate(texts):
            for word in words(text):
                vectors[row, zlib.crc32(word.stem.encode()) % self.dimension] += 1
        if progress is not None:
            progress(len(texts))
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@dataclass
class TinyReader:
    """Marks the first number or name that the question has not; its score is how many words they have in common.

    No answer scores 2. Notes what it was asked to read.
    """

    name: str = "tiny"
    folder: Path | None = None
    read_passages: list[Passage] = field(default_factory=list)

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        self.read_passages += passages
        asked = set(re.findall(r"\w+", question.lower()))
        return [Reading(tuple(self._sentence(asked, each) for each in one.sentences), 2.0) for one in passages]

    def _sentence(self, asked: set[str], sentence: str) -> SentenceReading:
        words = list(re.finditer(r"\w+", sentence))
        score = float(len(asked & {word.group().lower() for word in words}))
        spans = [each for each in words if each.group().lower() not in asked and re.match(r"[A-Z0-9]", each.group())]
        if not spans:
            return SentenceReading(None, float("-inf"), score)
        return SentenceReading(SpanReading(*spans[0].span(), score), score - 2.0, score)


@pytest.fixture
def tiny_encoder() -> TinyEncoder:
    return TinyEncoder()


@pytest.fixture
def tiny_reader() -> TinyReader:
    return TinyReader()


def _stored(
    number: int,
    *sentences: str,
    article: int | None = None,
    group: int | None = None,
    before: str | None = None,
    title: str = "",
) -> PassageRecord:
    """A passage as a store hands it out; `before` stands in front of it in its article."""
    texts = [*([before] if before is not None else []), *sentences]
    text = "\n\n".join(texts)
    records, at = [], 0
    for count, each in enumerate(texts, 100 * number):
        records.append(SentenceRecord(count, Span(at, at + len(each)), 1, 0, "prose", key(each)))
        at += len(each) + 2
    own = number if article is None else article
    written = ArticleRecord(own, f"{own:032x}", title, None, None, None, None, f"{own}.txt", Span(0, len(text)))
    ahead = records.pop(0) if before is not None else None
    return PassageRecord(number, number if group is None else group, written, text, tuple(records), ahead)


@pytest.fixture(scope="session")
def stored() -> Callable[..., PassageRecord]:
    """Makes passages: `stored(number, *sentences, article=..., group=..., before=..., title=...)`."""
    return _stored


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch on one core: a tiny model's steps are over before two of them have met."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two small layers with random weights, as transformers keeps one; its tokens are single characters."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast
    from transformers.utils import logging

    logging.disable_progress_bar()
    folder = tmp_path_factory.mktemp("bert")
    marks = [mark for mark in string.printable if not mark.isspace()]
    inside = [f"##{mark}" for mark in string.ascii_lowercase + string.digits]
    pieces = dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *marks, *inside])
    tokenizer = Tokenizer(models.WordPiece({piece: at for at, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    special = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=320,
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)
    return folder


def _towns(documents: int, *, first: int = 0) -> dict[str, Any]:
    data = []
    for number in range(first, first + documents):
        told = []
        for at, thing in enumerate(("bridge", "harbour", "school", "tower")):
            year = str(1900 + 7 * (number % 16) + at)
            context = f"The {thing} of Town{number} was opened in {year}. It rained on that day."
            asked = {"id": f"{number}-{thing}", "question": f"When was the {thing} of Town{number} opened?"}
            answer = {"text": year, "answer_start": context.index(year)}
            told.append({"context": context, "qas": [{**asked, "answers": [answer]}]})
        data.append({"title": f"Town_{number}", "paragraphs": told})
    return {"data": data}


@pytest.fixture(scope="session")
def towns() -> Callable[..., dict[str, Any]]:
    """Data in SQuAD format, four questions on each of so many documents: `towns(documents, first=...)`."""
    return _towns


@pytest.fixture(scope="session")
def prepared(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of two epochs of a hundred questions, as `citewell train prepare` leaves them, for the tiny encoder."""
    from rag.training.prepare import Plan, prepare

    folder = tmp_path_factory.mktemp("prepared")
    (folder / "squadshifts_new_wiki.json").write_text(json.dumps(_towns(24)), "utf-8")
    plan = Plan(epochs=2, held_out={"squadshifts_new_wiki": 0.2})
    prepare([folder / "squadshifts_new_wiki.json"], folder / "rows", plan=plan, encoder=bert_folder)
    return folder / "rows"


@pytest.fixture(scope="session")
def trained(prepared: Path, bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the tiny encoder."""
    import torch

    from rag.training.run import Settings, run

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("trained") / "run"
    run(prepared, out, Settings(base=bert_folder, steps=60, rate=3e-3, tokens=1_024))
    torch.set_num_threads(threads)
    return out


@pytest.fixture(scope="session")
def seeds() -> Path:
    return ROOT / "seeds"


@pytest.fixture(scope="session")
def seed_text(seeds: Path) -> str:
    (file,) = seeds.glob("*.txt")
    return file.read_bytes().decode("utf-8")


@pytest.fixture(scope="session")
def seed_questions() -> list[dict[str, Any]]:
    lines = (ROOT / "tests" / "data" / "seed_questions.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder of the tests' own; the exported encoder is kept in it for the session."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CITEWELL_HOME", str(folder))
        patch.delenv("CITEWELL_INDEX", raising=False)
        yield folder


@pytest.fixture(scope="session")
def seeds_index(seeds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample articles indexed with the default encoder."""
    folder = tmp_path_factory.mktemp("seeds-index")
    build_index([seeds], folder, encoder=load_encoder())
    return folder


@pytest.fixture(scope="session")
def seeds_engine(seeds_index: Path) -> Iterator[Engine]:
    """An engine with both shipped readers, which reads as much again as it would on a machine that is not busy."""
    quick, sharp = map(load_reader, SHIPPED)
    assert quick is not None
    with Engine.open(seeds_index, reader=Cascade(quick, sharp, patience=math.inf)) as engine:
        yield engine
