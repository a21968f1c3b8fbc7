"""Trains the codec: the decoder (latents to sound) and the encoder (sound to latents), each by plain regression.

    python -m bundled.codec decoder --data DIR --tokenizer T --out DIR --steps 20000 --time-budget 600
    python -m bundled.codec encoder ...

The decoder's output is compared as MDCT coefficients, 200 times a second: no samples are made in training at all,
which is what makes it cheap. The exact samples follow, because upstream's last layers are set to the inverse MDCT.
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
from torch.nn import functional as F

from bundled.architecture import Sizes, build_model, configuration, set_unpacking
from bundled.common import Array, write_summary
from bundled.latents import Space, index
from bundled.training import Parts, Schedule, add_flags, seed_everything, train
from bundled.vocoder import Vocoder


class Codes(nn.Module):
    """Upstream's decoder up to the coefficients, without streaming state, for whole windows at once."""

    def __init__(self, mimi: Any) -> None:
        super().__init__()
        self.mimi = mimi
        # Only what learns; the layers behind are given.
        self.learned = nn.ModuleList([mimi.quantizer, mimi.upsample, mimi.decoder_transformer, mimi.decoder.model[0]])

    def forward(self, raw: torch.Tensor) -> torch.Tensor:
        """[B, n, latent] raw latents to [B, 16 n, coefficients], in units of the scale."""
        x = self.mimi.quantizer(raw.transpose(1, 2))
        up = self.mimi.upsample.convtr.convtr
        length = x.shape[-1] * up.stride[0]
        x = F.conv_transpose1d(x, up.weight, stride=up.stride, groups=up.groups)[..., :length]
        (x,) = self.mimi.decoder_transformer(x, None)
        return F.elu(self.mimi.decoder.model[0](x, None)).transpose(1, 2)


def pooled(x: torch.Tensor) -> torch.Tensor:
    """Power in patches of 3 steps by 5 coefficients."""
    return F.avg_pool2d(x.square()[:, None], (3, 5), stride=(1, 2), padding=(1, 2), count_include_pad=False)[:, 0]


def decoder_loss(
    made: torch.Tensor, wanted: torch.Tensor, spectral: float = 0.3
) -> tuple[torch.Tensor, dict[str, float]]:
    """Both in units where every coefficient has variance one over the whole corpus.

    An error counts relative to what is around it, for quiet sounds are heard too. The second term asks for the right
    power where the exact wave is not found: without it, what is uncertain would become silence.
    """
    around = F.avg_pool2d(wanted.square()[:, None], (5, 9), stride=1, padding=(2, 4), count_include_pad=False)[:, 0]
    weight = 1 / (around.sqrt() + 0.03) ** 0.7
    wave = ((made - wanted).abs() * weight).mean()
    power = (torch.log(pooled(made) + 1e-3) - torch.log(pooled(wanted) + 1e-3)).abs().mean()
    explained = 1 - (made - wanted).square().sum() / wanted.square().sum()
    return wave + spectral * power, {"wave": wave.item(), "power": power.item(), "explained": explained.item()}


