"""Runtimes of others load the bundle and say what PyTorch says, at temperature zero: sherpa-onnx and pocketsynth."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from onnx_models import Exported, bundled_export, recording

from pockettts.onnx.bundle import Bundle
from pockettts.onnx.graphs import MIN_FRAMES
from pockettts.onnx.verify import Comparison

TEXT = "Hello there, world."
FRAMES_AFTER_EOS = 3
FRAMES = 60
VOICE = recording()[:48_000]


@pytest.fixture(scope="module")
def exported() -> Exported:
    return bundled_export()


@pytest.fixture(scope="module")
def comparison(exported: Exported) -> Comparison:
    return Comparison(exported.fp32, exported.model, VOICE, text=TEXT)


@pytest.fixture(scope="module")
def expected(exported: Exported, comparison: Comparison) -> np.ndarray:
    """PyTorch's sound for the text, as long as the model's own end of speech makes it."""
    audio, logits = comparison.spoken(FRAMES)
    above = np.flatnonzero(logits > exported.model.config.default_eos_threshold)
    end = int(above[above >= MIN_FRAMES][0]) + FRAMES_AFTER_EOS
    assert MIN_FRAMES + FRAMES_AFTER_EOS < end < FRAMES
    return audio[: end * exported.fp32.samples_per_frame]


def say_with_pocketsynth(bundle: Bundle, tokens: np.ndarray, folder: Path) -> np.ndarray:
    pocketsynth = pytest.importorskip("pocketsynth")
    soundfile.write(folder / "voice.wav", VOICE, 24_000, subtype="PCM_16")
    generation = pocketsynth.GenerationConfig(temperature=0.0, frames_after_eos=FRAMES_AFTER_EOS, max_frames=FRAMES)
    with pocketsynth.PocketRuntime.load(bundle.folder, precision=bundle.precision) as runtime:
        voice = runtime.prepare_voice(str(folder / "voice.wav"))
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


def test_pocketsynth_says_the_same(
    exported: Exported, comparison: Comparison, expected: np.ndarray, tmp_path: Path
) -> None:
    said = say_with_pocketsynth(exported.fp32, comparison.tokens, tmp_path)
    assert len(said) == len(expected)
    np.testing.assert_allclose(said, expected, atol=1e-3 * np.abs(expected).max())


def test_sherpa_says_the_same(exported: Exported, expected: np.ndarray) -> None:
    said = say_with_sherpa(exported.fp32)
    assert len(said) == len(expected)
    np.testing.assert_allclose(said, expected, atol=1e-3 * np.abs(expected).max())


def test_both_load_int8(exported: Exported, comparison: Comparison, tmp_path: Path) -> None:
    for said in (say_with_pocketsynth(exported.int8, comparison.tokens, tmp_path), say_with_sherpa(exported.int8)):
        assert len(said) % exported.int8.samples_per_frame == 0
        assert np.isfinite(said).all()
        assert said.any()
