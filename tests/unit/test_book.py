"""Playlists and the share of a machine that a job claims."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pockettts import ear
from pockettts.book import check_name, find_text, job_threads, memory_mb, synth_memory_mb
from pockettts.config import TextConfig, parse
from pockettts.errors import ConfigError, EnvironmentNotReady, ManuscriptError
from pockettts.project import Project
from support import ROOT


@pytest.mark.parametrize(
    ("cores", "cpus", "memory", "each", "threads"),
    [
        pytest.param(2, 2, 24_000, 700, 1, id="as-many-as-there-are"),
        pytest.param(1, 8, 24_000, 700, 1, id="fewer"),
        pytest.param(8, 2, 24_000, 700, 4, id="more-cores-than-cpus"),
        pytest.param(8, 8, 2_000, 1_300, 8, id="memory-for-one"),
        pytest.param(8, 8, 4_000, 1_300, 3, id="memory-for-three"),
        pytest.param(8, 8, 500, 1_300, 8, id="memory-for-none"),
    ],
)
def test_job_threads(cores: int, cpus: int, memory: int, each: int, threads: int) -> None:
    assert job_threads(cores, cpus, memory, each) == threads


@given(st.integers(1, 128), st.integers(1, 128), st.integers(500, 500_000), st.integers(100, 5_000))
def test_jobs_at_once_fit_into_memory(cores: int, cpus: int, memory: int, each: int) -> None:
    at_once = cores // job_threads(cores, cpus, memory, each)
    assert at_once >= 1
    assert at_once <= max(1, memory // each)


@pytest.fixture
def project() -> Project:
    return Project(ROOT)


def test_the_check_by_ear_is_in_the_names_of_receipts_and_not_of_takes(project: Project) -> None:
    """If the first line fails, every receipt of every user is made again: change it only on purpose."""
    assert project.acceptance_digest == "e20f2e7f"
    others = [
        project.with_config(parse(values))
        for values in (
            {"qa": {"asr": "all"}},
            {"qa": {"asr": "all", "tolerance": 0.2}},
            {"qa": {"asr": "sample"}},
            {"qa": {"asr": "align"}},
        )
    ]
    assert len({project.acceptance_digest, *(other.acceptance_digest for other in others)}) == 5
    assert project.with_config(parse({"qa": {"asr": "off"}})).acceptance_digest == project.acceptance_digest
    assert project.with_config(parse({"qa": {"tolerance": 0.2}})).acceptance_digest == project.acceptance_digest
    assert {other.recipe.canonical for other in others} == {project.recipe.canonical}


def test_a_job_that_listens_has_memory_for_it(project: Project) -> None:
    deaf = project.with_config(parse({"qa": {"asr": "off"}}))
    assert synth_memory_mb(deaf) == memory_mb(project.model)
    german = project.with_config(parse({"language": "german"}))
    assert synth_memory_mb(german) == memory_mb(project.model)
    for listening in (project, project.with_config(parse({"qa": {"asr": "sample"}}))):
        assert synth_memory_mb(listening) == memory_mb(project.model) + ear.MEMORY_MB


def test_a_check_that_cannot_be_made_stops_before_the_first_job(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="the text is in german"):
        project.with_config(parse({"language": "german", "qa": {"asr": "all"}})).checked()
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "faster_whisper" else find(name))
    with pytest.raises(EnvironmentNotReady, match="faster_whisper is not installed"):
        project.with_config(parse({"qa": {"asr": "all"}})).checked()
    assert project.checked() is project


@pytest.mark.parametrize(("most", "asked", "chars"), [(None, 180, 180), (90, 180, 90), (90, 60, 60), (20, 180, 20)])
def test_no_chunk_is_longer_than_the_model_can_speak(
    project: Project, most: int | None, asked: int, chars: int
) -> None:
    def text(most_min: int | None) -> TextConfig:
        limited = project.with_config(parse({"text": {"max_chars": asked}}))
        limited.__dict__["model"] = replace(project.model, max_chars=most, min_chars=most_min)
        return limited.text

    assert text(project.model.min_chars).max_chars == chars
    assert text(None).min_chars == 25
    assert text(10).min_chars == 10
    assert text(project.model.min_chars).min_chars <= chars


@pytest.mark.parametrize(
    "name",
    [
        "models",
        "voices",
        "Voices",
        "onnx",
        "takes",
        "plans",
        "bench",
        "shelf",
        "a{b}",
        "{",
        "<b>",
        "x.wav",
        "x.EPUB",
        "é" * 101,
        ".hidden",
        "-n",
        "a/b",
        "",
    ],
)
def test_a_name_that_would_mix_with_other_files_is_refused(name: str) -> None:
    with pytest.raises(ManuscriptError, match="A book cannot be called"):
        check_name(name)


@pytest.mark.parametrize("name", ["book", "mein buch ü", "a.b", "voices2", "a-b", "it's $HOME", "1"])
def test_other_names_are_free(name: str) -> None:
    check_name(name)


def test_a_text_is_found_in_the_project_whatever_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    (tmp_path / "inputs").mkdir()
    (tmp_path / "inputs/road.md").write_text("# The Road")
    assert find_text("road", Project(tmp_path)) == tmp_path / "inputs/road.md"
    with pytest.raises(ManuscriptError, match="Did you mean road"):
        find_text("raod", Project(tmp_path))
