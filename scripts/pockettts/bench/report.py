"""The tables of a benchmark in Markdown, the pages that have them between marks, and the report as HTML.

The same tables fill the report, README.md and docs/BENCHMARKS.md.
"""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from importlib.resources import files as resources
from pathlib import Path

import jinja2
import pandas as pd

from pockettts.bench.bench_models import RANDOM, is_random
from pockettts.bench.matrix import PROFILES, Matrix
from pockettts.bench.results import (
    CELL,
    Results,
    book_shares,
    cold_figures,
    describe_comparison,
    goals,
    usual_figures,
    warm_figures,
)
from pockettts.bench.systems import BASE, SYSTEMS
from pockettts.errors import UsageError

_ORDER = {name: place for place, name in enumerate(SYSTEMS)}
_MARK = re.compile(r"(<!-- bench:(?P<name>[\w-]+) -->\n).*?(<!-- /bench -->)", re.DOTALL)

# The columns of each table: head, column of the figures, format.
WARM = (
    "engine system {} | RTF median rtf {:.3f} | min rtf_min {:.3f} | mean rtf_mean {:.3f} | max rtf_max {:.3f}"
    f" | spread spread {{:.0%}} | x real time speed {{:.2f}} | x {BASE} (min to max) ratios {{}}"
    " | first audio, ms first_audio {} | CPU s per s of audio cpu {:.3f} | peak memory, MB peak_mb {:.0f}"
    " | rounds rounds {}"
)
ENGINES = (
    "engine system {} | model about {} | RTF rtf {:.3f} | x real time speed {:.1f} | first audio, ms first_audio {}"
    " | peak memory, MB peak_mb {:.0f} | cold start to the end, s total {:.1f}"
)
COLD = (
    "engine system {} | imports imports {:.2f} | model weights {:.2f} | voice voice {:.2f}"
    " | to first audio first {:.2f} | to last rest {:.2f} | total, s total {:.2f} | min to max range {}"
    " | RTF cold rtf {:.2f}"
)
BOOKS = (
    "engine engine {} | chunks chunks {} | -j jobs {} | wall, s wall {:.1f} | audio, s audio {:.0f}"
    " | RTF of the book rtf {:.3f} | peak memory, MB peak_mb {:.0f} | largest process, MB step_mb {:.0f}"
)
SHARES = (
    "book book {} | synthesis synthesis {:.0%} | start-up start-up {:.0%} | other steps steps {:.0%}"
    " | Snakemake Snakemake {:.0%}"
)
GOALS = "goal goal {} | limit bound {} | measured value {:.2f} | reached answer {}"
BASELINE = (
    "row name {} | baseline old {:.3f} | this run new {:.3f} | this run / baseline ratio {:.2f} | verdict verdict {}"
)


def _text(column: pd.Series, form: str) -> pd.Series:
    """Return a column as text; what is missing is empty."""
    return column.map(lambda value: "" if pd.isna(value) else form.format(value)).astype(object)


def _cells(frame: pd.DataFrame, columns: str) -> pd.DataFrame:
    chosen = [column.rsplit(" ", 2) for column in columns.split(" | ")]
    return pd.DataFrame({head: _text(frame[name], form) for head, name, form in chosen})


def _with_skipped(cells: pd.DataFrame, results: Results, part: str, model: str | None = None) -> str:
    """Return a table of systems with a row for each that was skipped, its reason in the second column."""
    skipped = results.skipped[results.skipped["part"] == part]
    skipped = skipped if model is None else skipped[skipped["model"] == model]
    reasons = pd.DataFrame({cells.columns[0]: skipped["system"], cells.columns[1]: skipped["reason"]})
    table = pd.concat([cells, reasons]).fillna("")
    if model is not None:
        table = table.sort_values("engine", key=lambda names: names.map(_ORDER), kind="stable")
    return markdown_table(table)


def markdown_table(cells: pd.DataFrame) -> str:
    """Return a table of strings in Markdown: the first column to the left, the others to the right; empty if it is."""
    if cells.empty:
        return ""
    lines = [f"| {' | '.join(cells.columns)} |", f"|---|{'---:|' * (len(cells.columns) - 1)}"]
    lines += [f"| {' | '.join(row)} |" for row in cells.itertuples(index=False)]
    return "\n".join(lines) + "\n"


