"""The pictures of a benchmark, in colours that people with any colour vision tell apart (Okabe and Ito's)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pockettts.bench.cold import PHASES
from pockettts.bench.contenders import CONTENDERS
from pockettts.bench.measure import Series, figures
from pockettts.bench.report import PLOTS, shares
from pockettts.bench.results import Results
from pockettts.bench.subjects import RANDOM, is_random

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
HATCHES = ("", "//", "..", "xx", "--", "oo", "++", "**")
_OURS, _THEIRS = COLOURS[0], COLOURS[7]
_LABELS = {
    "import": "interpreter, imports",
    "model": "model",
    "voice": "voice",
    "first": "to the first audio",
    "rest": "to the last audio",
}


def _pyplot() -> Any:
    import matplotlib as mpl

    mpl.use("Agg")
    # The same measurements give the same file.
    mpl.rcParams["svg.hashsalt"] = "pockettts"
    mpl.rcParams["axes.spines.top"] = mpl.rcParams["axes.spines.right"] = False
    from matplotlib import pyplot

    return pyplot


def save(figure: Any, path: Path) -> None:
    """Write a figure as `path`, .svg or .png, the same bytes for the same measurements."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    figure.savefig(path, dpi=120, metadata=metadata)


def _panels(count: int, height: float, width: float = 10.0) -> tuple[Any, list[Any]]:
    figure, axes = _pyplot().subplots(1, max(1, count), figsize=(width, height), layout="constrained", squeeze=False)
    return figure, list(axes[0])


def _nothing(axis: Any, what: str) -> None:
    axis.text(0.5, 0.5, what, ha="center", va="center", transform=axis.transAxes)
    axis.set_axis_off()


def _bars(axis: Any, series: Sequence[Series], values: Callable[[Series], list[float]], form: str) -> None:
    """Draw a bar to the median of each, and a line from the least to the greatest value."""
    for place, one in enumerate(series):
        found = figures(values(one))
        ours = CONTENDERS[one.name].ours
        colour = _OURS if ours else _THEIRS
        whiskers = [[found["median"] - found["min"]], [found["max"] - found["median"]]]
        axis.barh(place, found["median"], xerr=whiskers, color=colour, hatch="" if ours else "//", capsize=3)
        axis.annotate(
            form.format(found["median"]), (found["max"], place), xytext=(6, 0), textcoords="offset points", va="center"
        )
    axis.set_yticks(range(len(series)), [one.name for one in series])
    axis.invert_yaxis()
    # A process for each text and a warm engine are decades apart.
    known = [value for one in series for value in values(one)]
    axis.set_xscale("log")
    axis.set_xlim(min(known) / 3, max(known) * 6)


def _draw_warm(results: Results, fill: Callable[[Any, Sequence[Series]], None]) -> Any:
    """Draw a panel a model; `fill` puts the warm contenders that were measured into one."""
    figure, axes = _panels(len(results.models), 4)
    for axis, model in zip(axes, results.models, strict=False):
        series = [one for one in results.usual(model) if one.rounds]
        if not series:
            _nothing(axis, "nothing was measured")
            continue
        fill(axis, series)
        axis.set_title(_title(model), fontsize="medium")
    return figure


def draw_rtf(results: Results) -> Any:
    """Real-time factors of warm contenders, a panel a model."""

    def fill(axis: Any, series: Sequence[Series]) -> None:
        _bars(axis, series, lambda one: [u.rtf for u in one.rounds], "{:.3f}")
        axis.axvline(1, color="black", linestyle=":", linewidth=1)
        axis.set_xlabel("RTF, logarithmic (less is faster)")

    figure = _draw_warm(results, fill)
    figure.suptitle("Warm engines (grey, hatched: programs of others)", fontsize="medium")
    return figure


def draw_latency(results: Results) -> Any:
    """Milliseconds to the first audio of warm contenders, a panel a model."""

    def fill(axis: Any, series: Sequence[Series]) -> None:
        _bars(axis, series, lambda one: [1000 * u.first for u in one.rounds], "{:.0f} ms")
        axis.set_yticks(
            range(len(series)), [one.name if one.streams else f"{one.name} (does not stream)" for one in series]
        )
        axis.set_xlabel("time to the first audio, ms (logarithmic)")

    return _draw_warm(results, fill)


