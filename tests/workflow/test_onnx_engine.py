"""A book with engine onnx: the export is part of the build, and its takes are not those of the other engines."""

from __future__ import annotations

import json
import shutil

import onnx
import pytest
from onnx import numpy_helper

from support.damage import reseal
from support.workflow import BABBLED, Project


def test_a_book_is_built_with_a_model_that_was_verified(exported: Project) -> None:
    exported.build()
    assert json.loads((exported.root / "results/onnx/bundled/fp32.verify.json").read_text())["passed"]
    assert len(exported.takes()) == 5
    assert exported.plan("results/book.wav") == {}
    exported.configure(engine="onnx", synth={**BABBLED, "precision": "int8", "batch_chunks": 1024})
    counts = exported.plan("results/book.wav")
    assert (counts["export_onnx"], counts["verify_onnx"], counts["synth"]) == (1, 1, 1)


@pytest.mark.slow  # test_engines_onnx.py compares takes in any company and order
def test_a_book_is_built_again_alike_in_different_batches(exported: Project) -> None:
    project = exported
    project.build()
    takes, audio = project.takes(), project.audio()
    for folder in ("takes", "book"):
        shutil.rmtree(project.root / "results" / folder)
    project.configure(engine="onnx", synth={**BABBLED, "batch_chunks": 1})
    project.build(jobs=3)
    assert project.takes() == takes
    assert project.audio() == audio


def spoil(project: Project) -> None:
    """Change a weight of the exported decoder, and the manifest with it, so that the bundle is whole and wrong."""
    folder = project.root / "results/onnx/bundled/fp32"
    path = folder / "mimi_decoder.onnx"
    proto = onnx.load(path)
    weight = next(tensor for tensor in proto.graph.initializer if tensor.name.endswith("linear1.weight"))
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight)[:, ::-1].copy(), weight.name))
    path.write_bytes(proto.SerializeToString())
    reseal(folder)


def test_nothing_is_spoken_with_a_bundle_whose_report_failed(exported: Project) -> None:
    report = exported.root / "results/onnx/bundled/fp32.verify.json"
    report.unlink()
    spoil(exported)
    output = exported.fails("results/book.wav")
    assert "does not match PyTorch: check 'mimi_decoder: " in output
    assert not exported.takes()
    assert not report.exists()
