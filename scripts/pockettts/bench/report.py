"""The pages of a benchmark: tables in Markdown, the page of a report, and the same as HTML with the plots inside."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from pockettts.bench.bench_models import RANDOM, is_random
from pockettts.bench.measure import PHASES
from pockettts.bench.results import (
    CELL,
    BaselineComparison,
    Results,
    book_shares,
    cold_figures,
    goals,
    usual_figures,
    warm_figures,
)
from pockettts.bench.systems import BASE, SYSTEMS

PLOTS: Mapping[str, str] = {
    "rtf": "Real-time factor of warm engines: median, and a line from the fastest to the slowest round. Less is faster;"
    " below 1 is faster than speech.",
    "books": "Whole books: wall time by jobs at once, wall time by length, and peak memory by length.",
}
"""The plots and what they show, in the order of the page."""

_ORDER = {name: place for place, name in enumerate(dict.fromkeys((BASE, *SYSTEMS)))}


def markdown_table(frame: pd.DataFrame) -> str:
    """Return a table of strings in Markdown: the first column to the left, the others to the right."""
    lines = [f"| {' | '.join(frame.columns)} |", f"|---|{'---:|' * (len(frame.columns) - 1)}"]
    lines += [f"| {' | '.join(row)} |" for row in frame.itertuples(index=False)]
    return "\n".join(lines) + "\n"


def _with_skipped(frame: pd.DataFrame, results: Results, part: str, model: str) -> pd.DataFrame:
    """Return a table of systems with a row for each that was skipped, its reason in the second column."""
    skipped = results.skipped[(results.skipped["part"] == part) & (results.skipped["model"] == model)]
    reasons = pd.DataFrame({frame.columns[0]: skipped["system"], frame.columns[1]: skipped["reason"]})
    rows = pd.concat([frame, reasons]).fillna("")
    return rows.sort_values(frame.columns[0], key=lambda names: names.map(_ORDER), kind="stable")


def _text(column: pd.Series, form: str) -> pd.Series:
    """Return a column as text; what is missing is empty."""
    return column.map(lambda value: "" if pd.isna(value) else form.format(value)).astype(object)


def first_audio(figures: pd.DataFrame) -> pd.Series:
    """Return the milliseconds to the first audio: in brackets where the system does not stream."""
    return _text(figures["first_ms"], "{:.0f}").where(figures["streams"], _text(figures["first_ms"], "({:.0f})"))


# --- tables -------------------------------------------------------------------------------------------------------


def warm_table(results: Results, model: str) -> str:
    """Return the warm systems of a model in its first cell."""
    f = usual_figures(results, model)
    pairs = _text(f["ratio"], "{:.2f}") + _text(f["ratio_min"], " ({:.2f}") + _text(f["ratio_max"], " to {:.2f})")
    frame = pd.DataFrame(
        {
            "engine": f["system"],
            "RTF median": _text(f["rtf"], "{:.3f}"),
            "min": _text(f["rtf_min"], "{:.3f}"),
            "mean": _text(f["rtf_mean"], "{:.3f}"),
            "max": _text(f["rtf_max"], "{:.3f}"),
            "spread": _text(f["spread"], "{:.0%}"),
            "x real time": _text(f["speed"], "{:.2f}"),
            f"x {BASE} (min to max)": pairs,
            "first audio, ms": first_audio(f),
            "CPU s per s of audio": _text(f["cpu"], "{:.3f}"),
            "peak memory, MB": _text(f["peak_mb"], "{:.0f}"),
            "rounds": _text(f["rounds"], "{}"),
        }
    )
    return markdown_table(_with_skipped(frame, results, "warm", model))


def axes_table(results: Results, model: str) -> str:
    """Return the real-time factors of a model's engines by processors and length of text; empty for one cell only."""
    figures = warm_figures(results.warm[results.warm["model"] == model])
    cells = figures[CELL].drop_duplicates()
    if len(cells) < 2:
        return ""
    names = [f"{cell.threads} CPU, {cell.chars} characters" for cell in cells.itertuples()]
    figures = figures.merge(cells.assign(cell=names), on=CELL)
    wide = figures.pivot(index="system", columns="cell", values="rtf")[names].dropna().reset_index(names="engine")
    wide = wide.sort_values("engine", key=lambda systems: systems.map(_ORDER))
    return markdown_table(wide.assign(**{name: _text(wide[name], "{:.3f}") for name in names}))


