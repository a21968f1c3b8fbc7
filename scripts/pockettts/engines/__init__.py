"""Engines speak a chunk: one small protocol, and an implementation for each way to run Pocket TTS."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from pockettts.config import SynthConfig
from pockettts.errors import UsageError
from pockettts.values import Int16

ENGINES = ("cli", "torch", "onnx")


class Engine(ABC):
    """Turns text into sound with one voice. A context manager; what it holds is released by `close`."""

    name: ClassVar[str]
    """The engine's id in config.yaml."""
    cancelled: Callable[[], bool] = staticmethod(lambda: False)
    """Called after every frame; true once the audio is no longer needed."""

    @property
    def seeded(self) -> bool:
        """Whether the same text and seed give the same samples."""
        return True

    @property
    def lanes(self) -> int:
        """How many texts it speaks at once, each in its own thread, at about the cost of one."""
        return 1

    @abstractmethod
    def synthesize(self, text: str, seed: int, *, accept_runaway: bool = False) -> Int16:
        """Return the samples of `text`, mono at 24 kHz, shape (samples,), without pocket-tts's 200 ms of silence.

        Raises subclasses of `EngineError`: `NoEndOfSpeech` where the model ran to its maximum length (with
        `accept_runaway` that audio is returned), `EngineTimeout`, `EngineFailed`, `ExecutableNotFound`,
        `SynthesisCancelled` soon after `cancelled` became true.
        """

    def stream(self, text: str, seed: int, *, accept_runaway: bool = False) -> Iterator[Int16]:
        """Yield the samples of `synthesize` in parts as soon as they are ready; in one part if it cannot stream."""
        yield self.synthesize(text, seed, accept_runaway=accept_runaway)

    @abstractmethod
    def use_voice(self, voice: Path) -> None:
        """Change the exported voice; the model stays loaded. The next `synthesize` raises the faults of the voice."""

    def close(self) -> None:  # noqa: B027 an engine may hold nothing
        """Release what the engine holds."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_engine(name: str, runtime_yaml: Path, voice: Path, synth: SynthConfig, bundle: Path | None = None) -> Engine:
    """Open the engine `name` on a model's configuration and an exported voice (.safetensors).

    Engine onnx also needs `bundle`, the folder of the exported model. This is cheap: the first
    `synthesize` loads the model. Raises `UsageError` for an unknown name, `ConfigError` for impossible `tts_args`,
    `ExecutableNotFound` if pocket-tts or ONNX Runtime is missing.
    """
    if name == "cli":
        from pockettts.engines.cli import CliEngine

        return CliEngine(runtime_yaml, voice, synth)
    if name == "torch":
        from pockettts.engines.torch import TorchEngine

        return TorchEngine(runtime_yaml, voice, synth)
    if name == "onnx":
        from pockettts.engines.onnx import OnnxEngine

        return OnnxEngine(runtime_yaml, voice, synth, bundle)
    raise UsageError(f"There is no engine {name!r}; choose one of {', '.join(ENGINES)}.")
