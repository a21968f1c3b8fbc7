"""From a text to samples with a bundle in memory: the frames of a take, one by one, and their sound in groups.

    text -> tokens -> text_conditioner -> flow_lm_step -> noise, flow_lm_flow -> latents -> mimi_decoder -> samples
                                          one thread, frame by frame                        another, some frames a call

What a frame is decoded with decides its last bits, so frames go to the decoder in groups of fixed sizes, whoever is
faster.
"""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pockettts.bundle import AGAIN, Bundle, Precision, read_bundle
from pockettts.config import SynthConfig
from pockettts.engines.onnx.batch import BatchedSession, Float32, Rows, voice_rows
from pockettts.engines.onnx.session import Array, Graph, States, check_names, describe_error, open_session
from pockettts.engines.pieces import load_encoder, prepare_text, read_runtime_config
from pockettts.errors import BundleError, EngineFailed, EngineTimeout, NoEndOfSpeech, PocketTTSError
from pockettts.upstream import (
    DEFAULT_DECODE_STEPS,
    DEFAULT_EOS_THRESHOLD,
    DEFAULT_TEMPERATURE,
    FADE_SECONDS,
    MIN_FRAMES_BEFORE_EOS,
    PADDING_SECONDS,
    TOKENS_PER_SECOND,
)
from pockettts.values import RATE, Int16, quoted, truncate_to_int16
from pockettts.voices import expected_layers

LANES: Mapping[Precision, int] = {"fp32": 2, "int8": 1}
"""How many takes a step is made for. Reading the weights is what a step costs, and two takes share it. In int8 they
would share the scale of their activations as well, and so depend on each other."""

GROUPS = (1, 2)
"""How many frames the first calls of the decoder get: few, so that the first sound comes soon."""
GROUP = 4
"""How many frames every further call gets."""


def frame_noise(seed: int, size: int, temperature: float, clamp: float | None) -> Iterator[Float32]:
    """Yield the noise of frame after frame, shape (1, size): normal, variance `temperature`, cut off at ±`clamp`.

    By the inverse of the distribution function, so that it depends on the bits of PCG64 and on nothing else of numpy.
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
    """Return after how many frames a text of so many tokens has run away."""
    return math.ceil((tokens / TOKENS_PER_SECOND + PADDING_SECONDS) * frame_rate)


def group_sizes() -> Iterator[int]:
    """Yield how many frames the decoder gets, call after call."""
    yield from GROUPS
    while True:
        yield GROUP


def decoding_error(text: str, error: Exception) -> EngineFailed:
    """Return the error of a text that ONNX Runtime failed at."""
    reason = f"{type(error).__name__}: {describe_error(error)}"
    return EngineFailed(f"ONNX Runtime failed for {quoted(text)}: {reason}", 1, reason)


def check_bundle(bundle: Bundle, config: Mapping[str, Any], synth: SynthConfig) -> None:
    """Raise `BundleError` for a bundle of a model of another shape, or of another precision than is asked for."""
    layers, heads, width = expected_layers(config)
    caches = [state.shape[3:] for state in bundle.flow_lm_states if state.key == "cache"]
    tokens = bundle.manifest["tokens"]
    if caches != [(heads, width)] * layers or tokens != config["flow_lm"]["lookup_table"]["n_bins"]:
        raise BundleError(f"{bundle.folder} was exported from another model: {AGAIN}.")
    if bundle.precision != synth.precision:
        raise BundleError(
            f"{bundle.folder} is of precision {bundle.precision}, and synth.precision is {synth.precision}: correct it,"
            " or name another folder."
        )


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text as the model gets it: `tokens` has the shape (1, tokens)."""

    text: str
    tokens: npt.NDArray[np.int64]
    max_frames: int
    frames_after_eos: int


