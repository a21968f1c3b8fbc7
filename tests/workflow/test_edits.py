"""What an edit costs: exactly the chunks that it changed are spoken again, in real builds."""

from __future__ import annotations

import itertools
import json
import os
import shutil

import numpy as np
import pytest
import soundfile

from pockettts.files import read_json, write_json
from support.workflow import PARAGRAPHS, Project

SLOW = pytest.mark.slow
AFTER_AUDIO = {"master_book", "measure_book", "write_report", "write_provenance", "publish"}
AFTER_TEXT = {"plan_book", "join_takes", *AFTER_AUDIO}


def _new_takes(project: Project, *arguments: str) -> int:
    before = project.takes()
    project.build("results/book.wav", *arguments)
    after = project.takes()
    assert before.items() <= after.items(), "an existing take was made again"
    return len(after) - len(before)


def test_a_build_delivers_what_it_says(built: Project) -> None:
    audio, rate = soundfile.read(built.root / "results/book.wav", dtype="int16")
    assert rate == 24_000
    assert audio.ndim == 1
    provenance = json.loads((built.root / "results/book.provenance.json").read_text())
    assert provenance["audio"] == {"rate": 24_000, "samples": len(audio), "sha256": built.audio()}
    assert [take["key"] for take in provenance["takes"]] == [chunk["key"] for chunk in built.chunks()]
    assert provenance["versions"]["pocket-tts"] == "4.0.1"
    timeline = json.loads((built.root / "results/book/timeline.json").read_text())
    assert timeline["samples"] == len(audio)
    spans = [(entry["start"], entry["end"]) for entry in timeline["entries"]]
    assert spans == sorted(spans)
    for start, end in spans:
        assert np.abs(audio[start:end].astype(float)).max() > 1000, "a span of the timeline is silent"
    for (_, end), (start, _) in itertools.pairwise(spans):
        assert np.abs(audio[end:start].astype(int)).max(initial=0) <= 1, "a pause is not silent"
    assert (built.root / "results/book.report.html").stat().st_size > 10_000


def test_a_finished_build_has_nothing_to_do(built: Project) -> None:
    assert "Nothing to be done" in built.build()
    assert "is a toy" in (built.root / "results/book/logs/publish.log").read_text()


def test_a_copied_project_goes_on_where_it_was(built: Project, built_once: Project) -> None:
    """No path in results/ leads back to the files of the original."""
    assert built.plan("results/book.wav") == {}
    built.write_text(*PARAGRAPHS[:-1], "It was a new inn.")
    counts = built.plan("results/book.wav")
    assert counts["synth"] == 1
    assert counts.keys() == {"synth", *AFTER_TEXT}
    documents = [path for path in (built.root / "results").rglob("*") if path.suffix in (".json", ".yaml")]
    assert len(documents) > 10
    assert not [path for path in documents if str(built_once.root) in path.read_text()]


@pytest.mark.slow  # book.job_threads has quick tests in test_book.py
def test_many_jobs_on_few_cpus_claim_the_cores_that_the_machine_lacks(built: Project) -> None:
    """-j64 must not start 64 engines on a machine with a few CPUs."""
    cpus = os.cpu_count() or 1
    built.write_text(*PARAGRAPHS[:-1], "It was a new inn.")
    block = built.build(jobs=16 * cpus).split("rule synth:")[1].split("\n\n")[0]
    threads = int(block.split("threads: ")[1].split()[0])
    assert 16 * cpus // threads <= cpus


def test_touching_every_file_runs_nothing(built: Project) -> None:
    for folder, _, names in os.walk(built.root, followlinks=False):
        for name in names:
            if ".snakemake" not in folder:
                os.utime(os.path.join(folder, name), follow_symlinks=False)
    assert built.plan("results/book.wav") == {}


