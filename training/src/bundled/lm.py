"""Trains the language model: text and a voice prompt in, latents out.

    python -m bundled.lm --data DIR --space space.npz --tokenizer T --out DIR --steps 8000 --time-budget 3600

The flow head is upstream's `pointwise`: one step from noise to a sample. It learns by the energy score, a proper
score that needs samples only; at its best, samples are twice as far from the truth as from each other. Samples with
little noise or none are only trained to be near the truth, because the model is used that way.
"""

from __future__ import annotations

import argparse
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
import torch
from torch import nn
from torch.nn import functional as F

from bundled import phones
from bundled.analysis import PARTS
from bundled.architecture import (
    Pointer,
    Sizes,
    build_model,
    configuration,
    exported_weights,
    set_statistics,
    use_fast_rope,
)
from bundled.common import Array, write_summary
from bundled.latents import Space, index
from bundled.training import Parts, Schedule, add_flags, processor, seed_everything, together, train
from bundled.vocoder import Vocoder

SHORTEST_PROMPT, LONGEST_PROMPT = 5, 13  # frames of the voice prompt
AFTER = 3  # silent frames after the last one, with EOS as their target
LITTLE = 0.6  # deviation of noise below which samples should be near the truth; temperature 0.3 has 0.55


@dataclass
class Batch:
    """Utterances side by side; `frames` is the longest with the silence after it."""

    tokens: torch.Tensor  # [B, text]
    text_lengths: torch.Tensor  # [B]
    latents: torch.Tensor  # [B, frames, latent], normalized, padded with silence
    frame_lengths: torch.Tensor  # [B], without the silence
    prompts: torch.Tensor  # [B, prompt, latent]
    token: torch.Tensor  # [B, frames] the first token of the frame
    phone: torch.Tensor  # [B, frames, PARTS] its phones

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        return Batch(**{field.name: getattr(self, field.name).to(device) for field in dataclasses.fields(self)})


@dataclass(frozen=True)
class Course:
    """The content of an utterance at each frame and at each part of it."""

    token: Array  # [frames] number of the token in the text, in the first part
    phone: Array  # [frames, PARTS] numbers in phones.INVENTORY
    last_token: Array  # [frames] number of the token in the last part
    place: Array  # [frames] number of the last part's phone in its token; -1 before the first
    done: Array  # [frames] parts that this phone has had before
    left: Array  # [frames] parts that it still gets

    @classmethod
    def of(cls, pieces: list[str], lengths: Array) -> Course:
        """`pieces` are the phones of each token; `lengths` the parts of the initial silence and of each phone."""
        symbols = phones.START + "".join(pieces)
        if len(symbols) != len(lengths):
            raise ValueError(f"{len(lengths)} lengths for {len(symbols)} phones of {pieces}")
        token = np.array([0] + [i for i, piece in enumerate(pieces) for _ in piece])
        place = np.array([-1] + [i for piece in pieces for i in range(len(piece))])
        phone = np.array([phones.INVENTORY.index(symbol) for symbol in symbols])
        part = np.repeat(np.arange(len(lengths)), lengths).reshape(-1, PARTS)
        last = part[:, -1]
        done = np.concatenate([np.arange(n) for n in lengths])[PARTS - 1 :: PARTS]
        left = np.asarray(lengths)[last] - 1 - done
        return cls(token[part[:, 0]], phone[part], token[last], place[last], done, left)


