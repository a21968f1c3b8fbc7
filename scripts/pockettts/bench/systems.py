"""What can be measured: the engines of this project, and third-party programs that run the same model."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pockettts import files
from pockettts.bench.bench_models import BenchModel
from pockettts.bundle import Precision
from pockettts.errors import UsageError


@dataclass(frozen=True, slots=True)
class System:
    """One way to synthesize speech: `kind` is its opener in `adapters`, `engine` the id of an engine of this project.

    `precision` is that of the bundle that it needs, `texts` how many texts it speaks at once, as a book does with an
    engine that batches, and `package` a module that may be missing.
    """

    name: str
    about: str
    kind: str = "engine"
    engine: str = ""
    quantize: bool = False
    precision: Precision | None = None
    texts: int = 1
    package: str | None = None

    @property
    def comparable(self) -> bool:
        """Whether it gives a text the same length as the base does, where the model fixes the length."""
        return self.kind == "engine" or self.name == BASE

    @property
    def everywhere(self) -> bool:
        """Whether it is measured with every number of threads and length of text: warm engines, and the base."""
        return self.comparable and self.engine != "cli"


def _onnx(precision: Precision, texts: int) -> System:
    about = f"{texts} texts at once; speed is that of all together" if texts > 1 else "one text at a time"
    name = f"onnx-{precision}" + (f"-x{texts}" if texts > 1 else "")
    about = f"engine onnx, precision {precision}, {about}"
    return System(name, about, engine="onnx", precision=precision, texts=texts, package="onnxruntime")


BASE = "pocket-tts"
"""The system that ratios compare with: the Python interface of upstream, warm, unchanged."""

ENGINES = (
    System("cli", "engine cli: a process of `pocket-tts generate` for each piece of text", engine="cli"),
    System("torch", "engine torch: pocket-tts in one warm process, a frame a call, hence reproducible", engine="torch"),
    System("torch-int8", "engine torch with synth.quantize", engine="torch", quantize=True),
    *(_onnx("fp32", texts) for texts in (1, 2, 8)),
    *(_onnx("int8", texts) for texts in (1, 8)),
)
"""The engines, slowest to start first."""

_ON_BUNDLE = "on the int8 bundle of this project"
THIRD_PARTY = (
    System(BASE, "`TTSModel.generate_audio_stream` of pocket-tts, warm: the base of the ratios", "api"),
    System("pocket-tts-generate", "plain `pocket-tts generate`, a process a text", "generate"),
    System("pocket-tts-serve", "plain `pocket-tts serve`, over HTTP", "serve"),
    System("sherpa-onnx", f"sherpa-onnx {_ON_BUNDLE}", "sherpa", precision="int8", package="sherpa_onnx"),
    System("pocketsynth", f"pocketsynth {_ON_BUNDLE}", "pocketsynth", precision="int8", package="pocketsynth"),
)

SYSTEMS: Mapping[str, System] = {system.name: system for system in (THIRD_PARTY[0], *ENGINES, *THIRD_PARTY[1:])}
"""All systems, in the order of the tables."""


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
