"""The audio files of a book: one for all of it, or one for each chapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

from pockettts.audio.encode import Encoding, Excerpt, encode
from pockettts.config import PublishConfig
from pockettts.errors import AudioError
from pockettts.publish.cues import CueSheet
from pockettts.publish.material import Material
from pockettts.publish.tags import BookTags, id3_tags, mp4_tags, vorbis_tags
from pockettts.values import RATE

BookKind = Literal["m4b", "opus", "flac"]
KINDS: tuple[BookKind, ...] = get_args(BookKind)
"""The kinds of files that hold a whole book, by their suffixes."""

_OPUS_RATE = 48_000


def _encodings(settings: PublishConfig) -> Mapping[BookKind, Encoding]:
    m4b = settings.m4b
    return {
        "m4b": Encoding("m4b", m4b.bitrate * 1000, coder=m4b.coder, chpl=m4b.chpl),
        "opus": Encoding("opus", settings.opus.bitrate * 1000, _OPUS_RATE),
        "flac": Encoding("flac"),
    }


def encode_book(kind: BookKind, audio: Path, out: Path, material: Material) -> None:
    """Encode a whole book with its chapters. Raises `AudioError`."""
    tags = mp4_tags(material.tags) if kind == "m4b" else vorbis_tags(material.tags)
    encoding = _encodings(material.settings)[kind]
    encode(Excerpt(audio), out, encoding, tags, material.sheet.chapters, material.cover)


def encode_chapter(part: int, audio: Path, out: Path, material: Material) -> None:
    """Encode chapter `part`, from 1, as MP3: from its first word to the next chapter's. Raises `AudioError`."""
    chapters = material.sheet.chapters
    if not 1 <= part <= len(chapters):
        raise AudioError(f"{out}: the book has {len(chapters)} chapters, and none with the number {part}.")
    mark = chapters[part - 1]
    frames = id3_tags(material.tags, mark.title, part, len(chapters))
    encoding = Encoding("mp3", material.settings.mp3.bitrate * 1000)
    encode(Excerpt(audio, mark.start, mark.end), out, encoding, frames, (), material.cover)


def playlist(sheet: CueSheet, tags: BookTags, files: Sequence[str]) -> str:
    """Return an M3U playlist in UTF-8 of the files of all chapters."""
    lines = ["#EXTM3U", f"#PLAYLIST:{' '.join(tags.title.split())}"]
    for mark, name in zip(sheet.chapters, files, strict=True):
        lines += [f"#EXTINF:{(mark.end - mark.start) / RATE:.3f},{' '.join(mark.title.split())}", name]
    return "\n".join(lines) + "\n"
