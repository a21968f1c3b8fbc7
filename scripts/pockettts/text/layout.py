"""Lines and blocks of a plain text, between decoding and the search for headings."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PAGE_NUMBER = re.compile(
    r"\s*(?:\[?(?:p(?:g|age)?\.? ?)?(\d{1,4})\]?|[-–—]\s?\d{1,4}\s?[-–—]|\{\d{1,4}\}|\[p(?:g|age)\.? ?[ivxlc]+\])\s*",
    re.I,
)
GONE = "\x00 \t\r\n"  # NUL stands for what was dropped
SCENE_BREAK = re.compile(r"\s*(?:[*•·⁂#~=_—–-]|o0o|\x00)(?:\s*(?:[*•·⁂#~=_—–-]|o0o))*\s*")
SENTENCE_END = re.compile(r"[.!?…:;][\"'”’)\]*_]*\s*$")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the source, from `start` to `end` (exclusive), with its line end."""

    start: int
    end: int
    text: str


@dataclass(slots=True)
class Block:
    """Lines between blank lines; `blanks` counts the blank lines before."""

    lines: list[Line]
    blanks: int

    @property
    def text(self) -> str:
        """The lines joined by spaces."""
        return " ".join(line.text.strip() for line in self.lines)

    @property
    def width(self) -> int:
        """Characters of all lines."""
        return sum(len(line.text) for line in self.lines)


def split_lines(text: str, start: int, end: int) -> list[Line]:
    """The lines of `text` between two offsets; a form feed ends a line too."""
    return [
        Line(match.start(), match.end(), match[0])
        for match in re.compile(r"[^\r\n\f\v\u2028\u2029\x85]*(?:\r\n|[\r\n\f\v\u2028\u2029\x85]|$)").finditer(
            text, start, end
        )
        if match.end() > match.start()
    ]


def drop_page_numbers(lines: list[Line]) -> list[Line]:
    """Leave out lines that hold a page number only; a sentence that one interrupts is joined again.

    Numbers that count 1, 2, 3... and stand between whole paragraphs are the chapters' numbers, and stay.
    """
    filled = [index for index, line in enumerate(lines) if line.text.strip()]
    found = [
        index for index in filled if _PAGE_NUMBER.fullmatch(lines[index].text) or not lines[index].text.strip(GONE)
    ]
    if not found or len(found) == len(filled):
        return lines
    position = {index: place for place, index in enumerate(filled)}

    def neighbours(index: int) -> tuple[int | None, int | None]:
        place = position[index]
        return (filled[place - 1] if place else None, filled[place + 1] if place + 1 < len(filled) else None)

    def interrupts(index: int) -> bool:
        before, after = neighbours(index)
        return (
            before is not None
            and after is not None
            and not SENTENCE_END.search(lines[before].text)
            and lines[after].text.strip()[:1].islower()
        )

    def alone(index: int) -> bool:
        return all(not 0 <= near < len(lines) or not lines[near].text.strip() for near in (index - 1, index + 1))

    bare = [index for index in found if lines[index].text.strip().isdigit()]
    counts = [int(lines[index].text) for index in bare]
    chapters = (
        len(bare) > 1
        and counts == list(range(1, len(bare) + 1))
        and all(alone(index) and not interrupts(index) for index in bare)
    )
    gone: set[int] = set()
    for index in found:
        if chapters and index in bare:
            continue
        before, after = neighbours(index)
        if interrupts(index) and before is not None and after is not None:
            gone.update(range(before + 1, after))
        else:
            gone.add(index)
    return [line for index, line in enumerate(lines) if index not in gone]


def group_lines(lines: list[Line]) -> list[Block]:
    """Group lines into paragraphs: by blank lines where the text is hard-wrapped, else each line for itself."""
    total = sum(len(line.text) for line in lines)
    unwrapped = sum(len(line.text) for line in lines if len(line.text) > 120) * 2 > total
    blocks: list[Block] = []
    current: list[Line] = []
    blanks = gap = 0

    def flush() -> None:
        nonlocal current
        if current:
            blocks.append(Block(current, gap))
            current = []

    for line in lines:
        if not line.text.strip():
            flush()
            blanks += 1
            continue
        indented = line.text[:1] in " \t" and bool(current) and current[0].text[:1] not in " \t"
        if current and (unwrapped or (indented and SENTENCE_END.search(current[-1].text))):
            flush()
            blanks = 0
        if not current:
            gap, blanks = blanks, 0
        current.append(line)
    flush()
    return blocks
