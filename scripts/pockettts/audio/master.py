"""The joined recording becomes the book: the book chain, streamed, in as many passes as its steps need to measure.

Between `join` and `report`: writes results/{book}/mastered.wav.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pockettts.audio import dsp
from pockettts.audio.measure import LoudnessMeter
from pockettts.audio.wav import BLOCK, WavWriter, read_blocks, remove_parts, wav_length
from pockettts.config import AudioConfig
from pockettts.files import sha256_file, temporary_path
from pockettts.values import round_to_int16

# A limiter lowers loudness. The gain before it is raised until the loudness is this close to the target, for a limited
# number of passes: where speech would have to be compressed harder, quieter is the lesser fault.
_TOLERANCE_LU = 0.1
_CORRECTIONS = 3
_LEAST_SLOPE = 0.2

Stage = Callable[[Iterable[dsp.Float]], dsp.Blocks]


class _Book:
    """A joined file, and its stages so far; every pass streams the file through all of them."""

    def __init__(self, joined: Path, out: Path, block: int, threads: Executor | None) -> None:
        self.out = out
        self.samples = wav_length(joined)
        self.stages: list[Stage] = []
        self.threads = threads
        self._joined = joined
        self._draft = temporary_path(out, ".draft.part")
        self._block = block
        self._written: list[Stage] | None = None

    def send(self, *meters: Callable[[dsp.Float], object]) -> None:
        """Run one pass, every block of it into each meter."""
        stream: dsp.Blocks = map(dsp.to_float, read_blocks(self._joined, self._block))
        for stage in self.stages:
            stream = stage(stream)
        for block in stream:
            for meter in meters:
                meter(block)

    def loudness(self, *meters: Callable[[dsp.Float], object]) -> float:
        """Run one pass for the integrated loudness in LUFS; further meters get the same blocks."""
        meter = LoudnessMeter()
        self.send(meter.push, *meters)
        return meter.integrated()

    def draft_loudness(self) -> float:
        """Run one pass as `loudness`, and keep what it makes: if no stage changes, that is the recording."""
        with WavWriter(self._draft, self.samples) as writer:
            loudness = self.loudness(lambda piece: writer.write(round_to_int16(piece)))
        self._written = list(self.stages)
        return loudness

    def write(self) -> None:
        """Put the recording where it belongs, by a pass through all stages unless a draft has them."""
        if self._written == self.stages:
            self._draft.replace(self.out)
            return
        with WavWriter(self.out, self.samples) as writer:
            self.send(lambda piece: writer.write(round_to_int16(piece)))
        self._draft.unlink(missing_ok=True)


def _normalize(book: _Book, config: AudioConfig) -> dict[str, Any]:
    peak = 0.0

    def note(block: dsp.Float) -> None:
        nonlocal peak
        peak = max(peak, float(np.max(np.abs(block), initial=0.0)))

    book.send(note)
    gain_db = config.peak_dbfs - dsp.gain_to_db(peak) if peak else 0.0
    book.stages.append(partial(dsp.gain, factor=dsp.db_to_gain(gain_db)))
    return {"gain_db": round(gain_db, 3)}


def _loudness(book: _Book, config: AudioConfig) -> dict[str, Any]:
    target, ceiling = config.loudness.target_lufs, config.loudness.true_peak_dbtp
    true_peak = dsp.TruePeak()
    before = book.loudness(true_peak.push)
    decisions: dict[str, Any] = {"target_lufs": target}
    if before == dsp.SILENCE:
        return decisions | {"gain_db": 0.0, "limited": False, "lufs_before": None, "lufs_after": None}
    decisions["lufs_before"] = round(before, 2)
    gain_db = target - before
    limited = dsp.gain_to_db(true_peak.value()) + gain_db > ceiling
    earlier = list(book.stages)

    def apply(db: float) -> None:
        book.stages = [*earlier, partial(dsp.gain, factor=dsp.db_to_gain(db))]
        if limited:
            book.stages.append(partial(dsp.limit, ceiling_dbtp=ceiling, threads=book.threads))

    apply(gain_db)
    reached = target
    if limited:
        reached, slope = book.draft_loudness(), 1.0
        for _ in range(_CORRECTIONS):
            if abs(target - reached) <= _TOLERANCE_LU:
                break
            rise = (target - reached) / slope
            gain_db += rise
            apply(gain_db)
            last, reached = reached, book.draft_loudness()
            # Under a limiter each dB of gain brings less than 1 LU: the next step counts on what this one brought.
            slope = min(1.0, max(_LEAST_SLOPE, (reached - last) / rise))
    return decisions | {"gain_db": round(gain_db, 3), "limited": limited, "lufs_after": round(reached, 2)}


def _fade(book: _Book, config: AudioConfig) -> dict[str, Any]:
    ends = config.book_fade
    book.stages.append(partial(dsp.fade, total=book.samples, in_ms=ends.in_ms, out_ms=ends.out_ms))
    return {}


def _dc_block(book: _Book, config: AudioConfig) -> dict[str, Any]:
    book.stages.append(dsp.dc_block)
    return {}


_STEPS: dict[str, Callable[[_Book, AudioConfig], dict[str, Any]]] = {
    "dc_block": _dc_block,
    "fade": _fade,
    "normalize": _normalize,
    "loudness": _loudness,
}


def master_book(
    joined: Path, out: Path, config: AudioConfig, block: int = BLOCK, threads: int | None = None
) -> dict[str, Any]:
    """Run the book chain of `config` over `joined` and write `out`: 24 kHz mono 16-bit, RF64 past 4 GiB.

    Streamed: memory does not depend on the length, nor the bytes on `block`, the samples read at once, or on `threads`,
    which is by default the number of processors. Silence is left silent.
    Returns {"samples", "sha256", "steps": [{"step", ...its decisions}]}. Raises `AudioError` when a file cannot be
    read or written; `out` is then unchanged.
    """
    remove_parts(out)
    count = threads or os.cpu_count() or 1
    with ThreadPoolExecutor(count, "limiter") if count > 1 else nullcontext() as pool:
        book = _Book(joined, out, block, pool)
        try:
            steps = [{"step": step} | _STEPS[step](book, config) for step in config.book_chain]
            book.write()
        except BaseException:
            remove_parts(out)
            raise
    return {"samples": book.samples, "sha256": sha256_file(out), "steps": steps}
