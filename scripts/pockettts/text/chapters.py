"""A book as read: chapters of paragraphs, and the builder that every reader of a format fills."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pockettts.errors import ManuscriptError
from pockettts.text.cleaning import speaks
from pockettts.text.mapped import Mapped
from pockettts.text.reading import Kind, LeftOut
from pockettts.text.source.structure import SourceText


@dataclass(frozen=True, slots=True)
class Paragraph:
    """What is spoken in one go: a heading or a paragraph, cleaned, with its span in the decoded source.

    `scene_break` says that a mark such as `* * *` follows. `mapped` is `text` with the offset of each character.
    """

    kind: Literal["heading", "paragraph"]
    text: str
    start: int
    end: int
    scene_break: bool = False
    mapped: Mapped = field(default_factory=lambda: Mapped.of(""), repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Chapter:
    """A title and paragraphs; the heading itself is among the paragraphs, as the first."""

    title: str
    paragraphs: tuple[Paragraph, ...]


@dataclass(frozen=True, slots=True)
class Manuscript:
    """A book as read: its title, the encoding it was decoded with, and its chapters in order.

    `name` (the file) and `line_starts` (offset of each line) are for messages. `source` is the text that offsets count
    in, and `left_out` what the reader does not speak of it. A source of several parts, such as the files of an EPUB,
    has in `parts` the offset at which each begins, and its name; `document` is how it was read.
    """

    title: str
    encoding: str
    chapters: tuple[Chapter, ...]
    name: str = ""
    line_starts: tuple[int, ...] = field(default=(0,), repr=False, compare=False)
    source: str = field(default="", repr=False, compare=False)
    left_out: tuple[LeftOut, ...] = field(default=(), repr=False, compare=False)
    parts: tuple[tuple[int, str], ...] = field(default=(), repr=False, compare=False)
    document: SourceText | None = field(default=None, repr=False, compare=False)

    def line(self, offset: int) -> int:
        """Number, from 1, of the source line that holds `offset`."""
        return bisect_right(self.line_starts, offset)

    def place(self, offset: int) -> str:
        """Where `offset` is, for a person: the part of the source, or else the line."""
        if not self.parts:
            return f"line {self.line(offset)}"
        return self.parts[max(0, bisect_right(self.parts, offset, key=lambda part: part[0]) - 1)][1]

    def as_json(self) -> dict[str, Any]:
        """The content of results/{book}/manuscript.json: chapters and paragraphs with their source spans.

        `map` of a paragraph tells where each of its characters stands in the source, as `Mapped.runs` does.
        """
        return {
            "title": self.title,
            "encoding": self.encoding,
            "chapters": [
                {
                    "title": chapter.title,
                    "paragraphs": [
                        {
                            "kind": paragraph.kind,
                            "text": paragraph.text,
                            "start": paragraph.start,
                            "end": paragraph.end,
                            "map": paragraph.mapped.runs(),
                            **({"scene_break": True} if paragraph.scene_break else {}),
                        }
                        for paragraph in chapter.paragraphs
                    ],
                }
                for chapter in self.chapters
            ],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Manuscript:
        """Read what `as_json` returned, without the source. Raises `ManuscriptError` for anything else."""
        try:
            chapters = tuple(
                Chapter(chapter["title"], tuple(_paragraph_from_json(one) for one in chapter["paragraphs"]))
                for chapter in document["chapters"]
            )
            return cls(document["title"], document["encoding"], chapters)
        except (KeyError, TypeError, ValueError):
            raise ManuscriptError(
                "The manuscript is not in the format of this version; delete manuscript.json and build it."
            ) from None


def _paragraph_from_json(values: Mapping[str, Any]) -> Paragraph:
    mapped = Mapped.of_runs(values["text"], values["map"])
    scene_break = values.get("scene_break", False)
    return Paragraph(values["kind"], values["text"], values["start"], values["end"], scene_break, mapped)


def _paragraph(kind: Literal["heading", "paragraph"], mapped: Mapped) -> Paragraph:
    return Paragraph(kind, mapped.text, *mapped.span, mapped=mapped)


@dataclass(slots=True)
class ChapterBuilder:
    """Collects paragraphs into chapters; headings with nothing under them join the chapter that follows.

    What a reader leaves out it notes here too.
    """

    chapters: list[Chapter] = field(default_factory=list)
    title: str = ""
    paragraphs: list[Paragraph] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def leave_out(self, kind: Kind, start: int, end: int) -> None:
        """Note a passage of the source that is not spoken."""
        self.left_out.append(LeftOut(kind, start, end))

    def chapter(self, heading: Mapped) -> None:
        """Begin a chapter with this heading."""
        if any(paragraph.kind == "paragraph" for paragraph in self.paragraphs):
            self.close()
        self.title = f"{self.title.rstrip('.')}. {heading.text}" if self.title else heading.text
        self.paragraphs.append(_paragraph("heading", heading))

    def add(self, kind: Literal["heading", "paragraph"], mapped: Mapped) -> None:
        """Add what has something to speak to the chapter."""
        if speaks(mapped.text):
            self.paragraphs.append(_paragraph(kind, mapped))

    def scene_break(self) -> None:
        """Mark the last paragraph as the end of a scene."""
        if self.paragraphs:
            last = self.paragraphs[-1]
            self.paragraphs[-1] = Paragraph(last.kind, last.text, last.start, last.end, True, last.mapped)

    def close(self) -> None:
        """End the chapter."""
        if self.paragraphs:
            self.chapters.append(Chapter(self.title, tuple(self.paragraphs)))
        self.title, self.paragraphs = "", []
