"""What the tests share: the sample articles, a small deterministic encoder, and indexes built from them."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from index.analysis import words
from index.build import build_index
from index.encoder import EncoderIdentity, load_encoder
from rag.pipeline import Engine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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


@pytest.fixture
def tiny_encoder() -> TinyEncoder:
    return TinyEncoder()


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
    with Engine.open(seeds_index) as engine:
        yield engine
