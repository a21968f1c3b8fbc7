"""Signals that the tests of the audio modules share."""

import numpy as np
from scipy import signal

RATE = 24_000


def speech(seconds, peak=0.3, seed=0):
    """Something with the spectrum, syllables and pauses of speech: int16, shape (samples,)."""
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE)
    time = np.arange(count) / RATE
    pitch = np.cumsum(115 + 25 * np.sin(2 * np.pi * 0.6 * time)) * 2 * np.pi / RATE
    voiced = sum(np.sin(k * pitch + rng.uniform(0, 2 * np.pi)) / k for k in range(1, 25))
    sound = signal.sosfilt(
        signal.butter(2, [150, 4000], "bandpass", fs=RATE, output="sos"), voiced + 0.3 * rng.standard_normal(count)
    )
    syllables = np.clip(np.sin(2 * np.pi * 3.3 * time) + 0.6 * np.sin(2 * np.pi * 0.37 * time + 1), 0, None)
    sound = sound * syllables * (1 + 0.5 * np.sin(2 * np.pi * 0.11 * time))
    return np.rint(sound / np.abs(sound).max() * peak * 32_767).astype(np.int16)


def noise(count, rms_db, seed=0):
    """White noise, int16, of a level in dB."""
    values = np.random.default_rng(seed).standard_normal(count) * 10 ** (rms_db / 20) * 32_768
    return np.clip(np.rint(values), -32_768, 32_767).astype(np.int16)


def tone(frequency, seconds, level_db, phase=0.0):
    """A sine, float, whose peaks are at a level in dB."""
    time = np.arange(round(seconds * RATE)) / RATE
    return 10 ** (level_db / 20) * np.sin(2 * np.pi * frequency * time + phase)
