import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from pockettts.audio import dsp
from pockettts.values import RATE, round_to_int16
from support.audio import noise, speech, tone

INT16 = st.integers(-32_768, 32_767)


def cut(values, sizes):
    """Blocks of the given sizes, over and over, empty ones among them."""
    blocks, position, number = [], 0, 0
    while position < len(values):
        size = sizes[number % len(sizes)]
        blocks.append(values[position : position + size])
        position += size
        number += 1
    return blocks


def run(step, values, sizes, *args, **kwargs):
    return np.concatenate([*step(cut(values, sizes), *args, **kwargs), np.zeros(0)])


@given(st.lists(INT16))
def test_int16_survives_the_way_through_float(values):
    samples = np.array(values, np.int16)
    np.testing.assert_array_equal(round_to_int16(dsp.to_float(samples)), samples)


def test_rounding_is_to_nearest_and_clips():
    values = np.array([1.4, 1.6, -1.4, -1.6, 40_000, -40_000]) / 32_768
    np.testing.assert_array_equal(round_to_int16(values), [1, 2, -1, -2, 32_767, -32_768])


@pytest.mark.parametrize(("db", "factor"), [(0, 1), (-6.0206, 0.5), (20, 10)])
def test_levels(db, factor):
    assert dsp.db_to_gain(db) == pytest.approx(factor, rel=1e-5)
    assert dsp.gain_to_db(factor) == pytest.approx(db, abs=1e-4)
    assert dsp.gain_to_db(0) == -np.inf


# --- trim


def burst(before, length, after, level=0.1):
    return np.concatenate([np.zeros(before), np.full(length, level), np.zeros(after)])


def test_trim_keeps_the_sound_and_the_margin():
    assert dsp.trim_bounds(burst(4800, 2400, 9600), -50, 40) == (4800 - 960, 7200 + 960)


def test_trim_margin_ends_with_the_signal():
    assert dsp.trim_bounds(burst(240, 2400, 480), -50, 40) == (0, 3120)


@pytest.mark.parametrize(("level", "trimmed"), [(-49.9, True), (-50.1, False)])
def test_trim_threshold_is_rms(level, trimmed):
    values = burst(4800, 2400, 4800, 10 ** (level / 20))
    assert (dsp.trim_bounds(values, -50, 0) != (0, len(values))) is trimmed


def test_silence_is_kept_whole():
    assert dsp.trim_bounds(np.zeros(1234), -50, 0) == (0, 1234)
    assert dsp.trim_bounds(np.zeros(0), -50, 0) == (0, 0)


def test_trim_takes_the_noise_of_a_noisy_voice_and_leaves_speech_alone():
    noise = np.random.default_rng(0).normal(0, 10 ** (-45 / 20), 24_000)
    values = noise + np.concatenate([np.zeros(9_600), np.full(4_800, 0.2), np.zeros(9_600)])
    assert dsp.trim_bounds(values, -50, 0) == (9_600, 14_400)
    soft = np.concatenate([np.full(1_200, 10 ** (-30 / 20)), np.full(4_800, 0.3)])
    assert dsp.trim_bounds(soft, -50, 0) == (0, 6_000)


@given(st.lists(INT16, min_size=1, max_size=900), st.floats(-90, -1), st.floats(0, 100))
def test_trim_never_takes_everything_and_never_a_loud_window(values, threshold, keep):
    samples = np.array(values) / 32_768
    start, end = dsp.trim_bounds(samples, threshold, keep)
    assert 0 <= start < end <= len(samples)
    least = max(10 ** (threshold / 10), np.max(samples**2) / 100)  # and never more than noise far below the loudest
    for part in (samples[:start], samples[end:]):
        assert all(np.mean(w**2) < least for w in np.split(part, range(240, len(part), 240)) if len(w) == 240)


# --- fades


