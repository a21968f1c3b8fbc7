"""Engine `onnx`: runs an exported model in this process with ONNX Runtime; PyTorch is never imported.

The samples of a take depend on text, seed, settings and bundle, and not on earlier texts.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pockettts.bundle import FORMAT
from pockettts.config import SynthConfig
from pockettts.engines import Engine
from pockettts.engines.cli import check_tts_args, token_limit
from pockettts.engines.onnx.batch import LANES
from pockettts.engines.onnx.speaker import TakeSpeaker
from pockettts.engines.pieces import PAUSE_SAMPLES, Splitter, piece_seed
from pockettts.errors import ConfigError, ExecutableNotFound, UsageError
from pockettts.values import Int16

# Part of every content key: raise it when the samples for the same bundle, text and seed change.
ENGINE_VERSION = 2


def identity() -> dict[str, str]:
    """Return the versions that decide the samples of this engine. Raises `ExecutableNotFound`.

    They include those of the exporter: weights, format and versions determine the bundle. Its hash is of no use,
    because content keys are computed before the export.
    """
    return {"engine": f"onnx {ENGINE_VERSION}", "bundle": FORMAT, **_versions()}


@functools.cache
def _versions() -> dict[str, str]:
    try:
        return {name: importlib.metadata.version(name) for name in ("onnx", "onnx-ir", "onnxruntime", "onnxscript")}
    except importlib.metadata.PackageNotFoundError as error:
        raise ExecutableNotFound(f"Engine onnx needs the package {error.name}: run `pip install '.[onnx]'`.") from None


def check_settings(synth: SynthConfig) -> None:
    """Raise `ConfigError` for settings that only PyTorch or the command line supports."""
    if unknown := sorted(set(check_tts_args(synth.tts_args)) - {"max-tokens"}):
        raise ConfigError(f"synth.tts_args.{unknown[0]} is a flag of the command line: set engine to cli.")
    if synth.executable is not None:
        raise ConfigError("synth.executable is for engine cli; engine onnx uses the ONNX Runtime of this environment.")
    if synth.quantize:
        raise ConfigError("synth.quantize is for PyTorch; for engine onnx set synth.precision to int8.")


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
        self._speaker: TakeSpeaker | None = None
        self._loading = threading.Lock()

    def close(self) -> None:
        """Release the model."""
        speaker, self._speaker = self._speaker, None
        if speaker is not None:
            speaker.close()

    def use_voice(self, voice: Path) -> None:
        """Change the exported voice, as `Engine.use_voice`."""
        self.voice = voice.absolute()

    @property
    def lanes(self) -> int:
        """How many texts it speaks at about the cost of one, as `Engine.lanes`."""
        return LANES

    def load(self) -> None:
        """Load the bundle and the voice on first use. Raises `ModelError` and `VoiceError`."""
        with self._loading:
            if self._speaker is None:
                self._speaker = TakeSpeaker(self.bundle, self.runtime_yaml, self.synth)
            self._speaker.voice(self.voice)

    def synthesize(self, text: str, seed: int, *, accept_runaway: bool = False) -> Int16:
        """Speak a text, as `Engine.synthesize`; also raises `UsageError`, `ModelError` and `VoiceError`."""
        parts = self.stream(text, seed, accept_runaway=accept_runaway)
        return np.concatenate([np.zeros(0, np.int16), *parts])

    def stream(self, text: str, seed: int, *, accept_runaway: bool = False) -> Iterator[Int16]:
        """Yield the samples of `synthesize` as soon as they are ready. The first ones come after one frame."""
        pieces = self._split(text)
        self.load()
        assert self._speaker is not None
        voice = self._speaker.voice(self.voice)
        deadline = time.monotonic() + self.synth.timeout_seconds
        for index, piece in enumerate(pieces):
            if index:
                yield np.zeros(PAUSE_SAMPLES, np.int16)
            speech = self._speaker.speak(
                piece, voice, piece_seed(seed, index), deadline, accept_runaway, lambda: self.cancelled()
            )
            # Closing frees its lane in the batch at once when this generator ends early.
            with contextlib.closing(speech) as sounds:
                yield from sounds
