"""The fast encoder: distilled once, the same for every text wherever it stands."""

from __future__ import annotations

import numpy as np
import pytest

from index.encoder import DEFAULT_ENCODER, FAST_ENCODER, load_encoder
from index.static_encoder import StaticEncoder

TEXTS = [
    "what did Putin demand?",
    "Shares fell 3.5% on Friday after the company said it would cut 1,200 jobs.",
    "",
    "☃",
    "The peace talks between the two presidents ended without a result. " * 40,
]


@pytest.fixture(scope="module")
def fast() -> StaticEncoder:
    return StaticEncoder.load()


@pytest.mark.slow
def test_vectors_are_unit_and_do_not_depend_on_the_batch(fast: StaticEncoder) -> None:
    together = fast.encode(TEXTS)
    assert together.shape == (len(TEXTS), 384)
    assert together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-3)
    assert np.array_equal(together, np.vstack([fast.encode([text]) for text in TEXTS]))
    assert fast.encode([]).shape == (0, 384)


@pytest.mark.slow
def test_texts_of_one_meaning_are_nearer(fast: StaticEncoder) -> None:
    question, answer, other = fast.encode(
        [
            "Which company cut jobs?",
            "The carmaker said it would lay off a tenth of its workforce.",
            "The river rose to its highest level in a century.",
        ]
    )
    assert question @ answer > question @ other + 0.1


@pytest.mark.slow
def test_it_is_known_by_its_name(fast: StaticEncoder) -> None:
    again = load_encoder(FAST_ENCODER)
    assert again.identity == fast.identity
    assert again.identity.fingerprint != load_encoder(DEFAULT_ENCODER).identity.fingerprint


@pytest.mark.slow
def test_it_is_kept_and_made_again_when_damaged(fast: StaticEncoder, home, tmp_path) -> None:
    (kept,) = [path for path in (home / "cache" / "encoders").iterdir() if (path / "distilled.json").exists()]
    vectors = kept / "vectors.npy"
    sound = vectors.read_bytes()
    data = bytearray(sound)
    data[len(data) // 2] ^= 1
    vectors.write_bytes(data)
    again = StaticEncoder.load()
    assert vectors.read_bytes() == sound
    assert np.array_equal(again.encode(TEXTS), fast.encode(TEXTS))
