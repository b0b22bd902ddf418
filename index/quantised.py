"""int8 graphs on ONNX Runtime, with the same results on every processor.

On x86 without VNNI instructions, ONNX Runtime multiplies unsigned with signed bytes by an instruction that adds two
products into 16 bits and clips the sum: large activations come out wrong, and vectors made on one machine stray from
those of another (the least cosine with the fp32 vectors of 120 news passages fell from .985 to .974). With unsigned
weights it takes another, exact way there. So on such a processor the weights are shifted by 128, and so is what is
subtracted from them: the products stay the same.
"""

from __future__ import annotations

import functools
import hashlib
import mmap
from typing import TYPE_CHECKING, Any

from index.model_cache import made_from
from index.runtime import load_onnxruntime

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_model", "open_session", "processor_clips", "unsigned_weights"]

_SHIFT = 128
_INT8_PRODUCT = b"MatMulInteger"
"""What stands in a graph that multiplies bytes."""
_HASH_FILE = "sha256"


def open_session(model: bytes) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU that runs a graph on the thread that calls it.

    Args:
        model: a serialised ONNX graph.

    Raises:
        Exception: ONNX Runtime's own, when it is none.
    """
    if _INT8_PRODUCT in model and processor_clips():
        model = unsigned_weights(model)
    return _session(model)


def open_model(path: Path, *, cache: Path | None = None) -> Any:
    """As `open_session`, of a file that may keep some of its weights in others beside it (ONNX external data).

    What is not rewritten stays in its files and is loaded from them. Where the weights must be shifted, that is done
    once: the rewritten model is kept in the cache, with its SHA-256, and opened from there.

    Args:
        path: the model's file.
        cache: where rewritten models are kept; the user's cache folder when None.

    Raises:
        Exception: ONNX Runtime's own, or onnx's, when it is no model.
        OSError: when a file cannot be read.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        int8 = content.find(_INT8_PRODUCT) >= 0
    if not (int8 and processor_clips()):
        return _session(str(path))

    def make(folder: Path) -> None:
        import onnx

        whole = onnx.load(str(path))  # with the weights beside it
        content = unsigned_weights(whole.SerializeToString())
        (folder / path.name).write_bytes(content)
        (folder / _HASH_FILE).write_text(hashlib.sha256(content).hexdigest(), "ascii")

    def read(folder: Path) -> Any:
        kept = folder / path.name
        expected = (folder / _HASH_FILE).read_text("ascii")
        with kept.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                raise ValueError(f"{kept} is not what was written there")
        return _session(str(kept))

    return made_from(path.parent, f"{path.name}, unsigned weights", make=make, read=read, cache=cache)


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
    products = [node.input for node in graph.graph.node if node.op_type == _INT8_PRODUCT.decode()]
    for name in {inputs[place] for inputs in products if len(inputs) == 4 for place in (1, 3)}:
        constant = constants.get(name)
        if constant is not None and constant.data_type == onnx.TensorProto.INT8:
            shifted = (numpy_helper.to_array(constant).astype(np.int16) + _SHIFT).astype(np.uint8)
            constant.CopyFrom(numpy_helper.from_array(shifted, name))
    return graph.SerializeToString()  # type: ignore[no-any-return]


def _session(model: bytes | str) -> Any:
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
