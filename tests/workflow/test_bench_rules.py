"""The target `bench` of the real Snakefile."""

from __future__ import annotations

import csv
import json

import pytest

from support.workflow import Project

READY = {"download_model": 1, "lock_model": 1, "write_runtime": 1, "export_voice": 1}
REPORT = {"bench_sample": 1, "bench_report": 1, "bench": 1}
SMALL = {
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
        "export_onnx": 2,
        "verify_onnx": 1,
        "bench_model": 1,
        "bench_bundle": 2,
        "bench_warm": 2,
        "bench_cold": 2,
        "bench_book": 8,
    }


def test_settings_change_the_matrix(project: Project) -> None:
    project.configure(bench={"profile": "quick"})
    assert project.plan("bench") == {
        **READY,
        **REPORT,
        "export_onnx": 1,
        "verify_onnx": 1,
        "bench_warm": 1,
        "bench_cold": 1,
        "bench_book": 2,
    }
    project.configure(bench={"profile": "quick", "engines": ["torch"], "peers": False, "book_engines": ["torch"]})
    assert "export_onnx" not in project.plan("bench")


def test_a_book_knows_nothing_of_it(project: Project) -> None:
    before = project.plan("results/book.wav")
    project.configure(bench={"profile": "quick"})
    assert project.plan("results/book.wav") == before
    assert "bench" not in " ".join(before)


@pytest.mark.parametrize(
    ("bench", "told"),
    [({"models": ["englich"]}, "englich"), ({"baseline": "results/bench/report.json"}, "copy it to another place")],
)
def test_a_wrong_setting_is_a_sentence(project: Project, bench: dict[str, object], told: str) -> None:
    project.configure(bench=bench)
    assert told in project.fails("-n", "bench")


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_quick_benchmark_its_report_and_what_is_measured_again(project: Project) -> None:
    project.configure(bench=SMALL)
    result = project.snakemake("bench", timeout=1200)
    assert result.returncode == 0, result.stdout + result.stderr
    folder = project.root / "results" / "bench"
    document = json.loads((folder / "report.json").read_text())
    warm = {one["name"]: one for one in document["warm"]}
    assert set(warm) >= {"pocket-tts", "cli", "torch", "onnx-int8", "pocket-tts-generate", "pocket-tts-serve"}
    for one in warm.values():
        assert len(one["rounds"]) == 2 or one["obstacle"]
    # A warm engine needs no new process: on any machine it is faster than one that does.
    assert warm["onnx-int8"]["figures"]["rtf"]["median"] < warm["cli"]["figures"]["rtf"]["median"]
    assert {one["name"] for one in document["cold"]} == set(SMALL["engines"])
    (book,) = document["books"]
    assert book["rules"]["synth"] > 0
    assert 0 < sum(book["rules"].values()) <= book["wall"]
    measured = list(csv.DictReader((folder / "report.csv").open()))
    assert {row["part"] for row in measured} == {"warm", "cold", "book"}
    assert not list((folder / "work").iterdir())
    for name in ("rtf", "latency", "cold", "scaling", "shares"):
        assert (folder / "plots" / f"{name}.svg").stat().st_size > 1000

    assert project.plan("bench") == {}
    report = project.snakemake("bench", "--report", "report.html")
    assert report.returncode == 0, report.stdout + report.stderr
    page = (project.root / "report.html").read_text()
    for told in ("Benchmark", "Warm engines", "Cold starts", "sample.wav", "counted in samples", "rtf.svg"):
        assert told in page
    assert len(page) < 20_000_000

    project.configure(bench={**SMALL, "jobs": [1, 2]})
    assert project.plan("bench") == {"bench_book": 1, "bench_report": 1, "bench": 1}
    project.configure(bench={**SMALL, "runs": 3})
    assert project.plan("bench") == {"bench_warm": 1, "bench_report": 1, "bench": 1}
