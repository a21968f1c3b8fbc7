"""The graphs of a model: what pocket-tts 4.0.1 computes, restated in a form that can be exported.

Upstream slices caches in place by `.item()`, keeps a mask of the traced length and pads by `math.ceil`; an exporter
supports none of that. Here every graph is a function of its inputs. Names, order, shapes and types are a contract with
sherpa-onnx (by position), pocketsynth (by name) and PocketTTS.cpp (by both):

    text_conditioner   token_ids [1, T] int64                            -> text_embeddings [1, T, W]
    mimi_encoder       audio [1, 1, samples]                             -> conditioning [1, F, W]
    flow_lm_main       sequence [1, S, latent], text_embeddings [1, T, W], state_0 ... state_n
                                                                         -> conditioning [1, Z], eos_logit [1, 1],
                                                                            out_state_0 ... out_state_n
    flow_lm_flow       c [B, Z], s [1, 1], t [1, 1], x [B, latent]       -> flow_dir [B, latent]
    mimi_decoder       latent [1, N, latent], state_0 ... state_m        -> audio_frame [1, 1, N * samples per frame],
                                                                            out_state_0 ... out_state_m

    flow_lm_step       sequence [B, S, latent], text_embeddings [B, T, W], last_row [B] int32, rows [] int32, keys and
                       values of each layer                              -> conditioning [B, Z], eos_logit [B, 1], the
                                                                            same keys and values

flow_lm_step is outside that contract: it is flow_lm_main for engine onnx (see `FlowLMStep`).

W is 1024, or the width of the model if that is larger: clients assume 1024. text_conditioner and mimi_encoder pad the
output of a narrower model with zeros, and flow_lm_main cuts them off. Either of `sequence` and `text_embeddings` may be
empty. NaN in `sequence` marks the beginning of speech.

States of flow_lm_main: for each layer `cache` [2, 1, C, heads, head] and `step` [1], and at the end `frames` [1]. A
cache may have any number C of rows as long as C >= step: the first `step` rows are valid, the new rows follow them, and
out_state has step + S + T rows. So no unused row is copied, and a voice of any length fits. `frames` counts the rows of
`sequence`. All states start as zeros.

States of mimi_decoder: `previous` and `partial` of its convolutions, and for each layer `cache` [2, 1, context,
heads, head], a rolling window, and `offset` [1]. They start as zeros and keep their shapes, so the sound does not
depend on how the frames are divided into calls.

`eos_logit` is not the model's logit but EOS_SCALE * (logit - threshold) + EOS_SHIFT: one client stops above -4 and
another above 0.5, and this value crosses both limits close to the model's own threshold. In the first
MIN_FRAMES_BEFORE_EOS frames it is EOS_NEVER, because upstream ignores the end of speech there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pockettts.bundle import MAX_ROWS
from pockettts.errors import ModelError
from pockettts.upstream import MIN_FRAMES_BEFORE_EOS

CLIENT_WIDTH = 1024
EOS_SCALE = 1000.0
EOS_SHIFT = -1.75
EOS_NEVER = -1.0e6


@dataclass(frozen=True, slots=True)
class StateSpec:
    """One state: the module and key under which upstream keeps it, and the zeros it starts with."""

    module: str
    key: str
    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float32
    varies: tuple[int, ...] = ()
    """The axes whose length may change from call to call."""

    def zeros(self) -> Tensor:
        """Return the value before the first call."""
        return torch.zeros(self.shape, dtype=self.dtype)


class Tape:
    """The states of one call: read before, written after."""

    def __init__(self, specs: Sequence[StateSpec], values: Sequence[Tensor]) -> None:
        self._names = [(spec.module, spec.key) for spec in specs]
        self._before = dict(zip(self._names, values, strict=True))
        self._after: dict[tuple[str, str], Tensor] = {}

    def read(self, module: str, key: str) -> Tensor:
        """Return a state as passed to this call."""
        return self._before[module, key]

    def write(self, module: str, key: str, value: Tensor) -> None:
        """Set a state for the next call."""
        self._after[module, key] = value

    def results(self) -> tuple[Tensor, ...]:
        """Return the states for the next call, in order."""
        return tuple(self._after[name] for name in self._names)


# --- pieces -------------------------------------------------------------------------------------------------------


class Linear(nn.Module):
    """A matrix product with the weight in the layout of ONNX, and an optional bias: MatMul and Add, never Gemm.

    `quantize` replaces MatMul only.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.detach().t().contiguous(), requires_grad=False)
        self.bias = None if bias is None else nn.Parameter(bias.detach().clone(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return x times the weight, plus the bias."""
        y = torch.matmul(x, self.weight)
        return y if self.bias is None else y + self.bias


def _linear(module: Any) -> Linear:
    return Linear(module.weight, module.bias)


def pad_width(x: Tensor, width: int) -> Tensor:
    """Fill the last axis with zeros up to `width`."""
    missing = width - x.shape[-1]
    return functional.pad(x, (0, missing)) if missing else x


class Rope(nn.Module):
    """Rotary positions with interleaved pairs, as in `pocket_tts.modules.rope`."""

    frequencies: Tensor

    def __init__(self, head: int, max_period: float) -> None:
        super().__init__()
        steps = torch.arange(head // 2, dtype=torch.float32)
        self.register_buffer("frequencies", torch.exp(steps * (-math.log(max_period) * 2 / head)))

    def forward(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return cosine and sine for positions [T], as [T, 1, head / 2]."""
        angles = positions.to(torch.float32).view(-1, 1, 1) * self.frequencies
        return torch.cos(angles), torch.sin(angles)


def rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Turn the pairs of x [1, T, heads, head]."""
    cosine, sine = turn
    pairs = x.reshape(*x.shape[:-1], x.shape[-1] // 2, 2)
    real, imaginary = pairs[..., 0], pairs[..., 1]
    turned = torch.stack([real * cosine - imaginary * sine, real * sine + imaginary * cosine], dim=-1)
    return turned.reshape(x.shape)


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """Return attention over the last two axes; `mask` is true where a query may attend to a key."""
    scores = torch.matmul(q * q.shape[-1] ** -0.5, k.transpose(-1, -2))
    weights = torch.softmax(scores.masked_fill(~mask, -math.inf), dim=-1)
    return torch.matmul(weights, v)


class Attention(nn.Module):
    """The projections of `StreamingMultiheadAttention`; the caller keeps the keys and values of earlier rows."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.heads = int(module.num_heads)
        self.kv_heads = int(module.num_kv_heads)
        self.head = int(module.dim_per_head)
        self.in_proj = _linear(module.in_proj)
        self.out_proj = _linear(module.out_proj)

    def project(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Return queries [1, T, heads, head], and keys and values [2, 1, T, kv_heads, head]."""
        projected = self.in_proj(x)
        width = self.heads * self.head
        q = projected[..., :width].reshape(1, -1, self.heads, self.head)
        kv = projected[..., width:].reshape(1, -1, 2, self.kv_heads, self.head)
        return rotate(q, turn), torch.stack([rotate(kv[:, :, 0], turn), kv[:, :, 1]])

    def split(self, kv: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values [1, heads, T, head], each shared by the heads of its group."""
        if self.kv_heads != self.heads:
            kv = kv.repeat_interleave(self.heads // self.kv_heads, dim=3)
        return kv[0].transpose(1, 2), kv[1].transpose(1, 2)

    def merge(self, x: Tensor) -> Tensor:
        """Project the output of the heads, [1, heads, T, head]."""
        return self.out_proj(x.transpose(1, 2).reshape(1, -1, self.heads * self.head))  # type: ignore[no-any-return]


class Layer(nn.Module):
    """One `StreamingTransformerLayer`, around any attention."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.attention = Attention(module.self_attn)
        self.norm1, self.norm2 = module.norm1, module.norm2
        self.linear1, self.linear2 = _linear(module.linear1), _linear(module.linear2)
        self.scale1, self.scale2 = module.layer_scale_1, module.layer_scale_2

    def forward(self, x: Tensor, look: Callable[[Attention, Tensor], Tensor]) -> Tensor:
        """Return the output of the layer; `look` computes its attention from the normalized input."""
        x = x + self.scale1(look(self.attention, self.norm1(x)))
        hidden = functional.gelu(self.linear1(self.norm2(x)), approximate="tanh")
        return x + self.scale2(self.linear2(hidden))  # type: ignore[no-any-return]


class Transformer(nn.Module):
    """The layers of a `StreamingTransformer`."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(layer) for layer in module.layers)
        first = module.layers[0].self_attn
        self.rope = Rope(first.dim_per_head, float(module.max_period))
        self.context = module.context

    def run(self, x: Tensor, look: Callable[[int, Attention, Tensor], Tensor]) -> Tensor:
        """Return the output of all layers; `look` gets the index of the layer as well."""
        for index, layer in enumerate(self.layers):
            x = layer(x, lambda attention, y, index=index: look(index, attention, y))
        return x


class Projected(nn.Module):
    """The way into and out of a `ProjectedTransformer`, on [1, channels, T]."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        if len(module.output_projs) != 1:
            raise ModelError(f"A transformer of Mimi with {len(module.output_projs)} outputs cannot be exported.")
        self.transformer = Transformer(module.transformer)
        self.before = nn.Identity() if module.input_proj is None else _linear(module.input_proj)
        after = module.output_projs[0]
        self.after = after if isinstance(after, nn.Identity) else _linear(after)

    def run(self, x: Tensor, look: Callable[[int, Attention, Tensor], Tensor]) -> Tensor:
        """Return the projected output of all layers."""
        y = self.after(self.transformer.run(self.before(x.transpose(1, 2)), look))
        return y.transpose(1, 2)  # type: ignore[no-any-return]


# --- text ---------------------------------------------------------------------------------------------------------


class TextConditioner(nn.Module):
    """`LUTConditioner`: the embeddings of tokens."""

    def __init__(self, model: Any, width: int) -> None:
        super().__init__()
        conditioner = model.flow_lm.conditioner
        self.embed = conditioner.embed
        self.proj = nn.Identity() if conditioner.proj is None else _linear(conditioner.proj)
        self.width = width

    def forward(self, token_ids: Tensor) -> Tensor:
        """Return text_embeddings."""
        return pad_width(self.proj(self.embed(token_ids)), self.width)


# --- the language model -------------------------------------------------------------------------------------------


class FlowLMMain(nn.Module):
    """`FlowLMModel.backbone`, with the beginning of speech and the end of it."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        flow_lm = model.flow_lm
        self.bos = nn.Parameter(flow_lm.bos_emb.detach().clone(), requires_grad=False)
        self.input_linear = _linear(flow_lm.input_linear)
        self.transformer = Transformer(flow_lm.transformer)
        self.norm = flow_lm.out_norm
        self.z_proj = nn.Identity() if flow_lm.z_proj is None else _linear(flow_lm.z_proj)
        self.eos = flow_lm.out_eos
        self.width = int(flow_lm.dim)
        self.threshold = float(model.config.default_eos_threshold)
        self.modules_of_layers = [f"transformer.layers.{i}.self_attn" for i in range(len(self.transformer.layers))]
        self.specs = list(self._specs())

    def _specs(self) -> Iterator[StateSpec]:
        for module, layer in zip(self.modules_of_layers, self.transformer.layers, strict=True):
            shape = (2, 1, 0, layer.attention.kv_heads, layer.attention.head)  # type: ignore[union-attr]
            yield StateSpec(module, "cache", shape, varies=(2,))  # type: ignore[arg-type]
            yield StateSpec(module, "step", (1,), torch.int64)
        yield StateSpec("end_of_speech", "frames", (1,), torch.int64)

    def forward(self, sequence: Tensor, text_embeddings: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Return conditioning, eos_logit and the states."""
        tape = Tape(self.specs, states)
        count = text_embeddings.shape[1] + sequence.shape[1]
        # All layers hold the same number of rows. It is read once and bounded, because the exporter is slow with every
        # length that comes from a tensor.
        step = tape.read(self.modules_of_layers[0], "step")
        past = step.item()
        torch._check(past >= 0)  # type: ignore[no-untyped-call]
        for module in self.modules_of_layers:
            torch._check(past <= tape.read(module, "cache").shape[2])  # type: ignore[no-untyped-call]
        positions = step + torch.arange(count)
        turn = self.transformer.rope(positions)
        mask = torch.arange(past + count)[None, :] <= positions[:, None]

        def look(index: int, attention: Attention, y: Tensor) -> Tensor:
            module = self.modules_of_layers[index]
            q, kv = attention.project(y, turn)
            kv = torch.cat([tape.read(module, "cache")[:, :, :past], kv], dim=2)
            tape.write(module, "cache", kv)
            tape.write(module, "step", tape.read(module, "step") + count)
            k, v = attention.split(kv)
            return attention.merge(attend(q.transpose(1, 2), k, v, mask))

        z = self.backbone(sequence, text_embeddings, look)
        frames = tape.read("end_of_speech", "frames")
        tape.write("end_of_speech", "frames", frames + sequence.shape[1])
        eos = EOS_SCALE * (self.end_of_speech(z) - self.threshold) + EOS_SHIFT
        eos = torch.where(frames >= MIN_FRAMES_BEFORE_EOS, eos, torch.full_like(eos, EOS_NEVER))
        return (z, eos, *tape.results())

    def backbone(
        self, sequence: Tensor, text_embeddings: Tensor, look: Callable[[int, Attention, Tensor], Tensor]
    ) -> Tensor:
        """Return the condition after the last row; `look` computes the attention of a layer."""
        speech = self.input_linear(torch.where(torch.isnan(sequence), self.bos, sequence))
        x = torch.cat([text_embeddings[..., : self.width], speech], dim=1)
        return self.z_proj(self.norm(self.transformer.run(x, look)[:, -1]))  # type: ignore[no-any-return]

    def end_of_speech(self, z: Tensor) -> Tensor:
        """Return the logit of the end: a sum of products instead of MatMul, which `quantize` would replace."""
        return (z * self.eos.weight).sum(dim=-1, keepdim=True) + self.eos.bias  # type: ignore[no-any-return]


HEAD_UNIT = 16
"""GroupQueryAttention rotates only heads whose width is a multiple of this."""


def _operator_head(head: int) -> int:
    return -(-head // HEAD_UNIT) * HEAD_UNIT


def resize_heads(x: Tensor, head: int, width: int) -> Tensor:
    """Return x [B, T, any number of heads * head] with heads of `width`: zeros are appended, or the end is cut off."""
    if head == width:
        return x
    heads = x.reshape(*x.shape[:-1], -1, head)
    return (pad_width(heads, width) if width > head else heads[..., :width]).flatten(-2)


class FlowLMStep(FlowLMMain):
    """`FlowLMMain` in the form that is fastest in ONNX Runtime: several takes at once, caches written in place.

    The keys and values of a layer are [B, key/value heads, rows, head], with any number of rows that is large enough. A
    take has `last_row` + 1 rows after the call, and `rows` is the largest such number. If the same memory is bound as
    input and output, keys and values are not copied. The operator is ONNX Runtime's own
    (com.microsoft.GroupQueryAttention). With S + T > 1 it requires B = 1, and the width of its heads must be a multiple
    of HEAD_UNIT: other heads are padded with zeros. `eos_logit` is the model's own logit.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        cosine, sine = self.transformer.rope(torch.arange(MAX_ROWS))
        half = _operator_head(2 * cosine.shape[-1]) // 2
        self.cosine = nn.Parameter(pad_width(cosine[:, 0], half).contiguous(), requires_grad=False)
        self.sine = nn.Parameter(pad_width(sine[:, 0], half).contiguous(), requires_grad=False)

    def _specs(self) -> Iterator[StateSpec]:
        for module, layer in zip(self.modules_of_layers, self.transformer.layers, strict=True):
            head = _operator_head(layer.attention.head)  # type: ignore[union-attr, arg-type]
            shape = (1, layer.attention.kv_heads, 0, head)  # type: ignore[union-attr]
            for key in ("keys", "values"):
                yield StateSpec(module, key, shape, varies=(0, 2))  # type: ignore[arg-type]

    def forward(  # type: ignore[override]
        self, sequence: Tensor, text_embeddings: Tensor, last_row: Tensor, rows: Tensor, *states: Tensor
    ) -> tuple[Tensor, ...]:
        """Return conditioning, eos_logit and the states."""
        tape = Tape(self.specs, states)

        def look(index: int, attention: Attention, y: Tensor) -> Tensor:
            module = self.modules_of_layers[index]
            keys, values = tape.read(module, "keys"), tape.read(module, "values")
            head = _operator_head(attention.head)
            out, new_keys, new_values = torch.onnx.ops.symbolic_multi_out(
                "com.microsoft::GroupQueryAttention",
                [
                    resize_heads(attention.in_proj(y), attention.head, head),
                    *(None, None, keys, values, last_row, rows, self.cosine, self.sine),
                ],
                {
                    "num_heads": attention.heads,
                    "kv_num_heads": attention.kv_heads,
                    "do_rotary": 1,
                    "rotary_interleaved": 1,
                    "scale": attention.head**-0.5,
                },
                dtypes=[y.dtype] * 3,
                shapes=[(*y.shape[:2], attention.heads * head), keys.shape, values.shape],
                version=1,
            )
            tape.write(module, "keys", new_keys)
            tape.write(module, "values", new_values)
            return attention.out_proj(resize_heads(out, head, attention.head))  # type: ignore[no-any-return]

        z = self.backbone(sequence, text_embeddings, look)
        return (z, self.end_of_speech(z), *tape.results())


class FlowLMFlow(nn.Module):
    """`SimpleMLPAdaLN` as a direction, for every type of head: x + (t - s) * flow_dir is the next x.

    A head that goes from noise to sample in one step gives the whole distance at s = 0 and zero later, so that any
    number of steps ends at the same sample.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        net = model.flow_lm.flow_net
        self.kind = str(model.flow_lm.flow_type)
        self.cond_embed, self.input_proj = _linear(net.cond_embed), _linear(net.input_proj)
        self.times = nn.ModuleList(TimeEmbedding(embed) for embed in net.time_embed)
        self.blocks = nn.ModuleList(FlowBlock(block) for block in net.res_blocks)
        self.last_norm = net.final_layer.norm_final
        self.last = _linear(net.final_layer.linear)
        self.last_modulation = _linear(net.final_layer.adaLN_modulation[1])

    def forward(self, c: Tensor, s: Tensor, t: Tensor, x: Tensor) -> Tensor:
        """Return flow_dir."""
        if self.kind == "lsd":
            return self._net(c, (s, t), x)
        if self.kind == "flow_matching":
            return self._net(c, (s,), x)
        target = self._net(c, (), x)
        distance = target if self.kind == "pointwise" else target - x
        return torch.where(s == 0, distance / (t - s), torch.zeros_like(distance))

    def _net(self, c: Tensor, times: tuple[Tensor, ...], x: Tensor) -> Tensor:
        y = self.cond_embed(c)
        if times:
            y = y + sum(embed(time) for embed, time in zip(self.times, times, strict=True)) / len(times)
        y = functional.silu(y)
        x = self.input_proj(x)
        for block in self.blocks:
            x = block(x, y)
        shift, scale = self.last_modulation(y).chunk(2, dim=-1)
        return self.last(self.last_norm(x) * (1 + scale) + shift)  # type: ignore[no-any-return]


class TimeEmbedding(nn.Module):
    """`TimestepEmbedder`."""

    frequencies: Tensor

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.register_buffer("frequencies", module.freqs.detach().clone())
        self.first, self.second, self.norm = _linear(module.mlp[0]), _linear(module.mlp[2]), module.mlp[3]

    def forward(self, time: Tensor) -> Tensor:
        """Return the embedding of a time [1, 1]. The norm is upstream's, by the variance around the mean."""
        angles = time * self.frequencies
        y = self.second(functional.silu(self.first(torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1))))
        centered = y - y.mean(dim=-1, keepdim=True)
        variance = centered.square().sum(dim=-1, keepdim=True) / (y.shape[-1] - 1)
        return y * (self.norm.alpha * torch.rsqrt(self.norm.eps + variance))  # type: ignore[no-any-return]


class FlowBlock(nn.Module):
    """`ResBlock` of the head. Its condition has passed the SiLU already, which all blocks share."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.norm = module.in_ln
        self.first, self.second = _linear(module.mlp[0]), _linear(module.mlp[2])
        self.modulation = _linear(module.adaLN_modulation[1])

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the output of the block."""
        shift, scale, gate = self.modulation(y).chunk(3, dim=-1)
        hidden = self.norm(x) * (1 + scale) + shift
        return x + gate * self.second(functional.silu(self.first(hidden)))  # type: ignore[no-any-return]


# --- Mimi ---------------------------------------------------------------------------------------------------------


def _same_sizes(module: Any, name: str) -> tuple[int, int]:
    """Return how many samples a streaming convolution keeps, and its stride.

    Raises `ModelError` for a padding that Mimi does not use.
    """
    if module.pad_mode not in ("constant", "replicate"):
        raise ModelError(f"The convolution {name} pads by {module.pad_mode!r}, which cannot be exported.")
    return int(module._effective_kernel_size) - int(module._stride), int(module._stride)


class MimiEncoder(nn.Module):
    """From a recording to the conditioning that a voice is made of: encoder, speaker projection, BOS, width."""

    def __init__(self, model: Any, width: int) -> None:
        super().__init__()
        mimi, flow_lm = model.mimi, model.flow_lm
        self.frame = int(mimi.frame_size)
        self.seanet = mimi.encoder
        self.transformer = Projected(mimi.encoder_transformer)
        self.downsample = mimi.downsample.conv if hasattr(mimi, "downsample") else None
        self.speaker = Linear(flow_lm.speaker_proj_weight)
        bos = flow_lm.bos_before_voice.detach().clone() if flow_lm.insert_bos_before_voice else None
        self.bos = None if bos is None else nn.Parameter(bos, requires_grad=False)
        self.width = width

    def forward(self, audio: Tensor) -> Tensor:
        """Return conditioning."""
        frames = (audio.shape[-1] + self.frame - 1) // self.frame
        x = functional.pad(audio, (0, self.frame - 1))[..., : frames * self.frame]
        for layer in self.seanet.model:
            x = self._seanet(layer, x)
        x = self.transformer.run(x, self._windows(x.shape[-1]))
        if self.downsample is not None:
            x = self._convolve(self.downsample, x)
        voice = self.speaker(x.transpose(1, 2))
        if self.bos is not None:
            voice = torch.cat([self.bos, voice], dim=1)
        return pad_width(voice, self.width)

    def _seanet(self, layer: Any, x: Tensor) -> Tensor:
        if hasattr(layer, "block"):
            y = x
            for inner in layer.block:
                y = self._seanet(inner, y)
            return x + y
        return self._convolve(layer, x) if hasattr(layer, "conv") else layer(x)

    @staticmethod
    def _convolve(layer: Any, x: Tensor) -> Tensor:
        kept, _ = _same_sizes(layer, "of the encoder")
        if kept and layer.pad_mode == "replicate":
            x = torch.cat([x[..., :1].expand(-1, -1, kept), x], dim=-1)
        elif kept:
            x = functional.pad(x, (kept, 0))
        return layer.conv(x)  # type: ignore[no-any-return]

    def _windows(self, count: int) -> Callable[[int, Attention, Tensor], Tensor]:
        """Return attention over `context` positions, in blocks of that size.

        A block attends to itself and to the block before it, so memory grows linearly with the recording.
        """
        size = int(self.transformer.transformer.context)
        blocks = (count + size - 1) // size
        turn = self.transformer.transformer.rope(torch.arange(count))
        ahead = torch.arange(size)[:, None] - (torch.arange(2 * size) - size)[None, :]
        near = (ahead >= 0) & (ahead < size)
        exists = (torch.arange(blocks)[:, None] > 0) | (torch.arange(2 * size)[None, :] >= size)
        mask = near[None] & exists[:, None, :]

        def in_blocks(x: Tensor, heads: int, head: int) -> Tensor:
            padded = functional.pad(x, (0, 0, 0, size - 1))[:, :, : blocks * size]
            return padded.reshape(1, heads, blocks, size, head)

        def look(index: int, attention: Attention, y: Tensor) -> Tensor:
            q, kv = attention.project(y, turn)
            heads, head = attention.heads, attention.head

            def with_before(x: Tensor) -> Tensor:
                blocked = in_blocks(x, heads, head)
                before = functional.pad(blocked, (0, 0, 0, 0, 1, 0))[:, :, :blocks]
                return torch.cat([before, blocked], dim=3)

            k, v = attention.split(kv)
            out = attend(in_blocks(q.transpose(1, 2), heads, head), with_before(k), with_before(v), mask)
            return attention.merge(out.reshape(1, heads, blocks * size, head)[:, :, :count])

        return look


class MimiDecoder(nn.Module):
    """From latents to sound, any number of frames per call: `MimiModel.decode_from_latent`, with its states."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        mimi = model.mimi
        self.emb_std = nn.Parameter(model.flow_lm.emb_std.detach().clone(), requires_grad=False)
        self.emb_mean = nn.Parameter(model.flow_lm.emb_mean.detach().clone(), requires_grad=False)
        self.quantizer = Linear(mimi.quantizer.output_proj.weight[..., 0])
        self.upsample = mimi.upsample.convtr if hasattr(mimi, "upsample") else None
        self.transformer = Projected(mimi.decoder_transformer)
        self.seanet = mimi.decoder
        self.names = {module: name for name, module in mimi.named_modules()}
        self.specs = list(self._specs())

    def _specs(self) -> Iterator[StateSpec]:
        if self.upsample is not None:
            yield from self._convolution_specs(self.upsample)
        for index, layer in enumerate(self.transformer.transformer.layers):
            attention = layer.attention
            shape = (2, 1, int(self.transformer.transformer.context), attention.kv_heads, attention.head)  # type: ignore[union-attr]
            yield StateSpec(self._layer(index), "cache", shape)  # type: ignore[arg-type]
            yield StateSpec(self._layer(index), "offset", (1,), torch.int64)
        for module in self.seanet.modules():
            yield from self._convolution_specs(module)

    def _convolution_specs(self, module: Any) -> Iterator[StateSpec]:
        if hasattr(module, "convtr"):
            kept = module.convtr.kernel_size[0] - module.convtr.stride[0]
            if kept:
                yield StateSpec(self.names[module], "partial", (1, module.convtr.out_channels, kept))
        elif hasattr(module, "conv"):
            if module.pad_mode != "constant":
                raise ModelError(
                    f"The convolution {self.names[module]} pads by {module.pad_mode!r}, which cannot be exported."
                )
            kept, _ = _same_sizes(module, self.names[module])
            if kept:
                yield StateSpec(self.names[module], "previous", (1, module.conv.in_channels, kept))

    @staticmethod
    def _layer(index: int) -> str:
        return f"decoder_transformer.transformer.layers.{index}.self_attn"

    def forward(self, latent: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Return audio_frame and the states."""
        tape = Tape(self.specs, states)
        x = self.quantizer(latent * self.emb_std + self.emb_mean).transpose(1, 2)
        if self.upsample is not None:
            x = self._transposed(self.upsample, x, tape)
        x = self.transformer.run(x, self._rolling(x.shape[-1], tape))
        for layer in self.seanet.model:
            x = self._seanet(layer, x, tape)
        return (x, *tape.results())

    def _rolling(self, count: int, tape: Tape) -> Callable[[int, Attention, Tensor], Tensor]:
        transformer = self.transformer.transformer
        context = int(transformer.context)
        offset = tape.read(self._layer(0), "offset")
        positions = offset + torch.arange(count)
        turn = transformer.rope(positions)
        keys = offset - context + torch.arange(context + count)
        ahead = positions[:, None] - keys[None, :]
        mask = (ahead >= 0) & (ahead < context) & (keys >= 0)[None, :]

        def look(index: int, attention: Attention, y: Tensor) -> Tensor:
            module = self._layer(index)
            q, kv = attention.project(y, turn)
            kv = torch.cat([tape.read(module, "cache"), kv], dim=2)
            tape.write(module, "cache", kv[:, :, -context:])
            tape.write(module, "offset", tape.read(module, "offset") + count)
            k, v = attention.split(kv)
            return attention.merge(attend(q.transpose(1, 2), k, v, mask))

        return look

    def _seanet(self, layer: Any, x: Tensor, tape: Tape) -> Tensor:
        if hasattr(layer, "block"):
            y = x
            for inner in layer.block:
                y = self._seanet(inner, y, tape)
            return x + y
        if hasattr(layer, "convtr"):
            return self._transposed(layer, x, tape)
        if not hasattr(layer, "conv"):
            return layer(x)  # type: ignore[no-any-return]
        kept, _ = _same_sizes(layer, self.names[layer])
        if kept:
            x = torch.cat([tape.read(self.names[layer], "previous"), x], dim=-1)
            tape.write(self.names[layer], "previous", x[..., -kept:])
        return layer.conv(x)  # type: ignore[no-any-return]

    def _transposed(self, layer: Any, x: Tensor, tape: Tape) -> Tensor:
        """Return a transposed convolution; the part that overlaps the next call is stored without the bias."""
        convolution = layer.convtr
        y = convolution(x)
        kept = convolution.kernel_size[0] - convolution.stride[0]
        if not kept:
            return y  # type: ignore[no-any-return]
        before = functional.pad(tape.read(self.names[layer], "partial"), (0, y.shape[-1] - kept))
        y = y + before
        rest = y[..., -kept:]
        tape.write(self.names[layer], "partial", rest if convolution.bias is None else rest - convolution.bias[:, None])
        return y[..., :-kept]  # type: ignore[no-any-return]
