import errno
import json
import multiprocessing
import os
import re
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pockettts import files, takes
from pockettts.audio import wav
from pockettts.config import CheckConfig, QaConfig, SynthConfig
from pockettts.ear import Ear, compare
from pockettts.engines import Engine
from pockettts.errors import AudioError, ConfigError, DamagedFile, EngineFailed, NoEndOfSpeech, TakeRejected
from pockettts.takes import (
    Recipe,
    Take,
    TakeStore,
    Transcript,
    content_key,
    drop_damaged_packs,
    drop_stale_receipts,
    judge,
    make_recipe,
    make_take,
    make_takes,
    measure_take,
    read_receipts,
    seed_for,
    write_pack,
)
from support import FAKES
from support.damage import flip

RATE = 24_000
TEXT = "The quick brown fox jumps over the lazy dog, and then it rests a while."
KEY = "ab" + "0" * 30


def speech(seconds: float, seed: int = 0, level: float = 3000.0) -> np.ndarray:
    """Noise in syllables of 125 ms with 40 ms of near silence between them, quiet at the end."""
    count = round(seconds * RATE)
    envelope = (np.arange(count) % 3960) < 3000
    envelope[max(0, count - 2400) :] = False
    noise = np.random.default_rng(seed).normal(0, 1, count)
    return np.clip(noise * (envelope * level + 2), -32000, 32000).astype(np.int16)


EAR_NAME = Ear(QaConfig(asr="all"), "en").name
GOOD = speech(len(TEXT) / 14)


class Script(Engine):
    """An engine that answers with what it is given, in turn."""

    name = "script"

    def __init__(self, *answers: Any) -> None:
        self.answers = iter(answers)
        self.calls: list[tuple[str, int, bool]] = []

    def use_voice(self, voice: Path) -> None:
        """It has one voice."""

    def synthesize(self, text: str, seed: int, *, accept_runaway: bool = False) -> np.ndarray:
        self.calls.append((text, seed, accept_runaway))
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def store(tmp_path: Path) -> TakeStore:
    return TakeStore(tmp_path / "takes")


def stored(store: TakeStore, key: str = KEY, samples: np.ndarray = GOOD) -> Take:
    return make_take(key, TEXT, Script(samples), store, SynthConfig())


# --- keys


RECIPE = Recipe({"model": {"revision": "a" * 40}, "decode": {"temperature": 0.3}, "seed": 0})


def test_a_key_never_changes_by_accident() -> None:
    """If this fails, every take of every user is spoken again: change it only on purpose."""
    assert content_key("Hello — “world”.", RECIPE) == "461e14f34d1bc9f8c88a1e8ed7a409e7"
    assert seed_for("0" * 32, 0) == 1800962509
    assert seed_for("0" * 32, 1) == 1256319420


def test_a_recipe_of_the_default_settings_never_changes_by_accident(monkeypatch: pytest.MonkeyPatch) -> None:
    identity = {"pocket-tts": "4.0.1", "torch": "2.13.0"}
    monkeypatch.setattr("pockettts.upstream._versions", lambda interpreter: identity)
    recipe = make_recipe("cli", SynthConfig(), model={"id": "m"}, voice={"id": "v"})
    assert content_key("Hello.", recipe) == "66dd8a460d020d353112e95ec6dcce64"


DECIDING: dict[str, Any] = {
    "temperature": 0.5,
    "decode_steps": 2,
    "noise_clamp": 1.0,
    "eos_threshold": -3.0,
    "frames_after_eos": 2,
    "quantize": True,
    "seed": 1,
    "tts_args": {"max-tokens": 25},
    "executable": FAKES / "pocket-tts",
}
INDIFFERENT: dict[str, Any] = {
    "attempts": 5,
    "allow_failed": True,
    "timeout_seconds": 5,
    "batch_chunks": 3,
    "fresh_process": True,
    "precision": "int8",
    "checks": CheckConfig(max_clipped=None),
}


def key_of(synth: SynthConfig, engine: str = "cli", **pins: Any) -> str:
    return content_key("Hello.", make_recipe(engine, synth, **{"model": {"id": "m"}, "voice": {"id": "v"}, **pins}))


def test_every_setting_is_known_to_matter_or_not() -> None:
    assert DECIDING.keys() | INDIFFERENT.keys() == SynthConfig.model_fields.keys()
    keys = [key_of(SynthConfig()), *(key_of(SynthConfig(**{name: value})) for name, value in DECIDING.items())]
    assert len(set(keys)) == len(keys)
    for name, value in INDIFFERENT.items():
        assert key_of(SynthConfig(**{name: value})) == keys[0]


