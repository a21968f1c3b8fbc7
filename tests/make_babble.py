"""Make tests/babble/: a tiny Pocket TTS model of the real architecture and a voice, from a seed.

    python tests/make_babble.py inputs/book.txt

The tests speak with it in place of the bundled model, which is larger and slower. It babbles. No part of it has
learned from speech: the weights are random numbers scaled so that signals keep their variance through the network, so
every input matters to every output. Only two things are arranged, so that the rest of the pipeline meets takes of the
shape it will meet with a released model:

- two attention heads measure text and its letters against the length of text and audio. Both fall as audio grows, and
  the end-of-speech head is fitted to them by least squares, so that a take's length follows its text;
- the flow head fades out towards that point, so that a take ends in silence.

The tokenizer is a real unigram model, trained on the text given. The same seed gives the same bytes.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
import soundfile
import torch
import yaml
from pocket_tts import TTSModel
from safetensors.torch import load_file, save_file

VOCABULARY = 900
FRAMES_PER_LETTER = 12.5 / 14.5  # an unhurried reader
EXTRA_FRAMES = 4.0
# Channels of the residual stream that the length circuit keeps for itself.
TEXT, AUDIO, LETTERS, TEXT_SHARE, LETTER_SHARE, ONE = RESERVED = [0, 1, 2, 3, 4, 5]
FLAG = 8.0
PER_LETTER = 0.5
GAIN = 2.0

CONFIG: dict[str, Any] = {
    "weights_path": "model.safetensors",
    "default_temperature": 0.3,
    "default_eos_threshold": 0.0,
    "replace_characters": {"’": "'", "‘": "'"},
    "flow_lm": {
        "dtype": "float32",
        "insert_bos_before_voice": True,
        "flow": {"dim": 64, "depth": 2, "type": "drifting"},
        "transformer": {"d_model": 64, "hidden_scale": 2, "max_period": 10000, "num_heads": 4, "num_layers": 2},
        "lookup_table": {
            "dim": 64,
            "n_bins": VOCABULARY,
            "tokenizer": "sentencepiece",
            "tokenizer_path": "tokenizer.model",
        },
    },
    "mimi": {
        "dtype": "float32",
        "sample_rate": 24000,
        "channels": 1,
        "frame_rate": 12.5,
        "inner_dim": 32,
        "outer_dim": 64,
        "seanet": {
            "dimension": 64,
            "channels": 1,
            "n_filters": 8,
            "n_residual_layers": 1,
            "ratios": [6, 5, 4],
            "kernel_size": 7,
            "residual_kernel_size": 3,
            "last_kernel_size": 3,
            "dilation_base": 2,
            "pad_mode": "constant",
            "compress": 2,
        },
        "transformer": {
            "d_model": 64,
            "num_heads": 4,
            "num_layers": 1,
            "layer_scale": 0.01,
            "context": 50,
            "dim_feedforward": 128,
            "input_dimension": 64,
            "output_dimensions": [64],
        },
        "quantizer": {"dimension": 32, "output_dimension": 64},
    },
}


def train_tokenizer(texts: list[Path], out: Path) -> None:
    """Train a unigram SentencePiece model of `VOCABULARY` pieces with byte fallback, so that any text can be said."""
    sentencepiece.SentencePieceTrainer.train(
        input=",".join(map(str, texts)),
        model_prefix=str(out.with_suffix("")),
        vocab_size=VOCABULARY,
        model_type="unigram",
        byte_fallback=True,
        character_coverage=1.0,
        num_threads=1,
        minloglevel=2,
    )
    out.with_suffix(".vocab").unlink()


def make_voice(out: Path, seed: int) -> None:
    """Write 3 s of vowel-like sound: a glottal pulse train at a gliding pitch through slowly moving resonances."""
    rate, seconds = 24_000, 3.0
    rng = np.random.default_rng(seed)
    time = np.arange(int(rate * seconds)) / rate
    pitch = 118 + 14 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    sound = np.zeros_like(time)
    for formant, width in ((620.0, 90.0), (1350.0, 120.0), (2550.0, 160.0)):
        center = formant * (1 + 0.18 * np.sin(2 * np.pi * rng.uniform(0.8, 1.6) * time + rng.uniform(0, 6)))
        for harmonic in range(1, 34):
            gain = 1 / (1 + ((harmonic * pitch - center) / width) ** 2)
            sound += gain / harmonic**0.5 * np.sin(harmonic * phase)
    syllables = np.clip(np.sin(2 * np.pi * 2.2 * time), 0, 1) ** 0.5
    sound *= syllables
    soundfile.write(out, 0.3 * sound / np.abs(sound).max(), rate, subtype="PCM_16")


def _fill(name: str, tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    leaf = name.rsplit(".", 1)[-1]
    if name.endswith("emb_std") or (leaf == "alpha") or (leaf == "weight" and "norm" in name):
        return torch.ones_like(tensor)
    if leaf in ("emb_mean", "bias") or leaf == "freqs":
        return torch.zeros_like(tensor)
    if leaf == "scale":
        return torch.full_like(tensor, 0.01)
    noise = torch.randn(tensor.shape, generator=generator)
    if "convtr.weight" in name:
        # Kernels are twice the stride, so two taps of every input channel meet in a sample; upsampling is grouped.
        inputs = tensor.shape[0] / (64 if "upsample" in name else 1)
        return torch.div(noise, (2 * inputs) ** 0.5)
    if tensor.dim() >= 2 and "embed" not in name and not name.endswith("bos_before_voice"):
        return torch.div(noise, tensor[0].numel() ** 0.5)
    return noise


def _wire_length_circuit(state: dict[str, torch.Tensor], letters: torch.Tensor) -> None:
    """Make two heads of layer 0 write the shares of text and of letters in the length so far, without the voice.

    `letters` has the number of letters and digits of each piece of the tokenizer. The random part of what enters the
    transformer is kept small against the flags, so that normalizing leaves them nearly as they are.
    """
    embed = state["flow_lm.conditioner.embed.weight"]
    embed *= 0.5
    embed[:, RESERVED] = 0
    embed[:, TEXT] = FLAG
    embed[: len(letters), LETTERS] = PER_LETTER * letters
    for name in ("flow_lm.speaker_proj_weight", "flow_lm.input_linear.weight"):
        state[name] *= 0.5
        state[name][RESERVED] = 0
    state["flow_lm.bos_before_voice"][..., RESERVED] = 0
    # Latent 0 is the constant 1 (see `_wire_fade_out`), and so is the first frame's stand-in.
    state["flow_lm.input_linear.weight"][:, 0] = 0
    state["flow_lm.input_linear.weight"][AUDIO, 0] = FLAG
    state["flow_lm.bos_emb"][0] = 1.0
    # The decoder must not hear that constant, or the end would not be silent.
    state["mimi.quantizer.output_proj.weight"][:, 0] = 0

    width = embed.shape[1]
    for layer in (0, 1):
        prefix = f"flow_lm.transformer.layers.{layer}"
        for name in (f"{prefix}.self_attn.out_proj.weight", f"{prefix}.linear2.weight"):
            state[name] *= 0.5
            state[name][RESERVED] = 0
    norm = "flow_lm.transformer.layers.0.norm1"
    state[f"{norm}.weight"][ONE] = 0
    state[f"{norm}.bias"][ONE] = 1.0
    project = state["flow_lm.transformer.layers.0.self_attn.in_proj.weight"]
    query, key, value = project[:width], project[width : 2 * width], project[2 * width :]
    heads = slice(0, 32)
    query[heads], key[heads], value[heads] = 0, 0, 0
    shares = state["flow_lm.transformer.layers.0.self_attn.out_proj.weight"]
    for first, source, share in ((0, TEXT, TEXT_SHARE), (16, LETTERS, LETTER_SHARE)):
        # Text and audio weigh the same and the voice next to nothing, wherever they stand: the slowest rotary pair
        # turns 0.0003 rad a step. After normalizing a flag is about 7, and scores are divided by 4.
        slow = first + 14
        query[slow, ONE] = 5.0
        key[slow, TEXT] = key[slow, AUDIO] = 1.0
        value[first, source] = 1.0
        shares[share] = 0
        shares[share, first] = GAIN


def _wire_fade_out(state: dict[str, torch.Tensor], weight: torch.Tensor, bias: torch.Tensor) -> None:
    """Scale the flow head's output by how far the end-of-speech signal `weight · z + bias` is below its threshold."""
    flow = "flow_lm.flow_net"
    modulation = f"{flow}.final_layer.adaLN_modulation.1"
    state[f"{modulation}.weight"].zero_()
    half = state[f"{modulation}.weight"].shape[0] // 2
    # silu(u) - silu(u - 4) rises from 0 to 4 and stays there: one unit more than it needs to close at u = 0.
    for gate, offset in ((0, 1.0), (1, 5.0)):
        state[f"{flow}.cond_embed.weight"][gate] = -8.0 * weight
        state[f"{flow}.cond_embed.bias"][gate] = -8.0 * bias - offset
        state[f"{modulation}.weight"][half:, gate] = 0.25 if gate == 0 else -0.25
    state[f"{modulation}.bias"][half:] = -1.0
    linear = f"{flow}.final_layer.linear"
    state[f"{linear}.weight"][0] = 0
    state[f"{linear}.bias"][0] = 1.0