def draw_cold(results: Results) -> Any:
    """The phases of cold starts, stacked, a panel a model."""
    models = tuple(dict.fromkeys(one.model for one in results.cold))
    figure, axes = _panels(len(models), 3.5)
    for axis, model in zip(axes, models, strict=False):
        starts = [one for one in results.cold if one.model == model and one.runs]
        left = [0.0] * len(starts)
        for phase, colour, hatch in zip(PHASES, COLOURS, HATCHES, strict=False):
            widths = [one.median(phase) for one in starts]
            axis.barh(
                range(len(starts)),
                widths,
                left=left,
                color=colour,
                hatch=hatch,
                edgecolor="white",
                label=_LABELS[phase],
            )
            left = [a + b for a, b in zip(left, widths, strict=True)]
        for place, end in enumerate(left):
            axis.annotate(f"{end:.1f} s", (end, place), xytext=(4, 0), textcoords="offset points", va="center")
        axis.set_yticks(range(len(starts)), [one.name for one in starts])
        axis.invert_yaxis()
        axis.margins(x=0.12)
        axis.set_xlabel("seconds since the process was started")
        axis.set_title(_title(model), fontsize="medium")
    if models:
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(PHASES), fontsize="small", frameon=False)
    else:
        _nothing(axes[0], "no cold start was measured")
    return figure


def draw_scaling(results: Results) -> Any:
    """Books: wall time by jobs, wall time by length, and memory by length."""
    figure, axes = _panels(3, 3.6, 12.0)
    engines = tuple(dict.fromkeys(one.engine for one in results.books))
    for engine, colour, marker in zip(engines, COLOURS, "osD^v", strict=False):
        books = [one for one in results.books if one.engine == engine]
        first = books[0].chunks
        by_jobs = sorted((one.jobs, one.wall) for one in books if one.chunks == first)
        lengths = {
            jobs: len({one.chunks for one in books if one.jobs == jobs}) for jobs in sorted({b.jobs for b in books})
        }
        usual = max(lengths, key=lambda jobs: (lengths[jobs], jobs == 2))
        by_length = sorted((one.chunks, one.wall, one.peak_mb) for one in books if one.jobs == usual)
        style = {"color": colour, "marker": marker}
        axes[0].plot(*zip(*by_jobs, strict=True), label=f"{engine}, {first} chunks", **style)
        axes[1].plot([b[0] for b in by_length], [b[1] for b in by_length], label=f"{engine}, -j{usual}", **style)
        axes[2].plot([b[0] for b in by_length], [b[2] for b in by_length], label=f"{engine}, -j{usual}", **style)
    texts = [("jobs at once (-j)", "wall time, s"), ("chunks", "wall time, s"), ("chunks", "peak memory, MB")]
    for axis, (below, beside) in zip(axes, texts, strict=True):
        axis.set_xlabel(below)
        axis.set_ylabel(beside)
        if not engines:
            _nothing(axis, "no book was made")
            continue
        axis.legend(fontsize="small", frameon=False)
        axis.margins(0.1, 0.3)
    if engines:
        axes[0].set_xticks(sorted({one.jobs for one in results.books}))
        axes[0].set_ylim(bottom=0)
        axes[1].set_yscale("log")
        axes[2].set_ylim(bottom=0)
        ticks = sorted({one.chunks for one in results.books})
        for axis in axes[1:]:
            axis.set_xscale("log")
            axis.set_xticks(ticks, [str(tick) for tick in ticks])
            axis.set_xticks([], minor=True)
    return figure


def draw_shares(results: Results) -> Any:
    """Where the time of books with one job at a time goes, stacked."""
    figure, (axis,) = _panels(1, 2.8)
    found = shares(results)
    if not found:
        _nothing(axis, "no book was made with one job at a time")
        return figure
    left = [0.0] * len(found)
    names = next(iter(found.values()))
    for name, colour, hatch in zip(names, COLOURS, HATCHES, strict=False):
        widths = [100 * of[name] for of in found.values()]
        bars = axis.barh(range(len(found)), widths, left=left, color=colour, hatch=hatch, edgecolor="white", label=name)
        axis.bar_label(
            bars,
            [f"{width:.0f} %" if width >= 5 else "" for width in widths],
            label_type="center",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axis.set_yticks(range(len(found)), list(found))
    axis.invert_yaxis()
    axis.set_xlim(0, 100)
    axis.set_xlabel("share of the wall time, %")
    figure.legend(loc="outside lower center", ncols=len(names), fontsize="small", frameon=False)
    return figure


def _title(model: str) -> str:
    return f"size of {model.removeprefix(RANDOM)}, random weights" if is_random(model) else f"model {model}"


DRAW: dict[str, Callable[[Results], Any]] = {
    "rtf": draw_rtf,
    "latency": draw_latency,
    "cold": draw_cold,
    "scaling": draw_scaling,
    "shares": draw_shares,
}


def draw(name: str, results: Results, *paths: Path) -> None:
    """Draw the plot `name` of `report.PLOTS` into these files."""
    figure = DRAW[name](results)
    for path in paths:
        save(figure, path)
    _pyplot().close(figure)


def draw_all(results: Results, folder: Path) -> None:
    """Draw every plot of `report.PLOTS` as SVG and PNG into a folder."""
    for name in PLOTS:
        draw(name, results, folder / f"{name}.svg", folder / f"{name}.png")
