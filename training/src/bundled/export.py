"""Assembles the trained parts in upstream's layout.

    python -m bundled.export --checkpoints DIR --space space.npz --tokenizer T --data DIR --out DIR

Writes model.safetensors (float16), config.yaml (whose paths are names of files beside it), tokenizer.model, voice.wav
and space.npz, which is needed only to start a further training from this model.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import scipy.io.wavfile
import sentencepiece
import torch
import yaml
from torch import nn

from bundled import phones
from bundled.architecture import Pointer, Sizes, build_model, configuration, set_statistics
from bundled.common import Array, atomic_path
from bundled.decoder import set_decoder
from bundled.latents import Space, index
from bundled.lm import LONGEST_PROMPT, Speaker
from bundled.training import load_checkpoint
from bundled.vocoder import Vocoder


def widen(value: torch.Tensor, size: torch.Size) -> torch.Tensor:
    """The same weights with zeros for the latents that the codec does not use."""
    if value.shape == size:
        return value
    wide = value.new_zeros(size)
    wide[tuple(slice(n) for n in value.shape)] = value
    return wide


def load_averaged(module: nn.Module, state: dict[str, Any]) -> None:
    """Load a checkpoint's weights: the averages of trained weights, the rest unchanged."""
    weights = {**state["model"], **state["ema"]["shadow"]}
    sizes = {name: value.shape for name, value in module.state_dict().items()}
    module.load_state_dict({name: widen(value, sizes[name]) for name, value in weights.items()})


def checkpoint(folder: Path, part: str) -> dict[str, Any]:
    """The checkpoint of a training. Raises `SystemExit` if there is none."""
    state = load_checkpoint(folder / f"{part}.pt")
    if state is None:
        raise SystemExit(f"There is no checkpoint {folder / f'{part}.pt'}; train that part first.")
    return state


def assemble(config: dict[str, Any], space: Space, vocoder: Vocoder, checkpoints: Path) -> Any:
    """Upstream's model with the trained weights, and the decoder for the space."""
    model = build_model(config)
    mimi, flow_lm = model.mimi, model.flow_lm
    set_decoder(mimi, space, vocoder)
    encoder = nn.ModuleList([mimi.encoder, mimi.encoder_transformer, mimi.downsample])
    load_averaged(encoder, checkpoint(checkpoints, "encoder"))
    tokenizer = flow_lm.conditioner.tokenizer.sp
    state = checkpoint(checkpoints, "lm")
    codes = Pointer.of(tokenizer.vocab_size(), state["sizes"]["pointer"]).tokens[0]
    speaker = Speaker(flow_lm, phones.pieces(tokenizer), codes)
    load_averaged(speaker, state)
    with torch.no_grad():
        flow_lm.conditioner.embed.weight.copy_(speaker.spelling())
    set_statistics(flow_lm, space)
    model.eval()
    return model


def voice_prompt(folder: Path, number: int, space: Space, vocoder: Vocoder) -> Array:
    """The end of a held-out utterance through the vocoder, no longer than the prompts of the training."""
    latents = np.fromfile(folder / "latents.f16", np.float16).reshape(-1, space.dimension)
    row = index(folder)[number]
    end = row["frame"] + row["frames"]
    return vocoder.synthesize(*space.decode(latents[max(row["frame"], end - LONGEST_PROMPT) : end].astype(np.float32)))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoints", type=Path, required=True, help="folder of encoder.pt and lm.pt")
    parser.add_argument("--space", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder with the latents, for the voice prompt")
    parser.add_argument("--prompt", type=int, default=15, help="number of the held-out utterance that is the prompt")
    parser.add_argument("--sizes", default="small")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()

    vocoder, space = Vocoder(), Space.load(args.space)
    args.out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(args.tokenizer, args.out / "tokenizer.model")
    vocabulary = sentencepiece.SentencePieceProcessor(str(args.tokenizer)).vocab_size()
    config = configuration(Sizes.named(args.sizes), vocabulary, str(args.tokenizer), None, vocoder)
    model = assemble(config, space, vocoder, args.checkpoints)
    weights = {k: v.detach().to(torch.float16).contiguous() for k, v in model.state_dict().items()}
    for name, value in weights.items():
        if not torch.isfinite(value).all():
            raise SystemExit(f"{name} does not fit float16")
    with atomic_path(args.out / "model.safetensors") as temporary:
        safetensors.torch.save_file(weights, temporary)
    space.save(args.out / "space.npz")
    config["weights_path"] = "model.safetensors"
    config["flow_lm"]["lookup_table"]["tokenizer_path"] = "tokenizer.model"
    with atomic_path(args.out / "config.yaml") as temporary:
        temporary.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8")
    prompt = voice_prompt(args.data, args.prompt, space, vocoder)
    with atomic_path(args.out / "voice.wav") as temporary:
        scipy.io.wavfile.write(temporary, vocoder.sample_rate, (np.clip(prompt, -1, 1) * 32767).astype(np.int16))
    sizes = {p.name: p.stat().st_size for p in sorted(args.out.iterdir()) if p.is_file() and not p.name.startswith(".")}
    print(f"{sum(sizes.values())} bytes: {sizes}; {len(prompt) / vocoder.sample_rate:.2f} s of prompt")


if __name__ == "__main__":
    main()
