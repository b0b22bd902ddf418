"""The same int8 products on every processor."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from index.quantised import open_session, unsigned_weights


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
