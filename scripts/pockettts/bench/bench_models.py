"""The models that are measured: one of the manifest, or the architecture of one with random weights.

Random weights cost as much as trained ones. Their end of speech never comes, so every text has the length that its
tokens give; and nothing is downloaded.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pockettts import files
from pockettts.audio.wav import write_wav
from pockettts.bundle import Precision
from pockettts.values import RATE
from pockettts.voices import Recording, Voice

RANDOM = "random-"
"""Before the id of a model in the settings: its architecture with random weights."""

NEVER = 1e6
"""A threshold of the end of speech that no frame reaches."""

VOICE_SECONDS = 10
PRECISIONS: tuple[Precision, ...] = ("fp32", "int8")


@dataclass(frozen=True, slots=True)
class BenchModel:
    """A model to measure with: its files, and its bundles by precision.

    `failed_bundles` has the reason for each precision that could not be exported or verified.
    """

    name: str
    runtime: Path
    voice: Path
    recording: Path | None = None
    bundles: Mapping[Precision, Path] = field(default_factory=dict)
    failed_bundles: Mapping[Precision, str] = field(default_factory=dict)


def is_random(name: str) -> bool:
    """Whether a name in `bench.models` asks for random weights."""
    return name.startswith(RANDOM)


def make_random_model(folder: Path, config: Mapping[str, Any], tokenizer: Path) -> BenchModel:
    """Make a model of the architecture `config` with random weights, and a voice of noise, in `folder`.

    `tokenizer` is a SentencePiece model. Writes runtime.yaml, model.safetensors, voice.wav and voice.safetensors, the
    last one last; a folder that has it is used as it is. Imports PyTorch.
    """
    import numpy as np
    import sentencepiece
    import torch
    from pocket_tts import TTSModel, export_model_state
    from safetensors.torch import save_file

    recording = folder / "voice.wav"
    model = BenchModel(folder.name, folder / "runtime.yaml", folder / "voice.safetensors", recording)
    if model.voice.exists():
        return model
    folder.mkdir(parents=True, exist_ok=True)
    pieces = sentencepiece.SentencePieceProcessor(str(tokenizer)).vocab_size()
    content = {key: value for key, value in config.items() if not key.startswith("weights_path")}
    table = {**content["flow_lm"]["lookup_table"], "n_bins": pieces, "tokenizer": "sentencepiece"}
    content["flow_lm"] = {**content["flow_lm"], "lookup_table": {**table, "tokenizer_path": str(tokenizer.absolute())}}
    content["default_eos_threshold"] = NEVER
    files.write_text(model.runtime, yaml.safe_dump(content, allow_unicode=True))
    torch.manual_seed(0)
    save_file(TTSModel.load_model(config=model.runtime).state_dict(), folder / "model.safetensors")
    content["weights_path"] = str((folder / "model.safetensors").absolute())
    files.write_text(model.runtime, yaml.safe_dump(content, allow_unicode=True))
    noise = np.random.default_rng(0).normal(0, 0.1, VOICE_SECONDS * RATE).clip(-1, 1)
    write_wav(recording, (noise * 32767).astype(np.int16))
    export_model_state(TTSModel.load_model(config=model.runtime).get_state_for_audio_prompt(recording), model.voice)
    return model


def planned_model(name: str, voice: Voice, results: Path) -> BenchModel:
    """Return where the build puts what a model needs, whether or not it exists yet.

    `name` is an id of models/manifest.json, or random-ID; `voice` is the voice of the book, which random models ignore.
    """
    bundles = {precision: results / "bench" / "bundles" / name / precision for precision in PRECISIONS}
    if is_random(name):
        folder = results / "bench" / "models" / name
        files_of_model = folder / "runtime.yaml", folder / "voice.safetensors", folder / "voice.wav"
        return BenchModel(name, *files_of_model, bundles=bundles)
    recording = voice.source.path if isinstance(voice.source, Recording) else None
    state = results / "voices" / name / f"{voice.id}.safetensors"
    return BenchModel(name, results / "models" / name / "runtime.yaml", state, recording, bundles)


def write_bundle_report(path: Path, error: str | None) -> None:
    """Write beside a bundle's folder whether it can be used: `error` is why not."""
    files.write_json(path, {"error": error})


def read_bundles(folder: Path) -> tuple[dict[Precision, Path], dict[Precision, str]]:
    """Return the bundles in a folder by precision, and why the others failed, by `write_bundle_report`."""
    reports = {name: folder / f"{name}.json" for name in PRECISIONS}
    errors = {name: files.read_json(path)["error"] for name, path in reports.items() if path.exists()}
    usable = {name: folder / name for name, error in errors.items() if error is None}
    return usable, {name: error for name, error in errors.items() if error is not None}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that `model_from` reads, and the systems."""
    parser.add_argument("model", help=f"the name in the tables; {RANDOM}ID has fixed lengths")
    parser.add_argument("--systems", nargs="+", required=True, help="engines and third-party programs")
    parser.add_argument("--runtime", type=Path, required=True)
    parser.add_argument("--voice", type=Path, required=True)
    parser.add_argument("--recording", type=Path, help="of the voice, for programs that need one")
    parser.add_argument("--bundles", type=Path, required=True, help="the folder of the exported models, by precision")


def model_from(args: argparse.Namespace) -> BenchModel:
    """Return the model that the options of `add_arguments` name."""
    return BenchModel(args.model, args.runtime, args.voice, args.recording, *read_bundles(args.bundles))
