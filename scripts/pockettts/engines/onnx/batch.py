"""Takes that are spoken at the same time: the keys and values of each, and one call of flow_lm_step for all."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
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

MAX_WAIT_SECONDS = 0.02
"""Seconds that a take waits at a step for the other one of its session."""

Rows = Mapping[str, Float32]
"""The keys and values of a voice by the name of the input, each of the shape (1, heads, rows, head)."""


def voice_rows(path: Path, config: Mapping[str, Any], states: Sequence[State]) -> Rows:
    """Return what flow_lm_step has to know of a voice; `states` is its keys and values.

    `path` is what `pocket-tts export-voice` wrote. Raises `VoiceError` for a voice of another model.
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
                # As version 1 of pocket-tts wrote it: the length is the shape.
                kept = "current_end" if f"{module}/current_end" in names else "cache"
                used = int(tensors.get_slice(f"{module}/{kept}").get_shape()[0 if kept == "current_end" else 2])
            rows[state.input_name] = state.rows_of(tensors.get_slice(f"{module}/cache")[:, :, :used])
    return rows


class BatchedSession:
    """The keys and values of some takes that grow at the same time, a lane for each.

    flow_lm_step writes new rows behind those that are there, so nothing is copied from step to step, and the rows of
    a voice stay for the next take of the lane. A step is one call for all lanes, always: the rows of a product differ
    in their last bits with their number, but not with what is in the others. Whoever steps waits a moment for the
    other lanes; a lane that missed a step has only its next row filled with what will be overwritten.
    """

    def __init__(self, bundle: Bundle, session: Any, lanes: int) -> None:
        self._session = session
        self._states = bundle.step_states
        self._caches: dict[str, Float32] = {
            s.input_name: np.zeros((lanes, *s.shape[1:]), np.float32) for s in self._states
        }
        self._capacity = 0
        self._voices: list[Rows | None] = [None] * lanes
        self._used = np.zeros(lanes, np.int32)
        self._nothing = np.zeros((lanes, 0, bundle.conditioning_dim), np.float32)
        self._sequence = np.zeros((lanes, 1, bundle.latent_dim), np.float32)
        self._last_row = np.zeros(lanes, np.int32)
        self._rows = np.zeros((), np.int32)
        sizes = {item.name: item.shape[1] for item in session.get_outputs()[:2]}
        self._results = {name: np.zeros((lanes, size), np.float32) for name, size in sizes.items()}
        self._answers: dict[int, tuple[Float32, float]] = {}
        self._step: Any = None
        self._turn = threading.Condition()
        self._taken: set[int] = set()
        self._waiting: set[int] = set()

    def acquire(self) -> int | None:
        """Return a lane that nobody has, or None."""
        with self._turn:
            free = set(range(len(self._used))) - self._taken
            # Of all that are free always the same: its voice is there already.
            lane = min(free, default=None)
            if lane is not None:
                self._taken.add(lane)
            return lane

    def release(self, lane: int) -> None:
        """Give a lane back."""
        with self._turn:
            self._taken.discard(lane)
            voice = self._voices[lane]
            self._used[lane] = 0 if voice is None else voice_length(voice)
            self._turn.notify_all()

    def prefill(self, lane: int, voice: Rows, text: Float32, frames: int) -> tuple[Float32, float]:
        """Put a voice and a text, shape (1, tokens, width), before so many frames; return what `decode` does.

        Text and the beginning of speech are one call, which reads the weights once.
        """
        with self._turn:
            count = text.shape[1] + 1
            # One more: the row that is filled when others step.
            self._reserve(voice_length(voice) + count + frames + 1)
            if self._voices[lane] is not voice:
                self._voices[lane] = voice
                for name, rows in voice.items():
                    self._caches[name][lane, :, : rows.shape[2]] = rows[0]
            self._used[lane] = voice_length(voice) + count
            part = slice(lane, lane + 1)
            last_row = self._used[part] - 1
            inputs = {
                "sequence": np.full_like(self._sequence[part], np.nan),
                "text_embeddings": text,
                "last_row": last_row,
                "rows": np.asarray(self._used[lane]),
            }
            caches = {name: cache[part] for name, cache in self._caches.items()}
            results = {name: np.empty((1, array.shape[1]), np.float32) for name, array in self._results.items()}
            self._session.run_with_iobinding(self._binding(inputs, caches, results))
            return results["conditioning"], float(results["eos_logit"][0, 0])

    def decode(self, lane: int, latent: Array) -> tuple[Float32, float]:
        """Return the condition after one more frame, shape (1, width), and the logit of the end of speech."""
        with self._turn:
            self._sequence[lane] = latent
            self._waiting.add(lane)
            self._turn.notify_all()
            until = time.monotonic() + MAX_WAIT_SECONDS
            try:
                while lane in self._waiting:
                    left = until - time.monotonic()
                    if self._waiting >= self._taken or left <= 0:
                        self._step_all()
                    else:
                        self._turn.wait(left)
            finally:
                self._waiting.discard(lane)
            return self._answers.pop(lane)

    def _step_all(self) -> None:
        np.copyto(self._last_row, self._used)
        self._rows[...] = self._used.max() + 1
        self._session.run_with_iobinding(self._step)
        # Kept for each: whoever is slow to wake must not find what another step left here.
        for lane in self._waiting:
            self._used[lane] += 1
            condition = self._results["conditioning"][lane : lane + 1].copy()
            self._answers[lane] = condition, float(self._results["eos_logit"][lane, 0])
        self._waiting.clear()
        self._turn.notify_all()

    def _reserve(self, rows: int) -> None:
        """Make room for so many rows in every lane. Raises `BundleError` for more than the graph has positions for."""
        if rows <= self._capacity:
            return
        if rows > MAX_ROWS:
            raise BundleError(
                f"Voice and text have {rows:,} frames, and engine onnx can do {MAX_ROWS:,}: use a shorter recording."
            )
        self._capacity = min(-(-rows // 256) * 256, MAX_ROWS)
        for name, cache in self._caches.items():
            grown = np.zeros((*cache.shape[:2], self._capacity, cache.shape[3]), np.float32)
            grown[:, :, : cache.shape[2]] = cache
            self._caches[name] = grown
        inputs = {
            "sequence": self._sequence,
            "text_embeddings": self._nothing,
            "last_row": self._last_row,
            "rows": self._rows,
        }
        self._step = self._binding(inputs, self._caches, self._results)

    def _binding(self, inputs: Mapping[str, Array], caches: Mapping[str, Array], results: Mapping[str, Array]) -> Any:
        """Return the arguments of a call that reads and writes these arrays where they are."""
        binding = self._session.io_binding()
        for name, array in (*inputs.items(), *caches.items()):
            binding.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        outputs = {state.output_name: caches[state.input_name] for state in self._states}
        for name, array in (*results.items(), *outputs.items()):
            binding.bind_output(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        return binding


def voice_length(voice: Rows) -> int:
    """Return how many rows a voice has."""
    return int(next(iter(voice.values())).shape[2])
