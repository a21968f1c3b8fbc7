"""The line that a build begins with: what will be spoken, how long it may take, and which engine would be faster."""

import importlib.util
import platform
from pathlib import Path

import pytest

from pockettts import takes
from pockettts.batches import make_batches
from pockettts.book import Book
from pockettts.forecast import duration, forecast
from pockettts.project import Project
from pockettts.text.chunks import Chunk
from pockettts.text.plan import BookPlan
from pockettts.values import short_digest
from support import ROOT


def project(root: Path, engine: str = "cli", **synth: object) -> Project:
    config = Project(ROOT).config
    changed = config.model_copy(update={"engine": engine, "synth": config.synth.model_copy(update=synth)})
    return Project(root, changed)


def book(chunks: int) -> Book:
    """A book of chunks with 100 characters each, in batches of about ten."""
    keys = tuple(short_digest(number) * 2 for number in range(chunks))
    spoken = tuple(Chunk("x" * 100, 0.5, "sentence", 0, 100 * number, 100 * number + 99) for number in range(chunks))
    return Book("emma", Path("emma.txt"), BookPlan("Emma", ("I",), spoken, "", ""), keys, make_batches(keys, 10))


def test_the_pace_of_earlier_jobs_on_this_machine_counts(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    speeds = project(tmp_path).speeds
    takes.record_speed(speeds, "bundled", "cli", 1000, 60.0)
    takes.record_speed(speeds, "bundled", "cli", 3000, 180.0)
    takes.record_speed(speeds, "bundled", "onnx", 1000, 12.0)
    takes.record_speed(speeds, "bundled", "cli", 45, 80.0)  # all start: no row
    takes.record_speed(speeds, "english", "cli", 1000, 6000.0)
    with speeds.open("a") as file:
        file.write("a different machine\tbundled\tcli\t1000\t1.0\n" + f"{platform.node()}\tbundled\tcli\tdamaged\n")
    assert takes.read_speeds(speeds, "bundled") == pytest.approx({"cli": 0.06, "onnx": 0.012})
    # 40 chunks of 100 characters at 0.06 s, two jobs at once: 120 s.
    line = forecast(book(40), project(tmp_path), jobs=2)
    assert "40 of 40 chunks" in line
    assert "engine cli, about 2 min (as in earlier jobs)" in line
    assert line.endswith("engine onnx: less than a minute")


def test_without_earlier_jobs_it_is_a_rule_of_thumb(tmp_path: Path) -> None:
    line = forecast(book(200), project(tmp_path), jobs=2)
    assert "rule of thumb" in line
    assert "engine onnx" in line
    slow = forecast(book(200), project(tmp_path, fresh_process=True), jobs=2)
    minutes = [int(text.split("about ")[1].split(" min")[0]) for text in (line, slow)]
    assert minutes[1] > 2 * minutes[0]


def test_an_engine_that_cannot_follow_the_settings_is_not_named(tmp_path: Path) -> None:
    assert "engine onnx" not in forecast(book(200), project(tmp_path, quantize=True), jobs=2)
    assert "; engine" not in forecast(book(200), project(tmp_path, engine="onnx"), jobs=2)


def test_a_check_by_ear_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "by ear" not in forecast(book(40), project(tmp_path), jobs=2)
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "faster_whisper" else find(name))
    line = forecast(book(40), project(tmp_path), jobs=2)
    assert "takes are not checked by ear: faster_whisper is not installed: pip install" in line
    assert "\n" not in line


def test_what_is_spoken_already_is_not_counted(tmp_path: Path) -> None:
    opened, pages = project(tmp_path), book(3)
    for key in pages.keys:
        path = opened.store.path(key)
        path.parent.mkdir(parents=True)
        path.touch()
    assert "all 3 chunks are spoken already" in forecast(pages, opened, jobs=2)
    path.unlink()
    assert "1 of 3 chunks" in forecast(pages, opened, jobs=2)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (3, "less than a minute"),
        (50, "about 1 min"),
        (200, "about 3 min"),
        (5400, "about 1.5 h"),
        (40_000, "about 11.1 h"),
    ],
)
def test_durations_are_rounded_as_people_do(seconds: float, words: str) -> None:
    assert duration(seconds) == words
