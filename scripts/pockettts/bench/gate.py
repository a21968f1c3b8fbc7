"""One text against a limit: the warm real-time factor of one engine, for the command `pockettts bench` and CI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pockettts.bench.bench_models import BenchModel
from pockettts.bench.measure import measure_warm
from pockettts.bench.report import baseline_table, warm_table
from pockettts.bench.results import CELL, Results, compare_baseline, describe_comparison, rows, warm_figures
from pockettts.bench.systems import ENGINES, System
from pockettts.config import BookConfig
from pockettts.errors import ConfigError, EngineFailed


@dataclass(frozen=True, slots=True)
class GateResult:
    """What was measured, and whether it is fast enough: the median of the warm runs counts. `threshold` 0: always."""

    results: Results
    text: str
    voice: str
    threshold: float = 0.0
    comparison: pd.DataFrame | None = None

    @property
    def figures(self) -> Any:
        """The row of `results.warm_figures`."""
        return warm_figures(self.results.warm).iloc[0]

    @property
    def problems(self) -> list[str]:
        """Sentences on why the gate is shut; none if it is open."""
        rtf, sentences = self.figures.rtf, []
        if self.threshold and rtf > self.threshold:
            sentences.append(f"The real-time factor is {rtf:.3f}, above the threshold {self.threshold:g}.")
        if self.comparison is not None and self.comparison["slower"].any():
            sentences.append(describe_comparison(self.comparison))
        return sentences

    def as_dict(self) -> dict[str, Any]:
        """Return the document of `--format json`. It can be a baseline."""
        figures = self.figures
        return {
            "engine": figures.system,
            "model": figures.model,
            "voice": self.voice,
            "text": self.text,
            "runs": self.results.warm.to_dict("records"),
            "figures": {name: value.item() for name, value in figures.items() if name not in (*CELL, "system")},
            "threshold": self.threshold or None,
            "passed": not self.problems,
            "problems": self.problems,
            "warnings": self.results.warnings,
            "environment": self.results.environments["warm"],
            "rows": rows(self.results),
        }

    def as_table(self) -> str:
        """Return what `--format table` prints."""
        figures, comparison = self.figures, self.comparison
        lines = [
            f"engine {figures.system}, model {figures.model}, voice {self.voice}, {figures.rounds} warm runs\n",
            warm_table(self.results, figures.model),
            f"Start (cold) {figures.start:.1f} s.",
            *(f"Warning: {one}" for one in self.results.warnings),
            *([] if comparison is None else [baseline_table(comparison), describe_comparison(comparison)]),
        ]
        return "\n".join(lines)


def system_of(config: BookConfig) -> System:
    """Return the system that synthesizes as a book with these settings does, but one text at a time.

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
    warm, skipped = measure_warm([system], model, runs=runs, threads=(threads,), chars=(chars,), texts={chars: text})
    for one in skipped:
        raise EngineFailed(f"{one.system}: {one.reason}", 1)
    results = Results.of("gate", {"warm": environment}, warm=warm)
    comparison = None if baseline is None else compare_baseline(rows(results), baseline, tolerance)
    return GateResult(results, text, voice, threshold, comparison)
