"""Whether this machine multiplies integers exactly, as precision int8 needs it: by computing, not by its name.

The kernels of x86 without VNNI add pairs of products in 16 bits. A bundle's weights are small enough for that, so no
machine is known where this fails; a machine that is not known would show it here.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pockettts.bundle import INT8_WEIGHT_LIMIT, OPSET
from pockettts.engines.onnx.session import THREADS

_ROWS = (1, 2, 8, 33)
_SHAPES = ((64, 16), (257, 48), (1024, 64))
"""Inputs and outputs of the products: one that no kernel divides evenly among them."""


def wrong_sums() -> int:
    """Return how many sums of ONNX Runtime's MatMulInteger are wrong here, with the largest factors that int8 has.

    Raises `ImportError` without the packages onnx and onnxruntime.
    """
    return sum(
        int(np.count_nonzero(multiply_integers(rows, weights) != exact_product(rows, weights)))
        for rows, weights in _extremes()
    )


def _extremes() -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.int8]]]:
    random = np.random.default_rng(0)
    for inputs, outputs in _SHAPES:
        signs = random.choice(np.asarray([-1, 1], np.int8), (1, outputs))
        largest = np.repeat(signs * np.int8(INT8_WEIGHT_LIMIT), inputs, axis=0)
        mixed = random.integers(-INT8_WEIGHT_LIMIT, INT8_WEIGHT_LIMIT + 1, (inputs, outputs)).astype(np.int8)
        for count in _ROWS:
            yield np.full((count, inputs), 255, np.uint8), largest
            yield np.full((count, inputs), 255, np.uint8), mixed
            yield random.integers(0, 256, (count, inputs)).astype(np.uint8), mixed


def exact_product(rows: npt.NDArray[np.uint8], weights: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
    """Return rows times weights, summed in 64 bits."""
    return rows.astype(np.int64) @ weights.astype(np.int64)


def multiply_integers(rows: npt.NDArray[np.uint8], weights: npt.NDArray[np.int8]) -> npt.NDArray[np.int32]:
    """Return rows times weights as ONNX Runtime computes it; the weights are constants, as in a bundle."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["rows", "weights"], ["product"])],
        "integers",
        [helper.make_tensor_value_info("rows", TensorProto.UINT8, ["R", weights.shape[0]])],
        [helper.make_tensor_value_info("product", TensorProto.INT32, ["R", weights.shape[1]])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    content = model.SerializeToString()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"rows": rows})[0])
