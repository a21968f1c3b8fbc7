"""The command line and the workflow in one project: what one of them made, the other uses."""

import json
import subprocess
import sys

import pytest

from support.workflow import Project


def pockettts(project: Project, *arguments: str) -> str:
    command = [sys.executable, "-m", "pockettts.cli", *arguments]
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_book_uses_what_synth_has_made(project: Project) -> None:
    project.configure(engine="torch")
    pockettts(project, "synth", "--file", "inputs/book.txt", "--out", "a.wav")
    takes = {path: path.stat().st_mtime_ns for path in project.root.glob("results/takes/**/*.wav")}
    before = project.plan("results/book.wav")
    assert not {"lock_model", "export_voice"} & set(before), before
    project.build()
    assert {path: path.stat().st_mtime_ns for path in project.root.glob("results/takes/**/*.wav")} == takes
    for span in json.loads((project.root / "results/book/timeline.json").read_text())["entries"]:
        told = json.loads(pockettts(project, "book", "explain", "--json", f"{span['start'] / 24_000 + 0.01:.2f}s"))
        assert told["key"] == span["key"]
        assert told["next"].startswith("nothing: the receipt")


@pytest.mark.slow
def test_synth_uses_what_a_book_has_made(built: Project) -> None:
    takes = {path: path.stat().st_mtime_ns for path in built.root.glob("results/takes/**/*.wav")}
    pockettts(built, "synth", "--file", "inputs/book.txt", "--out", "a.wav")
    assert {path: path.stat().st_mtime_ns for path in built.root.glob("results/takes/**/*.wav")} == takes
    assert built.plan("results/book.wav") == {}, "and leaves the book as it was"
