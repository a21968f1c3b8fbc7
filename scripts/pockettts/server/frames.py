"""What server and worker send each other through pipes: a length, a kind, and JSON or samples. Nothing is unpickled.

    server -> worker    START {...}   SPEAK {id, ...}   CANCEL {id}
    worker -> server    READY {...}   AUDIO samples     DONE {id}   FAILED {kind, message, exit_code}

A frame is the length of its payload (4 bytes, little endian), its kind (1 byte) and the payload.
"""

from __future__ import annotations

import asyncio
import json
import struct
from enum import IntEnum
from typing import Any, BinaryIO, NamedTuple

HEADER = struct.Struct("<IB")
MAX_BYTES = 1 << 28
"""No frame is longer; a header that says so is not one of ours."""


class Kind(IntEnum):
    """What a frame holds."""

    START = 1
    SPEAK = 2
    CANCEL = 3
    READY = 4
    AUDIO = 5
    DONE = 6
    FAILED = 7


class Frame(NamedTuple):
    """One message: samples (16 bit, little endian, mono, 24 kHz) if it is AUDIO, else a JSON object."""

    kind: Kind
    payload: bytes

    @property
    def values(self) -> dict[str, Any]:
        """The JSON object."""
        return dict(json.loads(self.payload))


class BadFrame(Exception):
    """What came is no frame."""


def pack(kind: Kind, payload: bytes | dict[str, Any] = b"") -> bytes:
    """Return the bytes of a frame."""
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return HEADER.pack(len(data), kind) + data


def _parse_header(header: bytes) -> tuple[int, Kind]:
    size, kind = HEADER.unpack(header)
    if size > MAX_BYTES or kind not in Kind.__members__.values():
        raise BadFrame(f"not a frame: {header.hex()}")
    return size, Kind(kind)


def read(stream: BinaryIO) -> Frame | None:
    """Read a frame; None at the end of the stream, also in the middle of a frame. Raises `BadFrame`."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    size, kind = _parse_header(header)
    payload = stream.read(size)
    return Frame(kind, payload) if len(payload) == size else None


async def receive(stream: asyncio.StreamReader) -> Frame | None:
    """Read a frame as `read` does, without waiting in the way of others."""
    try:
        size, kind = _parse_header(await stream.readexactly(HEADER.size))
        return Frame(kind, await stream.readexactly(size))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
