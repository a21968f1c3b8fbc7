from pathlib import Path

import pytest

from pockettts import bench
from pockettts.bench import Contender, Goal, Result, Utterance
from pockettts.errors import EngineFailed


def result(name: str, wall: float, memory: float = 1000, first: float = 0.2) -> Result:
    rounds = tuple(Utterance(wall * factor, first, wall * 0.6, 12.0) for factor in (0.5, 1.0, 4.0))
    return Result(name, 5.0, memory, rounds)


RESULTS = [result("torch", 4.0), result("onnx fp32", 2.0, 1200), result("onnx int8", 1.0, 400, 0.05)]
BOOK = {"chunks": 60.0, "jobs": 2.0, "cli": 100.0, "onnx": 30.0}
DOCUMENT = {"model": "Random", "cpu": "a CPU", "cpus": 2, "load": 1.0, "book": BOOK}


def test_medians_count_and_not_the_worst_round() -> None:
    assert RESULTS[0].speed == 3.0
    assert RESULTS[2].first_ms == 50
    assert RESULTS[2].cpu == pytest.approx(0.05)


def test_goals_say_what_is_reached() -> None:
    found = bench.goals(RESULTS, BOOK)
    assert [goal.reached for goal in found] == [True, False, False, True, True, True, False]
    assert [round(goal.value, 2) for goal in found] == [2.0, 1200, 200, 4.0, 400, 50, 0.3]
    assert str(found[-1]).endswith("| ≤ 0.25 | 0.30 | NO |")
    assert len(bench.goals(RESULTS[:2])) == 3
    assert bench.as_dict(Goal("x", 1.0, 2.0, "", most=True))["reached"]


def test_the_page_has_every_engine_and_goal(tmp_path: Path) -> None:
    page = bench.markdown(DOCUMENT, RESULTS)
    for told in ("| onnx int8 | 12.00 | 4.00 | 0.050 | 50 | 400 | 5.0 |", "-j2", "engine cli 100 s", "| NO |"):
        assert told in page
    bench.plot(RESULTS, tmp_path / "new" / "engines.png")
    assert (tmp_path / "new" / "engines.png").read_bytes().startswith(b"\x89PNG")


def test_an_engine_that_does_not_start_is_a_sentence(tmp_path: Path) -> None:
    contender = Contender("onnx fp32", "onnx", tmp_path / "nothing")
    with pytest.raises(EngineFailed, match="process of onnx fp32 ended with exit code 1"):
        bench.measure([contender], tmp_path / "runtime.yaml", tmp_path / "voice.safetensors", 1)
