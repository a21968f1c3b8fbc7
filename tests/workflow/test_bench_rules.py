"""The target `bench` of the real Snakefile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.workflow import Project

READY = {"lock_model": 1, "write_runtime": 1, "export_voice": 1}
REPORT = {"bench_report": 1, "bench": 1}
SMALL: dict[str, Any] = {
    "profile": "quick",
    "engines": ["cli", "torch", "onnx-int8"],
    "runs": 2,
    "threads": [1],
    "text_chars": [20],
    "book_chunks": [4],
    "jobs": [1],
}


def test_the_full_profile(project: Project) -> None:
    assert project.plan("bench") == {
        **READY,
        **REPORT,
        "bench_model": 1,
        "bench_bundle": 4,
        "bench_warm": 2,
        "bench_cold": 2,
        "bench_book": 7,
    }


def test_settings_change_the_matrix(project: Project) -> None:
    project.configure(bench={"profile": "quick"})
    assert project.plan("bench") == {
        **READY,
        **REPORT,
        "bench_bundle": 1,
        "bench_warm": 1,
        "bench_cold": 1,
        "bench_book": 2,
    }
    project.configure(bench={"profile": "quick", "engines": ["torch"], "third_party": False, "book_engines": ["torch"]})
    assert "bench_bundle" not in project.plan("bench")


def test_a_book_does_not_depend_on_it(project: Project) -> None:
    before = project.plan("results/book.wav")
    project.configure(bench={"profile": "quick"})
    assert project.plan("results/book.wav") == before
    assert "bench" not in " ".join(before)


@pytest.mark.parametrize(
    ("bench", "words"),
    [({"models": ["englich"]}, "englich"), ({"baseline": "results/bench/report.json"}, "copy it")],
)
def test_a_wrong_setting_is_a_sentence(project: Project, bench: dict[str, object], words: str) -> None:
    project.configure(bench=bench)
    assert words in project.fails("-n", "bench")


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_quick_benchmark_its_report_and_what_is_measured_again(project: Project) -> None:
    project.configure(bench=SMALL)
    result = project.snakemake("bench", timeout=1200)
    assert result.returncode == 0, result.stdout + result.stderr
    folder = project.root / "results" / "bench"
    document = json.loads((folder / "report.json").read_text())
    assert {one["system"] for one in document["skipped"]} <= {"sherpa-onnx", "pocketsynth"}
    for system in ("pocket-tts", "cli", "torch", "onnx-int8", "pocket-tts-generate", "pocket-tts-serve"):
        assert [run["round"] for run in document["warm"] if run["system"] == system] == [0, 1]
    # A warm engine needs no new process: on any machine it is faster than one that does.
    rtf = {name: value for name, value in document["rows"].items() if name.startswith("warm")}
    assert rtf["warm bundled onnx-int8 threads=1 chars=20"] < rtf["warm bundled cli threads=1 chars=20"]
    assert {one["system"] for one in document["cold"]} == {"pocket-tts", "torch", "onnx-int8"}
    (book,) = document["books"]
    assert book["rules"]["synth"] > 0
    assert 0 < sum(book["rules"].values()) <= book["wall"]
    # The model, the voice and the bundle were there before.
    assert set(book["rules"]) <= {path.stem for path in Path("scripts").glob("*.py")}
    assert not set(book["rules"]) & {"export_voice", "bundled", "int8.export", "lock_model"}
    assert not list((folder / "work").iterdir())
    for name in ("rtf", "books"):
        assert (folder / "plots" / f"{name}.svg").stat().st_size > 1000
    assert "data:image/svg+xml" in (folder / "report.html").read_text()

    assert project.plan("bench") == {}
    project.configure(bench={**SMALL, "jobs": [1, 2]})
    assert project.plan("bench") == {"bench_book": 1, "bench_report": 1, "bench": 1}
    project.configure(bench={**SMALL, "runs": 3})
    assert project.plan("bench") == {"bench_warm": 1, "bench_report": 1, "bench": 1}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_engine_that_cannot_run_is_a_row_of_a_whole_report(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The export needs onnxscript: without it both engines onnx are rows with that reason, and torch is measured."""
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['onnxscript'] = None")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    project.configure(bench={**SMALL, "engines": ["torch", "onnx-int8"], "third_party": False})
    result = project.snakemake("bench", timeout=500)
    assert result.returncode == 0, result.stdout + result.stderr
    document = json.loads((project.root / "results/bench/report.json").read_text())
    skipped = {(one["part"], one["system"]): one["reason"] for one in document["skipped"]}
    assert set(skipped) == {("warm", "onnx-int8"), ("cold", "onnx-int8"), ("books", "onnx-int8")}
    assert all("onnxscript" in reason for reason in skipped.values())
    assert {run["system"] for run in document["warm"]} == {"pocket-tts", "torch"}
    assert {run["system"] for run in document["cold"]} == {"pocket-tts", "torch"}
    assert "onnxscript" in (project.root / "results/bench/report.md").read_text()
