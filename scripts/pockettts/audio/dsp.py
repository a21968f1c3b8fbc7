"""Signal steps for joining and mastering: level arithmetic, trim, fades, DC block, gain, limiter.

Signals are float64 in [-1, 1), 24 kHz mono. A step over a book takes and gives an iterator of blocks. No sample depends
on where the blocks were cut: sums are taken over windows fixed to the signal, in a fixed order. SciPy is imported where
it is used: that takes longer than most jobs that need this module for something else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future

import numpy as np
import numpy.typing as npt

from pockettts.values import FULL_SCALE, RATE, Int16

Float = npt.NDArray[np.float64]
Blocks = Iterator[Float]

SILENCE = float("-inf")

_TRIM_WINDOW = RATE // 100
# Noise at an end of a take: its outer 50 ms, far below the loudest window, and what exceeds it by 6 dB is speech.
_NOISE_WINDOWS = 5
_NOISE_BELOW, _NOISE_MARGIN = (10 ** (db / 10) for db in (-26, 6))

OVERSAMPLING = 4
_HALF = 12  # input samples on each side that an interpolated point is made from

_FRAME = 12  # samples per judged true peak, which is a step of the limiter's gain: 0.5 ms
_COLUMNS = 1024  # frames that are interpolated at once, so that the products stay in the cache
_AHEAD = 4  # parts of a signal that threads limit while others are read and written
_REACH = 40  # frames that the gain needs to move, each way: 20 ms
_MARGIN_DB = 0.05  # for what a moving gain and 16-bit rounding add between samples


def seconds_to_samples(seconds: float) -> int:
    """Nearest count of samples to a duration in seconds."""
    return round(seconds * RATE)


def db_to_gain(db: float) -> float:
    """Amplitude ratio of a level in dB."""
    return float(10.0 ** (db / 20.0))


def gain_to_db(gain: float) -> float:
    """Level in dB of an amplitude ratio; -inf for zero."""
    return float(20.0 * np.log10(gain)) if gain > 0 else SILENCE


def to_float(samples: Int16) -> Float:
    """int16 to float64 in [-1, 1). The inverse of `values.round_to_int16`."""
    return samples / FULL_SCALE


def trim_bounds(samples: Float, threshold_dbfs: float, keep_ms: float) -> tuple[int, int]:
    """Find start and end of the part to keep of a signal, shape (n,).

    It goes from the first to the last 10 ms window whose RMS reaches the threshold, and `keep_ms` more on both sides.
    A signal without such a window is kept whole. Where an end is the noise of the voice's recording, louder than the
    threshold, that end's threshold is above the noise.
    """
    count = len(samples)
    starts = np.arange(0, count, _TRIM_WINDOW)
    if not count:
        return 0, 0
    lengths = np.minimum(_TRIM_WINDOW, count - starts)
    power = np.add.reduceat(np.square(samples), starts) / lengths
    threshold = db_to_gain(threshold_dbfs) ** 2
    begin = np.flatnonzero(power >= _above_noise(power, threshold))
    end = np.flatnonzero(power >= _above_noise(power[::-1], threshold))
    if not len(begin):
        return 0, count
    keep = round(keep_ms * RATE / 1000)
    return max(0, int(starts[begin[0]]) - keep), min(count, int(starts[end[-1]]) + _TRIM_WINDOW + keep)


def _above_noise(power: Float, threshold: float) -> float:
    """The power from which the first of these windows is sound: the threshold, or more where they begin with noise."""
    noise = float(np.median(power[:_NOISE_WINDOWS]))
    if noise < threshold or noise > float(power.max()) * _NOISE_BELOW:
        return threshold
    return noise * _NOISE_MARGIN


def ramp(milliseconds: float) -> Float:
    """Raised-cosine rise from exactly 0 towards 1, shape (samples,)."""
    count = round(milliseconds * RATE / 1000)
    return 0.5 - 0.5 * np.cos(np.pi * np.arange(count) / max(count, 1))


def fade(blocks: Iterable[Float], total: int, in_ms: float, out_ms: float) -> Blocks:
    """Raised-cosine fades at both ends of a signal of `total` samples; the first and the last sample become 0.

    On a signal shorter than a ramp, the ramp is cut to it; ramps that overlap multiply.
    """
    rise = ramp(in_ms)[:total]
    fall = ramp(out_ms)[:total][::-1]
    position = 0
    for block in blocks:
        end = position + len(block)
        faded = block
        if position < len(rise) or end > total - len(fall):
            faded = block.copy()
            part = rise[position:end]
            faded[: len(part)] *= part
            first = max(position, total - len(fall))
            part = fall[first - (total - len(fall)) : end - (total - len(fall))] if end > first else fall[:0]
            faded[first - position :][: len(part)] *= part
        yield faded
        position = end


def dc_block(blocks: Iterable[Float], offset: float = 0.0) -> Blocks:
    """High-pass at 20 Hz (second-order Butterworth).

    The state is settled on `offset`, so that a constant does not begin with a step.
    """
    from scipy import signal

    sections = signal.butter(2, 20.0, "highpass", fs=RATE, output="sos")
    state = signal.sosfilt_zi(sections) * offset
    for block in blocks:
        filtered, state = signal.sosfilt(sections, block, zi=state)
        yield filtered


def gain(blocks: Iterable[Float], factor: float) -> Blocks:
    """Multiply by a constant."""
    for block in blocks:
        yield block * factor


# Kaiser-windowed sinc whose taps at whole samples are 0 and 1: the samples themselves are among the points it gives, so
# a true peak is never below the sample peak.
_SINC = np.sinc(np.arange(-_HALF * OVERSAMPLING, _HALF * OVERSAMPLING + 1) / OVERSAMPLING) * np.kaiser(
    2 * _HALF * OVERSAMPLING + 1, 6.0
)
# The taps of the points after each sample, by the place of the sample that they weigh among a frame and its neighbors.
# The first of the OVERSAMPLING points is the sample itself.
_PHASES = [
    [
        (place, float(_SINC[offset]))
        for place in range(1, 2 * _HALF + 1)
        if (offset := first - OVERSAMPLING * place) >= 0
    ]
    for first in range(2 * _HALF * OVERSAMPLING + 1, (2 * _HALF + 1) * OVERSAMPLING)
]
# No interpolated point exceeds the largest sample by more than this.
_OVERSHOOT = float(max(np.abs(_SINC[phase::OVERSAMPLING]).sum() for phase in range(OVERSAMPLING)))


def frame_peaks(samples: Float, floor: float) -> Float:
    """Find the true peak of each half millisecond of a signal at four times the rate (BS.1770-4, annex 2).

    `samples`, shape (12 + 12 * frames + 12,), begins and ends with 12 neighbors that are not judged themselves.
    Returns shape (frames,): the amplitude, or 0 where it cannot exceed `floor`; interpolation is expensive, and most of
    a book is far below its peak.
    """
    count = (len(samples) - 2 * _HALF) // _FRAME
    peaks = np.zeros(max(0, count))
    if count < 1:
        return peaks
    frames = samples[: 2 * _HALF + count * _FRAME]
    largest = np.abs(frames).reshape(-1, _FRAME).max(axis=1)
    around = np.maximum(np.maximum(largest[:-2], largest[1:-1]), largest[2:])
    loud = np.flatnonzero(around * _OVERSHOOT > floor)
    windows = np.lib.stride_tricks.sliding_window_view(frames, _FRAME + 2 * _HALF)[::_FRAME]
    for first in range(0, len(loud), _COLUMNS):
        chosen = loud[first : first + _COLUMNS]
        # A column a frame. Products are added one tap after another, so that every machine adds them in one order.
        columns = np.ascontiguousarray(windows[chosen].T)
        highest = largest[chosen + 1]
        product = np.empty((_FRAME, len(chosen)))
        for taps in _PHASES:
            points = np.zeros_like(product)
            for place, tap in taps:
                points += np.multiply(columns[place : place + _FRAME], tap, out=product)
            np.maximum(highest, np.abs(points, out=points).max(axis=0), out=highest)
        peaks[chosen] = highest
    return peaks


class TruePeak:
    """Running true peak of a stream, as an amplitude: 1.0 is 0 dBTP."""

    def __init__(self) -> None:
        self._peak = 0.0
        self._rest = np.zeros(_HALF)

    def push(self, block: Float) -> None:
        """Take the next samples, shape (n,)."""
        # Samples are among the interpolated points, so they raise the floor below which nothing is interpolated.
        self._peak = max(self._peak, float(np.max(np.abs(block), initial=0.0)))
        samples = np.concatenate([self._rest, block])
        whole = max(0, (len(samples) - 2 * _HALF) // _FRAME * _FRAME)
        self._interpolate(samples[: whole + 2 * _HALF])
        self._rest = samples[whole:]

    def _interpolate(self, samples: Float) -> None:
        self._peak = max(self._peak, float(np.max(frame_peaks(samples, self._peak), initial=0.0)))

    def value(self) -> float:
        """Return the true peak of all samples so far."""
        self._interpolate(np.concatenate([self._rest, np.zeros(2 * _HALF + _FRAME)]))
        return self._peak


_HANN = 0.5 + 0.5 * np.cos(np.linspace(-np.pi, np.pi, 2 * _REACH + 3)[1:-1])
_HANN = _HANN / _HANN.sum()
_HALO = (2 * _REACH + 4) * _FRAME


def _limit_middle(samples: Float, ceiling: float) -> Float:
    """Limited samples of the middle of a window: all but `_HALO` on each side."""
    from scipy import ndimage

    middle = samples[_HALO:-_HALO]
    peaks = frame_peaks(np.pad(samples, _HALF), ceiling)
    reduction = 1.0 - ceiling / np.maximum(peaks, ceiling)
    if not reduction.any():
        return middle
    # Held one frame longer than smoothing reaches, so that the line between two frames is deep enough as well.
    deepest = ndimage.maximum_filter1d(reduction, 2 * _REACH + 3, mode="constant")
    smooth = ndimage.correlate1d(deepest, _HANN, mode="constant")
    first = _HALO // _FRAME
    count = -(-len(middle) // _FRAME)
    here, after = smooth[first : first + count], smooth[first + 1 : first + count + 1]
    before = smooth[first - 1 : first + count - 1]
    # From the middle of the frame before to that of this one, and on to that of the next one.
    place = (np.arange(_FRAME) + 0.5) / _FRAME - 0.5
    line = np.empty((count, _FRAME))
    half = _FRAME // 2
    line[:, :half] = here[:, None] + (here - before)[:, None] * place[:half]
    line[:, half:] = here[:, None] + (after - here)[:, None] * place[half:]
    return np.asarray(middle * (1.0 - line.reshape(-1)[: len(middle)]))


def limit(blocks: Iterable[Float], ceiling_dbtp: float, segment: int = 4096, threads: Executor | None = None) -> Blocks:
    """Look-ahead limiter: the true peak of its output is at most `ceiling_dbtp`.

    For every half millisecond, the gain that its true peak needs is held for 20 ms on both sides and smoothed with a
    Hann window of that width, so it moves without a click and reaches its depth before the peak. There is no
    feedback: a sample's gain depends on the 41 ms around it only. `segment` is the number of frames of 0.5 ms that
    are processed at once, in `threads` if there are any; neither changes the result.
    """
    ceiling = db_to_gain(ceiling_dbtp - _MARGIN_DB)
    windows = _windows(blocks, segment * _FRAME)
    if threads is None:
        yield from (_limit_middle(window, ceiling)[:count] for window, count in windows)
        return
    ahead: deque[tuple[Future[Float], int]] = deque()
    for window, count in windows:
        ahead.append((threads.submit(_limit_middle, window, ceiling), count))
        if len(ahead) > _AHEAD:
            limited, length = ahead.popleft()
            yield limited.result()[:length]
    for limited, length in ahead:
        yield limited.result()[:length]


def _windows(blocks: Iterable[Float], step: int) -> Iterator[tuple[Float, int]]:
    """Cut a signal into parts of `step` samples, each with `_HALO` on both sides, and the length of the part."""
    pending = [np.zeros(_HALO)]
    count = _HALO
    for block in blocks:
        pending.append(block)
        count += len(block)
        if count < step + 2 * _HALO:
            continue
        window = np.concatenate(pending)
        while len(window) >= step + 2 * _HALO:
            yield window[: step + 2 * _HALO], step
            window = window[step:]
        pending, count = [window], len(window)
    rest = count - _HALO
    if rest:
        yield np.concatenate([*pending, np.zeros(-rest % _FRAME + _HALO)]), rest
