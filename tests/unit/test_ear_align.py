"""The quick check by ear: which words of a text are in a take, by real speech that lacks some or has others twice."""

from __future__ import annotations

import importlib.util
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from pockettts.config import QaConfig
from pockettts.ear import Aligner, Ear, is_used, open_ear, why_not_by_ear
from pockettts.ear.align import (
    Edit,
    Fit,
    doubtful,
    edited,
    gain,
    log_mel,
    needed_gain,
    passes,
    plain_words,
)
from pockettts.ear.whisper import load_whisper
from support import ROOT

DATA = ROOT / "tests" / "data"
TEXTS: dict[str, str] = {
    name: text for name, text in json.loads((DATA / "real" / "takes.json").read_text()).items() if text
}
CLIPS: dict[str, dict[str, Any]] = json.loads((DATA / "speech" / "clips.json").read_text())


def sound(folder: str, name: str) -> np.ndarray:
    samples, _ = sf.read(DATA / folder / f"{name}.flac", dtype="int16")
    return np.asarray(samples)


# --- texts and edits


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "“Well,” said Mister Holmes; ‘come to-night’ -- he’s here…",
            "Well, said Mr. Holmes, come tonight, he's here.",
        ),
        ("The dogs' bone", "The dogs bone."),
        ("And so (he thought)—no!", "And so he thought, no!"),
        ("She paused ...", "She paused."),
        ("I'LL do it, NOT you, said BBC", "I'll do it, Not you, said BBC."),
        ("...", ""),
    ],
)
def test_a_text_is_written_as_whisper_writes(text: str, words: str) -> None:
    assert list(plain_words(text)) == words.split()


def test_a_word_is_left_out_or_said_twice() -> None:
    words = ("The", "old", "man,", "sat", "down.")
    assert edited(words, [Edit("missing", 1)]) == (("The", "man,", "sat", "down."), (0, 2, 3, 4))
    assert edited(words, [Edit("missing", 3, 2)]) == (("The", "old", "man."), (0, 1, 2))
    doubled = edited(words, [Edit("doubled", 2)])
    assert doubled == (("The", "old", "man", "man,", "sat", "down."), (0, 1, 2, 2, 3, 4))


places = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 4), st.sampled_from(["missing", "doubled"])), max_size=12
)


@given(places)
def test_edits_of_one_pass_do_not_touch(drawn: list[tuple[int, int, Any]]) -> None:
    edits = [Edit(kind, at, count) for at, count, kind in drawn]
    divided = passes(edits)
    assert sorted(map(repr, edits)) == sorted(repr(edit) for group in divided for edit in group)
    for group in divided:
        order = sorted(group, key=lambda edit: edit.at)
        assert all(later.at - earlier.last >= 4 for earlier, later in itertools.pairwise(order))


def fit(*words: float, seconds: float = 0.3, end: float = -0.1) -> Fit:
    starts = tuple(seconds * at for at in range(len(words)))
    return Fit(words, words, starts, end, seconds * len(words))


def test_only_words_that_do_not_fit_are_doubted() -> None:
    words = ("The", "old", "man", "sat", "down.")
    assert doubtful(words, fit(0, 0, 0, 0, 0, end=0)) == []
    assert doubtful(words, fit(0, 0, -9, 0, 0, end=0)) == [Edit("missing", 2), Edit("doubled", 1)]
    assert Edit("missing", 1, 2) in doubtful(words, fit(0, -8, -9, 0, 0))
    again = ("He", "did", "it", "again", "and", "again.")
    assert {edit.at for edit in doubtful(again, fit(-1, -1, -1, -1, -1, -1))} == {0, 1, 2, 4}, "again is there twice"
    assert doubtful(("Yes.",), fit(-9.0, end=0)) == [], "the only word cannot be missing: then nothing is said"


def test_an_edit_gains_what_the_words_behind_it_gain() -> None:
    words = ("The", "old", "man", "sat", "down", "by", "it.")
    before = fit(-1, -8, -3, -1, 0, 0, 0)
    after = fit(-7, -1, 0, 0, 0, 0)
    edit = Edit("missing", 1)
    assert gain(edit, before, after, (0, 2, 3, 4, 5, 6)) == pytest.approx(11), "what stands before it does not count"
    assert needed_gain(edit, words, before) < 11


def test_a_word_that_takes_its_time_needs_more_to_be_missing() -> None:
    words = ("Then", "Vasilyevna", "sat", "down.")
    edit = Edit("missing", 1)
    quick, slow = fit(0, -8, 0, 0, seconds=0.1), fit(0, -8, 0, 0, seconds=0.6)
    assert needed_gain(edit, words, quick) < needed_gain(edit, words, slow)


# --- settings


def test_a_book_is_checked_where_the_extra_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    ear = open_ear(QaConfig(), "english", of_book=True)
    assert isinstance(ear, Aligner)
    assert not ear.strict
    assert open_ear(QaConfig(), "english") is None, "a server and a command are checked if they are asked to"
    assert why_not_by_ear(QaConfig(), "german") == "that is for English books"
    assert open_ear(QaConfig(), "german", of_book=True) is None
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "faster_whisper" else find(name))
    assert open_ear(QaConfig(), "english", of_book=True) is None
    assert not is_used(QaConfig(), "english")
    assert "faster_whisper is not installed: pip install" in str(why_not_by_ear(QaConfig(), "english"))


