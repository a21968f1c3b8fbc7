"""Text that remembers where it came from: used by every step between the source file and a chunk.

Each character of a `Mapped` knows the span of source characters it stands for. A replaced span keeps its whole
source span on each of its new characters, so a chunk can always name what it speaks.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

Replacement = str | Callable[[re.Match[str]], str | None]


def word_set(words: str) -> frozenset[str]:
    """The words of a string that lists them."""
    return frozenset(words.split())


class Mapped:
    """A string with, for each character, start and end (exclusive) in the source; both never decrease."""

    __slots__ = ("ends", "starts", "text")

    def __init__(self, text: str, starts: array[int], ends: array[int]) -> None:
        self.text = text
        self.starts = starts
        self.ends = ends

    @classmethod
    def of(cls, source: str, start: int = 0, end: int | None = None) -> Mapped:
        """The characters `start` to `end` of `source`, unchanged."""
        end = len(source) if end is None else end
        return cls(source[start:end], array("q", range(start, end)), array("q", range(start + 1, end + 1)))

    @classmethod
    def inserted(cls, text: str, at: int) -> Mapped:
        """Characters that are not in the source, standing at offset `at`."""
        positions = array("q", [at]) * len(text)
        return cls(text, positions, positions[:])

    @classmethod
    def concat(cls, parts: Iterable[Mapped]) -> Mapped:
        """Parts in source order, one after the other."""
        pieces: list[str] = []
        starts, ends = array("q"), array("q")
        for part in parts:
            pieces.append(part.text)
            starts.extend(part.starts)
            ends.extend(part.ends)
        return cls("".join(pieces), starts, ends)

    def __len__(self) -> int:
        return len(self.text)

    def __getitem__(self, part: slice) -> Mapped:
        return Mapped(self.text[part], self.starts[part], self.ends[part])

    @property
    def span(self) -> tuple[int, int]:
        """Start and end in the source of the whole; (0, 0) for an empty text."""
        return (self.starts[0], self.ends[-1]) if self.text else (0, 0)

    def runs(self) -> list[tuple[int, int, int]]:
        """Where the map does not simply go on: an index of the text, with start and end of that character's span."""
        starts, ends = self.starts, self.ends
        return [
            (at, starts[at], ends[at])
            for at in range(len(starts))
            if not at or starts[at] != starts[at - 1] + 1 or ends[at] != ends[at - 1] + 1
        ]

    @classmethod
    def of_runs(cls, text: str, runs: Iterable[Sequence[int]]) -> Mapped:
        """The text with the map that `runs` returned."""
        starts, ends = array("q"), array("q")
        borders = [*runs, (len(text), 0, 0)]
        for (at, start, end), (following, _, _) in pairwise(borders):
            starts.extend(range(start, start + following - at))
            ends.extend(range(end, end + following - at))
        return cls(text, starts, ends)

    def strip(self) -> Mapped:
        """Without white space at both ends."""
        text = self.text
        left = len(text) - len(text.lstrip())
        right = len(text.rstrip())
        return self if left == 0 and right == len(text) else self[left : max(left, right)]

    def lstrip(self) -> Mapped:
        """Without white space at the start."""
        return self[len(self.text) - len(self.text.lstrip()) :]

    def rstrip(self) -> Mapped:
        """Without white space at the end."""
        return self[: len(self.text.rstrip())]

    def sub(self, pattern: re.Pattern[str], replacement: Replacement) -> Mapped:
        """Like `pattern.sub`, keeping the map; a function may answer None to leave a match as it is.

        A `replacement` string is taken literally (no group references).
        """
        pieces: list[str] = []
        starts, ends = array("q"), array("q")
        done = 0
        for match in pattern.finditer(self.text):
            new = replacement if isinstance(replacement, str) else replacement(match)
            if new is None:
                continue
            begin, end = match.span()
            pieces.append(self.text[done:begin])
            starts.extend(self.starts[done:begin])
            ends.extend(self.ends[done:begin])
            if begin < end:
                first, last = self.starts[begin], self.ends[end - 1]
            else:
                first = last = self.ends[begin - 1] if begin else (self.starts[0] if self.text else 0)
            pieces.append(new)
            starts.extend(array("q", [first]) * len(new))
            ends.extend(array("q", [last]) * len(new))
            done = end
        if not pieces:
            return self
        pieces.append(self.text[done:])
        starts.extend(self.starts[done:])
        ends.extend(self.ends[done:])
        return Mapped("".join(pieces), starts, ends)
