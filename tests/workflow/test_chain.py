"""Damage to what a build keeps, at every moment between two steps: it is repaired or refused, and never shipped."""

from __future__ import annotations

import base64
import os
import re
import runpy
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any, Literal, get_args

import pytest

from pockettts.config import PublishFormat
from pockettts.files import sha256_file
from support import ROOT
from support.cli import logging_restored
from support.workflow import JOINED, MASTERED, PUBLISHED, Project, undo

Damage = Literal["flipped", "date kept", "truncated"]
# A picture of one pixel.
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
TAKE, PACK, RECEIPT = "takes/??/??/*/*.wav", "book/takes/*.wav", "book/takes/*.json"
PACKED = (*JOINED, RECEIPT, PACK)
SPOKEN = (*PACKED, "takes/??/??/*/*")
VOICED = (*SPOKEN, "voices/*/*")

KEPT: dict[str, tuple[str, ...]] = {
    "models/bundled/lock.json": VOICED,
    "voices/bundled/bundled.safetensors": SPOKEN,
    "voices/bundled/bundled.json": SPOKEN,
    "plans/*": SPOKEN,
    "book/manuscript.json": JOINED,
    "book/chunks.json": JOINED,
    "book/plan.json": JOINED,
    "book/reading.json": JOINED,
    "book/batches.json": SPOKEN,
    TAKE: PACKED,
    "takes/??/??/*/*.json": PACKED,
    PACK: JOINED,
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
    "models/bundled/lock.json": ("export_voice", "synth", "write_provenance"),
    "voices/bundled/bundled.safetensors": ("synth",),
    "voices/bundled/bundled.json": ("synth",),
    "book/chunks.json": ("synth", "join_takes", "write_provenance", "write_report", "write_cues"),
    "book/batches.json": ("synth", "join_takes", "write_provenance", "write_report"),
    PACK: ("join_takes",),
    RECEIPT: ("join_takes", "write_provenance", "write_report"),
    "book/manuscript.json": ("write_cues",),
    "book/joined.wav": ("master_book",),
    "book/timeline.json": ("master_book", "write_report", "write_cues"),
    "book/mastered.wav": ("measure_book", "publish", "encode_book", "encode_chapter"),
    "book/mastering.json": ("measure_book", "write_provenance", "publish", "encode_book", "encode_chapter"),
    "book/measurement.json": ("write_report",),
    "book.provenance.json": ("write_report", "publish", "verify_outputs"),
    "book/cues.json": ("encode_book", "encode_chapter", "write_captions", "write_epub", "write_shelf"),
    "book/tags.json": (
        "encode_book",
        "encode_chapter",
        "write_playlist",
        "write_epub",
        "write_shelf",
        "verify_outputs",
    ),
    "book/cover.image": ("encode_book", "encode_chapter", "write_epub", "write_shelf"),
    "book/mp3/001.mp3": ("write_epub", "verify_outputs"),
    "book/sums/mp3/001.json": ("write_epub", "verify_outputs"),
    "book.m4b": ("write_shelf", "verify_outputs"),
    "book/sums/m4b.json": ("write_shelf", "verify_outputs"),
    "book.opus": ("verify_outputs",),
    "book.flac": ("verify_outputs",),
    "book.srt": ("verify_outputs",),
    "book.vtt": ("verify_outputs",),
    "book.epub": ("verify_outputs",),
    "book.m3u8": ("verify_outputs",),
    "book/shelf.json": ("verify_outputs",),
    "shelf/*/*/*.m4b": ("verify_outputs",),
    "shelf/*/*/metadata.json": ("verify_outputs",),
}
"""The steps that read a file."""

