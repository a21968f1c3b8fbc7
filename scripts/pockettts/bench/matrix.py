"""What is measured: the matrix of a profile, with what the settings change in it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

from pockettts.bench.bench_models import RANDOM, is_random
from pockettts.bench.systems import BASE, SYSTEMS, THIRD_PARTY, System, systems_named
from pockettts.errors import ConfigError
from pockettts.project import Project

FULL_SIZE = f"{RANDOM}english_2026-10"
"""The architecture of the released English model, for figures without its weights."""

REPORT = Path("results/bench/report.json")


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


@dataclass(frozen=True, slots=True)
class Matrix:
    """All that one report measures; `models` are those beside the model of the settings.

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

    def cold_systems(self) -> tuple[System, ...]:
        """Return the systems whose start is measured: all but those that differ only in their number of texts."""
        return tuple(system for system in self.systems() if system.everywhere and system.texts == 1)

    def books(self) -> tuple[BookCase, ...]:
        """Return the books to make: every -j for the first length, and every length at the second -j (or the only one).

        Engine cli starts a process for each chunk: of its books there is only the first, with the first two -j.
        """
        usual = self.jobs[:2][-1]
        cases = []
        for engine in self.book_engines:
            slow = SYSTEMS[engine].engine == "cli"
            cases += [BookCase(engine, self.book_chunks[0], jobs) for jobs in (self.jobs[:2] if slow else self.jobs)]
            cases += [BookCase(engine, chunks, usual) for chunks in self.book_chunks[1:] if not slow]
        return tuple(dict.fromkeys(cases))


PROFILES = {
    "quick": Matrix(
        engines=("cli", "torch", "onnx-int8", "onnx-int8-x8"),
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
        engines=("cli", "torch", "torch-int8", "onnx-fp32", "onnx-fp32-x8", "onnx-int8", "onnx-int8-x8"),
        third_party=True,
        models=(FULL_SIZE,),
        threads=(2, 1),
        text_chars=(50, 25),
        runs=3,
        cold_runs=2,
        book_engines=("cli", "onnx-int8"),
        book_chunks=(60, 10, 1000),
        jobs=(1, 2, 4),
    ),
}


def resolve(project: Project) -> Matrix:
    """Return what to measure with the settings of a project, with models named as the manifest names them.

    Raises `ConfigError` for an empty list, and for a baseline that the benchmark itself would overwrite.
    """
    config = project.config.bench
    if config.baseline is not None and config.baseline.absolute() == REPORT.absolute():
        raise ConfigError(
            f"bench.baseline is {REPORT}, which the benchmark overwrites: copy it to a different place, and name that."
        )
    profile = PROFILES[config.profile]
    chosen = {field.name: value for field in fields(Matrix) if (value := getattr(config, field.name)) is not None}
    for name, value in chosen.items():
        if value == () and name != "book_engines":
            raise ConfigError(f"bench.{name} is empty; name something to measure, or null for what the profile has.")
    names = chosen.get("models", (project.model.id, *profile.models))
    models = [name if is_random(name) else project.find_model(name).id for name in names]
    return replace(profile, **{**chosen, "models": tuple(dict.fromkeys(models))})
