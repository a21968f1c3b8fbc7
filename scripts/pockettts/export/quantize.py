"""From fp32 graphs to int8: products with constant weights, whose activations get a scale for each row.

x [rows, K] times w [K, N] becomes integers in between, by plain ONNX operators that every runtime has:

    least, scale of a row   min x, (max x - min x) / 255                      ReduceMin, ReduceMax, Sub, Mul, Max
    row                     round((x - least) / scale), in 0 ... 255          Sub, Div, QuantizeLinear
    scale of a column       max |w| / INT8_WEIGHT_LIMIT                       at export
    product                 row x column, summed in 32 bits                   MatMulInteger
    result                  (product * scale of the row + least * sum of the
                            column) * scale of the column                     Cast, Mul, Mul, Add, Mul

So a row's result is independent of the rows beside it: a take has the same samples alone and among others. Integer sums
are exact in any order, but for one instruction: processors of x86 without VNNI add the products of neighbors in 16 bits
(vpmaddubsw), and clip there. With weights of 7 bits the largest such sum, 2 * 255 * 64, fits.

Only MatMul: quantized convolutions have seven times the error and are no faster, as was measured on the full-size
architecture. What leads into and out of a network stays as it is: it is small, and much of the error would come from
it. With the bundled model a third of the sound was error through Mimi's, and the flow head's direction had an error of
8.7 % instead of 4.7 %. Besides, only `input_linear` can get a sequence without rows, of which ONNX Runtime 1.28, which
sherpa-onnx brings, computes a maximum of the wrong shape.
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
    # A row of equal values has a scale as well, by which it can be divided.
    "row_tiny": np.asarray(1e-12, np.float32),
    "row_one": np.asarray(1, np.float32),
    "row_zero": np.asarray(0, np.uint8),
}


@dataclass(frozen=True, slots=True)
class QuantizedRows:
    """The names of a tensor's rows as integers, and of the least value and the scale of each."""

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
