"""The model as upstream's configuration describes it, and the facts that its parts share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import safetensors.torch
import torch
from torch import nn

from bundled import phones
from bundled.analysis import PARTS
from bundled.common import Array
from bundled.decoder import FEATURES, TERMS
from bundled.latents import LATENTS, Space
from bundled.vocoder import Vocoder


@dataclass(frozen=True)
class Sizes:
    """Widths and depths; `smoke` is for tests."""

    latent: int = LATENTS  # of the codec
    pointer: int = 25  # more latents, which the codec ignores: the position in the text
    encoder_filters: int = 8
    encoder_width: int = 96
    encoder_layers: int = 2
    lm_width: int = 160
    lm_layers: int = 4
    lm_heads: int = 4
    lm_feed_forward: int = 640
    flow_width: int = 160
    flow_depth: int = 2

    @classmethod
    def named(cls, name: str) -> Sizes:
        """The sizes of that name."""
        return {"small": cls(), "smoke": cls(LATENTS, 16, 2, 16, 1, 32, 1, 2, 32, 16, 1)}[name]


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
            "outer_dim": FEATURES * TERMS,
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
            "quantizer": {"dimension": sizes.latent + sizes.pointer, "output_dimension": FEATURES * TERMS},
            "decoder_seanet": {
                **seanet,
                "dimension": FEATURES,
                "n_filters": filters,
                "ratios": [1, 1, 1, vocoder.hop],
                "kernel_size": 1,
                "last_kernel_size": 1,
            },
            # Upstream requires one; it is switched off, and as small as possible.
            "decoder_transformer": _transformer(FEATURES, 1, 16, 4, FEATURES),
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
    from pocket_tts.models.mimi import build_mimi
    from pocket_tts.models.tts_model import TTSModel, stamp_state_names
    from pocket_tts.utils.config import Config

    parsed = Config(**config)
    model = TTSModel._from_pydantic_config(parsed, 0.3, 1, None, 0.0, origin=None)
    width = (parsed.flow_lm.transformer.d_model, parsed.mimi.inner_dim)
    model.flow_lm.speaker_proj_weight = nn.Parameter(torch.randn(width) * 0.1)
    model.mimi = build_mimi(parsed.mimi)
    stamp_state_names(model)
    return model


POINTER_STD = 0.4


def set_statistics(flow_lm: Any, space: Space) -> None:
    """The buffers that turn normalized latents into the codec's; the pointer's follow the codec's."""
    flow_lm.emb_mean.zero_()
    flow_lm.emb_std.fill_(POINTER_STD)
    flow_lm.emb_mean[: space.dimension] = torch.from_numpy(space.mean)
    flow_lm.emb_std[: space.dimension] = torch.from_numpy(space.std)


@dataclass(frozen=True)
class Pointer:
    """The latents after the codec's: the current token, the phone within it, and how much of that phone is left."""

    tokens: torch.Tensor  # [3, vocabulary, size - PLACES]: the parts of the token and of the two before it
    PLACES: ClassVar[int] = phones.LONGEST_PIECE + 3

    @classmethod
    def of(cls, vocabulary: int, size: int, seed: int = 3) -> Pointer:
        """Fixed random codes for all tokens, `size` latents in all."""
        parts = torch.randn(3, vocabulary, size - cls.PLACES, generator=torch.Generator().manual_seed(seed))
        return cls(parts * torch.tensor([0.75, 0.55, 0.37])[:, None, None])

    def code(self, tokens: Array, at: Array, phone: Array, done: Array, left: Array) -> Array:
        """[frames, size]: the codes of an utterance of `tokens`.

        Of the last part of each frame: `at`, the number of its token; `phone`, the number of its phone in the token (-1
        before the first); the parts of the phone that are over (`done`) and those to come (`left`).
        """
        before = np.pad(tokens, (2, 0))
        parts = self.tokens.numpy()
        code = sum(parts[n, before[2 - n : len(before) - n]] for n in range(3))[at]
        place = 1.6 * np.eye(phones.LONGEST_PIECE + 1, dtype=np.float32)[phone][:, :-1]
        # The parity of the parts that are left decides the next frame, so it has a latent of its own.
        counts = np.stack([done / PARTS, left // PARTS, left % PARTS], 1) - 0.2
        return np.concatenate([code, place, counts], 1).astype(np.float32)


def use_fast_rope() -> None:
    """For training programs: replace the rotary embedding of upstream's models in this process by `fast_rope`."""
    import pocket_tts.modules.rope

    pocket_tts.modules.rope.apply_rope = fast_rope


def fast_rope(
    q: torch.Tensor, k: torch.Tensor, offset: int | torch.Tensor = 0, max_period: float = 10_000
) -> tuple[torch.Tensor, torch.Tensor]:
    """Upstream's rotary embedding as one complex product: the same except for last bits, in a third of the time."""
    half = q.shape[-1] // 2
    frequencies = torch.exp(torch.arange(half) * (-np.log(max_period) * 2 / q.shape[-1]))
    angle = (torch.arange(q.shape[1]) + offset)[:, None, None] * frequencies
    turn = torch.polar(torch.ones_like(angle), angle)

    def rotate(x: torch.Tensor) -> torch.Tensor:
        return torch.view_as_real(torch.view_as_complex(x.reshape(*x.shape[:-1], half, 2)) * turn).flatten(-2)

    return rotate(q), rotate(k)


def exported_weights(folder: Path, part: str) -> dict[str, torch.Tensor]:
    """The weights of `part` (flow_lm, mimi) of the exported model in `folder`, by their names in that part."""
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    return {name.removeprefix(f"{part}."): w.float() for name, w in weights.items() if name.startswith(f"{part}.")}
