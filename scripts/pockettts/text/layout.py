"""Lines and blocks of a plain text, between decoding and the search for headings.

Page numbers, running heads, double spacing and form feeds are traces of a printer; they go here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from pockettts.text.reading import LeftOut

GONE = "\x00"  # stands for each character of what a reader has dropped
SCENE_BREAK = re.compile(r"\s*(?:[*•·⁂#~=_◆◇—–-]|o0o|\x00)(?:\s*(?:[*•·⁂#~=_◆◇—–-]|o0o))*\s*")
SENTENCE_END = re.compile(r"[.!?…:;][\"'”’)\]*_]*\s*$")
_LINE = re.compile(r"[^\r\n\f\v\u2028\u2029\x85]*(?:\r*\n|[\r\f\v\u2028\u2029\x85]|$)")
_BARE = re.compile(r"\s*(?P<number>\d{1,4})\s*")
_DASHED = re.compile(r"\s*[-–—]\s?(?P<number>\d{1,4})\s?[-–—]\s*")
_MARKED = re.compile(
    r"\s*(?:\[?p(?:g|age)?\.? ?\d{1,4}\]?|\[\d{1,4}\]|\{(?:pg? ?)?\d{1,4}\}|\[p(?:g|age)\.? ?[ivxlc]+\])\s*", re.I
)
_RUNNING_HEAD = re.compile(
    r"\s*(?:(?P<left>\d{1,4})(?:\s{2,}|\t)(?P<after>\S.{0,60}?)|(?P<before>\S.{0,60}?)(?:\s{2,}|\t)(?P<right>\d{1,4}))\s*"
)
_UNWRAPPED = 120  # a line that is longer was not broken by hand
_HEAD_REPEATS = 3


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the source, from `start` to `end` (exclusive), with its line end."""

    start: int
    end: int
    text: str

    @property
    def blank(self) -> bool:
        """Whether nothing is on the line, or only what was dropped."""
        return not self.text.strip("\x00 \t\r\n\f\v\u00a0")


@dataclass(slots=True)
class Block:
    """Lines between blank lines; `blanks` counts the blank lines before, `new_page` is set where a form feed was."""

    lines: list[Line]
    blanks: int
    new_page: bool = False

    @property
    def text(self) -> str:
        """The lines joined by spaces."""
        return " ".join(line.text.strip() for line in self.lines)

    @property
    def width(self) -> int:
        """Characters of all lines."""
        return sum(len(line.text) for line in self.lines)

    @property
    def span(self) -> tuple[int, int]:
        """Start and end in the source."""
        return self.lines[0].start, self.lines[-1].end


def split_lines(text: str, start: int, end: int) -> list[Line]:
    """The lines of `text` between two offsets; a form feed ends a line too, CR CR LF is one line end."""
    return [
        Line(match.start(), match.end(), match[0])
        for match in _LINE.finditer(text, start, end)
        if match.end() > match.start()
    ]


