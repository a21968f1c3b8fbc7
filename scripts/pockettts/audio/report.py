"""The page a listener reads before publishing: levels, plots, chapters, and every take that needs an ear.

The end of the flow: from the measurement of the book, its timeline and the receipts of its takes it writes
results/{book}.report.html, one file that needs nothing else.
"""

from __future__ import annotations

import io
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pockettts.audio.dsp import Float
from pockettts.audio.join import Timeline
from pockettts.audio.measure import Measurement, Outline
from pockettts.errors import AudioError
from pockettts.files import write_text
from pockettts.values import canonical_json, sha256_text

# More retried takes than anyone would listen to are counted, not listed; rejected ones are all listed.
_LISTED = 200
_WORST_HEARD = 10
_QUIETEST_DRAWN = -60.0

# Colors that no plot uses, put in the SVG and exchanged for those of the page, which follow light and dark.
_COLORS = {"#010203": "currentColor", "#010204": "var(--wave)", "#010205": "var(--level)", "#010206": "var(--line)"}
_INK, _WAVE, _LEVEL, _GRID = _COLORS


def clock(seconds: float) -> str:
    """Write a time as 4:05 or 1:04:05, rounded to the nearest second."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def level(db: float, places: int = 1) -> str:
    """Write a level with a true minus sign; minus infinity as such."""
    return "−∞" if db == -math.inf else f"{db:.{places}f}".replace("-", "−")


def write_report(
    out: Path,
    *,
    title: str,
    measurement: Measurement,
    timeline: Timeline,
    takes: Sequence[Mapping[str, Any]],
    voice: Mapping[str, Any],
    model_notice: str | None,
    provenance: Mapping[str, Any],
    audio: Path,
    chapters: Sequence[str] = (),
) -> None:
    """Write the report of a book as one HTML file, atomically; the same input gives the same bytes.

    `takes` has one mapping for each entry of `timeline`, in its order: "text", "attempt" (from 0), "reasons" (why
    earlier attempts, or a take used all the same, were rejected), "accepted" and, after a check by ear, "heard" with
    "words" and "error", the share of wrong ones. `voice` has "id", "licence", "commercial" and, if known,
    "attribution" and "right". `provenance` is results/{book}.provenance.json. `audio` is linked to, not read.
    `chapters` are titles; a missing one is numbered.

    Raises `AudioError` when the takes are not those of the timeline.
    """
    if len(takes) != len(timeline.entries):
        raise AudioError(
            f"The report was given {len(takes)} takes for {len(timeline.entries)} entries of the timeline; join again."
        )
    contents = _chapters(timeline, takes, chapters)
    shown = [
        {
            "text": take["text"],
            "attempt": take["attempt"],
            "accepted": take["accepted"],
            "reasons": list(take["reasons"]),
            "heard": take.get("heard"),
            "chapter": contents[span.chapter]["title"],
            "start": span.start / timeline.rate,
        }
        for span, take in zip(timeline.entries, takes, strict=True)
    ]
    retried = [take for take in shown if take["attempt"] and take["accepted"]]
    doubtful = [take for take in shown if take["accepted"] and take["heard"] and take["heard"]["error"]]
    doubtful.sort(key=lambda take: -take["heard"]["error"])
    speech = sum(span.end - span.start for span in timeline.entries) / timeline.rate
    starts = [chapter["start"] for chapter in contents.values()]
    page = _template().render(
        title=title,
        m=measurement,
        acx=measurement.acx(),
        silence=-math.inf,
        digital_silence=measurement.noise_floor_db == -math.inf,
        audio_link=quote(Path(os.path.relpath(audio, out.parent)).as_posix()),
        audio_name=audio.name,
        speech_seconds=speech,
        rate=_rate(takes, speech),
        chapters=list(contents.values()),
        rejected=[take for take in shown if not take["accepted"]],
        retried=retried[:_LISTED],
        retried_count=len(retried),
        takes_sentence=_takes_sentence(len(takes), len(retried)),
        ear_sentence=_ear_sentence([take["heard"] for take in shown if take["heard"]], len(takes)),
        doubtful=doubtful[:_WORST_HEARD],
        voice=voice,
        model_notice=model_notice,
        facts=_facts(provenance),
        alt=_description(measurement),
        plot_wide=Markup(plot(measurement, starts, wide=True)),
        plot_narrow=Markup(plot(measurement, starts, wide=False)),
    )
    write_text(out, page)


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {"clock": clock, "level": level}
    return environment.get_template("report.html")


def _words(text: str) -> int:
    return len(re.findall(r"\w+(?:['’-]\w+)*", text))


def _rate(takes: Sequence[Mapping[str, Any]], seconds: float) -> dict[str, float] | None:
    if not seconds:
        return None
    words = sum(_words(take["text"]) for take in takes)
    return {"words": 60 * words / seconds, "characters": sum(len(take["text"]) for take in takes) / seconds}


def _chapters(
    timeline: Timeline, takes: Sequence[Mapping[str, Any]], titles: Sequence[str]
) -> dict[int, dict[str, Any]]:
    contents: dict[int, dict[str, Any]] = {}
    for span, take in zip(timeline.entries, takes, strict=True):
        title = titles[span.chapter] if span.chapter < len(titles) else ""
        chapter = contents.setdefault(
            span.chapter, {"title": title or f"Chapter {span.chapter + 1}", "start": span.start, "words": 0}
        )
        chapter["seconds"] = (span.end - chapter["start"]) / timeline.rate
        chapter["words"] += _words(take["text"])
    for chapter in contents.values():
        chapter["start"] /= timeline.rate
    return contents


def _takes_sentence(takes: int, retried: int) -> str:
    if not retried:
        return f"None of the {takes:,} takes needed a second attempt." if takes > 1 else "The take needed no retry."
    verb = "was" if retried == 1 else "were"
    return f"{retried:,} of {takes:,} takes {verb} accepted only after a retry."


def _ear_sentence(comparisons: Sequence[Mapping[str, Any]], takes: int) -> str:
    if not comparisons:
        return ""
    exact = sum(not one["error"] for one in comparisons)
    return f"{len(comparisons):,} of {takes:,} takes were checked by ear; {exact:,} matched their text exactly."


def _facts(provenance: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
    """Lines for the last table, (name, value, whether it is code), of what the provenance has."""
    versions = provenance.get("versions", {})
    lines = [
        ("Model", provenance.get("model", {}).get("id"), False),
        ("Model licence", provenance.get("model", {}).get("licence"), False),
        ("Model lock", provenance.get("model", {}).get("lock_digest"), True),
        ("pocket-tts", versions.get("pocket-tts"), False),
        ("Text, sha256", provenance.get("input", {}).get("sha256"), True),
        ("Audio, sha256", provenance.get("audio", {}).get("sha256"), True),
        ("Provenance, digest", sha256_text(canonical_json(provenance)), True),
    ]
    return [(name, str(value), code) for name, value, code in lines if value]


def _description(measurement: Measurement) -> str:
    """Describe the plot in words, for readers who cannot see it."""
    loudness = measurement.outline.loudness[np.isfinite(measurement.outline.loudness)]
    loudness = loudness[loudness > _QUIETEST_DRAWN]
    if not len(loudness):
        return f"Waveform and short-term loudness over {clock(measurement.duration)}: silence throughout."
    low, high = np.percentile(loudness, [10, 90])
    return (
        f"Waveform and short-term loudness over {clock(measurement.duration)}. Four fifths of the recording lie "
        f"between {level(float(low))} and {level(float(high))} LUFS; integrated loudness is "
        f"{level(measurement.lufs)} LUFS."
    )


def plot(measurement: Measurement, chapters: Sequence[float], *, wide: bool) -> str:
    """Draw waveform and level as an SVG element for a page, without date or id that changes from run to run.

    `chapters` are start times in seconds. Colors are the page's; `wide` is for screens, the narrow one for phones.
    """
    outline = measurement.outline if wide else _halved(measurement.outline)
    size = (9.2, 4.6) if wide else (4.4, 4.4)
    style: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "wide" if wide else "narrow",
        "path.simplify": False,
        "font.family": "sans-serif",
        "font.size": 10.0,
        "text.color": _INK,
        "axes.labelcolor": _INK,
        "axes.edgecolor": _GRID,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": _INK,
        "ytick.color": _INK,
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=size, layout="constrained")
        wave, loud = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.15))
        for axes in (wave, loud):
            axes.patch.set_visible(False)
            axes.grid(axis="y", color=_GRID, linewidth=0.8)
            axes.set_axisbelow(True)
            for start in chapters[1:]:
                axes.axvline(start, color=_INK, linewidth=0.7, alpha=0.35, linestyle=(0, (4, 3)))
        wave.fill_between(outline.seconds, outline.low, outline.high, color=_WAVE, linewidth=0, alpha=0.45)
        wave.fill_between(outline.seconds, -outline.rms, outline.rms, color=_WAVE, linewidth=0.3)
        wave.set(ylim=(-1, 1), yticks=(-1, -0.5, 0, 0.5, 1), ylabel="Sample value")
        _note(wave, "pale: peaks, full: RMS")
        shown = np.where(outline.loudness >= _QUIETEST_DRAWN, outline.loudness, np.nan)
        lowest = np.nanmin(shown) if np.isfinite(shown).any() else 0.0
        loud.plot(outline.seconds, shown, color=_LEVEL, linewidth=1.3)
        loud.set(ylim=(min(-40, 10 * math.floor(lowest / 10)), 0), ylabel="LUFS, 3 s", xlabel="Time")
        loud.set_xlim(0, max(measurement.duration, 0.1))
        if math.isfinite(measurement.lufs):
            loud.axhline(measurement.lufs, color=_INK, linewidth=1, linestyle=(0, (1, 2)))
            _note(loud, f"dotted: integrated, {level(measurement.lufs)} LUFS")
        ticks = _ticks(measurement.duration, 8 if wide else 4)
        loud.set_xticks(ticks, [clock(tick) for tick in ticks])
        figure.align_ylabels()
        buffer = io.StringIO()
        figure.savefig(
            buffer,
            format="svg",
            transparent=True,
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    drawing = buffer.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    for color, name in _COLORS.items():
        drawing = drawing.replace(color, name)
    return drawing


def _note(axes: Axes, text: str) -> None:
    axes.annotate(
        text,
        (1, 1),
        xycoords="axes fraction",
        xytext=(-2, -3),
        textcoords="offset points",
        ha="right",
        va="top",
        size=9,
    )


def _halved(outline: Outline) -> Outline:
    """Join pairs of columns; a last odd one is dropped."""

    def pairs(values: Float) -> Float:
        return values[: len(values) // 2 * 2].reshape(-1, 2)

    if len(outline.seconds) < 2:
        return outline
    return Outline(
        pairs(outline.seconds).mean(axis=1),
        pairs(outline.low).min(axis=1),
        pairs(outline.high).max(axis=1),
        np.sqrt(np.square(pairs(outline.rms)).mean(axis=1)),
        pairs(outline.loudness).max(axis=1),
    )


def _ticks(duration: float, most: int) -> list[float]:
    """Give round times from 0 to at most `duration`, no more than `most` + 1."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600)
    step = next((step for step in steps if duration <= step * most), 43200)
    return [float(tick) for tick in range(0, int(duration) + 1, step)]
