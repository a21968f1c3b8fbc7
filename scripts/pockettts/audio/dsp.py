"""Signal steps for joining and mastering: level arithmetic, trim, fades, DC block, gain, limiter.

Signals are float64 in [-1, 1), 24 kHz mono. A step over a book takes and gives an iterator of blocks. No sample depends
on where the blocks were cut: sums are taken over windows fixed to the signal, in a fixed order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
from scipy import ndimage, signal

from pockettts.values import FULL_SCALE, RATE, Int16

Float = npt.NDArray[np.float64]
Blocks = Iterator[Float]

SILENCE = float("-inf")

_TRIM_WINDOW = RATE // 100

OVERSAMPLING = 4
_HALF = 12  # input samples on each side that an interpolated point is made from

_FRAME = 12  # samples per judged true peak, which is a step of the limiter's gain: 0.5 ms
_ROW = 480  # samples that are interpolated together or not at all
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
    A signal without such a window is kept whole.
    """
    count = len(samples)
    starts = np.arange(0, count, _TRIM_WINDOW)
    if not count:
        return 0, 0
    lengths = np.minimum(_TRIM_WINDOW, count - starts)
    power = np.add.reduceat(np.square(samples), starts) / lengths
    loud = np.flatnonzero(power >= db_to_gain(threshold_dbfs) ** 2)
    if not len(loud):
        return 0, count
    keep = round(keep_ms * RATE / 1000)
    return max(0, int(starts[loud[0]]) - keep), min(count, int(starts[loud[-1]]) + _TRIM_WINDOW + keep)


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


_DC_BLOCK = signal.butter(2, 20.0, "highpass", fs=RATE, output="sos")


def dc_block(blocks: Iterable[Float], offset: float = 0.0) -> Blocks:
    """High-pass at 20 Hz (second-order Butterworth).

    The state is settled on `offset`, so that a constant does not begin with a step.
    """
    state = signal.sosfilt_zi(_DC_BLOCK) * offset
    for block in blocks:
        filtered, state = signal.sosfilt(_DC_BLOCK, block, zi=state)
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
# No interpolated point exceeds the largest sample by more than this.
_OVERSHOOT = float(max(np.abs(_SINC[phase::OVERSAMPLING]).sum() for phase in range(OVERSAMPLING)))


def frame_peaks(samples: Float, floor: float) -> Float:
    """Find the true peak of each half millisecond of a signal at four times the rate (BS.1770-4, annex 2).

    `samples`, shape (12 + 12 * frames + 12,), begins and ends with 12 neighbors that are not judged themselves.
    Returns shape (frames,): the amplitude, or 0 where it cannot exceed `floor`; interpolation is expensive, and most of
    a book is far below its peak.
    """
    count = (len(samples) - 2 * _HALF) // _FRAME
    if count < 1:
        return np.zeros(0)
    rows = -(-count * _FRAME // _ROW)
    padded = np.zeros(2 * _HALF + rows * _ROW)
    padded[: len(samples)] = samples
    windows = np.lib.stride_tricks.sliding_window_view(padded, _ROW + 2 * _HALF)[::_ROW]
    peaks = np.zeros((rows, _ROW // _FRAME))
    loud = np.abs(windows).max(axis=1, initial=0.0) * _OVERSHOOT > floor
    if loud.any():
        dense = np.abs(signal.upfirdn(_SINC, windows[loud], up=OVERSAMPLING, axis=1))
        first = 2 * _HALF * OVERSAMPLING
        dense = dense[:, first : first + _ROW * OVERSAMPLING]
        peaks[loud] = dense.reshape(len(dense), -1, _FRAME * OVERSAMPLING).max(axis=2)
    return peaks.reshape(-1)[:count]


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


_HANN = signal.windows.hann(2 * _REACH + 3)[1:-1]
_HANN = _HANN / _HANN.sum()
_HALO = (2 * _REACH + 4) * _FRAME


def _limit_middle(samples: Float, ceiling: float) -> Float:
    """Limited samples of the middle of a window: all but `_HALO` on each side."""
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
    place = (np.arange(_FRAME) + 0.5) / _FRAME - 0.5
    line = np.where(
        place < 0,
        here[:, None] + (here - before)[:, None] * place,
        here[:, None] + (after - here)[:, None] * place,
    )
    return np.asarray(middle * (1.0 - line.reshape(-1)[: len(middle)]))


def limit(blocks: Iterable[Float], ceiling_dbtp: float, segment: int = 4096) -> Blocks:
    """Look-ahead limiter: the true peak of its output is at most `ceiling_dbtp`.

    For every half millisecond, the gain that its true peak needs is held for 20 ms on both sides and smoothed with a
    Hann window of that width, so it moves without a click and reaches its depth before the peak. There is no
    feedback: a sample's gain depends on the 41 ms around it only. `segment` is the number of frames of 0.5 ms that
    are processed at once; it does not change the result.
    """
    ceiling = db_to_gain(ceiling_dbtp - _MARGIN_DB)
    step = segment * _FRAME
    pending = [np.zeros(_HALO)]
    count = _HALO
    for block in blocks:
        pending.append(block)
        count += len(block)
        if count < step + 2 * _HALO:
            continue
        window = np.concatenate(pending)
        while len(window) >= step + 2 * _HALO:
            yield _limit_middle(window[: step + 2 * _HALO], ceiling)
            window = window[step:]
        pending, count = [window], len(window)
    rest = count - _HALO
    padding = -rest % _FRAME
    window = np.concatenate([*pending, np.zeros(padding + _HALO)])
    if rest:
        yield _limit_middle(window, ceiling)[:rest]