def _with_texts(figures: pd.DataFrame) -> pd.DataFrame:
    """Add two columns of text: the ratios, and the first audio, in brackets where the system does not stream."""
    pairs = (_text(figures[name], form) for name, form in (("ratio_min", " ({:.2f}"), ("ratio_max", " to {:.2f})")))
    first = _text(figures["first_ms"], "{:.0f}").where(figures["streams"], _text(figures["first_ms"], "({:.0f})"))
    return figures.assign(ratios=sum(pairs, _text(figures["ratio"], "{:.2f}")), first_audio=first)


# --- tables -------------------------------------------------------------------------------------------------------


def about(results: Results) -> str:
    """Return the profile, the machine, and what makes the measurements doubtful."""
    sentences = [f"Profile {results.profile}."]
    if results.environments:
        first = min(results.environments.values(), key=lambda environment: str(environment["time"]))
        governor = f", governor {first['governor']}" if first["governor"] else ""
        versions = {name: first["versions"].get(name, "not installed") for name in (BASE, "torch", "onnxruntime")}
        busiest = max(environment["busy_percent"] for environment in results.environments.values())
        sentences += [
            f"{first['cpu']}, {first['allowed_cpus']} CPUs{governor}, {first['memory_gb']:.0f} GB, {first['system']},"
            f" Python {first['python']}, {BASE} {versions[BASE]}, torch {versions['torch']}, ONNX Runtime"
            f" {versions['onnxruntime']}.",
            f"Measured {first['time']}; load {first['load'][0]:.1f} at the start, and at most {busiest:.0f} % of the"
            " processors at work before a part began.",
        ]
    return "\n".join([" ".join(sentences), *(f"\n**{warning}**" for warning in results.warnings), ""])


def about_model(model: str) -> str:
    """Return what a model of the tables is."""
    if is_random(model):
        return f"The architecture of {model.removeprefix(RANDOM)} in full size, with random weights and fixed lengths"
    return f"Model {model}"


def engines_table(results: Results) -> str:
    """Return the engines of this project: warm speed with each model, first audio, memory, and a cold start."""
    starts = cold_figures(results.cold)[["model", "system", "total"]]
    parts = []
    for model in reversed(results.models):
        figures = _with_texts(usual_figures(results, model)).merge(starts, on=["model", "system"], how="left")
        figures = figures[figures["system"].map(lambda name: SYSTEMS[name].comparable).astype(bool)]
        parts.append(_cells(figures.assign(about="full size" if is_random(model) else model), ENGINES))
    return markdown_table(pd.concat(parts)) if parts else ""


def warm_table(results: Results, model: str) -> str:
    """Return the warm systems of a model in its first cell."""
    return _with_skipped(_cells(_with_texts(usual_figures(results, model)), WARM), results, "warm", model)


def warm_tables(results: Results) -> str:
    """Return the warm systems with each model, and their speed by processors and length of text."""
    parts = []
    for model in results.models:
        figures = warm_figures(results.warm[results.warm["model"] == model])
        cells = figures[CELL].drop_duplicates()
        usual = next((f", {cell.chars} characters, {cell.threads} CPUs" for cell in cells.itertuples()), "")
        parts.append(f"{about_model(model)}{usual}:\n\n{warm_table(results, model)}")
        if len(cells) > 1:
            names = [f"{cell.threads} CPU, {cell.chars} characters" for cell in cells.itertuples()]
            figures = figures.merge(cells.assign(cell=names), on=CELL)
            wide = figures.pivot(index="system", columns="cell", values="rtf")[names].dropna().reset_index()
            wide = wide.sort_values("system", key=lambda systems: systems.map(_ORDER))
            cells = pd.DataFrame({"engine": wide["system"], **{name: _text(wide[name], "{:.3f}") for name in names}})
            parts.append("RTF by processors and length of text:\n\n" + markdown_table(cells))
    return "\n".join(parts)


def systems_list(results: Results) -> str:
    """Return what each system of the warm tables is."""
    names = {*results.warm["system"], *results.skipped["system"]}
    return "\n".join(f"- {name}: {SYSTEMS[name].about}" for name in sorted(names, key=_ORDER.__getitem__)) + "\n"


