"""WAV in and out: the pipe of an engine, the takes of the store, and the streams of a book.

Everything is 24 kHz mono 16-bit PCM. A file beyond 4 GiB is RF64 (EBU Tech 3306): the writers here choose it,
and the readers take both.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import os
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np

from pockettts.errors import AudioError
from pockettts.values import RATE, Int16

BLOCK = 1 << 16
RIFF_LIMIT = 0xFFFF_FFFF

_PCM, _EXTENSIBLE = 1, 0xFFFE
_JUNK_BYTES = 28
_LARGEST_HEADER = 1 << 20


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the samples of a file begin, and how many bytes its header promises (None: until the end)."""

    offset: int
    promised: int | None


class _Malformed(Exception):
    """The header is wrong; the message completes "<file> ...". Never leaves this module."""


def _check_format(body: bytes) -> None:
    if len(body) < 16:
        raise _Malformed("has a truncated format chunk")
    tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", body[:16])
    if tag == _EXTENSIBLE and len(body) >= 26:
        (tag,) = struct.unpack("<H", body[24:26])
    if (tag, channels, rate, bits) == (_PCM, 1, RATE, 16):
        return
    kind = {_PCM: "PCM", 3: "float"}.get(tag, f"format {tag}")
    sides = {1: "mono", 2: "stereo"}.get(channels, f"{channels} channels")
    raise _Malformed(f"is {rate} Hz, {sides}, {bits}-bit {kind}; 24000 Hz, mono, 16-bit PCM is needed")


def _layout(head: bytes) -> _Layout:
    """Walk the chunks of `head`, the first bytes of a WAV file, to its samples.

    Format: RIFF/WAVE as in Microsoft's "Multimedia Programming Interface 1.0", RF64 and ds64 as in EBU Tech 3306.
    """
    if len(head) < 12 or head[:4] not in (b"RIFF", b"RF64") or head[8:12] != b"WAVE":
        raise _Malformed("is not a WAV file" if head else "is empty")
    long_data: int | None = None
    format_seen = False
    position = 12
    while position + 8 <= len(head):
        name, size = struct.unpack_from("<4sI", head, position)
        position += 8
        if name == b"data":
            if not format_seen:
                raise _Malformed("has no format chunk before its samples")
            return _Layout(position, long_data if size == RIFF_LIMIT else size)
        body = head[position : position + size]
        if name == b"fmt ":
            _check_format(body)
            format_seen = True
        elif name == b"ds64" and len(body) >= 16:
            (long_data,) = struct.unpack_from("<Q", body, 8)
        position += size + size % 2
    raise _Malformed("has a truncated header")


def parse_piped_wav(data: bytes) -> Int16:
    """Decode a WAV that was written into a pipe, where no size in the header can be trusted.

    `pocket-tts generate --output-path -` announces 2,000,000,000 bytes whatever it writes, so the samples are all that
    follows the data header. A trailing half sample is dropped. Returns int16, shape (samples,), possibly empty.
    Raises `AudioError` when the header is truncated or names a format other than 24 kHz mono 16-bit.
    """
    try:
        layout = _layout(data)
    except _Malformed as problem:
        raise AudioError(f"The audio from the engine {problem}.") from None
    whole = (len(data) - layout.offset) // 2
    return np.frombuffer(data, dtype="<i2", count=whole, offset=layout.offset).astype(np.int16)


def decode_wav(data: bytes, name: str) -> Int16:
    """Decode the bytes of a complete WAV file; `name` is what an error calls it.

    Returns int16, shape (samples,). Raises `AudioError` when the format is wrong or bytes are missing.
    """
    try:
        layout = _layout(data)
        _check_complete(layout, len(data))
    except _Malformed as problem:
        raise AudioError(f"{name} {problem}.") from None
    count = (_data_bytes(layout, len(data))) // 2
    return np.frombuffer(data, dtype="<i2", count=count, offset=layout.offset).astype(np.int16)


def _data_bytes(layout: _Layout, total: int) -> int:
    available = total - layout.offset
    return available if layout.promised is None else min(available, layout.promised)


def _check_complete(layout: _Layout, total: int) -> None:
    if layout.promised is not None and layout.promised > total - layout.offset:
        raise _Malformed(
            f"is truncated: its header promises {layout.promised} bytes of audio and it holds {total - layout.offset}"
        )


