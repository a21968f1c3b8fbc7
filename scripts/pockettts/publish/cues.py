"""What is shown when: for each chunk its text as the book has it, not as it is spoken, and where it sounds.

Captions, EPUB and the chapters of all files are made of this.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pockettts.audio.encode import ChapterMark
from pockettts.audio.join import Timeline
from pockettts.errors import AudioError
from pockettts.text.chapters import Manuscript, Paragraph

_PAUSE_MARK = re.compile(r"\s*\[\s*pause\b[^\]]{0,40}\]\s*", re.I)
_CLOSING = ".,;:!?…”’»›)]}"
_OPENING = "“‘«„‚([{¿¡"


@dataclass(frozen=True, slots=True)
class Cue:
    """A chunk: its shown text, its samples in the recording, its place in the source, and its paragraph in the book."""

    text: str
    start: int
    end: int
    source_start: int
    source_end: int
    chapter: int
    paragraph: int


@dataclass(frozen=True, slots=True)
class ShownParagraph:
    """A paragraph as it is shown: cues `first` to `last` (exclusive) are its text; `scene_break`: a scene ends here."""

    kind: str
    text: str
    chapter: int
    first: int
    last: int
    scene_break: bool = False


@dataclass(frozen=True, slots=True)
class CueSheet:
    """results/{book}/cues.json: the chapters that sound, in samples, the paragraphs and the cues."""

    samples: int
    chapters: tuple[ChapterMark, ...]
    paragraphs: tuple[ShownParagraph, ...]
    cues: tuple[Cue, ...]

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> CueSheet:
        """Read what `as_json` returned. Raises `AudioError` for anything else."""
        try:
            return cls(
                values["samples"],
                tuple(ChapterMark(**mark) for mark in values["chapters"]),
                tuple(ShownParagraph(**paragraph) for paragraph in values["paragraphs"]),
                tuple(Cue(**cue) for cue in values["cues"]),
            )
        except (KeyError, TypeError):
            raise AudioError("The cues are not in the format of this version; delete cues.json and build it.") from None


def make_cues(manuscript: Manuscript, chunks: Sequence[Mapping[str, Any]], timeline: Timeline) -> CueSheet:
    """Match paragraphs with chunks and timeline; `chunks` are those of chunks.json, in order.

    All text of a paragraph that is spoken is in its cues: what stands between two chunks, such as a comma, goes to the
    one before, and what opens, such as a quotation mark, to the one behind. Raises `AudioError` when the three do not
    belong together.
    """
    if len(chunks) != len(timeline.entries):
        raise AudioError("The recording is not of this text: build the book again.")
    paragraphs = [
        (number, paragraph) for number, chapter in enumerate(manuscript.chapters) for paragraph in chapter.paragraphs
    ]
    starts = [paragraph.start for _, paragraph in paragraphs]
    members: list[list[int]] = [[] for _ in paragraphs]
    for number, chunk in enumerate(chunks):
        members[max(0, bisect_left(starts, chunk["start"] + 1) - 1)].append(number)
    # A chapter without a sound has no place in the recording.
    numbers = {chapter: number for number, chapter in enumerate(sorted({chunk["chapter"] for chunk in chunks}))}
    shown: list[ShownParagraph] = []
    cues: list[Cue] = []
    for (chapter, paragraph), chunk_numbers in zip(paragraphs, members, strict=True):
        if chapter not in numbers:
            continue
        texts = _divide(paragraph, [chunks[number]["start"] for number in chunk_numbers])
        first = len(cues)
        for number, text in zip(chunk_numbers, texts, strict=True):
            span, chunk = timeline.entries[number], chunks[number]
            position = (chunk["start"], chunk["end"], numbers[chapter], len(shown))
            cues.append(Cue(_PAUSE_MARK.sub(" ", text).strip(), span.start, span.end, *position))
        text = _PAUSE_MARK.sub(" ", paragraph.text).strip()
        place = (numbers[chapter], first, len(cues), paragraph.scene_break)
        shown.append(ShownParagraph(paragraph.kind, text, *place))
    titles = [manuscript.chapters[chapter].title for chapter in numbers]
    return CueSheet(timeline.samples, _chapters(titles, cues, timeline.samples), tuple(shown), tuple(cues))


def _divide(paragraph: Paragraph, starts: Sequence[int]) -> list[str]:
    """Cut a paragraph's text where its chunks begin in the source."""
    text, mapped = paragraph.text, paragraph.mapped
    borders = [0]
    for start in starts[1:]:
        at = bisect_left(mapped.starts, start, borders[-1])
        while at < len(text) and text[at] in _CLOSING:
            at += 1
        while at > borders[-1] and text[at - 1] in _OPENING:
            at -= 1
        # A straight quotation mark after a space opens.
        if at - 1 > borders[-1] and text[at - 1] in "\"'" and text[at - 2].isspace():
            at -= 1
        borders.append(at)
    return [text[begin:end] for begin, end in zip(borders, [*borders[1:], len(text)], strict=True)] if starts else []


def _chapters(titles: Sequence[str], cues: Sequence[Cue], samples: int) -> tuple[ChapterMark, ...]:
    """Return the chapters end to end: the first begins with the recording, each other with its first cue."""
    starts: dict[int, int] = {}
    for cue in cues:
        starts.setdefault(cue.chapter, cue.start)
    borders = [0, *(starts[number] for number in range(1, len(titles))), samples]
    return tuple(ChapterMark(title, borders[number], borders[number + 1]) for number, title in enumerate(titles))
