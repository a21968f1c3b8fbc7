"""Engine onnx with the babble model, against PyTorch where there is something to compare."""

import math
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from pockettts import upstream
from pockettts.config import SynthConfig
from pockettts.engines import open_engine
from pockettts.engines.onnx import OnnxEngine
from pockettts.engines.onnx.speaker import (
    GROUP,
    GROUPS,
    frame_noise,
    group_sizes,
    max_frames,
)
from pockettts.engines.pieces import PAUSE_SAMPLES, Splitter, piece_seed
from pockettts.engines.torch import TorchEngine
from pockettts.errors import (
    BundleError,
    ConfigError,
    EngineFailed,
    EngineTimeout,
    NoEndOfSpeech,
    SynthesisCancelled,
    UsageError,
    VoiceError,
)
from pockettts.values import truncate_to_int16
from support.babble import runtime_config, write_voice
from support.exports import babble_export

FRAME = 1920
SHORT = "The road was white and dry, and he was not tired."
OTHER = "It was the oldest inn of the county."
LONG = "Alice was beginning to get very tired of sitting by her sister on the bank. " * 2
STILL = SynthConfig(temperature=0)
# Of full scale 32767. Measured: 7 after 28 frames of this model, which feeds its own errors back.
TOLERANCE = 64


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    exported = babble_export()
    voice = write_voice(tmp_path_factory.mktemp("voice"), exported.runtime)
    return exported.runtime, voice, exported.fp32.folder


def engine_of(paths: tuple[Path, Path, Path], synth: SynthConfig | None = None) -> OnnxEngine:
    runtime, voice, bundle = paths
    return OnnxEngine(runtime, voice, synth or SynthConfig(), bundle)


@pytest.fixture(scope="module")
def engine(paths: tuple[Path, Path, Path]) -> OnnxEngine:
    return engine_of(paths)


@pytest.fixture(scope="module")
def int8(paths: tuple[Path, Path, Path]) -> OnnxEngine:
    return OnnxEngine(*paths[:2], SynthConfig(precision="int8"), babble_export().int8.folder)


def shorter_voice(voice: Path, folder: Path) -> Path:
    """The same voice cut short, which is a different voice for the model."""
    shorter = {
        name: np.ascontiguousarray(value[:, :, :-4]) if name.endswith("cache") else value - 4 * name.endswith("offset")
        for name, value in load_file(voice).items()
    }
    save_file(shorter, folder / "shorter.safetensors")
    return folder / "shorter.safetensors"


# --- pure parts


def noises(seed: int, count: int, temperature: float = 1.0, clamp: float | None = None) -> np.ndarray:
    return np.concatenate(list(islice(frame_noise(seed, 32, temperature, clamp), count)))


def test_noise_never_changes_by_accident() -> None:
    """If this fails, every take of every user sounds different: raise ENGINE_VERSION as well."""
    assert noises(5, 1)[0, :3].tolist() == [0.8596279621124268, 0.8703330755233765, 0.038424938917160034]


def test_noise_is_normal_with_the_temperature_as_variance() -> None:
    values = noises(1, 2000, temperature=0.3)
    assert values.dtype == np.float32
    assert abs(values.mean()) < 0.01
    assert abs(values.var() - 0.3) < 0.01
    assert abs((values**4).mean() / values.var() ** 2 - 3) < 0.1
    assert not np.array_equal(values, noises(2, 2000, temperature=0.3))


@given(st.floats(0.01, 5), st.floats(0.01, 2), st.integers(0, 2**31 - 1))
def test_clamped_noise_stays_within(clamp: float, temperature: float, seed: int) -> None:
    assert np.abs(noises(seed, 4, temperature, clamp)).max() <= clamp * (1 + 1e-5)


def test_no_temperature_no_noise() -> None:
    assert not noises(1, 3, temperature=0).any()
    assert not noises(1, 3, temperature=0, clamp=0.5).any()


@given(st.integers(1, 400))
def test_the_maximum_of_frames_is_upstreams(tokens: int) -> None:
    assert max_frames(tokens, 12.5) == math.ceil((tokens / 3.0 + 2.0) * 12.5)


