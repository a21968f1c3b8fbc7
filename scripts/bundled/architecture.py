"""The model as upstream's configuration describes it, and the parts of it that are given rather than learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from bundled import phones
from bundled.common import Array
from bundled.latents import Space
from bundled.vocoder import Vocoder

BIAS = 2.0  # lifts the last layer's channels above zero, where ELU is the identity


@dataclass(frozen=True)
class Sizes:
    """Widths and depths; `smoke` is for tests."""

    latent: int = 64  # of the codec
    pointer: int = 24  # more latents, which the codec ignores: where in the text the voice is
    codec_width: int = 192
    decoder_width: int = 128
    decoder_layers: int = 3
    decoder_feed_forward: int = 512
    decoder_context: int = 32
    encoder_filters: int = 8
    encoder_width: int = 96
    encoder_layers: int = 2
    lm_width: int = 160
    lm_layers: int = 6
    lm_heads: int = 4
    lm_feed_forward: int = 640
    flow_width: int = 160
    flow_depth: int = 2

    @classmethod
    def named(cls, name: str) -> Sizes:
        """The sizes of that name."""
        return {"small": cls(), "smoke": cls(64, 16, 192, 96, 1, 32, 32, 2, 16, 1, 32, 1, 2, 32, 16, 1)}[name]


def configuration(
    sizes: Sizes, vocabulary: int, tokenizer: str, weights: str | None, vocoder: Vocoder
) -> dict[str, Any]:
    """A pocket-tts 4.0.1 configuration."""
    filters, odd = divmod(vocoder.coefficients, 2)
    assert not odd, "upstream's decoder halves its channels"
    seanet = {
        "channels": 1,
        "n_residual_layers": 0,
        "dilation_base": 2,
        "pad_mode": "constant",
        "compress": 2,
        "residual_kernel_size": 3,
    }
    return {
        "weights_path": weights,
        "default_temperature": 0.3,
        "default_eos_threshold": 0.0,
        "replace_characters": {"–": ",", "—": ",", "’": "'", "‘": "'", '"': "", "“": "", "”": ""},
        "flow_lm": {
            "dtype": "float32",
            "insert_bos_before_voice": True,
            "flow": {"depth": sizes.flow_depth, "dim": sizes.flow_width, "type": "pointwise"},
            "transformer": {
                "d_model": sizes.lm_width,
                "hidden_scale": 4,
                "max_period": 10000,
                "num_heads": sizes.lm_heads,
                "num_layers": sizes.lm_layers,
                "dim_feedforward": sizes.lm_feed_forward,
            },
            "lookup_table": {
                "dim": sizes.lm_width,
                "n_bins": vocabulary,
                "tokenizer": "sentencepiece",
                "tokenizer_path": tokenizer,
            },
        },
        "mimi": {
            "dtype": "float32",
            "sample_rate": vocoder.sample_rate,
            "inner_dim": sizes.latent + sizes.pointer,
            "outer_dim": sizes.codec_width,
            "channels": 1,
            "frame_rate": vocoder.sample_rate / vocoder.frame,
            "seanet": {
                **seanet,
                "dimension": sizes.encoder_width,
                "n_filters": sizes.encoder_filters,
                "ratios": [6, 5, 4],
                "n_residual_layers": 1,
                "kernel_size": 7,
                "last_kernel_size": 3,
            },
            "transformer": _transformer(
                sizes.encoder_width, sizes.encoder_layers, 4 * sizes.encoder_width, 50, sizes.encoder_width
            ),
            "quantizer": {"dimension": sizes.latent + sizes.pointer, "output_dimension": sizes.codec_width},
            "decoder_seanet": {
                **seanet,
                "dimension": sizes.codec_width,
                "n_filters": filters,
                "ratios": [vocoder.hop],
                "kernel_size": 3,
                "last_kernel_size": 1,
            },
            "decoder_transformer": _transformer(
                sizes.decoder_width,
                sizes.decoder_layers,
                sizes.decoder_feed_forward,
                sizes.decoder_context,
                sizes.codec_width,
            ),
        },
    }


def _transformer(width: int, layers: int, feed_forward: int, context: int, outside: int) -> dict[str, Any]:
    return {
        "d_model": width,
        "num_heads": 2,
        "num_layers": layers,
        "layer_scale": 0.01,
        "context": context,
        "dim_feedforward": feed_forward,
        "input_dimension": outside,
        "output_dimensions": [outside],
    }


def build_model(config: dict[str, Any]) -> Any:
    """Upstream's model with random weights. `config` must name a tokenizer that exists."""
    import pocket_tts.modules.rope
    from pocket_tts.models.mimi import build_mimi
    from pocket_tts.models.tts_model import TTSModel, stamp_state_names
    from pocket_tts.utils.config import Config

    pocket_tts.modules.rope.apply_rope = fast_rope
    parsed = Config(**config)
    model = TTSModel._from_pydantic_config(parsed, 0.3, 1, None, 0.0, origin=None)
    width = (parsed.flow_lm.transformer.d_model, parsed.mimi.inner_dim)
    model.flow_lm.speaker_proj_weight = nn.Parameter(torch.randn(width) * 0.1)
    model.mimi = build_mimi(parsed.mimi)
    stamp_state_names(model)
    return model


