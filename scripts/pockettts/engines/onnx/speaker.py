"""From a text to samples with a bundle in memory.

    text -> tokens -> text_conditioner -> flow_lm_step, flow_lm_flow, noise -> latents -> mimi_decoder -> samples
                                          one thread for all texts, by frames             DECODERS threads, by groups

The number of frames per decoder call affects their last bits, so the groups have fixed sizes, regardless of timing.
"""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt

from pockettts.bundle import AGAIN, Bundle, read_bundle
from pockettts.config import SynthConfig
from pockettts.engines.onnx.batch import BatchedSession, Float32, Rows, SpokenText, voice_rows
from pockettts.engines.onnx.session import Array, Graph, States, check_names, open_session
from pockettts.engines.pieces import load_encoder, prepare_text, read_runtime_config
from pockettts.errors import (
    BundleError,
    EngineFailed,
    EngineTimeout,
    NoEndOfSpeech,
    PocketTTSError,
    SynthesisCancelled,
)
from pockettts.upstream import (
    DEFAULT_DECODE_STEPS,
    DEFAULT_EOS_THRESHOLD,
    DEFAULT_TEMPERATURE,
    FADE_SECONDS,
    MIN_FRAMES_BEFORE_EOS,
    PADDING_SECONDS,
    TOKENS_PER_SECOND,
)
from pockettts.values import RATE, Int16, describe_error, quoted, truncate_to_int16
from pockettts.voices import expected_layers

DECODERS = 2
"""Threads that turn frames into sound, each for a different text."""

GROUPS = (1, 2)
"""Frames of the first calls of the decoder: few, so that the first sound comes soon."""
GROUP = 4
"""Frames of every further call."""


def frame_noise(seed: int, size: int, temperature: float, clamp: float | None) -> Iterator[Float32]:
    """Yield the noise of frame after frame, shape (1, size): normal, variance `temperature`, cut off at ±`clamp`.

    Uses the inverse of the distribution function, so that it depends on the bits of PCG64 and on nothing else in numpy.
    """
    uniform = np.random.Generator(np.random.PCG64(seed))
    normal = statistics.NormalDist()
    deviation = math.sqrt(temperature)
    low, high = 0.0, 1.0
    if clamp is not None and deviation > 0:
        low, high = normal.cdf(-clamp / deviation), normal.cdf(clamp / deviation)
    while True:
        if deviation == 0:
            yield np.zeros((1, size), np.float32)
            continue
        # The middle of each of the 2**53 steps of `random`, so that neither end of the distribution is drawn.
        places = low + (uniform.random(size) + 2.0**-54) * (high - low)
        values = [normal.inv_cdf(min(place, 1 - 2.0**-53)) for place in places.tolist()]
        yield np.asarray([values], np.float64).astype(np.float32) * np.float32(deviation)


def max_frames(tokens: int, frame_rate: float) -> int:
    """Return the number of frames after which a text of `tokens` tokens counts as a runaway."""
    return math.ceil((tokens / TOKENS_PER_SECOND + PADDING_SECONDS) * frame_rate)


def group_sizes() -> Iterator[int]:
    """Yield the number of frames of each call of the decoder."""
    yield from GROUPS
    while True:
        yield GROUP


def decoding_error(text: str, error: Exception) -> EngineFailed:
    """Return the error for a text that ONNX Runtime failed at."""
    reason = f"{type(error).__name__}: {describe_error(error)}"
    return EngineFailed(f"ONNX Runtime failed for {quoted(text)}: {reason}", 1, reason)


def check_bundle(bundle: Bundle, config: Mapping[str, Any], synth: SynthConfig) -> None:
    """Raise `BundleError` for a bundle of a model of different shape, or not of the configured precision."""
    layers, heads, width = expected_layers(config)
    caches = [state.shape[3:] for state in bundle.flow_lm_states if state.key == "cache"]
    tokens = bundle.manifest["tokens"]
    if caches != [(heads, width)] * layers or tokens != config["flow_lm"]["lookup_table"]["n_bins"]:
        raise BundleError(f"{bundle.folder} was exported from a different model: {AGAIN}.")
    if bundle.precision != synth.precision:
        raise BundleError(
            f"{bundle.folder} is of precision {bundle.precision}, and synth.precision is {synth.precision}: correct it,"
            " or choose a different folder."
        )


