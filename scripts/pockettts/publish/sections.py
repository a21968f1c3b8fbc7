"""Which files a set for ACX has: what the rules have to name before a word is spoken."""

from __future__ import annotations

from collections.abc import Iterable

OPENING, CLOSING, SAMPLE = "opening", "closing", "sample"

# A file holds up to two hours. At 12 characters a second, which is slow, this is below it.
_CHARACTERS = 75_000


def section_names(spans: Iterable[tuple[int, int, int]]) -> list[str]:
    """Return the names of all files of a set, in order.

    `spans` are of chunks or cues: chapter, start and end in the source. A chapter that may pass two hours is divided;
    how often follows from its characters, so it is known before a word is spoken.
    """
    count = sum(count_parts(spans).values())
    return [OPENING, *(f"{number:03}" for number in range(1, count + 1)), CLOSING, SAMPLE]


def count_parts(spans: Iterable[tuple[int, int, int]]) -> dict[int, int]:
    """Return into how many files each chapter is divided."""
    borders: dict[int, tuple[int, int]] = {}
    for chapter, start, end in spans:
        borders[chapter] = (borders.get(chapter, (start, end))[0], end)
    return {chapter: max(1, -(-(end - start) // _CHARACTERS)) for chapter, (start, end) in borders.items()}
