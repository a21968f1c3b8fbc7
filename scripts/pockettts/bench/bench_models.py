"""The models that are measured: one of the manifest, or the architecture of one with random weights.

Random weights cost as much as trained ones. Their end of speech never comes, so every text has the length that its
tokens give; and nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

import yaml

from pockettts import files
from pockettts.audio.wav import write_wav
from pockettts.bundle import Precision
from pockettts.project import Project
from pockettts.values import RATE
from pockettts.voices import Recording

RANDOM = "random-"
"""Before the id of a model in the settings: its architecture with random weights."""

NEVER = 1e6
"""A threshold of the end of speech that no frame reaches."""

VOICE_SECONDS = 10


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


def planned_model(name: str, project: Project) -> BenchModel:
    """Return where the build puts what a model needs, whether or not it exists yet.

    `name` is an id of models/manifest.json with the voice of the book, or random-ID, which has its own voice.
    """
    folder = project.results / "bench" / "bundles" / name
    bundles: dict[Precision, Path] = {precision: folder / precision for precision in get_args(Precision)}
    if is_random(name):
        home = project.results / "bench" / "models" / name
        return BenchModel(name, home / "runtime.yaml", home / "voice.safetensors", home / "voice.wav", bundles)
    recording = project.voice.source.path if isinstance(project.voice.source, Recording) else None
    state = project.results / "voices" / name / f"{project.voice.id}.safetensors"
    return BenchModel(name, project.results / "models" / name / "runtime.yaml", state, recording, bundles)


def read_model(name: str, project: Project) -> BenchModel:
    """Return a planned model with the bundles that exist, and why the others failed, by the reports beside them."""
    model = planned_model(name, project)
    reports = {precision: folder.with_suffix(".json") for precision, folder in model.bundles.items()}
    errors = {one: files.read_json(path)["error"] for one, path in reports.items() if path.exists()}
    usable = {one: model.bundles[one] for one, error in errors.items() if error is None}
    return replace(model, bundles=usable, failed_bundles={one: error for one, error in errors.items() if error})
