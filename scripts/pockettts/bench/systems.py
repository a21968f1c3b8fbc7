"""What can be measured: the engines of this project, and third-party programs that run the same model."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pockettts import files
from pockettts.bench.bench_models import BenchModel
from pockettts.bundle import Precision
from pockettts.config import SynthConfig
from pockettts.errors import UsageError

Kind = Literal["engine", "api", "generate", "serve", "sherpa", "pocketsynth"]


@dataclass(frozen=True, slots=True)
class System:
    """One way to synthesize speech. `engine` is an engine's id; `precision` that of the bundle, if one is needed."""

    name: str
    about: str
    kind: Kind = "engine"
    engine: str = ""
    quantize: bool = False
    precision: Precision | None = None
    texts: int = 1
    """How many texts it synthesizes at once, as a build does with an engine that batches."""
    package: str | None = None
    """The module that must be installed, where it may be missing."""

    @property
    def ours(self) -> bool:
        """Whether it is an engine of this project."""
        return self.kind == "engine"

    @property
    def comparable(self) -> bool:
        """Whether it gives a text the same length as the base does, where the model fixes the length."""
        return self.ours or self.name == BASE

    @property
    def everywhere(self) -> bool:
        """Whether it is measured with every number of threads and length of text: warm engines, and the base."""
        return self.comparable and self.engine != "cli"

    def synth(self) -> SynthConfig:
        """Return the settings of an engine."""
        return SynthConfig(quantize=self.quantize, precision=self.precision or "fp32")


BASE = "pocket-tts"
"""The system that ratios compare with: the Python interface of upstream, warm, unchanged."""

ENGINES = (
    System("cli", "engine cli: a process of `pocket-tts generate` for each piece of text", engine="cli"),
    System("torch", "engine torch: pocket-tts in one warm process, a frame a call, hence reproducible", engine="torch"),
    System("torch-int8", "engine torch with synth.quantize", engine="torch", quantize=True),
    System("onnx-fp32", "engine onnx, precision fp32", engine="onnx", precision="fp32", package="onnxruntime"),
    System(
        "onnx-fp32-x2",
        "the same with two texts at once, as it makes a book; speed is that of both together",
        engine="onnx",
        precision="fp32",
        texts=2,
        package="onnxruntime",
    ),
    System("onnx-int8", "engine onnx, precision int8", engine="onnx", precision="int8", package="onnxruntime"),
)
"""The engines, slowest to start first."""

THIRD_PARTY = (
    System(BASE, "`TTSModel.generate_audio_stream` of pocket-tts, warm: the base of the ratios", "api"),
    System("pocket-tts-generate", "plain `pocket-tts generate`, a process a text", "generate"),
    System("pocket-tts-serve", "plain `pocket-tts serve`, over HTTP", "serve"),
    System(
        "sherpa-onnx",
        "sherpa-onnx on the int8 bundle of this project",
        "sherpa",
        precision="int8",
        package="sherpa_onnx",
    ),
    System(
        "pocketsynth",
        "pocketsynth on the int8 bundle of this project",
        "pocketsynth",
        precision="int8",
        package="pocketsynth",
    ),
)
"""Third-party programs; the last two load the exported model of this project."""

SYSTEMS: Mapping[str, System] = {system.name: system for system in (*ENGINES, *THIRD_PARTY)}


def systems_named(names: Iterable[str]) -> tuple[System, ...]:
    """Return the systems of these names. Raises `UsageError`."""
    names = tuple(names)
    if unknown := [name for name in names if name not in SYSTEMS]:
        raise UsageError(f"There is no system {unknown[0]!r}; choose from {', '.join(SYSTEMS)}.")
    return tuple(SYSTEMS[name] for name in names)


def skip_reason(system: System, model: BenchModel) -> str | None:
    """Return why a system cannot run with this model here, None if it can."""
    if system.package and importlib.util.find_spec(system.package) is None:
        return f"not installed ({system.package})"
    if system.precision and system.precision not in model.bundles:
        return model.failed_bundles.get(system.precision, f"no exported model of precision {system.precision}")
    if system.kind in ("sherpa", "pocketsynth") and model.recording is None:
        return "needs a recording of the voice, and this voice is predefined"
    if system.kind == "sherpa" and system.precision and not _has_letters(model.bundles[system.precision]):
        return "cannot make the phones that this model's tokenizer needs"
    return None


def _has_letters(bundle: Path) -> bool:
    """Whether a tokenizer's pieces are made of letters: sherpa-onnx has only vocab.json to encode a text with."""
    pieces = (piece.lstrip("▁") for piece in files.read_json(bundle / "vocab.json"))
    return any(piece.isascii() and piece.isalpha() for piece in pieces)
