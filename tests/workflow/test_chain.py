"""One bit flipped in what a build keeps, at every moment between two steps: repaired or refused, never shipped."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from support import ROOT
from support.workflow import Project, make_project

TAKE, RECEIPT = "takes/??/??/*/*.wav", "book/takes/*.json"
PUBLISHED = ("book.wav", "book.report.html", "book.provenance.json")
MASTERED = (*PUBLISHED, "book/mastered.wav", "book/mastering.json", "book/measurement.json")
JOINED = (*MASTERED, "book/joined.wav", "book/timeline.json")
SPOKEN = (*JOINED, RECEIPT, "takes/??/??/*/*")
VOICED = (*SPOKEN, "voices/*/*")

KEPT: dict[str, tuple[str, ...]] = {
    "models/bundled/download.json": VOICED,
    "models/bundled/lock.json": VOICED,
    "models/bundled/runtime.yaml": VOICED,
    "models/bundled/runtime.json": VOICED,
    "voices/bundled/bundled.safetensors": SPOKEN,
    "voices/bundled/bundled.json": SPOKEN,
    "plans/*": SPOKEN,
    "book/manuscript.json": JOINED,
    "book/chunks.json": JOINED,
    "book/plan.json": JOINED,
    "book/reading.json": JOINED,
    TAKE: JOINED,
    "takes/??/??/*/*.json": (*JOINED, RECEIPT),
    RECEIPT: JOINED,
    "book/joined.wav": MASTERED,
    "book/timeline.json": MASTERED,
    "book/mastered.wav": PUBLISHED,
    "book/mastering.json": PUBLISHED,
    "book/measurement.json": PUBLISHED,
    "book.provenance.json": ("book.wav", "book.report.html"),
}
"""What a build keeps in results/ for later steps, and the results of those steps: without them, the file is read."""

RESULTS_FROM = {
    "export_voice": VOICED,
    "synth": SPOKEN,
    "join_takes": JOINED,
    "master_book": MASTERED,
    "measure_book": (*PUBLISHED, "book/measurement.json"),
    "write_provenance": PUBLISHED,
    "write_report": ("book.wav", "book.report.html"),
    "publish": ("book.wav",),
}
"""What is missing when a step is about to run."""

READERS: dict[str, tuple[str, ...]] = {
    "models/bundled/runtime.yaml": ("export_voice", "synth"),
    "models/bundled/lock.json": ("export_voice", "synth"),
    "voices/bundled/bundled.safetensors": ("synth",),
    "voices/bundled/bundled.json": ("synth",),
    "book/chunks.json": ("synth", "join_takes", "write_provenance", "write_report"),
    TAKE: ("join_takes",),
    RECEIPT: ("join_takes", "write_provenance", "write_report"),
    "book/joined.wav": ("master_book",),
    "book/timeline.json": ("master_book", "write_report"),
    "book/mastered.wav": ("measure_book", "publish"),
    "book/mastering.json": ("measure_book", "write_provenance", "publish"),
    "book/measurement.json": ("write_report",),
    "book.provenance.json": ("write_report", "publish"),
}
"""The steps that read a file within one run of snakemake."""

FLIP = """
import os, pathlib, runpy, sys

victim = sorted(pathlib.Path("results").glob({pattern!r}))[0]
mark = pathlib.Path("flipped")
if not mark.exists():
    mark.touch()
    status, data = victim.stat(), bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    if {keep_date}:
        os.utime(victim, ns=(status.st_atime_ns, status.st_mtime_ns))
sys.argv[0] = {script!r}
runpy.run_path({script!r}, run_name="__main__")
"""


@pytest.fixture(scope="module")
def spoken_once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose book is built by engine torch: one job speaks all of it."""
    project = make_project(tmp_path_factory.mktemp("chain") / "project")
    project.configure(engine="torch")
    project.build()
    return project


@pytest.fixture
def built(spoken_once: Project, tmp_path: Path) -> Project:
    """A copy of it at a different place."""
    return spoken_once.copied(tmp_path / "project")


