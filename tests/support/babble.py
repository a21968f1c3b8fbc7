"""The model that most tests speak with: tests/babble, as pocket-tts takes it; and a voice of noise."""

from functools import cache
from pathlib import Path

import numpy as np
import yaml

from support import ROOT

BABBLE = ROOT / "tests/babble"
RECORDING = BABBLE / "voice.wav"


def runtime_config(model: Path = BABBLE) -> dict:
    config = yaml.safe_load((model / "config.yaml").read_text())
    config["weights_path"] = str(model / "model.safetensors")
    config["flow_lm"]["lookup_table"]["tokenizer_path"] = str(model / "tokenizer.model")
    return config


def write_runtime(folder: Path, model: Path = BABBLE) -> Path:
    path = folder / "runtime.yaml"
    path.write_text(yaml.safe_dump(runtime_config(model), allow_unicode=True))
    return path


def write_voice(folder: Path, runtime: Path) -> Path:
    import torch
    from pocket_tts import TTSModel, export_model_state

    noise = np.random.default_rng(0).normal(0, 0.1, 24_000).astype(np.float32)
    state = TTSModel.load_model(config=runtime).get_state_for_audio_prompt(torch.from_numpy(noise)[None])
    path = folder / "voice.safetensors"
    export_model_state(state, path)
    return path


@cache
def upstream_tokenizer():
    from pocket_tts.modules.text_conditioner import build_tokenizer

    table = runtime_config()["flow_lm"]["lookup_table"]
    return build_tokenizer(table["n_bins"], table["tokenizer_path"])
