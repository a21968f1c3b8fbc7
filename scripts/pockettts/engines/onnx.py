"""Engine `onnx`: an exported model in this process, by ONNX Runtime; PyTorch is never imported.

    text -> tokens -> text_conditioner -> flow_lm_step -> noise, flow_lm_flow -> latents -> mimi_decoder -> samples
                                          one thread, frame by frame                        another, some frames a call

What a frame is decoded with decides its last bits, so frames go to the decoder in groups of fixed sizes, whoever is
faster. The samples of a take depend on text, seed, settings and bundle, and not on what was spoken before.
"""

from __future__ import annotations

import importlib.metadata
import math
import statistics
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import safe_open

from pockettts.config import SynthConfig
from pockettts.engines import Engine
from pockettts.engines.cli import check_tts_args, token_limit
from pockettts.engines.pieces import (
    PAUSE_SAMPLES,
    Splitter,
    load_encoder,
    piece_seed,
    prepare_text,
    read_runtime_config,
)
from pockettts.errors import (
    BundleError,
    ConfigError,
    EngineFailed,
    EngineTimeout,
    ExecutableNotFound,
    NoEndOfSpeech,
    PocketTTSError,
    UsageError,
    VoiceError,
)
from pockettts.onnx.bundle import AGAIN, FORMAT, MAX_ROWS, Bundle, Precision, State, read_bundle
from pockettts.values import RATE, Int16, quoted, truncate_to_int16
from pockettts.voices import check_shapes, check_values, expected_layers, read_tensors

Float32 = npt.NDArray[np.float32]
Array = npt.NDArray[Any]
# By the name of the input; the values are onnxruntime's.
States = Mapping[str, Any]

# In every content key: raise it when the same bundle, text and seed give other samples.
ENGINE_VERSION = 2

# Of pocket-tts 4.0.1: TTSModel, default_parameters and _decode_audio_worker.
TOKENS_PER_SECOND = 3.0
PADDING_SECONDS = 2.0
MIN_FRAMES_BEFORE_EOS = 6
TEMPERATURE = 0.3
EOS_THRESHOLD = -4.0
DECODE_STEPS = 1
FADE_SECONDS = 0.005

THREADS = 1
"""Threads of ONNX Runtime for one call of a graph. Another number divides sums elsewhere: the last bits differ."""

LANES: Mapping[Precision, int] = {"fp32": 2, "int8": 1}
"""How many takes a step is made for. Reading the weights is what a step costs, and two takes share it. In int8 they
would share the scale of their activations as well, and so depend on each other."""

PATIENCE = 0.02
"""Seconds that a take waits at a step for the other one of its room."""

GROUPS = (1, 2)
"""How many frames the first calls of the decoder get: few, so that the first sound comes soon."""
GROUP = 4
"""How many frames every further call gets."""


def identity() -> dict[str, str]:
    """Return what tells the samples of this engine from those of another version. Raises `ExecutableNotFound`.

    The exporter's part is here as well: weights, format and versions make the bundle, which is named by no hash of it
    because a key is known before anything is exported.
    """
    try:
        versions = {name: importlib.metadata.version(name) for name in ("onnx", "onnx-ir", "onnxruntime", "onnxscript")}
    except importlib.metadata.PackageNotFoundError as error:
        raise ExecutableNotFound(f"Engine onnx needs the package {error.name}: run `pip install '.[onnx]'`.") from None
    return {"engine": f"onnx {ENGINE_VERSION}", "bundle": FORMAT, **versions}


def check_settings(synth: SynthConfig) -> None:
    """Raise `ConfigError` for settings that only PyTorch or the command line can follow."""
    if unknown := sorted(set(check_tts_args(synth.tts_args)) - {"max-tokens"}):
        raise ConfigError(f"synth.tts_args.{unknown[0]} is a flag of the command line: set engine to cli.")
    if synth.executable is not None:
        raise ConfigError("synth.executable is for engine cli; engine onnx uses the ONNX Runtime of this environment.")
    if synth.quantize:
        raise ConfigError("synth.quantize is for PyTorch; for engine onnx set synth.precision to int8.")


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
    reason = f"{type(error).__name__}: {_reason(error)}"
    return EngineFailed(f"ONNX Runtime failed for {quoted(text)}: {reason}", 1, reason)


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


