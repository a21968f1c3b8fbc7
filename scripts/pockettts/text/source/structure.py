"""What a reader of documents hands on: one source text, the place of each part of it, passages, chapters, omissions.

All text of a book stands in the source text, end to end, in reading order, also what is not spoken: an omission is a
span of it. So offsets mean the same as in a plain text, and every letter is either in a passage or in an omission.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pockettts.errors import ManuscriptError
from pockettts.text.reading import Kind, LeftOut

PassageKind = Literal["heading", "paragraph", "break"]

LINE_BREAK = "\n"
"""Stands in a passage for the end of a line that the document asks for: a space, and a pause in a heading."""

NOTE_BEGIN, NOTE_END = "(", ")"
"""Stand in a passage around a note that is read at its mark."""


# So many paragraphs with fewer characters each than this, line end included, are no text.
_MANY, _LEAST_CHARACTERS = 10_000, 4


@dataclass(frozen=True, slots=True)
class Place:
    """Where the source text comes from, from `offset` to the next place's.

    `element` counts the elements of a document in document order, from 0; `slot` is the part of it: its text, its
    tail, or an attribute; `at` is the first character's offset in that slot.
    """

    offset: int
    document: int
    element: int
    slot: str
    at: int = 0


@dataclass(frozen=True, slots=True)
class Inserted:
    """Characters of a passage that the source text does not have, standing at an offset of it."""

    text: str
    at: int


Part = tuple[int, int] | Inserted
"""A span of the source text, or what is put between two spans."""


@dataclass(slots=True)
class Passage:
    """A paragraph, a heading or a scene break: its parts in order, and the ids of the elements that it holds."""

    kind: PassageKind
    document: int
    level: int = 0
    parts: list[Part] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    @property
    def start(self) -> int:
        """Offset of the first character in the source text; 0 for a scene break."""
        return next((part[0] for part in self.parts if isinstance(part, tuple)), 0)

    @property
    def end(self) -> int:
        """Offset after the last character in the source text; 0 for a scene break."""
        return next((part[1] for part in reversed(self.parts) if isinstance(part, tuple)), 0)


@dataclass(slots=True)
class Division:
    """A chapter as the document divides itself: passages under a title, which may be empty."""

    title: str
    passages: list[Passage] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a document says of itself; what it does not say is empty."""

    title: str = ""
    authors: tuple[str, ...] = ()
    narrators: tuple[str, ...] = ()
    language: str = ""
    publisher: str = ""
    date: str = ""
    description: str = ""
    isbn: str = ""
    subjects: tuple[str, ...] = ()
    rights: str = ""
    series: str = ""
    series_part: str = ""
    cover: str = ""

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Metadata:
        """Read the fields of one, of which JSON has made lists of tuples."""
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        return cls(**fields)


@dataclass(slots=True)
class SourceText:
    """A document as read. `notes` are sentences for the log: what was damaged or unusual."""

    encoding: str
    text: str
    documents: tuple[str, ...]
    places: tuple[Place, ...]
    divisions: list[Division]
    left_out: list[LeftOut]
    metadata: Metadata = Metadata()
    notes: list[str] = field(default_factory=list)


def place_of(places: Sequence[Place], offset: int) -> Place:
    """Return the run of the source text that holds an offset."""
    return places[max(0, bisect_right(places, offset, key=lambda place: place.offset) - 1)]


class Collector:
    """Puts the text of documents end to end and notes what each span is."""

    def __init__(self) -> None:
        self.length = 0
        self.places: list[Place] = []
        self.passages: list[Passage] = []
        self.left_out: list[LeftOut] = []
        self.documents: list[str] = []
        self.notes: list[str] = []
        self._pieces: list[str] = []
        self._last = ""

    def open_document(self, name: str) -> int:
        """Return the number of a document, a new one if it was not opened before."""
        if name not in self.documents:
            self.documents.append(name)
        return self.documents.index(name)

    def text(self) -> str:
        """Return all text so far."""
        return "".join(self._pieces)

    def append(self, text: str, document: int, element: int, slot: str) -> int:
        """Append what stands in a slot of an element of a document; returns its offset."""
        start = self.length
        self.places.append(Place(start, document, element, slot))
        self._add(text)
        return start

    def add(self, passage: Passage) -> None:
        """Add a passage. Raises `ManuscriptError` for very many of hardly a word, which are made to take time."""
        self.passages.append(passage)
        count = len(self.passages)
        if count % _MANY == 0 and self.length < _LEAST_CHARACTERS * count:
            page = self.documents[passage.document]
            raise ManuscriptError(f"{page} has more than {_MANY:,} paragraphs of less than a word; it is no book.")

    def in_words(self) -> bool:
        """Whether white space would not follow white space."""
        return bool(self._last) and not self._last.isspace()

    def separate(self) -> None:
        """Keep what comes next apart from what came before."""
        if self._last and self._last != "\n":
            self._add("\n")

    def omit(self, kind: Kind, start: int) -> None:
        """Note that what was appended since `start` is not spoken."""
        self.left_out.append(LeftOut(kind, start, self.length))

    def _add(self, text: str) -> None:
        self._pieces.append(text)
        self._last = text[-1]
        self.length += len(text)


def divisions_by_headings(passages: Sequence[Passage]) -> list[Division]:
    """Divide a document without a table of contents at its headings.

    Chapters begin at the highest level that occurs more than once, and at those above it.
    """
    levels = Counter(passage.level for passage in passages if passage.kind == "heading")
    chapter_level = min((level for level, count in levels.items() if count > 1), default=min(levels, default=1))
    divisions = [Division("")]
    for passage in passages:
        if passage.kind == "heading" and passage.level <= chapter_level:
            divisions.append(Division(""))
        divisions[-1].passages.append(passage)
    return [division for division in divisions if division.passages]
