import dataclasses
import hashlib
import json
import os
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pockettts.audio.join import JoinEntry, Timeline, join_takes, prepare_take
from pockettts.audio.wav import read_wav, wav_sha256, write_wav
from pockettts.config import AudioConfig
from pockettts.errors import AudioError
from support.audio import RATE, speech

PLAIN = AudioConfig(take_chain=(), head_seconds=0, tail_seconds=0)


def take(folder, name, samples, pause=0.0, chapter=0):
    """A take in a pack of its own, between two others."""
    path, samples = folder / f"{name}.wav", np.asarray(samples, np.int16)
    write_wav(path, np.concatenate([np.full(7, 3, np.int16), samples, np.full(5, 4, np.int16)]))
    return JoinEntry(name, path, 7, len(samples), wav_sha256(samples), pause, f"Text of {name}.", chapter)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    takes=st.lists(st.tuples(st.integers(1, 500), st.floats(0, 0.05)), min_size=1, max_size=6),
    head=st.floats(0, 0.05),
    tail=st.floats(0, 0.05),
)
def test_joined_is_exactly_its_parts(tmp_path, takes, head, tail):
    entries = [
        take(tmp_path, f"t{number}", np.arange(1, length + 1), pause, number % 2)
        for number, (length, pause) in enumerate(takes)
    ]
    config = AudioConfig(take_chain=(), head_seconds=head, tail_seconds=tail)
    timeline = join_takes(entries, tmp_path / "joined.wav", config)
    joined = read_wav(tmp_path / "joined.wav")
    expected = [np.zeros(round(head * RATE))]
    for length, pause in takes:
        expected += [np.arange(1, length + 1), np.zeros(round(pause * RATE))]
    np.testing.assert_array_equal(joined, np.concatenate([*expected, np.zeros(round(tail * RATE))]))
    assert timeline.samples == len(joined)
    assert timeline.sha256 == hashlib.sha256((tmp_path / "joined.wav").read_bytes()).hexdigest()
    for entry, span, (length, _) in zip(entries, timeline.entries, takes, strict=True):
        assert (span.key, span.chapter, span.end - span.start) == (entry.key, entry.chapter, length)
        np.testing.assert_array_equal(joined[span.start : span.end], np.arange(1, length + 1))


def test_timeline_follows_the_take_chain(tmp_path):
    sound = speech(2)
    padded = np.concatenate([np.zeros(12_000, np.int16), sound, np.zeros(24_000, np.int16)])
    timeline = join_takes([take(tmp_path, "a", padded, 0.5)] * 2, tmp_path / "j.wav", AudioConfig())
    joined = read_wav(tmp_path / "j.wav")
    first, second = timeline.entries
    assert first.start == round(0.75 * RATE)
    assert second.start == first.end + 12_000
    assert timeline.samples == second.end + 12_000 + round(1.5 * RATE)
    assert first.end - first.start == len(prepare_take(padded, AudioConfig())) < len(padded) - 24_000
    assert not joined[first.end : second.start].any()
    np.testing.assert_array_equal(joined[first.start : first.end], joined[second.start : second.end])


def test_same_takes_same_bytes(tmp_path):
    entries = [take(tmp_path, "a", speech(1), 0.3), take(tmp_path, "b", speech(1, seed=1), 0.3)]
    one = join_takes(entries, tmp_path / "1.wav", AudioConfig())
    two = join_takes(entries, tmp_path / "2.wav", AudioConfig())
    other = join_takes(entries[::-1], tmp_path / "3.wav", AudioConfig())
    assert one == two
    assert one.sha256 != other.sha256


@pytest.mark.parametrize(
    ("config", "start", "end"),
    [
        (AudioConfig(take_chain=("trim", "fade")), 0, 0),
        (AudioConfig(take_chain=("fade", "trim")), 9000, 9000),
        (AudioConfig(take_chain=("trim",)), 9000, 9000),
    ],
)
def test_chain_runs_in_its_order(config, start, end):
    config = config.model_copy(update={"trim": config.trim.model_copy(update={"keep_ms": 0})})
    samples = np.concatenate([np.zeros(2400), np.full(4800, 9000), np.zeros(2400)]).astype(np.int16)
    prepared = prepare_take(samples, config)
    assert len(prepared) == 4800
    assert (prepared[0], prepared[-1]) == (start, end)
    assert prepared[2400] == 9000


