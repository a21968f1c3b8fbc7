"""Measures the levels of a recording that publishers require: loudness, peaks, RMS, noise floor; and its outline.

One pass over the file in constant memory; `master` uses the loudness meter, `report` draws and judges the figures.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from pockettts.audio.dsp import SILENCE, Float, TruePeak, gain_to_db, to_float
from pockettts.audio.wav import BLOCK, read_blocks, wav_length
from pockettts.values import FULL_SCALE, RATE, Int16, round_to_int16

# 100 ms: the hop of BS.1770's 400 ms blocks with 75 % overlap, and the unit of all windows here.
_HOP = RATE // 10
_NOISE_HOPS = 5
_SHORT_TERM_HOPS = 30
# -50 dB: what is quieter is silence, as in the trimming of takes.
_AUDIBLE = 10 ** (-50 / 20)

COLUMNS = 1200

ACX_RMS_DB = (-23.0, -18.0)
ACX_PEAK_DB = -3.0
ACX_NOISE_DB = -60.0


def k_weighting(rate: int = RATE) -> Float:
    """BS.1770-4's two filters at any rate, as second-order sections, shape (2, 6).

    The standard tabulates them at 48 kHz only; the analog shelf (1681.97 Hz, 4.0 dB) and high-pass (38.14 Hz) behind
    the table are those of B. De Man, "Evaluation of implementations of the EBU R128 loudness measurement" (2018).
    """

    def shelf() -> list[float]:
        k = math.tan(math.pi * 1681.9744509555319 / rate)
        q, high = 0.7071752369554193, 10 ** (3.99984385397 / 20)
        band = high**0.499666774155
        a0 = 1 + k / q + k * k
        b = [(high + band * k / q + k * k) / a0, 2 * (k * k - high) / a0, (high - band * k / q + k * k) / a0]
        return [*b, 1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0]

    def high_pass() -> list[float]:
        q = 0.5003270373253953

        def norm(at: int) -> float:
            k = math.tan(math.pi * 38.13547087613982 / at)
            return 1 + k / q + k * k

        k = math.tan(math.pi * 38.13547087613982 / rate)
        a0 = norm(rate)
        # The table's numerator is 1, -2, 1, which leaves a pass-band gain of 0.04 dB; every rate keeps the same gain.
        scale = norm(48_000) / a0
        return [scale, -2 * scale, scale, 1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0]

    return np.array([shelf(), high_pass()])


class LoudnessMeter:
    """Integrated loudness of a stream (BS.1770-4, mono), in constant memory.

    The gate needs all blocks' powers twice. They are summed into bins of 0.01 LU instead of kept, each bin with its
    exact power, so that only a block within 0.01 LU of the relative gate can be judged differently.
    """

    _LOWEST, _HIGHEST, _PER_LU = -70.0, 10.0, 100

    def __init__(self) -> None:
        from scipy import signal

        self._filter = signal.sosfilt
        self._sections = k_weighting()
        self._state = np.zeros((len(self._sections), 2))
        self._rest = np.zeros(0)
        self._hops = np.zeros(0)
        bins = round((self._HIGHEST - self._LOWEST) * self._PER_LU)
        self._counts = np.zeros(bins, np.int64)
        self._powers = np.zeros(bins)
        self._samples = 0

    def push(self, block: Float) -> Float:
        """Take the next samples, float in [-1, 1), shape (n,).

        Returns the K-weighted energy of each 100 ms that they complete.
        """
        weighted, self._state = self._filter(self._sections, block, zi=self._state)
        self._samples += len(block)
        weighted = np.concatenate([self._rest, weighted])
        whole = len(weighted) - len(weighted) % _HOP
        self._rest = weighted[whole:]
        energies: Float = np.square(weighted[:whole]).reshape(-1, _HOP).sum(axis=1)
        hops = np.concatenate([self._hops, energies])
        if len(hops) >= 4:
            self._add((hops[:-3] + hops[1:-2] + hops[2:-1] + hops[3:]) / (4 * _HOP))
        self._hops = hops[-3:]
        return energies

    def _add(self, powers: Float) -> None:
        loudness = _lufs(powers)
        powers, loudness = powers[loudness >= self._LOWEST], loudness[loudness >= self._LOWEST]
        bins = np.minimum(((loudness - self._LOWEST) * self._PER_LU).astype(np.int64), len(self._counts) - 1)
        np.add.at(self._counts, bins, 1)
        np.add.at(self._powers, bins, powers)

    def integrated(self) -> float:
        """Return the LUFS of all samples so far; -inf for silence.

        A signal shorter than a block of 400 ms counts as one block.
        """
        if 0 < self._samples < 4 * _HOP:
            energy = float(self._hops.sum() + np.square(self._rest).sum())
            return float(_lufs(np.array([energy / self._samples]))[0])
        count, power = int(self._counts.sum()), float(self._powers.sum())
        if not count:
            return SILENCE
        gate = float(_lufs(np.array([power / count]))[0]) - 10.0
        first = max(0, math.ceil((gate - self._LOWEST) * self._PER_LU))
        mean = float(self._powers[first:].sum()) / int(self._counts[first:].sum())
        return float(_lufs(np.array([mean]))[0])


def _lufs(powers: Float) -> Float:
    with np.errstate(divide="ignore"):
        return np.asarray(-0.691 + 10.0 * np.log10(powers))


@dataclass(frozen=True, slots=True)
class Outline:
    """A recording reduced to at most `COLUMNS` columns for drawing; each array has one value a column.

    `seconds` is its middle, `low`, `high` and `rms` are of its samples in [-1, 1), `loudness` is the highest short-term
    loudness (3 s) in LUFS.
    """

    seconds: Float
    low: Float
    high: Float
    rms: Float
    loudness: Float


@dataclass(frozen=True, slots=True)
class AcxCheck:
    """One of ACX's audio requirements, and whether a recording meets it."""

    name: str
    value: float
    limit: str
    passed: bool


