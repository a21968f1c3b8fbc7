"""Reads encoded audio with PyAV: its samples, in blocks, or what its container holds.

The other side of `encode`: what is handed out is measured and verified as its listeners get it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pockettts.audio.dsp import Float
from pockettts.errors import AudioError
from pockettts.values import FULL_SCALE

_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class AudioFacts:
    """What a reader of an audio file finds: seconds by its packets, chapters (start in seconds, title), tags, cover."""

    seconds: float
    chapters: tuple[tuple[float, str], ...]
    tags: dict[str, str]
    cover: bool
    rate: int
    channels: int


def probe(path: Path) -> AudioFacts:
    """Read an audio file to its end without decoding it. Raises `AudioError` where it is not whole."""
    import av

    try:
        with av.open(str(path)) as container:
            stream = container.streams.audio[0]
            seconds = 0.0
            for packet in container.demux(stream):
                if packet.duration and packet.time_base:
                    seconds += float(packet.duration * packet.time_base)
            tags = {name.lower(): text for name, text in {**container.metadata, **stream.metadata}.items()}
            chapters = tuple(
                (float(one["start"] * (one["time_base"] or 1)), one["metadata"].get("title", ""))
                for one in container.chapters()
            )
            cover = bool(container.streams.video)
            return AudioFacts(seconds, chapters, tags, cover, int(stream.rate), int(stream.channels))
    except (av.error.FFmpegError, IndexError, OSError) as error:
        raise AudioError(f"{path} cannot be read back: {error}.") from None


def decoded_blocks(path: Path) -> Iterator[Float]:
    """Yield the samples of a mono file at its own rate, floats of which 1.0 is full scale, shape (n,).

    Raises `AudioError` where the file is not whole.
    """
    import av

    try:
        with av.open(str(path)) as container:
            waiting: list[Float] = []
            for frame in container.decode(container.streams.audio[0]):
                samples = frame.to_ndarray().reshape(-1)
                scale = FULL_SCALE if samples.dtype == np.int16 else 1.0
                waiting.append(samples.astype(np.float64) / scale)
                if sum(map(len, waiting)) >= _BLOCK:
                    yield np.concatenate(waiting)
                    waiting = []
            yield from waiting
    except (av.error.FFmpegError, IndexError, OSError) as error:
        raise AudioError(f"{path} cannot be decoded: {error}.") from None
