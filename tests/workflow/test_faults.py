"""Faults in real builds: kill, truncate, corrupt, fill, forbid. Nothing bad ships, nothing good is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pockettts.batches import BatchRecord
from support import BIN
from support.damage import flip
from support.workflow import PARAGRAPHS, Project


def _start(project: Project) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [BIN / "snakemake", "-j2", "results/book.wav"],
        cwd=project.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        # A shell starts what it puts into the background with Ctrl-C ignored, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def _wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)


def _engines(project: Project) -> list[psutil.Process]:
    """The resident processes of pocket-tts, with the commands that they have forked; those first."""
    engines = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        line = process.info["cmdline"] or []
        if "resident" in line and process.info["cwd"] == str(project.root):
            engines.append(process)
    return sorted(engines, key=lambda process: process.ppid() not in {engine.pid for engine in engines})


def test_a_killed_engine_fails_its_job_and_the_next_build_makes_good(unspoken: Project, built_once: Project) -> None:
    running = _start(unspoken)
    _wait_for(lambda: _engines(unspoken))
    _engines(unspoken)[0].kill()
    assert running.wait(300) != 0, "a killed take must not pass unseen"
    logs = "".join(path.read_text() for path in (unspoken.root / "results/book/logs/synth").glob("*.log"))
    assert "SIGKILL" in logs
    kept = unspoken.takes()
    unspoken.build()
    assert kept.items() <= unspoken.takes().items(), "a good take was lost"
    assert unspoken.audio() == built_once.audio()


def test_a_killed_snakemake_can_be_resumed(unspoken: Project, built_once: Project) -> None:
    running = _start(unspoken)
    _wait_for(lambda: unspoken.takes())
    os.killpg(running.pid, signal.SIGKILL)
    running.wait(30)
    _wait_for(lambda: not _engines(unspoken))
    kept = unspoken.takes()
    assert unspoken.snakemake("--unlock").returncode == 0
    unspoken.build()
    assert kept.items() <= unspoken.takes().items()
    assert unspoken.audio() == built_once.audio()
    assert not list((unspoken.root / "results").rglob("*.tmp*"))


def test_no_engine_outlives_an_interrupted_build(unspoken: Project) -> None:
    running = _start(unspoken)
    _wait_for(lambda: _engines(unspoken))
    os.killpg(running.pid, signal.SIGINT)
    assert running.wait(60) != 0
    _wait_for(lambda: not _engines(unspoken), 30)


def test_a_damaged_pack_is_found_and_made_again_of_the_takes_in_the_store(built: Project) -> None:
    good, audio = built.takes(), built.audio()
    flip(next((built.root / "results/book/takes").glob("*.wav")))
    assert built.plan("results/book.wav")["synth"] == 1
    built.build()
    assert built.takes() == good
    assert built.audio() == audio


def test_a_job_on_a_different_machine_deletes_nothing(built: Project) -> None:
    """It reads the rules again, and may not see every file yet: a pack that is out of its sight is not missing."""
    book = built.root / "results/book"
    (pack,) = (book / "takes").glob("*.wav")
    pack.rename(built.root / "unseen.wav")
    before = {path.name for path in book.rglob("*")}
    options = ("--mode", "remote", "--target-jobs", "join_takes:book=book", "--allowed-rules", "join_takes", "--force")
    result = built.snakemake(*options, "--dry-run")
    assert "join_takes" in result.stdout + result.stderr
    assert {path.name for path in book.rglob("*")} == before


def test_a_damaged_take_of_the_store_is_found_when_it_is_needed_and_only_then(built: Project) -> None:
    good, audio = built.takes(), built.audio()
    flip(next((built.root / "results/takes").rglob("*.wav")))
    assert built.plan("results/book.wav") == {}
    next((built.root / "results/book/takes").glob("*.wav")).unlink()
    built.build()
    assert built.takes() == good
    assert built.audio() == audio
    assert list((built.root / "results/damaged").iterdir())


def test_a_full_disk_is_a_sentence_and_loses_nothing(built: Project, mounted: Callable[..., Path]) -> None:
    good = built.takes()
    mounted(built.root / "results/full", "size=64k")
    joined = built.root / "results/full/joined.wav"
    (division,) = BatchRecord(built.root / "results/book/batches.json").divisions
    result = subprocess.run(
        [
            BIN / "python",
            "scripts/join_takes.py",
            *("--chunks", "results/book/chunks.json", "--receipts", "results/book/takes"),
            *("--batches", "results/book/batches.json", "--division", division),
            *("--out", joined, "--timeline", "results/full/timeline.json"),
        ],
        cwd=built.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "the disk is full" in result.stderr
    assert "Traceback" not in result.stderr
    assert list(joined.parent.iterdir()) == []
    assert built.takes() == good


@pytest.mark.slow
@pytest.mark.parametrize("streams", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_build_needs_no_standard_streams(project: Project, streams: str) -> None:
    command = f"{BIN}/snakemake -j1 results/book/chunks.json {streams}"
    done = subprocess.run(["sh", "-c", command], cwd=project.root, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert project.chunks()


def test_read_only_results_are_a_sentence(project: Project, mounted: Callable[..., Path]) -> None:
    mounted(project.root / "results", "ro")
    output = project.fails("results/book.wav")
    assert "Read-only file system" in output


def test_a_missing_executable_is_named(built: Project) -> None:
    built.configure(synth={"executable": "/nowhere/pocket-tts"})
    built.write_text(*PARAGRAPHS[:-1], "Another ending altogether.")
    assert "/nowhere/pocket-tts" in built.fails("results/book.wav")


def test_a_take_that_never_passes_stops_the_build_with_its_text(built: Project) -> None:
    """No reader speaks so fast as this check asks for."""
    built.write_text("This one will be refused.")
    checks = {"min_chars_per_second": 900.0, "slack_seconds": 0.0}
    built.configure(synth={"checks": checks, "attempts": 2})
    assert "This one will be refused." in built.fails("results/book.wav")
    built.configure(synth={"checks": checks, "attempts": 2, "allow_failed": True})
    built.build()
    assert "This one will be refused." in (built.root / "results/book.report.html").read_text()
    assert "rejected take" in (built.root / "results/book/logs/publish.log").read_text()
