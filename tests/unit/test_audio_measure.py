import json
import tracemalloc

import numpy as np
import pyloudnorm
import pytest
from scipy import signal

from pockettts.audio.dsp import to_float
from pockettts.audio.measure import COLUMNS, LoudnessMeter, Measurement, k_weighting, measure_book
from pockettts.audio.wav import WavWriter, write_wav
from pockettts.errors import AudioError
from pockettts.values import round_to_int16
from support.audio import RATE, noise, speech, tone


def lufs(values, block=65_536):
    meter = LoudnessMeter()
    for start in range(0, len(values), block):
        meter.push(values[start : start + block])
    return meter.integrated()


def measured(tmp_path, samples):
    write_wav(tmp_path / "a.wav", samples)
    return measure_book(tmp_path / "a.wav")


# Resampling takes away what is near 12 kHz, and would be blamed on the meter.
NO_TREBLE = signal.butter(8, 9000, fs=RATE, output="sos")

SIGNALS = {
    "speech": to_float(speech(12, 0.4)),
    "quiet speech": to_float(speech(5, 0.02, seed=3)),
    "speech with long pauses": np.concatenate([to_float(speech(4)), np.zeros(8 * RATE), to_float(speech(3, 0.05))]),
    "low voice": tone(110, 4, -12) + tone(220, 4, -18),
    "noise": signal.sosfilt(NO_TREBLE, to_float(noise(5 * RATE, -30))),
}


@pytest.mark.parametrize("name", SIGNALS)
def test_loudness_agrees_with_pyloudnorm(name):
    values = SIGNALS[name]
    assert lufs(values) == pytest.approx(pyloudnorm.Meter(RATE).integrated_loudness(values), abs=0.05)
    # At the rate that the standard is written for, with the filters that its table is made of.
    at_48k = signal.resample_poly(values, 2, 1)
    assert lufs(values) == pytest.approx(pyloudnorm.Meter(2 * RATE, "DeMan").integrated_loudness(at_48k), abs=0.02)


def test_below_minus_70_nothing_counts():
    values = np.concatenate([tone(1000, 30, -72), tone(1000, 2, -60)])
    assert lufs(values) == pytest.approx(-63, abs=1)


def test_only_complete_blocks_count():
    values = to_float(speech(3.377))
    assert lufs(values) == lufs(values[: 33 * 2400])


