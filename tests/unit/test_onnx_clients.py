"""Runtimes of others load the bundle and say what PyTorch says, at temperature zero: sherpa-onnx and pocketsynth.

PocketTTS.cpp is a program that no package brings. How it goes about a bundle is followed here step by step.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import soundfile
import torch

from pockettts.bundle import Bundle
from pockettts.export.verify import Reference
from pockettts.upstream import MIN_FRAMES_BEFORE_EOS
from support.exports import Exported, babble_export, recording

TEXT = "Hello there, world."
FRAMES_AFTER_EOS = 3
FRAMES = 60
VOICE = recording()[:48_000]


@pytest.fixture(scope="module")
def exported() -> Exported:
    return babble_export()


@pytest.fixture(scope="module")
def reference(exported: Exported) -> Reference:
    return Reference(exported.model, VOICE, TEXT)


@pytest.fixture(scope="module")
def expected(exported: Exported, reference: Reference) -> np.ndarray:
    return said_by_pytorch(exported, reference)


def said_by_pytorch(exported: Exported, reference: Reference) -> np.ndarray:
    """PyTorch's sound for the text, as long as the model's own end of speech makes it."""
    audio, logits = reference.speech(FRAMES)
    above = np.flatnonzero(logits > exported.model.config.default_eos_threshold)
    end = int(above[above >= MIN_FRAMES_BEFORE_EOS][0]) + FRAMES_AFTER_EOS
    assert MIN_FRAMES_BEFORE_EOS + FRAMES_AFTER_EOS < end < FRAMES
    return audio[: end * exported.fp32.samples_per_frame]


@pytest.fixture
def wav(tmp_path: Path) -> str:
    soundfile.write(tmp_path / "voice.wav", VOICE, 24_000, subtype="PCM_16")
    return str(tmp_path / "voice.wav")


def say_with_pocketsynth(bundle: Bundle, tokens: np.ndarray, source: str) -> np.ndarray:
    """Speak with a voice: a recording, or the name of one in bundle.json."""
    pocketsynth = pytest.importorskip("pocketsynth")
    generation = pocketsynth.GenerationConfig(temperature=0.0, frames_after_eos=FRAMES_AFTER_EOS, max_frames=FRAMES)
    with pocketsynth.PocketRuntime.load(bundle.folder, precision=bundle.precision) as runtime:
        voice = runtime.prepare_voice(source)
        return np.asarray(runtime.infer_tokens(tuple(tokens[0].tolist()), voice, generation)).reshape(-1)


def say_with_sherpa(bundle: Bundle) -> np.ndarray:
    sherpa = pytest.importorskip("sherpa_onnx")
    graph = {name: str(path) for name, path in bundle.graphs.items()}
    pocket = sherpa.OfflineTtsPocketModelConfig(
        lm_flow=graph["flow_lm_flow"],
        lm_main=graph["flow_lm_main"],
        encoder=graph["mimi_encoder"],
        decoder=graph["mimi_decoder"],
        text_conditioner=graph["text_conditioner"],
        vocab_json=str(bundle.folder / "vocab.json"),
        token_scores_json=str(bundle.folder / "token_scores.json"),
    )
    model = sherpa.OfflineTtsModelConfig(pocket=pocket, num_threads=1)
    speaker = sherpa.OfflineTts(sherpa.OfflineTtsConfig(model=model))
    generation = sherpa.GenerationConfig()
    generation.reference_audio, generation.reference_sample_rate = VOICE.tolist(), 24_000
    generation.num_steps = 1
    generation.extra = {"temperature": "0", "frames_after_eos": str(FRAMES_AFTER_EOS), "max_frames": str(FRAMES)}
    return np.asarray(speaker.generate(TEXT, generation).samples)


def test_pocketsynth_says_the_same(exported: Exported, reference: Reference, expected: np.ndarray, wav: str) -> None:
    said = say_with_pocketsynth(exported.fp32, reference.tokens, wav)
    assert len(said) == len(expected)
    np.testing.assert_allclose(said, expected, atol=1e-3 * np.abs(expected).max())


def test_sherpa_says_the_same(exported: Exported, expected: np.ndarray) -> None:
    said = say_with_sherpa(exported.fp32)
    assert len(said) == len(expected)
    np.testing.assert_allclose(said, expected, atol=1e-3 * np.abs(expected).max())


class ByPosition:
    """A graph of which nothing is known but the order of its inputs and that those named state_* are states."""

    def __init__(self, path: Path, room: int) -> None:
        self.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        inputs = self.session.get_inputs()
        self.names = [one.name for one in inputs if not one.name.startswith("state_")]
        self.states = {
            one.name: np.zeros(
                [size if isinstance(size, int) else room for size in one.shape],
                {"tensor(float)": np.float32, "tensor(int64)": np.int64}[one.type],
            )
            for one in inputs[len(self.names) :]
        }
        outputs = self.session.get_outputs()
        assert [f"out_{name}" for name in self.states] == [one.name for one in outputs[-len(self.states) :]]
        # Buffers of these are made once, by the shape of the input.
        for given, made in zip(inputs[len(self.names) :], outputs[-len(self.states) :], strict=True):
            fixed = [size for size in given.shape if isinstance(size, int)]
            assert [size for size in made.shape if isinstance(size, int)] == fixed

    def __call__(self, *data: np.ndarray) -> list[np.ndarray]:
        results = self.session.run(None, {**dict(zip(self.names, data, strict=True)), **self.states})
        count = len(results) - len(self.states)
        self.states = dict(zip(self.states, results[count:], strict=True))
        return results[:count]


def say_by_position(bundle: Bundle, tokens: np.ndarray, room: int) -> np.ndarray:
    """Speak as a client that makes states of zeros, with axes that vary `room` long, and decodes four frames a call."""

    def stateless(name: str, *data: np.ndarray) -> np.ndarray:
        session = onnxruntime.InferenceSession(str(bundle.graphs[name]), providers=["CPUExecutionProvider"])
        return session.run(None, dict(zip([one.name for one in session.get_inputs()], data, strict=True)))[0]

    main, decoder = (ByPosition(bundle.graphs[name], room) for name in ("flow_lm_main", "mimi_decoder"))
    no_frames, no_text = np.zeros((1, 0, 32), np.float32), np.zeros((1, 0, 1024), np.float32)
    main(no_frames, stateless("mimi_encoder", VOICE.reshape(1, 1, -1)))
    main(no_frames, stateless("text_conditioner", tokens))
    latents: list[np.ndarray] = []
    latent, end = np.full((1, 1, 32), np.nan, np.float32), FRAMES
    start, stop = np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32)
    while len(latents) < end:
        condition, eos = main(latent, no_text)
        if end == FRAMES and eos.item() > -4:
            end = len(latents) + FRAMES_AFTER_EOS
        latent = stateless("flow_lm_flow", condition, start, stop, np.zeros((1, 32), np.float32))[:, None]
        latents.append(latent)
    groups = [np.concatenate(latents[at : at + 4], axis=1) for at in range(0, len(latents), 4)]
    return np.concatenate([decoder(group)[0] for group in groups], axis=-1).reshape(-1)


@pytest.mark.parametrize("room", [0, 1])
def test_a_client_that_goes_by_position_says_the_same(
    exported: Exported, reference: Reference, expected: np.ndarray, room: int
) -> None:
    said = say_by_position(exported.fp32, reference.tokens, room)
    assert len(said) == len(expected)
    np.testing.assert_allclose(said, expected, atol=1e-3 * np.abs(expected).max())


def test_pocketsynth_says_the_same_with_a_voice_that_pocket_tts_exported(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bundle.json says where the tensors of such a voice go. pocketsynth would fetch it: here it is given one."""
    pytest.importorskip("pocketsynth")
    from pocket_tts import export_model_state
    from pocket_tts.data.audio_utils import end_on_pause

    folder = Path(shutil.copytree(exported.fp32.folder, tmp_path / "bundle"))
    told = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps({**told, "predefined_voices": ["ours"]}))
    voice, recorded = tmp_path / "voice.safetensors", torch.from_numpy(VOICE)[None]
    export_model_state(exported.model.get_state_for_audio_prompt(recorded), voice)
    monkeypatch.setattr(
        "onnxvoice.systems.pocket.PocketAdapter._cached_predefined_voice_asset", lambda *_, **__: (voice, "")
    )
    # Unlike clients, pocket-tts puts a pause behind a recording.
    reference = Reference(exported.model, end_on_pause(recorded, 24_000)[0].numpy(), TEXT)
    expected = said_by_pytorch(exported, reference)
    said = say_with_pocketsynth(replace(exported.fp32, folder=folder), reference.tokens, "ours")
    assert len(said) == len(expected)
    np.testing.assert_allclose(said, expected, atol=1e-3 * np.abs(expected).max())


def test_both_load_int8(exported: Exported, reference: Reference, wav: str) -> None:
    for said in (say_with_pocketsynth(exported.int8, reference.tokens, wav), say_with_sherpa(exported.int8)):
        assert len(said) % exported.int8.samples_per_frame == 0
        assert np.isfinite(said).all()
        assert said.any()
