"""What the contenders speak with: a model of the manifest, or the architecture of one with random weights.

Random weights cost as much as trained ones. Their end of speech never comes, so that every text has the length that its
tokens give; and nothing is downloaded.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from pockettts import files
from pockettts.audio.wav import write_wav
from pockettts.bench.contenders import Contender, Subject
from pockettts.bundle import MANIFEST, Precision
from pockettts.config import SynthConfig
from pockettts.values import RATE
from pockettts.voices import Recording, Voice

RANDOM = "random-"
"""Before the id of a model in the settings: its architecture with random weights."""

NEVER = 1e6
"""A threshold of the end of speech that is never passed."""

VOICE_SECONDS = 10
PRECISIONS: tuple[Precision, ...] = ("fp32", "int8")


def is_random(name: str) -> bool:
    """Whether a name in `bench.models` asks for random weights."""
    return name.startswith(RANDOM)


def make_random_model(folder: Path, config: Mapping[str, Any], tokenizer: Path) -> Subject:
    """Make a model of the architecture `config` with random weights, and a voice of noise, in `folder`.

    `tokenizer` is a SentencePiece model. What is there is used again; runtime.yaml, voice.wav and voice.safetensors are
    written, the last one last. Imports PyTorch.
    """
    import numpy as np
    import sentencepiece
    import torch
    from pocket_tts import TTSModel, export_model_state
    from safetensors.torch import save_file

    subject = random_subject(folder)
    if subject.voice.exists():
        return subject
    folder.mkdir(parents=True, exist_ok=True)
    pieces = sentencepiece.SentencePieceProcessor(str(tokenizer)).vocab_size()
    content = {key: value for key, value in config.items() if not key.startswith("weights_path")}
    table = {**content["flow_lm"]["lookup_table"], "n_bins": pieces, "tokenizer": "sentencepiece"}
    content["flow_lm"] = {**content["flow_lm"], "lookup_table": {**table, "tokenizer_path": str(tokenizer.absolute())}}
    content["default_eos_threshold"] = NEVER
    files.write_text(subject.runtime, yaml.safe_dump(content, allow_unicode=True))
    torch.manual_seed(0)
    model = TTSModel.load_model(config=subject.runtime)
    save_file(model.state_dict(), folder / "model.safetensors")
    content["weights_path"] = str((folder / "model.safetensors").absolute())
    files.write_text(subject.runtime, yaml.safe_dump(content, allow_unicode=True))
    noise = np.random.default_rng(0).normal(0, 0.1, VOICE_SECONDS * RATE).clip(-1, 1)
    assert subject.recording is not None
    write_wav(subject.recording, (noise * 32767).astype(np.int16))
    model = TTSModel.load_model(config=subject.runtime)
    export_model_state(model.get_state_for_audio_prompt(subject.recording), subject.voice)
    return subject


def random_subject(folder: Path) -> Subject:
    """Return what `make_random_model` makes in a folder, with the exported models that lie there."""
    return Subject(
        name=folder.name,
        runtime=folder / "runtime.yaml",
        voice=folder / "voice.safetensors",
        recording=folder / "voice.wav",
        bundles=bundles_in(folder),
        fixed=True,
    )


def planned(name: str, voice: Voice, results: Path) -> Subject:
    """Return where the build puts what a subject needs, whether or not it is there yet.

    `name` is an id of models/manifest.json, or random-ID; `voice` is that of the book, and of no random model.
    """
    if is_random(name):
        folder = results / "bench" / "models" / name
        bundles: dict[str, Path] = {precision: folder / precision for precision in PRECISIONS}
        return replace(random_subject(folder), bundles=bundles)
    return Subject(
        name=name,
        runtime=results / "models" / name / "runtime.yaml",
        voice=results / "voices" / name / f"{voice.id}.safetensors",
        recording=voice.source.path if isinstance(voice.source, Recording) else None,
        bundles={precision: results / "onnx" / name / precision for precision in PRECISIONS},
    )


def bundles_in(folder: Path) -> dict[str, Path]:
    """Return the exported models in a folder, by precision."""
    return {name: folder / name for name in PRECISIONS if (folder / name / MANIFEST).exists()}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that `subject_of` reads, and the contenders."""
    parser.add_argument("model", help=f"the name in the tables; {RANDOM}ID has fixed lengths")
    parser.add_argument("--contenders", nargs="+", required=True, help="engines and programs of others")
    parser.add_argument("--runtime", type=Path, required=True)
    parser.add_argument("--voice", type=Path, required=True)
    parser.add_argument("--recording", type=Path, help="of the voice, for programs that need one")
    parser.add_argument("--bundles", type=Path, help="the folder of the exported models, one folder a precision")


def subject_of(args: argparse.Namespace) -> Subject:
    """Return what the options of `add_arguments` name."""
    return Subject(
        name=args.model,
        runtime=args.runtime,
        voice=args.voice,
        recording=args.recording,
        bundles=bundles_in(args.bundles) if args.bundles else {},
        fixed=is_random(args.model),
    )


def synth_of(contender: Contender) -> SynthConfig:
    """Return the settings of an engine's contender."""
    return SynthConfig(quantize=contender.quantize, precision=contender.precision or "fp32")