ENCODED = (
    "book.m4b",
    "book.m3u8",
    "book.srt",
    "book.epub",
    "book/mp3/*",
    "book/sums/*",
    "book/sums/mp3/*",
    "book/shelf.json",
    "shelf/*/*/*",
)
OUTPUTS = ("book.outputs.json",)
PUBLISHED_KEPT: dict[str, tuple[str, ...]] = {
    "book/mastered.wav": (*ENCODED, *OUTPUTS, *PUBLISHED),
    "book/cues.json": (*ENCODED, *OUTPUTS),
    "book/tags.json": (*ENCODED, *OUTPUTS),
    "book/cover.image": (*ENCODED, *OUTPUTS),
    "book/mp3/001.mp3": ("book.epub", "book/sums/epub.json", *OUTPUTS),
    "book/sums/mp3/001.json": ("book.epub", "book/sums/epub.json", *OUTPUTS),
    "book.m4b": ("book/shelf.json", *OUTPUTS),
    "book/sums/m4b.json": ("book/shelf.json", *OUTPUTS),
    "book/shelf.json": OUTPUTS,
    "shelf/*/*/*.m4b": OUTPUTS,
}
"""The same for what is published beside the WAV."""

FLIP = """
import os, pathlib, runpy, sys

victim = sorted(pathlib.Path("results").glob({pattern!r}))[0]
mark = pathlib.Path("flipped")
if not mark.exists():
    mark.touch()
    status, data = victim.stat(), bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    os.utime(victim, ns=(status.st_atime_ns, status.st_mtime_ns))
sys.argv[0] = {script!r}
runpy.run_path({script!r}, run_name="__main__")
"""


