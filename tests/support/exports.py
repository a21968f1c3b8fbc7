"""Models for the tests of the ONNX export: the shapes of pocket-tts with little depth and random weights."""

from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml

from pockettts.audio.wav import read_wav
from pockettts.bundle import GRAPHS, Bundle, Precision, read_bundle
from pockettts.export import export
from pockettts.export.tokens import tokenizer_files
from pockettts.models.generate import package_configs
from support.babble import BABBLE, RECORDING, write_runtime
from support.shared import made_once
from support.workflow import exported_project

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

    def __init__(self, runtime: Path, fp32: Path, int8: Path) -> None:
        self.runtime = runtime
        self.tokenizer = tokenizer_files(yaml.safe_load(runtime.read_text()))
        self.fp32, self.int8 = read_bundle(fp32), read_bundle(int8)

    @cached_property
    def model(self) -> Any:
        return export.load_model(self.runtime)

    @cached_property
    def graphs(self) -> dict[str, onnx.ModelProto]:
        return read_graphs(self.fp32)

    def write(self, out: Path, precision: Precision = "fp32", graphs: dict | None = None) -> Bundle:
        return export.write_bundle(
            self.model, graphs or self.graphs, self.tokenizer, out, precision=precision, language="en"
        )


def read_graphs(bundle: Bundle) -> dict[str, onnx.ModelProto]:
    return {name: onnx.load(bundle.graphs[name]) for name in GRAPHS}


@cache
def babble_export() -> Exported:
    """The bundle that the rule made, once for all tests of a run, and the int8 bundle of the same graphs."""
    fp32 = exported_project().root / "results/onnx/bundled/fp32"
    folder = made_once("int8", lambda folder: _write_int8(folder, read_bundle(fp32)))
    return Exported(folder / "runtime.yaml", fp32, folder / "int8")


def _write_int8(folder: Path, fp32: Bundle) -> None:
    runtime = write_runtime(folder)
    tokenizer, model = tokenizer_files(yaml.safe_load(runtime.read_text())), export.load_model(runtime)
    export.write_bundle(model, read_graphs(fp32), tokenizer, folder / "int8", precision="int8", language="en")
