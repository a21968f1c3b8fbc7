"""Joins takes into one recording: each goes through the take chain, and is followed by its pause.

Between `takes` and `master`: writes results/{book}/joined.wav and the timeline, the place of each chunk in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pockettts.audio.dsp import Float, dc_block, fade, seconds_to_samples, to_float, trim_bounds
from pockettts.audio.wav import WavWriter, read_slice, remove_parts, wav_sha256
from pockettts.config import AudioConfig
from pockettts.errors import AudioError, DamagedFile
from pockettts.files import sha256_file
from pockettts.values import RATE, Int16, round_to_int16


@dataclass(frozen=True, slots=True)
class JoinEntry:
    """One take in the book, and the seconds of silence after it.

    It is the samples [start, start + samples) of the file `pack`; written by themselves as WAV, they have `sha256`.
    """

    key: str
    pack: Path
    start: int
    samples: int
    sha256: str
    pause: float
    text: str
    chapter: int


@dataclass(frozen=True, slots=True)
class Span:
    """The place of one take: samples [start, end) of the joined file, its pause not included."""

    key: str
    start: int
    end: int
    chapter: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """The place of every take in joined.wav, with the length in samples and the sha256 of that file."""

    rate: int
    samples: int
    sha256: str
    entries: tuple[Span, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the content of timeline.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Timeline:
        """Return the timeline in a document of `as_json`. Raises `AudioError` when it is not one."""
        try:
            return cls(**{**document, "entries": tuple(Span(**entry) for entry in document["entries"])})
        except (TypeError, KeyError):
            raise AudioError("The timeline is not valid: delete it, and the next build makes it again.") from None


def prepare_take(samples: Int16, config: AudioConfig) -> Int16:
    """Run the take chain of `config` over one take, int16, shape (n,); trimming may make it shorter, never empty."""
    values = to_float(samples)
    for step in config.take_chain:
        values = _STEPS[step](values, config)
    return round_to_int16(values)


def _block_dc(values: Float, config: AudioConfig) -> Float:
    return next(dc_block([values], offset=float(values.mean())))


def _trim(values: Float, config: AudioConfig) -> Float:
    start, end = trim_bounds(values, config.trim.threshold_dbfs, config.trim.keep_ms)
    return values[start:end]


def _fade(values: Float, config: AudioConfig) -> Float:
    return next(fade([values], len(values), config.take_fade.in_ms, config.take_fade.out_ms))


_STEPS: dict[str, Callable[[Float, AudioConfig], Float]] = {"dc_block": _block_dc, "trim": _trim, "fade": _fade}


def _load(entry: JoinEntry) -> Int16:
    where = f'Take {entry.key} ("{_shorten(entry.text)}")'
    if not entry.samples:
        raise AudioError(f"{where} in {entry.pack} holds no audio; delete the file and build it again.")
    try:
        samples = read_slice(entry.pack, entry.start, entry.samples)
    except AudioError as error:
        raise DamagedFile(f"{where} cannot be read: {error}") from None
    if wav_sha256(samples) != entry.sha256:
        raise DamagedFile(f"{where} in {entry.pack} differs from the take that was accepted.")
    return samples


def _shorten(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


def join_takes(entries: Sequence[JoinEntry], out: Path, config: AudioConfig) -> Timeline:
    """Write the takes, in order, with head silence, each one's pause and tail silence, to `out`, streamed.

    The length is exactly head + each (prepared take + pause) + tail, every duration rounded to a sample by itself.
    Raises `DamagedFile`, naming the take, when one is missing
    or different from its sha256, and `AudioError` when one is empty; `out` is then unchanged.
    """
    if not entries:
        raise AudioError(f"There is nothing to join into {out}: the text gave no chunk to speak.")
    remove_parts(out)
    spans = []
    with WavWriter(out) as writer:
        writer.silence(seconds_to_samples(config.head_seconds))
        for entry in entries:
            start = writer.samples
            writer.write(prepare_take(_load(entry), config))
            spans.append(Span(entry.key, start, writer.samples, entry.chapter))
            writer.silence(seconds_to_samples(entry.pause))
        writer.silence(seconds_to_samples(config.tail_seconds))
    return Timeline(RATE, writer.samples, sha256_file(out), tuple(spans))
