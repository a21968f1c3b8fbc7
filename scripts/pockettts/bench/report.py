"""The pages of a benchmark: Markdown, the same as HTML with the plots inside, and every measurement as CSV."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from pockettts.bench.baseline import Comparison, sentence
from pockettts.bench.cold import PHASES
from pockettts.bench.contenders import ABOUT, BASE
from pockettts.bench.measure import Series, figures, ratios
from pockettts.bench.results import Results
from pockettts.bench.subjects import RANDOM, is_random

PLOTS: Mapping[str, str] = {
    "rtf": "Real-time factor of warm engines: median, and a line from the fastest to the slowest round. Less is faster;"
    " below 1 is faster than speech.",
    "latency": "Time from a text to its first audio, warm. Without streaming: when all of it is done.",
    "cold": "A start from nothing: where the time of a new process goes until one text is spoken.",
    "scaling": "Whole books: wall time by jobs at once and by length, and the peak memory of a build by length.",
    "shares": "Where the wall time of a book goes with one job at a time.",
}
"""The plots and what they show, in the order of the page."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of Markdown: the first column to the left, the others to the right."""
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines) + "\n"


# --- tables -------------------------------------------------------------------------------------------------------


def first_audio(series: Series) -> str:
    """Return the milliseconds to the first audio for a table: in brackets where the contender does not stream."""
    return f"{series.first_ms:.0f}" if series.streams else f"({series.first_ms:.0f})"


def warm_table(results: Results, series: Sequence[Series]) -> str:
    """Return a table of warm contenders; who could not be measured has a row that says why."""
    head = ["engine", "RTF median", "min", "mean", "max", "spread", "x real time", f"x {BASE} (min to max)"]
    head += ["first audio, ms", "CPU s per s of audio", "peak memory, MB", "rounds"]
    found = []
    for one in series:
        if not one.rounds:
            found.append([one.name, one.obstacle or "not measured", *[""] * (len(head) - 2)])
            continue
        rtf, base = figures(u.rtf for u in one.rounds), results.base(one)
        pairs = figures(ratios(one, base)) if base else None
        found.append(
            [
                one.name,
                *(f"{rtf[name]:.3f}" for name in ("median", "min", "mean", "max")),
                f"{rtf['spread']:.0%}",
                f"{one.speed:.2f}",
                f"{pairs['median']:.2f} ({pairs['min']:.2f} to {pairs['max']:.2f})" if pairs else "",
                first_audio(one),
                f"{one.cpu:.3f}",
                f"{one.peak_mb:.0f}",
                str(len(one.rounds)),
            ]
        )
    return table(head, found)


def axes_table(results: Results, model: str) -> str:
    """Return the real-time factors of a model's engines by processors and length of text; empty for one cell only."""
    series = [one for one in results.warm if one.model == model and one.rounds]
    cells = list(dict.fromkeys((one.threads, one.chars) for one in series))
    if len(cells) < 2:
        return ""
    head = ["engine", *(f"{threads} CPU, {chars} characters" for threads, chars in cells)]
    known = {(one.name, one.threads, one.chars): f"{one.median(lambda u: u.rtf):.3f}" for one in series}
    names = [name for name in dict.fromkeys(one.name for one in series) if (name, *cells[1]) in known]
    return table(head, ([name, *(known.get((name, *cell), "") for cell in cells)] for name in names))


def cold_table(results: Results, model: str) -> str:
    """Return the cold starts with a model: medians of the phases, in seconds."""
    found = []
    for one in results.cold:
        if one.model != model:
            continue
        if not one.runs:
            found.append([one.name, one.obstacle or "not measured", *[""] * (len(PHASES) + 2)])
            continue
        total, audio = figures(run["total"] for run in one.runs), one.median("audio")
        row = [one.name, *(f"{one.median(phase):.2f}" for phase in PHASES), f"{total['median']:.2f}"]
        found.append([*row, f"{total['min']:.2f} to {total['max']:.2f}", f"{total['median'] / audio:.2f}"])
    head = ["engine", "imports", "model", "voice", "to first audio", "to last", "total, s", "min to max", "RTF cold"]
    return table(head, found) if found else ""


