"""Rules export_onnx and verify_onnx of the real Snakefile."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
from safetensors.numpy import load_file, save_file

from pockettts.files import sha256_file
from support import ROOT
from support.damage import flip, reseal
from support.workflow import Project


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("model", ["bundled", "english_2m_2026-10"])
def test_a_bundle_costs_one_job_and_its_report_another(project: Project, model: str, precision: str) -> None:
    bundle = f"results/onnx/{model}/{precision}"
    before = {"lock_model": 1} if model == "bundled" else {"download_model": 1, "lock_model": 1}
    assert project.plan(bundle) == {**before, "export_onnx": 1}
    assert project.plan(f"{bundle}.verify.json") == {**before, "export_onnx": 1, "verify_onnx": 1}


def test_another_precision_is_no_target(project: Project) -> None:
    assert "results/onnx/bundled/fp16" in project.fails("-n", "results/onnx/bundled/fp16")


@pytest.mark.slow
def test_export_and_report(project: Project) -> None:
    project.build("results/onnx/bundled/int8.verify.json")
    report = json.loads((project.root / "results/onnx/bundled/int8.verify.json").read_text())
    assert report["passed"]
    assert report["precision"] == "int8"
    assert (project.root / "results/onnx/bundled/int8/flow_lm_main_int8.onnx").exists()
    assert project.plan("results/onnx/bundled/int8.verify.json") == {}


# --- bad input: one clear line, and nothing half-written ----------------------------------------------------------


def cut(bundle: Path) -> None:
    path = bundle / "flow_lm_main.onnx"
    path.write_bytes(path.read_bytes()[:100_000])


def cut_before_it_was_sealed(bundle: Path) -> None:
    cut(bundle)
    reseal(bundle)


def put_another_tokenizer(bundle: Path) -> None:
    sentencepiece.SentencePieceTrainer.train(
        input=str(ROOT / "inputs/book.txt"), model_prefix=str(bundle / "tokenizer"), vocab_size=300, minloglevel=2
    )
    (bundle / "tokenizer.vocab").unlink()
    reseal(bundle)


FAULTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing": (lambda bundle: (bundle / "flow_lm_flow.onnx").unlink(), "has no "),
    "altered": (
        lambda bundle: flip(bundle / "mimi_decoder.onnx"),
        "mimi_decoder.onnx was altered: its sha256 is not the one in its manifest",
    ),
    "truncated": (cut, "flow_lm_main.onnx has 100,000 bytes and not "),
    "opset": (lambda bundle: reseal(bundle, opset=17), "are of opset 17, not 18: delete the folder and export"),
    "tokenizer": (put_another_tokenizer, "tokenizer.model has 300 tokens and the model 900"),
}
SEALED = {
    "truncated before": (cut_before_it_was_sealed, "does not match PyTorch: check 'flow_lm_main: valid"),
}


def assert_nothing_was_made(project: Project) -> None:
    assert not project.takes()
    assert not list(project.root.glob("results/book/takes/*"))
    assert not list(project.root.glob("results/**/.fp32*"))
    assert not list(project.root.glob("results/**/.*.wav*"))


def test_a_build_with_a_file_missing_from_its_bundle_ends_with_one_line(exported: Project) -> None:
    make, reason = FAULTS["missing"]
    make(exported.root / "results/onnx/bundled/fp32")
    output = exported.fails("results/book.wav")
    errors = [line for line in output.splitlines() if line.startswith("error: ")]
    assert len(set(errors)) == 1, output
    assert reason in errors[0]
    assert_nothing_was_made(exported)


@pytest.mark.slow
def test_a_build_exports_an_altered_bundle_again(exported: Project) -> None:
    folder = exported.root / "results/onnx/bundled/fp32"
    whole = (folder / "mimi_decoder.onnx").read_bytes()
    FAULTS["altered"][0](folder)
    assert (folder / "mimi_decoder.onnx").read_bytes() != whole
    output = exported.build("results/book.wav", "--until", "export_onnx")
    assert "altered" in output
    assert (folder / "mimi_decoder.onnx").read_bytes() == whole


@pytest.mark.parametrize("fault", [*FAULTS, *SEALED])
def test_synth_with_a_bad_bundle_ends_with_one_line(exported: Project, fault: str) -> None:
    make, told = (FAULTS | SEALED)[fault]
    make(exported.root / "results/onnx/bundled/fp32")
    command = [sys.executable, "-m", "pockettts.cli", "synth", "--text", "The road was white.", "--out", "a.wav"]
    done = subprocess.run(command, cwd=exported.root, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert not done.stdout
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    assert told in errors[0]
    assert "Traceback" not in done.stderr
    assert not list(exported.root.glob("*.wav*"))
    assert_nothing_was_made(exported)


def test_a_voice_of_another_model_stops_the_build(exported: Project) -> None:
    path = exported.root / "results/voices/bundled/bundled.safetensors"
    save_file({name: value for name, value in load_file(path).items() if "layers.1" not in name}, path)
    # As if it had been exported so: a voice that differs from its sidecar would only be exported again.
    sidecar = json.loads(path.with_suffix(".json").read_text())
    del sidecar["seal"]
    path.with_suffix(".json").write_text(json.dumps({**sidecar, "sha256": sha256_file(path)}))
    output = exported.fails("results/book.wav")
    assert "bundled.safetensors was made for a different model: it has 1 layers, this model has 2." in output
    assert_nothing_was_made(exported)
