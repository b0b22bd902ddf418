"""The fast encoder: distilled once, the same for every text wherever it stands."""

from __future__ import annotations

import random

import numpy as np
import pytest

from index.encoder import DEFAULT_ENCODER, FAST_ENCODER, MAX_TOKENS, load_encoder
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
def test_words_that_are_read_alone_have_the_tokens_of_their_text(fast: StaticEncoder) -> None:
    from tokenizers import Tokenizer

    from index.encoder import default_model_folder

    tokenizer = Tokenizer.from_file(str(default_model_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    unknown = tokenizer.token_to_id("[UNK]")
    rng = random.Random(5)
    odd = "aé'’-–.,!\t\n\u00a0\u0085\u2028\x1c\u0130ßΣς漢한ก\u0301\u200b\ufffd☃🙂[UNK][SEP]##"
    texts = [*TEXTS, "a" * 300, f"{'b' * 50} {'b' * 50}", *("".join(rng.choices(odd + " ", k=60)) for _ in range(300))]
    expected = [
        [token for token in each.ids if token != unknown]
        for each in tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    ]
    model = fast._model
    assert model.tokenize(texts) == expected
    assert model.tokenize(texts) == expected  # and again, from what is remembered


@pytest.mark.slow
def test_what_is_remembered_of_words_is_bounded(fast: StaticEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = fast.encode(TEXTS)
    monkeypatch.setattr("index.static_model._WORDS", 5)
    for start in range(0, 60, 3):
        fast.encode([" ".join(f"word{number}" for number in range(start, start + 3)), "x" * 100])
        assert len(fast._model._known) <= 8
    assert np.array_equal(fast.encode(TEXTS), expected)


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
