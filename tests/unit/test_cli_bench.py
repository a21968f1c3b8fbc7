"""`pockettts bench`: what it prints, and when the gate is shut."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.cli import Call, caller
from support.projects import stand_beside

TEXT = ("--text", "The road was white and dry.")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return stand_beside(tmp_path, monkeypatch)


@pytest.fixture
def pockettts(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Call:
    return caller(monkeypatch, capsysbinary)


def test_a_text_is_measured_warm_and_the_gate_shuts(project: Path, pockettts: Call) -> None:
    """One run of the real engine for all of it: the gate, JSON and a baseline that was faster."""
    before = {"rows": {"warm bundled torch threads=1 chars=27": 1e-9}}
    Path("before.json").write_text(json.dumps(before))
    found = pockettts(
        *("bench", *TEXT, "--engine", "torch", "--runs", "2", "--threads", "1", "--format", "json"),
        *("--rtf-threshold", "0.000001", "--baseline", "before.json"),
    )
    assert found.code == 1
    document = json.loads(found.out)
    assert [run["round"] for run in document["runs"]] == [0, 1]
    factors = [run["wall"] / run["audio"] for run in document["runs"]]
    assert document["figures"]["rtf"] == pytest.approx(sum(factors) / 2, rel=1e-3)
    # Importing PyTorch is reported, and does not count.
    assert document["figures"]["start"] > document["runs"][0]["wall"]
    assert not document["passed"]
    assert document["environment"]["versions"]["pocket-tts"] == "4.0.1"
    assert list(document["rows"]) == list(before["rows"])
    assert "above the threshold 1e-06" in found.err
    assert "got slower" in found.err


@pytest.mark.slow
def test_a_gate_that_is_open(project: Path, pockettts: Call) -> None:
    answer = pockettts("bench", *TEXT, "--engine", "torch", "--runs", "1", "--rtf-threshold", "1000")
    assert answer.code == 0
    assert "engine torch, model bundled, voice bundled, 1 warm runs" in answer.out
    assert "RTF median" in answer.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((*TEXT, "--runs", "0"), "--runs"),
        ((*TEXT, "--format", "xml"), "--format"),
        ((*TEXT, "--baseline", "nowhere.json"), "The baseline"),
        ((*TEXT, "--voice", "bundeld"), "bundeld"),
        (("--text", "..."), "speak"),
    ],
)
def test_misuse_is_a_sentence(project: Path, pockettts: Call, arguments: tuple[str, ...], told: str) -> None:
    answer = pockettts("bench", *arguments)
    assert answer.code in (1, 2)
    assert told in answer.err
    assert answer.out == ""


def test_what_bench_would_not_measure_is_refused(project: Path, pockettts: Call) -> None:
    (project / "config.yaml").write_text("synth: {temperature: 0.9}\n")
    answer = pockettts("bench", *TEXT)
    assert answer.code == 2
    assert "synth.temperature cannot be measured" in answer.err