# --- graphs -------------------------------------------------------------------------------------------------------


def open_session(path: Path) -> Any:
    """Load a graph into ONNX Runtime. Raises `BundleError`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # A plan of memory is kept for each shape, and the shapes of a prompt are many.
    options.enable_mem_pattern = False
    for owner in ("intra_op", "inter_op"):
        options.add_session_config_entry(f"session.{owner}.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    # What ONNX Runtime raises shares no other base.
    except Exception as error:
        raise BundleError(f"ONNX Runtime cannot load {path} ({_reason(error)}): {AGAIN}.") from None


def check_names(path: Path, session: Any, states: Sequence[State]) -> None:
    """Raise `BundleError` for a graph that has not the states that the manifest says."""
    found = {item.name for item in (*session.get_inputs(), *session.get_outputs())}
    if missing := {name for state in states for name in (state.input_name, state.output_name)} - found:
        raise BundleError(f"The graph {path} has no {min(missing)}, which its manifest names: {AGAIN}.")


class Graph:
    """One graph of a bundle. Its states stay with ONNX Runtime, so that a call copies none of them."""

    def __init__(self, path: Path, states: Sequence[State] = ()) -> None:
        import onnxruntime

        self._session = open_session(path)
        check_names(path, self._session, states)
        kept = [state.output_name for state in states]
        self.states = tuple(states)
        self._data = [item.name for item in self._session.get_outputs() if item.name not in kept]
        self._outputs = [*self._data, *kept]
        self._value = onnxruntime.OrtValue.ortvalue_from_numpy

    def start(self) -> States:
        """Return the states before the first call."""
        return {state.input_name: self._value(state.initial()) for state in self.states}

    def __call__(self, data: Mapping[str, Array], states: States) -> tuple[list[Array], States]:
        """Return the outputs, and the states for the next call; `states` stays as it is."""
        inputs = {**{name: self._value(array) for name, array in data.items()}, **states}
        values = self._session.run_with_ort_values(self._outputs, inputs)
        count = len(self._data)
        following = {s.input_name: value for s, value in zip(self.states, values[count:], strict=True)}
        return [value.numpy() for value in values[:count]], following


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


class Room:
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

    def enter(self) -> int | None:
        """Return a lane that nobody has, or None."""
        with self._turn:
            free = set(range(len(self._used))) - self._taken
            # Of all that are free always the same: its voice is there already.
            lane = min(free, default=None)
            if lane is not None:
                self._taken.add(lane)
            return lane

    def leave(self, lane: int) -> None:
        """Give a lane back."""
        with self._turn:
            self._taken.discard(lane)
            voice = self._voices[lane]
            self._used[lane] = 0 if voice is None else _length(voice)
            self._turn.notify_all()

    def begin(self, lane: int, voice: Rows, text: Float32, frames: int) -> tuple[Float32, float]:
        """Put a voice and a text, shape (1, tokens, width), before so many frames; return what `step` does.

        Text and the beginning of speech are one call, which reads the weights once.
        """
        with self._turn:
            count = text.shape[1] + 1
            # One more: the row that is filled when others step.
            self._reserve(_length(voice) + count + frames + 1)
            if self._voices[lane] is not voice:
                self._voices[lane] = voice
                for name, rows in voice.items():
                    self._caches[name][lane, :, : rows.shape[2]] = rows[0]
            self._used[lane] = _length(voice) + count
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

    def step(self, lane: int, latent: Array) -> tuple[Float32, float]:
        """Return the condition after one more frame, shape (1, width), and the logit of the end of speech."""
        with self._turn:
            self._sequence[lane] = latent
            self._waiting.add(lane)
            self._turn.notify_all()
            until = time.monotonic() + PATIENCE
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


def _length(voice: Rows) -> int:
    return int(next(iter(voice.values())).shape[2])


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


# --- speaking -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text as the model gets it: `tokens` has the shape (1, tokens)."""

    text: str
    tokens: npt.NDArray[np.int64]
    max_frames: int
    frames_after_eos: int


