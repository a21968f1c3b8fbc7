"""Batches: which chunks one synth job speaks, and which packs of earlier builds a book reads again.

Above `files`, below `book`. A book's keys are divided at borders that the keys themselves decide, so an edit changes
only the batches near it. Where packs of earlier batches hold some keys of a new one, the book reads those packs, and
only the other keys are spoken: in a batch of their own.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from pockettts import files
from pockettts.errors import PocketTTSError
from pockettts.values import short_digest

Batches = Mapping[str, tuple[str, ...]]
"""Keys by batch. A name is made of the keys and of the settings of acceptance, so it never changes its meaning."""

_DIVISIONS = 8
"""Divisions of a book that are remembered: of texts and settings that a user goes back to."""


def batch_name(keys: Sequence[str], acceptance: str = "") -> str:
    """Return the name of a batch: of its only key, else of a digest of its keys, and of `acceptance`."""
    name = keys[0] if len(keys) == 1 else short_digest(keys)
    return f"{name}-{acceptance}" if acceptance else name


def make_batches(keys: Sequence[str], size: int, acceptance: str = "") -> dict[str, tuple[str, ...]]:
    """Divide the distinct keys into batches of about `size`, named by their keys and by `acceptance`.

    The keys themselves decide the borders, so an insertion or deletion changes only the batches near it. A batch has at
    least `size // 2` chunks, if the book has as many, and at most `2 * size`.
    """
    distinct = list(dict.fromkeys(keys))
    parts = [tuple(distinct[start:end]) for start, end in itertools.pairwise(_batch_ends(distinct, size))]
    return {batch_name(part, acceptance): part for part in parts}


def _batch_ends(keys: Sequence[str], size: int) -> list[int]:
    """Return 0 and the end of every batch: each key that is the lowest of its neighborhood ends one.

    The neighborhood reaches `size // 2` keys to both sides, so borders are at least that far apart, on average about
    `size`. A stretch that has none for long is divided at its lowest keys.
    """
    reach, count = size // 2, len(keys)
    values = np.array([int(key[:8], 16) for key in keys], np.int64)
    ends = [0]

    def divide(start: int, end: int) -> None:
        if end - start > 2 * size:
            first = start + max(reach, 1) - 1
            border = first + int(np.argmin(values[first : end - reach])) + 1
            divide(start, border)
            divide(border, end)
        else:
            ends.append(end)

    if count > 2 * reach:
        lowest = np.lib.stride_tricks.sliding_window_view(values, 2 * reach + 1).min(axis=1)
        borders = np.flatnonzero(values[reach : count - reach] == lowest) + reach + 1
    else:
        borders = np.zeros(0, np.int64)
    for border in [*borders.tolist(), count]:
        if border > ends[-1]:
            divide(ends[-1], border)
    return ends


def reuse_packs(
    batches: Batches, earlier: Batches, is_spoken: Callable[[str], bool], acceptance: str = ""
) -> dict[str, tuple[str, ...]]:
    """Return the batches that a book reads: `batches`, or instead of one that is not spoken, earlier ones that are.

    Of the earlier batches whose packs hold keys of the missing one, those with most come first; what they lack is a new
    batch. `is_spoken` is asked about as few as possible, since a storage in the network may have to answer. The result
    is the same for the next build, when the new batches are spoken.
    """
    owners: dict[str, list[str]] = {key: [] for keys in batches.values() for key in keys}
    for name, keys in earlier.items():
        if name not in batches and name.endswith(acceptance):
            for key in owners.keys() & set(keys):
                owners[key].append(name)
    result: dict[str, tuple[str, ...]] = {}
    for name, keys in batches.items():
        others = dict.fromkeys(other for key in keys for other in owners[key])
        spoken = [] if not others or is_spoken(name) else [other for other in others if is_spoken(other)]
        left = set(keys) if spoken else set()
        while left:
            best = max(spoken, key=lambda other: (len(left.intersection(earlier[other])), other))
            if left.isdisjoint(earlier[best]):
                break
            result[best] = earlier[best]
            left.difference_update(earlier[best])
        rest = tuple(key for key in keys if key in left)
        if not spoken:
            result[name] = keys
        elif rest:
            result[batch_name(rest, acceptance)] = rest
    return result


def add_division_options(parser: argparse.ArgumentParser) -> None:
    """Add to a script the batches that a book reads, and where their receipts are."""
    parser.add_argument("--batches", type=Path, required=True, help="batches.json")
    parser.add_argument("--division", required=True, help="a division in it")
    parser.add_argument("--receipts", type=Path, required=True, help="the directory of the receipts and packs")


def division_name(batches: Batches) -> str:
    """Return what a division of a book is remembered by: a digest of the batches that its text and settings give."""
    return short_digest(list(batches))


class BatchRecord:
    """The file results/{book}/batches.json: the keys of batches by name, and the latest divisions of the book.

    It is written while the rules are parsed and read by jobs. As a record of earlier builds it saves work, and nothing
    depends on what it remembers: without it, batches are what text and settings give.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.batches: dict[str, tuple[str, ...]] = {}
        self.divisions: dict[str, tuple[str, ...]] = {}
        try:
            document = files.read_json(path)
            self.batches = {name: tuple(keys) for name, keys in document["batches"].items()}
            self.divisions = {
                name: tuple(batches)
                for name, batches in document["divisions"]
                if all(batch in self.batches for batch in batches)
            }
        except (PocketTTSError, ValueError, TypeError, KeyError, AttributeError):
            pass

    def division(self, batches: Batches) -> dict[str, tuple[str, ...]]:
        """Return how a book with these batches is divided: as recorded, else as they are."""
        names = self.divisions.get(division_name(batches))
        return dict(batches) if names is None else {name: self.batches[name] for name in names}

    def keys(self, batch: str) -> tuple[str, ...]:
        """Return the keys of a batch. Raises `PocketTTSError` if the record has none of this name."""
        if batch not in self.batches:
            raise PocketTTSError(f"{self.path} has no batch {batch}: run snakemake again, which writes it.")
        return self.batches[batch]

    def companions(self, batch: str) -> tuple[str, ...]:
        """Return the batches of the latest division that has this one."""
        return next((names for names in reversed(self.divisions.values()) if batch in names), (batch,))

    def named(self, division: str) -> tuple[str, ...]:
        """Return the batches of a division. Raises `PocketTTSError` if the record has none of this name."""
        if division not in self.divisions:
            raise PocketTTSError(f"{self.path} has no division {division}: run snakemake again, which writes it.")
        return self.divisions[division]

    def remember(self, batches: Batches, division: Batches) -> None:
        """Record the division of a book that has these batches, and write the file if that changes it."""
        name = division_name(batches)
        self.divisions.pop(name, None)
        latest = [*self.divisions.items(), (name, tuple(division))][-_DIVISIONS:]
        keys_of = {**self.batches, **division}
        document = {
            "batches": {batch: list(keys_of[batch]) for _, names in latest for batch in names},
            "divisions": [[name, list(names)] for name, names in latest],
        }
        files.write_json(self.path, document, keep_same=True, seal=True)