def test_fade_is_a_raised_cosine_at_both_ends():
    faded = run(dsp.fade, np.ones(2400), [2400], 2400, 10, 20)
    rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(240) / 240)
    np.testing.assert_allclose(faded[:240], rise)
    np.testing.assert_array_equal(faded[240 : 2400 - 480], 1)
    np.testing.assert_allclose(faded[::-1][:240:2], rise[:120], atol=1e-12)
    assert faded[0] == faded[-1] == 0


@given(st.integers(0, 700), st.floats(0, 40), st.floats(0, 40), st.lists(st.integers(1, 300), min_size=1, max_size=4))
def test_fade_does_not_depend_on_blocks_and_never_amplifies(count, in_ms, out_ms, sizes):
    values = np.ones(count)
    whole = run(dsp.fade, values, [max(count, 1)], count, in_ms, out_ms)
    np.testing.assert_array_equal(run(dsp.fade, values, sizes, count, in_ms, out_ms), whole)
    assert np.all((whole >= 0) & (whole <= 1))
    if count and round(in_ms * 24):
        assert whole[0] == 0
    if count and round(out_ms * 24):
        assert whole[-1] == 0


def test_fade_leaves_its_input_alone():
    values = np.ones(100)
    list(dsp.fade([values], 100, 1, 1))
    np.testing.assert_array_equal(values, 1)


# --- DC block


def test_dc_block_takes_the_offset_without_a_click():
    sound = dsp.to_float(speech(2))
    clean = run(dsp.dc_block, sound, [len(sound)])
    shifted = run(dsp.dc_block, sound + 0.2, [len(sound)], 0.2)
    np.testing.assert_allclose(shifted, clean, atol=1e-9)
    assert abs(clean.mean()) < 1e-4
    assert np.abs(run(dsp.dc_block, np.full(1000, 0.2), [1000], 0.2)).max() < 1e-9