def test_trim_alone_leaves_samples_untouched():
    samples = speech(2)
    padded = np.concatenate([np.zeros(9600, np.int16), samples])
    prepared = prepare_take(padded, AudioConfig(take_chain=("trim",)))
    assert prepared.tobytes() in padded.tobytes()


def test_dc_is_blocked_without_a_click_at_the_start():
    sound = speech(2) // 2
    shifted = prepare_take(sound + np.int16(3000), AudioConfig(take_chain=("dc_block",)))
    clean = prepare_take(sound, AudioConfig(take_chain=("dc_block",)))
    assert np.abs(shifted.astype(int) - clean).max() <= 1
    assert abs(int(shifted.mean())) <= 3


def test_a_silent_take_stays_as_it_is():
    silent = np.zeros(5000, np.int16)
    np.testing.assert_array_equal(prepare_take(silent, AudioConfig()), silent)


@given(st.lists(st.integers(-32_768, 32_767), min_size=1, max_size=200))
def test_no_take_vanishes(values):
    assert len(prepare_take(np.array(values, np.int16), AudioConfig())) > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda entry: entry.pack.unlink(), "cannot be read: "),
        (lambda entry: entry.pack.write_bytes(b""), "is empty"),
        (lambda entry: entry.pack.write_bytes(b"RIFF but no more"), "is not a WAV file"),
        (lambda entry: os.truncate(entry.pack, 500), "is truncated"),
        (lambda entry: write_wav(entry.pack, np.zeros(100, np.int16)), "holds 100 samples"),
        (lambda entry: write_wav(entry.pack, speech(2, seed=9)), "differs from the take"),
    ],
)
def test_a_bad_take_stops_the_join_by_name(tmp_path, change, message):
    entries = [take(tmp_path, "good", speech(1)), take(tmp_path, "bad", speech(1, seed=1))]
    (tmp_path / "out").mkdir()
    out = tmp_path / "out" / "joined.wav"
    write_wav(out, np.zeros(7, np.int16))
    change(entries[1])
    with pytest.raises(AudioError) as caught:
        join_takes(entries, out, AudioConfig())
    assert message in str(caught.value)
    assert 'Take bad ("Text of bad.")' in str(caught.value)
    assert str(entries[1].pack) in str(caught.value)
    assert os.listdir(out.parent) == ["joined.wav"]
    assert len(read_wav(out)) == 7


def test_a_take_without_audio_is_named_shortly(tmp_path):
    entry = dataclasses.replace(take(tmp_path, "odd", []), text="x" * 500)
    with pytest.raises(AudioError, match="holds no audio") as caught:
        join_takes([entry], tmp_path / "j.wav", AudioConfig())
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


def test_nothing_to_join(tmp_path):
    with pytest.raises(AudioError, match="nothing to join"):
        join_takes([], tmp_path / "j.wav", AudioConfig())


def test_leftovers_of_a_killed_join_are_removed(tmp_path):
    (tmp_path / ".[j].wav.abc123.part").write_bytes(bytes(100))
    (tmp_path / ".other.wav.abc123.part").write_bytes(bytes(100))
    join_takes([take(tmp_path, "a", speech(1))], tmp_path / "[j].wav", AudioConfig())
    assert sorted(os.listdir(tmp_path)) == [".other.wav.abc123.part", "[j].wav", "a.wav"]


def test_timeline_survives_json():
    entries = [{"key": "k", "start": 1, "end": 4, "chapter": 0}]
    timeline = Timeline.from_json({"rate": 24000, "samples": 9, "sha256": "ab", "entries": entries})
    assert timeline.entries[0].end == 4
    assert Timeline.from_json(json.loads(json.dumps(timeline.as_json()))) == timeline


@pytest.mark.parametrize("text", ["[]", "{}", '{"entries": [{"key": 1}]}', '{"entries": [], "surprise": 1}'])
def test_a_broken_timeline_is_refused(text):
    with pytest.raises(AudioError, match="timeline"):
        Timeline.from_json(json.loads(text))


def test_memory_does_not_grow_with_the_book(tmp_path):
    def most(takes):
        tracemalloc.start()
        join_takes([entry] * takes, tmp_path / "j.wav", AudioConfig())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    entry = take(tmp_path, "a", speech(5), 0.3)
    assert most(40) < 1.05 * most(10)
