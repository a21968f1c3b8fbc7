"""The tables of README.md and docs/BENCHMARKS.md, made from docs/bench/bench.json between marks in the text."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import fields

import pandas as pd

from pockettts.bench.bench_models import is_random
from pockettts.bench.matrix import PROFILES, Matrix
from pockettts.bench.report import (
    about_model,
    axes_table,
    books_table,
    cell_of,
    cold_table,
    first_audio,
    goals_table,
    machine,
    markdown_table,
    shares_table,
    warm_table,
)
from pockettts.bench.results import Results, cold_figures, usual_figures
from pockettts.bench.systems import SYSTEMS
from pockettts.errors import UsageError

_MARK = re.compile(r"(<!-- bench:(?P<name>[\w-]+) -->\n).*?(<!-- /bench -->)", re.DOTALL)


def _about(results: Results) -> str:
    return "\n".join(
        [f"Profile {results.profile}. {machine(results)}", *(f"\n**{one}**" for one in results.warnings), ""]
    )


def _engines(results: Results) -> str:
    """The engines of this project: warm speed with each model, first audio, memory, and a cold start."""
    starts = cold_figures(results.cold)[["model", "system", "total"]]
    parts = []
    for model in reversed(results.models):
        f = usual_figures(results, model)
        f = f[f["system"].map(lambda name: SYSTEMS[name].comparable)].merge(starts, on=["model", "system"], how="left")
        columns = {
            "engine": f["system"],
            "model": "full size" if is_random(model) else model,
            "RTF": f["rtf"].map("{:.3f}".format),
            "x real time": f["speed"].map("{:.1f}".format),
            "first audio, ms": first_audio(f),
            "peak memory, MB": f["peak_mb"].map("{:.0f}".format),
            "cold start to the end, s": f["total"].map("{:.1f}".format).replace("nan", ""),
        }
        parts.append(pd.DataFrame(columns))
    return markdown_table(pd.concat(parts))


def _lead_in(results: Results, model: str, cell: str = "") -> str:
    about = about_model(model)
    return f"{about[0].upper()}{about[1:]}{cell}:\n\n"


def _warm(results: Results) -> str:
    parts = []
    for model in results.models:
        parts.append(_lead_in(results, model, cell_of(results, model)) + warm_table(results, model))
        if axes := axes_table(results, model):
            parts.append("RTF by processors and length of text:\n\n" + axes)
    return "\n".join(parts)


def _cold(results: Results) -> str:
    tables = {model: cold_table(results, model) for model in results.models}
    return "\n".join(_lead_in(results, model) + table for model, table in tables.items() if table)


def _profiles(results: Results) -> str:
    def cell(value: object) -> str:
        return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)

    names = [field.name for field in fields(Matrix)]
    columns = {profile: [cell(getattr(matrix, name)) for name in names] for profile, matrix in PROFILES.items()}
    return markdown_table(pd.DataFrame({"setting of `bench`": [f"`{name}`" for name in names], **columns}))


TABLES: Mapping[str, Callable[[Results], str]] = {
    "about": _about,
    "engines": _engines,
    "warm": _warm,
    "cold": _cold,
    "books": books_table,
    "shares": shares_table,
    "goals": goals_table,
    "profiles": _profiles,
}
"""What may stand between `<!-- bench:NAME -->` and `<!-- /bench -->`."""


def fill(text: str, results: Results) -> str:
    """Return a text with the tables between its marks made from `results`. Raises `UsageError` for an unknown mark."""
    return fill_marks(text, {name: functools.partial(of, results) for name, of in TABLES.items()})


def fill_marks(text: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """Return a text with what stands between its marks replaced. Raises `UsageError` for a mark without a table."""

    def filled(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in tables:
            raise UsageError(f"There is no table {name!r} for <!-- bench:{name} -->; there are {', '.join(tables)}.")
        return f"{match[1]}\n{tables[name]()}\n{match[3]}"

    return _MARK.sub(filled, text)