class Utterances:
    """Utterances in batches of about equal length, reshuffled every epoch."""

    def __init__(
        self, folder: Path, space: Space, tokenizer: sentencepiece.SentencePieceProcessor, pointer: int, held_out: int
    ) -> None:
        rows = index(folder)
        self.latents = np.fromfile(folder / "latents.f16", np.float16).reshape(-1, space.dimension)
        spelled = phones.pieces(tokenizer)
        pointers = Pointer.of(tokenizer.vocab_size(), pointer)
        self.rows = []
        for row in rows:
            tokens = np.array(tokenizer.encode(row["text"]))
            course = Course.of([spelled[t] for t in tokens], np.array(row["lengths"]))
            code = pointers.code(tokens, course.last_token, course.place, course.done, course.left)
            self.rows.append({**row, "tokens": tokens, "course": course, "code": code})
        self.held = list(range(min(held_out, len(rows) // 2)))
        self.train = np.arange(len(self.held), len(rows))
        # An utterance ends with the teacher's silence; the median of the last frames stands for it.
        first = 1 + len(space.pitch_mean)
        lasts = np.array([r["frame"] + r["frames"] - 1 for r in rows])
        self.silence = np.median(self.latents[lasts].astype(np.float32), axis=0)
        self.silence[1:first] = 0

    def batch(self, chosen: Array, prompt: int, random: np.random.Generator) -> Batch:
        """The utterances `chosen`, each after `prompt` frames from the end of a different one."""
        rows = [self.rows[i] for i in chosen]
        text = max(len(r["tokens"]) for r in rows)
        frames = max(r["frames"] for r in rows) + AFTER
        tokens = np.zeros((len(rows), text), np.int64)
        codec = len(self.silence)
        width = codec + rows[0]["code"].shape[1]
        latents = np.zeros((len(rows), frames, width), np.float32)
        latents[..., :codec] = self.silence
        prompts = np.zeros((len(rows), prompt, width), np.float32)  # a recording has no position in a text
        token = np.zeros((len(rows), frames), np.int64)
        phone = np.zeros((len(rows), frames, PARTS), np.int64)
        for i, row in enumerate(rows):
            count, course = row["frames"], row["course"]
            tokens[i, : len(row["tokens"])] = row["tokens"]
            latents[i, :count, :codec] = self.latents[row["frame"] : row["frame"] + count]
            latents[i, :count, codec:] = row["code"]
            latents[i, count:, codec:] = row["code"][-1]
            token[i] = np.pad(course.token, (0, frames - count), "edge")
            phone[i] = np.pad(course.phone, ((0, frames - count), (0, 0)), "edge")
            other = self.rows[int(random.choice(self.train))]
            # A prompt is the end of an utterance.
            end = other["frame"] + other["frames"]
            prompts[i, :, :codec] = self.latents[max(0, end - prompt) : max(0, end - prompt) + prompt]
        return Batch(
            torch.from_numpy(tokens),
            torch.tensor([len(r["tokens"]) for r in rows]),
            torch.from_numpy(latents),
            torch.tensor([r["frames"] for r in rows]),
            torch.from_numpy(prompts),
            torch.from_numpy(token),
            torch.from_numpy(phone),
        )

    def epoch(self, positions: int, random: np.random.Generator) -> list[Array]:
        """Indices of one pass in batches of at most `positions` padded positions."""
        length = np.array([len(r["tokens"]) + r["frames"] + AFTER for r in self.rows])
        order = self.train[np.argsort(length[self.train] + random.uniform(0, 12, len(self.train)))]
        batches, start = [], 0
        while start < len(order):
            size = max(1, positions // int(length[order[start : start + 200]].max() + 12))
            batches.append(order[start : start + size])
            start += size
        random.shuffle(batches)
        return batches


class Spelling(nn.Module):
    """The embeddings of pieces as sums over their phones, so that a rare piece is represented by its parts.

    Only the sums are exported: they are upstream's lookup table.
    """

    index: torch.Tensor

    def __init__(self, pieces: list[str], rows: int, width: int, codes: torch.Tensor) -> None:
        super().__init__()
        count, self.fixed = len(phones.INVENTORY), codes.shape[1]
        self.slots = nn.Parameter(torch.randn(phones.LONGEST_PIECE * (count + 1), width) * 0.4)
        self.own = nn.Parameter(torch.randn(rows, width) * 0.05)
        index = torch.zeros(rows, phones.LONGEST_PIECE, dtype=torch.int64)
        for i, piece in enumerate(pieces):
            spelled = [phones.INVENTORY.index(c) for c in piece[: phones.LONGEST_PIECE]]
            index[i] = torch.tensor(spelled + [count] * (phones.LONGEST_PIECE - len(spelled)))
        index += torch.arange(phones.LONGEST_PIECE) * (count + 1)
        self.register_buffer("index", index, persistent=False)
        with torch.no_grad():  # the rows start with the tokens' own parts of the pointer's code
            self.slots[:, : self.fixed] *= 0.25
            self.own[: len(codes), : self.fixed] += codes

    def fit(self, table: torch.Tensor) -> None:
        """Set the sums to `table` [rows, width]: the phones get the common part of the pieces that share them."""
        use = torch.zeros(len(self.own), len(self.slots))
        use.scatter_add_(1, self.index, torch.ones_like(self.index, dtype=torch.float32))
        with torch.no_grad():
            self.slots.copy_(torch.linalg.pinv(use) @ table)
            self.own.copy_(table - use @ self.slots)

    def forward(self) -> torch.Tensor:
        """The table [rows, width]."""
        return self.slots[self.index].sum(1) + self.own


class Speaker(nn.Module):
    """Upstream's language model on whole utterances, without a cache, and the parts that only the training uses."""

    def __init__(self, flow_lm: Any, pieces: list[str], codes: torch.Tensor) -> None:
        super().__init__()
        self.lm = flow_lm
        table = flow_lm.conditioner.embed.weight
        self.spelling = Spelling(pieces, table.shape[0], table.shape[1], codes)
        count = len(flow_lm.transformer.layers)
        # Layers whose first head learns to attend to the current token, and whose second to the next.
        self.guided = [flow_lm.transformer.layers[i].self_attn for i in sorted({count // 3, count // 2})]
        self._seen: list[torch.Tensor] = []
        for attention in self.guided:
            attention.register_forward_pre_hook(lambda _, inputs: self._seen.append(inputs[0]))
        # Predicts the phones of the frame; it serves the training only.
        self.naming = nn.ModuleList(nn.Linear(table.shape[1], PARTS * len(phones.INVENTORY)) for _ in range(2))
        self._middle: list[torch.Tensor] = []
        middle = flow_lm.transformer.layers[min(count // 2 + 1, count - 1)]
        middle.register_forward_hook(lambda _, __, output: self._middle.append(output))

    def start_from(self, folder: Path, space: Space) -> None:
        """Start from the language model of an exported model, whose latents may differ and which may have more layers.

        Parts that are not exported start from random values. Latents that are fed back are not corrected for a shift.
        """
        lm, weights = self.lm, exported_weights(folder, "flow_lm")
        before = Space.load(folder / "space.npz")
        old_mean, old_std = weights["emb_mean"], weights["emb_std"]
        pointer = torch.eye(len(old_std) - before.dimension, lm.ldim - space.dimension)
        forth = torch.block_diag(torch.from_numpy(before.change(space)), pointer)  # type: ignore[no-untyped-call]
        back = torch.block_diag(torch.from_numpy(space.change(before)), pointer.T)  # type: ignore[no-untyped-call]
        turn = old_std[:, None] * forth / lm.emb_std  # of normalized latents
        back_turn = lm.emb_std[:, None] * back / old_std
        weights["flow_net.final_layer.linear.weight"] = turn.T @ weights["flow_net.final_layer.linear.weight"]
        shift = (old_mean @ forth - lm.emb_mean) / lm.emb_std
        weights["flow_net.final_layer.linear.bias"] = weights["flow_net.final_layer.linear.bias"] @ turn + shift
        for name in ("input_linear.weight", "flow_net.input_proj.weight"):
            weights[name] = weights[name] @ back_turn.T
        weights["bos_emb"] = weights["bos_emb"] @ turn
        weights["speaker_proj_weight"] = weights["speaker_proj_weight"] @ back.T
        weights |= {"emb_mean": lm.emb_mean.clone(), "emb_std": lm.emb_std.clone()}
        lm.load_state_dict(fewer_layers(weights, len(lm.transformer.layers)))
        self.spelling.fit(lm.conditioner.embed.weight)

    def trained(self) -> dict[str, nn.Parameter]:
        """Everything that learns; upstream's lookup table is made from `spelling`."""
        return {k: v for k, v in self.named_parameters() if k != "lm.conditioner.embed.weight"}

    def attention(self, batch: Batch, prefix: int, frames: int) -> torch.Tensor:
        """Cross-entropy of the attention of the guided heads, after `hidden`."""
        start = (prefix + batch.text_lengths)[:, None] + torch.arange(frames)  # positions of the frames
        real = torch.arange(frames) < batch.frame_lengths[:, None]
        total = torch.zeros(())
        for attention, x in zip(self.guided, self._seen, strict=True):
            width, key_row = attention.dim_per_head, attention.attn_dim
            for head in range(2):
                rows = slice(head * width, (head + 1) * width)
                q = F.linear(x, attention.in_proj.weight[rows])[:, :, None]
                k = F.linear(x, attention.in_proj.weight[key_row : 2 * key_row][rows])[:, :, None]
                q, k = attention.rope(q, k, 0)
                q = torch.gather(q[:, :, 0], 1, start[..., None].expand(-1, -1, width))
                scores = q @ k[:, :, 0].transpose(1, 2) / width**0.5
                scores = scores.masked_fill(torch.arange(x.shape[1]) > start[..., None], -1e4)
                target = torch.minimum(batch.token + head, batch.text_lengths[:, None] - 1) + prefix
                share = scores.log_softmax(-1).gather(-1, target[..., None])[..., 0]
                total = total - share[real].mean()
        return total / len(self.guided) / 2

    def names(self, batch: Batch, prefix: int, hidden: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of the next phones, predicted in the middle and at the end, after `hidden`."""
        at = (prefix + batch.text_lengths)[:, None] + torch.arange(hidden.shape[1])
        middle = torch.gather(self._middle[-1], 1, at[..., None].expand(-1, -1, hidden.shape[-1]))
        real = torch.arange(hidden.shape[1]) < batch.frame_lengths[:, None]
        target = batch.phone[real].flatten()
        pairs = zip(self.naming, (middle, hidden), strict=True)
        named = [head(x[real]).reshape(len(target), -1) for head, x in pairs]
        return sum((F.cross_entropy(scores, target) for scores in named), torch.zeros(())) / 2

    def hidden(self, batch: Batch, fed_back: torch.Tensor) -> torch.Tensor:
        """The input of the heads at each frame [B, frames, d], for the frames `fed_back` [B, frames, latent]."""
        lm, size = self.lm, len(fed_back)
        self._seen.clear()
        self._middle.clear()
        raw_prompt = batch.prompts * lm.emb_std + lm.emb_mean
        start = lm.input_linear(lm.bos_emb).expand(size, 1, -1)
        parts = [
            lm.bos_before_voice.expand(size, -1, -1),
            F.linear(raw_prompt, lm.speaker_proj_weight),
            F.embedding(batch.tokens, self.spelling()),
            start,
            lm.input_linear(fed_back[:, :-1]),
        ]
        text_start = parts[0].shape[1] + parts[1].shape[1]
        full = torch.cat(parts, 1)
        # The audio follows its text directly: the padding between them moves to the end.
        place = torch.arange(full.shape[1]).expand(size, -1)
        missing = (batch.tokens.shape[1] - batch.text_lengths)[:, None]
        source = place + torch.where(place >= text_start + batch.text_lengths[:, None], missing, 0)
        source = source.clamp(max=full.shape[1] - 1)
        full = torch.gather(full, 1, source[..., None].expand(-1, -1, full.shape[-1]))
        out = lm.out_norm(lm.transformer(full, None))
        at = (text_start + batch.text_lengths)[:, None] + torch.arange(fed_back.shape[1])
        out = torch.gather(out, 1, at[..., None].expand(-1, -1, out.shape[-1]))
        return out if lm.z_proj is None else lm.z_proj(out)

    def sample(self, hidden: torch.Tensor, samples: int, deviation: float | torch.Tensor = 1.0) -> torch.Tensor:
        """[samples, ..., latent] drawn from the flow head."""
        noise = torch.randn(samples, *hidden.shape[:-1], self.lm.ldim) * deviation
        moved: torch.Tensor = self.lm.flow_net(hidden.expand(samples, *hidden.shape), noise)
        return noise + moved


def fewer_layers(weights: dict[str, torch.Tensor], count: int) -> dict[str, torch.Tensor]:
    """The weights of a transformer of `count` layers: of more, those before the last are dropped.

    So the guided heads stay.
    """
    prefix = "transformer.layers."
    layers = {name: int(name.split(".")[2]) for name in weights if name.startswith(prefix)}
    total = 1 + max(layers.values())
    remaining = [*range(count - 1), total - 1]
    result = {name: weight for name, weight in weights.items() if name not in layers}
    for name, old in layers.items():
        if old in remaining:
            result[name.replace(f"{prefix}{old}.", f"{prefix}{remaining.index(old)}.")] = weights[name]
    return result


def distance(a: torch.Tensor, b: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Euclidean distance of latents scaled by `weight`."""
    return (((a - b) * weight).square().sum(-1) + 1e-4).sqrt()


def energy(samples: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Energy score of each frame: mean distance to the truth less half the mean distance of samples.

    The first sample has little noise and only has to be near the truth.
    """
    drawn = samples[1:]
    near = distance(drawn, target, weight).mean(0)
    apart = distance(drawn, drawn.roll(1, 0), weight).mean(0)
    return near - 0.5 * apart + distance(samples[0], target, weight)


def corrupt(latents: torch.Tensor, noise: float, dropout: float) -> torch.Tensor:
    """The frames fed back, with errors like those of the model's own frames."""
    corrupted = latents + torch.randn_like(latents) * torch.rand(len(latents), 1, 1) * noise
    drop = torch.rand(latents.shape[:2]) < dropout * torch.rand(len(latents), 1) * 2
    return torch.where(drop[..., None], torch.randn_like(latents), corrupted)


def losses(speaker: Speaker, batch: Batch, args: argparse.Namespace, training: bool) -> tuple[torch.Tensor, Parts]:
    """The loss of a batch and its parts; in training the frames fed back are corrupted."""
    fed_back = batch.latents
    if training:
        fed_back = corrupt(fed_back, args.noise, args.dropout)
        if torch.rand(()) < args.self_feed:
            with torch.no_grad():
                own = speaker.sample(speaker.hidden(batch, fed_back), 1, args.temperature**0.5)[0]
            swap = torch.rand(fed_back.shape[:2]) < torch.rand(len(fed_back), 1)
            fed_back = torch.where(swap[..., None], own, fed_back)
    hidden = speaker.hidden(batch, fed_back)
    place = torch.arange(fed_back.shape[1])
    real = place < (batch.frame_lengths + AFTER)[:, None]
    prefix = 1 + batch.prompts.shape[1]
    guide = speaker.attention(batch, prefix, fed_back.shape[1])
    names = speaker.names(batch, prefix, hidden)
    hidden, target = hidden[real], batch.latents[real]
    little = LITTLE * torch.rand(len(hidden), 1) * (torch.rand(len(hidden), 1) < 0.5) * training
    quiet = speaker.sample(hidden, 1, little)
    samples = torch.cat([quiet, speaker.sample(hidden, args.samples)])
    std = speaker.lm.emb_std
    codec = len(std) - args.pointer
    pitch = slice(1, args.first)
    # All latents together, for their correlations; then the small parts alone, or they would learn last.
    score = energy(samples, target, std).mean()
    main_part = slice(args.first, min(args.first + 16, codec))
    for part, weight in ((pitch, 0.3), (slice(codec, None), 0.5), (main_part, 0.7)):
        score = score + weight * energy(samples[..., part], target[..., part], std[part]).mean()
    ended = (place >= (batch.frame_lengths - 1)[:, None])[real].float()
    logits = speaker.lm.out_eos(hidden)[..., 0]
    eos = F.binary_cross_entropy_with_logits(logits, ended)
    with torch.no_grad():
        squares = ((quiet[0] - target) * std).square().mean(0)
        sizes = std.square()
        parts = {
            "energy": score,
            "main": squares[main_part].sum() / sizes[main_part].sum(),
            "error": squares[args.first : codec].sum() / sizes[args.first : codec].sum(),
            "pitch": squares[pitch].sum() / sizes[pitch].sum(),
            "pointer": squares[codec:].sum() / sizes[codec:].sum(),
            "eos": eos,
            "guide": guide,
            "names": names,
        }
    loss = score + args.eos_weight * eos + args.guide_weight * guide + args.name_weight * names
    return loss, {k: v.item() for k, v in parts.items()}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_flags(parser, warmup=200)
    parser.add_argument("--positions", type=int, default=1500, help="padded positions in a batch, without the prompt")
    parser.add_argument("--samples", type=int, default=2, help="samples of the energy score")
    parser.add_argument("--noise", type=float, default=0.4, help="on the frames fed back")
    parser.add_argument("--dropout", type=float, default=0.08, help="share of the frames fed back that are noise alone")
    parser.add_argument(
        "--self-feed", type=float, default=0.4, help="share of steps that feed back the model's own frames"
    )
    parser.add_argument("--temperature", type=float, default=0.1, help="of the frames fed back")
    parser.add_argument("--eos-weight", type=float, default=0.5)
    parser.add_argument("--guide-weight", type=float, default=0.2)
    parser.add_argument("--name-weight", type=float, default=0.2)
    args = parser.parse_args()

    seed_everything(args.seed)
    use_fast_rope()
    vocoder, space, sizes = Vocoder(), Space.load(args.space), Sizes.named(args.sizes)
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(args.tokenizer))
    model = build_model(configuration(sizes, tokenizer.vocab_size(), str(args.tokenizer), None, vocoder))
    torch.set_num_threads(args.threads)  # pocket_tts sets one
    set_statistics(model.flow_lm, space)
    args.pointer, args.first = sizes.pointer, 1 + len(space.pitch_mean)
    nn.init.normal_(model.flow_lm.bos_before_voice, std=0.5)
    codes = Pointer.of(tokenizer.vocab_size(), sizes.pointer).tokens[0]
    speaker = Speaker(model.flow_lm, phones.pieces(tokenizer), codes)
    if args.begin_with:
        speaker.start_from(args.begin_with, space)
    data = Utterances(args.data, space, tokenizer, sizes.pointer, args.held_out)
    held_batch = data.batch(np.array(data.held[:24]), 10, np.random.default_rng(0)).to(processor())
    queue: list[Array] = []
    random: list[np.random.Generator] = []

    def loss(step: int) -> tuple[torch.Tensor, Parts]:
        if not random:  # a resumed run begins a new epoch
            random.append(np.random.default_rng([args.seed, step, together()[0]]))
        if not queue:
            queue.extend(data.epoch(args.positions, random[0]))
        batch = data.batch(queue.pop(), int(random[0].integers(SHORTEST_PROMPT, LONGEST_PROMPT + 1)), random[0])
        return losses(speaker, batch.to(processor()), args, training=True)

    def held() -> Parts:
        return losses(speaker, held_batch, args, training=False)[1]

    facts = {"sizes": dataclasses.asdict(sizes)}
    result = train(args.out / "lm.pt", speaker, speaker.trained(), loss, held, Schedule.of(args), facts)
    if together()[0] == 0:
        write_summary(args.summary, utterances=len(data.train), **result)


if __name__ == "__main__":
    main()