def test_weighting_is_the_table_of_bs_1770():
    table = [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
    np.testing.assert_allclose(k_weighting(48_000), table, atol=1e-8)


def test_full_scale_997_hz_is_minus_3_01():
    assert lufs(tone(997, 5, 0)) == pytest.approx(-3.01, abs=0.03)


@pytest.mark.parametrize(
    "levels",
    [
        [(-36, 10), (-23, 60), (-36, 10)],
        [(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)],
        [(-26, 20), (-20, 20.1), (-26, 20)],
    ],
)
def test_gates_as_ebu_tech_3341_cases_3_to_5(levels):
    values = np.concatenate([tone(1000, seconds, level) for level, seconds in levels])
    # The cases are stereo; one channel has half the power.
    assert lufs(values) == pytest.approx(-23 - 3.01, abs=0.1)


@pytest.mark.parametrize("block", [1, 239, 2400, 10_007])
def test_loudness_does_not_depend_on_blocks(block):
    values = SIGNALS["speech with long pauses"][: 15_000 if block == 1 else None]
    assert lufs(values, block) == lufs(values)


def test_loudness_of_silence_and_of_next_to_nothing():
    assert lufs(np.zeros(RATE)) == -np.inf
    assert lufs(np.zeros(100)) == -np.inf
    assert lufs(np.zeros(0)) == -np.inf
    assert lufs(tone(1000, 0.3, -20)) == pytest.approx(-23, abs=0.2)


def test_figures_of_a_sine(tmp_path):
    found = measured(tmp_path, round_to_int16(tone(1000, 3, -10)))
    assert found.samples == 72_000
    assert found.duration == 3
    assert found.sample_peak_dbfs == pytest.approx(-10, abs=0.01)
    assert found.true_peak_dbtp == pytest.approx(-10, abs=0.05)
    assert found.rms_db == pytest.approx(-13.01, abs=0.01)
    assert found.noise_floor_db == pytest.approx(-13.01, abs=0.01)


def test_noise_floor_is_the_quietest_half_second(tmp_path):
    parts = [noise(24_000, -30), noise(13_000, -70), noise(24_000, -30), noise(11_000, -90)]
    found = measured(tmp_path, np.concatenate(parts))
    assert found.noise_floor_db == pytest.approx(-70, abs=0.2)
    assert found.quietest_sound_db == found.noise_floor_db


def test_noise_floor_of_a_short_recording_is_its_rms(tmp_path):
    found = measured(tmp_path, noise(9000, -40))
    assert found.noise_floor_db == found.rms_db == pytest.approx(-40, abs=0.2)


def test_digital_silence_is_told_apart(tmp_path):
    parts = [noise(24_000, -20), np.zeros(15_000, np.int16), noise(24_000, -60), noise(24_000, -20)]
    found = measured(tmp_path, np.concatenate(parts))
    assert found.noise_floor_db == -np.inf
    assert found.quietest_sound_db == pytest.approx(-60, abs=0.3)
    assert found.as_json()["noise_floor_db"] is None


def test_all_silence(tmp_path):
    found = measured(tmp_path, np.zeros(48_000, np.int16))
    assert {found.lufs, found.true_peak_dbtp, found.sample_peak_dbfs, found.rms_db, found.noise_floor_db} == {-np.inf}
    assert found.quietest_sound_db is None
    assert [verdict.passed for verdict in found.acx()] == [False, True, False]
    assert json.loads(json.dumps(found.as_json(), allow_nan=False))["acx"] is False


@pytest.mark.parametrize(
    "samples", [np.zeros(48_000, np.int16), np.concatenate([noise(24_000, -20), tone(500, 4, -6)])]
)
def test_a_measurement_is_read_as_it_was_written(tmp_path, samples):
    written = measured(tmp_path, samples)
    read = Measurement.from_json(json.loads(json.dumps(written.as_json(), allow_nan=False)))
    for name in ("samples", "duration", "lufs", "true_peak_dbtp", "sample_peak_dbfs", "rms_db", "quietest_sound_db"):
        assert getattr(read, name) == getattr(written, name), name
    assert read.acx() == written.acx()
    for name in ("seconds", "low", "high", "rms", "loudness"):
        np.testing.assert_array_equal(getattr(read.outline, name), getattr(written.outline, name))


def test_an_empty_file_can_be_measured(tmp_path):
    found = measured(tmp_path, np.zeros(0, np.int16))
    assert (found.samples, found.rms_db) == (0, -np.inf)


@pytest.mark.parametrize(
    ("signal_db", "pause_db", "passed"),
    [
        (-20, -70, [True, True, True]),
        (-23.5, -70, [False, True, True]),
        (-17.5, -70, [False, True, True]),
        (-20, -59, [True, True, False]),
    ],
)
def test_acx_verdicts(tmp_path, signal_db, pause_db, passed):
    found = measured(
        tmp_path, np.concatenate([round_to_int16(tone(500, 40, signal_db + 3.01)), noise(24_000, pause_db)])
    )
    assert [verdict.passed for verdict in found.acx()] == passed
    assert [verdict.name for verdict in found.acx()] == ["RMS level", "Peak", "Noise floor"]
    assert found.as_json()["acx"] is all(passed)


def test_acx_peak_is_judged_between_samples(tmp_path):
    values = np.concatenate([tone(6000, 1, -1, np.pi / 4), np.zeros(24_000)])
    found = measured(tmp_path, round_to_int16(values))
    assert found.sample_peak_dbfs < -3 < found.true_peak_dbtp
    assert not found.acx()[1].passed


def test_outline_shows_where_the_sound_is(tmp_path):
    samples = np.concatenate(
        [np.zeros(240_000, np.int16), round_to_int16(tone(500, 10, -6)), np.zeros(240_000, np.int16)]
    )
    outline = measured(tmp_path, samples).outline
    assert len(outline.seconds) == len(outline.low) == len(outline.rms) == len(outline.loudness) == COLUMNS
    inside = (outline.seconds > 10) & (outline.seconds < 20)
    np.testing.assert_allclose(outline.high[inside], 0.5012, atol=0.01)
    np.testing.assert_allclose(outline.low[inside], -0.5012, atol=0.01)
    np.testing.assert_allclose(outline.rms[inside], 0.3544, atol=0.01)
    assert not outline.high[~inside].any()
    assert not outline.rms[~inside].any()
    middle = (outline.seconds > 12) & (outline.seconds < 18)
    np.testing.assert_allclose(outline.loudness[middle], lufs(tone(500, 10, -6)), atol=0.05)
    # A window of 3 s reaches 1.5 s beyond the sound.
    assert np.all(outline.loudness[np.abs(outline.seconds - 15) > 7] < -100)


def test_outline_does_not_depend_on_blocks(tmp_path):
    samples = speech(7)
    first = measured(tmp_path, samples)
    second = measure_book(tmp_path / "a.wav", block=1234)
    np.testing.assert_array_equal(first.outline.low, second.outline.low)
    np.testing.assert_array_equal(first.outline.high, second.outline.high)
    np.testing.assert_allclose(first.outline.loudness, second.outline.loudness)
    rounded = {"true_peak_dbtp", "lufs", "outline"}
    for name, value in first.as_json().items():
        assert name in rounded or value == second.as_json()[name]
    assert first.lufs == pytest.approx(second.lufs)


def test_memory_does_not_grow_with_the_length(tmp_path):
    def most(pieces):
        with WavWriter(tmp_path / "long.wav") as writer:
            for _ in range(pieces):
                writer.write(piece)
        tracemalloc.start()
        measure_book(tmp_path / "long.wav")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    piece = speech(10)
    assert most(12) < 1.05 * most(3)


def test_a_missing_file(tmp_path):
    with pytest.raises(AudioError, match=r"none\.wav cannot be read"):
        measure_book(tmp_path / "none.wav")