def test_constants_are_those_of_the_installed_pocket_tts() -> None:
    from pocket_tts import TTSModel, default_parameters

    assert upstream.TOKENS_PER_SECOND == TTSModel._TOKENS_PER_SECOND_ESTIMATE
    assert upstream.PADDING_SECONDS == TTSModel._GEN_SECONDS_PADDING
    assert upstream.MIN_FRAMES_BEFORE_EOS == TTSModel._MIN_FRAMES_BEFORE_EOS
    assert upstream.DEFAULT_TEMPERATURE == default_parameters.DEFAULT_TEMPERATURE
    assert upstream.DEFAULT_EOS_THRESHOLD == default_parameters.DEFAULT_EOS_THRESHOLD
    assert upstream.DEFAULT_DECODE_STEPS == default_parameters.DEFAULT_SAMPLER_DECODE_STEPS


def test_groups_begin_small() -> None:
    assert list(islice(group_sizes(), len(GROUPS) + 2)) == [*GROUPS, GROUP, GROUP]
    assert GROUPS[0] == 1


@given(st.lists(st.floats(-2, 2, width=32), max_size=50))
def test_samples_are_rounded_as_pocket_tts_does(values: list[float]) -> None:
    import torch

    audio = np.asarray(values, np.float32)
    assert truncate_to_int16(audio).tolist() == (torch.from_numpy(audio).clamp(-1, 1) * 32767).short().tolist()


# --- against PyTorch


@pytest.mark.parametrize("text", [SHORT, OTHER, "Yes."])
def test_without_noise_it_is_what_pytorch_says(paths: tuple[Path, Path, Path], text: str) -> None:
    ours = engine_of(paths, STILL).synthesize(text, 1, accept_runaway=True).astype(int)
    theirs = TorchEngine(*paths[:2], STILL).synthesize(text, 1, accept_runaway=True).astype(int)
    assert len(ours) == len(theirs)
    assert np.abs(ours).max() > 1000
    assert np.abs(ours - theirs).max() <= TOLERANCE


@pytest.mark.parametrize("change", [{"frames_after_eos": 0}, {"frames_after_eos": 5}, {"eos_threshold": 0.3}])
def test_the_end_is_where_pytorch_ends(paths: tuple[Path, Path, Path], change: dict) -> None:
    synth = SynthConfig(temperature=0, **change)
    ours = engine_of(paths, synth).synthesize(SHORT, 1, accept_runaway=True)
    assert len(ours) == len(TorchEngine(*paths[:2], synth).synthesize(SHORT, 1, accept_runaway=True))


def test_steps_of_a_head_with_one_step_change_nothing(paths: tuple[Path, Path, Path]) -> None:
    once = engine_of(paths, STILL).synthesize(OTHER, 1).astype(int)
    often = engine_of(paths, SynthConfig(temperature=0, decode_steps=4)).synthesize(OTHER, 1).astype(int)
    assert np.abs(once - often).max() <= TOLERANCE


# --- the same bytes


def test_a_take_depends_on_text_and_seed_alone(paths: tuple[Path, Path, Path], engine: OnnxEngine) -> None:
    first = engine.synthesize(SHORT, 7)
    engine.synthesize(LONG, 8)
    other = engine.synthesize(OTHER, 9)
    np.testing.assert_array_equal(engine.synthesize(SHORT, 7), first)
    with engine_of(paths) as fresh:
        np.testing.assert_array_equal(fresh.synthesize(OTHER, 9), other)
        np.testing.assert_array_equal(fresh.synthesize(SHORT, 7), first)
    assert not np.array_equal(engine.synthesize(SHORT, 8), first)
    assert len(first) % FRAME == 0


def test_threads_change_nothing(engine: OnnxEngine) -> None:
    first = [engine.synthesize(text, 7) for text in (SHORT, OTHER)]
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda text: engine.synthesize(text, 7), (SHORT, OTHER) * 3))
    for index, samples in enumerate(again):
        np.testing.assert_array_equal(samples, first[index % 2])


