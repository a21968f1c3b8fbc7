"""The contenders as processes, with the babble model: what they answer, and where a start spends its time."""

from dataclasses import replace
from pathlib import Path

import pytest

from pockettts.bench.cold import PHASES, measure_starts
from pockettts.bench.contenders import BASE, CONTENDERS, Subject
from pockettts.bench.measure import Worker, measure
from pockettts.bench.subjects import make_random_model
from pockettts.models.generate import package_configs
from support import ROOT
from support.babble import write_runtime, write_voice
from support.exports import babble_export


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    folder = tmp_path_factory.mktemp("subject")
    runtime = write_runtime(folder)
    return Subject("bundled", runtime, write_voice(folder, runtime), ROOT / "voices" / "bundled.wav")


@pytest.fixture(scope="module")
def exported(subject: Subject) -> Subject:
    return replace(subject, bundles={"int8": babble_export().int8.folder})


def test_engine_onnx_warm_and_from_nothing(exported: Subject) -> None:
    worker = Worker(CONTENDERS["onnx-int8"], exported)
    try:
        worker.limit(1)
        one, again = worker.speak("The road was white.", 7), worker.speak("The road was white.", 7)
    finally:
        worker.close()
    assert one.audio == again.audio > 0
    assert 0 < one.first < one.wall
    assert one.cpu > 0
    assert 20 < worker.peak_mb < 4000
    start = worker.start
    assert all(start[phase] > 0 for phase in PHASES)
    assert sum(start[phase] for phase in PHASES) == pytest.approx(start["total"])


def test_a_start_of_engine_cli_is_seen_from_inside(subject: Subject) -> None:
    (starts,) = measure_starts([CONTENDERS["cli"]], subject, runs=1, chars=20)
    (run,) = starts.runs
    assert all(run[phase] > 0 for phase in PHASES)
    # Importing PyTorch is most of it.
    assert run["import"] > run["voice"]
    assert run["audio"] > 0
    assert starts.ready < starts.median("total")


@pytest.mark.slow
def test_every_contender_speaks(exported: Subject) -> None:
    found = measure(list(CONTENDERS.values()), exported, runs=2, chars=(20,))
    assert [one.name for one in found] == list(CONTENDERS)
    for one in found:
        if one.name.startswith("onnx-fp32"):
            assert one.obstacle == "no exported model of precision fp32"
        elif one.obstacle is None or not one.obstacle.startswith("not installed"):
            assert len(one.rounds) == 2, one.obstacle
            assert all(u.audio > 0.3 and u.cpu > 0 for u in one.rounds)
    by_name = {one.name: one for one in found}
    assert by_name["pocket-tts-serve"].streams
    assert by_name[BASE].start > 0


@pytest.mark.slow
def test_random_weights_speak_for_as_long_as_the_text_says(tmp_path: Path) -> None:
    config = package_configs()["english_2m_2026-10"]
    made = make_random_model(tmp_path / "random-x", config, ROOT / "models" / "bundled" / "tokenizer.model")
    assert made.fixed
    assert made.voice.exists()
    before = made.voice.read_bytes()
    assert make_random_model(tmp_path / "random-x", config, Path("nowhere")).voice.read_bytes() == before
    who = [CONTENDERS[name] for name in (BASE, "torch", "cli", "pocket-tts-generate", "pocket-tts-serve")]
    found = measure(who, made, runs=2, chars=(20,))
    assert {u.audio for one in found for u in one.rounds} == {found[0].rounds[0].audio}
