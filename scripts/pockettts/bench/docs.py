"""The tables of README.md and docs/BENCHMARKS.md: made of what is stored in docs/bench/, between marks in the text."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import fields

from pockettts.bench.contenders import BASE, CONTENDERS
from pockettts.bench.matrix import PROFILES, Matrix
from pockettts.bench.report import (
    axes_table,
    books_table,
    cold_table,
    first_audio,
    lead_in,
    machine,
    shares_table,
    table,
    warm_table,
)
from pockettts.bench.results import Results
from pockettts.bench.subjects import is_random
from pockettts.errors import UsageError

_MARK = re.compile(r"(<!-- bench:(?P<name>[\w-]+) -->\n).*?(<!-- /bench -->)", re.DOTALL)


def _about(results: Results) -> str:
    return "\n".join(
        [f"Profile {results.profile}. {machine(results)}", *(f"\n**{one}**" for one in results.warnings), ""]
    )


def _short(results: Results) -> str:
    """The engines of this project: warm speed with each model, first audio, memory, and a start from nothing."""
    head = ["engine", "model", "RTF", "x real time", "first audio, ms", "peak memory, MB", "cold start to the end, s"]
    starts = {(one.model, one.name): one for one in results.cold if one.runs}
    rows = []
    for model in reversed(results.models):
        for one in results.usual(model):
            if not one.rounds or not (one.name == BASE or CONTENDERS[one.name].ours):
                continue
            start = starts.get((model, one.name))
            rows.append(
                [
                    one.name,
                    "full size" if is_random(model) else model,
                    f"{one.median(lambda u: u.rtf):.3f}",
                    f"{one.speed:.1f}",
                    first_audio(one),
                    f"{one.peak_mb:.0f}",
                    f"{start.median('total'):.1f}" if start else "",
                ]
            )
    return table(head, rows)


def _warm(results: Results) -> str:
    parts = []
    for model in results.models:
        if usual := results.usual(model):
            parts.append(
                f"{lead_in(model)}, {usual[0].chars} characters, {usual[0].threads} CPUs:\n\n"
                + warm_table(results, usual)
            )
        if axes := axes_table(results, model):
            parts.append("RTF by processors and length of text:\n\n" + axes)
    return "\n".join(parts)


def _cold(results: Results) -> str:
    return "\n".join(
        f"{lead_in(model)}:\n\n{found}" for model in results.models if (found := cold_table(results, model))
    )


def _profiles(results: Results) -> str:
    def told(value: object) -> str:
        return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)

    names = [field.name for field in fields(Matrix)]
    rows = ([f"`{name}`", *(told(getattr(profile, name)) for profile in PROFILES.values())] for name in names)
    return table(["setting of `bench`", *PROFILES], rows)


TABLES: Mapping[str, Callable[[Results], str]] = {
    "about": _about,
    "engines": _short,
    "warm": _warm,
    "cold": _cold,
    "books": books_table,
    "shares": shares_table,
    "profiles": _profiles,
}
"""What may stand between `<!-- bench:NAME -->` and `<!-- /bench -->`, made of the report; and `goals`."""


def fill(text: str, results: Results, goals: str = "") -> str:
    """Return a text with everything between its marks made anew, `goals` as it is. Raises `UsageError` for a mark."""
    made = {name: functools.partial(of, results) for name, of in TABLES.items()}
    return fill_marks(text, {**made, "goals": lambda: goals})


def fill_marks(text: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """Return a text with what stands between its marks made anew. Raises `UsageError` for a mark without a table."""

    def filled(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in tables:
            raise UsageError(f"There is no table {name!r} for <!-- bench:{name} -->; there are {', '.join(tables)}.")
        return f"{match[1]}\n{tables[name]()}\n{match[3]}"

    return _MARK.sub(filled, text)
