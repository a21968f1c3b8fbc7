"""The analysis of the teacher's speech and a synthesiser whose output is a plain function of it.

Speech is described 200 times a second by the power in `bands` mel bands and a degree of voicing, and 12.5
times a second (once a codec frame) by a pitch. `synthesise` turns that back into sound:

* The pitch of a frame is a whole number of periods in its 80 ms, so every codec frame starts with a pulse and the
  phase never has to be remembered: the sound of a frame depends on the frame alone. Intonation is kept in
  steps of 12.5 Hz.
* The noise of fricatives is one fixed piece of noise, 80 ms long, repeated.

So the samples follow from the description without chance. A network can then learn them by plain regression, on a
CPU, where learning natural speech needs a discriminator and many hours. `mdct` gives the same samples as
coefficients 200 times a second; an orthonormal transform, so an error there is an error in the sound.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.fft

from bundled.common import Array


@dataclass(frozen=True)
class Vocoder:
    """The format of descriptions, and the way from sound to them and back."""

    sample_rate: int = 24_000
    hop: int = 120  # samples a description; also the hop of the MDCT
    frame: int = 1920  # samples a codec frame
    bands: int = 40
    top_hz: float = 9_000.0
    floor: float = 1e-5  # power below which nothing is heard
    slowest: int = 8  # periods a frame: 100 Hz ...
    pitches: int = 8  # ... in steps of 12.5 Hz to 187.5 Hz
    pitch_centre: float = 150.0
    pitch_target: float = 145.0
    pitch_range: float = 0.7  # exponent on the teacher's intonation
    noise_from_hz: float = 4500.0  # voiced sounds are noisy above this
    delay: int = 240  # samples by which the sound follows its description
    fft: int = 512
    coefficients: int = 90  # of 120; the rest is above the top frequency

    @property
    def steps(self) -> int:
        """Descriptions a codec frame."""
        return self.frame // self.hop

    @cached_property
    def filterbank(self) -> Array:
        """[bands, 513]: triangles of sum one on a 1024-point power spectrum."""
        frequencies = np.linspace(0, self.sample_rate / 2, 513)
        edges = _hz(np.linspace(_mel(20.0), _mel(self.top_hz), self.bands + 2))
        # A triangle as wide as a pitch at least, so that no band falls between two harmonics.
        rising = (frequencies - edges[:-2, None]) / np.maximum(edges[1:-1] - edges[:-2], 60)[:, None]
        falling = (edges[2:, None] - frequencies) / np.maximum(edges[2:] - edges[1:-1], 60)[:, None]
        weights = np.clip(np.minimum(rising, falling), 0, None)
        return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)

    @cached_property
    def spread(self) -> Array:
        """[bands, fft/2+1]: linear interpolation from band centres back to frequencies."""
        frequencies = np.linspace(0, self.sample_rate / 2, self.fft // 2 + 1)
        centres = _hz(np.linspace(_mel(20.0), _mel(self.top_hz), self.bands + 2))[1:-1]
        return np.stack([np.interp(frequencies, centres, row) for row in np.eye(self.bands)]).astype(np.float32)

    @cached_property
    def voiced_share(self) -> Array:
        """How much of a voiced sound is periodic, by frequency."""
        frequencies = np.linspace(0, self.sample_rate / 2, self.fft // 2 + 1)
        return (1 / (1 + np.exp((frequencies - self.noise_from_hz) / 400))).astype(np.float32)

    @cached_property
    def noise_spectra(self) -> Array:
        """[steps, fft/2+1]: the spectra of the windowed pieces of the frozen noise, one for each place in a frame."""
        noise = np.random.default_rng(7).standard_normal(self.frame)
        window = np.hanning(2 * self.hop + 1)[:-1]
        pieces = [np.roll(noise, self.hop - i * self.hop)[: 2 * self.hop] for i in range(self.steps)]
        return np.asarray(scipy.fft.rfft(np.stack(pieces) * window, self.fft), np.complex64)

    def analyse(self, audio: Array) -> tuple[Array, Array, Array]:
        """Level in bands [n, bands] (log10 of power), voicing [n] and pitch in Hz [n] (0 where there is none)."""
        import pyworld

        count = max(1, len(audio) // self.hop)
        x = audio[: count * self.hop].astype(np.float64)
        period = 1000 * self.hop / self.sample_rate
        f0, times = pyworld.dio(x, self.sample_rate, f0_floor=70, f0_ceil=300, frame_period=period)
        f0 = pyworld.stonemask(x, f0, times, self.sample_rate)
        power = pyworld.cheaptrick(x, f0, times, self.sample_rate, fft_size=1024)
        f0, power = f0[:count], power[:count]
        level = np.log10(power.astype(np.float32) @ self.filterbank.T + self.floor)
        voiced = np.convolve(np.pad((f0 > 0).astype(np.float32), 1, "edge"), [0.25, 0.5, 0.25], "valid")
        return level, voiced.astype(np.float32), f0

    def pitch_classes(self, f0: Array) -> Array:
        """One class for each codec frame: the nearest whole number of periods, slow to change."""
        centre = np.array([np.median(row[row > 0]) if (row > 0).sum() >= 3 else np.nan for row in f0])
        known = np.flatnonzero(~np.isnan(centre))
        if not len(known):
            return np.zeros(len(f0), np.int64)
        centre = np.interp(np.arange(len(f0)), known, centre[known])
        wanted = self.pitch_target * (centre / self.pitch_centre) ** self.pitch_range
        wanted = wanted * self.frame / self.sample_rate - self.slowest
        classes = np.zeros(len(f0), np.int64)
        current = round(float(wanted[0]))
        for i, value in enumerate(wanted):
            if abs(value - current) > 0.65:
                current = round(float(value))
            classes[i] = min(max(current, 0), self.pitches - 1)
        return classes

    def synthesise(self, level: Array, voiced: Array, classes: Array) -> Array:
        """The samples of a description; frame by frame, no chance."""
        frames = len(classes)
        power = np.clip(10.0**level - self.floor, 1e-9, None)
        voiced = np.clip(voiced, 0, 1)[:, None]
        log_power = np.log(power).astype(np.float32) @ self.spread  # [T, bins]
        length = frames * self.frame
        out = np.zeros(length + 2 * self.fft, np.float32)

        # Pulses through the minimum-phase filter that the level asks for.
        periods = classes + self.slowest
        frame_of = np.repeat(np.arange(frames), periods)
        within = np.concatenate([np.arange(p) for p in periods]) / periods[frame_of]
        position = (frame_of + within) * self.frame
        at = np.minimum((position / self.hop + 0.5).astype(np.int64), len(level) - 1)
        share = voiced[at] * self.voiced_share
        gain = np.log(self.frame / periods[frame_of])[:, None]
        spectrum = self._minimum_phase(0.5 * (log_power[at] + gain + np.log(share + 1e-6)))
        start = np.floor(position).astype(np.int64)
        angle = -2j * np.pi * np.arange(self.fft // 2 + 1) / self.fft
        spectrum = spectrum * np.exp(angle * (position - start)[:, None]).astype(np.complex64)
        pulses = scipy.fft.irfft(spectrum, self.fft).astype(np.float32)
        np.add.at(out, start[:, None] + np.arange(self.fft), pulses)

        # Noise, piece by piece, overlapping by half; a piece is centred on its description.
        amplitude = np.exp(0.5 * (log_power + np.log(1 - voiced * self.voiced_share + 1e-6)))
        pieces = scipy.fft.irfft(
            self._minimum_phase(np.log(amplitude)) * np.tile(self.noise_spectra, (frames, 1)), self.fft
        ).astype(np.float32)
        padded = np.zeros(length + 2 * self.fft, np.float32)
        starts = np.arange(len(level)) * self.hop
        np.add.at(padded, starts[:, None] + np.arange(self.fft), pieces)
        return out[:length] + padded[self.hop : self.hop + length]

    def _minimum_phase(self, log_amplitude: Array) -> Array:
        cepstrum = scipy.fft.irfft(log_amplitude, self.fft)
        half = self.fft // 2
        cepstrum[:, 1:half] *= 2
        cepstrum[:, half + 1 :] = 0
        return np.asarray(np.exp(scipy.fft.rfft(cepstrum.astype(np.float32), self.fft)))

    @cached_property
    def basis(self) -> Array:
        """[hop, 2 hop]: the windowed cosines of the MDCT; analysis and synthesis are the same."""
        t, j = np.arange(2 * self.hop), np.arange(self.hop)[:, None]
        window = np.sin(np.pi * (t + 0.5) / (2 * self.hop))
        cosines = np.cos(np.pi / self.hop * (t + 0.5 + self.hop / 2) * (j + 0.5))
        return np.asarray(np.sqrt(2 / self.hop) * window * cosines, np.float32)

    def mdct(self, samples: Array) -> Array:
        """[len/hop, coefficients] of the delayed sound."""
        count = len(samples) // self.hop
        x = np.concatenate([np.zeros(self.delay, np.float32), samples, np.zeros(self.hop, np.float32)])
        blocks = x[: (count + 1) * self.hop].reshape(count + 1, self.hop)
        frames = np.concatenate([blocks[:-1], blocks[1:]], axis=1)
        return frames @ self.basis[: self.coefficients].T


def _mel(hz: float | Array) -> Array:
    return 2595 * np.log10(1 + np.asarray(hz) / 700)


def _hz(mel: Array) -> Array:
    return 700 * (10 ** (mel / 2595) - 1)
