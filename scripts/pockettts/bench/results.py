"""All that a report rests on: the parts that the jobs measured, as tables of pandas, and figures computed from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from pockettts import files
from pockettts.bench.bench_models import is_random
from pockettts.bench.books import BookRun
from pockettts.bench.environment import warnings
from pockettts.bench.measure import ColdStart, SkippedSystem, WarmRun
from pockettts.bench.systems import BASE, SYSTEMS
from pockettts.errors import UsageError

FORMAT = 2
TABLES: Mapping[str, type] = {"warm": WarmRun, "cold": ColdStart, "books": BookRun, "skipped": SkippedSystem}
"""The tables of a report, and the class of a row."""

CELL = ["model", "threads", "chars"]
"""What two warm runs must share to be compared."""

_SPEED = f"speed, x {BASE}"
_FIRST = f"first audio, share of {BASE}'s"
_MEMORY = "peak memory, MB"
GOALS = (
    ("onnx-int8-x8", _SPEED, "ratio", 6.5),
    ("onnx-fp32-x8", _SPEED, "ratio", 3.5),
    ("onnx-int8", _SPEED, "ratio", 4.0),
    ("onnx-int8", _FIRST, "first_share", 0.25),
    *((name, _MEMORY, "peak_mb", 700.0) for name in SYSTEMS if name.startswith("onnx")),
)
"""Limits of engine onnx with the architecture in full size: a least `ratio`, the most of anything else."""

BOOK_SHARE = 1 / 8
"""The share of engine cli's wall time that engine onnx may take for the same book."""

MASTERING_SHARE = 0.03
"""The share that mastering may have of the time in which `MASTERING_BESIDE` speaks the same audio in full size."""

MASTERING_BESIDE = "onnx-int8-x8"


@dataclass(frozen=True, slots=True)
class Results:
    """All measurements of a report, a table a kind (`TABLES`); `environments` by the name of the part that followed."""

    profile: str
    environments: Mapping[str, Mapping[str, Any]]
    warm: pd.DataFrame
    cold: pd.DataFrame
    books: pd.DataFrame
    skipped: pd.DataFrame

    @classmethod
    def of(cls, profile: str, environments: Mapping[str, Mapping[str, Any]], **tables: Sequence[Any]) -> Results:
        """Return results with records, or instances of the classes in `TABLES`; a table that is not named is empty."""
        columns = {kind: [field.name for field in fields(row)] for kind, row in TABLES.items()}
        frames = {kind: pd.DataFrame(tables.get(kind, ()), columns=names) for kind, names in columns.items()}
        return cls(profile, environments, **frames)

    @property
    def models(self) -> list[str]:
        """The models that were measured, in the order of the parts."""
        skipped = self.skipped[self.skipped["part"] != "books"]
        return list(dict.fromkeys([*self.warm["model"], *self.cold["model"], *skipped["model"]]))

    @property
    def warnings(self) -> list[str]:
        """What makes the measurements doubtful."""
        return [*warnings(self.environments), *_length_warnings(self.warm)]

    def as_dict(self) -> dict[str, Any]:
        """Return the document of report.json: what was measured, and the figures that a baseline is compared by."""
        return {
            "format": FORMAT,
            "profile": self.profile,
            "environments": self.environments,
            "warnings": self.warnings,
            **{name: getattr(self, name).to_dict("records") for name in TABLES},
            "rows": rows(self),
            "goals": goals(self).to_dict("records"),
        }


def part(name: str, environment: Mapping[str, Any], **tables: Iterable[Any]) -> dict[str, Any]:
    """Return the document of one part: what one job measured, by `TABLES`, and the machine before it began."""

    def record(row: Any) -> dict[str, Any]:
        return {name: round(value, 6) if isinstance(value, float) else value for name, value in asdict(row).items()}

    records = {kind: list(map(record, tables.get(kind, ()))) for kind in TABLES}
    return {"name": name, "environment": dict(environment), **records}


def print_part(document: Mapping[str, Any]) -> None:
    """Print what a part measured, for the log of its job."""
    for kind in TABLES:
        for row in document[kind]:
            print(f"{kind}: " + ", ".join(f"{name} {value}" for name, value in row.items() if name != "rules"))


def collect(parts: Iterable[Path], profile: str) -> Results:
    """Read parts, in the order of the tables. Raises `UsageError` for a file that is not one."""
    documents = [files.read_json(path, "the part", UsageError) for path in parts]
    tables = {kind: [row for document in documents for row in document[kind]] for kind in TABLES}
    return Results.of(profile, {document["name"]: document["environment"] for document in documents}, **tables)


