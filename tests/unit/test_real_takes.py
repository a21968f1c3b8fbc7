"""Takes of the real model: each is accepted, and each is rejected once it is damaged. See tests/data/real/README.md."""

import json
from collections.abc import Callable

import numpy as np
import pytest
import soundfile as sf

from pockettts.config import CheckConfig, QaConfig, TextConfig
from pockettts.ear import Ear
from pockettts.engines.pieces import load_encoder, prepared_text, split_tokens, token_counter
from pockettts.takes import judge, measure_take, own_limits
from pockettts.text.chunks import chunk_manuscript
from pockettts.text.manuscript import read_manuscript
from support import ROOT

REAL = ROOT / "tests" / "data" / "real"
TEXTS: dict[str, str] = {name: text for name, text in json.loads((REAL / "takes.json").read_text()).items() if text}
SOME_TEXTS = sorted(TEXTS)[::4]
RATE = 24_000
Damage = Callable[[np.ndarray], np.ndarray]


def take(name: str) -> np.ndarray:
    samples, rate = sf.read(REAL / f"{name}.flac", dtype="int16")
    assert rate == RATE
    return np.asarray(samples)


def speech(samples: np.ndarray) -> tuple[int, int]:
    """First and last sample that are loud."""
    loud = np.flatnonzero(np.abs(samples.astype(int)) > 1500)
    return int(loud[0]), int(loud[-1])


def at(samples: np.ndarray, share: float) -> int:
    """A place inside speech, on the way from its first to its last loud sample, where it is not in a pause."""
    begin, end = speech(samples)
    place = begin + int(share * (end - begin))
    power = np.convolve(np.square(samples.astype(float)), np.ones(960) / 960)[: len(samples)]  # of the 40 ms before
    return place + int(np.argmax(power[place : end + 1] > np.mean(np.square(samples.astype(float))) / 10))


def cut_short(share: float) -> Damage:
    return lambda samples: samples[: at(samples, share)]


def doubled(samples: np.ndarray) -> np.ndarray:
    begin, end = speech(samples)
    return np.concatenate([samples[:end], samples[begin:]])


def without_its_middle(samples: np.ndarray) -> np.ndarray:
    return np.concatenate([samples[: at(samples, 0.3)], samples[at(samples, 0.75) :]])


def clipped(samples: np.ndarray) -> np.ndarray:
    return np.clip(samples.astype(int) * 12, -32_768, 32_767).astype(np.int16)


BY_MEASURE: dict[str, Damage] = {
    **{f"cut at {share}": cut_short(share) for share in (0.3, 0.5, 0.7, 0.9)},
    "cut and quiet": lambda samples: cut_short(0.6)(samples) // 16,
    "silenced": lambda samples: samples * 0,
    "nearly silenced": lambda samples: samples // 256,
    "clipped": clipped,
}
BY_EAR: dict[str, Damage] = {
    "doubled": doubled,
    "without its middle": without_its_middle,
    "noise of its length": lambda samples: np.random.default_rng(0).normal(0, 2500, len(samples)).astype(np.int16),
    "backwards": lambda samples: samples[::-1].copy(),
}


@pytest.fixture(scope="module")
def ear() -> Ear:
    return Ear(QaConfig(asr="all"), "en")


def reasons(ear: Ear | None, samples: np.ndarray, text: str) -> list[str]:
    measured = judge(measure_take(samples), text, CheckConfig())
    if measured or ear is None:
        return measured
    return ear.reasons(ear.hear(samples, text), text)


@pytest.mark.parametrize("name", TEXTS)
def test_a_real_take_is_accepted(ear: Ear, name: str) -> None:
    assert reasons(ear, take(name), TEXTS[name]) == []


@pytest.mark.parametrize("damage", BY_MEASURE)
@pytest.mark.parametrize("name", TEXTS)
def test_a_damaged_take_is_rejected_by_measure(name: str, damage: str) -> None:
    assert reasons(None, BY_MEASURE[damage](take(name)), TEXTS[name])


# Letters a second, the median of these takes of one voice.
ALBA = 12.2


@pytest.mark.parametrize("name", TEXTS)
def test_a_take_is_judged_by_the_rate_of_its_voice(name: str) -> None:
    limits = own_limits(CheckConfig(), ALBA)
    assert judge(measure_take(take(name)), TEXTS[name], limits) == []
    begin, end = speech(take(name))
    if len(TEXTS[name]) > 20:
        assert judge(measure_take(take(name)[::2]), TEXTS[name], limits)
        assert judge(measure_take(np.tile(take(name)[begin:end], 3)), TEXTS[name], limits)


@pytest.mark.parametrize("damage", BY_EAR)
@pytest.mark.parametrize(
    "name", [*SOME_TEXTS, *(pytest.param(name, marks=pytest.mark.slow) for name in TEXTS if name not in SOME_TEXTS)]
)
def test_a_damaged_take_is_rejected_by_ear(ear: Ear, name: str, damage: str) -> None:
    assert reasons(ear, BY_EAR[damage](take(name)), TEXTS[name])


def test_a_take_of_a_different_text_is_rejected(ear: Ear) -> None:
    for name, text in TEXTS.items():
        other = next(other for other in TEXTS.values() if other != text)
        assert reasons(ear, take(name), other)


# --- the real tokenizer


def test_both_files_of_the_real_tokenizer_give_the_same_tokens_for_a_whole_book() -> None:
    encoders = [
        load_encoder({"flow_lm": {"lookup_table": {"tokenizer_path": str(REAL / name), "n_bins": 4000}}})
        for name in ("english-tokenizer.json", "english-tokenizer.model")
    ]
    chunks = book_chunks()
    assert len(chunks) > 100
    for text in chunks:
        one, other = (list(encode(text)) for encode in encoders)
        assert one == other


def test_the_real_tokenizer_makes_upstream_cut_no_piece_of_a_book_again() -> None:
    from pocket_tts.models.text_chunking import prepare_text_prompt, split_into_best_sentences
    from pocket_tts.modules.text_conditioner import JsonTokenizer

    tokenizer = JsonTokenizer(4000, str(REAL / "english-tokenizer.json"))
    options = {
        "pad_with_spaces_for_short_inputs": False,
        "remove_semicolons": False,
        "append_terminal_punctuation": True,
        "capitalize_first_letter": True,
        "replace_characters": None,
    }
    config = {"flow_lm": {"lookup_table": {"tokenizer_path": str(REAL / "english-tokenizer.json"), "n_bins": 4000}}}
    count = token_counter(load_encoder(config), {})
    for text in book_chunks():
        for piece in split_tokens(text, count, 50):
            assert prepared_text(piece, {}) == prepare_text_prompt(piece, **options)[0].strip()
            assert len(split_into_best_sentences(tokenizer, piece, max_tokens=50, **options)) == 1, piece


def book_chunks() -> list[str]:
    manuscript = read_manuscript(ROOT / "inputs" / "book.txt")
    return [chunk.text for chunk in chunk_manuscript(manuscript, TextConfig(), "en")]
