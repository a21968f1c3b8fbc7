import hashlib
import os
import tracemalloc

import numpy as np
import pytest
import soundfile

from pockettts.audio import master
from pockettts.audio.master import master_book
from pockettts.audio.measure import measure_book
from pockettts.audio.wav import WavWriter, read_wav, write_wav
from pockettts.config import AudioConfig, FadeConfig, LoudnessConfig
from pockettts.errors import AudioError
from pockettts.values import round_to_int16
from support.audio import RATE, noise, speech


def book(seed=0, peak=0.3):
    """A little recording with pauses, as joining makes them."""
    parts = [np.zeros(18_000, np.int16)]
    for number in range(3):
        parts += [speech(4, peak, seed + number), np.zeros(12_000, np.int16)]
    return np.concatenate(parts)


def mastered(folder, samples, config=None, **options):
    write_wav(folder / "joined.wav", samples)
    figures = master_book(folder / "joined.wav", folder / "book.wav", config or AudioConfig(), **options)
    return read_wav(folder / "book.wav"), figures


def step(figures, name="loudness"):
    return next(entry for entry in figures["steps"] if entry["step"] == name)


@pytest.mark.parametrize("peak", [0.01, 0.1, 0.9])
@pytest.mark.parametrize("target", [-26, -20, -18])
def test_target_and_true_peak_are_met(tmp_path, peak, target):
    config = AudioConfig(loudness=LoudnessConfig(target_lufs=target))
    samples, figures = mastered(tmp_path, book(peak=peak), config)
    found = measure_book(tmp_path / "book.wav")
    assert found.lufs == pytest.approx(target, abs=0.2)
    assert found.true_peak_dbtp <= -3.2
    assert step(figures)["lufs_after"] == pytest.approx(found.lufs, abs=0.05)
    assert len(samples) == len(read_wav(tmp_path / "joined.wav"))


def test_both_with_and_without_the_limiter_were_tried(tmp_path):
    def limited(target):
        config = AudioConfig(loudness=LoudnessConfig(target_lufs=target))
        return step(mastered(tmp_path, book(), config)[1])["limited"]

    assert [limited(-26), limited(-18)] == [False, True]


def test_defaults_meet_acx(tmp_path):
    mastered(tmp_path, book())
    found = measure_book(tmp_path / "book.wav")
    assert [verdict.passed for verdict in found.acx()] == [True, True, True]


def test_without_limiting_it_is_one_gain(tmp_path):
    original = book()
    config = AudioConfig(book_chain=("loudness",), loudness=LoudnessConfig(target_lufs=-26))
    samples, figures = mastered(tmp_path, original, config)
    gain = 10 ** (step(figures)["gain_db"] / 20)
    assert np.abs(samples - original * gain).max() <= 1


def test_limiting_that_costs_loudness_is_made_up_for(tmp_path, monkeypatch):
    config = AudioConfig(loudness=LoudnessConfig(target_lufs=-18.5, true_peak_dbtp=-4))
    mastered(tmp_path, book(), config)
    assert measure_book(tmp_path / "book.wav").lufs == pytest.approx(-18.5, abs=0.12)
    monkeypatch.setattr(master, "_CORRECTIONS", 0)
    mastered(tmp_path, book(), config)
    assert measure_book(tmp_path / "book.wav").lufs < -18.5 - 0.15


def test_what_cannot_be_reached_still_keeps_the_peak(tmp_path):
    config = AudioConfig(loudness=LoudnessConfig(target_lufs=-5, true_peak_dbtp=-10))
    _, figures = mastered(tmp_path, book(), config)
    found = measure_book(tmp_path / "book.wav")
    assert found.true_peak_dbtp <= -10
    assert step(figures)["lufs_after"] == pytest.approx(found.lufs, abs=0.1)
    assert found.lufs < -8


@pytest.mark.parametrize("chain", [("fade", "loudness"), ("dc_block", "fade", "normalize", "loudness", "normalize")])
def test_bytes_do_not_depend_on_blocks_or_threads(tmp_path, chain):
    config = AudioConfig(book_chain=chain, loudness=LoudnessConfig(target_lufs=-17))
    write_wav(tmp_path / "joined.wav", book())
    hashes = {
        master_book(tmp_path / "joined.wav", tmp_path / "book.wav", config, block=block, threads=threads)["sha256"]
        for block, threads in ((997, 2), (24_000, 1), (65_536, 8), (10_000_000, None))
    }
    assert len(hashes) == 1
    assert sorted(os.listdir(tmp_path)) == ["book.wav", "joined.wav"]


