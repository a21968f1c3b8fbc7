"""The lengths of phones, between `speech` and `analysis`: the teacher's usual ones between the same neighbors.

The language model could only guess how the teacher's lengths vary between sentences, and an average of guesses sounds
blurred. Speech is stretched anyway; at these lengths it is understood as well as at the teacher's own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bundled import phones
from bundled.speech import Row

EXAMPLES = 12  # fewer do not give a reliable median


def surroundings(text: str) -> Iterator[tuple[Hashable, ...]]:
    """For each phone of a text, the keys of its length, from the most specific one to the phone alone."""
    symbols, ends = phones.START, [False]
    for place, symbol in enumerate(text):
        if symbol != " ":
            symbols += symbol
            ends.append(text[place + 1 : place + 2] in ("", " ", *phones.PAUSES))
    for place in range(1, len(symbols)):
        before, phone, after = symbols[place - 1], symbols[place], symbols[place + 1 : place + 2]
        next_two = symbols[place + 1 : place + 3]
        near_pause = len(next_two) < 2 or any(symbol in phones.PAUSES for symbol in next_two)
        common = (after, ends[place], near_pause)
        yield (phone, before, *common), (phone, *common), (phone, *common[1:]), phone


@dataclass(frozen=True)
class Rhythm:
    """The usual lengths, in samples."""

    usual: dict[Hashable, float]

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Rhythm:
        """The medians of the teacher's lengths, where there are enough examples."""
        examples: dict[Hashable, list[int]] = defaultdict(list)
        for row in rows:
            for keys, length in zip(surroundings(row["phones"]), np.diff(row["ends"]), strict=True):
                for key in keys:
                    examples[key].append(length)
        # The key of a phone alone, which is no tuple, is kept in any case.
        enough = {key for key, lengths in examples.items() if len(lengths) >= EXAMPLES or isinstance(key, str)}
        return cls({key: float(np.median(examples[key])) for key in enough})

    def lengths(self, row: Row) -> NDArray[np.float64]:
        """Samples of each phone of a row, and of the silence before all; a phone without examples keeps its own."""
        own: NDArray[np.float64] = np.diff(row["ends"], prepend=0).astype(np.float64)
        for place, keys in enumerate(surroundings(row["phones"]), 1):
            own[place] = next((self.usual[key] for key in keys if key in self.usual), own[place])
        return own
