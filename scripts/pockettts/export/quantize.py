"""From fp32 graphs to int8: replaces products with constant weights; activations get a scale for each row.

x [rows, K] times w [K, N] is computed in integers by standard ONNX operators, which every runtime supports:

    least, scale of a row   min x, (max x - min x) / 255                      ReduceMin, ReduceMax, Sub, Mul, Max
    row                     round((x - least) / scale), in 0 ... 255          Sub, Div, QuantizeLinear
    scale of a column       max |w| / INT8_WEIGHT_LIMIT                       at export
    product                 row x column, summed in 32 bits                   MatMulInteger
    result                  (product * scale of the row + least * sum of the
                            column) * scale of the column                     Cast, Mul, Mul, Add, Mul

So a row's result is independent of the other rows: a take has the same samples alone and in a batch. Integer sums are
exact in any order, with one exception: x86 processors without VNNI add two neighboring products in 16 bits
(vpmaddubsw), where large sums are clipped. With weights of 7 bits the largest such sum, 2 * 255 * 64, fits.

Only MatMul is replaced: on the full-size architecture, quantized convolutions had seven times the error and were no
faster. The first and last layers of a network stay in fp32: they are small, and they would cause much of the error.
With the bundled model, a third of the sound was error when those of Mimi were quantized, and the flow head's direction
had an error of 8.7 % instead of 4.7 %. Also, only `input_linear` can get a sequence without rows, for which ONNX
Runtime 1.28, the version inside sherpa-onnx, computes a maximum of the wrong shape.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from pockettts.bundle import INT8_WEIGHT_LIMIT

EXCLUDED = (
    "input_linear.weight",
    "input_proj.weight",
    "last.weight",
    "quantizer.weight",
    "transformer.before.weight",
    "transformer.after.weight",
)
"""Weights that are not quantized."""

_CONSTANTS: dict[str, npt.NDArray[Any]] = {
    "row_axis": np.asarray([-1], np.int64),
    "row_step": np.asarray(1 / 255, np.float32),
    # A row of equal values needs a scale above zero, because it is divided by it.
    "row_tiny": np.asarray(1e-12, np.float32),
    "row_one": np.asarray(1, np.float32),
    "row_zero": np.asarray(0, np.uint8),
}


@dataclass(frozen=True, slots=True)
class QuantizedRows:
    """The names of the tensors that hold the rows of one tensor as integers, and the minimum and scale of each row."""

    integers: str
    least: str
    scale: str


def quantize(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph with int8 weights. A weight `name` becomes `name_quantized`, `name_scale` and `name_sum`."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    weights = {tensor.name: tensor for tensor in graph.initializer if len(tensor.dims) == 2}
    nodes: list[NodeProto] = []
    constants = {name: numpy_helper.from_array(value, name) for name, value in _CONSTANTS.items()}
    quantized: dict[str, QuantizedRows] = {}
    for node in graph.node:
        if node.op_type != "MatMul" or node.input[1] not in weights or node.input[1] in EXCLUDED:
            nodes.append(node)
            continue
        x, weight = node.input
        if x not in quantized:
            quantized[x] = QuantizedRows(f"{x}_integers", f"{x}_least", f"{x}_scale")
            nodes += _quantize_rows(x, quantized[x])
        for name, value in quantize_weight(numpy_helper.to_array(weights[weight])).items():
            constants[f"{weight}_{name}"] = numpy_helper.from_array(value, f"{weight}_{name}")
        nodes += _multiply(weight, quantized[x], node.output[0])
    used = {name for node in nodes for name in node.input}
    initializers = [tensor for tensor in (*graph.initializer, *constants.values()) if tensor.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(initializers)
    return result


def quantize_weight(weight: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[Any]]:
    """Return `quantized` of a weight [K, N], int8 within ±`INT8_WEIGHT_LIMIT`, and `scale` and `sum` of its columns."""
    scale = np.abs(weight).max(axis=0) / np.float32(INT8_WEIGHT_LIMIT)
    scale[scale == 0] = 1
    quantized = np.rint(weight / scale).astype(np.int8)
    return {
        "quantized": quantized,
        "scale": scale.astype(np.float32),
        "sum": quantized.sum(axis=0, dtype=np.int64).astype(np.float32),
    }


def _quantize_rows(x: str, rows: QuantizedRows) -> Iterator[NodeProto]:
    yield helper.make_node("ReduceMin", [x, "row_axis"], [rows.least], keepdims=1)
    yield helper.make_node("ReduceMax", [x, "row_axis"], [f"{x}_most"], keepdims=1)
    yield helper.make_node("Sub", [f"{x}_most", rows.least], [f"{x}_range"])
    yield helper.make_node("Mul", [f"{x}_range", "row_step"], [f"{x}_step"])
    yield helper.make_node("Max", [f"{x}_step", "row_tiny"], [rows.scale])
    yield helper.make_node("Sub", [x, rows.least], [f"{x}_from_least"])
    yield helper.make_node("Div", [f"{x}_from_least", rows.scale], [f"{x}_scaled"])
    yield helper.make_node("QuantizeLinear", [f"{x}_scaled", "row_one", "row_zero"], [rows.integers])


def _multiply(weight: str, rows: QuantizedRows, out: str) -> Iterator[NodeProto]:
    yield helper.make_node("MatMulInteger", [rows.integers, f"{weight}_quantized"], [f"{out}_integer"])
    yield helper.make_node("Cast", [f"{out}_integer"], [f"{out}_float"], to=TensorProto.FLOAT)
    yield helper.make_node("Mul", [f"{out}_float", rows.scale], [f"{out}_row"])
    yield helper.make_node("Mul", [rows.least, f"{weight}_sum"], [f"{out}_offset"])
    yield helper.make_node("Add", [f"{out}_row", f"{out}_offset"], [f"{out}_sum"])
    yield helper.make_node("Mul", [f"{out}_sum", f"{weight}_scale"], [out])