TEXTS = (SHORT, OTHER, "Yes.", LONG, "Nobody knew.", SHORT, "Well, well.", OTHER)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_take_has_the_same_samples_in_any_company(engine: OnnxEngine, int8: OnnxEngine, precision: str) -> None:
    """Texts of all lengths, so that some end while others are spoken, and move to a different lane."""
    speaker = engine if precision == "fp32" else int8
    jobs = list(enumerate(TEXTS))
    alone = [speaker.synthesize(text, seed, accept_runaway=True) for seed, text in jobs]
    for together in (2, 4, 8):
        for order in (jobs, jobs[::-1]):
            with ThreadPoolExecutor(together) as pool:
                samples = pool.map(lambda job: speaker.synthesize(job[1], job[0], accept_runaway=True), order)
                for (seed, _), got in zip(order, samples, strict=True):
                    np.testing.assert_array_equal(got, alone[seed])


def test_texts_with_different_voices_share_a_batch(
    paths: tuple[Path, Path, Path], engine: OnnxEngine, tmp_path: Path
) -> None:
    voices = (paths[1], shorter_voice(paths[1], tmp_path))

    def first_parts(voice: Path) -> Iterator[np.ndarray]:
        engine.use_voice(voice)
        stream = engine.stream(SHORT, 1)
        yield next(stream)
        yield from stream

    try:
        alone = [np.concatenate(list(first_parts(voice))) for voice in voices]
        assert not np.array_equal(alone[0], alone[1])
        streams = [first_parts(voice) for voice in (*voices, *voices[::-1])]
        begun = [next(stream) for stream in streams]
        for stream, first, index in zip(streams, begun, (0, 1, 1, 0), strict=True):
            np.testing.assert_array_equal(np.concatenate([first, *stream]), alone[index])
    finally:
        engine.use_voice(paths[1])