class Speaker:
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
        self._rooms: list[Room] = []
        self._entering = threading.Lock()
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

    def _enter(self) -> tuple[Room, int]:
        """Return a free lane of a room; if there is none, of a new one."""
        with self._entering:
            for room in self._rooms:
                if (lane := room.enter()) is not None:
                    return room, lane
            room = Room(self._bundle, self._step, LANES[self._bundle.precision])
            self._rooms.append(room)
            lane = room.enter()
            assert lane is not None
            return room, lane

    def speak(
        self, text: str, voice: Rows, seed: int, deadline: float, accept_runaway: bool
    ) -> Iterator[Future[Int16] | None]:
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
        temperature = self._setting("temperature", TEMPERATURE)
        threshold = self._setting("eos_threshold", EOS_THRESHOLD)
        size = self._bundle.latent_dim
        noise = frame_noise(seed, size, temperature, self.synth.noise_clamp)
        end: int | None = None
        room, lane = self._enter()
        try:
            (text,), _ = self._conditioner({"token_ids": prompt.tokens}, {})
            condition, eos = room.begin(lane, voice, text, prompt.max_frames)
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
                condition, eos = room.step(lane, latent)
        except PocketTTSError:
            raise
        except Exception as error:
            raise decoding_error(prompt.text, error) from error
        finally:
            room.leave(lane)
        if not accept_runaway:
            raise NoEndOfSpeech(
                f"The model did not find the end of {quoted(prompt.text)}: it ran to its maximum length."
            )

    def _sample(self, condition: Array, noise: Array) -> Array:
        """Return a latent, shape (1, latent)."""
        steps = self.synth.decode_steps or DECODE_STEPS
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


# --- the engine ---------------------------------------------------------------------------------------------------


class OnnxEngine(Engine):
    """Speaks with a bundle that stays in memory, loaded by the first call. Several threads may use it at once."""

    name = "onnx"

    def __init__(self, runtime_yaml: Path, voice: Path, synth: SynthConfig, bundle: Path | None) -> None:
        check_settings(synth)
        if bundle is None:
            raise UsageError("Engine onnx needs an exported model; name its folder with --bundle.")
        self.runtime_yaml = runtime_yaml.absolute()
        self.voice = voice.absolute()
        self.synth = synth
        self.bundle = bundle.absolute()
        self._split = Splitter(self.runtime_yaml, token_limit(check_tts_args(synth.tts_args)))
        self._speaker: Speaker | None = None
        self._loading = threading.Lock()

    def close(self) -> None:
        """Let go of the model."""
        speaker, self._speaker = self._speaker, None
        if speaker is not None:
            speaker.close()

    def use_voice(self, voice: Path) -> None:
        """Speak with another exported voice from now on, as `Engine.use_voice`."""
        self.voice = voice.absolute()

    @property
    def lanes(self) -> int:
        """How many texts it speaks at about the cost of one, as `Engine.lanes`."""
        return LANES[self.synth.precision]

    def load(self) -> None:
        """Load the bundle and the voice, if that is still to be done. Raises `ModelError` and `VoiceError`."""
        with self._loading:
            if self._speaker is None:
                self._speaker = Speaker(self.bundle, self.runtime_yaml, self.synth)
            self._speaker.voice(self.voice)

    def synthesize(self, text: str, seed: int, *, accept_runaway: bool = False) -> Int16:
        """Speak a text, as `Engine.synthesize`; also raises `UsageError`, `ModelError` and `VoiceError`."""
        parts = self.stream(text, seed, accept_runaway=accept_runaway)
        return np.concatenate([np.zeros(0, np.int16), *parts])

    def stream(self, text: str, seed: int, *, accept_runaway: bool = False) -> Iterator[Int16]:
        """Yield the samples of `synthesize` as soon as they are there. The first ones come after one frame."""
        pieces = self._split(text)
        self.load()
        assert self._speaker is not None
        voice = self._speaker.voice(self.voice)
        deadline = time.monotonic() + self.synth.timeout_seconds
        waiting: deque[Future[Int16]] = deque()
        heard = False
        try:
            for index, piece in enumerate(pieces):
                if index:
                    pause: Future[Int16] = Future()
                    pause.set_result(np.zeros(PAUSE_SAMPLES, np.int16))
                    waiting.append(pause)
                for sound in self._speaker.speak(piece, voice, piece_seed(seed, index), deadline, accept_runaway):
                    if sound is not None:
                        waiting.append(sound)
                    # Nobody hears anything yet: the first sound is worth more than the next frame.
                    while waiting and (waiting[0].done() or not heard):
                        heard = True
                        yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
