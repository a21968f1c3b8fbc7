"""SubRip and WebVTT: cues in lines that a screen can hold.

A chunk's times are exact. A chunk of more text than a caption holds is divided, and the times inside it follow from
the numbers of characters.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pockettts.config import CaptionConfig
from pockettts.publish.cues import Cue, CueSheet
from pockettts.values import RATE


@dataclass(frozen=True, slots=True)
class Caption:
    """One caption: its lines, and its first and last millisecond."""

    lines: tuple[str, ...]
    start: int
    end: int
    cue: int


def milliseconds(sample: int) -> int:
    """Return the millisecond that is nearest to a sample."""
    return (sample * 1000 + RATE // 2) // RATE


def clock(time: int, point: str = ".") -> str:
    """Write milliseconds as 01:23:45.678."""
    seconds, thousandths = divmod(time, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{thousandths:03}"


def make_captions(sheet: CueSheet, config: CaptionConfig) -> list[Caption]:
    """Return the captions of a book, in order and without overlap."""
    return [
        Caption(tuple(_wrap(part.text, config.line)), milliseconds(part.start), milliseconds(part.end), number)
        for number, cue in enumerate(sheet.cues)
        if cue.text
        for part in _split(cue, config)
    ]


def srt(captions: Sequence[Caption]) -> str:
    """Write captions as SubRip."""
    return "\n".join(
        f"{number}\n{clock(caption.start, ',')} --> {clock(caption.end, ',')}\n" + "\n".join(caption.lines) + "\n"
        for number, caption in enumerate(captions, 1)
    )


def vtt(captions: Sequence[Caption], sheet: CueSheet) -> str:
    """Write captions as WebVTT (W3C), with a note where a chapter begins."""
    blocks = ["WEBVTT\n"]
    chapter = -1
    for number, caption in enumerate(captions, 1):
        current = sheet.cues[caption.cue].chapter
        if current != chapter:
            chapter = current
            title = sheet.chapters[chapter].title.replace("-->", "→")
            blocks.append(f"NOTE chapter {chapter + 1}: {title}\n")
        text = html.escape("\n".join(caption.lines), quote=False)
        blocks.append(f"{number}\n{clock(caption.start)} --> {clock(caption.end)}\n{text}\n")
    return "\n".join(blocks)


def _wrap(text: str, width: int) -> Iterator[str]:
    """Yield lines of up to `width` characters; a longer word stands alone."""
    line = ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    if line:
        yield line


def _split(cue: Cue, config: CaptionConfig) -> Iterator[Cue]:
    """Divide a cue into parts that fit into a caption, its time by their characters."""
    lines = list(_wrap(cue.text, config.line))
    count = -(-len(lines) // config.lines)
    each, longer = divmod(len(lines), count)
    texts = []
    for number in range(count):
        size = each + (number < longer)
        texts.append(" ".join(lines[:size]))
        lines = lines[size:]
    total, position, start = sum(map(len, texts)), 0, cue.start
    for text in texts:
        position += len(text)
        end = cue.start + (cue.end - cue.start) * position // total
        yield replace(cue, text=text, start=start, end=end)
        start = end