def acx_levels(rms_db: float, peak_db: float, noise_db: float) -> tuple[AcxCheck, ...]:
    """Judge RMS, peak and noise floor by ACX's limits. What is all silence fails."""
    low, high = ACX_RMS_DB
    return (
        AcxCheck("RMS level", rms_db, f"{low:.0f} to {high:.0f} dB", low <= rms_db <= high),
        AcxCheck("Peak", peak_db, f"at most {ACX_PEAK_DB:.0f} dB", peak_db <= ACX_PEAK_DB),
        AcxCheck(
            "Noise floor", noise_db, f"at most {ACX_NOISE_DB:.0f} dB RMS", rms_db > SILENCE and noise_db <= ACX_NOISE_DB
        ),
    )


@dataclass(frozen=True, slots=True)
class Measurement:
    """Figures of a recording; levels in dB relative to full scale (a full-scale square wave is 0 dB RMS).

    `noise_floor_db` is the RMS of the quietest half second, stepped by 100 ms: -inf where pauses are digital silence.
    `quietest_sound_db` is the same over half seconds without any 100 ms of digital silence; None if there are none.
    """

    samples: int
    duration: float
    lufs: float
    true_peak_dbtp: float
    sample_peak_dbfs: float
    rms_db: float
    noise_floor_db: float
    quietest_sound_db: float | None
    outline: Outline

    def acx(self) -> tuple[AcxCheck, ...]:
        """Judge the three levels that ACX requires.

        The peak judged is the true peak, which is never below the sample peak. ACX measures the MP3; these are the
        figures of what is encoded to it. A recording that is all silence fails.
        """
        return acx_levels(self.rms_db, self.true_peak_dbtp, self.noise_floor_db)

    def as_json(self) -> dict[str, Any]:
        """Return results/{book}/measurement.json; minus infinity, which JSON does not have, is null."""
        values = {name: _finite(getattr(self, name)) for name in _FIGURES}
        outline = {
            item.name: [_finite(value) for value in getattr(self.outline, item.name)] for item in fields(Outline)
        }
        return {**values, "outline": outline, "acx": all(check.passed for check in self.acx())}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Measurement:
        """Read what `as_json` returned. Raises `KeyError` for anything else."""
        values = {name: document[name] for name in _FIGURES}
        for name in _FIGURES[2:-1]:
            values[name] = _level(values[name])
        outline = {
            item.name: np.array([_level(value) for value in document["outline"][item.name]]) for item in fields(Outline)
        }
        return cls(**values, outline=Outline(**outline))