def read_results(document: Mapping[str, Any]) -> Results:
    """Return the results in a report.json."""
    return Results.of(document["profile"], document["environments"], **{name: document[name] for name in TABLES})


# --- figures ------------------------------------------------------------------------------------------------------


def warm_figures(warm: pd.DataFrame) -> pd.DataFrame:
    """Return the figures of warm systems, a row for each model, threads, chars and system.

    Columns: rtf (median), rtf_min, rtf_mean, rtf_max, spread ((max - min) / median), speed (x real time), ratio,
    ratio_min and ratio_max (how many times faster than the base in the same round), first_ms, streams (whether the
    first audio comes before the last), cpu (seconds for a second of audio), start, peak_mb, rounds.
    """
    runs = warm.assign(rtf=warm["wall"] / warm["audio"], cpu=warm["cpu"] / warm["audio"])
    base = runs.loc[runs["system"] == BASE, [*CELL, "round", "rtf"]]
    runs = runs.merge(base, on=[*CELL, "round"], how="left", suffixes=("", "_base"))
    runs = runs.assign(
        speed=1 / runs["rtf"],
        ratio=runs["rtf_base"] / runs["rtf"],
        first_ms=1000 * runs["first"],
        streams=runs["first"] < 0.99 * runs["wall"],
    )
    figures = runs.groupby([*CELL, "system"], sort=False, as_index=False).agg(
        rtf=("rtf", "median"),
        rtf_min=("rtf", "min"),
        rtf_mean=("rtf", "mean"),
        rtf_max=("rtf", "max"),
        speed=("speed", "median"),
        ratio=("ratio", "median"),
        ratio_min=("ratio", "min"),
        ratio_max=("ratio", "max"),
        first_ms=("first_ms", "median"),
        streams=("streams", "all"),
        cpu=("cpu", "median"),
        start=("start", "first"),
        peak_mb=("peak_mb", "max"),
        rounds=("round", "size"),
    )
    return figures.assign(spread=(figures["rtf_max"] - figures["rtf_min"]) / figures["rtf"])


def usual_figures(results: Results, model: str) -> pd.DataFrame:
    """Return the warm figures of a model in its first cell, in which all systems are measured."""
    figures = warm_figures(results.warm[results.warm["model"] == model])
    return figures.merge(figures[CELL].head(1), on=CELL)


def cold_figures(cold: pd.DataFrame) -> pd.DataFrame:
    """Return the medians of cold starts by model and system, with total_min and total_max."""
    groups = cold.groupby(["model", "system"], sort=False)
    medians = groups.median().drop(columns="round")
    return medians.assign(total_min=groups["total"].min(), total_max=groups["total"].max()).reset_index()


def book_shares(results: Results) -> pd.DataFrame:
    """Return where the wall time goes of each book that was built with one job at a time, as shares of it.

    Columns: book (its name), synthesis, start-up, steps (other than synthesis), Snakemake.

    Synthesis is the length of the takes times the real-time factor of the warm engine with the first model, which is
    that of the books; engine cli computes what engine torch does. Start-up is the rest of the jobs that synthesize.
    """
    books = results.books[results.books["jobs"] == 1]
    first = usual_figures(results, results.models[0] if results.models else "")
    rtf = first.set_index("system")["rtf"].to_dict()
    jobs = books["rules"].map(lambda rules: sum(rules.values())).astype(float)
    synth = books["rules"].map(lambda rules: rules.get("synth", 0.0)).astype(float)
    speaking = (books["audio"] * books["engine"].map({**rtf, "cli": rtf.get("torch")}).astype(float)).clip(upper=synth)
    outside = (books["wall"] - jobs).clip(lower=0)
    parts = {"synthesis": speaking, "start-up": synth - speaking, "steps": jobs - synth, "Snakemake": outside}
    shares = pd.DataFrame(parts).div(books["wall"], axis=0)
    return shares.assign(book=books["engine"] + ", " + books["chunks"].astype(str) + " chunks").dropna()


