"""Samples to the bytes of an answer: WAV and PCM here, MP3, Opus, AAC and FLAC by PyAV, part by part.

All samples are 16 bit, little endian, mono, 24 kHz.
"""

from __future__ import annotations

import io
import struct
from typing import Any, Literal, Protocol, cast

from pockettts.errors import EnvironmentNotReady
from pockettts.values import RATE

Format = Literal["wav", "pcm", "mp3", "opus", "aac", "flac"]

MEDIA_TYPES: dict[Format, str] = {
    "wav": "audio/wav",
    "pcm": f"audio/pcm;rate={RATE};channels=1",
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
}

CONTENT = {media: {"schema": {"type": "string", "format": "binary"}} for media in MEDIA_TYPES.values()}
"""The content of an answer with audio, for the OpenAPI document."""

UNKNOWN_LENGTH = 0xFFFF_FFFF
"""The size in the header of a WAV that is still growing, as OpenAI's own service writes it."""


class Encoder(Protocol):
    """Turns samples into the bytes of a file: all results, joined, are the file."""

    def feed(self, audio: bytes) -> bytes:
        """Return the bytes that are ready after `audio`; the first call also returns the head of the file."""

    def end(self) -> bytes:
        """Return the rest of the file. Call it once, last."""


def wav_header(data_bytes: int) -> bytes:
    """Return the 44 bytes before the samples of a WAV file; `UNKNOWN_LENGTH` for one that is still growing."""
    riff = data_bytes if data_bytes == UNKNOWN_LENGTH else data_bytes + 36
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", riff, b"WAVE", b"fmt ", 16, 1, 1, RATE, RATE * 2, 2, 16, b"data", data_bytes
    )


class PlainEncoder:
    """WAV or PCM: `head` and then the samples, unchanged."""

    def __init__(self, head: bytes = b"") -> None:
        self._head = head

    def feed(self, audio: bytes) -> bytes:
        """As `Encoder.feed`."""
        head, self._head = self._head, b""
        return head + audio

    def end(self) -> bytes:
        """As `Encoder.end`."""
        return self.feed(b"")


class _Growing(io.RawIOBase):
    """A file for PyAV to write to: it holds the bytes until `take`, and cannot seek."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


# Container, codec, and options of the container: without a header that is completed at the end.
_CODECS: dict[str, tuple[str, str, dict[str, str]]] = {
    "mp3": ("mp3", "libmp3lame", {"write_xing": "0", "id3v2_version": "0"}),
    "opus": ("ogg", "libopus", {"page_duration": "200000"}),
    "aac": ("adts", "aac", {}),
    "flac": ("flac", "flac", {}),
}
_BIT_RATE = {"mp3": 96_000, "opus": 48_000, "aac": 96_000}


class CodecEncoder:
    """A format that PyAV encodes. Raises `EnvironmentNotReady` if PyAV is not installed.

    With `file`, which can seek, the length goes into the header of formats that have one.
    """

    def __init__(self, name: Format, file: io.BytesIO | None = None) -> None:
        try:
            import av
        except ImportError:
            raise EnvironmentNotReady(f"For {name} the server needs PyAV: run `make env`.") from None
        self._new_frame = av.AudioFrame
        container, codec, options = _CODECS[name]
        self._bytes = _Growing()
        self._container = av.open(file or self._bytes, "w", format=container, options=options)
        self._stream = cast(Any, self._container.add_stream(codec, rate=RATE, layout="mono"))
        if name in _BIT_RATE:
            self._stream.bit_rate = _BIT_RATE[name]
        self._samples = 0

    def feed(self, audio: bytes) -> bytes:
        """As `Encoder.feed`."""
        if audio:
            frame = self._new_frame(format="s16", layout="mono", samples=len(audio) // 2)
            frame.planes[0].update(audio)
            frame.sample_rate = RATE
            frame.pts = self._samples
            self._samples += len(audio) // 2
            self._container.mux(self._stream.encode(frame))
        return self._bytes.take()

    def end(self) -> bytes:
        """As `Encoder.end`."""
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._bytes.take()


def open_encoder(name: Format, *, data_bytes: int = UNKNOWN_LENGTH) -> Encoder:
    """Return the encoder of a format; `data_bytes` is the length of the samples, if known."""
    if name == "wav":
        return PlainEncoder(wav_header(data_bytes))
    return PlainEncoder() if name == "pcm" else CodecEncoder(name)


def encode(name: Format, audio: bytes) -> bytes:
    """Return a whole file of known length."""
    if name in _CODECS:
        file = io.BytesIO()
        codec = CodecEncoder(name, file)
        codec.feed(audio)
        codec.end()
        return file.getvalue()
    encoder = open_encoder(name, data_bytes=len(audio))
    return encoder.feed(audio) + encoder.end()