class Windows:
    """Random windows of utterances: latents, and the coefficients that the decoder has to make of them."""

    def __init__(self, folder: Path, space: Space, vocoder: Vocoder, frames: int, held_out: int) -> None:
        rows = index(folder)
        self.latents = np.fromfile(folder / "latents.f16", np.float16).reshape(-1, space.dimension)
        targets = np.fromfile(folder / "targets.f16", np.float16)
        self.targets = targets.reshape(-1, vocoder.steps, vocoder.coefficients)
        rows = [r for r in rows if r["frame"] + r["frames"] <= len(self.targets)]
        self.frames = frames
        self.held = np.array([r["frame"] for r in rows[:held_out] if r["frames"] >= frames])
        last = rows[-1]["frame"] + rows[-1]["frames"] - frames
        # A window may run into the next utterance: the decoder hears that in its chunks' starts, too.
        self.range = (rows[min(held_out, len(rows) - 1)]["frame"], last)

    def scale(self) -> Array:
        """Standard deviation of each coefficient over the corpus."""
        part = self.targets[:: max(1, len(self.targets) // 20000)].astype(np.float32)
        return np.asarray(np.sqrt(np.square(part).mean((0, 1))) + 1e-5)

    def batch(self, starts: Array) -> tuple[torch.Tensor, torch.Tensor]:
        """Latents [B, frames, latent] and coefficients [B, 16 frames, coefficients] from these frames on."""
        at = starts[:, None] + np.arange(self.frames)
        latents = torch.from_numpy(self.latents[at].astype(np.float32))
        targets = torch.from_numpy(self.targets[at].astype(np.float32))
        return latents, targets.flatten(1, 2)

    def random(self, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """A batch from anywhere in the training part."""
        return self.batch(np.random.randint(*self.range, size))


# Coefficients reach this many standard deviations; ELU bounds them below.
HEADROOM = 16.0


def train_decoder(args: argparse.Namespace, model: Any, space: Space, vocoder: Vocoder, sizes: Sizes) -> Parts:
    """Latents to coefficients, by regression."""
    data = Windows(args.data, space, vocoder, args.frames, args.held_out)
    codes = Codes(model.mimi)
    start_layers(model.mimi.decoder_transformer)
    codes.mimi.decoder.model[0].conv.weight.data.mul_(0.1)
    set_unpacking(model.mimi, space, vocoder)
    facts = {"scale": data.scale(), "sizes": dataclasses.asdict(sizes)}
    mean, std = torch.from_numpy(space.mean), torch.from_numpy(space.std)

    def compared(latents: torch.Tensor, wanted: torch.Tensor) -> tuple[torch.Tensor, Parts]:
        return decoder_loss(codes(latents * std + mean) * HEADROOM, wanted / torch.from_numpy(facts["scale"]))

    def loss(_: int) -> tuple[torch.Tensor, Parts]:
        latents, wanted = data.random(args.batch)
        # The language model's latents will be a little wrong.
        return compared(latents + torch.randn_like(latents) * (torch.rand(len(latents), 1, 1) * args.noise), wanted)

    def held() -> Parts:
        return compared(*data.batch(data.held[:32]))[1]

    parameters = dict(codes.learned.named_parameters())
    return train(args.out / "decoder.pt", codes.learned, parameters, loss, held, Schedule.of(args), facts)


def train_encoder(args: argparse.Namespace, model: Any, space: Space, vocoder: Vocoder, sizes: Sizes) -> Parts:
    """The encoder only has to read the voice prompt; it learns the latents of the vocoder's own sound."""
    data = Windows(args.data, space, vocoder, args.frames, args.held_out)
    mimi = model.mimi
    learned = nn.ModuleList([mimi.encoder, mimi.encoder_transformer, mimi.downsample])
    start_layers(mimi.encoder_transformer)
    mean, std = torch.from_numpy(space.mean), torch.from_numpy(space.std)

    def error(starts: Array) -> torch.Tensor:
        at = starts[:, None] + np.arange(args.frames)
        sound = [vocoder.synthesise(*space.decode(data.latents[row].astype(np.float32))) for row in at]
        wanted = torch.from_numpy(data.latents[at].astype(np.float32)) * std + mean
        made: torch.Tensor = mimi.encode_to_latent(torch.from_numpy(np.stack(sound))[:, None].float())
        return (made - wanted)[:, 1:].square().sum(-1).mean() / (std.square().sum())

    def loss(_: int) -> tuple[torch.Tensor, Parts]:
        return error(np.random.randint(*data.range, args.batch)), {}

    def held() -> Parts:
        return {"loss": error(data.held[:16]).item()}

    parameters = dict(learned.named_parameters())
    facts = {"sizes": dataclasses.asdict(sizes)}
    return train(args.out / "encoder.pt", learned, parameters, loss, held, Schedule.of(args), facts)


def start_layers(transformer: Any) -> None:
    """Upstream's layers begin nearly switched off, which suits hundreds of thousands of steps, not thousands."""
    for layer in transformer.transformer.layers:
        layer.layer_scale_1.scale.data.fill_(0.3)
        layer.layer_scale_2.scale.data.fill_(0.3)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["decoder", "encoder"])
    add_flags(parser, warmup=200)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--frames", type=int, default=8, help="codec frames in a window")
    parser.add_argument("--noise", type=float, default=0.15, help="on the latents that the decoder learns from")
    args = parser.parse_args()

    seed_everything(args.seed)
    vocoder, space = Vocoder(), Space.load(args.space)
    # The codec is trained without the latents that only the language model uses.
    sizes = dataclasses.replace(Sizes.named(args.sizes), pointer=0)
    if sizes.latent != space.dimension:
        raise SystemExit(
            f"{args.space} has {space.dimension} latents and the sizes {args.sizes!r} have {sizes.latent}."
        )
    vocabulary = sentencepiece.SentencePieceProcessor(model_file=str(args.tokenizer)).vocab_size()
    model = build_model(configuration(sizes, vocabulary, str(args.tokenizer), None, vocoder))
    torch.set_num_threads(args.threads)  # pocket_tts sets one
    trained = train_decoder if args.part == "decoder" else train_encoder
    write_summary(args.summary, **trained(args, model, space, vocoder, sizes))


if __name__ == "__main__":
    main()