def test_model_voice_text_and_versions_matter_and_the_engine_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    base = key_of(SynthConfig())
    assert key_of(SynthConfig(), "torch") == base
    others = {key_of(SynthConfig(), model={"id": "n"}), key_of(SynthConfig(), voice={"id": "w"})}
    others.add(content_key("Hello!", make_recipe("cli", SynthConfig(), model={"id": "m"}, voice={"id": "v"})))
    for versions in ({"pocket-tts": "4.0.2", "torch": "2.13.0"}, {"pocket-tts": "4.0.1", "torch": "2.14.0"}):
        monkeypatch.setattr("pockettts.upstream._versions", lambda interpreter, versions=versions: versions)
        others.add(key_of(SynthConfig()))
    monkeypatch.setattr("pockettts.takes.recipe.PIECES_VERSION", 99)
    others.add(key_of(SynthConfig()))
    assert len(others - {base}) == 6


def test_takes_of_engine_onnx_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {key_of(SynthConfig(), engine) for engine in ("cli", "onnx")}
    keys.add(key_of(SynthConfig(precision="int8"), "onnx"))
    for name in ("temperature", "decode_steps", "noise_clamp", "eos_threshold", "frames_after_eos", "seed"):
        keys.add(key_of(SynthConfig(**{name: DECIDING[name]}), "onnx"))
    keys.add(key_of(SynthConfig(tts_args={"max-tokens": 25}), "onnx"))
    keys.add(key_of(SynthConfig(), "onnx", model={"id": "n"}))
    for name, value in (("FORMAT", "another"), ("ENGINE_VERSION", 99)):
        monkeypatch.setattr(f"pockettts.engines.onnx.engine.{name}", value)
        keys.add(key_of(SynthConfig(), "onnx"))
    assert len(keys) == 13
    for name in ("attempts", "allow_failed", "timeout_seconds", "batch_chunks", "checks"):
        assert key_of(SynthConfig(**{name: INDIFFERENT[name]}), "onnx") in keys


def test_spelling_of_a_setting_does_not_matter() -> None:
    assert key_of(SynthConfig(temperature=1)) == key_of(SynthConfig(temperature=1.0))
    assert key_of(SynthConfig(tts_args={"max_tokens": 25, "x": False})) == key_of(
        SynthConfig(tts_args={"max-tokens": 25})
    )


def test_impossible_settings_are_refused_before_anything_is_spoken() -> None:
    with pytest.raises(ConfigError, match="set voice"):
        key_of(SynthConfig(tts_args={"voice": "x"}))
    with pytest.raises(ConfigError, match="engine"):
        key_of(SynthConfig(tts_args={"device": "cuda"}), "torch")
    for synth in ({"tts_args": {"device": "cuda"}}, {"executable": Path("x")}, {"quantize": True}):
        with pytest.raises(ConfigError, match=r"engine (cli|onnx)|set engine"):
            key_of(SynthConfig(**synth), "onnx")


@given(st.text(), st.text(), st.dictionaries(st.text(), st.integers() | st.text(), max_size=4))
def test_keys_depend_on_content_only(first: str, second: str, pins: dict) -> None:
    shuffled = dict(reversed(pins.items()))
    key = content_key(first, Recipe({"model": pins}))
    assert re.fullmatch(r"[0-9a-f]{32}", key)
    assert key == content_key(first, Recipe({"model": shuffled}))
    assert (key == content_key(second, Recipe({"model": pins}))) == (first == second)


@given(st.text("0123456789abcdef", min_size=32, max_size=32), st.integers(0, 19))
def test_seeds_fit_and_differ_by_attempt(key: str, attempt: int) -> None:
    assert 0 <= seed_for(key, attempt) < 2**31
    assert seed_for(key, attempt) != seed_for(key, attempt + 1)


# --- acceptance


def clipped(samples: np.ndarray) -> np.ndarray:
    return np.clip(samples.astype(np.int32) * 100, -32768, 32767).astype(np.int16)


def gap(samples: np.ndarray, seconds: float) -> np.ndarray:
    half = len(samples) // 2
    return np.concatenate([samples[:half], np.zeros(round(seconds * RATE), np.int16), samples[half:]])


def noisy(samples: np.ndarray, level: float) -> np.ndarray:
    return (samples + np.random.default_rng(3).normal(0, level, len(samples))).astype(np.int16)


