"""The real pocket-tts with the babble model. Every process of it costs seconds of importing."""

import os
from pathlib import Path

import numpy as np
import psutil
import pytest

from pockettts.config import SynthConfig
from pockettts.engines import open_engine
from pockettts.engines.cli import CliEngine
from pockettts.engines.pieces import PAUSE_SAMPLES, Splitter, piece_seed
from pockettts.engines.torch import TorchEngine
from pockettts.errors import ConfigError, EngineFailed, EngineTimeout, NoEndOfSpeech, SynthesisCancelled
from support.babble import write_runtime, write_voice

SHORT = "“Oh, Mr. Holmes!” said Alice"
LONG = "Alice was beginning to get very tired of sitting by her sister on the bank. " * 2
NEVER_ENDS = SynthConfig(eos_threshold=1000.0)


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("model")
    runtime = write_runtime(folder)
    return runtime, write_voice(folder, runtime)


@pytest.fixture(scope="module")
def warm(paths: tuple[Path, Path]) -> TorchEngine:
    return TorchEngine(*paths, SynthConfig())


def test_both_engines_give_the_same_samples(paths: tuple[Path, Path], warm: TorchEngine) -> None:
    before = warm.synthesize(SHORT, 7)
    warm.synthesize(LONG, 8)
    after = warm.synthesize(SHORT, 7)
    np.testing.assert_array_equal(before, after)
    assert len(before) > 12_000
    assert before.any()
    for fresh in (False, True):
        with open_engine("cli", *paths, SynthConfig(fresh_process=fresh)) as engine:
            assert engine.seeded
            np.testing.assert_array_equal(engine.synthesize(SHORT, 7), before)


def test_forked_commands_are_apart_and_can_be_killed(paths: tuple[Path, Path], warm: TorchEngine) -> None:
    """One after the other they give what a fresh process gives; one that is killed or cancelled harms no other."""
    with CliEngine(*paths, SynthConfig()) as engine:
        first = engine.synthesize(SHORT, 7)
        assert engine._resident is not None
        resident = engine._resident._process
        assert resident is not None
        engine.cancelled = lambda: bool(psutil.Process(resident.pid).children())
        with pytest.raises(SynthesisCancelled):
            engine.synthesize(LONG, 8)
        engine.cancelled = lambda: False
        np.testing.assert_array_equal(engine.synthesize(SHORT, 7), first)
        assert engine._resident._process is resident, "it is still the same process"
        resident.kill()
        with pytest.raises(EngineFailed, match="SIGKILL"):
            engine.synthesize(SHORT, 7)
        np.testing.assert_array_equal(engine.synthesize(SHORT, 7), first)
        left = psutil.Process(engine._resident._process.pid)
    assert not left.is_running()


def test_another_seed_gives_another_take(warm: TorchEngine) -> None:
    assert not np.array_equal(warm.synthesize(SHORT, 1), warm.synthesize(SHORT, 2))


def test_a_long_text_is_its_pieces_in_a_row(paths: tuple[Path, Path], warm: TorchEngine) -> None:
    pieces = Splitter(paths[0])(LONG)
    assert len(pieces) > 1
    expected = []
    for index, piece in enumerate(pieces):
        expected += [np.zeros(PAUSE_SAMPLES if index else 0, np.int16), warm.synthesize(piece, piece_seed(3, index))]
    np.testing.assert_array_equal(warm.synthesize(LONG, 3), np.concatenate(expected))


def test_a_runaway_is_told_by_both_engines_or_accepted(paths: tuple[Path, Path]) -> None:
    for name in ("cli", "torch"):
        with open_engine(name, *paths, NEVER_ENDS) as engine, pytest.raises(NoEndOfSpeech, match="Yes"):
            engine.synthesize("Yes.", 1)
    assert "KPOCKET_TTS_ERROR_WITHOUT_EOS" not in os.environ
    samples = engine.synthesize("Yes.", 1, accept_runaway=True)
    assert len(samples) > 2 * 24_000


def test_the_warm_engine_stops_in_time(paths: tuple[Path, Path], warm: TorchEngine) -> None:
    slow = TorchEngine(*paths, SynthConfig(timeout_seconds=0.001))
    slow._model = warm._model
    with pytest.raises(EngineTimeout, match=r"0\.001 s"):
        slow.synthesize(LONG, 1)


def test_a_cancelled_take_ends_early_and_leaves_no_trace(warm: TorchEngine) -> None:
    before = warm.synthesize(SHORT, 7)
    frames = len(warm.synthesize(LONG, 8)) // 1_920
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked >= 5

    warm.cancelled = cancelled
    try:
        with pytest.raises(SynthesisCancelled):
            warm.synthesize(LONG, 8)
        # pocket-tts still decodes the frames that are queued.
        assert asked < frames / 3
    finally:
        del warm.cancelled
    np.testing.assert_array_equal(warm.synthesize(SHORT, 7), before)


def test_a_broken_voice_is_a_sentence(paths: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "v.safetensors").write_bytes(b"no")
    with pytest.raises(EngineFailed, match=r"cannot load .*v\.safetensors"):
        TorchEngine(paths[0], tmp_path / "v.safetensors", SynthConfig()).synthesize("Hello.", 1)


def test_settings_of_the_command_line_are_refused(tmp_path: Path) -> None:
    for synth in (SynthConfig(tts_args={"device": "cpu"}), SynthConfig(executable=Path("x"))):
        with pytest.raises(ConfigError, match="cli"):
            open_engine("torch", tmp_path, tmp_path, synth)
    open_engine("torch", tmp_path, tmp_path, SynthConfig(tts_args={"max-tokens": 20}))
