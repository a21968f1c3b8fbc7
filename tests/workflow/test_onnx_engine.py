"""A book with engine onnx: the export is part of the build, and its takes are not those of the other engines."""

from __future__ import annotations

import json
import shutil

from conftest import Project

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
