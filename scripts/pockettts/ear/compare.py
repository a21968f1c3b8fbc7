"""Words said against words heard: what is missing, doubled, new or mistaken. Pure; needs rapidfuzz of the extra `asr`.

What is written differently but sounds the same is no fault: words are compared by rough sound as well as by letters.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pockettts.ear.words import runs_of, words_of

# Letters to rough classes of sound, English spelling: 1 is sh, ch and j, 0 is th; voiced and unvoiced are one.
_SOUNDS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"^[kgp](?=[ns])|^w(?=r)|(?<=m)b$", ""),
        (r"t?ch|sh|dge?|j|[tcs]i(?=on|an|al|ou)", "1"),
        (r"th", "0"),
        (r"ph|v", "f"),
        (r"gh|h", ""),
        (r"x", "ks"),
        (r"c(?=[eiy])|z", "s"),
        (r"ck?|qu?|g", "k"),
        (r"d", "t"),
        (r"b", "p"),
        (r"[aeiouyw]+", "a"),
        (r"(.)\1+", r"\1"),
    )
)
# Likeness from which two words, or words that are written together or apart, are the same. Tuned on 327 chunks of three
# novels, whole and with words cut out, doubled and swapped, as was the default of qa.tolerance.
_ALIKE = 0.6
_ALIKE_MERGED = 0.7


@functools.lru_cache(maxsize=65536)
def sounds(word: str) -> str:
    """Return a word's rough sound: spellings of one name give one text, or nearly."""
    for pattern, sound in _SOUNDS:
        word = pattern.sub(sound, word)
    return word


@functools.lru_cache(maxsize=65536)
def likeness(one: str, other: str) -> float:
    """Return how alike two words are, from 0 to 1, by letters or by sound, whichever is more."""
    from rapidfuzz.distance import Levenshtein

    return max(
        Levenshtein.normalized_similarity(one, other),
        Levenshtein.normalized_similarity(sounds(one), sounds(other)),
    )


@dataclass(frozen=True, slots=True)
class TranscriptComparison:
    """Which words of a text are missing in a take, doubled, new or mistaken; `mistaken` are (expected, heard) pairs.

    `words` is the number of words of the text.
    """

    words: int
    missing: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    invented: tuple[str, ...] = ()
    mistaken: tuple[tuple[str, str], ...] = ()

    @property
    def faults(self) -> float:
        """How many words are wrong; those that are mostly the listener's fault count half.

        These are words of one or two letters ("a", "of"), and a word that was taken for a different one.
        """
        wrong = (*self.missing, *self.repeated, *self.invented)
        return sum(_HALF if len(word) <= _LITTLE else 1.0 for word in wrong) + _HALF * len(self.mistaken)

    @property
    def error(self) -> float:
        """Faults by the words of the text."""
        return round(self.faults / max(1, self.words), 3)

    def describe_faults(self) -> str:
        """Return what is wrong, in words; empty if nothing is."""
        kinds = {
            "missing": self.missing,
            "repeated": self.repeated,
            "not in the text": self.invented,
            "mistaken": [f"{heard} for {expected}" for expected, heard in self.mistaken],
        }
        return ", ".join(f"{kind}: {_listed(words)}" for kind, words in kinds.items() if words)


_HALF = 0.5
_LITTLE = 2
_LISTED = 8


def _listed(words: Sequence[str]) -> str:
    more = len(words) - _LISTED
    return " ".join(words[:_LISTED]) + (f" and {more} more" if more > 0 else "")


# What a step of the alignment costs: a word on one side only, a different word, and words that are joined or divided,
# which is a little worse than the same border on both sides. Steps are (words spoken, words heard).
_DROP = 1.0
_MISTAKE = 1.0
_JOIN = 0.01
_MOVES = ((1, 0), (0, 1), *((down, along) for down in (1, 2, 3) for along in (1, 2, 3)))


def _steps(spoken: Sequence[str], heard: Sequence[str]) -> list[tuple[int, int]]:
    """Align two word sequences: steps of (words spoken, words heard) whose costs add up to the least."""
    rows, columns = len(spoken), len(heard)
    best = [[math.inf] * (columns + 1) for _ in range(rows + 1)]
    came: dict[tuple[int, int], tuple[int, int]] = {}
    best[0][0] = 0.0
    for row in range(rows + 1):
        for column in range(columns + 1):
            for down, along in _MOVES:
                if down > row or along > column:
                    continue
                cost = _cost(tuple(spoken[row - down : row]), tuple(heard[column - along : column]))
                total = best[row - down][column - along] + cost
                if total < best[row][column]:
                    best[row][column] = total
                    came[row, column] = (down, along)
    steps = []
    row, column = rows, columns
    while row or column:
        down, along = came[row, column]
        steps.append((down, along))
        row, column = row - down, column - along
    return steps[::-1]


@functools.lru_cache(maxsize=65536)
def _cost(spoken: tuple[str, ...], heard: tuple[str, ...]) -> float:
    """The cost of a step: nothing for the same word, little for what sounds alike, infinite for an impossible step."""
    if not spoken or not heard:
        return _DROP
    if spoken == heard:
        return 0.0 if len(spoken) == 1 else math.inf
    if len(spoken) == len(heard) == 1:
        alike = likeness(spoken[0], heard[0])
        return 1 - alike if alike >= _ALIKE else _MISTAKE
    # A word that stands on both sides is no part of a different spelling: "of the house" is not "of house".
    if set(spoken) & set(heard):
        return math.inf
    alike = likeness("".join(spoken), "".join(heard))
    return 1 - alike + _JOIN if alike >= _ALIKE_MERGED else math.inf


def compare(text: str, heard: str, language: str = "en") -> TranscriptComparison:
    """Compare a transcript with the text that was to be spoken. `language` is a two-letter code.

    Words that sound alike are no fault, nor are words written together or apart ("for ever"). An invented run that
    repeats its neighbors counts as repeated.
    """
    spoken, words = words_of(text, language), words_of(heard, language)
    missing: list[str] = []
    extra: list[int] = []
    mistaken: list[tuple[str, str]] = []
    row = column = 0
    for down, along in _steps(spoken, words):
        if along == 0:
            missing.append(spoken[row])
        elif down == 0:
            extra.append(column)
        elif down == along == 1 and likeness(spoken[row], words[column]) < _ALIKE:
            mistaken.append((spoken[row], words[column]))
        row, column = row + down, column + along
    again = _repeated(words, extra)
    return TranscriptComparison(
        words=len(spoken),
        missing=tuple(missing),
        repeated=tuple(words[index] for index in again),
        invented=tuple(words[index] for index in extra if index not in again),
        mistaken=tuple(mistaken),
    )


def _repeated(words: Sequence[str], extra: Sequence[int]) -> list[int]:
    """Of the words beyond the text, those whose run stands right before or after them as well."""
    repeated: list[int] = []
    for run in runs_of(extra):
        size, begin, end = len(run), run[0], run[-1] + 1
        spoken = list(words[begin:end])
        if spoken in (list(words[max(0, begin - size) : begin]), list(words[end : end + size])):
            repeated += run
    return repeated


def allowed(words: int, tolerance: float) -> float:
    """Return how many faults a text of so many words may have: its share, but always one that counts half."""
    return max(_HALF, tolerance * words)
