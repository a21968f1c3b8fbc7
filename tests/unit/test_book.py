"""Batches, playlists and the share of a machine that a job claims."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pockettts import ear
from pockettts.book import Setup, job_threads, make_batches, memory_mb, open_setup, synth_memory_mb
from pockettts.config import BookConfig, parse
from pockettts.errors import ConfigError, EnvironmentNotReady
from support import ROOT


def keys_of(*numbers: int) -> list[str]:
    return [hashlib.sha256(str(number).encode()).hexdigest()[:32] for number in numbers]


@given(st.lists(st.integers(0, 400), max_size=300), st.integers(1, 20))
def test_batches_hold_every_key_once_in_order(numbers: list[int], size: int) -> None:
    keys = keys_of(*numbers)
    batches = make_batches(keys, size)
    assert [key for batch in batches.values() for key in batch] == list(dict.fromkeys(keys))
    assert all(0 < len(batch) <= 4 * size for batch in batches.values())


def test_a_batch_of_one_is_named_by_its_key() -> None:
    keys = keys_of(*range(5))
    assert make_batches(keys, 1) == {key: (key,) for key in keys}


@pytest.mark.parametrize("position", [0, 150, 299])
def test_an_insertion_changes_at_most_the_batches_around_it(position: int) -> None:
    keys = keys_of(*range(300))
    before = make_batches(keys, 16)
    after = make_batches([*keys[:position], *keys_of(1000), *keys[position:]], 16)
    assert 5 < len(before) < 60
    assert len(after.keys() - before.keys()) <= 2


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
def setup(monkeypatch: pytest.MonkeyPatch) -> Setup:
    monkeypatch.chdir(ROOT)
    return open_setup(BookConfig())


def test_the_check_by_ear_is_in_the_names_of_receipts_and_not_of_takes(setup: Setup) -> None:
    """If the first line fails, every receipt of every user is made anew: change it only on purpose."""
    assert setup.judging == "5c036db3"
    others = [
        parse({"qa": {"asr": "all"}}),
        parse({"qa": {"asr": "all", "tolerance": 0.2}}),
        parse({"qa": {"asr": "sample"}}),
    ]
    setups = [replace(setup, config=config) for config in others]
    assert len({setup.judging, *(other.judging for other in setups)}) == 4
    assert replace(setup, config=parse({"qa": {"tolerance": 0.2}})).judging == setup.judging
    assert {other.recipe.canonical for other in setups} == {setup.recipe.canonical}


def test_a_job_that_listens_has_memory_for_it(setup: Setup) -> None:
    assert synth_memory_mb(setup) == memory_mb(setup.model)
    listening = replace(setup, config=parse({"qa": {"asr": "sample"}}))
    assert synth_memory_mb(listening) == memory_mb(setup.model) + ear.MEMORY_MB


def test_a_check_that_cannot_be_made_stops_before_the_first_job(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="the text is in german"):
        open_setup(parse({"language": "german", "qa": {"asr": "all"}}))
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "faster_whisper" else find(name))
    with pytest.raises(EnvironmentNotReady, match="faster_whisper is not installed"):
        open_setup(parse({"qa": {"asr": "all"}}))
    assert open_setup(BookConfig()).judging == setup.judging


@pytest.mark.parametrize(("most", "asked", "chars"), [(None, 180, 180), (90, 180, 90), (90, 60, 60), (20, 180, 20)])
def test_no_chunk_is_longer_than_the_model_can_speak(most: int | None, asked: int, chars: int) -> None:
    setup = open_setup(parse({"text": {"max_chars": asked}}))
    setup = replace(setup, model=replace(setup.model, max_chars=most))
    assert setup.text.max_chars == chars
    assert replace(setup, model=replace(setup.model, min_chars=None)).text.min_chars == 25
    assert replace(setup, model=replace(setup.model, min_chars=10)).text.min_chars == 10
    assert setup.text.min_chars <= chars