def cold_table(results: Results, model: str) -> str:
    """Return the cold starts with a model: medians of the phases, in seconds; empty if none was tried."""
    f = cold_figures(results.cold[results.cold["model"] == model])
    heads = dict(zip(PHASES, ("imports", "model", "voice", "to first audio", "to last"), strict=True))
    frame = pd.DataFrame(
        {
            "engine": f["system"],
            **{head: _text(f[phase], "{:.2f}") for phase, head in heads.items()},
            "total, s": _text(f["total"], "{:.2f}"),
            "min to max": _text(f["total_min"], "{:.2f} to ") + _text(f["total_max"], "{:.2f}"),
            "RTF cold": _text(f["total"] / f["audio"], "{:.2f}"),
        }
    )
    frame = _with_skipped(frame, results, "cold", model)
    return "" if frame.empty else markdown_table(frame)


def books_table(results: Results) -> str:
    """Return the books that were built, and a row for each that could not be."""
    b = results.books
    frame = pd.DataFrame(
        {
            "engine": b["engine"],
            "chunks": _text(b["chunks"], "{}"),
            "-j": _text(b["jobs"], "{}"),
            "wall, s": _text(b["wall"], "{:.1f}"),
            "audio, s": _text(b["audio"], "{:.0f}"),
            "RTF of the book": _text(b["wall"] / b["audio"], "{:.3f}"),
            "peak memory, MB": _text(b["peak_mb"], "{:.0f}"),
            "largest process, MB": _text(b["step_mb"], "{:.0f}"),
        }
    )
    skipped = results.skipped[results.skipped["part"] == "books"]
    reasons = pd.DataFrame({"engine": skipped["system"], "chunks": skipped["reason"]})
    return markdown_table(pd.concat([frame, reasons]).fillna(""))


def shares_table(results: Results) -> str:
    """Return where the wall time of books goes; empty if none was built with one job at a time."""
    shares = book_shares(results)
    if shares.empty:
        return ""
    return markdown_table(shares.assign(**{name: _text(shares[name], "{:.0%}") for name in shares.columns[1:]}))


def goals_table(results: Results) -> str:
    """Return the goals of engine onnx; empty if nothing was measured that has a goal."""
    g = goals(results)
    frame = pd.DataFrame(
        {
            "goal": g["goal"],
            "limit": g["upper"].map({True: "≤ ", False: "≥ "}) + _text(g["limit"], "{:g}"),
            "measured": _text(g["value"], "{:.2f}"),
            "reached": g["reached"].map({True: "yes", False: "no"}),
        }
    )
    return "" if frame.empty else markdown_table(frame)


def systems_list(results: Results) -> str:
    """Return what each system of the warm tables is."""
    names = {*results.warm["system"], *results.skipped["system"]}
    return "\n".join(f"- {name}: {SYSTEMS[name].about}" for name in sorted(names, key=_ORDER.__getitem__)) + "\n"


# --- the machine --------------------------------------------------------------------------------------------------


def _earliest(results: Results) -> Mapping[str, Any]:
    return min(results.environments.values(), key=lambda environment: str(environment["time"]))


def processor(environment: Mapping[str, Any]) -> str:
    """Return the processor of an environment: its name, its family and the instruction sets that matter."""
    facts = [environment["family"]] if environment.get("family") else ["family not recorded"]
    if "flags" in environment:
        facts.append(" ".join(environment["flags"]) or "none of the instruction sets that matter")
    return f"{environment['cpu']} ({'; '.join(facts)})"