_FIGURES = (
    "samples",
    "duration",
    "lufs",
    "true_peak_dbtp",
    "sample_peak_dbfs",
    "rms_db",
    "noise_floor_db",
    "quietest_sound_db",
)


def _finite(value: float | None) -> float | None:
    return value if value is None or isinstance(value, int) or math.isfinite(value) else None


def _level(value: float | None) -> float:
    return SILENCE if value is None else value


class _Levels:
    """RMS, sample peak and noise floor, in exact integers; `hop` is 100 ms in samples."""

    def __init__(self, hop: int = _HOP) -> None:
        self.hop = hop
        self.samples = 0
        self.total = 0
        self.peak = 0
        self.quietest: int | None = None
        self.quietest_sound: int | None = None
        self._rest = np.zeros(0, np.int64)
        self._hops = np.zeros(0, np.int64)

    def push(self, block: Int16) -> None:
        wide = block.astype(np.int64)
        squares = wide * wide
        self.samples += len(block)
        self.total += int(squares.sum())
        self.peak = max(self.peak, int(np.abs(wide).max(initial=0)))
        squares = np.concatenate([self._rest, squares])
        whole = len(squares) - len(squares) % self.hop
        self._rest = squares[whole:]
        hops = np.concatenate([self._hops, squares[:whole].reshape(-1, self.hop).sum(axis=1)])
        self._hops = hops[-(_NOISE_HOPS - 1) :]
        if len(hops) < _NOISE_HOPS:
            return
        windows = np.lib.stride_tricks.sliding_window_view(hops, _NOISE_HOPS)
        sums = windows.sum(axis=1)
        self.quietest = _lower(self.quietest, sums)
        self.quietest_sound = _lower(self.quietest_sound, sums[(windows > 0).all(axis=1)])

    def rms_db(self) -> float:
        return _rms_db(self.total, self.samples)

    def noise_floor_db(self) -> float:
        return self.rms_db() if self.quietest is None else _rms_db(self.quietest, _NOISE_HOPS * self.hop)

    def quietest_sound_db(self) -> float | None:
        return None if self.quietest_sound is None else _rms_db(self.quietest_sound, _NOISE_HOPS * self.hop)


def _rms_db(energy: int, count: int) -> float:
    return gain_to_db(math.sqrt(energy / count) / FULL_SCALE) if energy and count else SILENCE


def _lower(lowest: int | None, values: np.ndarray[tuple[int], np.dtype[np.int64]]) -> int | None:
    if not len(values):
        return lowest
    least = int(values.min())
    return least if lowest is None else min(lowest, least)