@pytest.mark.parametrize(
    ("samples", "told"),
    [
        (GOOD, None),
        (speech(len(TEXT) / 21), None),
        (speech(len(TEXT) / 8), None),
        (gap(GOOD, 2.0), None),
        (GOOD[: len(GOOD) // 3], "need 2.2 at least"),
        (speech(16), "should take 10.7 at most"),
        (gap(GOOD, 3.0), "falls silent for 3."),
        (clipped(GOOD), "clipped"),
        (np.full(RATE * 5, 20, np.int16), "its level is -64.3 dBFS, below -50.0"),
        (np.zeros(RATE * 5, np.int16), "no sound"),
        (np.zeros(0, np.int16), "no sound"),
        (np.ones(5, np.int16), "no sound"),
        (np.concatenate([GOOD, speech(1)[:3000]]), "cut off"),
        (np.concatenate([GOOD, speech(1)[:3000]]) // 16, "cut off"),
        (noisy(GOOD, 16), None),
        (noisy(gap(GOOD, 3.0), 60), "falls silent for 3."),
        (np.concatenate([GOOD[:24_000], np.zeros(5 * RATE, np.int16)]), "at least"),
    ],
)
def test_takes_are_accepted_or_refused_with_figures(samples: np.ndarray, told: str | None) -> None:
    reasons = judge(measure_take(samples), TEXT, CheckConfig())
    if told is None:
        assert reasons == []
    else:
        assert any(told in reason for reason in reasons), reasons


def test_a_short_take_may_be_a_little_fast() -> None:
    """The real model spoke 24 letters in 1.06 s of sound and was complete; in half of that it is not."""
    quality = measure_take(speech(1.16))
    assert judge(replace(quality, seconds=1.06), "And then there was nothing more.", CheckConfig()) == []
    assert judge(replace(quality, seconds=0.53), "And then there was nothing more.", CheckConfig())


SENTENCE = "The road was white and dry, and nobody had walked on it since the morning; then a cart came by, slowly."


@pytest.mark.parametrize(
    ("rate", "seconds", "accepted"),
    [
        (12.0, 6.6, True),  # 79 letters at the voice's own rate
        (12.0, 5.2, True),
        (12.0, 4.4, False),  # sped up by half
        (12.0, 4.6, False),  # 30 of 100 letters are missing
        (12.0, 9.9, True),
        (12.0, 13.2, False),  # said twice
        (20.0, 4.2, True),  # a fast voice
        (20.0, 3.6, True),
        (20.0, 7.9, False),
        (8.0, 10.4, True),  # a slow one, with a quarter missing and with half of it missing
        (8.0, 5.2, False),
        (None, 4.6, True),
        (None, 13.8, True),
    ],
)
def test_a_voice_is_judged_by_its_own_rate(rate: float | None, seconds: float, accepted: bool) -> None:
    quality = replace(measure_take(GOOD), seconds=seconds)
    assert (judge(quality, SENTENCE, takes.own_limits(CheckConfig(), rate)) == []) is accepted


def test_the_own_rate_opens_no_limit_and_sets_none_that_is_off() -> None:
    checks = CheckConfig(min_chars_per_second=None, max_chars_per_second=9.0)
    assert takes.own_limits(checks, 12.0) == checks
    assert takes.own_limits(CheckConfig(own_rate=False), 12.0) == CheckConfig(own_rate=False)
    assert not takes.needs_rate(CheckConfig(min_chars_per_second=None, max_chars_per_second=None))
    assert takes.needs_rate(CheckConfig(max_chars_per_second=None))
    assert not takes.needs_rate(CheckConfig(own_rate=False))


@pytest.mark.parametrize(("seconds", "rate"), [(8.0, 11.88), (1.0, None), (60.0, None), (None, None)])
def test_a_rate_that_no_voice_has_is_unknown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seconds: float | None, rate: float | None
) -> None:
    answer = NoEndOfSpeech("it never ended") if seconds is None else np.full(round(seconds * RATE), 3000, np.int16)
    monkeypatch.setattr("pockettts.takes.rate.open_engine", lambda *_: Script(answer))
    assert takes.speaking_rate(tmp_path, tmp_path, "english") == rate


def test_a_voice_that_is_too_loud_is_named_as_the_reason(store: TakeStore) -> None:
    loud = clipped(GOOD)
    with pytest.raises(TakeRejected, match="recording quieter") as caught:
        make_take(KEY, TEXT, Script(loud, loud, loud), store, SynthConfig())
    assert "Reword" not in str(caught.value)
    with pytest.raises(TakeRejected, match="Reword"):
        make_take(KEY, TEXT, Script(loud, loud, GOOD[:12_000]), store, SynthConfig())


def test_measurements_of_an_earlier_version_are_made_again(store: TakeStore) -> None:
    take = stored(store)
    store.note(replace(take, quality=replace(take.quality, measure=1, gap_seconds=9.0)))
    assert stored(store) == take
    assert store.get(KEY) == take
    outdated = takes.RejectedAttempt(1, ("it falls silent",), replace(take.quality, measure=1))
    store.note(replace(take, attempt=1, refused=(outdated,)))
    assert make_take(KEY, TEXT, Script(GOOD), store, SynthConfig()).attempt == 0


def test_a_single_word_passes() -> None:
    assert judge(measure_take(speech(0.5)), "I.", CheckConfig()) == []
    assert judge(measure_take(speech(1.5)), "I.", CheckConfig()) == []


def test_every_check_can_be_switched_off() -> None:
    off = CheckConfig(
        **dict.fromkeys(set(CheckConfig.model_fields) - {"slack_seconds", "fast_slack_seconds", "own_rate"})
    )
    for samples in (GOOD[:12_000], clipped(GOOD), gap(GOOD, 9)):
        assert judge(measure_take(samples), TEXT, CheckConfig())
        assert judge(measure_take(samples), TEXT, off) == []


# --- the store


def test_a_take_comes_back_as_it_was_stored(store: TakeStore) -> None:
    take = stored(store)
    assert store.get(KEY) == take
    np.testing.assert_array_equal(store.load(take), GOOD)
    assert store.path(KEY) == store.root / "ab" / "00" / KEY / f"{KEY}.wav"
    assert take.sha256 == files.sha256_file(store.path(KEY))
    assert take.samples == len(GOOD)
    assert take.bytes == store.path(KEY).stat().st_size
    sidecar = json.loads(store.path(KEY).with_suffix(".json").read_text())
    assert sidecar["text"] == TEXT
    assert (sidecar["engine"], sidecar["seeded"]) == ("script", True)


DAMAGE: dict[str, Callable[[Path, Path], Any]] = {
    "truncated": lambda wav, sidecar: os.truncate(wav, 1000),
    "empty": lambda wav, sidecar: os.truncate(wav, 0),
    "corrupt": lambda wav, sidecar: flip(wav),
    "wav gone": lambda wav, sidecar: wav.unlink(),
    "sidecar gone": lambda wav, sidecar: sidecar.unlink(),
    "sidecar empty": lambda wav, sidecar: sidecar.write_text(""),
    "sidecar a list": lambda wav, sidecar: sidecar.write_text("[]"),
    "sidecar of another version": lambda wav, sidecar: sidecar.write_text(
        json.dumps({**json.loads(sidecar.read_text()), "format": 0})
    ),
    "sidecar of another take": lambda wav, sidecar: sidecar.write_text(
        sidecar.read_text().replace(KEY, "cd" + KEY[2:])
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_take_is_kept_aside_and_made_again(
    store: TakeStore, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    wav = store.path(KEY)
    good = stored(store)
    DAMAGE[name](wav, wav.with_suffix(".json"))
    assert store.get(KEY) is None
    assert not wav.exists()
    assert not wav.with_suffix(".json").exists()
    assert any((store.root.parent / "damaged").iterdir())
    assert KEY in caplog.text
    again = stored(store)
    assert replace(again, seconds=0) == replace(good, seconds=0)
    assert store.get(KEY) == again


def test_a_take_that_was_never_made_is_no_warning(store: TakeStore, caplog: pytest.LogCaptureFixture) -> None:
    assert store.get(KEY) is None
    assert not caplog.records
    assert not store.root.exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_full_disk_is_a_sentence_and_leaves_no_half_take(
    store: TakeStore, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(files, "write_json", full)
        with pytest.raises(AudioError, match="disk is full" if number == errno.ENOSPC else "Read-only"):
            stored(store)
    assert store.get(KEY) is None
    assert stored(store).accepted


@pytest.mark.parametrize(("age", "remains"), [(7200, False), (60, True)])
def test_what_a_killed_writer_left_is_removed_when_it_is_old(store: TakeStore, age: float, remains: bool) -> None:
    left = store.path(KEY).parent.with_name(f".{KEY}.elsewhere-1-0f")
    left.mkdir(parents=True)
    (left / f"{KEY}.wav").write_bytes(b"half")
    os.utime(left, (time.time() - age,) * 2)
    stored(store)
    assert left.exists() is remains


def hammer(root: Path, take: Take, number: int, replacing: bool, errors: Any) -> None:
    """Put and read one key again and again; when `replacing`, now one attempt at it and now a different one."""
    store, samples = TakeStore(root), GOOD + np.int16(number)
    for turn in range(60):
        store.put(samples, replace(take, seed=turn % 2) if replacing else take)
        # For a moment there is none while one is replaced.
        if store.get(KEY) is None and not replacing:
            errors.put(f"{number}: lost at {turn}")


@pytest.mark.parametrize("replacing", [False, True])
def test_processes_may_share_a_store(store: TakeStore, replacing: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same process id, as in two containers, and on a file system that cannot lock."""

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    monkeypatch.setattr(os, "getpid", lambda: 7)
    context = multiprocessing.get_context("fork")
    errors = context.Queue()
    take = stored(store)
    shutil.rmtree(store.root)
    jobs = [(store.root, take, number, replacing, errors) for number in range(3)]
    workers = [context.Process(target=hammer, args=job) for job in jobs]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    assert errors.empty(), errors.get()
    assert not (store.root.parent / "damaged").exists()
    assert [path.name for path in store.path(KEY).parents[1].iterdir()] == [KEY]


def test_the_first_writer_of_an_attempt_wins_and_a_different_attempt_replaces_it(store: TakeStore) -> None:
    """Bytes differ between processors, and a receipt may name those of the first."""
    first = stored(store)
    assert store.put(GOOD + np.int16(1), first) == first
    np.testing.assert_array_equal(store.load(first), GOOD)
    second = store.put(GOOD + np.int16(1), replace(first, seed=first.seed + 1, attempt=1))
    assert store.get(KEY) == second
    np.testing.assert_array_equal(store.load(second), GOOD + np.int16(1))


def test_a_take_is_seen_whole_or_not_at_all(store: TakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Audio without its sidecar is neither a take nor damage."""
    write = files.write_json
    during: list[Take | None] = []

    def write_and_look(path: Path, value: Any, **options: Any) -> None:
        during.append(store.get(KEY))
        write(path, value, **options)
        during.append(store.get(KEY))

    monkeypatch.setattr(files, "write_json", write_and_look)
    take = stored(store)
    assert during == [None, None]
    assert store.get(KEY) == take
    assert not (store.root.parent / "damaged").exists()


def test_a_take_of_the_earlier_layout_is_used(store: TakeStore) -> None:
    take = stored(store)
    folder = store.path(KEY).parent
    for path in folder.iterdir():
        path.rename(store.root / "ab" / path.name)
    folder.rmdir()
    assert store.get(KEY) == take


# --- making


def test_a_stored_take_is_not_spoken_again(store: TakeStore) -> None:
    first = stored(store)
    engine = Script()
    assert make_take(KEY, TEXT, engine, store, SynthConfig()) == first
    assert engine.calls == []


def test_refused_attempts_are_followed_by_other_seeds_and_remembered(store: TakeStore) -> None:
    engine = Script(GOOD[:12_000], NoEndOfSpeech("it never stopped"), GOOD)
    take = make_take(KEY, TEXT, engine, store, SynthConfig(), {"a": 1})
    assert [seed for _, seed, _ in engine.calls] == [seed_for(KEY, attempt) for attempt in range(3)]
    assert take.accepted
    assert (take.attempt, take.seed) == (2, seed_for(KEY, 2))
    assert [bool(refused.quality) for refused in take.refused] == [True, False]
    assert "at least" in take.refused[0].reasons[0]
    assert take.refused[1].reasons == ("it never stopped",)
    assert take.recipe == {"a": 1}
    assert store.get(KEY) == take


def test_what_never_passes_stops_with_text_and_reasons(store: TakeStore) -> None:
    engine = Script(GOOD[:12_000], clipped(GOOD))
    with pytest.raises(TakeRejected) as caught:
        make_take(KEY, TEXT, engine, store, SynthConfig(attempts=2))
    for part in (TEXT, "attempt 1: it lasts 0.", "attempt 2: ", "clipped", "synth.allow_failed"):
        assert part in str(caught.value)
    assert store.get(KEY) is None


ALLOWING = SynthConfig(attempts=3, allow_failed=True)


def test_the_best_refused_attempt_is_used_if_that_is_allowed(
    store: TakeStore, caplog: pytest.LogCaptureFixture
) -> None:
    bad, better = GOOD[:12_000], clipped(GOOD)
    worst = clipped(bad)
    take = make_take(KEY, TEXT, Script(worst, better, bad), store, ALLOWING)
    assert not take.accepted
    assert take.attempt == 1
    assert len(take.refused) == 3
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    np.testing.assert_array_equal(store.load(take), better)
    assert make_take(KEY, TEXT, Script(), store, ALLOWING) == take
    with pytest.raises(TakeRejected):
        make_take(KEY, TEXT, Script(bad, bad, bad), store, SynthConfig())
    assert make_take(KEY, TEXT, Script(GOOD), store, SynthConfig()).accepted


def test_a_runaway_is_used_only_if_that_is_allowed_and_nothing_else_is_there(store: TakeStore) -> None:
    endless = NoEndOfSpeech("it never stopped")
    engine = Script(endless, endless, endless, GOOD)
    take = make_take(KEY, TEXT, engine, store, ALLOWING)
    assert engine.calls[-1] == (TEXT, seed_for(KEY, 0), True)
    assert take.reasons == ("it never stopped",)
    assert make_take(KEY, TEXT, Script(), store, ALLOWING) == take
    with pytest.raises(TakeRejected):
        make_take("cd" + KEY[2:], TEXT, Script(endless, endless, endless), store, SynthConfig())


def test_other_limits_choose_what_a_clean_build_would_choose(store: TakeStore) -> None:
    quiet = speech(len(TEXT) / 14, level=60.0)
    strict = SynthConfig(checks=CheckConfig(min_level_dbfs=-45.0))
    first = make_take(KEY, TEXT, Script(quiet, GOOD), store, strict)
    assert first.attempt == 1
    loose = make_take(KEY, TEXT, Script(quiet), store, SynthConfig(checks=CheckConfig(min_level_dbfs=-70.0)))
    assert loose.attempt == 0
    assert make_take(KEY, TEXT, Script(quiet, GOOD), store, strict).sha256 == first.sha256


def batch(count: int) -> list[tuple[str, str]]:
    return [(f"{number:02x}" + "0" * 30, TEXT) for number in range(count)]


def test_a_failure_does_not_lose_the_rest_of_a_batch(store: TakeStore) -> None:
    synth = SynthConfig(attempts=1)
    heard = []
    engine = Script(GOOD, clipped(GOOD), EngineFailed("broke", 1, "x"), GOOD, clipped(GOOD))
    with pytest.raises(TakeRejected, match=r"3 of 5 chunks failed.*clipped.*broke"):
        make_takes(batch(5), engine, store, synth, None, lambda *told: heard.append(told))
    assert [store.get(key) is not None for key, _ in batch(5)] == [True, False, False, True, False]
    assert [told[:2] for told in heard] == [(number, 5) for number in range(1, 6)]
    assert heard[-1][2] == 0
    with pytest.raises(EngineFailed, match="broke"):
        make_takes(batch(3)[1:], Script(GOOD, EngineFailed("broke", 1, "x")), store, synth)


def test_an_engine_that_fails_the_same_way_twice_is_not_asked_again(store: TakeStore) -> None:
    engine = Script(*[EngineFailed("no voice", 1, "FileNotFoundError: voice")] * 5)
    with pytest.raises(EngineFailed, match="no voice"):
        make_takes(batch(5), engine, store, SynthConfig())
    assert len(engine.calls) == 2


# --- by ear


class Together(Script):
    """An engine of two lanes that speaks only when both are asked, and fails at texts that say so."""

    lanes = 2

    def __init__(self) -> None:
        super().__init__()
        self.met = threading.Barrier(2, timeout=30)

    def synthesize(self, text: str, seed: int, *, accept_runaway: bool = False) -> np.ndarray:
        self.met.wait()
        if "broken" in text:
            raise EngineFailed("broke", 1, text)
        return speech(len(text) / 14)


def test_an_engine_with_lanes_is_asked_for_several_takes_at_once(store: TakeStore) -> None:
    heard: list[tuple[int, int, float]] = []
    chunks = batch(4)
    made = make_takes(chunks, Together(), store, SynthConfig(), None, lambda *told: heard.append(told))
    assert list(made) == [key for key, _ in chunks]
    assert [told[:2] for told in heard] == [(n, 4) for n in range(1, 5)]
    broken = [
        ("ff" + key[2:4] + key[:28], f"{text} This one is broken {n}.") for n, (key, text) in enumerate(chunks[:2])
    ]
    with pytest.raises(TakeRejected, match=r"2 of 4 chunks failed"):
        make_takes(
            [*broken, *[("ff" + key[2:4] + key[:28], text) for key, text in chunks[2:]]],
            Together(),
            store,
            SynthConfig(),
        )


class Whispers(Ear):
    """An ear that hears what it is told, in turn."""

    def __init__(self, *words: str, qa: QaConfig | None = None) -> None:
        super().__init__(qa or QaConfig(asr="all"), "en")
        self.words = iter(words)

    def hear(self, samples: np.ndarray, text: str) -> Transcript:
        words = next(self.words)
        return Transcript(words, compare(text, words).error, self.name)


WORSE = TEXT.replace("quick brown ", "").replace("lazy", "")
BAD = TEXT.replace("quick brown ", "")


def test_a_take_that_is_heard_otherwise_is_tried_again(store: TakeStore) -> None:
    take = make_take(KEY, TEXT, Script(GOOD, GOOD), store, SynthConfig(), ear=Whispers(BAD, TEXT.upper()))
    assert (take.attempt, take.accepted) == (1, True)
    assert take.heard == Transcript(TEXT.upper(), 0.0, EAR_NAME)
    (refused,) = take.refused
    assert refused.heard is not None
    assert refused.heard.words == BAD
    assert "missing: quick brown" in refused.reasons[0]
    assert store.get(KEY) == take
    assert take.summary()["heard"]["words"] == TEXT.upper()
    assert takes.report_row(take.summary())["heard"]["error"] == 0


def test_what_is_never_heard_right_is_refused_by_name_or_the_best_is_used(store: TakeStore) -> None:
    with pytest.raises(TakeRejected, match=r"quick brown fox.*attempt 1: it was heard as .*missing: quick brown.*qa"):
        make_take(KEY, TEXT, Script(GOOD, GOOD), store, SynthConfig(attempts=2), ear=Whispers(WORSE, BAD))
    assert store.get(KEY) is None
    synth = SynthConfig(attempts=3, allow_failed=True)
    take = make_take(KEY, TEXT, Script(GOOD, GOOD, GOOD), store, synth, ear=Whispers(WORSE, BAD, WORSE))
    assert (take.attempt, take.accepted) == (1, False)
    assert make_take(KEY, TEXT, Script(), store, synth, ear=Whispers()) == take


def test_what_only_a_lenient_ear_rejects_is_used_where_no_attempt_is_better(store: TakeStore) -> None:
    def lenient(*words: str) -> Whispers:
        ear = Whispers(*words)
        ear.strict = False
        return ear

    synth = SynthConfig(attempts=2)
    take = make_take(KEY, TEXT, Script(GOOD, GOOD), store, synth, ear=lenient(WORSE, BAD))
    assert (take.attempt, take.accepted) == (1, False)
    assert make_take(KEY, TEXT, Script(), store, synth, ear=lenient()) == take, (
        "it is the choice of the next build, too"
    )
    with pytest.raises(TakeRejected, match="it was heard as"):
        make_take(KEY, TEXT, Script(GOOD, GOOD), store, synth, ear=Whispers(WORSE, BAD))
    with pytest.raises(TakeRejected, match="clipped"):
        make_take("cd" + KEY[2:], TEXT, Script(clipped(GOOD), clipped(GOOD)), store, synth, ear=lenient())


def test_a_take_that_fails_by_measure_is_not_heard(store: TakeStore) -> None:
    take = make_take(KEY, TEXT, Script(clipped(GOOD), GOOD), store, SynthConfig(), ear=Whispers(TEXT))
    assert take.refused[0].heard is None
    assert take.heard is not None


def test_a_stored_take_is_heard_when_the_check_is_switched_on_and_once_only(store: TakeStore) -> None:
    first = stored(store)
    assert first.heard is None
    take = make_take(KEY, TEXT, Script(), store, SynthConfig(), ear=Whispers(TEXT))
    assert take == replace(first, heard=Transcript(TEXT, 0.0, EAR_NAME))
    assert store.get(KEY) == take
    assert make_take(KEY, TEXT, Script(), store, SynthConfig(), ear=Whispers()) == take
    strict = QaConfig(asr="all", tolerance=0)
    other = make_take(KEY, TEXT, Script(), store, SynthConfig(), ear=Whispers(qa=strict))
    assert other == take


def test_the_check_chooses_what_a_clean_build_would_choose(store: TakeStore) -> None:
    """Off, on and off again: the first attempt, the second, the first."""
    first, second = speech(len(TEXT) / 14, seed=1), speech(len(TEXT) / 14, seed=2)
    assert make_take(KEY, TEXT, Script(first), store, SynthConfig()).attempt == 0
    heard = make_take(KEY, TEXT, Script(first, second), store, SynthConfig(), ear=Whispers(BAD, BAD, TEXT))
    assert heard.attempt == 1
    loose = QaConfig(asr="all", tolerance=0.5)
    assert make_take(KEY, TEXT, Script(first), store, SynthConfig(), ear=Whispers(BAD, qa=loose)).attempt == 0
    assert make_take(KEY, TEXT, Script(first, second), store, SynthConfig(), ear=Whispers(BAD, TEXT)).attempt == 1
    assert make_take(KEY, TEXT, Script(first), store, SynthConfig()).attempt == 0


def test_only_takes_of_the_sample_are_heard(store: TakeStore) -> None:
    low, high = "ab" + "0" * 30, "ab" + "f" * 30
    ear = Whispers(TEXT, qa=QaConfig(asr="sample", share=0.5))
    made = make_takes([(low, TEXT), (high, TEXT)], Script(GOOD, GOOD), store, SynthConfig(), ear=ear)
    assert made[low].heard is not None
    assert made[high].heard is None


def test_sidecars_from_before_the_check_are_read(store: TakeStore) -> None:
    take = stored(store)
    sidecar = store.path(KEY).with_suffix(".json")
    content = json.loads(sidecar.read_text())
    del content["heard"]
    sidecar.write_text(json.dumps(content))
    assert store.get(KEY) == take


# --- packs and receipts


def pack(folder: Path, name: str, chunks: list[tuple[str, str]], store: TakeStore) -> dict[str, Take]:
    """Make takes that differ, and write their pack and receipt."""
    voices = Script(*[speech(len(TEXT) / 14, seed=int(key[:2], 16)) for key, _ in chunks])
    made = make_takes(chunks, voices, store, SynthConfig())
    files.write_json(folder / f"{name}.json", write_pack(folder / f"{name}.wav", made, store), seal=True)
    return made


@pytest.fixture
def built(store: TakeStore, tmp_path: Path) -> tuple[Path, dict[str, tuple[str, ...]]]:
    folder = tmp_path / "receipts"
    batches = {"a": tuple(key for key, _ in batch(4)[:2]), "b": tuple(key for key, _ in batch(4)[2:])}
    for name, keys in batches.items():
        pack(folder, name, [(key, TEXT) for key in keys], store)
    return folder, batches


def test_receipts_hold_nothing_that_varies(store: TakeStore, tmp_path: Path) -> None:
    take = stored(store)
    first = write_pack(tmp_path / "a.wav", {KEY: take}, store)
    assert first == write_pack(tmp_path / "b.wav", {KEY: replace(take, seconds=take.seconds + 1)}, store)
    assert first["takes"][KEY].keys() >= {"sha256", "samples", "start", "seed", "attempt", "accepted", "reasons"}


def test_a_pack_holds_each_take_at_its_place_with_the_sha256_of_its_file(
    store: TakeStore, built: tuple[Path, dict[str, tuple[str, ...]]]
) -> None:
    rows = read_receipts(*built)
    assert rows.keys() == {key for key, _ in batch(4)}
    for key, row in rows.items():
        samples = wav.read_slice(row["pack"], row["start"], row["samples"])
        np.testing.assert_array_equal(samples, wav.read_wav(store.path(key)))
        assert wav.wav_sha256(samples) == row["sha256"] == files.sha256_file(store.path(key))


def test_nothing_needs_the_store_once_the_pack_is_there(
    store: TakeStore, built: tuple[Path, dict[str, tuple[str, ...]]]
) -> None:
    shutil.rmtree(store.root)
    assert drop_stale_receipts(*built) == []
    assert drop_damaged_packs(*built) == []


def test_a_take_of_two_packs_is_taken_from_the_first(store: TakeStore, tmp_path: Path) -> None:
    for name in ("b", "a"):
        pack(tmp_path, name, batch(1), store)
    ((_, row),) = read_receipts(tmp_path, ["b", "a"]).items()
    assert row["pack"] == tmp_path / "b.wav"


def test_a_take_that_changes_while_it_is_packed_is_refused(store: TakeStore, tmp_path: Path) -> None:
    take = stored(store)
    flip(store.path(KEY))
    with pytest.raises(DamagedFile, match="Run again"):
        write_pack(tmp_path / "a.wav", {KEY: take}, store)
    assert not (tmp_path / "a.wav").exists()


def test_a_missing_receipt_is_a_sentence(built: tuple[Path, dict[str, tuple[str, ...]]]) -> None:
    folder, batches = built
    (folder / "b.json").unlink()
    with pytest.raises(AudioError, match=r"b\.json does not exist"):
        read_receipts(folder, batches)


def test_good_packs_are_not_read_again(
    built: tuple[Path, dict[str, tuple[str, ...]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in built[0].glob("*.wav"):
        os.utime(path)
    assert drop_stale_receipts(*built) == []

    def read(path: Path) -> str:
        raise AssertionError(path)

    monkeypatch.setattr(files, "sha256_file", read)
    assert drop_stale_receipts(*built) == []


PACK_DAMAGE: dict[str, Callable[[Path], Any]] = {
    "truncated": lambda path: os.truncate(path, 1000),
    "empty": lambda path: os.truncate(path, 0),
    "corrupt": flip,
    "gone": Path.unlink,
}


@pytest.mark.parametrize("name", PACK_DAMAGE)
def test_receipts_of_damaged_packs_are_dropped(built: tuple[Path, dict[str, tuple[str, ...]]], name: str) -> None:
    folder, batches = built
    PACK_DAMAGE[name](folder / "b.wav")
    assert drop_stale_receipts(folder, batches) == ["b"]
    assert [path.name for path in sorted(folder.glob("*.json"))] == ["a.json"]
    assert drop_stale_receipts(folder, batches) == []


@pytest.mark.parametrize("name", PACK_DAMAGE)
def test_damaged_packs_are_deleted_when_the_join_meets_them(
    built: tuple[Path, dict[str, tuple[str, ...]]], name: str
) -> None:
    folder, batches = built
    PACK_DAMAGE[name](folder / "b.wav")
    assert drop_damaged_packs(folder, batches) == ["b"]
    assert [path.name for path in folder.glob("*.wav")] == ["a.wav"]


@pytest.mark.parametrize("content", ["half", "[]", "{}", '{"pack": {}, "takes": {}}', '{"00": {"sha256": "00"}}'])
def test_broken_receipts_are_dropped(built: tuple[Path, dict[str, tuple[str, ...]]], content: str) -> None:
    folder, batches = built
    (folder / "a.json").write_text(content)
    assert drop_stale_receipts(folder, batches) == ["a"]


def test_a_report_is_told_every_refusal(store: TakeStore) -> None:
    take = make_take(KEY, TEXT, Script(clipped(GOOD), GOOD), store, SynthConfig())
    told = takes.report_row(take.summary())
    assert told["accepted"]
    assert told["attempt"] == 1
    assert told["reasons"][0].startswith("attempt 1: ")
