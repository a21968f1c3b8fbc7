"""How fast synthesis jobs were on this machine: results/speeds.tsv, a row a job, for the line that a build begins with.

It is a record beside the store and no product of a rule: it may be deleted.
"""

from __future__ import annotations

import contextlib
import platform
from collections import defaultdict
from pathlib import Path

MIN_CHARACTERS = 500
"""A job with less text has spent its time on starting."""
LATEST_JOBS = 30
"""How many of an engine's jobs count, the latest ones: a machine may have become faster or busier."""


def record_speed(path: Path, model: str, engine: str, characters: int, seconds: float) -> None:
    """Append the pace of a job that spoke `characters` in `seconds`, its start included, unless it was too short."""
    if characters < MIN_CHARACTERS:
        return
    row = "\t".join([platform.node(), model, engine, str(characters), f"{seconds:.1f}"])
    # A short write to a file opened for appending is not mixed with those of other jobs. A read-only folder gets none.
    with contextlib.suppress(OSError), path.open("a", encoding="utf-8") as file:
        file.write(f"{row}\n")


def read_speeds(path: Path, model: str) -> dict[str, float]:
    """Return the seconds a character takes by engine, from the latest jobs with a model on this machine."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    jobs: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for line in lines:
        with contextlib.suppress(ValueError):
            machine, job_model, engine, characters, seconds = line.split("\t")
            if (machine, job_model) == (platform.node(), model):
                jobs[engine].append((int(characters), float(seconds)))
    latest = {engine: rows[-LATEST_JOBS:] for engine, rows in jobs.items()}
    return {engine: sum(row[1] for row in rows) / sum(row[0] for row in rows) for engine, rows in latest.items()}
