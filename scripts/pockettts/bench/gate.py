"""One text against a limit: the warm real-time factor of one engine, for the command `pockettts bench` and CI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pockettts.bench.baseline import Comparison, compare, sentence
from pockettts.bench.contenders import ENGINES, Contender, Subject
from pockettts.bench.environment import BUSY_PERCENT
from pockettts.bench.measure import Series, figures, measure
from pockettts.bench.report import table
from pockettts.config import BookConfig
from pockettts.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was measured, and whether it is fast enough: the median of the warm rounds counts. `threshold` 0: always."""

    series: Series
    text: str
    voice: str
    environment: Mapping[str, Any]
    threshold: float = 0.0
    comparisons: tuple[Comparison, ...] | None = None
    tolerance: float = 0.0

    @property
    def rtf(self) -> float:
        """The median real-time factor."""
        return self.series.median(lambda u: u.rtf)

    @property
    def problems(self) -> list[str]:
        """Sentences of why the gate is shut; none if it is open."""
        found = []
        if self.threshold and self.rtf > self.threshold:
            found.append(f"The real-time factor is {self.rtf:.3f}, above the threshold {self.threshold:g}.")
        if self.comparisons and any(one.slower for one in self.comparisons):
            found.append(sentence(list(self.comparisons), self.tolerance))
        return found

    @property
    def warnings(self) -> list[str]:
        """Sentences of what makes the measurement doubtful."""
        busy = self.environment["busy_percent"]
        if busy <= BUSY_PERCENT:
            return []
        return [f"The machine was busy: {busy:.0f} % of its processors were at work before this began."]

    def as_dict(self) -> dict[str, Any]:
        """Return the document of `--format json`. It can be a baseline."""
        rounds = [
            {"index": i, "seconds": round(u.wall, 6), "audio_seconds": round(u.audio, 6), "rtf": round(u.rtf, 6)}
            | {"first_audio_seconds": round(u.first, 6), "cpu_seconds": round(u.cpu, 6)}
            for i, u in enumerate(self.series.rounds, start=1)
        ]
        return {
            "engine": self.series.name,
            "model": self.series.model,
            "voice": self.voice,
            "text": self.text,
            "runs": rounds,
            "stats": {
                "rtf": {name: round(v, 6) for name, v in figures(u.rtf for u in self.series.rounds).items()},
                "times_real_time": round(self.series.speed, 4),
                "first_audio_ms": round(self.series.first_ms, 2),
                "peak_mb": round(self.series.peak_mb, 1),
                "start_seconds": round(self.series.start, 4),
            },
            "threshold": self.threshold or None,
            "passed": not self.problems,
            "problems": self.problems,
            "warnings": self.warnings,
            "environment": dict(self.environment),
            "rows": rows_of(self.series),
        }

    def as_table(self) -> str:
        """Return what `--format table` prints."""
        head = ["run", "synthesis, s", "audio, s", "RTF", "x real time", "first audio, ms"]
        runs = [
            [str(i), f"{u.wall:.3f}", f"{u.audio:.2f}", f"{u.rtf:.3f}", f"{1 / u.rtf:.2f}", f"{1000 * u.first:.0f}"]
            for i, u in enumerate(self.series.rounds, start=1)
        ]
        rtf = figures(u.rtf for u in self.series.rounds)
        told = ", ".join(f"{name} {rtf[name]:.3f}" for name in ("min", "median", "mean", "max"))
        lines = [
            f"engine {self.series.name}, model {self.series.model}, voice {self.voice}, {len(runs)} warm runs\n",
            table(head, runs),
            f"RTF {told}, spread {rtf['spread']:.0%}; {self.series.speed:.2f} x real time."
            f" Start (cold) {self.series.start:.1f} s, peak memory {self.series.peak_mb:.0f} MB.",
            *(f"Warning: {one}" for one in self.warnings),
        ]
        if self.comparisons is not None:
            lines += [f"{c.name}: {c.ratio:.2f} of the baseline's {c.old:.3f}." for c in self.comparisons]
            lines.append(sentence(list(self.comparisons), self.tolerance))
        return "\n".join(lines)


def rows_of(series: Series) -> dict[str, float]:
    """Return the figure that a baseline is compared by, under a name that holds engine, model and length of text."""
    return {f"gate {series.model} {series.name} chars={series.chars}": round(series.median(lambda u: u.rtf), 6)}


def contender_of(config: BookConfig) -> Contender:
    """Return the contender that speaks as a book with these settings does.

    Raises `ConfigError` for settings that no contender has: those would make other audio than what is measured.
    """
    changed = config.synth.model_dump(exclude_defaults=True, exclude={"seed", "attempts", "allow_failed", "checks"})
    if unknown := sorted(set(changed) - {"quantize", "precision", "timeout_seconds", "batch_chunks"}):
        raise ConfigError(f"synth.{unknown[0]} cannot be measured by bench: leave it out.")
    for contender in ENGINES:
        precision = config.synth.precision if config.engine == "onnx" else None
        wanted = (config.engine, precision, config.synth.quantize)
        if (contender.engine, contender.precision, contender.quantize) == wanted:
            return contender
    raise ConfigError(f"Engine {config.engine} cannot be measured with these settings.")


def run_gate(
    contender: Contender,
    subject: Subject,
    text: str,
    *,
    voice: str,
    environment: Mapping[str, Any],
    runs: int,
    threads: int,
    threshold: float = 0.0,
    baseline: Mapping[str, float] | None = None,
    tolerance: float = 0.1,
) -> Verdict:
    """Speak a text `runs` times after a warm-up, and judge. Raises `EngineFailed`."""
    chars = len(text)
    (series,) = measure([contender], subject, runs=runs, threads=(threads,), chars=(chars,), texts={chars: text})
    comparisons = None if baseline is None else tuple(compare(rows_of(series), baseline, tolerance))
    return Verdict(series, text, voice, environment, threshold, comparisons, tolerance)
