"""The analysis of the teacher's speech, and a synthesizer whose output is a plain function of it.

Speech is described 200 times a second by the power in `bands` mel bands and a degree of voicing, and 12.5
times a second (once a codec frame) by a pitch. `synthesize` turns that back into sound:

* Sound is MDCT coefficients, 200 times a second: those of one fixed piece of pulses or of noise, each scaled by the
  levels. So a coefficient is a product, and the decoder of the model, whose activation is an exponential
  function, can be given the formula (`bundled.decoder`) instead of learning it.
* The pitch of a frame is a whole number of periods in its 80 ms, so every codec frame starts with a pulse and the
  phase needs no state: the sound of a frame depends on the frame alone. Intonation has
  steps of 12.5 Hz.
* Pulses are spread over a few milliseconds, low frequencies the most, as in a human mouth.
* The noise of fricatives is one fixed piece of noise, 80 ms long, repeated.
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
    top_hz: float = 8_000.0
    floor: float = 1e-5  # power below which sound is inaudible
    slowest: int = 6  # periods a frame: 75 Hz ...
    pitches: int = 8  # ... in steps of 12.5 Hz to 162.5 Hz
    pitch_center: float = 90.0  # Hz, of the teacher's creaky voice ...
    pitch_target: float = 107.5  # ... and of the model's
    pitch_range: float = 0.7  # exponent on the teacher's intonation
    noise_from_hz: float = 4500.0  # voiced sounds are noisy above this
    dispersion: float = 0.002  # seconds by which a pulse's lowest frequencies are delayed ...
    dispersion_hz: float = 1500.0  # ... and the e-folding of that over frequency
    coefficients: int = 80  # of 120; the rest is above the top frequency

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
    def frequencies(self) -> Array:
        """[coefficients] Hz in the middle of each."""
        return (np.arange(self.coefficients) + 0.5) * self.sample_rate / (2 * self.hop)

    @cached_property
    def spread(self) -> Array:
        """[bands, coefficients]: linear interpolation from band centers back to frequencies."""
        centers = _hz(np.linspace(_mel(20.0), _mel(self.top_hz), self.bands + 2))[1:-1]
        return np.stack([np.interp(self.frequencies, centers, row) for row in np.eye(self.bands)])

    @cached_property
    def voiced_share(self) -> Array:
        """[coefficients] How much of a voiced sound is periodic."""
        return np.asarray(1 / (1 + np.exp((self.frequencies - self.noise_from_hz) / 400)))

    @cached_property
    def pulses(self) -> Array:
        """[pitches, steps, coefficients]: a frame of pulses of mean power one, for each pitch."""
        length = 3 * self.frame  # the frames before and after have the same pitch
        hz = np.arange(length // 2 + 1) * self.sample_rate / length
        late = self.dispersion * np.exp(-hz / self.dispersion_hz)
        turn = np.exp(-2j * np.pi * np.cumsum(late) * hz[1])
        frames = []
        for periods in range(self.slowest, self.slowest + self.pitches):
            period = self.frame / periods
            times = np.arange(3 * periods) * period / self.sample_rate
            spectrum = np.exp(-2j * np.pi * hz[:, None] * times).sum(1) * turn
            sound = scipy.fft.irfft(spectrum, length) * np.sqrt(period)
            frames.append(self._windows(sound[self.frame :])[: self.steps])
        return np.stack(frames)

    @cached_property
    def noise(self) -> Array:
        """[steps, coefficients]: a frame of noise of mean power one."""
        noise = np.random.default_rng(7).standard_normal(self.frame)
        return self._windows(np.concatenate([noise, noise]))[: self.steps]

    def _windows(self, sound: Array) -> Array:
        """[n, coefficients]: the MDCT from the first sample on."""
        count = len(sound) // self.hop - 1
        parts = np.stack([sound[i * self.hop : (i + 2) * self.hop] for i in range(count)])
        return np.asarray(parts @ self.basis.T)

    def analyze(self, audio: Array, voiced: Array) -> tuple[Array, Array]:
        """Level in bands [n, bands] (log10 of power) and pitch in Hz [n] (0 if unvoiced) of a recording.

        `voiced` [n] marks where there is a pitch. In a voice as low and creaky as the teacher's, pyworld's DIO detects
        none in a quarter of the vowels, one in a quarter of the voiceless consonants, and most an octave too high.
        """
        import librosa
        import pyworld

        count = len(voiced)
        x = audio[: count * self.hop].astype(np.float64)
        pitch = librosa.yin(x, fmin=55, fmax=165, sr=self.sample_rate, frame_length=1440, hop_length=self.hop)[:count]
        f0 = np.where(voiced, pitch, 0.0)
        times = np.arange(count) * self.hop / self.sample_rate
        power = pyworld.cheaptrick(x, f0, times, self.sample_rate, fft_size=1024)
        return np.log10(power.astype(np.float32) @ self.filterbank.T + self.floor), f0

    def pitch_classes(self, f0: Array) -> Array:
        """One class for each codec frame: the nearest whole number of periods, with hysteresis."""
        center = np.array([np.median(row[row > 0]) if (row > 0).sum() >= 3 else np.nan for row in f0])
        voiced = np.flatnonzero(~np.isnan(center))
        if not len(voiced):
            return np.zeros(len(f0), np.int64)
        center = np.interp(np.arange(len(f0)), voiced, center[voiced])
        target = self.pitch_target * (center / self.pitch_center) ** self.pitch_range
        target = target * self.frame / self.sample_rate - self.slowest
        classes = np.zeros(len(f0), np.int64)
        current = round(float(target[0]))
        for i, value in enumerate(target):
            if abs(value - current) > 0.65:
                current = round(float(value))
            classes[i] = min(max(current, 0), self.pitches - 1)
        return classes

    def synthesize(self, level: Array, voiced: Array, classes: Array) -> Array:
        """The samples of a description, as `analyze` and `pitch_classes` give one."""
        frames = len(classes)
        power = np.log(np.clip(10.0**level - self.floor, 1e-9, None)) @ self.spread
        share = np.clip(voiced, 0, 1)[:, None] * self.voiced_share
        pulses = self.pulses[classes].reshape(-1, self.coefficients)
        noise = np.tile(self.noise, (frames, 1))
        parts = np.exp(0.5 * power) * (np.sqrt(share) * pulses + np.sqrt(1 - share) * noise) @ self.basis
        out = np.zeros((len(parts) + 1, self.hop), np.float32)
        out[:-1] += parts[:, : self.hop]
        out[1:] += parts[:, self.hop :]
        return out.reshape(-1)[: frames * self.frame]

    @cached_property
    def basis(self) -> Array:
        """[coefficients, 2 hop]: the windowed cosines of the MDCT; analysis and synthesis are the same."""
        t, j = np.arange(2 * self.hop), np.arange(self.coefficients)[:, None]
        window = np.sin(np.pi * (t + 0.5) / (2 * self.hop))
        cosines = np.cos(np.pi / self.hop * (t + 0.5 + self.hop / 2) * (j + 0.5))
        return np.asarray(np.sqrt(2 / self.hop) * window * cosines, np.float32)


def _mel(hz: float | Array) -> Array:
    return 2595 * np.log10(1 + np.asarray(hz) / 700)


def _hz(mel: Array) -> Array:
    return 700 * (10 ** (mel / 2595) - 1)