@dataclass(frozen=True, slots=True)
class Prompt:
    """The input of the model for a text: `tokens` has the shape (1, tokens)."""

    text: str
    tokens: npt.NDArray[np.int64]
    max_frames: int
    frames_after_eos: int


class TakeSpeaker:
    """A bundle in memory, and the voices used so far."""

    def __init__(self, bundle: Path, runtime_yaml: Path, synth: SynthConfig) -> None:
        self.config = config = read_runtime_config(runtime_yaml)
        self.synth = synth
        self._encode = load_encoder(config)
        self._bundle = opened = read_bundle(bundle)
        check_bundle(opened, config, synth)
        self._conditioner = Graph(opened.graphs["text_conditioner"])
        step = open_session(opened.graphs["flow_lm_step"])
        check_names(opened.graphs["flow_lm_step"], step, opened.step_states)
        flow = open_session(opened.graphs["flow_lm_flow"])
        self._batch = BatchedSession(opened, step, flow, synth.decode_steps or DEFAULT_DECODE_STEPS)
        self._mimi = Graph(opened.graphs["mimi_decoder"], opened.mimi_states)
        self._silence = self._mimi.start()
        self._voices: dict[Path, Rows] = {}
        self._decoders = ThreadPoolExecutor(DECODERS, "mimi")

    def close(self) -> None:
        """End the threads."""
        self._batch.close()
        self._decoders.shutdown()

    def _setting(self, name: str, default: float) -> float:
        """Return a setting; if it is null, that of the model, or else the default of pocket-tts."""
        chosen = getattr(self.synth, name)
        return float(self.config.get(f"default_{name}", default) if chosen is None else chosen)

    def prompt(self, text: str) -> Prompt:
        """Prepare a text twice, as pocket-tts does: once before it cuts the text, and once before it speaks a piece."""
        ready, guess = prepare_text(prepare_text(text, self.config)[0].strip(), self.config)
        if not ready:
            raise EngineFailed(f"The text rules of the model leave nothing to speak of {quoted(text)}.", 1)
        tokens = np.asarray([self._encode(ready)], np.int64)
        frames_after_eos = self.synth.frames_after_eos
        if frames_after_eos is None:
            frames_after_eos = self.config.get("model_recommended_frames_after_eos")
        return Prompt(
            text=ready,
            tokens=tokens,
            max_frames=max_frames(tokens.shape[1], self.config["mimi"]["frame_rate"]),
            frames_after_eos=guess + 2 if frames_after_eos is None else frames_after_eos,
        )

    def voice(self, path: Path) -> Rows:
        """Return a voice, read once. Raises `VoiceError`."""
        if path not in self._voices:
            self._voices[path] = voice_rows(path, self.config, self._bundle.step_states)
        return self._voices[path]

    def speak(
        self,
        text: str,
        voice: Rows,
        seed: int,
        deadline: float,
        accept_runaway: bool,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Generator[Int16]:
        """Yield the samples of a text, one group of frames at a time, as soon as they are ready.

        Raises `NoEndOfSpeech`, `EngineTimeout`, `SynthesisCancelled` soon after `cancelled` became true, and
        `EngineFailed`.
        """
        prompt = self.prompt(text)
        sounds: SimpleQueue[Int16 | Exception | None] = SimpleQueue()
        threshold = self._setting("eos_threshold", DEFAULT_EOS_THRESHOLD)
        limits = Limits(threshold, deadline, self.synth.timeout_seconds, accept_runaway, cancelled)
        temperature = self._setting("temperature", DEFAULT_TEMPERATURE)
        noise = frame_noise(seed, self._bundle.latent_dim, temperature, self.synth.noise_clamp)
        decoder = Decoder(self._mimi, self._silence, prompt.text, self._decoders, sounds)
        try:
            (embeddings,), _ = self._conditioner({"token_ids": prompt.tokens}, {})
            spoken = PromptedText(prompt, voice, embeddings, noise, limits, decoder)
            self._batch.submit(spoken)
        except Exception as error:
            raise decoding_error(prompt.text, error) from error
        try:
            while (sound := sounds.get()) is not None:
                if isinstance(sound, PocketTTSError):
                    raise sound
                if isinstance(sound, Exception):
                    raise decoding_error(prompt.text, sound) from sound
                yield sound
        finally:
            spoken.unread = True


@dataclass(frozen=True, slots=True)
class Limits:
    """When a text ends. `deadline` is a time of `time.monotonic`, and `seconds` the setting behind it."""

    threshold: float
    deadline: float
    seconds: float
    accept_runaway: bool
    cancelled: Callable[[], bool]


class PromptedText(SpokenText):
    """A text in the batch: its noise, the end of its speech, and its decoder."""

    def __init__(
        self, prompt: Prompt, voice: Rows, text: Float32, noise: Iterator[Float32], limits: Limits, decoder: Decoder
    ) -> None:
        self.voice, self.text, self.max_frames = voice, text, prompt.max_frames
        self.unread = False
        """Whether the samples are no longer read."""
        self._prompt, self._noise, self._limits, self._decoder = prompt, noise, limits, decoder
        self._frames = 0
        self._end: int | None = None

    def wants_frame(self, eos: float) -> bool:
        """Return whether speech continues, as `SpokenText.wants_frame`."""
        frame, self._frames = self._frames, self._frames + 1
        limits, text = self._limits, quoted(self._prompt.text)
        if self.unread:
            return False
        if limits.cancelled():
            self.fail(SynthesisCancelled(f"Speaking {text} was cancelled."))
            return False
        if time.monotonic() > limits.deadline:
            reason = f"ONNX Runtime took more than {limits.seconds:g} s (synth.timeout_seconds) for {text}"
            self.fail(EngineTimeout(f"{reason} and was stopped."))
            return False
        if self._end is None and frame >= MIN_FRAMES_BEFORE_EOS and eos > limits.threshold:
            self._end = frame + self._prompt.frames_after_eos
        ended = self._end is not None and frame >= self._end
        if frame < self.max_frames and not ended:
            return True
        if ended or limits.accept_runaway:
            self._decoder.end(None)
        else:
            self.fail(NoEndOfSpeech(f"The model did not find the end of {text}: it ran to its maximum length."))
        return False

    def noise(self) -> Float32:
        """Return the noise of the next frame, shape (1, latent)."""
        return next(self._noise)

    def add_frame(self, latent: Float32) -> None:
        """Take the next frame, shape (1, 1, latent)."""
        self._decoder.add(latent)

    def fail(self, error: Exception) -> None:
        """End the sound with an error."""
        self._decoder.end(error)


class Decoder:
    """Turns the frames of one text into sound, one group at a time, in any free thread of a pool."""

    def __init__(
        self,
        mimi: Graph,
        states: States,
        text: str,
        threads: ThreadPoolExecutor,
        sounds: SimpleQueue[Int16 | Exception | None],
    ) -> None:
        self._mimi, self._states, self._text = mimi, states, text
        self._threads, self._sounds = threads, sounds
        self._fade: Array | None = np.linspace(0, 1, round(FADE_SECONDS * RATE), dtype=np.float32)
        self._sizes = group_sizes()
        self._size = next(self._sizes)
        self._group: list[Float32] = []
        self._ready: deque[list[Float32] | Exception | None] = deque()
        self._busy = False
        self._changes = threading.Lock()

    def add(self, latent: Float32) -> None:
        """Take a frame, shape (1, 1, latent); a full group is decoded."""
        self._group.append(latent)
        if len(self._group) == self._size:
            self._put(self._group)
            self._group, self._size = [], next(self._sizes)

    def end(self, error: Exception | None) -> None:
        """Decode the remaining frames, then put the error, or None for the end, into the queue of sounds."""
        if self._group and error is None:
            self._put(self._group)
        self._put(error)

    def _put(self, item: list[Float32] | Exception | None) -> None:
        with self._changes:
            self._ready.append(item)
            if self._busy:
                return
            self._busy = True
        self._threads.submit(self._drain)

    def _drain(self) -> None:
        """Decode all ready groups. One thread at a time serves a text, because a group needs the states of the last."""
        while True:
            with self._changes:
                if not self._ready:
                    self._busy = False
                    return
                item = self._ready.popleft()
            try:
                self._sounds.put(self._decode(item) if isinstance(item, list) else item)
            except Exception as error:
                self._sounds.put(error)

    def _decode(self, latents: Sequence[Float32]) -> Int16:
        (audio,), self._states = self._mimi({"latent": np.concatenate(latents, axis=1)}, self._states)
        samples = audio.reshape(-1).copy()
        if not np.isfinite(samples).all():
            raise EngineFailed(f"The model returned values that are not numbers for {quoted(self._text)}.", 1)
        if self._fade is not None:
            # A fresh decoder begins with a click.
            samples[: len(self._fade)] *= self._fade
            self._fade = None
        return truncate_to_int16(samples)
