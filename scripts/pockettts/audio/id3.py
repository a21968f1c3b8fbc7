"""ID3v2.3 for MP3: text, comments, series, chapters and a cover, as audiobook players read them.

Version 2.3, not 2.4: more players read its chapters. Format: id3.org, "ID3 tag version 2.3.0" and "ID3v2 Chapter Frame
Addendum V1.0".
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pockettts.values import RATE

if TYPE_CHECKING:
    from pockettts.audio.encode import ChapterMark, Picture

_UTF16 = b"\x01"
_LATIN1 = b"\x00"
MAX_CHAPTERS = 255
"""The table of contents of a tag counts its chapters in one byte."""


def id3_tag(tags: Mapping[str, str], chapters: Sequence[ChapterMark] = (), cover: Picture | None = None) -> bytes:
    """Return a tag. `tags` are by frame, such as TIT2, COMM or TXXX:NAME; chapters are in milliseconds."""
    frames = [_text_frame(name, text) for name, text in tags.items() if text]
    if chapters and len(chapters) <= MAX_CHAPTERS:
        names = [f"ch{number:03}".encode() for number in range(len(chapters))]
        contents = b"toc\0" + bytes([3, len(names)]) + b"".join(name + b"\0" for name in names)
        frames.append(_frame("CTOC", contents))
        frames += [_chapter(name, mark) for name, mark in zip(names, chapters, strict=True)]
    if cover:
        kind = cover.media_type.encode()
        frames.append(_frame("APIC", _LATIN1 + kind + b"\0\x03\0" + cover.data))
    body = b"".join(frames)
    # Each of the four bytes of the size has seven bits.
    size = bytes((len(body) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\x00\x00" + size + body


def _frame(name: str, body: bytes) -> bytes:
    return name.encode() + struct.pack(">IH", len(body), 0) + body


def _encoded(text: str) -> bytes:
    return b"\xff\xfe" + text.encode("utf-16-le")


def _text_frame(name: str, text: str) -> bytes:
    frame, _, description = name.partition(":")
    if frame == "COMM":
        return _frame(frame, _UTF16 + b"eng" + _encoded("") + b"\0\0" + _encoded(text))
    if frame == "TXXX":
        return _frame(frame, _UTF16 + _encoded(description) + b"\0\0" + _encoded(text))
    return _frame(frame, _UTF16 + _encoded(text))


def _chapter(name: bytes, mark: ChapterMark) -> bytes:
    start, end = ((sample * 1000 + RATE // 2) // RATE for sample in (mark.start, mark.end))
    body = name + b"\0" + struct.pack(">IIII", start, end, 0xFFFF_FFFF, 0xFFFF_FFFF)
    return _frame("CHAP", body + _text_frame("TIT2", mark.title))