def _open_data(path: Path) -> tuple[BinaryIO, int]:
    """Open a WAV file at its first sample; returns the file and the count of its samples."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise AudioError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        total = os.fstat(file.fileno()).st_size
        layout = _layout(file.read(_LARGEST_HEADER))
        _check_complete(layout, total)
        file.seek(layout.offset)
    except _Malformed as problem:
        file.close()
        raise AudioError(f"{path} {problem}.") from None
    return file, _data_bytes(layout, total) // 2


def wav_length(path: Path) -> int:
    """Count the samples of a WAV file, from its header. Raises `AudioError` as `read_blocks` does."""
    file, samples = _open_data(path)
    file.close()
    return samples


def read_blocks(path: Path, block: int = BLOCK) -> Iterator[Int16]:
    """Yield the samples of a WAV or RF64 file in order, int16, shape (up to `block`,).

    Raises `AudioError` when the file is missing, of a different format, or shorter than its header says.
    """
    file, left = _open_data(path)
    with file:
        while left:
            data = file.read(2 * min(block, left))
            if not data:
                raise AudioError(f"{path} became shorter while it was read.")
            left -= len(data) // 2
            yield np.frombuffer(data, dtype="<i2").astype(np.int16)


def read_wav(path: Path) -> Int16:
    """Read all samples of a WAV file at once, int16, shape (samples,): for takes, not for books.

    Raises `AudioError` as `read_blocks` does.
    """
    try:
        return decode_wav(path.read_bytes(), str(path))
    except OSError as error:
        raise AudioError(f"{path} cannot be read: {error.strerror}.") from None


def read_slice(path: Path, start: int, samples: int) -> Int16:
    """Read the samples [start, start + samples) of a WAV file, int16, shape (samples,).

    Raises `AudioError` as `read_blocks` does, and where the file ends before the slice.
    """
    file, total = _open_data(path)
    with file:
        file.seek(2 * start, os.SEEK_CUR)
        data = file.read(2 * samples) if start + samples <= total else b""
    if len(data) < 2 * samples:
        raise AudioError(f"{path} holds {total} samples, and {start + samples} are expected.")
    return np.frombuffer(data, dtype="<i2").astype(np.int16)


def wav_sha256(samples: Int16) -> str:
    """Return the sha256 of the file that `write_wav` makes of these samples, in hex."""
    digest = hashlib.sha256(_header(len(samples), reserve=False, limit=RIFF_LIMIT))
    digest.update(samples.astype("<i2", copy=False).tobytes())
    return digest.hexdigest()


def _header(samples: int, *, reserve: bool, limit: int) -> bytes:
    """Header for `samples` samples: plain RIFF, RIFF with room for a ds64 chunk (`reserve`), or RF64 past `limit`."""
    size = 2 * samples
    long = size + 72 > limit
    format_chunk = struct.pack("<4sIHHIIHH", b"fmt ", 16, _PCM, 1, RATE, 2 * RATE, 2, 16)
    if long:
        first = struct.pack("<4sIQQQI", b"ds64", _JUNK_BYTES, size + 72, size, samples, 0)
        return b"RF64\xff\xff\xff\xffWAVE" + first + format_chunk + b"data\xff\xff\xff\xff"
    room = struct.pack("<4sI28x", b"JUNK", _JUNK_BYTES) if reserve else b""
    chunks = b"WAVE" + room + format_chunk + struct.pack("<4sI", b"data", size)
    return struct.pack("<4sI", b"RIFF", len(chunks) + size) + chunks


def remove_parts(path: Path) -> None:
    """Delete the temporary files of killed writers of `path`. Only for a file that has one writer at a time."""
    name = glob.escape(path.name)
    for pattern in (f".{name}.*.part", f"..{name}.*.part"):  # the second: of a writer of the first
        for part in path.parent.glob(pattern):
            part.unlink(missing_ok=True)


class WavWriter:
    """Streams int16 samples into a WAV file that appears under its name only when it is complete.

    Use as a context manager: leaving it normally finishes, syncs and renames the file; leaving it by an exception
    deletes the temporary one. With `samples` given the header is final from the start (44 bytes up to 4 GiB) and a
    different count is an error; without it, room for RF64's sizes is kept in a JUNK chunk. `limit` is the largest RIFF
    size. Raises `AudioError` in one sentence when the disk is full or the folder cannot be written.
    """

    def __init__(self, path: Path, samples: int | None = None, *, limit: int = RIFF_LIMIT) -> None:
        self.path = path
        self.samples = 0
        self._expected = samples
        self._limit = limit
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        except OSError as error:
            raise self._failure(error) from None
        self._part = Path(name)
        self._file: BinaryIO = os.fdopen(handle, "wb")
        self._write(_header(samples or 0, reserve=samples is None, limit=limit))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._commit()
        else:
            self._discard()

    def write(self, samples: Int16) -> None:
        """Append samples, int16, shape (n,)."""
        self._write(samples.astype("<i2", copy=False).tobytes())
        self.samples += len(samples)

    def silence(self, samples: int) -> None:
        """Append `samples` zero samples."""
        while samples > 0:
            count = min(samples, BLOCK)
            self.write(np.zeros(count, np.int16))
            samples -= count

    def _write(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            self._discard()
            raise self._failure(error) from None

    def _commit(self) -> None:
        if self._expected is not None and self._expected != self.samples:
            self._discard()
            raise AudioError(f"{self.path}: {self.samples} samples were written where {self._expected} were announced.")
        try:
            if self._expected is None:
                self._file.seek(0)
                self._file.write(_header(self.samples, reserve=True, limit=self._limit))
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            # mkstemp makes private files; a result gets the usual permissions.
            self._part.chmod(0o666 & ~_umask())
            self._part.replace(self.path)
        except OSError as error:
            self._discard()
            raise self._failure(error) from None

    def _discard(self) -> None:
        # Closing flushes the buffer, which fails again on a full disk.
        with contextlib.suppress(OSError):
            self._file.close()
        self._part.unlink(missing_ok=True)

    def _failure(self, error: OSError) -> AudioError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return AudioError(f"{self.path} cannot be written: the disk is full; free some space and start again.")
        return AudioError(f"{self.path} cannot be written: {error.strerror or error}.")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_wav(path: Path, samples: Int16) -> None:
    """Write int16 samples, shape (n,), as one WAV file, atomically. Raises `AudioError` as `WavWriter` does."""
    with WavWriter(path, len(samples)) as writer:
        writer.write(samples)