class TakeSpeaker:
    """A bundle in memory, and the voices that have been asked for."""

    def __init__(self, bundle: Path, runtime_yaml: Path, synth: SynthConfig) -> None:
        self.config = config = read_runtime_config(runtime_yaml)
        self.synth = synth
        self._encode = load_encoder(config)
        self._bundle = found = read_bundle(bundle)
        check_bundle(found, config, synth)
        self._conditioner = Graph(found.graphs["text_conditioner"])
        self._step = open_session(found.graphs["flow_lm_step"])
        check_names(found.graphs["flow_lm_step"], self._step, found.step_states)
        self._flow = Graph(found.graphs["flow_lm_flow"])
        self._mimi = Graph(found.graphs["mimi_decoder"], found.mimi_states)
        self._silence = self._mimi.start()
        self._voices: dict[Path, Rows] = {}
        self._sessions: list[BatchedSession] = []
        self._acquiring = threading.Lock()
        self._decoding = ThreadPoolExecutor(1, "mimi")

    def close(self) -> None:
        """End the thread of the decoder."""
        self._decoding.shutdown(cancel_futures=True)

    def _setting(self, name: str, default: float) -> float:
        """Return a setting, where it is null the model's own, and where that has none, that of pocket-tts."""
        chosen = getattr(self.synth, name)
        return float(self.config.get(f"default_{name}", default) if chosen is None else chosen)

    def prompt(self, text: str) -> Prompt:
        """Prepare a text as pocket-tts does, twice: it prepares what it cuts, and what it then speaks."""
        ready, guess = prepare_text(prepare_text(text, self.config)[0].strip(), self.config)
        if not ready:
            raise EngineFailed(f"Nothing is left to speak of {quoted(text)} by the text rules of the model.", 1)
        tokens = np.asarray([self._encode(ready)], np.int64)
        wanted = self.synth.frames_after_eos
        if wanted is None:
            wanted = self.config.get("model_recommended_frames_after_eos")
        return Prompt(
            text=ready,
            tokens=tokens,
            max_frames=max_frames(tokens.shape[1], self.config["mimi"]["frame_rate"]),
            frames_after_eos=guess + 2 if wanted is None else wanted,
        )

    def voice(self, path: Path) -> Rows:
        """Return a voice, read once. Raises `VoiceError`."""
        if path not in self._voices:
            self._voices[path] = voice_rows(path, self.config, self._bundle.step_states)
        return self._voices[path]

    def _acquire(self) -> tuple[BatchedSession, int]:
        """Return a free lane of a session; if there is none, of a new one."""
        with self._acquiring:
            for session in self._sessions:
                if (lane := session.acquire()) is not None:
                    return session, lane
            session = BatchedSession(self._bundle, self._step, LANES[self._bundle.precision])
            self._sessions.append(session)
            lane = session.acquire()
            assert lane is not None
            return session, lane

    def speak(
        self, text: str, voice: Rows, seed: int, deadline: float, accept_runaway: bool
    ) -> Generator[Future[Int16] | None]:
        """Yield after every frame: the sound to come of the frames since the last one, or None.

        Raises `NoEndOfSpeech`, `EngineTimeout` and `EngineFailed`, which a sound to come may hold as well.
        """
        decode = Decoder(self._mimi, self._silence, text)
        sizes = group_sizes()
        size = next(sizes)
        group: list[Array] = []
        for latent in self._latents(self.prompt(text), voice, seed, deadline, accept_runaway):
            group.append(latent)
            if len(group) < size:
                yield None
                continue
            yield self._decoding.submit(decode, group)
            group, size = [], next(sizes)
        if group:
            yield self._decoding.submit(decode, group)

    def _latents(
        self, prompt: Prompt, voice: Rows, seed: int, deadline: float, accept_runaway: bool
    ) -> Iterator[Array]:
        """Yield frame after frame, each of the shape (1, 1, latent)."""
        temperature = self._setting("temperature", DEFAULT_TEMPERATURE)
        threshold = self._setting("eos_threshold", DEFAULT_EOS_THRESHOLD)
        size = self._bundle.latent_dim
        noise = frame_noise(seed, size, temperature, self.synth.noise_clamp)
        end: int | None = None
        session, lane = self._acquire()
        try:
            (text,), _ = self._conditioner({"token_ids": prompt.tokens}, {})
            condition, eos = session.prefill(lane, voice, text, prompt.max_frames)
            for frame in range(prompt.max_frames):
                if time.monotonic() > deadline:
                    raise EngineTimeout(
                        f"ONNX Runtime took more than {self.synth.timeout_seconds:g} s (synth.timeout_seconds) for"
                        f" {quoted(prompt.text)} and was stopped."
                    )
                if end is None and frame >= MIN_FRAMES_BEFORE_EOS and eos > threshold:
                    end = frame + prompt.frames_after_eos
                if end is not None and frame >= end:
                    return
                latent = self._sample(condition, next(noise))[:, None]
                yield latent
                condition, eos = session.decode(lane, latent)
        except PocketTTSError:
            raise
        except Exception as error:
            raise decoding_error(prompt.text, error) from error
        finally:
            session.release(lane)
        if not accept_runaway:
            raise NoEndOfSpeech(
                f"The model did not find the end of {quoted(prompt.text)}: it ran to its maximum length."
            )

    def _sample(self, condition: Array, noise: Array) -> Array:
        """Return a latent, shape (1, latent)."""
        steps = self.synth.decode_steps or DEFAULT_DECODE_STEPS
        latent = noise
        for step in range(steps):
            start, stop = (np.full((1, 1), place / steps, np.float32) for place in (step, step + 1))
            (direction,), _ = self._flow({"c": condition, "s": start, "t": stop, "x": latent}, {})
            latent = latent + direction / np.float32(steps)
        return latent


class Decoder:
    """Makes sound of the frames of one text, group after group."""

    def __init__(self, mimi: Graph, states: States, text: str) -> None:
        self._mimi = mimi
        self._states = states
        self._text = text
        self._fade: Array | None = np.linspace(0, 1, round(FADE_SECONDS * RATE), dtype=np.float32)

    def __call__(self, latents: Sequence[Array]) -> Int16:
        """Return the samples of the next frames. Raises `EngineFailed`."""
        try:
            (audio,), self._states = self._mimi({"latent": np.concatenate(latents, axis=1)}, self._states)
        except Exception as error:
            raise decoding_error(self._text, error) from error
        samples = audio.reshape(-1).copy()
        if not np.isfinite(samples).all():
            raise EngineFailed(f"The model gave values that are not numbers for {quoted(self._text)}.", 1)
        if self._fade is not None:
            # A fresh decoder begins with a click.
            samples[: len(self._fade)] *= self._fade
            self._fade = None
        return truncate_to_int16(samples)