POINTER_STD = 0.4


def set_statistics(flow_lm: Any, space: Space) -> None:
    """The buffers that turn normalised latents into the codec's; the pointer's are beyond the codec's."""
    flow_lm.emb_mean.zero_()
    flow_lm.emb_std.fill_(POINTER_STD)
    flow_lm.emb_mean[: space.dimension] = torch.from_numpy(space.mean)
    flow_lm.emb_std[: space.dimension] = torch.from_numpy(space.std)


@dataclass(frozen=True)
class Pointer:
    """What the latents behind the codec's say: which token, which of its phones, and how much of that is left."""

    tokens: torch.Tensor  # [3, vocabulary, size - PLACES]: what the token itself and the two before it add
    PLACES: ClassVar[int] = phones.LONGEST_PIECE + 2

    @classmethod
    def of(cls, vocabulary: int, size: int, seed: int = 3) -> Pointer:
        """Fixed random codes for all tokens, `size` latents in all."""
        parts = torch.randn(3, vocabulary, size - cls.PLACES, generator=torch.Generator().manual_seed(seed))
        return cls(parts * torch.tensor([0.75, 0.55, 0.37])[:, None, None])

    def code(self, tokens: Array, at: Array, phone: Array, done: Array, left: Array) -> Array:
        """[frames, size]: the codes of an utterance of `tokens`.

        Of each frame: `at`, the number of its token; `phone`, the number of its phone in the token (-1 before the
        first); the frames that the phone has had (`done`) and those that it still gets (`left`).
        """
        before = np.pad(tokens, (2, 0))
        parts = self.tokens.numpy()
        code = sum(parts[n, before[2 - n : len(before) - n]] for n in range(3))[at]
        place = 1.6 * np.eye(phones.LONGEST_PIECE + 1, dtype=np.float32)[phone][:, :-1]
        return np.concatenate([code, place, done[:, None] - 0.2, left[:, None] - 0.2], 1).astype(np.float32)


def fast_rope(
    q: torch.Tensor, k: torch.Tensor, offset: int | torch.Tensor = 0, max_period: float = 10_000
) -> tuple[torch.Tensor, torch.Tensor]:
    """Upstream's rotary embedding as one complex product: the same numbers, a third of the time in training."""
    half = q.shape[-1] // 2
    frequencies = torch.exp(torch.arange(half) * (-np.log(max_period) * 2 / q.shape[-1]))
    angle = (torch.arange(q.shape[1]) + offset)[:, None, None] * frequencies
    turn = torch.polar(torch.ones_like(angle), angle)

    def rotate(x: torch.Tensor) -> torch.Tensor:
        return torch.view_as_real(torch.view_as_complex(x.reshape(*x.shape[:-1], half, 2)) * turn).flatten(-2)

    return rotate(q), rotate(k)


