"""Rules export_onnx and verify_onnx of the real Snakefile."""

from __future__ import annotations

import json

import pytest
from conftest import Project

BEFORE = {"download_model": 1, "lock_model": 1, "write_runtime": 1}


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("model", ["bundled", "english_2m_2026-10"])
def test_a_bundle_costs_one_job_and_its_report_another(project: Project, model: str, precision: str) -> None:
    bundle = f"results/onnx/{model}/{precision}"
    assert project.plan(f"{bundle}/manifest.json") == {**BEFORE, "export_onnx": 1}
    assert project.plan(f"{bundle}.verify.json") == {**BEFORE, "export_onnx": 1, "verify_onnx": 1}


def test_another_precision_is_no_target(project: Project) -> None:
    assert "results/onnx/bundled/fp16/manifest.json" in project.fails("-n", "results/onnx/bundled/fp16/manifest.json")


@pytest.mark.slow
def test_export_and_report(project: Project) -> None:
    project.build("results/onnx/bundled/int8.verify.json")
    report = json.loads((project.root / "results/onnx/bundled/int8.verify.json").read_text())
    assert report["passed"]
    assert report["precision"] == "int8"
    assert (project.root / "results/onnx/bundled/int8/flow_lm_main_int8.onnx").exists()
    assert project.plan("results/onnx/bundled/int8.verify.json") == {}
