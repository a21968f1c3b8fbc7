"""What is shown when: for each chunk its text as the book has it, not as it is spoken, and where it sounds.

Captions, EPUB and the chapters of all files are made of this.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate, groupby, pairwise
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
    """A chunk in a paragraph: its shown text, its samples in the recording, its place in the source, its paragraph."""

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
    members = _members([paragraph.start for _, paragraph in paragraphs], chunks)
    # A chapter without a sound has no place in the recording.
    numbers = {chapter: number for number, chapter in enumerate(sorted({chunk["chapter"] for chunk in chunks}))}
    shown: list[ShownParagraph] = []
    parts: list[tuple[int, Cue]] = []
    for (chapter, paragraph), own in zip(paragraphs, members, strict=True):
        if chapter not in numbers:
            continue
        texts = _divide(paragraph, [start for _, start in own])
        first = len(parts)
        for (number, start), text in zip(own, texts, strict=True):
            span, end = timeline.entries[number], min(chunks[number]["end"], paragraph.end)
            position = (start, max(start, end), numbers[chapter], len(shown))
            parts.append((number, Cue(_PAUSE_MARK.sub(" ", text).strip(), span.start, span.end, *position)))
        text = _PAUSE_MARK.sub(" ", paragraph.text).strip()
        place = (numbers[chapter], first, len(parts), paragraph.scene_break)
        shown.append(ShownParagraph(paragraph.kind, text, *place))
    cues = [
        cue for _, group in groupby(parts, key=lambda part: part[0]) for cue in _divide_time([cue for _, cue in group])
    ]
    titles = [manuscript.chapters[chapter].title for chapter in numbers]
    return CueSheet(timeline.samples, _chapters(titles, cues, timeline.samples), tuple(shown), tuple(cues))


def _members(starts: Sequence[int], chunks: Sequence[Mapping[str, Any]]) -> list[list[tuple[int, int]]]:
    """Return for each paragraph, of which `starts` has the offsets, its chunks and where each begins in it.

    A paragraph that is too short to be spoken alone shares a chunk with the next one.
    """
    members: list[list[tuple[int, int]]] = [[] for _ in starts]
    for number, chunk in enumerate(chunks):
        paragraph = max(0, bisect_left(starts, chunk["start"] + 1) - 1)
        members[paragraph].append((number, chunk["start"]))
        for following in range(paragraph + 1, bisect_left(starts, chunk["end"])):
            members[following].append((number, starts[following]))
    return members


def _divide_time(cues: Sequence[Cue]) -> Iterator[Cue]:
    """Divide the time of a chunk among its cues, one in each of its paragraphs, by their characters."""
    start, end = cues[0].start, cues[0].end
    positions = list(accumulate((len(cue.text) for cue in cues), initial=0))
    borders = [start + (end - start) * position // (positions[-1] or 1) for position in positions]
    for cue, (begin, stop) in zip(cues, pairwise([start, *borders[1:-1], end]), strict=True):
        yield replace(cue, start=begin, end=stop)


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
