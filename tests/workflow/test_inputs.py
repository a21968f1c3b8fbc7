"""What cannot be used ends a run with one sentence; the sentences themselves are tested without Snakemake."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from support import BIN, ROOT
from support.workflow import Project


def test_an_unusable_text_is_a_sentence(project: Project) -> None:
    (project.root / "inputs/book.txt").write_bytes(bytes(range(256)) * 40)
    output = project.fails("-n")
    assert "binary" in output
    assert "inputs/book.txt" in output


def test_a_wrong_setting_is_a_sentence(project: Project) -> None:
    project.configure(vioce="alba")
    assert "unknown key vioce. Did you mean voice?" in project.fails("-n", "results/book.wav")


def test_a_model_from_an_unreachable_hub_is_a_sentence(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    project.configure(model="english", voice="alba")
    assert "could not be fetched" in project.fails("results/models/english_2026-10/download.json")
    assert not list(Path(project.root, "results").rglob("*.safetensors"))


def test_a_line_of_a_million_characters_is_planned(project: Project) -> None:
    project.write_text("and so on " * 100_000)
    # The same words again and again: chunks repeat, so far fewer are spoken.
    assert 0 < project.plan("results/book.wav")["synth"] < 400


@pytest.mark.parametrize("name", ["voices", "a{b}"])
def test_a_book_whose_name_would_mix_with_other_files_is_a_sentence(project: Project, name: str) -> None:
    project.write_text("One.", name=f"{name}.txt")
    assert f"A book cannot be called '{name}'" in project.fails("-n", f"results/{name}.wav")


def test_nothing_depends_on_the_current_folder(project: Project) -> None:
    """The workflow of the repository, a book in a folder elsewhere, started in a third folder."""
    here = project.root / "here"
    (here / "inputs").mkdir(parents=True)
    (here / "inputs/road.txt").write_text("The road was white and dry.\n")
    command = [f"{BIN}/snakemake", "-s", f"{ROOT}/Snakefile", "-d", str(here), "-n", "-p", "results/road.wav"]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert f"python {ROOT}/scripts/synth.py" in output
    assert (here / "results/plans").is_dir()


def test_a_path_with_quotes_and_a_dollar_reaches_the_program_as_it_is(project: Project) -> None:
    program = project.root / "it's $HOME" / "pocket-tts"
    program.parent.mkdir()
    program.symlink_to(BIN / "pocket-tts")
    project.configure(synth={"executable": str(program)})
    done = project.snakemake("-n", "-p", "results/voices/bundled/bundled.safetensors")
    assert f"--executable {shlex.quote(str(program))} " in done.stdout + done.stderr