def flip(path: Path, *, keep_date: bool) -> None:
    """Change one bit in the middle of a file."""
    status, data = path.stat(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    if keep_date:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def undo(project: Project, patterns: tuple[str, ...], but: Path | None = None) -> None:
    """Delete results, so that the next build makes them again."""
    for pattern in patterns:
        for path in (project.root / "results").glob(pattern):
            if path != but and path.is_file():
                path.unlink()


def shipped(project: Project) -> tuple[str, bytes]:
    provenance = (project.root / "results/book.provenance.json").read_bytes()
    return project.audio(), provenance


def build_or_refuse(project: Project, good: tuple[str, bytes]) -> None:
    """Build until it succeeds, three times at most; what a failing run leaves is a sentence and no recording."""
    for _ in range(3):
        result = project.snakemake("results/book.wav")
        output = result.stdout + result.stderr
        assert "Traceback" not in output, output
        if result.returncode == 0:
            assert shipped(project) == good, output
            return
        assert "error: " in output, output
        assert not (project.root / "results/book.wav").exists(), output
    pytest.fail(output)


def test_a_bit_of_everything_at_once_is_repaired_by_the_next_build(built: Project) -> None:
    good = shipped(built)
    victims = [next((built.root / "results").glob(pattern)) for pattern in KEPT if pattern != TAKE]
    victims.append(next((built.root / "results").glob(TAKE)))
    for path in victims:
        flip(path, keep_date=True)
    undo(built, ("book.wav", "book.report.html"))
    build_or_refuse(built, good)


@pytest.mark.parametrize(("pattern", "step"), [(TAKE, "join_takes"), ("book/mastered.wav", "publish")])
def test_a_bit_that_flips_within_a_run_is_refused_and_then_repaired(built: Project, pattern: str, step: str) -> None:
    check_within_a_run(built, pattern, step, keep_date=True)


@pytest.mark.slow
@pytest.mark.parametrize("keep_date", [False, True])
@pytest.mark.parametrize("pattern", KEPT)
def test_a_bit_that_flips_between_two_runs_is_repaired(built: Project, pattern: str, keep_date: bool) -> None:
    good = shipped(built)
    victim = min((built.root / "results").glob(pattern))
    undo(built, KEPT[pattern], victim)
    flip(victim, keep_date=keep_date)
    build_or_refuse(built, good)


@pytest.mark.slow
@pytest.mark.parametrize("keep_date", [False, True])
@pytest.mark.parametrize(("pattern", "step"), [(pattern, step) for pattern in READERS for step in READERS[pattern]])
def test_a_bit_that_flips_before_any_step_that_reads_it(
    built: Project, pattern: str, step: str, keep_date: bool
) -> None:
    check_within_a_run(built, pattern, step, keep_date=keep_date)


def check_within_a_run(built: Project, pattern: str, step: str, *, keep_date: bool) -> None:
    """Put a program in the place of a step's that flips a bit first; the file then exists, whoever made it."""
    good = shipped(built)
    (built.root / "scripts").unlink()
    (built.root / "scripts").mkdir()
    for path in (ROOT / "scripts").iterdir():
        (built.root / "scripts" / path.name).symlink_to(path)
    program = built.root / "scripts" / f"{step}.py"
    program.unlink()
    script = str(ROOT / "scripts" / f"{step}.py")
    program.write_text(FLIP.format(pattern=pattern, keep_date=keep_date, script=script))
    undo(built, RESULTS_FROM[step])
    build_or_refuse(built, good)
    assert (built.root / "flipped").exists()


@pytest.mark.parametrize("keep_date", [False, True])
def test_altered_weights_of_the_model_speak_no_word(built: Project, keep_date: bool) -> None:
    undo(built, SPOKEN)
    flip(built.root / "models/bundled/model.safetensors", keep_date=keep_date)
    output = built.fails("results/book.wav")
    assert "model.safetensors" in output
    assert not (built.root / "results/book.wav").exists()
    assert not list((built.root / "results/takes").rglob("*.wav"))


def test_what_a_program_does_to_the_published_file_stays_there(built: Project) -> None:
    good = shipped(built)
    with (built.root / "results/book.wav").open("r+b") as stream:
        stream.write(b"a tagger")
    assert built.plan("results/book.wav") == {}
    (built.root / "results/book.wav").unlink()
    build_or_refuse(built, good)
    shutil.rmtree(built.root / "results/takes")
    assert shipped(built) == good
