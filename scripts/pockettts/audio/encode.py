"""Encodes a finished recording as M4B, MP3, Opus or FLAC with PyAV: streamed, with chapters exact to the sample.

Above `wav`; `publish` decides the tags. The bytes depend on the recording, the tags and the versions of
FFmpeg's libraries alone; those of AAC and Opus on the kind of processor, too, since their coders compute in floats.
"""

from __future__ import annotations

import base64
import io
import os
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import numpy as np

from pockettts.audio.id3 import id3_tag
from pockettts.audio.wav import BLOCK, read_blocks, remove_parts
from pockettts.errors import AudioError, EnvironmentNotReady
from pockettts.files import temporary_path
from pockettts.values import RATE, Int16, round_to_int16

AudioFormat = Literal["m4b", "mp3", "opus", "flac"]

# A chapter's title in an MP4's list is a byte of length and UTF-8, and FFmpeg cuts it in the middle of a character.
_LONGEST_TITLE = 250
_BITEXACT = 0x400
_COVER_TIME = Fraction(1, 90_000)


@dataclass(frozen=True, slots=True)
class ChapterMark:
    """A chapter of a recording: its title, first sample, and the sample after its last."""

    title: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG or PNG, with its size in pixels."""

    data: bytes
    media_type: Literal["image/jpeg", "image/png"]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file is encoded. `rate` is in Hz; `coder` is AAC's, `chpl` whether an MP4 has Nero's chapter list, too."""

    format: AudioFormat
    bitrate: int | None = None
    rate: int = RATE
    coder: Literal["twoloop", "fast"] = "twoloop"
    chpl: bool = True


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A part of a recording: samples `start` to `end` of a WAV file, with silence before and after, in samples.

    With a gain or a ceiling, a true peak that is not exceeded, its samples are changed accordingly.
    """

    path: Path
    start: int = 0
    end: int | None = None
    head: int = 0
    tail: int = 0
    gain_db: float = 0.0
    ceiling_dbtp: float | None = None

    def blocks(self) -> Iterator[Int16]:
        """Yield its samples in order, int16, shape (n,). Raises `AudioError`."""
        if not self.gain_db and self.ceiling_dbtp is None:
            yield from self._samples()
            return
        # Imported here: the rules of captions and pages read this module, too, and need no scipy.
        from pockettts.audio import dsp

        stream = dsp.gain(map(dsp.to_float, self._samples()), dsp.db_to_gain(self.gain_db))
        yield from map(round_to_int16, stream if self.ceiling_dbtp is None else dsp.limit(stream, self.ceiling_dbtp))

    def _samples(self) -> Iterator[Int16]:
        yield from _silence(self.head)
        position = 0
        for block in read_blocks(self.path):
            first, last = max(self.start - position, 0), len(block)
            if self.end is not None:
                last = min(last, self.end - position)
            if first < last:
                yield block[first:last]
            position += len(block)
            if self.end is not None and position >= self.end:
                break
        yield from _silence(self.tail)


def _silence(samples: int) -> Iterator[Int16]:
    while samples > 0:
        yield np.zeros(min(samples, BLOCK), np.int16)
        samples -= BLOCK


def encode(
    recording: Excerpt,
    out: Path,
    encoding: Encoding,
    tags: Mapping[str, str],
    chapters: Sequence[ChapterMark] = (),
    cover: Picture | None = None,
) -> None:
    """Encode a recording to `out`, which appears under its name only when it is complete.

    `tags` are by the names of `container_tags`, for mp3 by those of `id3_tag`; `chapters` are in samples of the file
    to be. In constant memory, but for the index of an MP4. Raises `AudioError`, and `EnvironmentNotReady` without PyAV.
    """
    try:
        import av
    except ImportError as error:
        raise EnvironmentNotReady(f"PyAV cannot be loaded ({error}), which encodes audio: run `make env`.") from None
    remove_parts(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = temporary_path(out, ".part")
    try:
        if encoding.format == "mp3":
            with part.open("w+b") as file:
                file.write(id3_tag(tags, chapters, cover))
                _write(_Shifted(file), recording, encoding, tags, chapters, cover)
        else:
            # By name: FFmpeg opens an MP4 a second time to move its index to the front.
            _write(str(part), recording, encoding, tags, chapters, cover)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(out)
    except (av.error.FFmpegError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise AudioError(f"{out} cannot be written: {reason}.") from None
    finally:
        part.unlink(missing_ok=True)


def library_versions() -> dict[str, str]:
    """Return the versions of FFmpeg's libraries that PyAV brings; empty without PyAV."""
    try:
        import av
    except ImportError:
        return {}
    return {name: ".".join(map(str, version)) for name, version in sorted(av.library_versions.items())}


# --- containers

_CONTAINERS: dict[AudioFormat, tuple[str, str]] = {
    "m4b": ("mp4", "aac"),
    "mp3": ("mp3", "libmp3lame"),
    "opus": ("ogg", "libopus"),
    "flac": ("flac", "flac"),
}


def _container_options(encoding: Encoding) -> dict[str, str]:
    if encoding.format == "m4b":
        # Chapter times are kept in the movie's time scale: in samples they are exact.
        flags = "+faststart" if encoding.chpl else "+faststart+disable_chpl"
        return {"movflags": flags, "brand": "M4B ", "movie_timescale": str(RATE)}
    return {"write_xing": "1", "id3v2_version": "0"} if encoding.format == "mp3" else {}