def goals(results: Results) -> pd.DataFrame:
    """Return the goals of engine onnx that were measured: goal, limit, upper, value, reached.

    Those of `GOALS` are measured with random weights in full size. A book is compared with the same one by engine cli,
    and its mastering with the time in which the model in full size would speak it.
    """
    table: list[tuple[str, float, bool, float]] = []
    speaking = float("nan")
    for model in filter(is_random, results.models):
        figures = usual_figures(results, model).set_index("system")
        figures["first_share"] = figures["first_ms"] / figures["first_ms"].get(BASE, float("nan"))
        speaking = figures["rtf"].get(MASTERING_BESIDE, speaking)
        for system, about, column, limit in GOALS:
            if system in figures.index:
                table.append((f"{system}: {about}", limit, column != "ratio", figures.loc[system, column]))
    cli = results.books[results.books["engine"] == "cli"]
    books = results.books.merge(
        cli[["chunks", "jobs", "wall"]], on=["chunks", "jobs"], how="left", suffixes=("", "_cli")
    )
    for book in books[books["engine"].str.startswith("onnx")].itertuples():
        name = f"book of {book.chunks} chunks, -j{book.jobs}, {book.engine}"
        table.append((f"{name}: wall time, share of cli's", BOOK_SHARE, True, book.wall / book.wall_cli))
        if book.chunks == books["chunks"].max():
            mastering = book.rules.get("master_book", float("nan")) / book.audio / speaking
            table.append((f"{name}: mastering, share of speaking in full size", MASTERING_SHARE, True, mastering))
    frame = pd.DataFrame(table, columns=["goal", "limit", "upper", "value"]).dropna()
    reached = frame["value"].le(frame["limit"]).where(frame["upper"].astype(bool), frame["value"].ge(frame["limit"]))
    return frame.assign(value=frame["value"].astype(float).round(6), reached=reached.astype(bool))


def _length_warnings(warm: pd.DataFrame) -> list[str]:
    """Return a sentence for each model of fixed lengths that comparable systems gave different lengths of audio."""
    comparable = [name for name, system in SYSTEMS.items() if system.comparable]
    runs = warm[warm["model"].map(is_random).astype(bool) & warm["system"].isin(comparable)]
    lengths = (runs["audio"] / runs["system"].map(lambda name: SYSTEMS[name].texts)).round(6)
    counts = lengths.groupby([runs["model"], runs["chars"]]).nunique()
    models = sorted(set(counts[counts > 1].index.get_level_values("model")))
    return [
        f"The engines gave different lengths of audio with {name}: their times cannot be compared." for name in models
    ]


# --- baselines ----------------------------------------------------------------------------------------------------


def rows(results: Results) -> dict[str, float]:
    """Return one figure for everything that was measured, by a name that stays: what a baseline is compared by.

    Real-time factors (median) of warm engines; seconds of cold starts (median) and of books. Less is better.
    """
    warm, cold, books = warm_figures(results.warm), cold_figures(results.cold), results.books
    figures = {f"warm {r.model} {r.system} threads={r.threads} chars={r.chars}": r.rtf for r in warm.itertuples()}
    figures |= {f"cold {r.model} {r.system}": r.total for r in cold.itertuples()}
    figures |= {f"book {r.engine} chunks={r.chunks} jobs={r.jobs}": r.wall for r in books.itertuples()}
    return {name: round(float(value), 6) for name, value in figures.items()}


def read_rows(path: Path) -> dict[str, float]:
    """Read the figures of a report.json, or of what `pockettts bench --format json` printed. Raises `UsageError`."""
    document = files.read_json(path, "the baseline", UsageError)
    figures = document.get("rows") if isinstance(document, dict) else None
    if not isinstance(figures, dict) or not all(isinstance(value, int | float) for value in figures.values()):
        raise UsageError(f"The baseline {path} has no figures: name a report.json of `make bench`.")
    return {str(name): float(value) for name, value in figures.items()}


def compare_baseline(new: Mapping[str, float], old: Mapping[str, float], tolerance: float) -> pd.DataFrame:
    """Compare the figures that both have, in the order of `new`.

    Columns: name, old, new, ratio (new / old; less is better), and slower: by more than `tolerance`, a share of old.
    """
    shared = [(name, old[name], value) for name, value in new.items() if old.get(name, 0) > 0]
    table = pd.DataFrame(shared, columns=["name", "old", "new"])
    return table.assign(ratio=table["new"] / table["old"], slower=table["new"] > table["old"] * (1 + tolerance))


def describe_comparison(comparison: pd.DataFrame) -> str:
    """Return a sentence on what got slower."""
    slower = comparison.loc[comparison["slower"], "name"]
    if comparison.empty:
        return "The baseline and this run have no row in common."
    if slower.empty:
        return f"None of {len(comparison)} rows is slower than the baseline by more than the tolerance."
    return f"{len(slower)} of {len(comparison)} rows got slower by more than the tolerance: {', '.join(slower)}."
