"""int8 graphs on ONNX Runtime, with the same results on every processor.

On x86 without VNNI instructions, ONNX Runtime multiplies unsigned with signed bytes by an instruction that adds two
products into 16 bits and clips the sum: large activations come out wrong, and vectors made on one machine stray from
those of another (the least cosine with the fp32 vectors of 120 news passages fell from .985 to .974). With unsigned
weights it takes another, exact way there. So on such a processor the weights are shifted by 128, and so is what is
subtracted from them: the products stay the same.
"""

from __future__ import annotations

import functools
from typing import Any

from index.runtime import load_onnxruntime

__all__ = ["open_session", "processor_clips", "unsigned_weights"]

_SHIFT = 128


def open_session(model: bytes) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU that runs a graph on the thread that calls it.

    Args:
        model: a serialised ONNX graph.

    Raises:
        Exception: ONNX Runtime's own, when it is none.
    """
    if _holds_int8(model) and processor_clips():
        model = unsigned_weights(model)
    return _session(model)


@functools.cache
def processor_clips() -> bool:
    """Whether products of unsigned activations and signed weights are clipped on this processor."""
    import numpy as np

    rows, width, columns = 4, 64, 32
    session = _session(_product(np.full((width, columns), 127, dtype=np.int8)))
    (found,) = session.run(None, {"activations": np.full((rows, width), 255, dtype=np.uint8)})
    return bool((found != 255 * 127 * width).any())


def unsigned_weights(model: bytes) -> bytes:
    """The graph with the weights of its integer products, and their zero points, as unsigned bytes; the same products.

    Args:
        model: a serialised ONNX graph, as `onnxruntime.quantization.quantize_dynamic` writes them.
    """
    import numpy as np
    import onnx
    from onnx import numpy_helper

    graph = onnx.load_from_string(model)
    constants = {constant.name: constant for constant in graph.graph.initializer}
    # Their second input are the weights, and the fourth what is subtracted from these.
    products = [node.input for node in graph.graph.node if node.op_type == "MatMulInteger"]
    for name in {inputs[place] for inputs in products if len(inputs) == 4 for place in (1, 3)}:
        constant = constants.get(name)
        if constant is not None and constant.data_type == onnx.TensorProto.INT8:
            shifted = (numpy_helper.to_array(constant).astype(np.int16) + _SHIFT).astype(np.uint8)
            constant.CopyFrom(numpy_helper.from_array(shifted, name))
    return graph.SerializeToString()  # type: ignore[no-any-return]


def _holds_int8(model: bytes) -> bool:
    return b"MatMulInteger" in model


def _session(model: bytes) -> Any:
    onnxruntime = load_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _product(weights: Any) -> bytes:
    """A graph that multiplies unsigned activations of shape (rows, width) with signed weights of (width, columns)."""
    from onnx import TensorProto, helper, numpy_helper

    node = helper.make_node("MatMulInteger", ["activations", "weights"], ["products"])
    graph = helper.make_graph(
        [node],
        "product",
        [helper.make_tensor_value_info("activations", TensorProto.UINT8, [None, weights.shape[0]])],
        [helper.make_tensor_value_info("products", TensorProto.INT32, [None, weights.shape[1]])],
        [numpy_helper.from_array(weights, "weights")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return made.SerializeToString()  # type: ignore[no-any-return]
