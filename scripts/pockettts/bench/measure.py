"""Systems at work: warm ones in turns, A B C A B C, so that a busy machine slows all of them alike; and cold starts.

A system that cannot run, or fails, becomes a `SkippedSystem` with the reason; the others are measured all the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, TypeVar

import psutil

from pockettts.bench.bench_models import BenchModel
from pockettts.bench.systems import System, skip_reason
from pockettts.errors import EngineFailed, PocketTTSError, UsageError
from pockettts.upstream import last_error_line

PHASES = ("imports", "weights", "voice", "first", "rest")
"""Of a start: interpreter and imports; the model; the voice; from there to the first audio; from there to the last."""

WARM_UP = "Yes, it was."
PASSAGE = (
    "The road was white and dry, and the old man walked slowly down to the inn. He had seen the sea that morning, and"
    " the ships upon it, and he thought of the years when he had sailed in one of them himself."
)
_STOP_SECONDS = 10.0


def text_of(chars: int) -> str:
    """Return a text of about so many characters: whole words of a fixed passage, with a full stop."""
    if chars >= len(PASSAGE):
        return PASSAGE
    return PASSAGE[:chars].rsplit(" ", 1)[0].rstrip(" ,.") + "."


@dataclass(frozen=True, slots=True)
class WarmRun:
    """One text by a warm system: seconds of wall time, to the first audio, of processor time, and of audio by samples.

    `start` is how long the process took to start, `peak_mb` the most memory that one of its processes has held.
    """

    model: str
    system: str
    threads: int
    chars: int
    round: int
    wall: float
    first: float
    cpu: float
    audio: float
    start: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class ColdStart:
    """One start of a system for one text, in seconds: its `PHASES`, their `total`, and the length of the audio."""

    model: str
    system: str
    round: int
    imports: float
    weights: float
    voice: float
    first: float
    rest: float
    total: float
    audio: float


@dataclass(frozen=True, slots=True)
class SkippedSystem:
    """A system that was not measured in a `part` of the report (warm, cold, books), and why."""

    part: str
    model: str
    system: str
    reason: str


class SystemProcess:
    """A process that runs one system; `start` holds the phases of its start and of its first text."""

    def __init__(self, system: System, model: BenchModel, text: str = WARM_UP) -> None:
        places = {name: str(getattr(model, name) or "") for name in ("runtime", "voice", "recording")}
        bundle = str(model.bundles[system.precision]) if system.precision else ""
        specification = {**asdict(system), **places, "bundle": bundle, "text": text, "began": time.monotonic()}
        environment = {"HF_HUB_OFFLINE": "1", "KPOCKET_TTS_ERROR_WITHOUT_EOS": "0", "OMP_NUM_THREADS": "1"}
        self.name = system.name
        self.peak_mb = 0.0
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 closed by `close`
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pockettts.bench.adapters", json.dumps(specification)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, **environment},
        )
        try:
            self.start = self._read()
        except BaseException:
            self.close()
            raise

    def _read(self) -> dict[str, float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self._errors.seek(0)
            reason = last_error_line(self._errors.read().decode("utf-8", errors="replace"))
            raise EngineFailed(f"The process of {self.name} ended with exit code {code}: {reason}", code, reason)
        values: dict[str, float] = json.loads(line)
        self.peak_mb = values.pop("peak_mb")
        return values

    def limit(self, threads: int) -> None:
        """Let the process and its children run on so many processors, where the system can do that."""
        if not hasattr(os, "sched_setaffinity"):
            return
        allowed = sorted(os.sched_getaffinity(0))[:threads]
        root = psutil.Process(self._process.pid)
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.Error, OSError):
                for thread in process.threads():
                    os.sched_setaffinity(thread.id, allowed)

    def synthesize(self, text: str, seed: int) -> dict[str, Any]:
        """Return what a text took, by the names of `WarmRun`: wall, first, cpu, audio. Raises `EngineFailed`."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # `_read` raises the error that ended the process
            self._process.stdin.write(json.dumps({"text": text, "seed": seed}) + "\n")
            self._process.stdin.flush()
        values = self._read()
        if values["audio"] <= 0:
            raise EngineFailed(f"{self.name} gave no audio.", 1)
        return values

    def close(self) -> None:
        """End the process by the end of its input, so that it can end its own children."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()


Row = TypeVar("Row", WarmRun, ColdStart)


def _in_turns(
    part: str, systems: Sequence[System], model: BenchModel, turns: Iterable[Callable[[System], Row | None]]
) -> tuple[list[Row], list[SkippedSystem]]:
    """Call every turn with every system. After its first error a system is left out, with what it gave before."""
    reasons = {one.name: reason for one in systems if (reason := skip_reason(one, model))}
    measured: list[Row] = []
    for turn in turns:
        for system in systems:
            if system.name in reasons:
                continue
            try:
                row = turn(system)
            except PocketTTSError as error:
                reasons[system.name] = str(error)
            else:
                measured += [row] if row else []
    skipped = [SkippedSystem(part, model.name, name, reason) for name, reason in reasons.items()]
    return [row for row in measured if row.system not in reasons], skipped


def cells(threads: Sequence[int], chars: Sequence[int]) -> list[tuple[int, int]]:
    """Return what to measure as (threads, chars): the first of each, then each further value of one with the first."""
    if not threads or not chars:
        raise UsageError("A benchmark needs a number of threads and a length of text.")
    return [(threads[0], chars[0]), *((t, chars[0]) for t in threads[1:]), *((threads[0], c) for c in chars[1:])]


def measure_warm(
    systems: Sequence[System],
    model: BenchModel,
    *,
    runs: int,
    threads: Sequence[int] = (1,),
    chars: Sequence[int] = (75,),
    texts: Mapping[int, str] | None = None,
) -> tuple[list[WarmRun], list[SkippedSystem]]:
    """Let all systems synthesize in turns, `runs` times in each of `cells`; some systems in the first cell only.

    `texts` gives the text for a number of characters; without it, parts of a fixed passage are taken.
    """
    texts = texts or {count: text_of(count) for count in chars}
    first, *others = cells(threads, chars)
    processes: dict[str, SystemProcess] = {}
    with contextlib.ExitStack() as stack:

        def start(system: System) -> None:
            processes[system.name] = SystemProcess(system, model)
            stack.callback(processes[system.name].close)

        def speak(cell: tuple[int, int], number: int, system: System) -> WarmRun | None:
            if cell != first and not system.everywhere:
                return None
            process = processes[system.name]
            process.limit(cell[0])
            values = process.synthesize(texts[cell[1]], number)
            start, peak_mb = process.start["total"], process.peak_mb
            return WarmRun(model.name, system.name, *cell, number, **values, start=start, peak_mb=peak_mb)

        turns = [partial(speak, cell, number) for number in range(runs) for cell in (first, *others)]
        return _in_turns("warm", systems, model, [start, *turns])


def measure_cold(
    systems: Sequence[System], model: BenchModel, *, runs: int, chars: int
) -> tuple[list[ColdStart], list[SkippedSystem]]:
    """Start all systems in turns, `runs` times, each for one text of about `chars` characters."""

    def start(number: int, system: System) -> ColdStart:
        process = SystemProcess(system, model, text_of(chars))
        process.close()
        return ColdStart(model.name, system.name, number, **process.start)

    return _in_turns("cold", systems, model, [partial(start, number) for number in range(runs)])
