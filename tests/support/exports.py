"""Models for the tests of the ONNX export: the shapes of pocket-tts with little depth and random weights."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pockettts.audio.wav import read_wav
from pockettts.bundle import Bundle
from pockettts.models.generate import package_configs
from support.babble import BABBLE, RECORDING, write_runtime

SHAPES = (
    "english_2026-01",
    "english_2026-10",
    "english_drifting_26-09",
    "english_2m_2026-10",
    "english_7m_2026-10",
    "english_18m_2026-10",
)


def write_config(folder: Path, name: str, *, small: bool = True) -> Path:
    """A configuration of pocket-tts without weights; small: two layers everywhere, and a narrower encoder of sound."""
    config = package_configs()[name]
    for key in ("weights_path", "weights_path_without_voice_cloning"):
        config.pop(key, None)
    config["flow_lm"].pop("weights_path", None)
    table = config["flow_lm"]["lookup_table"]
    table.update(n_bins=900, tokenizer="sentencepiece", tokenizer_path=str(BABBLE / "tokenizer.model"))
    if small:
        config["flow_lm"]["transformer"]["num_layers"] = 2
        config["flow_lm"]["flow"]["depth"] = 2
        for part in ("transformer", "decoder_transformer"):
            if config["mimi"].get(part):
                config["mimi"][part]["num_layers"] = 2
        config["mimi"]["seanet"]["n_filters"] = 16
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def make_random(model, seed: int = 0):
    """Give a model weights that keep the variance: with the default ones it hardly hears what it is told."""
    import torch

    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in [*model.named_parameters(), ("emb_mean", model.flow_lm.emb_mean)]:
            noise = torch.randn(weight.shape, generator=random)
            if name.endswith("scale"):
                weight.copy_(0.3 + 0.1 * noise)
            elif weight.dim() <= 1 and ("norm" in name or "alpha" in name) and name.endswith(("weight", "alpha")):
                weight.copy_(1 + 0.1 * noise)
            elif weight.dim() <= 1:
                weight.copy_(0.1 * noise)
            else:
                fan = weight[0].numel() if weight.dim() > 1 else 1
                weight.copy_(noise * fan**-0.5)
        model.flow_lm.emb_std.copy_(1 + 0.1 * torch.rand(model.flow_lm.emb_std.shape, generator=random))
    return model


def recording() -> np.ndarray:
    return read_wav(RECORDING).astype(np.float32) / np.float32(32768)


class Exported:
    """The babble model, its fp32 graphs, and a bundle of each precision."""

    def __init__(self) -> None:
        from pockettts.export import export
        from pockettts.export.tokens import tokenizer_files

        self._folder = tempfile.TemporaryDirectory(prefix="pockettts-onnx-")
        folder = Path(self._folder.name)
        self.runtime = write_runtime(folder)
        self.tokenizer = tokenizer_files(yaml.safe_load(self.runtime.read_text()))
        self.model = export.load_model(self.runtime)
        self.graphs = export.export_graphs(self.model)
        self.fp32, self.int8 = (self.write(folder / name, name) for name in ("fp32", "int8"))

    def write(self, out: Path, precision: Any = "fp32", graphs: dict | None = None) -> Bundle:
        from pockettts.export import export

        return export.write_bundle(
            self.model, graphs or self.graphs, self.tokenizer, out, precision=precision, language="en"
        )


@cache
def babble_export() -> Exported:
    """Half a minute, once for all tests of a run."""
    return Exported()