@pytest.mark.parametrize(
    ("paragraphs", "made"),
    [
        pytest.param((*PARAGRAPHS[:2], "The road was white and wet.", *PARAGRAPHS[3:]), 1, id="one-sentence"),
        pytest.param(
            (PARAGRAPHS[0], "It was a cold morning.", *PARAGRAPHS[1:]), 1, id="insert", marks=pytest.mark.slow
        ),
        pytest.param((*PARAGRAPHS[:2], *PARAGRAPHS[3:]), 0, id="delete", marks=SLOW),
        pytest.param((*PARAGRAPHS[3:], *PARAGRAPHS[:3]), 0, id="swap-chapters", marks=SLOW),
    ],
)
def test_an_edit_speaks_only_what_changed(built: Project, paragraphs: tuple[str, ...], made: int) -> None:
    """Also on a machine that has no store of takes: the other takes are in the packs of the book."""
    before = built.audio()
    shutil.rmtree(built.root / "results/takes")
    built.write_text(*paragraphs)
    counts = built.plan("results/book.wav")
    assert counts.pop("synth", 0) == made
    assert counts.keys() == AFTER_TEXT
    built.build()
    assert len(built.takes()) == made
    assert built.audio() != before
    assert built.plan("results/book.wav") == {}


def add_voice(project: Project) -> None:
    """Give the project the voice `mine`, which must not be sold."""
    time = np.arange(48_000) / 24_000
    soundfile.write(project.root / "voices/mine.flac", 0.3 * np.sin(2 * np.pi * 200 * time) * np.sin(9 * time), 24_000)
    path = project.root / "voices/manifest.json"
    manifest = json.loads(path.read_text())
    manifest["mine"] = {
        "source": {"type": "audio", "path": "mine.flac"},
        "licence": "CC-BY-NC-4.0",
        "commercial": False,
        "attribution": "a test",
        "right": "made by this test",
    }
    path.write_text(json.dumps(manifest))


def test_a_change_of_the_voice_speaks_everything_and_back_nothing(built: Project) -> None:
    add_voice(built)
    built.configure(voice="mine")
    counts = built.plan("results/book.wav")
    assert counts["export_voice"] == 1
    assert counts["synth"] >= 1
    built.configure(voice="bundled")
    assert built.plan("results/book.wav") == {}
    built.configure(voice="mine", commercial=True)
    assert "may not be used commercially" in built.fails("results/book.wav")


@pytest.mark.slow
def test_a_voice_changed_and_changed_back_costs_nothing_the_second_time(built: Project) -> None:
    add_voice(built)
    before = built.audio()
    built.configure(voice="mine")
    assert _new_takes(built) == len(PARAGRAPHS)
    assert built.audio() != before
    assert "commercial" in (built.root / "results/book/logs/publish.log").read_text()
    built.configure(voice="bundled")
    assert "synth" not in built.plan("results/book.wav")
    assert _new_takes(built) == 0
    assert built.audio() == before


def test_a_mastering_setting_speaks_nothing(built: Project) -> None:
    built.configure(audio={"loudness": {"target_lufs": -23}})
    counts = built.plan("results/book.wav")
    assert counts.keys() == {"join_takes", *AFTER_AUDIO}


def test_an_unrelated_setting_measures_nothing_again(built: Project) -> None:
    built.configure(commercial=True)
    assert built.plan("results/book.wav").keys() == {"write_provenance", "write_report", "publish"}


def test_jobs_and_engine_do_not_change_a_byte(built_once: Project, unspoken: Project) -> None:
    """-j4 and the warm engine, in other batches, give the bytes that -j1 gave."""
    built, project = built_once, unspoken
    project.configure(engine="torch", synth={"batch_chunks": 3})
    chunks = len(built.takes())
    assert f"book: {chunks} of {chunks} chunks to speak with engine torch" in project.build(jobs=4)
    assert project.takes() == built.takes()
    assert project.audio() == built.audio()


def test_a_lock_that_was_written_anew_hides_no_missing_take(built: Project) -> None:
    """Then export_voice runs, and snakemake does not look at the jobs below it, to which the voice is ancient."""
    lock = built.root / "results/models/bundled/lock.json"
    write_json(lock, {**read_json(lock), "note": ""}, seal=True)
    next((built.root / "results/book/takes").glob("*.wav")).unlink()
    (built.root / "results/book.wav").unlink()
    counts = built.plan("results/book.wav")
    assert (counts["export_voice"], counts["synth"], counts["join_takes"], counts["publish"]) == (1, 1, 1, 1)