def test_a_call_that_fails_ends_what_is_spoken_and_no_more(
    paths: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine_of(paths) as engine:
        expected = engine.synthesize(SHORT, 1)
        assert engine._speaker is not None
        batch = engine._speaker._batch

        def broken() -> None:
            raise RuntimeError("no memory left")

        with monkeypatch.context() as patched:
            patched.setattr(batch, "_speak_frame", broken)
            with ThreadPoolExecutor(3) as pool:
                for outcome in [pool.submit(engine.synthesize, SHORT, seed) for seed in range(3)]:
                    with pytest.raises(EngineFailed, match="no memory left"):
                        outcome.result()
        np.testing.assert_array_equal(engine.synthesize(SHORT, 1), expected)


def test_closing_ends_what_is_spoken(paths: tuple[Path, Path, Path]) -> None:
    engine = engine_of(paths)
    stream = engine.stream(3 * LONG, 1, accept_runaway=True)
    next(stream)
    engine.close()
    with pytest.raises(EngineFailed, match=r"closed|shutdown"):
        list(stream)


def test_a_stream_that_stands_still_stops_nobody(engine: OnnxEngine) -> None:
    """Streams that nobody reads on must not keep a text waiting."""
    expected = engine.synthesize(OTHER, 7)
    idle: list[Any] = [engine.stream(LONG, seed) for seed in range(2)]
    for stream in idle:
        next(stream)
    np.testing.assert_array_equal(engine.synthesize(OTHER, 7), expected)
    whole = engine.synthesize(LONG, 0)
    np.testing.assert_array_equal(np.concatenate([whole[:FRAME], *idle[0]]), whole)
    idle[1].close()


def test_a_cancelled_take_ends_after_a_frame_and_leaves_no_trace(engine: OnnxEngine) -> None:
    before = engine.synthesize(SHORT, 1)
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked >= 5

    engine.cancelled = cancelled
    try:
        with pytest.raises(SynthesisCancelled):
            engine.synthesize(LONG, 2)
        assert asked == 5
    finally:
        del engine.cancelled
    assert engine._speaker is not None
    # No place in a batch stays taken.
    assert not engine._speaker._batch._spoken
    np.testing.assert_array_equal(engine.synthesize(SHORT, 1), before)


def test_int8_repeats_itself_and_is_as_loud_as_fp32(engine: OnnxEngine, int8: OnnxEngine) -> None:
    first = int8.synthesize(SHORT, 7)
    with ThreadPoolExecutor(2) as pool:
        for again in pool.map(lambda _: int8.synthesize(SHORT, 7), range(2)):
            np.testing.assert_array_equal(again, first)
    exact = engine.synthesize(SHORT, 7)
    assert not np.array_equal(first, exact)
    level, expected = (20 * np.log10(np.std(samples.astype(float))) for samples in (first, exact))
    assert abs(level - expected) < 1.5
    assert int8.lanes == engine.lanes == 8


def test_a_voice_can_be_changed_and_changed_back(
    paths: tuple[Path, Path, Path], engine: OnnxEngine, tmp_path: Path
) -> None:
    runtime, voice, _ = paths
    other = shorter_voice(voice, tmp_path)
    warm = TorchEngine(runtime, voice, STILL)
    still = engine_of(paths, STILL)
    first = engine.synthesize(SHORT, 1)
    for one in (engine, still, warm):
        one.use_voice(other)
    assert not np.array_equal(engine.synthesize(SHORT, 1), first)
    theirs = warm.synthesize(SHORT, 1, accept_runaway=True).astype(int)
    ours = still.synthesize(SHORT, 1, accept_runaway=True).astype(int)
    assert np.abs(ours - theirs).max() <= TOLERANCE
    engine.use_voice(voice)
    np.testing.assert_array_equal(engine.synthesize(SHORT, 1), first)


def test_a_voice_that_is_too_long_is_a_sentence(paths: tuple[Path, Path, Path], tmp_path: Path) -> None:
    def longer(tensors: dict) -> dict:
        return {
            name: np.repeat(value, 300, axis=2) if name.endswith("cache") else value * 300 ** name.endswith("offset")
            for name, value in tensors.items()
        }

    with pytest.raises(BundleError, match=r"engine onnx supports 4,096: use a shorter recording"):
        spoiled(paths, tmp_path / "long.safetensors", longer).synthesize("Hello.", 1)


def test_a_stream_is_the_take_in_parts(engine: OnnxEngine) -> None:
    parts = list(engine.stream(SHORT, 3))
    assert [len(part) // FRAME for part in parts[:3]] == [*GROUPS, GROUP]
    np.testing.assert_array_equal(np.concatenate(parts), engine.synthesize(SHORT, 3))
    abandoned: Any = engine.stream(LONG, 3)
    next(abandoned)
    abandoned.close()
    np.testing.assert_array_equal(np.concatenate(parts), engine.synthesize(SHORT, 3))


def test_a_long_text_is_its_pieces_in_a_row(paths: tuple[Path, Path, Path], engine: OnnxEngine) -> None:
    pieces = Splitter(paths[0])(LONG)
    assert len(pieces) > 1
    expected = []
    for index, piece in enumerate(pieces):
        expected += [np.zeros(PAUSE_SAMPLES if index else 0, np.int16), engine.synthesize(piece, piece_seed(3, index))]
    np.testing.assert_array_equal(engine.synthesize(LONG, 3), np.concatenate(expected))


SPEAK = """
import sys
from pathlib import Path
from pockettts import takes, voices
from pockettts.config import SynthConfig
from pockettts.engines import open_engine
runtime, voice, bundle = map(Path, sys.argv[1:])
with open_engine("onnx", runtime, voice, SynthConfig(), bundle) as engine:
    print(len(engine.synthesize("It was the oldest inn of the county.", 9)))
print([name for name in ("torch", "onnx", "pocket_tts", "scipy") if name in sys.modules])
"""


def test_pytorch_stays_out_of_the_process(paths: tuple[Path, Path, Path], engine: OnnxEngine) -> None:
    done = subprocess.run([sys.executable, "-c", SPEAK, *paths], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == [str(len(engine.synthesize(OTHER, 9))), "[]"]


# --- what goes wrong


def test_a_runaway_is_told_or_accepted(paths: tuple[Path, Path, Path]) -> None:
    with engine_of(paths, SynthConfig(eos_threshold=1000.0)) as engine:
        with pytest.raises(NoEndOfSpeech, match="Yes"):
            engine.synthesize("Yes.", 1)
        assert engine._speaker
        tokens = engine._speaker.prompt("Yes.").tokens.shape[1]
        assert len(engine.synthesize("Yes.", 1, accept_runaway=True)) == FRAME * max_frames(tokens, 12.5)


def test_it_stops_in_time(paths: tuple[Path, Path, Path]) -> None:
    with pytest.raises(EngineTimeout, match=r"0\.001 s"):
        engine_of(paths, SynthConfig(timeout_seconds=0.001)).synthesize(LONG, 1)


def spoiled(paths: tuple[Path, Path, Path], out: Path, change) -> OnnxEngine:
    tensors = load_file(paths[1])
    save_file({name: np.ascontiguousarray(value) for name, value in change(tensors).items()}, out)
    return engine_of((paths[0], out, paths[2]))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: {n: v[..., :8] if n.endswith("cache") else v for n, v in t.items()}, "made for a different model"),
        (lambda t: {n: v for n, v in t.items() if "layers.1" not in n}, "it has 1 layers, this model has 2"),
        (lambda t: {n: v + 1 if n.endswith("pad") else v for n, v in t.items()}, "padded for a batch"),
        (lambda t: {n: v * np.nan if n.endswith("cache") else v for n, v in t.items()}, "not numbers"),
    ],
)
def test_a_voice_of_another_model_is_refused(paths: tuple[Path, Path, Path], tmp_path: Path, change, told: str) -> None:
    with pytest.raises(VoiceError, match=told):
        spoiled(paths, tmp_path / "v.safetensors", change).synthesize("Hello.", 1)


