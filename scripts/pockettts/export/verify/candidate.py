"""The bundle in ONNX Runtime: its graphs, called the way clients and engine onnx call them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from pockettts.bundle import Bundle, State

Array = npt.NDArray[Any]


class GraphSession:
    """One graph in ONNX Runtime, on one thread."""

    def __init__(self, path: Path, states: Sequence[State] = ()) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._names = [value.name for value in self._session.get_outputs()]
        self.states = states

    def run(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        """Return the outputs by name."""
        return dict(zip(self._names, self._session.run(None, dict(feed)), strict=True))

    def start(self) -> dict[str, Array]:
        """Return the states before the first call."""
        return {state.input_name: state.initial() for state in self.states}

    def step(self, feed: Mapping[str, Array], states: dict[str, Array]) -> dict[str, Array]:
        """Return the outputs by name, and put the states for the next call into `states`."""
        results = self.run({**feed, **states})
        for state in self.states:
            states[state.input_name] = results[state.output_name]
        return results


def open_sessions(bundle: Bundle) -> dict[str, GraphSession]:
    """Return the graphs of a bundle in ONNX Runtime."""
    states = {
        "flow_lm_main": bundle.flow_lm_states,
        "flow_lm_step": bundle.step_states,
        "mimi_decoder": bundle.mimi_states,
    }
    return {name: GraphSession(path, states.get(name, ())) for name, path in bundle.graphs.items()}


class Candidate:
    """The bundle under comparison. A call updates the dictionary of states it is given."""

    def __init__(self, bundle: Bundle, sessions: Mapping[str, GraphSession]) -> None:
        self.bundle, self.sessions = bundle, sessions

    def wide(self, x: Array) -> Array:
        """Return conditioning with zeros up to the width that clients expect."""
        return np.pad(x, ((0, 0), (0, 0), (0, self.bundle.conditioning_dim - x.shape[-1])))

    def no_text(self, takes: int = 1) -> Array:
        """Return an empty text: embeddings without tokens."""
        return np.zeros((takes, 0, self.bundle.conditioning_dim), np.float32)

    def no_frame(self) -> Array:
        """Return a sequence without frames."""
        return np.zeros((1, 0, self.bundle.latent_dim), np.float32)

    def embeddings(self, tokens: Array) -> Array:
        """Return the embeddings of tokens."""
        return self.sessions["text_conditioner"].run({"token_ids": tokens})["text_embeddings"]

    def conditioning(self, audio: Array) -> Array:
        """Return the conditioning of a recording, from which the voice follows."""
        return self.sessions["mimi_encoder"].run({"audio": audio})["conditioning"]

    def step(self, sequence: Array, text: Array, states: dict[str, Array]) -> dict[str, Array]:
        """Take a step of flow_lm_main."""
        return self.sessions["flow_lm_main"].step({"sequence": sequence, "text_embeddings": text}, states)

    def after_recording(self, recording: Array) -> dict[str, Array]:
        """Return the states of flow_lm_main after a recording."""
        states = self.sessions["flow_lm_main"].start()
        self.step(self.no_frame(), self.conditioning(recording), states)
        return states

    def after_voice(self, voice: Mapping[str, Any]) -> dict[str, Array]:
        """Return states with PyTorch's voice, in caches with unused rows at the end, as clients reserve them."""
        states = self.sessions["flow_lm_main"].start()
        for state in self.bundle.flow_lm_states:
            if state.key == "cache":
                states[state.input_name] = np.pad(cache_of(voice, state), ((0, 0), (0, 0), (0, 7), (0, 0), (0, 0)))
            elif state.key == "step":
                states[state.input_name] = voice[state.module]["offset"].numpy()
        return states

    def step_rows(self, feed: Mapping[str, Array], states: dict[str, Array], rows: int) -> dict[str, Array]:
        """Take a step of flow_lm_step, after which every take has `rows` rows."""
        last_row = np.full(feed["sequence"].shape[0], rows - 1, np.int32)
        inputs = {**feed, "last_row": last_row, "rows": np.asarray(rows, np.int32)}
        return self.sessions["flow_lm_step"].step(inputs, states)

    def direction(self, condition: Array, x: Array) -> Array:
        """Return the direction of the flow head from the beginning to the end."""
        times = {name: np.full((1, 1), value, np.float32) for name, value in (("s", 0.0), ("t", 1.0))}
        return self.sessions["flow_lm_flow"].run({"c": condition, **times, "x": x})["flow_dir"]

    def decode(self, latents: Array, sizes: Sequence[int]) -> Array:
        """Return the sound of latents, shape (1, frames, latent); `sizes` are the frames of each call."""
        decoder = self.sessions["mimi_decoder"]
        states = decoder.start()
        parts, done = [], 0
        for size in sizes:
            parts.append(decoder.step({"latent": latents[:, done : done + size]}, states)["audio_frame"])
            done += size
        return np.concatenate(parts, axis=-1)


def cache_of(voice: Mapping[str, Any], state: State) -> Array:
    """Return the rows of PyTorch's voice in the layer of a state."""
    layer = voice[state.module]
    return np.asarray(layer["cache"][:, :, : int(layer["offset"][0])].numpy())
