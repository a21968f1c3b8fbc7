"""What server and worker send each other through pipes: a length, a kind, and JSON or samples. Nothing is unpickled.

    server -> worker    START {...}   SPEAK {id, request}   CANCEL {id}
    worker -> server    READY         AUDIO samples         DONE {id}     FAILED {kind, message, exit_code, code}

A message is the length of its payload (4 bytes, little endian), its kind (1 byte) and the payload.
"""

from __future__ import annotations

import json
import struct
from enum import IntEnum
from typing import Any, BinaryIO, NamedTuple

HEADER = struct.Struct("<IB")
MAX_BYTES = 1 << 28
"""No message is longer; a header with a greater length is damaged."""


class MessageKind(IntEnum):
    """What a message holds."""

    START = 1
    SPEAK = 2
    CANCEL = 3
    READY = 4
    AUDIO = 5
    DONE = 6
    FAILED = 7


class Message(NamedTuple):
    """A kind and its payload: samples (16 bit, little endian, mono, 24 kHz) for AUDIO, else a JSON object."""

    kind: MessageKind
    payload: bytes

    @property
    def values(self) -> dict[str, Any]:
        """The JSON object."""
        return dict(json.loads(self.payload))


class BadMessage(Exception):
    """The bytes in a pipe are not a message."""


def pack(kind: MessageKind, payload: bytes | dict[str, Any] = b"{}") -> bytes:
    """Return the bytes of a message."""
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return HEADER.pack(len(data), kind) + data


def parse_header(header: bytes) -> tuple[int, MessageKind]:
    """Return the length of the payload and the kind of a message. Raises `BadMessage`."""
    size, kind = HEADER.unpack(header)
    if size > MAX_BYTES or kind not in MessageKind.__members__.values():
        raise BadMessage(f"not the header of a message: {header.hex()}")
    return size, MessageKind(kind)


def read(stream: BinaryIO) -> Message | None:
    """Read a message; None at the end of the stream, also inside a message. Raises `BadMessage`."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    size, kind = parse_header(header)
    payload = stream.read(size)
    return Message(kind, payload) if len(payload) == size else None
