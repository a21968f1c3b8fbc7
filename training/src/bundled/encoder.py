"""Trains the encoder, which reads the voice prompt, by plain regression. The decoder is computed (`decoder`).

python -m bundled.encoder --data DIR --space space.npz --tokenizer T --out DIR --steps 1500 --time-budget 600
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
import torch
from torch import nn

from bundled.architecture import Sizes, build_model, configuration, exported_weights, use_fast_rope
from bundled.common import Array, write_summary
from bundled.latents import Space, index
from bundled.training import Parts, Schedule, add_flags, processor, seed_everything, train
from bundled.vocoder import Vocoder


def start_from(learned: nn.ModuleList, folder: Path, space: Space) -> None:
    """Start from the encoder of an exported model, whose latents may differ."""
    weights = exported_weights(folder, "mimi")
    before = Space.load(folder / "space.npz")
    last = weights["downsample.conv.conv.weight"][: before.dimension]  # without those that only the language model uses
    weights["downsample.conv.conv.weight"] = torch.einsum("on,oik->nik", torch.from_numpy(before.change(space)), last)
    for module, name in zip(learned, ("encoder", "encoder_transformer", "downsample"), strict=True):
        own = {k.removeprefix(f"{name}."): w for k, w in weights.items() if k.startswith(f"{name}.")}
        module.load_state_dict(own)


def start_layers(transformer: Any) -> None:
    """Raise the scale of upstream's layers: its initial value suits hundreds of thousands of steps, not thousands."""
    for layer in transformer.transformer.layers:
        layer.layer_scale_1.scale.data.fill_(0.3)
        layer.layer_scale_2.scale.data.fill_(0.3)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_flags(parser, warmup=100)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--frames", type=int, default=8, help="codec frames in a window")
    args = parser.parse_args()

    seed_everything(args.seed)
    use_fast_rope()
    vocoder, space = Vocoder(), Space.load(args.space)
    # The codec is trained without the latents that only the language model uses.
    sizes = dataclasses.replace(Sizes.named(args.sizes), pointer=0)
    if sizes.latent != space.dimension:
        raise SystemExit(
            f"{args.space} has {space.dimension} latents and the sizes {args.sizes!r} have {sizes.latent}."
        )
    vocabulary = sentencepiece.SentencePieceProcessor(model_file=str(args.tokenizer)).vocab_size()
    mimi = build_model(configuration(sizes, vocabulary, str(args.tokenizer), None, vocoder)).mimi
    torch.set_num_threads(args.threads)  # pocket_tts sets one
    learned = nn.ModuleList([mimi.encoder, mimi.encoder_transformer, mimi.downsample])
    if args.begin_with:
        start_from(learned, args.begin_with, space)
    else:
        start_layers(mimi.encoder_transformer)
    rows = index(args.data)
    latents = np.fromfile(args.data / "latents.f16", np.float16).reshape(-1, space.dimension)
    held_starts = np.array([r["frame"] for r in rows[: args.held_out] if r["frames"] >= args.frames][:16])
    first, last = rows[min(args.held_out, len(rows) - 1)]["frame"], rows[-1]["frame"] + rows[-1]["frames"]
    mean, std = (torch.from_numpy(values).to(processor()) for values in (space.mean, space.std))

    def error(starts: Array) -> torch.Tensor:
        at = starts[:, None] + np.arange(args.frames)
        sound = [vocoder.synthesize(*space.decode(latents[row].astype(np.float32))) for row in at]
        target = torch.from_numpy(latents[at].astype(np.float32)).to(processor()) * std + mean
        encoded: torch.Tensor = mimi.encode_to_latent(torch.from_numpy(np.stack(sound)).to(processor())[:, None])
        return (encoded - target)[:, 1:].square().sum(-1).mean() / std.square().sum()

    def loss(_: int) -> tuple[torch.Tensor, Parts]:
        return error(np.random.randint(first, last - args.frames, args.batch)), {}

    def held() -> Parts:
        return {"loss": error(held_starts).item()}

    facts = {"sizes": dataclasses.asdict(sizes)}
    parameters = dict(learned.named_parameters())
    result = train(args.out / "encoder.pt", learned, parameters, loss, held, Schedule.of(args), facts)
    write_summary(args.summary, **result)


if __name__ == "__main__":
    main()
