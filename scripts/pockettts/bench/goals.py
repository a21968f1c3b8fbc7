"""What engine onnx is to reach beside plain pocket-tts, and whether it does: for `make bench-engines`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pockettts.bench.contenders import BASE
from pockettts.bench.measure import Series, figures, ratios
from pockettts.bench.report import lead_in, machine, table, warm_table
from pockettts.bench.results import Results

SPEED = {"onnx-fp32-x2": 1.7, "onnx-int8": 3.0}
"""How many times faster than the base an engine is to be: as it makes a book, fp32 with two texts at once."""
ALONE = ("onnx-fp32", "onnx-int8")
"""Whose first audio is measured."""
FIRST_MS = 100.0
BOOK_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Goal:
    """Something to reach: `value` is at least (or, if `most`, at most) `limit`."""

    what: str
    value: float
    limit: float
    unit: str
    most: bool = False

    @property
    def reached(self) -> bool:
        """Whether it is."""
        return self.value <= self.limit if self.most else self.value >= self.limit

    def as_row(self) -> list[str]:
        """Return a row of the table: what, limit, measured, reached."""
        sign = "≤" if self.most else "≥"
        return [
            self.what,
            f"{sign} {self.limit:g}{self.unit}",
            f"{self.value:.2f}{self.unit}",
            "yes" if self.reached else "NO",
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "reached": self.reached}


def find_goals(series: Sequence[Series], book: Mapping[str, float] | None = None) -> list[Goal]:
    """Return the goals for what was measured: engine onnx in both precisions, and a book by engines cli and onnx.

    `book` has the seconds of both. Without the base there are no goals for engines.
    """
    by_name = {one.name: one for one in series if one.rounds}
    found = []
    base = by_name.get(BASE)
    for name in dict.fromkeys((*ALONE, *SPEED)):
        one = by_name.get(name)
        if one is None or base is None:
            continue
        if name in SPEED:
            found.append(Goal(f"{name}: speed, times {BASE}", figures(ratios(one, base))["median"], SPEED[name], ""))
        found.append(Goal(f"{name}: peak memory", one.peak_mb, round(base.peak_mb), " MB", most=True))
        if name in ALONE:
            found.append(Goal(f"{name}: first audio, warm", one.first_ms, FIRST_MS, " ms", most=True))
    if book:
        share = book["onnx"] / book["cli"]
        found.append(Goal("book: wall time, share of engine cli", share, BOOK_SHARE, "", most=True))
    return found


def goals_page(results: Results, book: Mapping[str, float] | None = None) -> str:
    """Return the page of Markdown that goes with engines.png; `book` also has its `chunks` and `jobs`."""
    return f"# Engines\n\n{goals_tables(results, book)}\n![real-time factors](engines.png)\n"


def goals_tables(results: Results, book: Mapping[str, float] | None = None) -> str:
    """Return what the page says: the machine, what was measured on it, and the goals."""
    parts = [machine(results) + "\n", *(f"**Warning.** {one}\n" for one in results.warnings)]
    for model in results.models:
        parts += [f"{lead_in(model)}:\n", warm_table(results, results.usual(model))]
    if book:
        parts.append(
            f"A book of {book['chunks']:.0f} chunks with the bundled model at -j{book['jobs']:.0f}, from nothing to the"
            f" finished recording: engine cli {book['cli']:.0f} s, engine onnx {book['onnx']:.0f} s (its export"
            " included).\n"
        )
    rows = [goal.as_row() for goal in find_goals(results.warm, book)]
    return "\n".join([*parts, table(["goal", "limit", "measured", "reached"], rows)])