def test_figures_describe_the_file(tmp_path):
    samples, figures = mastered(tmp_path, book())
    assert figures["sha256"] == hashlib.sha256((tmp_path / "book.wav").read_bytes()).hexdigest()
    assert figures["samples"] == len(samples)
    assert [entry["step"] for entry in figures["steps"]] == ["fade", "loudness"]
    info = soundfile.info(tmp_path / "book.wav")
    assert (info.samplerate, info.channels, info.subtype) == (RATE, 1, "PCM_16")


@pytest.mark.parametrize("peak_dbfs", [-3.0, -12.0, 0.0])
def test_normalize_reaches_its_peak(tmp_path, peak_dbfs):
    config = AudioConfig(book_chain=("normalize",), peak_dbfs=peak_dbfs)
    mastered(tmp_path, book(peak=0.05), config)
    assert measure_book(tmp_path / "book.wav").sample_peak_dbfs == pytest.approx(peak_dbfs, abs=0.01)


def test_steps_measure_what_the_steps_before_them_make(tmp_path):
    samples = noise(48_000, -30)
    samples[100] = 30_000
    fading = FadeConfig(in_ms=500, out_ms=0)
    first, _ = mastered(tmp_path, samples, AudioConfig(book_chain=("fade", "normalize"), book_fade=fading))
    last, _ = mastered(tmp_path, samples, AudioConfig(book_chain=("normalize", "fade"), book_fade=fading))
    # The loud click is in the fade: faded first, the rest becomes louder.
    assert int(np.abs(first).max()) > 2 * int(np.abs(last).max())


def test_dc_block_on_the_book(tmp_path):
    shifted = book() // 2 + np.int16(1500)
    samples, _ = mastered(tmp_path, shifted, AudioConfig(book_chain=("dc_block",)))
    assert abs(samples[RATE:].mean()) < 2


def test_an_empty_chain_copies(tmp_path):
    samples, figures = mastered(tmp_path, book(), AudioConfig(book_chain=()))
    np.testing.assert_array_equal(samples, book())
    assert figures["steps"] == []


@pytest.mark.parametrize("chain", [("fade", "loudness"), ("dc_block", "normalize", "loudness")])
@pytest.mark.parametrize("count", [0, 1, 100, 48_000])
def test_silence_stays_silent(tmp_path, chain, count):
    samples, figures = mastered(tmp_path, np.zeros(count, np.int16), AudioConfig(book_chain=chain))
    assert len(samples) == count
    assert not samples.any()
    assert step(figures) == {
        "step": "loudness",
        "target_lufs": -19.0,
        "gain_db": 0.0,
        "limited": False,
        "lufs_before": None,
        "lufs_after": None,
    }


def test_pauses_stay_digital_silence(tmp_path):
    samples, _ = mastered(tmp_path, book(), AudioConfig(loudness=LoudnessConfig(target_lufs=-17)))
    quiet = book() == 0
    assert not samples[quiet].any()


def test_a_word_of_a_tenth_of_a_second(tmp_path):
    mastered(tmp_path, round_to_int16(0.05 * np.sin(np.arange(2400))), AudioConfig(book_chain=("loudness",)))
    assert measure_book(tmp_path / "book.wav").lufs == pytest.approx(-19, abs=0.5)


def test_a_failure_leaves_the_book_as_it_was(tmp_path):
    write_wav(tmp_path / "book.wav", np.zeros(5, np.int16))
    (tmp_path / "joined.wav").write_bytes(b"RIFFxxxxWAVE")
    with pytest.raises(AudioError, match=r"joined\.wav has a truncated header"):
        master_book(tmp_path / "joined.wav", tmp_path / "book.wav", AudioConfig())
    assert len(read_wav(tmp_path / "book.wav")) == 5
    assert sorted(os.listdir(tmp_path)) == ["book.wav", "joined.wav"]


@pytest.mark.parametrize(("threads", "share"), [(1, 1.05), (2, 1.5)])
def test_memory_does_not_grow_with_the_book(tmp_path, threads, share):
    """With threads, the peak depends on how many of them work at one moment."""

    def most(pieces):
        with WavWriter(tmp_path / "joined.wav") as writer:
            for _ in range(pieces):
                writer.write(piece)
        tracemalloc.start()
        figures = master_book(tmp_path / "joined.wav", tmp_path / "book.wav", AudioConfig(), threads=threads)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert step(figures)["limited"]
        return peak

    piece = book()
    assert most(6) < share * most(2)
