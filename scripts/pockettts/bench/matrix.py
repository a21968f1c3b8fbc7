"""What is measured: the matrix of a profile, with what the settings change in it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

from pockettts.bench.bench_models import RANDOM
from pockettts.bench.systems import BASE, SYSTEMS, THIRD_PARTY, System, systems_named
from pockettts.config import BenchConfig
from pockettts.errors import ConfigError

FULL_SIZE = f"{RANDOM}english_2026-10"
"""The architecture of the released English model, for figures without its weights."""

REPORT = Path("results/bench/report.json")


@dataclass(frozen=True, slots=True)
class Matrix:
    """All that one report measures.

    Of `threads` and `text_chars`, the first value is the default; each further value is measured with the first of the
    other list.
    """

    engines: tuple[str, ...]
    third_party: bool
    models: tuple[str, ...]
    threads: tuple[int, ...]
    text_chars: tuple[int, ...]
    runs: int
    cold_runs: int
    book_engines: tuple[str, ...]
    book_chunks: tuple[int, ...]
    jobs: tuple[int, ...]

    def systems(self) -> tuple[System, ...]:
        """Return the systems that are measured warm, the base of the ratios first."""
        others = THIRD_PARTY[1:] if self.third_party else ()
        return (SYSTEMS[BASE], *systems_named(self.engines), *others)

    @property
    def cold_engines(self) -> tuple[str, ...]:
        """Return the engines whose start is measured: not those that differ only in their number of texts."""
        return tuple(system.name for system in systems_named(self.engines) if system.texts == 1)

    def books(self) -> tuple[BookCase, ...]:
        """Return the books to make: every -j for one length, and every length at the second -j (or the only one).

        Engine cli starts a process for each chunk: of its books there is only the shortest, with the first two -j.
        """
        cases = []
        for engine in self.book_engines:
            slow = SYSTEMS[engine].engine == "cli"
            lengths = (min(self.book_chunks),) if slow else self.book_chunks
            usual = self.jobs[min(1, len(self.jobs) - 1)]
            cases += [BookCase(engine, lengths[0], jobs) for jobs in (self.jobs[:2] if slow else self.jobs)]
            cases += [BookCase(engine, chunks, usual) for chunks in lengths[1:]]
        return tuple(dict.fromkeys(cases))


@dataclass(frozen=True, slots=True)
class BookCase:
    """One book to make."""

    engine: str
    chunks: int
    jobs: int

    @property
    def name(self) -> str:
        """Its name in files."""
        return f"{self.engine}.{self.chunks}.j{self.jobs}"


PROFILES = {
    "quick": Matrix(
        engines=("cli", "torch", "onnx-int8"),
        third_party=True,
        models=(),
        threads=(2,),
        text_chars=(40,),
        runs=2,
        cold_runs=1,
        book_engines=("onnx-int8",),
        book_chunks=(10,),
        jobs=(1, 2),
    ),
    "full": Matrix(
        engines=("cli", "torch", "torch-int8", "onnx-fp32", "onnx-fp32-x2", "onnx-int8"),
        third_party=True,
        models=(FULL_SIZE,),
        threads=(2, 1),
        text_chars=(50, 25),
        runs=3,
        cold_runs=2,
        book_engines=("cli", "onnx-int8"),
        book_chunks=(100, 10, 1000),
        jobs=(1, 2, 3, 4),
    ),
}
"""What the profiles measure; the model of the settings is added to their models."""


def resolve(config: BenchConfig, model: str) -> Matrix:
    """Return what to measure with these settings, where `model` is the model of the book.

    Raises `ConfigError` for an empty list, and for a baseline that the benchmark itself would overwrite.
    """
    if config.baseline is not None and config.baseline.absolute() == REPORT.absolute():
        raise ConfigError(
            f"bench.baseline is {REPORT}, which the benchmark overwrites: copy it to a different place, and name that."
        )
    profile = PROFILES[config.profile]
    chosen = {field.name: value for field in fields(Matrix) if (value := getattr(config, field.name, None)) is not None}
    for name, value in chosen.items():
        if value == () and name != "book_engines":
            raise ConfigError(f"bench.{name} is empty; name something to measure, or null for what the profile has.")
    if "models" not in chosen:
        chosen["models"] = tuple(dict.fromkeys((model, *profile.models)))
    return replace(profile, **chosen)


def with_models(matrix: Matrix, models: tuple[str, ...]) -> Matrix:
    """Return a matrix with these models, each once."""
    return replace(matrix, models=tuple(dict.fromkeys(models)))
