"""The same int8 products on every processor."""

from __future__ import annotations

import logging
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import index.quantised
from index.quantised import open_model, open_session, processor_clips, unsigned_weights

if TYPE_CHECKING:
    from pathlib import Path


def product(weights: np.ndarray, zero_point: np.ndarray) -> bytes:
    """A graph as a quantised model has them: unsigned activations times signed weights, less their zero point."""
    node = helper.make_node("MatMulInteger", ["activations", "weights", "offset", "zero_point"], ["products"])
    graph = helper.make_graph(
        [node],
        "product",
        [helper.make_tensor_value_info("activations", TensorProto.UINT8, [None, weights.shape[0]])],
        [helper.make_tensor_value_info("products", TensorProto.INT32, [None, weights.shape[1]])],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array(3, dtype=np.uint8), "offset"),
            numpy_helper.from_array(zero_point, "zero_point"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def exact(activations: np.ndarray, weights: np.ndarray, zero_point: np.ndarray) -> np.ndarray:
    return (activations.astype(np.int64) - 3) @ (weights.astype(np.int64) - zero_point.astype(np.int64))


@pytest.mark.parametrize("rows", [1, 2, 37])
def test_products_are_not_clipped(rows: int) -> None:
    generator = np.random.default_rng(rows)
    weights = generator.integers(-127, 128, (384, 96)).astype(np.int8)
    weights[:, :8] = 127
    zero_point = np.zeros(96, dtype=np.int8)
    activations = generator.integers(0, 256, (rows, 384)).astype(np.uint8)
    activations[0] = 255
    (found,) = open_session(product(weights, zero_point)).run(None, {"activations": activations})
    assert (found == exact(activations, weights, zero_point)).all()


def test_unsigned_weights_give_the_same_products() -> None:
    generator = np.random.default_rng(7)
    weights = generator.integers(-128, 128, (64, 16)).astype(np.int8)
    zero_point = generator.integers(-128, 128, 16).astype(np.int8)
    activations = generator.integers(0, 256, (5, 64)).astype(np.uint8)
    graph = unsigned_weights(product(weights, zero_point))
    assert graph != product(weights, zero_point)
    assert unsigned_weights(graph) == graph, "shifted once, and not again"
    (found,) = open_session(graph).run(None, {"activations": activations})
    assert (found == exact(activations, weights, zero_point)).all()


# From files

ACTIVATIONS = np.random.default_rng(1).integers(0, 256, (5, 64)).astype(np.uint8)
WEIGHTS = np.random.default_rng(2).integers(-128, 128, (64, 16)).astype(np.int8)
ZERO_POINT = np.random.default_rng(3).integers(-128, 128, 16).astype(np.int8)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A quantised model whose weights lie in a file beside it."""
    path = tmp_path / "model" / "model.onnx"
    path.parent.mkdir()
    made = onnx.load_from_string(product(WEIGHTS, ZERO_POINT))
    onnx.save(made, str(path), save_as_external_data=True, location="model.onnx.data", size_threshold=0)
    return path


@pytest.fixture
def rewritten(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A processor that clips, whatever this one is; the list grows each time that a model is rewritten for it."""
    sizes: list[int] = []

    def noted(content: bytes) -> bytes:
        sizes.append(len(content))
        return unsigned_weights(content)

    monkeypatch.setattr(index.quantised, "processor_clips", lambda: True)
    monkeypatch.setattr(index.quantised, "unsigned_weights", noted)
    return sizes


def products(session: Any) -> list[list[int]]:
    (found,) = session.run(None, {"activations": ACTIVATIONS})
    return found.tolist()  # type: ignore[no-any-return]


EXPECTED = exact(ACTIVATIONS, WEIGHTS, ZERO_POINT).tolist()


def cached(cache: Path) -> Path:
    """The one model that is kept."""
    (kept,) = cache.rglob("*.onnx")
    return kept


def test_weights_beside_a_model_are_loaded_from_there(model: Path, tmp_path: Path) -> None:
    assert (model.parent / "model.onnx.data").stat().st_size >= WEIGHTS.size
    found = products(open_model(model, cache=tmp_path / "cache"))
    assert found == products(open_session(product(WEIGHTS, ZERO_POINT))) == EXPECTED
    assert (tmp_path / "cache").exists() == processor_clips(), "only what must be rewritten is kept"
    (model.parent / "model.onnx.data").unlink()
    with pytest.raises(Exception, match=r"model\.onnx\.data"):
        open_model(model, cache=tmp_path / "another")


def test_a_model_in_one_file_is_opened_alike(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(product(WEIGHTS, ZERO_POINT))
    assert products(open_model(path, cache=tmp_path / "cache")) == EXPECTED


def test_a_model_is_rewritten_once(model: Path, tmp_path: Path, rewritten: list[int]) -> None:
    cache = tmp_path / "cache"
    assert products(open_model(model, cache=cache)) == EXPECTED
    assert len(rewritten) == 1
    weights = {each.name: numpy_helper.to_array(each) for each in onnx.load(str(cached(cache))).graph.initializer}
    assert (weights["weights"] == (WEIGHTS.astype(np.int16) + 128)).all()
    assert weights["weights"].dtype == weights["zero_point"].dtype == np.uint8
    assert products(open_model(model, cache=cache)) == EXPECTED
    assert len(rewritten) == 1, "the second time it is opened from the cache"
    assert products(open_session(product(WEIGHTS, ZERO_POINT))) == EXPECTED


def test_another_model_in_its_place_is_rewritten_anew(model: Path, tmp_path: Path, rewritten: list[int]) -> None:
    cache = tmp_path / "cache"
    open_model(model, cache=cache)
    shutil.rmtree(model.parent)
    model.parent.mkdir()
    model.write_bytes(product(-(WEIGHTS // 2), ZERO_POINT))
    assert products(open_model(model, cache=cache)) == exact(ACTIVATIONS, -(WEIGHTS // 2), ZERO_POINT).tolist()
    assert len(rewritten) == 2


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone", "no hash", "another hash"])
def test_a_damaged_cached_model_is_rewritten(model: Path, tmp_path: Path, rewritten: list[int], damage: str) -> None:
    cache = tmp_path / "cache"
    open_model(model, cache=cache)
    kept = cached(cache)
    content = kept.read_bytes()
    if damage == "flipped":
        at = content.index((WEIGHTS.astype(np.int16) + 128).astype(np.uint8).tobytes())
        kept.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    elif damage == "cut":
        kept.write_bytes(content[:-100])
    elif damage == "gone":
        kept.unlink()
    elif damage == "no hash":
        (kept.parent / "sha256").unlink()
    else:
        (kept.parent / "sha256").write_bytes(b"\xff" * 64)
    for _ in range(2):
        assert products(open_model(model, cache=cache)) == EXPECTED
        assert len(rewritten) == 2
    assert cached(cache).read_bytes() == content


def test_a_cache_that_cannot_be_written_costs_the_rewriting_each_time(
    model: Path, tmp_path: Path, rewritten: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    for count in (1, 2):
        assert products(open_model(model, cache=tmp_path / "cache")) == EXPECTED
        assert len(rewritten) == count
    warnings = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert len(warnings) == 2
    assert all("cannot be kept" in each for each in warnings)


def test_a_graph_without_int8_products_is_not_rewritten(tmp_path: Path, rewritten: list[int]) -> None:
    node = helper.make_node("Identity", ["given"], ["found"])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None]) for name in ("given", "found")]
    made = helper.make_model(
        helper.make_graph([node], "same", ends[:1], ends[1:]),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.save(made, str(tmp_path / "model.onnx"))
    (found,) = open_model(tmp_path / "model.onnx", cache=tmp_path / "cache").run(
        None, {"given": np.ones(3, dtype=np.float32)}
    )
    assert found.tolist() == [1.0, 1.0, 1.0]
    assert rewritten == []


@pytest.mark.parametrize("content", [b"", b"no graph", None])
@pytest.mark.usefixtures("rewritten")
def test_what_is_no_model_cannot_be_opened(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(Exception, match=r"mmap|Protobuf|No such file"):
        open_model(tmp_path / "model.onnx", cache=tmp_path / "cache")