def books_table(results: Results) -> str:
    """Return the books that were made."""
    head = [
        "engine",
        "chunks",
        "-j",
        "wall, s",
        "audio, s",
        "RTF of the book",
        "peak memory, MB",
        "largest process, MB",
    ]
    return table(
        head,
        (
            [
                one.engine,
                str(one.chunks),
                str(one.jobs),
                f"{one.wall:.1f}",
                f"{one.audio:.0f}",
                f"{one.wall / one.audio:.3f}",
                f"{one.peak_mb:.0f}",
                f"{one.step_mb:.0f}",
            ]
            for one in results.books
        ),
    )


def shares(results: Results) -> dict[str, dict[str, float]]:
    """Return where the time of each book that was made with one job at a time goes, by a name for the book."""
    found = {}
    for one in results.books:
        rtf = results.warm_rtf(one.engine)
        if one.jobs == 1 and rtf is not None:
            found[f"{one.engine}, {one.chunks} chunks"] = one.shares(rtf)
    return found


def shares_table(results: Results) -> str:
    """Return the same as a table; empty if no book was made with one job at a time."""
    found = shares(results)
    if not found:
        return ""
    names = list(next(iter(found.values())))
    return table(["book", *names], ([book, *(f"{of[name]:.0%}" for name in names)] for book, of in found.items()))


def _earliest(results: Results) -> Mapping[str, Any]:
    return min(results.environments.values(), key=lambda environment: str(environment["time"]))


def machine(results: Results) -> str:
    """Return a sentence on the machine."""
    if not results.environments:
        return ""
    first = _earliest(results)
    governor = f", governor {first['governor']}" if first["governor"] else ""
    busiest = max(environment["busy_percent"] for environment in results.environments.values())
    return (
        f"{first['cpu']}, {first['allowed_cpus']} CPUs{governor}, {first['memory_gb']:.0f} GB, {first['system']},"
        f" Python {first['python']}, pocket-tts {first['versions'].get('pocket-tts')}, torch"
        f" {first['versions'].get('torch')}, ONNX Runtime {first['versions'].get('onnxruntime', 'not installed')}."
        f" Measured {first['time']}; load {first['load'][0]:.1f} at the start, and at most {busiest:.0f} % of the"
        " processors at work before a part began."
    )


def machine_table(results: Results) -> str:
    """Return what was recorded of the machine before each part, and what is installed."""
    if not results.environments:
        return ""
    first = _earliest(results)
    threads = ", ".join(f"{name}={value}" for name, value in first["threads"].items()) or "none set"
    versions = ", ".join(f"{name} {version}" for name, version in sorted(first["versions"].items()))
    facts = [
        ["processor", first["cpu"]],
        ["processors, cores, allowed", f"{first['cpus']}, {first['cores']}, {first['allowed_cpus']}"],
        ["frequency governor", first["governor"] or "cannot be read"],
        ["memory, free at the start", f"{first['memory_gb']} GB, {first['memory_free_gb']} GB"],
        ["system", f"{first['system']}, Python {first['python']}"],
        ["thread variables", threads],
        ["packages", versions],
    ]
    parts = sorted(results.environments.items(), key=lambda item: str(item[1]["time"]))
    before = (
        [name, one["time"], ", ".join(f"{load:.2f}" for load in one["load"]), f"{one['busy_percent']:.0f} %"]
        for name, one in parts
    )
    head = ["part", "began", "load (1, 5, 15 min)", "processors at work before"]
    return "\n".join([table(["", "machine"], facts), table(head, before)])


def about_model(model: str) -> str:
    """Return what a model of the tables is."""
    if is_random(model):
        return f"the architecture of {model.removeprefix(RANDOM)} in full size, with random weights and fixed lengths"
    return f"model {model}"


def lead_in(model: str) -> str:
    """Return the same as the beginning of a sentence before a table."""
    about = about_model(model)
    return about[0].upper() + about[1:]


# --- pages --------------------------------------------------------------------------------------------------------


