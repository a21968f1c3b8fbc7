"""One graph of a bundle in ONNX Runtime: opening it, and calling it with its states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from pockettts.bundle import AGAIN, State
from pockettts.errors import BundleError
from pockettts.values import describe_error

Array = npt.NDArray[Any]
# Keys are names of inputs, and values are OrtValues.
States = Mapping[str, Any]

THREADS = 1
"""Threads of ONNX Runtime for one call of a graph. A different number splits sums differently: last bits change."""


def open_session(path: Path) -> Any:
    """Load a graph into ONNX Runtime. Raises `BundleError`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # A memory plan would be stored for each shape, and prompts have many shapes.
    options.enable_mem_pattern = False
    for owner in ("intra_op", "inter_op"):
        options.add_session_config_entry(f"session.{owner}.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    # The exceptions of ONNX Runtime share no narrower base.
    except Exception as error:
        raise BundleError(f"ONNX Runtime cannot load {path} ({describe_error(error)}): {AGAIN}.") from None


def check_names(path: Path, session: Any, states: Sequence[State]) -> None:
    """Raise `BundleError` for a graph that lacks a state of its manifest."""
    names = {item.name for item in (*session.get_inputs(), *session.get_outputs())}
    if missing := {name for state in states for name in (state.input_name, state.output_name)} - names:
        raise BundleError(f"The graph {path} has no {min(missing)}, which its manifest names: {AGAIN}.")


class Graph:
    """One graph of a bundle. Its states stay inside ONNX Runtime, so that a call copies none of them."""

    def __init__(self, path: Path, states: Sequence[State] = ()) -> None:
        import onnxruntime

        self._session = open_session(path)
        check_names(path, self._session, states)
        state_outputs = [state.output_name for state in states]
        self.states = tuple(states)
        self._data = [item.name for item in self._session.get_outputs() if item.name not in state_outputs]
        self._outputs = [*self._data, *state_outputs]
        self._value = onnxruntime.OrtValue.ortvalue_from_numpy

    def start(self) -> States:
        """Return the states before the first call."""
        return {state.input_name: self._value(state.initial()) for state in self.states}

    def __call__(self, data: Mapping[str, Array], states: States) -> tuple[list[Array], States]:
        """Return the outputs, and the states for the next call; `states` is unchanged."""
        inputs = {**{name: self._value(array) for name, array in data.items()}, **states}
        values = self._session.run_with_ort_values(self._outputs, inputs)
        count = len(self._data)
        next_states = {s.input_name: value for s, value in zip(self.states, values[count:], strict=True)}
        return [value.numpy() for value in values[:count]], next_states