def _voice_prompt(model: TTSModel, seed: int) -> torch.Tensor:
    """Return what the language model sees of the voice: `[1, frames, d]`, its start mark first."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "voice.wav"
        make_voice(path, seed)
        samples, _ = soundfile.read(path, dtype="float32")
    with torch.no_grad():
        latents = model.mimi.encode_to_latent(torch.from_numpy(samples)[None, None])
        frames = torch.nn.functional.linear(latents, model.flow_lm.speaker_proj_weight)
    return torch.cat([model.flow_lm.bos_before_voice, frames], dim=1)


def _hidden_states(model: TTSModel, voice: torch.Tensor, text: str, frames: int) -> torch.Tensor:
    """Feed `text` and `frames` frames of noise, and return what the end-of-speech head sees at each: `[frames, d]`."""
    lm = model.flow_lm
    embedded = torch.cat([voice, lm.conditioner(lm.conditioner.prepare(text))], dim=1)
    latents = torch.randn(1, frames, lm.ldim)
    latents[..., 0] = 1.0
    latents[:, 0] = lm.bos_emb
    with torch.no_grad():
        hidden: torch.Tensor = lm.backbone(lm.input_linear(latents), embedded, latents, model_state=None)
    return hidden[0]


def fit_end_of_speech(model: TTSModel, voice: torch.Tensor, sentences: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Least squares for `weight · z + bias` = audio beyond the wanted length, as a share of all, on real sentences."""
    rows, targets = [], []
    for sentence in sentences:
        tokens = model.flow_lm.conditioner.prepare(sentence).shape[1]
        letters = sum(character.isalnum() for character in sentence)
        wanted = FRAMES_PER_LETTER * letters + EXTRA_FRAMES
        frames = int(wanted * 1.6)
        rows.append(_hidden_states(model, voice, sentence, frames))
        step = torch.arange(1, frames + 1)
        targets.append((step - wanted) / (tokens + step))
    z, y = torch.cat(rows).double(), torch.cat(targets).double()
    ones = torch.ones(len(z), 1, dtype=torch.float64)
    ridge = 1e-2 * len(z) * torch.eye(z.shape[1] + 1, dtype=torch.float64)
    features = torch.cat([z, ones], 1)
    solution = torch.linalg.solve(features.T @ features + ridge * 1e-2, features.T @ y)
    # In units in which a second more or less of a middling sentence is about 1.
    return 10 * solution[:-1].float(), 10 * solution[-1].float()