def machine(results: Results) -> str:
    """Return a sentence on the machine."""
    if not results.environments:
        return ""
    first = _earliest(results)
    governor = f", governor {first['governor']}" if first["governor"] else ""
    busiest = max(environment["busy_percent"] for environment in results.environments.values())
    return (
        f"{processor(first)}, {first['allowed_cpus']} CPUs{governor}, {first['memory_gb']:.0f} GB, {first['system']},"
        f" Python {first['python']}, pocket-tts {first['versions'].get('pocket-tts')}, torch"
        f" {first['versions'].get('torch')}, ONNX Runtime {first['versions'].get('onnxruntime', 'not installed')}."
        f" Measured {first['time']}; load {first['load'][0]:.1f} at the start, and at most {busiest:.0f} % of the"
        " processors at work before a part began."
    )


# --- pages --------------------------------------------------------------------------------------------------------


def about_model(model: str) -> str:
    """Return what a model of the tables is."""
    if is_random(model):
        return f"the architecture of {model.removeprefix(RANDOM)} in full size, with random weights and fixed lengths"
    return f"model {model}"


def cell_of(results: Results, model: str) -> str:
    """Return the cell of `warm_table`, as an addition to a heading; empty if nothing was measured."""
    cells = results.warm.loc[results.warm["model"] == model, CELL].head(1).itertuples()
    return next((f", {cell.chars} characters, {cell.threads} CPUs" for cell in cells), "")


def markdown_page(results: Results, comparison: BaselineComparison | None = None) -> str:
    """Return the page, with links to the plots beside it."""
    parts = [
        "# Benchmark\n",
        f"Profile {results.profile}. {machine(results)}\n",
        *(f"**Warning.** {warning}\n" for warning in results.warnings),
        "RTF is the time of synthesis / the length of the audio, which is counted in samples: less is faster, and x"
        f" real time is its inverse. Warm engines synthesize in turns after a warm-up; x {BASE} compares two runs"
        " of the same round. Spread is (max - min) / median. First audio in brackets: the engine does not stream.\n",
        f"![{PLOTS['rtf']}](plots/rtf.svg)\n",
    ]
    for model in results.models:
        heading = f"## Warm: {about_model(model)}{cell_of(results, model)}\n"
        parts += [heading, warm_table(results, model), axes_table(results, model)]
    parts.append(systems_list(results))
    for model in results.models:
        if cold := cold_table(results, model):
            parts += [f"## Cold: {about_model(model)}\n", cold]
    parts += [
        "## Books\n",
        "From the start of Snakemake to the finished recording; the model, the voice and the bundle exist before.\n",
        books_table(results),
        f"![{PLOTS['books']}](plots/books.svg)\n",
    ]
    if shares := shares_table(results):
        about = (
            "Where the wall time goes with one job at a time. Synthesis is the length of the takes times the RTF of the"
            " warm engine (for cli: torch); start-up is the rest of the jobs that synthesize; Snakemake is what no job"
            " takes.\n"
        )
        parts += [about, shares]
    if reached := goals_table(results):
        parts += ["## Goals of engine onnx\n", reached]
    if comparison is not None:
        rows = comparison.table
        table = pd.DataFrame(
            {
                "row": rows["name"],
                "baseline": _text(rows["old"], "{:.3f}"),
                "this run": _text(rows["new"], "{:.3f}"),
                "this run / baseline": _text(rows["ratio"], "{:.2f}"),
                "": rows["slower"].map({True: "SLOWER", False: ""}),
            }
        )
        parts += ["## Compared with the baseline\n", comparison.sentence() + "\n", markdown_table(table)]
    return "\n".join(part for part in parts if part)


def html_page(page: str, folder: Path) -> str:
    """Return a page of Markdown as one HTML file, with the plots of `folder` inside."""
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark").enable("table").render(page)
    for name in PLOTS:
        picture = folder / "plots" / f"{name}.svg"
        if picture.exists():
            data = base64.b64encode(picture.read_bytes()).decode()
            body = body.replace(f'src="plots/{name}.svg"', f'src="data:image/svg+xml;base64,{data}"')
    environment = jinja2.Environment(loader=jinja2.PackageLoader("pockettts.bench", "."), autoescape=True)
    return environment.get_template("report.html").render(title="Benchmark", body=body) + "\n"
