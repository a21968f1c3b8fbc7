"""`first-contact`: the promises of the README, tried on the bundled model and on a hub that refuses or breaks off."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pockettts import first_contact
from pockettts.config import BookConfig
from pockettts.first_contact import PromiseResult, make_contact
from pockettts.first_contact.sentences import SENTENCES
from pockettts.models import HubFile
from pockettts.project import Project
from support.hub import Hub
from support.projects import copy_of_ready, make_project


def bundled(root: Path) -> Project:
    return Project(root, BookConfig(model="bundled", voice="bundled"))


def by_promise(results: list[PromiseResult]) -> dict[str, PromiseResult]:
    assert len({result.promise for result in results}) == len(results)
    return {result.promise: result for result in results}


def test_there_are_thirty_sentences_for_each_kind_of_trouble() -> None:
    assert len(set(SENTENCES)) == 30


def test_the_promises_of_pytorch_hold_on_the_bundled_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_contact, "NAMES", ("cli", "torch"))
    monkeypatch.setattr(first_contact, "SYSTEMS", (("cli", "fp32"), ("torch", "fp32")))
    results = by_promise(make_contact(bundled(copy_of_ready(tmp_path / "project")), tmp_path / "out", sentences=2))
    for promise in (
        "The model is fetched, verified and locked",
        "The voice bundled is ready for the model",
        "Once fetched, nothing needs the network",
        "Engine torch gives the bytes of the command line",
        "The same text and seed give the same bytes: torch",
    ):
        assert results[promise].status == "pass", results[promise]
    assert "RTF " in results["Faster than real time: torch"].evidence
    assert results["The exported model speaks as PyTorch does: onnx int8"].status == "skip"
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert {row["promise"] for row in report["promises"]} == results.keys()
    assert report["passed"] == all(result.status != "fail" for result in results.values())
    assert report["figures"]["speed"]["torch"]["warm_rtf"] > 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert all(promise in page for promise in results)


@pytest.mark.slow
def test_all_engines_are_compared_on_the_bundled_model(tmp_path: Path) -> None:
    results = by_promise(make_contact(bundled(copy_of_ready(tmp_path / "project")), tmp_path / "out", sentences=5))
    assert {promise for promise, result in results.items() if result.status == "skip"} == set()
    for name in ("onnx fp32", "onnx int8"):
        assert results[f"The same text and seed give the same bytes: {name}"].status == "pass"
        assert results[f"The exported model speaks as PyTorch does: {name}"].status == "pass"


def fail_as(hub: Hub, weights: HubFile, tokenizer: HubFile, fault: str) -> None:
    hub.put(replace(tokenizer, gated=False), b"t" * 1000, large=False)
    faults: dict[str, dict[str, object]] = {
        "rate limit": {"head_status": 429},
        "storage away": {"get_status": 503},
        "interrupted": {"cut_at": 5000, "cuts": 99, "ranges": False},
        "wrong bytes": {"served": b"x" * 307_200},
    }
    hub.put(weights, b"w" * 307_200, **faults.get(fault, {}))


@pytest.mark.parametrize(
    ("fault", "token", "evidence", "remedy"),
    [
        ("no token", None, "is gated: log in and accept its terms", "set HF_TOKEN"),
        ("wrong token", "hf_wrong", "accept its terms|not valid", "set HF_TOKEN"),
        ("not yet authorized", "hf_without_access", "accept its terms", "set HF_TOKEN"),
        ("rate limit", "hf_accepted", "limits requests", "Run again"),
        ("storage away", "hf_accepted", "503|could not be fetched", "Run again"),
        ("interrupted", "hf_accepted", "broke off|could not be fetched", "Run again"),
        ("wrong bytes", "hf_accepted", "should be|checksum", "Run again"),
    ],
)
def test_what_users_meet_at_the_hub_is_named_with_its_remedy(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    empty_hub: Hub,
    fault: str,
    token: str | None,
    evidence: str,
    remedy: str,
) -> None:
    project = Project(make_project(tmp_path / "project"), BookConfig(model="english_2026-10", voice="alba"))
    entry = project.model
    assert isinstance(entry.weights, HubFile)
    assert isinstance(entry.tokenizer, HubFile)
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    if token is not None:
        monkeypatch.setenv("HF_TOKEN", token)
        empty_hub.token = token if fault == "not yet authorized" else "hf_accepted"
    fail_as(empty_hub, entry.weights, entry.tokenizer, fault)
    first, *rest = make_contact(project, tmp_path / "out", sentences=1)
    assert first.status == "fail"
    assert any(words in first.evidence for words in evidence.split("|")), first.evidence
    assert remedy in first.remedy
    assert [result.status for result in rest] == ["skip"]
    report = (tmp_path / "out" / "report.json").read_text()
    assert not json.loads(report)["passed"]
    assert token is None or token not in report
