"""The account of a reading: what of a source is spoken, and what is left out, why and where.

Every reader of a format notes what it leaves out as it goes (`LeftOut`); `account` then counts each letter and digit of
the source once, as spoken or as left out. What no reader has noted is counted as `unexplained`, so that nothing is lost
without a word. The plan step writes the account as results/{book}/reading.json.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from pockettts.text.mapped import Mapped

if TYPE_CHECKING:
    import numpy
    import numpy.typing as npt

Kind = Literal[
    "header", "license", "front matter", "credit", "transcriber's note", "contents", "index", "errata",
    "publisher's list", "illustration", "footnote", "note mark", "page number", "running head", "navigation",
    "code", "comment", "title page", "list of pages", "list of illustrations", "list of tables", "bibliography",
    "imprint", "annotation", "hidden text", "text in a drawing", "embedded document", "embedded recording",
    "form field", "formula", "reading aid", "text for readers without scripts",
    "page outside the reading order", "excluded page", "excluded chapter",
    "address of a link", "markup", "pause mark", "no sound", "unexplained",
]  # fmt: skip
_FIRST_WORDS = 60
_PAUSE_MARK = re.compile(r"\[\s*pause", re.I)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A passage of the source, from `start` to `end` (exclusive), that is not spoken, and what it is."""

    kind: Kind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Omission:
    """A passage left out, as it is reported: its place, its first words, its letters and digits."""

    kind: Kind
    place: str
    start: int
    end: int
    letters: int
    words: str


@dataclass(frozen=True, slots=True)
class Reading:
    """The letters and digits of a source: all of them, those spoken, and the passages with the others.

    `notes` are sentences on what was damaged or has no text, such as a page that is a picture.
    """

    letters: int
    spoken: int
    omissions: tuple[Omission, ...]
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The content of results/{book}/reading.json."""
        return {
            "letters": self.letters,
            "spoken": self.spoken,
            "left_out": [
                {
                    "kind": omission.kind,
                    "place": omission.place,
                    "start": omission.start,
                    "end": omission.end,
                    "letters": omission.letters,
                    "words": omission.words,
                }
                for omission in self.omissions
            ],
            "notes": list(self.notes),
        }

    def summary(self) -> list[str]:
        """A line for each kind of passage left out, in the order of the source."""
        kinds = dict.fromkeys(omission.kind for omission in self.omissions)
        lines = [self._line(kind, [one for one in self.omissions if one.kind == kind]) for kind in kinds]
        return [*lines, *self.notes]

    @staticmethod
    def _line(kind: Kind, omissions: list[Omission]) -> str:
        first = omissions[0]
        letters = sum(omission.letters for omission in omissions)
        places = f"{len(omissions):,} places from {first.place}" if len(omissions) > 1 else first.place
        size = f"{letters:,} letter{'s' if letters != 1 else ''}"
        return f'left out: {kind}, {places}, {size}: "{first.words}"'


def account(
    source: str,
    paragraphs: Iterable[Mapped],
    left_out: Iterable[LeftOut],
    place: Callable[[int], str],
    chunks: Iterable[tuple[int, int]] | None = None,
    notes: tuple[str, ...] = (),
) -> Reading:
    """Count every letter and digit of `source` once: as spoken, or as left out.

    `paragraphs` are texts with their map to the source, `chunks` the spans of the source that chunks stand for (None:
    all paragraphs are spoken); `place` names the place of an offset. Letters that nothing accounts for are reported as
    `unexplained`, those of a paragraph without a chunk as `no sound`. Passages without a letter are not reported, but
    for what the reader has in its `notes`.
    """
    import numpy

    is_letter = numpy.fromiter(map(str.isalnum, source), bool, len(source))
    in_paragraph = numpy.zeros(len(source), bool)
    for mapped in paragraphs:
        starts, ends = numpy.frombuffer(mapped.starts, "int64"), numpy.frombuffer(mapped.ends, "int64")
        in_paragraph[starts[ends > starts]] = True
        for index in numpy.flatnonzero(ends - starts > 1):
            in_paragraph[starts[index] : ends[index]] = True
    spoken = in_paragraph & is_letter
    if chunks is not None:
        in_chunk = numpy.zeros(len(source), bool)
        for start, end in chunks:
            in_chunk[start:end] = True
        spoken &= in_chunk
    rest = is_letter & ~spoken
    omissions: list[Omission] = []

    def report(kind: Kind, start: int, end: int) -> None:
        letters = numpy.flatnonzero(rest[start:end])
        if letters.size:
            begin, stop = start + int(letters[0]), start + int(letters[-1]) + 1
            words = " ".join(source[begin : min(stop, begin + 2 * _FIRST_WORDS)].split())[:_FIRST_WORDS]
            omissions.append(Omission(kind, place(begin), begin, stop, int(letters.size), words))
            rest[start:end] = False

    for passage in left_out:
        report(passage.kind, passage.start, passage.end)
    for start, end in _runs(rest & in_paragraph, is_letter):
        report("pause mark" if _PAUSE_MARK.search(source, max(0, start - 3), end) else "no sound", start, end)
    for start, end in _runs(rest, is_letter):
        report("unexplained", start, end)
    omissions.sort(key=lambda omission: omission.start)
    return Reading(int(is_letter.sum()), int(spoken.sum()), tuple(omissions), notes)


def _runs(letters: npt.NDArray[numpy.bool_], is_letter: npt.NDArray[numpy.bool_]) -> list[tuple[int, int]]:
    """Spans of `letters`, each from letter to letter of the source without another one between."""
    import numpy

    places = numpy.flatnonzero(letters)
    rank = numpy.cumsum(is_letter)[places]
    borders = [0, *(numpy.flatnonzero(numpy.diff(rank) > 1) + 1), places.size]
    return [(int(places[first]), int(places[last - 1]) + 1) for first, last in pairwise(borders) if last > first]
