"""The systems as processes, with the babble model: what they measure, and where a start spends its time."""

from dataclasses import replace
from pathlib import Path

import pytest

from pockettts.bench.bench_models import BenchModel, make_random_model
from pockettts.bench.measure import PHASES, SystemProcess, measure_cold, measure_warm
from pockettts.bench.systems import BASE, SYSTEMS
from pockettts.models.generate import package_configs
from support import ROOT
from support.babble import write_runtime, write_voice
from support.exports import babble_export


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> BenchModel:
    folder = tmp_path_factory.mktemp("model")
    runtime = write_runtime(folder)
    return BenchModel("bundled", runtime, write_voice(folder, runtime), ROOT / "voices" / "bundled.wav")


@pytest.fixture(scope="module")
def exported(model: BenchModel) -> BenchModel:
    return replace(model, bundles={"int8": babble_export().int8.folder})


def test_engine_onnx_warm_and_from_nothing(exported: BenchModel) -> None:
    process = SystemProcess(SYSTEMS["onnx-int8"], exported)
    try:
        process.limit(1)
        first, second = (process.synthesize("The road was white.", 7) for _ in range(2))
    finally:
        process.close()
    assert first["audio"] == second["audio"] > 0
    assert 0 < first["first"] < first["wall"]
    assert first["cpu"] > 0
    assert 20 < process.peak_mb < 4000
    start = process.start
    assert all(start[phase] > 0 for phase in PHASES)
    assert sum(start[phase] for phase in PHASES) == pytest.approx(start["total"])


def test_a_start_of_pocket_tts_is_seen_from_inside(model: BenchModel) -> None:
    (start,), skipped = measure_cold([SYSTEMS[BASE]], model, runs=1, chars=20)
    assert skipped == []
    assert all(getattr(start, phase) > 0 for phase in PHASES)
    # Importing PyTorch is most of it.
    assert start.imports > start.voice
    assert start.audio > 0
    assert start.imports + start.weights + start.voice < start.total


@pytest.mark.slow
def test_every_system_synthesizes(exported: BenchModel) -> None:
    runs, skipped = measure_warm(list(SYSTEMS.values()), exported, runs=2, chars=(20,))
    reasons = {one.system: one.reason for one in skipped}
    assert {"onnx-fp32", "onnx-fp32-x2"} <= set(reasons)
    for name in set(SYSTEMS) - {"onnx-fp32", "onnx-fp32-x2"}:
        rounds = [run for run in runs if run.system == name]
        assert len(rounds) == 2 or "not installed" in reasons[name], reasons.get(name)
        assert all(run.audio > 0.3 and run.cpu > 0 for run in rounds)
    assert all(run.start > 0 for run in runs)
    assert all(run.first < 0.99 * run.wall for run in runs if run.system == "pocket-tts-serve")


@pytest.mark.slow
def test_random_weights_have_the_length_of_the_text(tmp_path: Path) -> None:
    config = package_configs()["english_2m_2026-10"]
    tokenizer = ROOT / "models" / "random" / "tokenizer.model"
    made = make_random_model(tmp_path / "random-x", config, tokenizer)
    before = made.voice.read_bytes()
    assert make_random_model(tmp_path / "random-x", config, Path("nowhere")).voice.read_bytes() == before
    systems = [SYSTEMS[name] for name in (BASE, "torch", "cli", "pocket-tts-generate", "pocket-tts-serve")]
    runs, skipped = measure_warm(systems, made, runs=2, chars=(20,))
    assert skipped == []
    assert len({run.audio for run in runs}) == 1
