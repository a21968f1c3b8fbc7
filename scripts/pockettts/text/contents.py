"""What a manuscript holds: its chapters with their words, what is left out, and why. For `pockettts book contents`."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from pockettts.text.chapters import Manuscript
from pockettts.text.reading import Omission, Reading, account
from pockettts.text.source import Metadata

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class ChapterSummary:
    """A chapter: its title, where it begins, and how many words of it are spoken."""

    title: str
    place: str
    start: int
    words: int


@dataclass(frozen=True, slots=True)
class Contents:
    """The chapters of a manuscript, and the account of what is not spoken."""

    title: str
    metadata: Metadata
    chapters: tuple[ChapterSummary, ...]
    reading: Reading
    words_left_out: tuple[int, ...]

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "title": self.title,
            "metadata": asdict(self.metadata),
            "chapters": [asdict(chapter) for chapter in self.chapters],
            **self.reading.as_json(),
        }

    def lines(self) -> list[str]:
        """Return a line for each chapter and each longer passage that is left out, in order, then one for each kind."""
        rows = [
            (chapter.start, f"{number:>4}  {chapter.words:>8,} words  {chapter.title}  ({chapter.place})")
            for number, chapter in enumerate(self.chapters, 1)
        ]
        rows += [
            (omission.start, f"   -  {words:>8,} words  left out: {omission.kind}  ({omission.place})")
            for omission, words in zip(self.reading.omissions, self.words_left_out, strict=True)
            if _is_long(omission)
        ]
        return [line for _, line in sorted(rows)] + ["", *self.reading.summary()]


def _is_long(omission: Omission) -> bool:
    return omission.letters > 100 and omission.kind != "footnote"


def contents_of(manuscript: Manuscript) -> Contents:
    """Return the contents of a manuscript."""
    chapters = tuple(
        ChapterSummary(
            chapter.title,
            manuscript.place(chapter.paragraphs[0].start),
            chapter.paragraphs[0].start,
            sum(len(_WORD.findall(paragraph.text)) for paragraph in chapter.paragraphs),
        )
        for chapter in manuscript.chapters
    )
    paragraphs = [paragraph.mapped for chapter in manuscript.chapters for paragraph in chapter.paragraphs]
    document = manuscript.document
    notes = tuple(document.notes) if document else ()
    reading = account(manuscript.source, paragraphs, manuscript.left_out, manuscript.place, notes=notes)
    words = tuple(len(_WORD.findall(manuscript.source, one.start, one.end)) for one in reading.omissions)
    return Contents(manuscript.title, document.metadata if document else Metadata(), chapters, reading, words)
