"""One text against a limit: the warm real-time factor of one engine, for the command `pockettts bench` and CI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from pockettts.bench.bench_models import BenchModel
from pockettts.bench.environment import warnings
from pockettts.bench.measure import WarmRun, measure_warm
from pockettts.bench.report import markdown_table
from pockettts.bench.results import CELL, BaselineComparison, compare_baseline, frame_of, warm_figures
from pockettts.bench.systems import ENGINES, System
from pockettts.config import BookConfig
from pockettts.errors import ConfigError, EngineFailed


@dataclass(frozen=True, slots=True)
class GateResult:
    """What was measured, and whether it is fast enough: the median of the warm runs counts. `threshold` 0: always."""

    runs: Sequence[WarmRun]
    text: str
    voice: str
    environment: Mapping[str, Any]
    threshold: float = 0.0
    comparison: BaselineComparison | None = None

    @property
    def figures(self) -> Any:
        """The row of `results.warm_figures`."""
        return warm_figures(frame_of(WarmRun, self.runs)).iloc[0]

    @property
    def problems(self) -> list[str]:
        """Sentences on why the gate is shut; none if it is open."""
        sentences = []
        rtf = self.figures.rtf
        if self.threshold and rtf > self.threshold:
            sentences.append(f"The real-time factor is {rtf:.3f}, above the threshold {self.threshold:g}.")
        if self.comparison and self.comparison.slower:
            sentences.append(self.comparison.sentence())
        return sentences

    @property
    def warnings(self) -> list[str]:
        """Sentences on what makes the measurement doubtful."""
        return warnings({"this text": self.environment})

    def as_dict(self) -> dict[str, Any]:
        """Return the document of `--format json`. It can be a baseline."""
        figures = {name: value.item() for name, value in self.figures.items() if name not in (*CELL, "system")}
        return {
            "engine": self.runs[0].system,
            "model": self.runs[0].model,
            "voice": self.voice,
            "text": self.text,
            "runs": [asdict(run) for run in self.runs],
            "figures": figures,
            "threshold": self.threshold or None,
            "passed": not self.problems,
            "problems": self.problems,
            "warnings": self.warnings,
            "environment": dict(self.environment),
            "rows": rows_of(self.runs),
        }

    def as_table(self) -> str:
        """Return what `--format table` prints."""
        f = self.figures
        runs = pd.DataFrame(
            [
                (
                    str(i),
                    f"{r.wall:.3f}",
                    f"{r.audio:.2f}",
                    f"{r.wall / r.audio:.3f}",
                    f"{r.audio / r.wall:.2f}",
                    f"{1000 * r.first:.0f}",
                )
                for i, r in enumerate(self.runs, start=1)
            ],
            columns=["run", "synthesis, s", "audio, s", "RTF", "x real time", "first audio, ms"],
        )
        lines = [
            f"engine {f.system}, model {f.model}, voice {self.voice}, {len(runs)} warm runs\n",
            markdown_table(runs),
            f"RTF min {f.rtf_min:.3f}, median {f.rtf:.3f}, mean {f.rtf_mean:.3f}, max {f.rtf_max:.3f}, spread"
            f" {f.spread:.0%}; {f.speed:.2f} x real time."
            f" Start (cold) {f.start:.1f} s, peak memory {f.peak_mb:.0f} MB.",
            *(f"Warning: {one}" for one in self.warnings),
        ]
        if self.comparison is not None:
            rows = self.comparison.table.itertuples()
            lines += [f"{row.name}: {row.ratio:.2f} of the baseline's {row.old:.3f}." for row in rows]
            lines.append(self.comparison.sentence())
        return "\n".join(lines)


def rows_of(runs: Sequence[WarmRun]) -> dict[str, float]:
    """Return the figure that a baseline is compared by, under a name that holds engine, model and length of text."""
    figures = warm_figures(frame_of(WarmRun, runs)).itertuples()
    return {f"gate {row.model} {row.system} chars={row.chars}": round(float(row.rtf), 6) for row in figures}


def system_of(config: BookConfig) -> System:
    """Return the system that synthesizes as a book with these settings does.

    Raises `ConfigError` for settings that no system has: with them the audio would differ from what is measured.
    """
    changed = config.synth.model_dump(exclude_defaults=True, exclude={"seed", "attempts", "allow_failed", "checks"})
    if unknown := sorted(set(changed) - {"quantize", "precision", "timeout_seconds", "batch_chunks"}):
        raise ConfigError(f"synth.{unknown[0]} cannot be measured by bench: leave it out.")
    precision = config.synth.precision if config.engine == "onnx" else None
    for system in ENGINES:
        if (system.engine, system.precision, system.quantize) == (config.engine, precision, config.synth.quantize):
            return system
    raise ConfigError(f"Engine {config.engine} cannot be measured with these settings.")


def run_gate(
    system: System,
    model: BenchModel,
    text: str,
    *,
    voice: str,
    environment: Mapping[str, Any],
    runs: int,
    threads: int,
    threshold: float = 0.0,
    baseline: Mapping[str, float] | None = None,
    tolerance: float = 0.1,
) -> GateResult:
    """Synthesize a text `runs` times after a warm-up, and judge. Raises `EngineFailed`."""
    chars = len(text)
    measured, skipped = measure_warm(
        [system], model, runs=runs, threads=(threads,), chars=(chars,), texts={chars: text}
    )
    for one in skipped:
        raise EngineFailed(f"{one.system}: {one.reason}", 1)
    comparison = None if baseline is None else compare_baseline(rows_of(measured), baseline, tolerance)
    return GateResult(measured, text, voice, environment, threshold, comparison)
