"""Every job reads what it declares and nothing else: each is run in a folder that holds only that.

On a machine that does not share the disk a job finds its declared inputs, and the sources of product and project.
"""

from __future__ import annotations

import csv
import runpy
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import ROOT
from support.workflow import BABBLED, Project

SOURCES = ("models/manifest.json", "models/lock.json", "models/bundled/config.yaml", "voices/manifest.json")
"""Small sources that a script may read unasked, as it imports the library; nothing else of the project is there."""
WITH_ENGINE = {"export_voice", "synth", "export_onnx", "verify_onnx"}
SHELF = {"verify_outputs": ("results/shelf",)}
"""The shelf has names that follow from a title, and shelf.json lists them; both steps run where snakemake does."""
UNLIKE_ANY_OTHER = (".epub", ".verify.json")
"""Files with the time of their making, or with seconds that were measured, in them."""


@dataclass
class Job:
    """One job of a build, as `snakemake --detailed-summary` lists it."""

    rule: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    command: str


def jobs_of(project: Project, target: str) -> list[Job]:
    result = project.snakemake("--detailed-summary", target)
    rows = csv.DictReader(result.stdout.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    jobs: dict[str, Job] = {}
    for row in rows:
        inputs = tuple(filter(None, row["input-file(s)"].split(",")))
        job = jobs.setdefault(row["shellcmd"], Job(row["rule"], inputs, (), row["shellcmd"]))
        job.outputs += (row["output_file"],)
    assert jobs, result.stderr
    return list(jobs.values())


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy(source, target)


def run_bare(job: Job, original: Path, bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the program of a job in the folder `bare`, with its inputs only; its outputs must be those of the build."""
    for name in (*SOURCES, *job.inputs, *SHELF.get(job.rule, ())):
        copy(original / name, bare / name)
    for name in job.outputs:
        (bare / name).parent.mkdir(parents=True, exist_ok=True)
    program, *arguments = shlex.split(job.command.split(" 2>&1 |")[0])[1:]
    monkeypatch.chdir(bare)
    monkeypatch.setattr(sys, "argv", [program, *arguments])
    code: object = 0
    try:
        runpy.run_path(str(ROOT / program), run_name="__main__")
    except SystemExit as end:
        code = end.code
    assert not code, f"{job.rule} reads what it does not declare"
    for name in job.outputs:
        made = bare / name
        assert made.exists(), f"{job.rule} does not write {name}"
        for path in [made] if made.is_file() else [path for path in made.rglob("*") if not path.name.startswith(".")]:
            if not path.name.endswith(UNLIKE_ANY_OTHER):
                whole = (original / path.relative_to(bare)).read_bytes()
                assert path.read_bytes() == whole, f"{job.rule} wrote {path.relative_to(bare)} unlike the build"


def check_declared(
    project: Project, target: str, rules: set[str] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> set[str]:
    """Run each job of a finished build by itself, and return their rules; by default those without an engine."""
    jobs = [job for job in jobs_of(project, target) if rules is None or job.rule in rules]
    # Where the project was, nothing may be found by an absolute path.
    hidden = project.root.rename(tmp_path / "hidden")
    for number, job in enumerate(jobs):
        run_bare(job, hidden, tmp_path / f"bare{number}", monkeypatch)
    return {job.rule for job in jobs}


def test_steps_of_a_book_read_only_what_they_declare(
    built: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = {"lock_model", "plan_book", "join_takes", "master_book", "measure_book", "write_provenance"}
    rules |= {"write_report", "publish"}
    assert check_declared(built, "results/book.wav", rules, tmp_path, monkeypatch) == rules


@pytest.mark.slow
def test_every_step_reads_only_what_it_declares(
    exported: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All formats, engine onnx, a voice made of a recording, a dictionary, metadata and a cover."""
    from PIL import Image

    Image.new("RGB", (60, 60)).save(exported.root / "inputs/book.png")
    (exported.root / "inputs/book.yaml").write_text("title: The Road\n")
    (exported.root / "inputs/words.toml").write_text('[words]\nHolmes = "Homes"\n')
    formats = ["m4b", "mp3", "opus", "flac", "srt", "vtt", "epub", "shelf"]
    exported.configure(
        engine="onnx", synth=BABBLED, publish={"formats": formats}, text={"dictionary": "inputs/words.toml"}
    )
    exported.build("all")
    rules = check_declared(exported, "all", None, tmp_path, monkeypatch)
    assert rules >= WITH_ENGINE
    assert len(rules) >= 20
