"""Figures of now against figures of before, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Comparison:
    """A row of both: `ratio` is new / old, and less than 1 is better; `slower` if it is worse than tolerated."""

    name: str
    old: float
    new: float
    slower: bool

    @property
    def ratio(self) -> float:
        """New / old."""
        return self.new / self.old


def compare(new: Mapping[str, float], old: Mapping[str, float], tolerance: float) -> list[Comparison]:
    """Compare what both have, in the order of `new`; slower than `old` by more than the share `tolerance` is told."""
    return [
        Comparison(name, old[name], value, slower=value > old[name] * (1 + tolerance))
        for name, value in new.items()
        if old.get(name, 0) > 0
    ]


def sentence(comparisons: list[Comparison], tolerance: float) -> str:
    """Say what got slower."""
    slower = [one.name for one in comparisons if one.slower]
    if not comparisons:
        return "The baseline and this run have no row in common."
    if not slower:
        return f"Nothing of {len(comparisons)} rows got slower than the baseline by more than {tolerance:.0%}."
    return f"{len(slower)} of {len(comparisons)} rows got slower by more than {tolerance:.0%}: {', '.join(slower)}."
