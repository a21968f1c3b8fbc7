"""Stands in for pyworld where it is not installed: pitch by autocorrelation, power by a plain spectrum."""

from __future__ import annotations

import numpy as np


def _frames(x: np.ndarray, rate: int, times: np.ndarray, width: int) -> np.ndarray:
    padded = np.pad(x, width)
    starts = (times * rate).astype(int) + width - width // 2
    return padded[starts[:, None] + np.arange(width)]


def dio(x, rate, f0_floor, f0_ceil, frame_period):
    times = np.arange(len(x) * 1000 // rate // frame_period + 1) * frame_period / 1000
    spectrum = np.abs(np.fft.rfft(_frames(x, rate, times, 1024) * np.hanning(1024), 2048)) ** 2
    correlation = np.fft.irfft(spectrum)
    lags = slice(int(rate / f0_ceil), int(rate / f0_floor))
    best = correlation[:, lags].max(1)
    found = rate / (correlation[:, lags].argmax(1) + lags.start)
    return np.where(best > 0.5 * correlation[:, 0] + 1e-9, found, 0.0), times


def stonemask(x, f0, times, rate):
    return f0


def cheaptrick(x, f0, times, rate, fft_size):
    return np.abs(np.fft.rfft(_frames(x, rate, times, fft_size) * np.hanning(fft_size))) ** 2 / fft_size + 1e-12
