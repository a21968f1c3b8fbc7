"""What the parts of a benchmark say together: read, kept as one document, and reduced to a figure for each row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pockettts import files
from pockettts.bench.books import BookRun
from pockettts.bench.cold import Starts
from pockettts.bench.contenders import BASE
from pockettts.bench.environment import warnings
from pockettts.bench.measure import Series, figures, ratios
from pockettts.errors import UsageError

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Results:
    """All that was measured; `environments` by the name of the part that was measured then."""

    profile: str
    environments: Mapping[str, Mapping[str, Any]]
    warm: tuple[Series, ...] = ()
    cold: tuple[Starts, ...] = ()
    books: tuple[BookRun, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """The models that were spoken with, those of the books left aside."""
        return tuple(dict.fromkeys([*(one.model for one in self.warm), *(one.model for one in self.cold)]))

    @property
    def warnings(self) -> list[str]:
        """What makes the measurements doubtful."""
        return warnings(self.environments)

    def usual(self, model: str) -> list[Series]:
        """Return the warm series of a model that have all contenders: those of its first cell."""
        series = [one for one in self.warm if one.model == model]
        return [one for one in series if (one.threads, one.chars) == (series[0].threads, series[0].chars)]

    def base(self, series: Series) -> Series | None:
        """Return the series that the ratios of another one compare with."""
        same = (series.model, series.threads, series.chars)
        found = (one for one in self.warm if one.name == BASE and (one.model, one.threads, one.chars) == same)
        return next((one for one in found if one.rounds), None)

    def warm_rtf(self, engine: str) -> float | None:
        """Return the median real-time factor with the model of the books, which is the first one, of a warm engine.

        Engine cli computes what engine torch does, and starts a process each time: it has torch's.
        """
        name = "torch" if engine == "cli" else engine
        found = [one for one in self.usual(self.models[0]) if one.name == name] if self.models else []
        return found[0].median(lambda u: u.rtf) if found and found[0].rounds else None

    def as_dict(self) -> dict[str, Any]:
        """Return the document of report.json: what was measured, and figures made of it."""
        return {
            "format": FORMAT,
            "profile": self.profile,
            "environments": self.environments,
            "warnings": self.warnings,
            "warm": [{**one.as_dict(), "figures": warm_figures(one, self.base(one))} for one in self.warm],
            "cold": [one.as_dict() for one in self.cold],
            "books": [one.as_dict() for one in self.books],
            "rows": rows(self),
        }


def warm_figures(series: Series, base: Series | None) -> dict[str, Any]:
    """Return the figures of a warm series, None where it was not measured."""
    if not series.rounds:
        return {}
    pairs = figures(ratios(series, base)) if base else None
    told = {
        "rtf": figures(u.rtf for u in series.rounds),
        "times_real_time": series.speed,
        "times_base": pairs,
        "first_ms": figures(1000 * u.first for u in series.rounds),
        "cpu_per_audio_second": series.cpu,
    }
    return {
        name: {key: round(v, 6) for key, v in value.items()} if isinstance(value, dict) else value
        for name, value in told.items()
    }


def rows(results: Results) -> dict[str, float]:
    """Return one figure for everything that was measured, by a name that stays: what a baseline is compared by.

    Real-time factors (median) of warm engines; seconds of cold starts (median) and of books. Less is better.
    """
    found = {
        f"warm {one.model} {one.name} threads={one.threads} chars={one.chars}": one.median(lambda u: u.rtf)
        for one in results.warm
        if one.rounds
    }
    found |= {f"cold {one.model} {one.name}": one.median("total") for one in results.cold if one.runs}
    found |= {f"book {one.engine} chunks={one.chunks} jobs={one.jobs}": one.wall for one in results.books}
    return {name: round(value, 6) for name, value in found.items()}


def read_rows(path: Path) -> dict[str, float]:
    """Read the figures of a report.json, or of what `pockettts bench --format json` printed. Raises `UsageError`."""
    document = files.read_json(path, "the baseline", UsageError)
    found = document.get("rows") if isinstance(document, dict) else None
    if not isinstance(found, dict) or not all(isinstance(value, int | float) for value in found.values()):
        raise UsageError(f"The baseline {path} has no figures: name a report.json of `make bench`.")
    return {str(name): float(value) for name, value in found.items()}


def read_results(document: Mapping[str, Any]) -> Results:
    """Return what `Results.as_dict` wrote; figures are made anew."""
    return Results(
        profile=document["profile"],
        environments=document["environments"],
        warm=tuple(
            Series.from_dict({key: value for key, value in one.items() if key != "figures"}) for one in document["warm"]
        ),
        cold=tuple(Starts.from_dict(one) for one in document["cold"]),
        books=tuple(BookRun(**one) for one in document["books"]),
    )


def part(
    name: str,
    environment: Mapping[str, Any],
    *,
    warm: Iterable[Series] = (),
    cold: Iterable[Starts] = (),
    books: Iterable[BookRun] = (),
) -> dict[str, Any]:
    """Return the document of one part: what one job measured, and the machine before it began."""
    return {
        "name": name,
        "environment": dict(environment),
        "warm": [one.as_dict() for one in warm],
        "cold": [one.as_dict() for one in cold],
        "books": [one.as_dict() for one in books],
    }


def collect(parts: Iterable[Path], profile: str) -> Results:
    """Read parts, in the order of the tables. Raises `UsageError` for a file that is none."""
    documents = [files.read_json(path, "the part", UsageError) for path in parts]
    together: dict[str, Any] = {"profile": profile}
    together["environments"] = {document["name"]: document["environment"] for document in documents}
    for kind in ("warm", "cold", "books"):
        together[kind] = [one for document in documents for one in document[kind]]
    return read_results(together)
