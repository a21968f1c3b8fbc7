"""How a book is divided into batches, and which packs of earlier builds it reads again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pockettts.batches import BatchRecord, batch_name, division_name, make_batches, reuse_packs
from pockettts.errors import PocketTTSError
from support.damage import flip


def keys_of(*numbers: int) -> list[str]:
    return [hashlib.sha256(str(number).encode()).hexdigest()[:32] for number in numbers]


@given(st.lists(st.integers(0, 400), max_size=300), st.integers(1, 20))
def test_batches_hold_every_key_once_in_order(numbers: list[int], size: int) -> None:
    keys = keys_of(*numbers)
    batches = make_batches(keys, size)
    assert [key for batch in batches.values() for key in batch] == list(dict.fromkeys(keys))
    least = min(max(1, size // 2), len(set(keys)))
    assert all(least <= len(batch) <= 2 * size for batch in batches.values())


@pytest.mark.parametrize("size", [8, 32, 256])
def test_batches_are_about_as_large_as_asked_for(size: int) -> None:
    """So that sixteen jobs end at about the same time."""
    sizes = [len(batch) for batch in make_batches(keys_of(*range(40 * size)), size).values()]
    assert 0.8 * size < sum(sizes) / len(sizes) < 1.25 * size
    assert sum(0.5 * size <= one <= 1.5 * size for one in sizes) > 0.8 * len(sizes)


def test_a_batch_of_one_is_named_by_its_key() -> None:
    keys = keys_of(*range(5))
    assert make_batches(keys, 1) == {key: (key,) for key in keys}


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 600), st.integers(1000, 10_000))
def test_an_insertion_changes_at_most_the_batches_around_it(position: int, number: int) -> None:
    keys = keys_of(*range(600))
    before = make_batches(keys, 16)
    after = make_batches([*keys[:position], *keys_of(number), *keys[position:]], 16)
    changed = [batch for name, batch in after.items() if name not in before]
    assert sum(map(len, changed)) <= 5 * 16


# --- packs of earlier builds


def all_keys(batches: dict[str, tuple[str, ...]]) -> set[str]:
    return {key for keys in batches.values() for key in keys}


edits = st.lists(st.tuples(st.sampled_from(["insert", "delete", "swap"]), st.integers(0, 10_000)), max_size=6)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 120), st.lists(edits, min_size=1, max_size=4), st.integers(1, 12), st.randoms())
def test_whatever_is_edited_only_new_keys_are_spoken_and_a_second_look_changes_nothing(
    count: int, builds: list[list[tuple[str, int]]], size: int, random: object
) -> None:
    text = keys_of(*range(count))
    packs: dict[str, tuple[str, ...]] = {}
    for number, edit in enumerate([[], *builds]):
        for kind, place in edit:
            at = place % (len(text) or 1)
            if kind == "insert":
                text.insert(at, keys_of(100_000 + 1000 * number + place)[0])
            elif kind == "delete" and len(text) > 1:
                del text[at]
            else:
                text[at:] = [*text[at:][::-1]]
        batches = make_batches(text, size, "acc")
        division = reuse_packs(batches, packs, packs.__contains__, "acc")
        assert all_keys(division) >= set(text)
        fresh = {name: keys for name, keys in division.items() if name not in packs}
        spoken_before = all_keys(packs)
        spoken = [key for keys in fresh.values() for key in keys]
        assert len(spoken) == len(set(spoken))
        assert not spoken_before.intersection(spoken), "a key is spoken twice"
        assert all(name == batch_name(keys, "acc") for name, keys in division.items())
        packs |= fresh
        assert reuse_packs(batches, packs, packs.__contains__, "acc") == division


def test_packs_of_a_different_acceptance_are_not_read() -> None:
    keys = keys_of(*range(20))
    packs = make_batches(keys[:10], 4, "old")
    batches = make_batches(keys, 4, "new")
    assert reuse_packs(batches, packs, packs.__contains__, "new") == batches


def test_a_storage_is_asked_about_edited_batches_only() -> None:
    keys = keys_of(*range(2000))
    before = make_batches(keys, 32, "acc")
    after = make_batches([*keys[:700], *keys_of(5000), *keys[701:]], 32, "acc")
    questions: list[str] = []

    def is_spoken(name: str) -> bool:
        questions.append(name)
        return name in before

    division = reuse_packs(after, before, is_spoken, "acc")
    assert [len(keys) for name, keys in division.items() if name not in before] == [1]
    assert len(questions) <= 8


def test_without_a_record_a_book_is_divided_by_its_text(tmp_path: Path) -> None:
    batches = make_batches(keys_of(*range(50)), 8)
    assert BatchRecord(tmp_path / "batches.json").division(batches) == batches


def test_a_record_remembers_divisions_and_the_keys_of_their_batches(tmp_path: Path) -> None:
    path = tmp_path / "batches.json"
    batches, other = make_batches(keys_of(*range(50)), 8), make_batches(keys_of(*range(60)), 8)
    division = {"old": tuple(keys_of(*range(45))), "new": tuple(keys_of(*range(45, 50)))}
    BatchRecord(path).remember(batches, division)
    BatchRecord(path).remember(other, other)
    record = BatchRecord(path)
    assert record.division(batches) == division
    assert record.named(division_name(batches)) == ("old", "new")
    assert record.keys("new") == division["new"]
    assert record.companions("new") == ("old", "new")
    for number in range(20):
        few = make_batches(keys_of(*range(number, number + 3)), 8)
        BatchRecord(path).remember(few, few)
    assert BatchRecord(path).division(batches) == batches, "it does not grow without end"
    with pytest.raises(PocketTTSError, match="has no batch new"):
        BatchRecord(path).keys("new")
    with pytest.raises(PocketTTSError, match="has no division"):
        BatchRecord(path).named(division_name(batches))


def test_the_same_division_leaves_the_file_alone_and_a_damaged_record_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "batches.json"
    batches = make_batches(keys_of(*range(50)), 8)
    BatchRecord(path).remember(batches, batches)
    before = path.stat().st_mtime_ns
    BatchRecord(path).remember(batches, batches)
    assert path.stat().st_mtime_ns == before
    flip(path)
    assert BatchRecord(path).batches == {}
    BatchRecord(path).remember(batches, batches)
    assert BatchRecord(path).division(batches) == batches
