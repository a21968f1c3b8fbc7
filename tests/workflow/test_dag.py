"""The DAG of named configurations, by dry run: nothing is downloaded, loaded or synthesized."""

from __future__ import annotations

import re
from typing import Any

import pytest

from support import ROOT
from support.workflow import Project, make_project

ONCE = {
    "lock_model": 1,
    "export_voice": 1,
    "plan_book": 1,
    "join_takes": 1,
    "master_book": 1,
    "measure_book": 1,
    "write_report": 1,
    "write_provenance": 1,
    "publish": 1,
}
# The heading, the short first sentence with its neighbor, and so on: see PARAGRAPHS.
CHUNKS = 5


@pytest.mark.parametrize(
    ("values", "synth"),
    [
        pytest.param({}, 1, id="default"),
        pytest.param({"synth": {"fresh_process": True}}, CHUNKS, id="one-job-a-chunk"),
        pytest.param({"engine": "torch"}, 1, id="warm-engine-batches"),
        pytest.param({"engine": "torch", "synth": {"batch_chunks": 1}}, CHUNKS, id="warm-engine-single"),
        pytest.param({"model": "english", "voice": "alba"}, 1, id="english-from-the-hub"),
        pytest.param({"model": "english_2m_2026-10", "voice": "alba"}, 1, id="small-english"),
        pytest.param({"model": "french_24l", "voice": "estelle", "language": "fr"}, 1, id="french"),
        pytest.param({"audio": {"book_chain": ["normalize"]}}, 1, id="peak-normalized"),
        pytest.param(
            {"text": {"max_chars": 40, "min_chars": 0}, "synth": {"fresh_process": True}}, 10, id="short-chunks"
        ),
    ],
)
def test_job_counts(project: Project, values: dict[str, Any], synth: int) -> None:
    project.configure(**values)
    download = {"download_model": 1} if "model" in values else {}
    assert project.plan("results/book.wav") == {**ONCE, **download, "synth": synth}


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_engine_onnx_exports_the_model_and_verifies_it_first(project: Project, precision: str) -> None:
    project.configure(engine="onnx", synth={"precision": precision, "batch_chunks": 1024})
    assert project.plan("results/book.wav") == {**ONCE, "synth": 1, "export_onnx": 1, "verify_onnx": 1}


def test_no_target_builds_the_book_of_the_config(project: Project) -> None:
    project.write_text("One line.", name="other.txt")
    project.configure(book="other")
    assert project.plan() == {**ONCE, "synth": 1, "all": 1}


def test_two_books_share_what_is_not_theirs(project: Project) -> None:
    project.write_text("# A Title", "A paragraph of another book.", name="second.md")
    counts = project.plan("results/book.wav", "results/second.wav")
    assert counts["synth"] == 2
    assert counts["export_voice"] == counts["lock_model"] == 1
    assert counts["publish"] == 2


def test_the_same_sentence_twice_is_spoken_once(project: Project) -> None:
    project.write_text("It rained all day.", "It rained all day.")
    assert project.plan("results/book.wav")["synth"] == 1


def test_the_shipped_clone_dry_runs_and_lints(tmp_path: Any) -> None:
    """The default configuration and inputs/book.txt of the repository itself."""
    project = make_project(tmp_path / "clone")
    for name in ("config.yaml", "inputs/book.txt"):
        (project.root / name).write_bytes((ROOT / name).read_bytes())
    counts = project.plan()
    drawn = re.findall(r">(\w+)</text>", (ROOT / "docs/dag.svg").read_text())
    assert counts.keys() - {"all"} == set(drawn), "run `make dag`"
    # 211 chunks in batches of 16 to 64.
    assert 4 <= counts["synth"] <= 13
    assert project.snakemake("--lint").returncode == 0


def test_a_clone_without_a_text_still_lints(project: Project) -> None:
    (project.root / "inputs/book.txt").unlink()
    assert project.snakemake("--lint").returncode == 0
    assert "There is no inputs/book.txt" in project.fails("-n")
