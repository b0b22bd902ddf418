from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from index.encoder import OnnxEncoder, TransformersEncoder, default_model_folder, load_encoder, weights_fingerprint
from index.errors import EncoderError
from index.export import exported

TEXTS = [
    "what did Putin demand?",
    "Shares fell 3.5% on Friday after the company said it would cut 1,200 jobs.",
    "",
    "NATO’s secretary general spoke in Warsaw. " * 60,
    "\N{SNOWMAN} 雪",
]


@pytest.fixture(scope="module")
def default() -> OnnxEncoder:
    return OnnxEncoder.load()


@pytest.mark.slow
def test_vectors_are_unit_and_do_not_depend_on_the_batch(default):
    together = default.encode(TEXTS)
    assert together.shape == (len(TEXTS), 384)
    assert together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-3)
    alone = np.vstack([default.encode([text]) for text in TEXTS])
    assert np.array_equal(together, alone)


@pytest.mark.slow
def test_the_export_stays_near_the_original(default):
    original = TransformersEncoder.load(str(default_model_folder()))
    assert original.identity == default.identity
    assert (original.encode(TEXTS) * default.encode(TEXTS)).sum(axis=1).min() > 0.97


@pytest.mark.slow
def test_nothing_to_encode(default):
    assert default.encode([]).shape == (0, 384)


@pytest.mark.slow
def test_a_damaged_export_is_made_again(default, home, tmp_path):
    (kept,) = [path for path in (home / "cache" / "encoders").iterdir() if (path / "export.json").exists()]
    cache = tmp_path / "cache"
    shutil.copytree(kept, cache / "encoders" / kept.name)
    model = cache / "encoders" / kept.name / "model.onnx"
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(data)
    export = exported(default_model_folder(), cache=cache)
    assert export.fingerprint == default.identity.fingerprint == weights_fingerprint(default_model_folder())
    facts = json.loads((cache / "encoders" / kept.name / "export.json").read_text())
    assert facts["precision"] == export.precision
    assert model.read_bytes() == export.model


def test_no_such_encoder(tmp_path):
    with pytest.raises(EncoderError, match="does not exist"):
        exported(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(EncoderError, match="no model weights"):
        exported(tmp_path / "empty", cache=tmp_path / "cache")


@pytest.mark.slow
def test_a_folder_that_is_no_model_is_one_clear_error(tmp_path, monkeypatch):
    (tmp_path / "model.safetensors").write_bytes(b"junk")
    with pytest.raises(EncoderError, match="cannot be loaded") as caught:
        load_encoder(str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_any_sentence_transformers_folder_can_be_named(tmp_path):
    copy = tmp_path / "my-encoder"
    shutil.copytree(default_model_folder(), copy)
    encoder = load_encoder(str(copy))
    assert isinstance(encoder, TransformersEncoder)
    assert encoder.identity.name == str(copy)
    assert encoder.encode(["a", "b"]).shape == (2, 384)


@pytest.mark.slow
def test_nothing_is_reported_to_the_runtimes_maker(tmp_path, home):
    """ONNX Runtime notes a device number in the cache folder when its telemetry starts."""
    root = Path(__file__).parents[2]
    code = "from index.encoder import load_encoder; load_encoder().encode(['a'])"
    environment = {name: value for name, value in os.environ.items() if name not in {"CI", "ORT_DISABLE_TELEMETRY"}}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, check=True, timeout=120)
    assert [path.name for path in tmp_path.rglob("DeveloperTools")] == []