def set_synthesis(decoder: Any, vocoder: Vocoder, scale: Array) -> None:
    """Makes the decoder's last layers the inverse MDCT of `scale * ELU(u)`, u being what comes before them.

    The transposed convolution holds the basis, two coefficients to a channel. Its bias keeps the channels positive,
    where ELU changes nothing; the last convolution adds the channels and takes the bias off again.
    """
    _, _, up, _, last = decoder.model
    basis = torch.from_numpy(vocoder.basis[: vocoder.coefficients] * scale[:, None])
    channels = vocoder.coefficients // 2
    with torch.no_grad():
        up.convtr.weight.zero_()
        for j, wave in enumerate(basis):
            up.convtr.weight[j, j % channels] = wave
        up.convtr.bias.fill_(BIAS)
        last.conv.weight.fill_(1.0)
        last.conv.bias.fill_(-BIAS * channels)


def set_unpacking(mimi: Any, space: Space, vocoder: Vocoder) -> None:
    """Starts the decoder where its transformer sees the description itself: levels, voicing, place and pitch.

    The components of the latents are patterns over the frame's steps and bands. Each is a sum of a few products of a
    course over steps and a shape over bands: a channel for each product, its course in the transposed convolution's
    kernel and its shape in the projection behind. The clock becomes the place in the frame, one of `steps`. All
    of it goes on learning.
    """
    steps, pitches, latent = vocoder.steps, len(space.pitch_mean), space.dimension
    project = mimi.quantizer.output_proj.weight  # [channels, latent, 1]
    kernel = mimi.upsample.convtr.convtr.weight  # [channels, 1, 2 steps]
    inward = mimi.decoder_transformer.input_proj
    channels, width = project.shape[0], inward.weight.shape[0]
    features = len(space.weights)
    assert width >= features + steps + pitches, "the transformer is too narrow to see the description"
    products = []
    raw = space.spread / space.std[1 + pitches :]  # a component's size for a raw latent of one
    for i, component in enumerate(space.components):
        pattern = component.reshape(steps, features) / space.weights * raw[i]
        course, size, shape = np.linalg.svd(pattern, full_matrices=False)
        for r in range(2):
            importance = size[r] * space.std[1 + pitches + i]
            products.append(
                (importance, 1 + pitches + i, course[:, r] * size[r] * np.sqrt(steps), shape[r] / np.sqrt(steps))
            )
    products.sort(key=lambda p: -p[0])
    with torch.no_grad():
        project.mul_(0.3)
        kernel.mul_(0.3)
        inward.weight.mul_(0.3)
        inward.weight[: features + steps + pitches] = 0
        for place in range(steps):
            _channel(project, kernel, inward, place, 0, np.eye(steps)[place], features + place, 1.5)
        for pitch in range(pitches):
            _channel(project, kernel, inward, steps + pitch, 1 + pitch, np.ones(steps), features + steps + pitch, 1.5)
        first = steps + pitches
        for channel, (_, i, course, shape) in enumerate(products[: channels - first], first):
            _channel(project, kernel, inward, channel, i, course, slice(0, features), torch.from_numpy(shape).float())
        assert latent == project.shape[1]


def _channel(
    project: torch.Tensor,
    kernel: torch.Tensor,
    inward: nn.Linear,
    channel: int,
    latent: int,
    course: Array,
    rows: int | slice,
    weight: float | torch.Tensor,
) -> None:
    """One channel: `latent` over time as `course`, added to the features `rows` with `weight`."""
    project[channel] = 0
    project[channel, latent] = 1
    kernel[channel] = 0
    kernel[channel, 0, : len(course)] = torch.from_numpy(np.asarray(course)).float()
    inward.weight[rows, channel] = weight
