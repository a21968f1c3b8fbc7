"""Speaks several takes at once: the keys and values of each, and one call of each graph for all."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import safe_open

from pockettts.bundle import MAX_ROWS, Bundle, State
from pockettts.engines.onnx.session import Array
from pockettts.errors import BundleError, VoiceError
from pockettts.voices import check_shapes, check_values, read_tensors

Float32 = npt.NDArray[np.float32]

LANES = 8
"""How many takes are spoken at once. A step costs mainly the reading of the weights, which its takes share."""

Rows = Mapping[str, Float32]
"""The keys and values of a voice by the name of the input, each of the shape (1, heads, rows, head)."""


def voice_rows(path: Path, config: Mapping[str, Any], states: Sequence[State]) -> Rows:
    """Return the rows of a voice for flow_lm_step; `states` describes its keys and values.

    `path` is a file that `pocket-tts export-voice` wrote. Raises `VoiceError` for a voice of a different model.
    """
    check_shapes(path, read_tensors(path), config)
    check_values(path)
    rows: dict[str, Float32] = {}
    with safe_open(path, framework="numpy") as tensors:
        names = set(tensors.keys())
        for state in states:
            module = state.module
            if f"{module}/pad" in names and tensors.get_tensor(f"{module}/pad").any():
                raise VoiceError(f"The voice file {path} was padded for a batch; delete it and run again.")
            if f"{module}/offset" in names:
                used = int(tensors.get_tensor(f"{module}/offset").max())
            else:
                # In the format of version 1 of pocket-tts the shape gives the length.
                key = "current_end" if f"{module}/current_end" in names else "cache"
                used = int(tensors.get_slice(f"{module}/{key}").get_shape()[0 if key == "current_end" else 2])
            rows[state.input_name] = state.rows_of(tensors.get_slice(f"{module}/cache")[:, :, :used])
    return rows


class SpokenText(ABC):
    """One text on its way through the batch. `text` has the shape (1, tokens, width)."""

    voice: Rows
    text: Float32
    max_frames: int

    @abstractmethod
    def wants_frame(self, eos: float) -> bool:
        """Return whether speech continues, given the logit of its end. Called before every frame; raises nothing."""

    @abstractmethod
    def noise(self) -> Float32:
        """Return the noise of the next frame, shape (1, latent)."""

    @abstractmethod
    def add_frame(self, latent: Float32) -> None:
        """Take the next frame, shape (1, 1, latent)."""

    @abstractmethod
    def fail(self, error: Exception) -> None:
        """Take the error that ends the text."""


class BatchedSession:
    """The graphs flow_lm_step and flow_lm_flow, called once a frame for all texts that are being spoken.

    flow_lm_step appends new rows in place, so nothing is copied from frame to frame, and the rows of a voice stay for
    the next text of the lane. The texts fill the first lanes, and a call covers only those. Rows of a product do not
    depend on the other rows: sums of integers are exact, and ONNX Runtime adds floats of constant weights in the same
    order for any number of rows. That was measured with AVX2 and AVX-512; tests compare 1, 2, 4 and 8 texts wherever
    they run. So a text starts without waiting for others.

    The thread runs only while texts are being spoken.
    """

    def __init__(self, bundle: Bundle, step: Any, flow: Any, decode_steps: int, lanes: int = LANES) -> None:
        self._step_session, self._flow_session = step, flow
        self._decode_steps = decode_steps
        self._states = bundle.step_states
        self._caches: dict[str, Float32] = {
            s.input_name: np.zeros((lanes, *s.shape[1:]), np.float32) for s in self._states
        }
        self._capacity = 0
        self._voices: list[Rows | None] = [None] * lanes
        self._used = np.zeros(lanes, np.int32)
        self._sequence = np.zeros((lanes, 1, bundle.latent_dim), np.float32)
        self._nothing = np.zeros((lanes, 0, bundle.conditioning_dim), np.float32)
        self._last_row = np.zeros(lanes, np.int32)
        self._rows = np.zeros((), np.int32)
        sizes = {item.name: item.shape[1] for item in step.get_outputs()[:2]}
        self._results = {name: np.zeros((lanes, size), np.float32) for name, size in sizes.items()}
        self._latent = np.zeros((lanes, bundle.latent_dim), np.float32)
        self._direction = np.zeros((lanes, bundle.latent_dim), np.float32)
        self._times = {name: np.zeros((1, 1), np.float32) for name in ("s", "t")}
        self._calls: dict[int, tuple[Any, Any]] = {}
        self._spoken: list[SpokenText] = []
        self._waiting: deque[SpokenText] = deque()
        self._running = self._closed = False
        self._changes = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "batch")

    def submit(self, text: SpokenText) -> None:
        """Speak a text as soon as a lane is free."""
        with self._changes:
            self._waiting.append(text)
            if not self._running:
                self._running = True
                self._thread.submit(self._run)

    def close(self) -> None:
        """End the thread; unfinished texts fail."""
        with self._changes:
            self._closed = True
        self._thread.shutdown()

    def _run(self) -> None:
        while self._admit():
            try:
                self._speak_frame()
            except Exception as error:
                with self._changes:
                    self._fail_all(error)

    def _fail_all(self, error: Exception) -> None:
        for text in (*self._spoken, *self._waiting):
            text.fail(error)
        self._spoken.clear()
        self._waiting.clear()

    def _admit(self) -> bool:
        """Give free lanes to waiting texts; return whether any text is being spoken."""
        while True:
            with self._changes:
                if self._closed:
                    self._fail_all(RuntimeError("the engine was closed"))
                if len(self._spoken) == len(self._used) or not self._waiting:
                    self._running = bool(self._spoken)
                    return self._running
                text = self._waiting.popleft()
            try:
                self._prefill(len(self._spoken), text)
            except Exception as error:
                text.fail(error)
            else:
                self._spoken.append(text)

    def _prefill(self, lane: int, text: SpokenText) -> None:
        """Fill a lane with voice and text. Text and beginning of speech share one call, so weights are read once."""
        length, count = voice_length(text.voice), text.text.shape[1] + 1
        self._reserve(length + count + text.max_frames)
        if self._voices[lane] is not text.voice:
            self._voices[lane] = text.voice
            for name, rows in text.voice.items():
                self._caches[name][lane, :, :length] = rows[0]
        self._used[lane] = length + count
        part = slice(lane, lane + 1)
        inputs = {
            "sequence": np.full_like(self._sequence[part], np.nan),
            "text_embeddings": text.text,
            "last_row": self._used[part] - 1,
            "rows": np.asarray(self._used[lane]),
        }
        results = {name: array[part] for name, array in self._results.items()}
        self._step_session.run_with_iobinding(self._step_call(inputs, part, results))

    def _speak_frame(self) -> None:
        for lane in reversed(range(len(self._spoken))):
            if not self._spoken[lane].wants_frame(float(self._results["eos_logit"][lane, 0])):
                self._release(lane)
        count = len(self._spoken)
        if not count:
            return
        step, flow = self._calls.get(count) or self._bind(count)
        for lane, text in enumerate(self._spoken):
            self._latent[lane] = text.noise()[0]
        for index in range(self._decode_steps):
            self._times["s"][...], self._times["t"][...] = index / self._decode_steps, (index + 1) / self._decode_steps
            self._flow_session.run_with_iobinding(flow)
            self._latent[:count] += self._direction[:count] / np.float32(self._decode_steps)
        for lane, text in enumerate(self._spoken):
            self._sequence[lane, 0] = self._latent[lane]
            text.add_frame(self._sequence[lane : lane + 1].copy())
        self._last_row[:count] = self._used[:count]
        self._rows[...] = self._used[:count].max() + 1
        self._step_session.run_with_iobinding(step)
        self._used[:count] += 1

    def _release(self, lane: int) -> None:
        """Remove a text and move that of the last lane into its place, so that the first lanes are those in use."""
        last = len(self._spoken) - 1
        if lane != last:
            # Rows of a voice that both lanes hold are not copied.
            voice, used = self._voices[last], int(self._used[last])
            shared = voice_length(voice) if voice is not None and self._voices[lane] is voice else 0
            for cache in self._caches.values():
                cache[lane, :, shared:used] = cache[last, :, shared:used]
            self._voices[lane], self._used[lane] = voice, used
            for array in self._results.values():
                array[lane] = array[last]
            self._spoken[lane] = self._spoken[last]
        self._spoken.pop()

    def _reserve(self, rows: int) -> None:
        """Make room for `rows` rows in every lane. Raises `BundleError` for more than the graph has positions for."""
        if rows <= self._capacity:
            return
        if rows > MAX_ROWS:
            raise BundleError(
                f"Voice and text need {rows:,} frames, and engine onnx supports {MAX_ROWS:,}: use a shorter recording."
            )
        self._capacity = min(-(-rows // 256) * 256, MAX_ROWS)
        for name, cache in self._caches.items():
            grown = np.zeros((*cache.shape[:2], self._capacity, cache.shape[3]), np.float32)
            grown[:, :, : cache.shape[2]] = cache
            self._caches[name] = grown
        self._calls.clear()

    def _bind(self, count: int) -> tuple[Any, Any]:
        """Return the arguments of both graphs for `count` texts."""
        part = slice(0, count)
        inputs = {
            "sequence": self._sequence[part],
            "text_embeddings": self._nothing[part],
            "last_row": self._last_row[part],
            "rows": self._rows,
        }
        results = {name: array[part] for name, array in self._results.items()}
        flow = self._flow_session.io_binding()
        _bind_inputs(flow, {"c": results["conditioning"], "x": self._latent[part], **self._times})
        _bind_outputs(flow, {"flow_dir": self._direction[part]})
        self._calls[count] = self._step_call(inputs, part, results), flow
        return self._calls[count]

    def _step_call(self, inputs: Mapping[str, Array], lanes: slice, results: Mapping[str, Array]) -> Any:
        """Return the arguments of a call that reads and writes the caches of some lanes in place."""
        caches = {name: cache[lanes] for name, cache in self._caches.items()}
        binding = self._step_session.io_binding()
        _bind_inputs(binding, {**inputs, **caches})
        _bind_outputs(binding, {**results, **{s.output_name: caches[s.input_name] for s in self._states}})
        return binding


def _bind_inputs(binding: Any, arrays: Mapping[str, Array]) -> None:
    for name, array in arrays.items():
        binding.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)


def _bind_outputs(binding: Any, arrays: Mapping[str, Array]) -> None:
    for name, array in arrays.items():
        binding.bind_output(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)


def voice_length(voice: Rows) -> int:
    """Return the number of rows of a voice."""
    return int(next(iter(voice.values())).shape[2])
