"""Who can be measured: the engines of this project, and other programs that speak with the same model."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pockettts import files
from pockettts.bundle import Precision
from pockettts.errors import UsageError

Kind = Literal["engine", "api", "generate", "serve", "sherpa", "pocketsynth"]


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to speak. `engine` is an engine's id; `precision` is that of the exported model, if one is needed."""

    name: str
    kind: Kind = "engine"
    engine: str = ""
    quantize: bool = False
    precision: Precision | None = None
    texts: int = 1
    """How many texts it speaks at once, as a build has an engine with lanes do."""
    package: str | None = None
    """The module that must be installed, where that is not sure."""

    @property
    def ours(self) -> bool:
        """Whether it is an engine of this project."""
        return self.kind == "engine"


@dataclass(frozen=True, slots=True)
class Subject:
    """A model to speak with. `fixed`: every text has the length that its tokens give, whoever speaks."""

    name: str
    runtime: Path
    voice: Path
    recording: Path | None = None
    bundles: Mapping[str, Path] | None = None
    fixed: bool = False


ENGINES = (
    Contender("cli", engine="cli"),
    Contender("torch", engine="torch"),
    Contender("torch-int8", engine="torch", quantize=True),
    Contender("onnx-fp32", engine="onnx", precision="fp32", package="onnxruntime"),
    Contender("onnx-fp32-x2", engine="onnx", precision="fp32", texts=2, package="onnxruntime"),
    Contender("onnx-int8", engine="onnx", precision="int8", package="onnxruntime"),
)
"""The engines, slowest to start first."""

SAMPLE = ENGINES[1]
"""The engine that speaks the sample of the report."""

BASE = "pocket-tts"
"""The contender that ratios compare with: the Python interface of upstream, warm, as it comes."""

PEERS = (
    Contender(BASE, "api"),
    Contender("pocket-tts-generate", "generate"),
    Contender("pocket-tts-serve", "serve"),
    Contender("sherpa-onnx", "sherpa", precision="int8", package="sherpa_onnx"),
    Contender("pocketsynth", "pocketsynth", precision="int8", package="pocketsynth"),
)
"""Programs of others; the last two load the exported model of this project."""

CONTENDERS: Mapping[str, Contender] = {contender.name: contender for contender in (*ENGINES, *PEERS)}

ABOUT: Mapping[str, str] = {
    "cli": "engine cli: a process of `pocket-tts generate` for each piece of text",
    "torch": "engine torch: pocket-tts in one warm process, a frame a call, hence reproducible",
    "torch-int8": "engine torch with synth.quantize",
    "onnx-fp32": "engine onnx, precision fp32",
    "onnx-fp32-x2": "the same with two texts at once, as it makes a book; speed is that of both together",
    "onnx-int8": "engine onnx, precision int8",
    BASE: "`TTSModel.generate_audio_stream` of pocket-tts, warm: the base of the ratios",
    "pocket-tts-generate": "plain `pocket-tts generate`, a process a text",
    "pocket-tts-serve": "plain `pocket-tts serve`, asked over HTTP",
    "sherpa-onnx": "sherpa-onnx on the int8 bundle of this project",
    "pocketsynth": "pocketsynth on the int8 bundle of this project",
}


def find(names: tuple[str, ...]) -> tuple[Contender, ...]:
    """Return the contenders of these names. Raises `UsageError`."""
    if unknown := [name for name in names if name not in CONTENDERS]:
        raise UsageError(f"There is no contender {unknown[0]!r}; choose from {', '.join(CONTENDERS)}.")
    return tuple(CONTENDERS[name] for name in names)


def obstacle(contender: Contender, subject: Subject) -> str | None:
    """Say why a contender cannot speak with this model here, None if it can."""
    if contender.package and importlib.util.find_spec(contender.package) is None:
        return f"not installed ({contender.package})"
    if contender.precision and contender.precision not in (subject.bundles or {}):
        return f"no exported model of precision {contender.precision}"
    if contender.kind in ("sherpa", "pocketsynth") and subject.recording is None:
        return "needs a recording of the voice, and this one is predefined"
    if contender.kind == "sherpa" and contender.precision and not _spells((subject.bundles or {})[contender.precision]):
        return "cannot make the phones that this model's tokenizer writes"
    return None


def _spells(bundle: Path) -> bool:
    """Whether the pieces of a tokenizer are made of letters: who reads vocab.json has nothing else to go by."""
    pieces = (piece.lstrip("▁") for piece in files.read_json(bundle / "vocab.json"))
    return any(piece.isascii() and piece.isalpha() for piece in pieces)
