"""Cold starts: a new process for each text, and where its time goes, from nothing to the last sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pockettts.bench.contenders import Contender, Subject, obstacle
from pockettts.bench.measure import Worker, figures, text_of

PHASES = ("import", "model", "voice", "first", "rest")
"""Interpreter and imports; the model; the voice; from there to the first audio; from there to the last."""


@dataclass(frozen=True, slots=True)
class Starts:
    """The starts of one contender: of each, the seconds of the phases, their `total`, and of the `audio`."""

    name: str
    model: str
    runs: tuple[Mapping[str, float], ...] = ()
    obstacle: str | None = None

    def median(self, phase: str) -> float:
        """Return the median of a phase, or of `total`, in seconds."""
        return figures(run[phase] for run in self.runs)["median"]

    @property
    def ready(self) -> float:
        """Median seconds until it can speak: imports, model and voice."""
        return figures(run["import"] + run["model"] + run["voice"] for run in self.runs)["median"]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        runs = [{name: round(value, 6) for name, value in run.items()} for run in self.runs]
        return {"name": self.name, "model": self.model, "runs": runs, "obstacle": self.obstacle}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Starts:
        """Return what `as_dict` wrote."""
        return cls(**{**values, "runs": tuple(values["runs"])})


def measure_starts(contenders: Sequence[Contender], subject: Subject, *, runs: int, chars: int) -> list[Starts]:
    """Start all contenders in turns, `runs` times, each for one text of about `chars` characters.

    Engine cli is seen from inside: the unchanged command line in the measured process. Raises `EngineFailed`.
    """
    obstacles = {contender.name: obstacle(contender, subject) for contender in contenders}
    found: dict[str, list[Mapping[str, float]]] = {contender.name: [] for contender in contenders}
    for _ in range(runs):
        for contender in contenders:
            if obstacles[contender.name] is None:
                kind = "console" if contender.engine == "cli" else None
                worker = Worker(contender, subject, text=text_of(chars), kind=kind)
                worker.close()
                found[contender.name].append(worker.start)
    return [Starts(name, subject.name, tuple(starts), obstacles[name]) for name, starts in found.items()]