def test_voices_of_older_versions_speak_alike(
    paths: tuple[Path, Path, Path], engine: OnnxEngine, tmp_path: Path
) -> None:
    def first_version(tensors: dict) -> dict:
        kept = {name: value for name, value in tensors.items() if name.endswith("cache")}
        ends = {n.replace("cache", "current_end"): np.zeros(v.shape[2], np.float32) for n, v in kept.items()}
        return kept | ends

    def roomy(tensors: dict) -> dict:
        room = [(0, 0), (0, 0), (0, 5), (0, 0), (0, 0)]
        return {
            name: np.pad(value, room, constant_values=np.nan) if name.endswith("cache") else value
            for name, value in tensors.items()
        }

    expected = engine.synthesize(OTHER, 9)
    for change in (first_version, roomy):
        np.testing.assert_array_equal(
            spoiled(paths, tmp_path / f"{change.__name__}.safetensors", change).synthesize(OTHER, 9), expected
        )


def test_a_spoiled_bundle_is_a_sentence(paths: tuple[Path, Path, Path], tmp_path: Path) -> None:
    runtime, voice, bundle = paths
    copy = tmp_path / "fp32"
    copy.mkdir()
    for file in bundle.iterdir():
        (copy / file.name).symlink_to(file)
    graph = copy / "flow_lm_main.onnx"
    content = graph.read_bytes()
    graph.unlink()
    with pytest.raises(BundleError, match=r"flow_lm_main\.onnx"):
        OnnxEngine(runtime, voice, SynthConfig(), copy).load()
    graph.write_bytes(content[:-100])
    with pytest.raises(BundleError, match=r"flow_lm_main\.onnx"):
        OnnxEngine(runtime, voice, SynthConfig(), copy).load()
    with pytest.raises(BundleError, match="manifest"):
        OnnxEngine(runtime, voice, SynthConfig(), tmp_path).load()


def test_a_bundle_that_does_not_fit_is_a_sentence(paths: tuple[Path, Path, Path], tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"is of precision fp32, and synth\.precision is int8"):
        engine_of(paths, SynthConfig(precision="int8")).load()
    config = runtime_config()
    config["flow_lm"]["transformer"]["num_layers"] = 3
    (tmp_path / "runtime.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(BundleError, match="exported from a different model"):
        engine_of((tmp_path / "runtime.yaml", *paths[1:])).load()


def test_a_failure_of_the_runtime_is_a_sentence(engine: OnnxEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.load()
    assert engine._speaker
    monkeypatch.setattr(engine._speaker, "_mimi", engine._speaker._conditioner)
    with pytest.raises(EngineFailed, match="ONNX Runtime failed for"):
        engine.synthesize("Hello.", 1)


def test_settings_of_others_are_refused(tmp_path: Path) -> None:
    for synth, told in (
        (SynthConfig(tts_args={"device": "cpu"}), "set engine to cli"),
        (SynthConfig(executable=Path("x")), "engine cli"),
        (SynthConfig(quantize=True), r"synth\.precision"),
    ):
        with pytest.raises(ConfigError, match=told):
            open_engine("onnx", tmp_path, tmp_path, synth, tmp_path)
    with pytest.raises(UsageError, match="--bundle"):
        open_engine("onnx", tmp_path, tmp_path, SynthConfig())