def test_a_missing_model_is_no_reason_to_stop_unless_the_check_is_asked_for(tmp_path: Path) -> None:
    assert "no model.bin" in str(why_not_by_ear(QaConfig(model=tmp_path), "en"))
    assert why_not_by_ear(QaConfig(asr="off"), "en") is None
    strict = open_ear(QaConfig(asr="align"), "en")
    assert isinstance(strict, Aligner)
    assert strict.strict
    assert isinstance(open_ear(QaConfig(asr="all"), "en"), Ear)


# --- real speech


@pytest.fixture(scope="module")
def ear() -> Aligner:
    return Aligner(QaConfig(asr="align"), "en")


def reasons(ear: Aligner, samples: np.ndarray, text: str) -> list[str]:
    return ear.reasons(ear.hear(samples, text), text)


def test_spectra_are_those_of_whisper() -> None:
    extractor = load_whisper(None).feature_extractor
    samples = sound("speech", "clock")
    padded = np.pad(samples / 32_768, 7_200)
    expected = extractor(signal.resample_poly(padded, 16_000, 24_000).astype(np.float32))
    mels = log_mel(samples, extractor.mel_filters)
    assert mels.shape[1] % 2 == 0
    size = min(mels.shape[1], expected.shape[1])
    assert np.abs(mels[:, :size] - expected[:, :size]).mean() < 0.02


@pytest.mark.parametrize("name", TEXTS)
def test_a_real_take_is_accepted_and_one_that_lacks_a_word_is_not(ear: Aligner, name: str) -> None:
    text, samples = TEXTS[name], sound("real", name)
    assert ear.hear(samples, text).words == text
    assert reasons(ear, samples, text) == []
    words = text.split()
    (reason,) = reasons(ear, samples, " ".join([*words[:1], "purple", *words[1:]]))
    assert "purple" in reason.split("missing: ")[1]


@pytest.mark.parametrize("name", CLIPS)
def test_clear_speech_is_accepted(ear: Aligner, name: str) -> None:
    assert reasons(ear, sound("speech", name), CLIPS[name]["text"]) == []


def spliced(samples: np.ndarray, words: list[Any], at: int, kind: str) -> np.ndarray:
    """The samples without a word, or with a word twice."""
    _, begin, end = words[at]
    return np.concatenate(
        [samples[: begin if kind == "missing" else end], samples[end if kind == "missing" else begin :]]
    )


@pytest.mark.parametrize(
    ("kind", "name", "word"),
    [
        ("missing", "holmes", "twelve"),
        ("missing", "clock", "great"),
        ("repeated", "bridge", "children"),
        ("repeated", "horse", "horse"),
    ],
)
def test_a_word_cut_out_or_doubled_is_named(ear: Aligner, kind: str, name: str, word: str) -> None:
    words = CLIPS[name]["words"]
    samples = spliced(sound("speech", name), words, [entry[0] for entry in words].index(word), kind)
    (reason,) = reasons(ear, samples, CLIPS[name]["text"])
    assert f"{kind}: {word}" in reason


@pytest.mark.slow
def test_most_words_that_are_cut_out_or_doubled_are_found(ear: Aligner) -> None:
    """Words of four letters and more: a cut leaves half a sound of the short ones, and their neighbors' sounds."""
    counts = {"missing": 0, "repeated": 0}
    count = 0
    for name, clip in CLIPS.items():
        samples, words = sound("speech", name), clip["words"]
        for at, (word, *_) in enumerate(words):
            if len(word) >= 4:
                count += 1
                for kind in counts:
                    counts[kind] += bool(reasons(ear, spliced(samples, words, at, kind), clip["text"]))
    assert count > 30
    assert counts["missing"] >= 0.9 * count, counts
    assert counts["repeated"] >= 0.75 * count, counts


def test_what_is_not_the_text_at_all_is_written_down(ear: Aligner) -> None:
    samples = sound("speech", "clock")
    (reason,) = reasons(ear, samples, CLIPS["horse"]["text"])
    assert "clock" in reason
    noise = np.random.default_rng(0).normal(0, 2000, len(samples)).astype(np.int16)
    for other in (samples[::-1].copy(), noise):
        assert reasons(ear, other, CLIPS["clock"]["text"])


def test_a_take_too_long_for_the_encoder_is_written_down(ear: Aligner, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def hear(self: Ear, samples: np.ndarray, text: str) -> Any:
        asked.append(len(samples))
        return original(self, samples[:24_000], text)

    original = Ear.hear
    monkeypatch.setattr(Ear, "hear", hear)
    text = CLIPS["clock"]["text"]
    assert ear.hear(np.zeros(30 * 24_000, np.int16), text).by == ear.name
    assert asked == [30 * 24_000]


def test_a_text_without_words_can_be_heard(ear: Aligner) -> None:
    assert reasons(ear, np.zeros(24_000, np.int16), "...") == []


def test_the_same_take_always_has_the_same_words(ear: Aligner) -> None:
    words = CLIPS["clock"]["words"]
    damaged = spliced(sound("speech", "clock"), words, 3, "missing")
    first = ear.hear(damaged, CLIPS["clock"]["text"])
    load_whisper.cache_clear()
    assert ear.hear(damaged, CLIPS["clock"]["text"]) == first