def cold_tables(results: Results) -> str:
    """Return the cold starts with each model: medians of the phases, in seconds."""
    tables = {}
    for model in results.models:
        f = cold_figures(results.cold[results.cold["model"] == model])
        extent = _text(f["total_min"], "{:.2f} to ") + _text(f["total_max"], "{:.2f}")
        cells = _cells(f.assign(range=extent, rtf=f["total"] / f["audio"]), COLD)
        tables[model] = _with_skipped(cells, results, "cold", model)
    return "\n".join(f"{about_model(model)}:\n\n{table}" for model, table in tables.items() if table)


def books_table(results: Results) -> str:
    """Return the books that were built, and a row for each that could not be."""
    books = results.books.assign(rtf=results.books["wall"] / results.books["audio"])
    return _with_skipped(_cells(books, BOOKS), results, "books")


def shares_table(results: Results) -> str:
    """Return where the wall time of books goes that were built with one job at a time."""
    return markdown_table(_cells(book_shares(results), SHARES))


def goals_table(results: Results) -> str:
    """Return the goals of engine onnx."""
    g = goals(results)
    bound = g["upper"].map({True: "≤ ", False: "≥ "}) + _text(g["limit"], "{:g}")
    return markdown_table(_cells(g.assign(bound=bound, answer=g["reached"].map({True: "yes", False: "no"})), GOALS))


def baseline_table(comparison: pd.DataFrame) -> str:
    """Return the rows that a report and a baseline share."""
    verdict = comparison["slower"].map({True: "SLOWER", False: ""})
    return markdown_table(_cells(comparison.assign(verdict=verdict), BASELINE))


def profiles_table(results: Results) -> str:
    """Return what each profile measures, which does not depend on the results."""

    def cell(value: object) -> str:
        return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)

    names = [field.name for field in fields(Matrix)]
    columns = {profile: [cell(getattr(matrix, name)) for name in names] for profile, matrix in PROFILES.items()}
    return markdown_table(pd.DataFrame({"setting of `bench`": [f"`{name}`" for name in names], **columns}))


TABLES: Mapping[str, Callable[[Results], str]] = {
    "about": about,
    "engines": engines_table,
    "warm": warm_tables,
    "systems": systems_list,
    "cold": cold_tables,
    "books": books_table,
    "shares": shares_table,
    "goals": goals_table,
    "profiles": profiles_table,
}
"""What may stand between `<!-- bench:NAME -->` and `<!-- /bench -->`."""


# --- pages --------------------------------------------------------------------------------------------------------


def fill(text: str, results: Results) -> str:
    """Return a text with the tables between its marks made from `results`. Raises `UsageError` for an unknown mark."""
    return fill_marks(text, {name: functools.partial(table, results) for name, table in TABLES.items()})


def fill_marks(text: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """Return a text with what stands between its marks replaced. Raises `UsageError` for a mark without a table."""

    def filled(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in tables:
            raise UsageError(f"There is no table {name!r} for <!-- bench:{name} -->; there are {', '.join(tables)}.")
        return f"{match[1]}\n{tables[name]()}\n{match[3]}"

    return _MARK.sub(filled, text)


def markdown_page(results: Results, comparison: pd.DataFrame | None = None) -> str:
    """Return the report, with links to the plots beside it, and the comparison with a baseline if there is one."""
    page = fill(resources("pockettts.bench").joinpath("report.md").read_text(encoding="utf-8"), results)
    if comparison is None:
        return page
    sentence = describe_comparison(comparison)
    return f"{page}\n## Compared with the baseline\n\n{sentence}\n\n{baseline_table(comparison)}"


def html_page(page: str, folder: Path) -> str:
    """Return a page of Markdown as one HTML file, with the plots that it links in `folder` inside."""
    from markdown_it import MarkdownIt

    def embed(match: re.Match[str]) -> str:
        data = base64.b64encode((folder / match[1]).read_bytes()).decode()
        return f'src="data:image/svg+xml;base64,{data}"'

    body = re.sub(r'src="(plots/\w+\.svg)"', embed, MarkdownIt("commonmark").enable("table").render(page))
    environment = jinja2.Environment(loader=jinja2.PackageLoader("pockettts.bench", "."), autoescape=True)
    return environment.get_template("report.html").render(title="Benchmark", body=body) + "\n"
