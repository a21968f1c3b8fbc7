"""What a build will speak and how long that may take: one line for each book before the first job.

It goes by what earlier jobs of this machine have recorded (`takes.speeds`), and by a rule of thumb before the first.
"""

from __future__ import annotations

from collections.abc import Mapping

from pockettts import ear
from pockettts.book import Book, memory_mb, recorded_division
from pockettts.config import SynthConfig
from pockettts.engines import ENGINES, onnx
from pockettts.engines import torch as torch_engine
from pockettts.errors import ConfigError
from pockettts.project import Project
from pockettts.takes import read_speeds

CHARACTERS_PER_SECOND = 15.0
"""Characters of English text in a second of speech."""
FULL_SIZE_MB = 1000
# Seconds of a job for its start, and for a second of speech with the bundled model and with one of full size, as in
# docs/BENCHMARKS.md; engine cli speaks as torch does, and starts a process for each chunk besides.
_START = {"cli": 8.0, "torch": 6.0, "onnx": 1.5}
_SMALL = {"cli": 0.12, "torch": 0.1, "onnx": 0.02}
_FULL = {"cli": 0.46, "torch": 0.43, "onnx": 0.29}
_FRESH_PROCESS = 6.0
_WORTH_IT, _SHORT = 0.7, 90.0
"""A different engine is named if it takes less than this share of the time, and if that is more than these seconds."""


def forecast(book: Book, project: Project, jobs: int) -> str:
    """Return the line for a book: chunks to speak, engine, minutes with `jobs` at once, and a faster engine."""
    store, engine = project.store, project.config.engine
    texts = {key: chunk.text for key, chunk in zip(book.keys, book.plan.chunks, strict=True)}
    receipt = project.of_book(book.name).receipt
    packed = [keys for batch, keys in recorded_division(book, project).items() if receipt(batch).exists()]
    missing = {key for key in texts.keys() - set().union(*packed) if not store.path(key).exists()}
    if not missing:
        return f"{book.name}: all {len(texts)} chunks are spoken already"
    batches = sum(1 for keys in book.batches.values() if missing.intersection(keys))
    characters = sum(len(texts[key]) for key in missing)
    speeds = read_speeds(project.speeds, project.model.id)
    expected = {
        name: characters * pace / min(jobs, batches)
        for name, pace in paces(engine, project, speeds, characters / batches, characters / len(missing)).items()
    }
    basis = "as in earlier jobs" if engine in speeds else "a rule of thumb until a job has run here"
    line = (
        f"{book.name}: {len(missing)} of {len(texts)} chunks to speak with engine {engine},"
        f" {duration(expected[engine])} ({basis})"
    )
    fastest = min(expected, key=expected.__getitem__)
    if expected[fastest] < _WORTH_IT * expected[engine] and expected[engine] > _SHORT:
        line += f"; engine {fastest}: {duration(expected[fastest])}"
    absence = ear.why_not_by_ear(project.qa, project.language)
    return f"{line}; takes are not checked by ear: {absence}" if absence else line


def paces(
    engine: str, project: Project, speeds: Mapping[str, float], per_job: float, per_chunk: float
) -> dict[str, float]:
    """Return the seconds a character takes with each engine that can follow the settings.

    What was not measured is set in proportion to the engine in use: `per_job` and `per_chunk` are the mean characters
    of a job and of a chunk.
    """
    speaking = _FULL if memory_mb(project.model) > FULL_SIZE_MB else _SMALL
    usual = {name: speaking[name] / CHARACTERS_PER_SECOND + _START[name] / per_job for name in ENGINES}
    if project.synth.fresh_process:
        usual["cli"] += _FRESH_PROCESS / per_chunk
    scale = speeds[engine] / usual[engine] if engine in speeds else 1.0
    return {
        name: speeds.get(name, usual[name] * scale)
        for name in ENGINES
        if name == engine or _can_speak(name, project.synth)
    }


def _can_speak(engine: str, synth: SynthConfig) -> bool:
    try:
        if engine == "onnx":
            onnx.check_settings(synth)
        elif engine == "torch":
            torch_engine.check_settings(synth)
    except ConfigError:
        return False
    return True


def duration(seconds: float) -> str:
    """Return a time as readers expect it of an estimate."""
    if seconds < 45:
        return "less than a minute"
    if seconds < 90 * 60:
        return f"about {max(1, round(seconds / 60))} min"
    return f"about {seconds / 3600:.1f} h"
