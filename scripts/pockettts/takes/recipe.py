"""What a take is named by: the recipe of all that decides its samples, its content key, and the seeds of attempts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pockettts.config import SynthConfig
from pockettts.engines import onnx
from pockettts.engines import torch as torch_engine
from pockettts.engines.cli import check_tts_args
from pockettts.engines.pieces import PIECES_VERSION
from pockettts.upstream import find_command
from pockettts.values import canonical_json, digest, sha256_text

FORMAT = 1
"""In every content key and every sidecar: raise it when the store's takes can no longer be used."""


@dataclass(frozen=True)
class Recipe:
    """All that decides the samples of a take but its text."""

    values: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return dict(self.values)

    @cached_property
    def canonical(self) -> str:
        """The one JSON text of these values."""
        return canonical_json(self.as_dict(), escaped=True)


def make_recipe(engine: str, synth: SynthConfig, *, model: Mapping[str, Any], voice: Mapping[str, Any]) -> Recipe:
    """Collect the recipe from the settings and the pins of the model and the voice.

    The engines `cli` and `torch` give the same bytes, so they share their takes; engine `onnx` has its own. Raises
    `ConfigError` for settings that the engine cannot follow and `ExecutableNotFound`.
    """
    decode: dict[str, Any] = {
        "temperature": synth.temperature,
        "decode_steps": synth.decode_steps,
        "noise_clamp": synth.noise_clamp,
        "eos_threshold": synth.eos_threshold,
        "frames_after_eos": synth.frames_after_eos,
    }
    if engine == "onnx":
        onnx.check_settings(synth)
        # Upstream makes the voice, and its weights the bundle.
        program = {**find_command().identity(), **onnx.identity()}
        decode["precision"] = synth.precision
    else:
        if engine == "torch":
            torch_engine.check_settings(synth)
        program = find_command(synth.executable).identity()
        decode["quantize"] = synth.quantize
    return Recipe(
        {
            "format": FORMAT,
            "program": program,
            "pieces": PIECES_VERSION,
            "model": dict(model),
            "voice": dict(voice),
            "decode": decode,
            "seed": synth.seed,
            "tts_args": check_tts_args(synth.tts_args),
        }
    )


def content_key(text: str, recipe: Recipe) -> str:
    """Return the name of the take that speaks `text` by `recipe`: 32 hex characters of a sha256."""
    # The canonical JSON of {"recipe": ..., "text": ...}; a book has thousands of texts and one recipe.
    return sha256_text(f'{{"recipe":{recipe.canonical},"text":{canonical_json(text, escaped=True)}}}')[:32]


def seed_for(key: str, attempt: int) -> int:
    """Return the seed of an attempt (from 0) at a take, below 2**31."""
    return int(digest([key, attempt])[:8], 16) >> 1
