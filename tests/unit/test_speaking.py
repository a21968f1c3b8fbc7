"""Speaking outside a book: what is made ready and when it is made again, how a text is cut, what is heard."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pockettts import book, takes
from pockettts.config import BookConfig, SynthConfig, TextConfig
from pockettts.errors import ChecksumError, ManuscriptError, TakeRejected, UsageError, VoiceError
from pockettts.project import Project
from pockettts.speaking import chunks_of, chunks_of_file, make_ready, ready_model, speak
from support.projects import Singer, copy_of_ready, ready_project

CONFIG = BookConfig(engine="torch")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with model and voice ready; the current directory is elsewhere."""
    monkeypatch.chdir("/")
    return Project(copy_of_ready(tmp_path / "project"), CONFIG)


def no_export(*args: object, **options: object) -> None:
    raise VoiceError("exported again")


def test_what_is_ready_is_not_made_again(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {
        path: path.stat().st_mtime_ns for path in (project.root / "results").rglob("*.*") if path.name != "runtime.yaml"
    }
    monkeypatch.setattr("pockettts.voices.export_voice", no_export)
    ready = make_ready(project)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert yaml.safe_load(ready.runtime.read_text())["weights_path"].startswith(str(project.root)), (
        "the project has moved"
    )
    assert ready.voice.is_file()
    assert ready.bundle is None


@pytest.mark.parametrize("missing", ["*.*", "runtime.*"])
def test_a_model_that_is_made_ready_is_one_of_the_workflow(project: Project, missing: str) -> None:
    """Every output of the rules of models is there, and says the same, or a book would make them again."""
    folder = project.root / "results/models/bundled"
    before = {path.name: path.read_text() for path in folder.glob("*.*")}
    for path in list(folder.glob(missing)):
        path.unlink()
    ready_model(project)
    assert {"lock.json", "runtime.json", "runtime.yaml"} <= set(before)
    for name in ("lock.json", "runtime.json"):
        assert (folder / name).read_text() == before[name], name
    assert yaml.safe_load((folder / "runtime.yaml").read_text())["weights_path"].startswith(str(project.root))


@pytest.mark.parametrize("damage", ["recording", "voice", "sidecar"])
def test_a_voice_that_has_changed_is_exported_again(
    project: Project, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    voice = project.root / "results/voices/bundled/bundled.safetensors"
    if damage == "recording":
        manifest = json.loads((project.root / "voices/manifest.json").read_text())
        manifest["bundled"]["source"].pop("sha256", None)
        (project.root / "voices/manifest.json").write_text(json.dumps(manifest))
        with (project.root / "voices/bundled.wav").open("ab") as audio:
            audio.write(b"\0\0")
    elif damage == "voice":
        os.truncate(voice, 1000)
    else:
        voice.with_suffix(".json").unlink()
    monkeypatch.setattr("pockettts.voices.export_voice", no_export)
    with pytest.raises(VoiceError, match="exported again"):
        make_ready(project)


def test_weights_that_have_changed_are_found(project: Project) -> None:
    weights = project.root / "models/bundled/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"abcd")
    with pytest.raises(ChecksumError, match="sha256"):
        make_ready(project)


def test_of_two_that_need_a_voice_one_makes_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    voice = project.root / "results/voices/bundled/bundled.safetensors"
    kept = voice.rename(project.root / "kept.safetensors")
    exported: list[str] = []

    def export(*args: object, **options: object) -> None:
        exported.append("voice")
        time.sleep(0.3)
        shutil.copyfile(kept, voice)

    monkeypatch.setattr("pockettts.voices.export_voice", export)
    with ThreadPoolExecutor() as pool:
        ready = list(pool.map(lambda _: make_ready(project.with_config(CONFIG)), range(3)))
    assert exported == ["voice"]
    assert len(set(map(str, ready))) == 1


def test_an_exported_model_is_used_only_with_a_report_that_it_passed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project.root / "results/onnx/bundled/fp32"
    report = folder.with_suffix(".verify.json")
    done: list[str] = []

    def exported(runtime: Path, out: Path, **_: object) -> None:
        done.append("export")
        out.mkdir(parents=True, exist_ok=True)
        (out / "manifest.json").write_text("{}")

    def verified(project: Project) -> None:
        done.append("verify")
        project.bundle_report().write_text('{"passed": true}')

    monkeypatch.setitem(sys.modules, "pockettts.export.export", SimpleNamespace(export_onnx=exported))
    monkeypatch.setattr("pockettts.speaking.verify_bundle", verified)
    onnx = project.with_config(CONFIG.model_copy(update={"engine": "onnx"}))

    def steps() -> list[str]:
        done.clear()
        assert make_ready(onnx).bundle == folder
        return list(done)

    assert steps() == ["export", "verify"]
    assert steps() == []
    report.write_text('{"passed": false}')
    assert steps() == ["verify"]
    report.unlink()
    assert steps() == ["verify"]
    os.utime(folder / "manifest.json", (0, 0))
    assert steps() == ["export", "verify"]


def test_a_lock_that_is_gone_is_written_again(project: Project) -> None:
    lock = project.root / "results/models/bundled/lock.json"
    before = lock.read_bytes()
    lock.unlink()
    make_ready(project)
    assert lock.read_bytes() == before


def test_the_chunks_of_a_text_are_those_of_a_book(project: Project) -> None:
    opened = book.open_book("book", project)
    text = (project.root / "inputs/book.txt").read_text()
    assert chunks_of(text, project) == list(opened.plan.chunks)
    assert chunks_of_file((project.root / "inputs/book.txt"), project) == list(opened.plan.chunks)


def test_one_chunk_if_no_more_are_wanted(project: Project) -> None:
    chunks = chunks_of("It was 1984.\n\nMr. Holmes slept.", project, chunk=False)
    assert [chunk.text for chunk in chunks] == ["It was nineteen eighty-four. Mister Holmes slept."]
    assert chunks[0].pause == 0


def test_the_limit_of_characters_is_kept(project: Project) -> None:
    project = project.with_config(CONFIG.model_copy(update={"text": TextConfig(max_chars=40)}))
    chunks = chunks_of("The road was white and dry, and the sun stood high. " * 5, project)
    assert len(chunks) > 5
    assert max(len(chunk.text) for chunk in chunks) <= 40


@pytest.mark.parametrize("text", ["", " \n ", "...", "*"])
def test_nothing_to_speak(project: Project, text: str) -> None:
    with pytest.raises(UsageError, match="nothing to speak"):
        chunks_of(text, project)


def test_a_file_that_is_not_there(project: Project) -> None:
    with pytest.raises(ManuscriptError, match=r"missing\.txt"):
        chunks_of_file(Path("missing.txt"), project)


def test_a_text_has_the_keys_and_the_takes_of_a_book(project: Project) -> None:
    opened = book.open_book("book", project)
    store = project.store
    engine = Singer()
    told: list[takes.Take] = []
    chunks = chunks_of((project.root / "inputs/book.txt").read_text(), project)
    first = list(speak(engine, chunks, project, store, told.append))
    assert [take.key for take in told] == list(opened.keys)
    spoken = len(engine.asked)
    again = list(speak(engine, chunks, project, store))
    assert len(engine.asked) == spoken, "takes of the store are not spoken again"
    unkept = list(speak(engine, chunks, project))
    for one, two, three in zip(first, again, unkept, strict=True):
        assert np.array_equal(one, two)
        assert np.array_equal(one, three)


def test_another_seed_is_another_reading(project: Project) -> None:
    chunks = chunks_of("The road was white and dry.", project)
    zero, one = (np.concatenate(list(speak(Singer(), chunks, project.with_seed(seed)))) for seed in (0, 1))
    assert not np.array_equal(zero, one)
    with pytest.raises(UsageError, match="seed"):
        project.with_seed(-1)


def test_several_chunks_at_once_are_the_same_in_the_same_order(project: Project) -> None:
    chunks = chunks_of("\n\n".join(f"The road had {number} miles." for number in range(2, 20)), project)
    one = list(speak(Singer(), chunks, project))
    three = list(speak(Singer(), chunks, project, lanes=3))
    assert len(one) == 18
    assert all(np.array_equal(a, b) for a, b in zip(one, three, strict=True))


def test_a_take_that_never_passes_is_refused_with_its_text(project: Project) -> None:
    class Mute(Singer):
        def synthesize(self, text: str, seed: int, *, accept_runaway: bool = False) -> np.ndarray:
            self.asked.append((text, seed))
            return np.zeros(24_000, np.int16)

    engine = Mute()
    with pytest.raises(TakeRejected, match="The road was white"):
        list(speak(engine, chunks_of("The road was white.", project), project))
    assert len({seed for _, seed in engine.asked}) == SynthConfig().attempts
    assert not (project.root / "results/takes").exists()


@settings(max_examples=10, deadline=None)
@given(pauses=st.lists(st.integers(0, 3000), min_size=1, max_size=4))
def test_a_pause_is_as_long_as_its_mark(pauses: list[int]) -> None:
    text = "Hello there. " + " ".join(f"[pause: {pause}ms] And again we went on." for pause in pauses)
    project = Project(ready_project(), CONFIG)
    chunks = chunks_of(text, project)
    parts = list(speak(Singer(), chunks, project))
    alone = list(speak(Singer(), chunks[-1:], project))
    assert [round(chunk.pause * 1000) for chunk in chunks] == [*pauses, 0]
    assert np.array_equal(parts[-1], alone[0]), "nothing follows the last chunk"
    for part, pause in zip(parts, pauses, strict=False):
        assert not part[len(part) - pause * 24 :].any()
