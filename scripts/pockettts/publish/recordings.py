"""The audio files of a book: one for all of it, or one for each chapter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pockettts.audio.encode import Encoding, Excerpt, Picture, encode
from pockettts.config import PublishConfig
from pockettts.errors import AudioError
from pockettts.publish.cues import CueSheet
from pockettts.publish.tags import BookTags, id3_tags, mp4_tags, vorbis_tags

OPUS_RATE = 48_000


def encode_book(
    kind: str, audio: Path, out: Path, config: PublishConfig, sheet: CueSheet, tags: BookTags, cover: Picture | None
) -> None:
    """Encode a whole book as m4b, opus or flac. Raises `AudioError`."""
    recording = Excerpt(audio)
    if kind == "m4b":
        how = Encoding("m4b", config.m4b.bitrate * 1000, coder=config.m4b.coder, chpl=config.m4b.chpl)
        encode(recording, out, how, mp4_tags(tags), sheet.chapters, cover)
    elif kind == "opus":
        how = Encoding("opus", config.opus.bitrate * 1000, OPUS_RATE)
        encode(recording, out, how, vorbis_tags(tags), sheet.chapters, cover)
    else:
        encode(recording, out, Encoding("flac"), vorbis_tags(tags), sheet.chapters, cover)


def encode_part(
    part: int, audio: Path, out: Path, config: PublishConfig, sheet: CueSheet, tags: BookTags, cover: Picture | None
) -> None:
    """Encode chapter `part`, from 1, as MP3: from its first word to the next chapter's. Raises `AudioError`."""
    if not 1 <= part <= len(sheet.chapters):
        raise AudioError(f"{out}: the book has {len(sheet.chapters)} chapters, and none with the number {part}.")
    mark = sheet.chapters[part - 1]
    frames = id3_tags(tags, mark.title, part, len(sheet.chapters))
    encode(Excerpt(audio, mark.start, mark.end), out, Encoding("mp3", config.mp3.bitrate * 1000), frames, (), cover)


def playlist(sheet: CueSheet, tags: BookTags, files: Sequence[str]) -> str:
    """Return an M3U playlist in UTF-8 of the files of all chapters."""
    lines = ["#EXTM3U", f"#PLAYLIST:{' '.join(tags.title.split())}"]
    for mark, name in zip(sheet.chapters, files, strict=True):
        lines += [f"#EXTINF:{(mark.end - mark.start) / 24_000:.3f},{' '.join(mark.title.split())}", name]
    return "\n".join(lines) + "\n"