def slow(value: object) -> Any:
    """A parameter of a test that takes minutes."""
    return pytest.param(value, marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def published_once(built_once: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, dict[str, str]]:
    """A built project with all formats and a cover, and the command of each step, by its name."""
    project = built_once.copied(tmp_path_factory.mktemp("published") / "project")
    (project.root / "inputs/book.png").write_bytes(PIXEL)
    formats = [kind for kind in get_args(PublishFormat) if kind != "acx"]
    project.configure(publish={"formats": formats})
    project.build("all")
    dry = project.snakemake("-n", "--forceall", "all").stdout
    commands = re.findall(r"python (scripts/(\w+)\.py .*?) 2>&1 \| tee ", dry)
    return project, {name: command for command, name in reversed(commands)}


@pytest.fixture
def published(published_once: tuple[Project, dict[str, str]], tmp_path: Path) -> tuple[Project, dict[str, str]]:
    """A copy of it at a different place."""
    project, commands = published_once
    return project.copied(tmp_path / "project"), commands


def damage(path: Path, kind: Damage) -> None:
    """Change one bit in the middle of a file, with its date kept or not, or cut it off there."""
    status, data = path.stat(), bytearray(path.read_bytes())
    if kind == "truncated":
        del data[len(data) // 2 :]
    elif data:
        data[len(data) // 2] ^= 1
    else:
        data.append(1)
    path.write_bytes(data)
    if kind == "date kept":
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def everything(project: Project) -> dict[str, str]:
    """Sha256 of all that is kept and published, by path; but logs, files set aside and full paths."""
    kept, left_out = {}, {"logs", "benchmarks", "damaged", "runtime.yaml"}
    for path in (project.root / "results").rglob("*"):
        if path.is_file() and not left_out & set(path.parts):
            kept[str(path.relative_to(project.root))] = sha256_file(path)
    return kept


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


@pytest.mark.parametrize("kind", [*map(slow, ["flipped", "truncated"]), "date kept"])
def test_damage_to_everything_at_once_is_repaired_by_the_next_build(built: Project, kind: Damage) -> None:
    good = shipped(built)
    victims = [next((built.root / "results").glob(pattern)) for pattern in KEPT]
    for path in victims:
        damage(path, kind)
    undo(built, ("book.wav", "book.report.html"))
    build_or_refuse(built, good)


def test_a_damaged_pack_is_found_whatever_the_target(built: Project) -> None:
    """Snakemake lists the folder of the book before it asks for the packs."""
    (pack,) = (built.root / "results").glob(PACK)
    damage(pack, "flipped")
    assert built.plan("results/book.srt") == {"synth": 1, "join_takes": 1, "write_cues": 1, "write_captions": 1}


@pytest.mark.parametrize(
    ("pattern", "step"),
    [pytest.param(PACK, "join_takes", marks=pytest.mark.slow), ("book/mastered.wav", "publish")],
)
def test_a_bit_that_flips_within_a_run_is_refused_and_then_repaired(built: Project, pattern: str, step: str) -> None:
    check_within_a_run(built, pattern, step)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["flipped", "date kept"])
@pytest.mark.parametrize("pattern", KEPT)
def test_damage_between_two_runs_is_repaired(built: Project, pattern: str, kind: Damage) -> None:
    good = shipped(built)
    victim = min((built.root / "results").glob(pattern))
    undo(built, KEPT[pattern], victim)
    damage(victim, kind)
    build_or_refuse(built, good)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["flipped", "date kept"])
@pytest.mark.parametrize("pattern", PUBLISHED_KEPT)
def test_damage_to_what_is_published_between_two_runs(
    published: tuple[Project, dict[str, str]], pattern: str, kind: Damage
) -> None:
    """A published file that was altered stays, for it is the user's: the sentence is to delete it."""
    project, _ = published
    good = everything(project)
    victim = min((project.root / "results").glob(pattern))
    undo(project, PUBLISHED_KEPT[pattern], victim)
    damage(victim, kind)
    for _ in range(4):
        result = project.snakemake("all")
        output = result.stdout + result.stderr
        assert "Traceback" not in output, output
        if result.returncode == 0:
            break
        assert "error: " in output, output
        assert not (project.root / "results/book.outputs.json").exists(), output
        if f"{victim.relative_to(project.root)} was altered after it was written: delete it" in output:
            victim.unlink()
        # What lies on the shelf is listed in a file of the book.
        elif listed := re.search(r"delete (\S+shelf\.json) and build again", output):
            (project.root / listed[1]).unlink()
    assert result.returncode == 0, output
    assert everything(project) == good, output


@pytest.mark.slow
@pytest.mark.parametrize("kind", get_args(Damage))
@pytest.mark.parametrize(("pattern", "step"), [(pattern, step) for pattern in READERS for step in READERS[pattern]])
def test_a_step_refuses_a_damaged_file(
    published: tuple[Project, dict[str, str]],
    pattern: str,
    step: str,
    kind: Damage,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each step with its arguments of a build: nothing that it writes differs from what it should be."""
    project, commands = published
    good = everything(project)
    victim = min((project.root / "results").glob(pattern))
    if step in ("export_voice", "synth"):
        undo(project, RESULTS_FROM[step], victim)
    damage(victim, kind)
    monkeypatch.chdir(project.root)
    monkeypatch.setattr(sys, "argv", shlex.split(commands[step]))
    with pytest.raises(SystemExit) as ended, logging_restored():
        runpy.run_path(sys.argv[0], run_name="__main__")
    output = "".join(capsys.readouterr())
    assert ended.value.code not in (0, None), output
    assert "error: " in output, output
    name = str(victim.relative_to(project.root))
    rest = {path: content for path, content in everything(project).items() if path != name}
    assert rest.items() <= good.items(), output


def check_within_a_run(built: Project, pattern: str, step: str) -> None:
    """Flip a bit before a step of a run: the run is refused, and the next ones repair it."""
    good = shipped(built)
    flip_before(built, pattern, step)
    build_or_refuse(built, good)
    assert (built.root / "flipped").exists()


def flip_before(built: Project, pattern: str, step: str) -> None:
    """Put a program in the place of a step's that flips a bit first; the file then exists, whoever made it."""
    (built.root / "scripts").unlink()
    (built.root / "scripts").mkdir()
    for path in (ROOT / "scripts").iterdir():
        (built.root / "scripts" / path.name).symlink_to(path)
    program = built.root / "scripts" / f"{step}.py"
    program.unlink()
    script = str(ROOT / "scripts" / f"{step}.py")
    program.write_text(FLIP.format(pattern=pattern, script=script))
    undo(built, RESULTS_FROM[step])


@pytest.mark.slow
def test_a_bit_of_the_weights_that_flips_before_the_voice_is_made_makes_none(built: Project) -> None:
    flip_before(built, "../models/bundled/model.safetensors", "export_voice")
    assert "was altered after it was locked" in built.fails("results/book.wav")
    assert not list((built.root / "results/voices").glob("*/*.safetensors"))


@pytest.mark.parametrize("kind", ["flipped", "date kept"])
def test_altered_weights_of_the_model_speak_no_word(built: Project, kind: Damage) -> None:
    undo(built, SPOKEN)
    damage(built.root / "models/bundled/model.safetensors", kind)
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