def test_dc_block_leaves_speech():
    for frequency, change in ((100, 0.02), (1000, 0.001)):
        sound = tone(frequency, 1, -6)
        level = np.std(run(dsp.dc_block, sound, [len(sound)])[RATE // 2 :]) / np.std(sound)
        assert level == pytest.approx(1, abs=change)


def test_dc_block_does_not_depend_on_blocks():
    sound = dsp.to_float(speech(1))
    np.testing.assert_array_equal(run(dsp.dc_block, sound, [1, 77, 2400]), run(dsp.dc_block, sound, [len(sound)]))


# --- true peak


def true_peak(values, sizes):
    meter = dsp.TruePeak()
    for block in cut(values, sizes):
        meter.push(block)
    return meter.value()


def faded(values):
    return values * signal.windows.tukey(len(values), 0.2)


@pytest.mark.parametrize("frequency", [997, 3000, 6000, 8000])
@pytest.mark.parametrize("phase", [0, 0.3, np.pi / 4])
def test_true_peak_finds_peaks_between_samples(frequency, phase):
    values = faded(tone(frequency, 1, -6, phase))
    # Four points for each sample can miss the top by this much; BS.1770-4 gives the formula.
    missed = 20 * np.log10(np.cos(np.pi * frequency / (4 * RATE)))
    assert -6 + missed - 0.03 <= dsp.gain_to_db(true_peak(values, [len(values)])) <= -6 + 0.03


def test_true_peak_of_a_quarter_rate_sine_is_3_db_above_its_samples():
    values = faded(tone(6000, 1, 0, np.pi / 4))
    assert dsp.gain_to_db(np.abs(values).max()) == pytest.approx(-3.01, abs=0.01)
    assert dsp.gain_to_db(true_peak(values, [997])) == pytest.approx(0, abs=0.05)


def test_true_peak_agrees_with_ideal_interpolation():
    for seed in range(4):
        values = dsp.to_float(speech(2, 0.8, seed)) * signal.windows.tukey(2 * RATE, 0.1)
        ideal = np.abs(signal.resample(values, 8 * len(values))).max()
        assert dsp.gain_to_db(true_peak(values, [4096])) == pytest.approx(dsp.gain_to_db(ideal), abs=0.1)


@settings(deadline=None)
@given(st.lists(INT16, max_size=300), st.lists(st.integers(0, 90), min_size=1, max_size=4).filter(any))
def test_true_peak_does_not_depend_on_blocks_and_is_at_least_the_sample_peak(values, sizes):
    samples = np.array(values) / 32_768
    whole = true_peak(samples, [max(len(samples), 1)])
    assert true_peak(samples, sizes) == whole
    assert whole >= np.max(np.abs(samples), initial=0)


def test_true_peak_of_the_last_samples_counts():
    values = np.zeros(1000)
    values[-2:] = 0.5
    assert true_peak(values, [1000]) == pytest.approx(true_peak(np.append(values, np.zeros(100)), [1100]))
    assert true_peak(values, [1000]) > 0.55


# --- limiter

CEILING = -3.0


def hard_signals():
    clicks = np.zeros(RATE)
    clicks[::997] = 1
    steps = np.sign(tone(90, 1, 0))
    yield "speech", 8 * dsp.to_float(speech(3, 0.9))
    yield "quarter rate", 2 * faded(tone(6000, 1, 0, np.pi / 4))
    yield "clicks", 4 * clicks
    yield "square", 3 * steps
    yield "noise", 3 * dsp.to_float(noise(RATE, -12))
    yield "burst", 10 * burst(5000, 3000, 5000)
    yield "one sample", np.array([5.0])


@pytest.mark.parametrize("values", [pytest.param(v, id=n) for n, v in hard_signals()])
def test_limited_true_peak_is_below_the_ceiling(values):
    limited = run(dsp.limit, values, [4096], CEILING)
    assert len(limited) == len(values)
    assert dsp.gain_to_db(true_peak(dsp.to_float(round_to_int16(limited)), [len(limited)])) <= CEILING
    assert dsp.gain_to_db(true_peak(limited, [len(limited)])) >= CEILING - 0.5


def test_limiter_agrees_with_an_independent_measure():
    values = 4 * dsp.to_float(speech(3, 0.9)) * signal.windows.tukey(3 * RATE, 0.1)
    limited = run(dsp.limit, values, [4096], CEILING)
    assert dsp.gain_to_db(np.abs(signal.resample(limited, 8 * len(limited))).max()) <= CEILING + 0.1


def test_limiter_leaves_what_is_quiet_enough_untouched():
    values = dsp.to_float(speech(3, 0.4))
    values[RATE : RATE + 5] = 0.99
    limited = run(dsp.limit, values, [5000], CEILING)
    reach = round(0.05 * RATE)
    np.testing.assert_array_equal(limited[: RATE - reach], values[: RATE - reach])
    np.testing.assert_array_equal(limited[RATE + reach :], values[RATE + reach :])
    assert np.all(np.abs(limited[RATE : RATE + 5]) < 0.75)


def test_limiter_gain_moves_without_a_click():
    values = np.full(RATE, 0.2) + 0.0
    values[RATE // 2 : RATE // 2 + 3] = 1.6
    gain = run(dsp.limit, values, [RATE], CEILING) / values
    assert gain.min() < 0.45
    assert np.abs(np.diff(gain)).max() < 0.004
    # The gain's bends, one a frame, are small too.
    assert np.abs(np.diff(gain, 2)).max() < 0.0004


@pytest.mark.parametrize("segment", [1, 7, 333, 100_000])
def test_limiter_does_not_depend_on_blocks_or_segments(segment):
    values = 5 * dsp.to_float(speech(0.5 if segment < 10 else 3, 0.9))[:-5]
    whole = run(dsp.limit, values, [len(values)], CEILING)
    np.testing.assert_array_equal(run(dsp.limit, values, [1000, 13, 1], CEILING, segment=segment), whole)


@pytest.mark.parametrize("count", [0, 1, 11, 12, 13, 2015, 2016, 2017])
def test_limiter_keeps_the_length(count):
    values = np.full(count, 0.9)
    assert len(run(dsp.limit, values, [max(count, 1)], CEILING, segment=1)) == count
