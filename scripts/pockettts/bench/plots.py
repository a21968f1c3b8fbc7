"""The plots of a benchmark, in colors that readers with any color vision can tell apart (Okabe and Ito's)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pockettts.bench.bench_models import RANDOM, is_random
from pockettts.bench.results import Results, usual_figures
from pockettts.bench.systems import SYSTEMS

BLUE, GRAY = "#0072B2", "#999999"
COLORS = (BLUE, "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", GRAY)


def _pyplot() -> Any:
    import matplotlib as mpl

    mpl.use("Agg")
    # The same measurements give the same file.
    mpl.rcParams["svg.hashsalt"] = "pockettts"
    mpl.rcParams["axes.spines.top"] = mpl.rcParams["axes.spines.right"] = False
    from matplotlib import pyplot

    return pyplot


def _panels(count: int, height: float) -> tuple[Any, list[Any]]:
    figure, axes = _pyplot().subplots(1, max(1, count), figsize=(10, height), layout="constrained", squeeze=False)
    return figure, list(axes[0])


def draw_rtf(results: Results) -> Any:
    """Real-time factors of warm systems, a panel a model: a bar to the median, a line from least to greatest."""
    figure, axes = _panels(len(results.models), 4)
    for axis, model in zip(axes, results.models, strict=False):
        f = usual_figures(results, model)
        ours = [SYSTEMS[name].kind == "engine" for name in f["system"]]
        bars = axis.barh(
            f["system"],
            f["rtf"],
            xerr=[f["rtf"] - f["rtf_min"], f["rtf_max"] - f["rtf"]],
            color=[BLUE if one else GRAY for one in ours],
            hatch=["" if one else "//" for one in ours],
            capsize=3,
        )
        axis.bar_label(bars, f["rtf"].map("{:.3f}".format), padding=6)
        axis.invert_yaxis()
        # A process for each text and a warm engine are decades apart.
        axis.set_xscale("log")
        if len(f):
            axis.set_xlim(f["rtf_min"].min() / 3, f["rtf_max"].max() * 6)
        axis.axvline(1, color="black", linestyle=":", linewidth=1)
        axis.set_xlabel("RTF, logarithmic (less is faster)")
        title = f"size of {model.removeprefix(RANDOM)}, random weights" if is_random(model) else f"model {model}"
        axis.set_title(title, fontsize="medium")
    figure.suptitle("Warm engines (gray, hatched: third-party programs)", fontsize="medium")
    return figure


def draw_books(results: Results) -> Any:
    """Books: wall time by jobs, wall time by length, and memory by length."""
    figure, axes = _panels(3, 3.6)
    books = results.books
    if books.empty:
        return figure
    usual = books.groupby("jobs")["chunks"].nunique().idxmax()
    by_length = books[books["jobs"] == usual]
    by_jobs = books[books["chunks"] == books.groupby("engine")["chunks"].transform("first")]
    panels = (by_jobs, "jobs", "wall"), (by_length, "chunks", "wall"), (by_length, "chunks", "peak_mb")
    heads = {"jobs": "jobs at once (-j)", "chunks": "chunks", "wall": "wall time, s", "peak_mb": "peak memory, MB"}
    for axis, (chosen, x, y) in zip(axes, panels, strict=True):
        for (engine, group), color in zip(chosen.groupby("engine", sort=False), COLORS, strict=False):
            label = f"{engine}, {group['chunks'].iloc[0]} chunks" if x == "jobs" else f"{engine}, -j{usual}"
            group.sort_values(x).plot(x=x, y=y, ax=axis, marker="o", color=color, label=label)
        axis.legend(fontsize="small", frameon=False)
        axis.margins(0.1, 0.3)
        axis.set(xlabel=heads[x], ylabel=heads[y], ylim=(0, None), xscale="linear" if x == "jobs" else "log")
        axis.set_xticks(ticks := sorted(set(chosen[x])), [str(tick) for tick in ticks])
        axis.set_xticks([], minor=True)
    return figure


PLOTS: dict[str, Callable[[Results], Any]] = {"rtf": draw_rtf, "books": draw_books}


def draw(results: Results, folder: Path) -> None:
    """Write all `PLOTS` as SVG into `folder`, the same bytes for the same measurements."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, plot in PLOTS.items():
        figure = plot(results)
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        _pyplot().close(figure)