def markdown(results: Results, comparisons: list[Comparison] | None = None, tolerance: float = 0.0) -> str:
    """Return the page, with links to the plots beside it. `comparisons` with a baseline, if there is one."""
    parts = [
        "# Benchmark\n",
        f"Profile {results.profile}. {machine(results)}\n",
        *(f"**Warning.** {warning}\n" for warning in results.warnings),
        "RTF is the time of synthesis / the length of the audio, which is counted in samples: less is faster, and x"
        f" real time is its inverse. Warm engines speak in turns after a warm-up; x {BASE} compares the two that spoke"
        " one after the other. Spread is (max - min) / median. First audio in brackets: the engine does not stream.\n",
        f"![{PLOTS['rtf']}](plots/rtf.svg)\n\n![{PLOTS['latency']}](plots/latency.svg)\n",
    ]
    for model in results.models:
        usual = results.usual(model)
        cell = f", {usual[0].chars} characters, {usual[0].threads} CPUs" if usual else ""
        parts.append(f"## Warm: {about_model(model)}{cell}\n")
        parts += [warm_table(results, usual), axes_table(results, model)]
    names = dict.fromkeys(one.name for one in results.warm)
    parts.append("\n".join(f"- {name}: {ABOUT[name]}" for name in names if name in ABOUT) + "\n")
    for model in results.models:
        if cold := cold_table(results, model):
            parts += [f"## Cold: {about_model(model)}\n", cold]
    parts.append(f"![{PLOTS['cold']}](plots/cold.svg)\n" if results.cold else "")
    if results.books:
        parts += [
            "## Books\n",
            "From the start of snakemake to the finished recording; model, voice and exported model are there.\n",
            books_table(results),
            f"![{PLOTS['scaling']}](plots/scaling.svg)\n",
        ]
    if told := shares_table(results):
        parts += [
            "Where the wall time goes with one job at a time. Synthesis is the length of the takes times the RTF of the"
            " warm engine (for cli: torch); start-up is the rest of the jobs that speak; Snakemake is what no job"
            " takes.\n",
            told,
            f"![{PLOTS['shares']}](plots/shares.svg)\n",
        ]
    if told := machine_table(results):
        parts += ["## Machine\n", told]
    if comparisons is not None:
        head = ["row", "baseline", "now", "now / baseline", ""]
        rows = ([c.name, f"{c.old:.3f}", f"{c.new:.3f}", f"{c.ratio:.2f}", "SLOWER" * c.slower] for c in comparisons)
        parts += ["## Against the baseline\n", sentence(comparisons, tolerance) + "\n", table(head, rows)]
    return "\n".join(part for part in parts if part)


def html(page: str, folder: Path) -> str:
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


CSV_HEAD = ("part", "model", "engine", "threads", "chars", "chunks", "jobs", "run", "measure", "value")


def csv_text(results: Results) -> str:
    """Return every single measurement, one a line: seconds, MB, and samples as seconds of audio."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_HEAD)
    for series in results.warm:
        place = ("warm", series.model, series.name, series.threads, series.chars, "", "")
        for run, u in enumerate(series.rounds, start=1):
            for measure in ("wall", "first", "cpu", "audio", "rtf"):
                writer.writerow((*place, run, measure, f"{getattr(u, measure):.6f}"))
        if series.rounds:
            writer.writerow((*place, "", "start", f"{series.start:.6f}"))
            writer.writerow((*place, "", "peak_mb", f"{series.peak_mb:.1f}"))
        else:
            writer.writerow((*place, "", "obstacle", series.obstacle))
    for starts in results.cold:
        for run, phases in enumerate(starts.runs, start=1):
            for measure, value in phases.items():
                writer.writerow(("cold", starts.model, starts.name, "", "", "", "", run, measure, f"{value:.6f}"))
    for book in results.books:
        made = ("book", "", book.engine, "", "", book.chunks, book.jobs)
        for measure in ("wall", "audio", "speaking", "peak_mb", "step_mb"):
            writer.writerow((*made, 1, measure, f"{getattr(book, measure):.6f}"))
        for rule, value in sorted(book.rules.items()):
            writer.writerow((*made, 1, f"rule {rule}", f"{value:.6f}"))
    return out.getvalue()