class _Sketch:
    """The outline of a recording of a given length, block by block."""

    def __init__(self, samples: int) -> None:
        self.total = max(samples, 1)
        self.columns = max(1, min(COLUMNS, samples))
        self.low = np.zeros(self.columns)
        self.high = np.zeros(self.columns)
        self.power = np.zeros(self.columns)
        hops = samples // _HOP
        self.levels = np.full(max(1, min(COLUMNS, hops)), SILENCE)
        self._all_hops = max(hops, 1)
        self._position = 0
        self._hop = 0
        self._window = np.zeros(_SHORT_TERM_HOPS - 1)

    def push(self, block: Int16, hops: Float) -> None:
        place = np.arange(self._position, self._position + len(block), dtype=np.int64) * self.columns // self.total
        starts = np.flatnonzero(np.diff(place, prepend=-1))
        columns = place[starts]
        values = block / FULL_SCALE
        self.low[columns] = np.minimum(self.low[columns], np.minimum.reduceat(values, starts))
        self.high[columns] = np.maximum(self.high[columns], np.maximum.reduceat(values, starts))
        self.power[columns] += np.add.reduceat(np.square(values), starts)
        self._position += len(block)
        if not len(hops):
            return
        energies = np.concatenate([self._window, hops])
        self._window = energies[-(_SHORT_TERM_HOPS - 1) :]
        windows = np.lib.stride_tricks.sliding_window_view(energies, _SHORT_TERM_HOPS)
        loudness = _lufs(windows.mean(axis=1) / _HOP)
        # A window of 3 s is drawn at its middle, not at its end.
        middle = np.maximum(np.arange(self._hop, self._hop + len(hops)) - _SHORT_TERM_HOPS // 2, 0)
        np.maximum.at(self.levels, middle * len(self.levels) // self._all_hops, loudness)
        self._hop += len(hops)

    def outline(self) -> Outline:
        places = (np.arange(self.columns) + 0.5) * self.total / self.columns
        loudness = self.levels[np.arange(self.columns) * len(self.levels) // self.columns]
        rms = np.sqrt(self.power * self.columns / self.total)
        return Outline(places / RATE, self.low, self.high, rms, loudness)


def measure_book(path: Path, block: int = BLOCK) -> Measurement:
    """Measure a 24 kHz mono 16-bit WAV or RF64 file, streamed by `block` samples, which do not change the figures.

    Loudness after ITU-R BS.1770-4, true peak by four times oversampling (its annex 2), noise floor as in
    `Measurement`. Raises `AudioError` when the file cannot be read.
    """
    samples = wav_length(path)
    loudness, true_peak, levels, sketch = LoudnessMeter(), TruePeak(), _Levels(), _Sketch(samples)
    for samples_read in read_blocks(path, block):
        values = to_float(samples_read)
        true_peak.push(values)
        levels.push(samples_read)
        sketch.push(samples_read, loudness.push(values))

    return Measurement(
        samples=samples,
        duration=samples / RATE,
        lufs=loudness.integrated(),
        true_peak_dbtp=gain_to_db(true_peak.value()),
        sample_peak_dbfs=gain_to_db(levels.peak / FULL_SCALE),
        rms_db=levels.rms_db(),
        noise_floor_db=levels.noise_floor_db(),
        quietest_sound_db=levels.quietest_sound_db(),
        outline=sketch.outline(),
    )


@dataclass(frozen=True, slots=True)
class FileLevels:
    """Figures of a file as its listeners decode it; levels as in `Measurement`.

    `head_seconds` and `tail_seconds` are before the first and after the last 10 ms louder than -50 dB.
    """

    seconds: float
    rms_db: float
    true_peak_dbtp: float
    noise_floor_db: float
    head_seconds: float
    tail_seconds: float

    def acx(self) -> tuple[AcxCheck, ...]:
        """Judge the three levels that ACX requires."""
        return acx_levels(self.rms_db, self.true_peak_dbtp, self.noise_floor_db)


def measure_levels(blocks: Iterable[Float], rate: int) -> FileLevels:
    """Measure decoded samples, in [-1, 1) but for what coding adds, streamed, at any rate in Hz."""
    true_peak, levels, window = TruePeak(), _Levels(rate // 10), rate // 100
    rest = np.zeros(0)
    windows, first, last = 0, None, 0
    for block in blocks:
        true_peak.push(block)
        levels.push(round_to_int16(block))
        values = np.concatenate([rest, block])
        whole = len(values) - len(values) % window
        rest = values[whole:]
        loud = np.flatnonzero(np.square(values[:whole]).reshape(-1, window).mean(axis=1) >= _AUDIBLE**2)
        if len(loud):
            first = windows + int(loud[0]) if first is None else first
            last = windows + int(loud[-1]) + 1
        windows += whole // window
    seconds = levels.samples / rate
    head = seconds if first is None else first * window / rate
    return FileLevels(
        seconds=seconds,
        rms_db=levels.rms_db(),
        true_peak_dbtp=gain_to_db(true_peak.value()),
        noise_floor_db=levels.noise_floor_db(),
        head_seconds=head,
        tail_seconds=seconds - last * window / rate,
    )
