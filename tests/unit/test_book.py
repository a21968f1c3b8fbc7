"""Batches, playlists and the share of a machine that a job claims."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pockettts.book import job_threads, make_batches


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
