"""A book with engine onnx: the export is part of the build, and its takes are not those of the other engines."""

from __future__ import annotations

import hashlib
import json
import shutil

import onnx
from conftest import Project
from onnx import numpy_helper

# What is babbled has no right length.
OPEN = dict.fromkeys(("min_chars_per_second", "max_chars_per_second", "max_gap_seconds", "max_end_dbfs"))


def test_a_book_is_built_and_built_again_alike(project: Project) -> None:
    project.configure(engine="onnx", synth={"allow_failed": True, "checks": OPEN})
    project.build()
    takes, audio = project.takes(), project.audio()
    assert json.loads((project.root / "results/onnx/bundled/fp32.verify.json").read_text())["passed"]
    assert len(takes) == 5
    assert project.plan("results/book.wav") == {}
    for folder in ("takes", "book"):
        shutil.rmtree(project.root / "results" / folder)
    project.configure(engine="onnx", synth={"allow_failed": True, "checks": OPEN, "batch_chunks": 1})
    project.build(jobs=3)
    assert project.takes() == takes
    assert project.audio() == audio
    project.configure(
        engine="onnx", synth={"allow_failed": True, "checks": OPEN, "precision": "int8", "batch_chunks": 1024}
    )
    counts = project.plan("results/book.wav")
    assert (counts["export_onnx"], counts["verify_onnx"], counts["synth"]) == (1, 1, 1)


def spoil(project: Project) -> None:
    """Change a weight of the exported decoder, and the manifest with it, so that the bundle is whole and wrong."""
    folder = project.root / "results/onnx/bundled/fp32"
    path = folder / "mimi_decoder.onnx"
    proto = onnx.load(path)
    weight = next(tensor for tensor in proto.graph.initializer if tensor.name.endswith("linear1.weight"))
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight)[:, ::-1].copy(), weight.name))
    content = proto.SerializeToString()
    path.write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][path.name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_nothing_is_spoken_with_a_bundle_whose_report_failed(project: Project) -> None:
    project.configure(engine="onnx", synth={"allow_failed": True, "checks": OPEN})
    project.build("results/onnx/bundled/fp32/manifest.json")
    spoil(project)
    output = project.fails("results/book.wav")
    assert "does not say what the model says: the check 'mimi_decoder: " in output
    assert not project.takes()
    assert not (project.root / "results/onnx/bundled/fp32.verify.json").exists()