def make_model(directory: Path, texts: list[Path], seed: int) -> None:
    """Write config.yaml, tokenizer.model and model.safetensors (float16) into `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer = directory / "tokenizer.model"
    train_tokenizer(texts, tokenizer)
    config = directory / "config.yaml"
    config.write_text(
        "# Made by tests/make_babble.py. Paths are relative to this folder; the build writes a copy with absolute"
        " ones.\n" + yaml.safe_dump(CONFIG, sort_keys=False)
    )
    sentences = [s.strip() + "." for t in texts for s in t.read_text().replace("\n", " ").split(".")]
    sentences = [s for s in sentences if 4 < len(s) < 200][:90]
    torch.manual_seed(seed)
    with tempfile.TemporaryDirectory() as scratch:
        bare = yaml.safe_load(config.read_text())
        bare.pop("weights_path")
        bare["flow_lm"]["lookup_table"]["tokenizer_path"] = str(tokenizer)
        bare_path = Path(scratch) / "bare.yaml"
        bare_path.write_text(yaml.safe_dump(bare))
        model = TTSModel.load_model(config=bare_path)
        generator = torch.Generator().manual_seed(seed)
        state = {name: _fill(name, t, generator) for name, t in model.state_dict().items()}
        pieces = model.flow_lm.conditioner.tokenizer.sp
        spelled = [pieces.id_to_piece(index) for index in range(VOCABULARY)]
        letters = torch.tensor([0.5 if p.startswith("<0x") else sum(map(str.isalnum, p)) for p in spelled])
        _wire_length_circuit(state, letters)
        model.load_state_dict(state, strict=True)
        weight, bias = fit_end_of_speech(model, _voice_prompt(model, seed), sentences)
        state["flow_lm.out_eos.weight"][0], state["flow_lm.out_eos.bias"][0] = weight, bias
        _wire_fade_out(state, weight, bias)
        weights = directory / "model.safetensors"
        _set_level(state, bare, Path(scratch), sentences[0])
        save_file({name: t.half().contiguous() for name, t in state.items()}, weights)


def _set_level(state: dict[str, torch.Tensor], config: dict[str, Any], scratch: Path, text: str) -> None:
    """Scale the decoder's last layer so that speech has an RMS of about -22 dBFS."""
    weights = scratch / "model.safetensors"
    save_file(state, weights)
    path = scratch / "level.yaml"
    path.write_text(yaml.safe_dump({**config, "weights_path": str(weights)}))
    model = TTSModel.load_model(config=path)
    voice = scratch / "voice.wav"
    make_voice(voice, 0)
    audio = model.generate_audio(model.get_state_for_audio_prompt(voice), text)
    last = max(
        (n for n in state if n.startswith("mimi.decoder.model.") and n.endswith("conv.weight")),
        key=lambda n: int(n.split(".")[3]),
    )
    state[last] *= 10 ** (-22 / 20) / float(audio.square().mean().sqrt())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="+", type=Path, help="texts that the tokenizer is trained on")
    parser.add_argument("--model", type=Path, default=Path("tests/babble"))
    parser.add_argument("--voice", type=Path, default=Path("tests/babble/voice.wav"))
    parser.add_argument("--seed", type=int, default=2026)
    args = parser.parse_args()
    make_voice(args.voice, args.seed)
    make_model(args.model, args.texts, args.seed)
    size = sum(p.stat().st_size for p in args.model.iterdir())
    print(f"{args.model}: {size / 1e6:.2f} MB, tensors {len(load_file(args.model / 'model.safetensors'))}")


if __name__ == "__main__":
    main()