def _write(
    file: _Shifted | str,
    recording: Excerpt,
    encoding: Encoding,
    tags: Mapping[str, str],
    chapters: Sequence[ChapterMark],
    cover: Picture | None,
) -> None:
    import av

    name, codec = _CONTAINERS[encoding.format]
    container: Any = av.open(file, "w", format=name, options=_container_options(encoding))
    with container:
        container.flags = int(container.flags) | _BITEXACT
        if encoding.format != "mp3":
            container.metadata.update(tags)
        options = {"flags": "+bitexact"}
        if encoding.format == "m4b":
            options["aac_coder"] = encoding.coder
        stream = container.add_stream(codec, rate=encoding.rate, layout="mono", options=options)
        if encoding.bitrate:
            stream.bit_rate = encoding.bitrate
        if encoding.format == "m4b":
            container.set_chapters([_chapter(number, mark) for number, mark in enumerate(chapters, 1)])
        elif encoding.format in ("opus", "flac"):
            container.metadata.update(chapter_comments(chapters))
        if cover and encoding.format == "opus":
            container.metadata["METADATA_BLOCK_PICTURE"] = picture_block(cover)
        picture = _add_cover(container, cover) if cover and encoding.format in ("m4b", "flac") else None
        container.start_encoding()
        if picture is not None:
            container.mux_one(picture)
        for frame in _frames(recording.blocks(), encoding.rate, stream):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _chapter(number: int, mark: ChapterMark) -> dict[str, Any]:
    return {
        "id": number,
        "start": mark.start,
        "end": mark.end,
        "time_base": Fraction(1, RATE),
        "metadata": {"title": cut_title(mark.title)},
    }


def _add_cover(container: Any, cover: Picture) -> Any:
    """Add the stream of a cover; returns the packet to write to it first."""
    import av
    from av.stream import Disposition

    codec = "mjpeg" if cover.media_type == "image/jpeg" else "png"
    stream = container.add_mux_stream(codec, width=cover.width, height=cover.height)
    stream.disposition = Disposition.attached_pic
    # Without this comment the picture is of the kind "other".
    stream.metadata["comment"] = "Cover (front)"
    stream.time_base = _COVER_TIME
    packet = av.Packet(cover.data)
    packet.stream = stream
    packet.pts = packet.dts = 0
    packet.time_base = _COVER_TIME
    packet.is_keyframe = True
    return packet


def _frames(blocks: Iterable[Int16], rate: int, stream: Any) -> Iterator[Any]:
    """Yield frames of the recording as the codec takes them, resampled where its rate differs from `RATE`."""
    import av

    resampler = None
    if rate != RATE:
        resampler = av.AudioResampler(format=stream.codec_context.format.name, layout="mono", rate=rate)
    position = 0
    for block in blocks:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block)[None], format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.time_base = Fraction(1, RATE)
        frame.pts = position
        position += len(block)
        yield from resampler.resample(frame) if resampler else [frame]
    if resampler:
        yield from resampler.resample(None)


class _Shifted(io.RawIOBase):
    """A file whose current position counts as 0: muxers seek back to their first bytes, and a tag precedes them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._origin = file.tell()

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._file.write(data)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset + (self._origin if whence == os.SEEK_SET else 0), whence) - self._origin

    def tell(self) -> int:
        return self._file.tell() - self._origin


# --- chapters and pictures as comments


def cut_title(title: str) -> str:
    """Return a chapter's title as an MP4 can have it: cut to 250 bytes of UTF-8, at a character."""
    data = title.encode()
    return title if len(data) <= _LONGEST_TITLE else data[: _LONGEST_TITLE - 3].decode(errors="ignore") + "…"


def chapter_comments(chapters: Sequence[ChapterMark]) -> dict[str, str]:
    """Return chapters as comments of Vorbis (CHAPTER000 and CHAPTER000NAME), in milliseconds."""
    comments = {}
    for number, mark in enumerate(chapters):
        milliseconds = (mark.start * 1000 + RATE // 2) // RATE
        seconds, thousandths = divmod(milliseconds, 1000)
        clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{thousandths:03}"
        comments[f"CHAPTER{number:03}"] = clock
        comments[f"CHAPTER{number:03}NAME"] = mark.title
    return comments


def picture_block(cover: Picture) -> str:
    """Return a cover as Opus has it: FLAC's picture block in base64. Format: RFC 9639, section 8.8."""
    kind = cover.media_type.encode()
    head = struct.pack(">II", 3, len(kind)) + kind
    head += struct.pack(">IIIII", 0, cover.width, cover.height, 24, 0)
    return base64.b64encode(head + struct.pack(">I", len(cover.data)) + cover.data).decode()


def read_picture(data: bytes, name: str) -> Picture:
    """Read the size of a JPEG or PNG called `name`. Raises `AudioError` for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24:
        width, height = struct.unpack_from(">II", data, 16)
        return Picture(data, "image/png", width, height)
    size = _jpeg_size(data) if data.startswith(b"\xff\xd8") else None
    if size is None:
        raise AudioError(f"{name} is not a JPEG or PNG picture, so it cannot be the cover.")
    return Picture(data, "image/jpeg", *size)


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height from the frame header of a JPEG (ITU T.81, B.2.2); None if it has none."""
    position = 2
    while position + 9 < len(data) and data[position] == 0xFF:
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, position + 5)
            return cast(tuple[int, int], (width, height))
        position += 2 + length if marker != 0xFF else 1
    return None