def single_spaced(lines: list[Line]) -> list[Line]:
    """A text with a blank line after every line, without these."""
    filled = [index for index, line in enumerate(lines) if not line.blank]
    if len(filled) < 8:
        return lines
    gaps = [after - before - 1 for before, after in pairwise(filled)]
    broken = [lines[index].text for index in filled if 40 < len(lines[index].text) < _UNWRAPPED]
    open_ended = sum(SENTENCE_END.search(text) is None for text in broken)
    if sum(gap > 0 for gap in gaps) * 20 < len(gaps) * 17 or open_ended * 2 < len(filled):
        return lines
    narrowed = lines[: filled[0] + 1]
    for (before, after), gap in zip(pairwise(filled), gaps, strict=True):
        narrowed += [*lines[before + 1 : before + 1 + (gap - 1) // 2], lines[after]]
    return narrowed


def without_page_marks(lines: list[Line]) -> tuple[list[Line], list[LeftOut]]:
    """Leave out page numbers and running heads; a sentence that one interrupts is joined again.

    A number that stands alone is a page's if it interrupts a sentence, or if many of its kind do; else it is the number
    of a part, or a year. Numbers in dashes that count 1, 2, 3... are parts too.
    """
    filled = [index for index, line in enumerate(lines) if line.text.strip()]
    heads = _running_heads(lines, filled)
    bare = [index for index in filled if _BARE.fullmatch(lines[index].text)]
    dashed = [index for index in filled if _DASHED.fullmatch(lines[index].text)]
    marked = [index for index in filled if _MARKED.fullmatch(lines[index].text) or lines[index].blank]
    candidates = {*heads, *bare, *dashed, *marked}
    if not candidates or len(candidates) == len(filled):
        return lines, []
    place = {index: at for at, index in enumerate(filled)}

    def neighbor(index: int, step: int) -> int | None:
        at = place[index] + step
        while 0 <= at < len(filled) and filled[at] in candidates:
            at += step
        return filled[at] if 0 <= at < len(filled) else None

    def interrupts(index: int) -> bool:
        before, after = neighbor(index, -1), neighbor(index, 1)
        return (
            before is not None
            and after is not None
            and not SENTENCE_END.search(lines[before].text)
            and lines[after].text.strip()[:1].islower()
        )

    pages = {*heads, *marked}
    interrupting = [index for index in bare if interrupts(index)]
    pages.update(bare if len(interrupting) * 4 >= len(bare) else interrupting)
    counts = [int(match["number"]) for index in dashed if (match := _DASHED.fullmatch(lines[index].text))]
    if counts != list(range(1, len(counts) + 1)) or len(counts) < 2 or any(map(interrupts, dashed)):
        pages.update(dashed)
    gone = set(pages)
    for index in pages:
        before, after = neighbor(index, -1), neighbor(index, 1)
        if before is not None and after is not None and interrupts(index):
            gone.update(range(before + 1, after))
    left_out = [
        LeftOut("running head" if index in heads else "page number", lines[index].start, lines[index].end)
        for index in sorted(pages)
    ]
    return [line for index, line in enumerate(lines) if index not in gone], left_out


def _running_heads(lines: list[Line], filled: list[int]) -> set[int]:
    """Lines that head pages: a title that comes again with a higher number, or after form feeds again and again."""
    numbered: dict[str, list[tuple[int, int]]] = {}
    after_feed: dict[str, list[int]] = {}
    for index in filled:
        text = lines[index].text
        if match := _RUNNING_HEAD.fullmatch(text):
            title = (match["after"] or match["before"]).casefold()
            numbered.setdefault(title, []).append((index, int(match["left"] or match["right"])))
        if index and "\f" in lines[index - 1].text and len(text) < 60:
            after_feed.setdefault(text.strip().casefold(), []).append(index)
    heads = {index for places in after_feed.values() if len(places) >= _HEAD_REPEATS for index in places}
    for rows in numbered.values():
        alone = all(lines[index - 1].blank for index, _ in rows if index)
        counts = all(
            before[1] < after[1] and any(len(line.text) > 60 for line in lines[before[0] + 1 : after[0]])
            for before, after in pairwise(rows)
        )
        if len(rows) > 1 and alone and counts:
            heads.update(index for index, _ in rows)
    return heads


def group_lines(lines: list[Line]) -> list[Block]:
    """Group lines into paragraphs: by blank lines where the text is hard-wrapped, else each line for itself.

    A paragraph that a form feed interrupts within a sentence is one.
    """
    total = sum(len(line.text) for line in lines)
    unwrapped = sum(len(line.text) for line in lines if len(line.text) > _UNWRAPPED) * 2 > total
    blocks: list[Block] = []
    current: list[Line] = []
    blanks = gap = 0
    feed = new_page = False

    def flush() -> None:
        nonlocal current
        if not current:
            return
        last = blocks[-1].lines[-1].text if blocks else "."
        if new_page and not SENTENCE_END.search(last) and current[0].text.strip()[:1].islower():
            blocks[-1].lines += current
        else:
            blocks.append(Block(current, gap, new_page))
        current = []

    for line in lines:
        if line.blank:
            flush()
            blanks += 1
            feed = feed or "\f" in line.text
            continue
        indented = line.text[:1] in " \t" and bool(current) and current[0].text[:1] not in " \t"
        if current and (unwrapped or (indented and SENTENCE_END.search(current[-1].text))):
            flush()
            blanks = 0
        if not current:
            gap, blanks = blanks, 0
            new_page, feed = feed, False
        current.append(line)
        feed = line.text.endswith("\f")
    flush()
    return blocks
