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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

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

P = ParamSpec("P")
T = TypeVar("T")


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

    def __init__(self, system: System, model: BenchModel, *, text: str = WARM_UP, kind: str | None = None) -> None:
        bundle = model.bundles[system.precision] if system.precision else None
        specification = {
            "kind": kind or system.kind,
            "engine": system.engine,
            "quantize": system.quantize,
            "precision": system.precision,
            "texts": system.texts,
            "runtime": str(model.runtime.absolute()),
            "voice": str(model.voice.absolute()),
            "recording": str(model.recording.absolute()) if model.recording else None,
            "bundle": str(bundle.absolute()) if bundle else None,
            "text": text,
            "began": time.monotonic(),
        }
        environment = {
            **os.environ,
            "HF_HUB_OFFLINE": "1",
            "KPOCKET_TTS_ERROR_WITHOUT_EOS": "0",
            "OMP_NUM_THREADS": "1",
        }
        self.name = system.name
        self.peak_mb = 0.0
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 closed by `close`
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pockettts.bench.adapters", json.dumps(specification)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=environment,
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
        try:
            self._process.stdin.write(json.dumps({"text": text, "seed": seed}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # `_read` raises the error that ended the process
        values = self._read()
        if values["audio"] <= 0:
            raise EngineFailed(f"{self.name} gave no audio.", 1)
        return values

    def close(self) -> None:
        """End the process by the end of its input, so that it can end its own children."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()


class _Attempts:
    """Runs the steps of systems; the first error of a system is noted, and the system is left out from then on."""

    def __init__(self, part: str, systems: Sequence[System], model: BenchModel) -> None:
        self._part, self._model = part, model.name
        self._reasons = {one.name: reason for one in systems if (reason := skip_reason(one, model))}

    def run(self, system: System, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Return the result of a step, None for a system that failed, here or before."""
        if system.name in self._reasons:
            return None
        try:
            return step(*args, **kwargs)
        except PocketTTSError as error:
            self._reasons[system.name] = str(error)
            return None

    def skipped(self) -> list[SkippedSystem]:
        """Return the systems that failed."""
        return [SkippedSystem(self._part, self._model, name, reason) for name, reason in self._reasons.items()]


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
    attempts = _Attempts("warm", systems, model)
    measured: list[WarmRun] = []
    with contextlib.ExitStack() as stack:

        def start(system: System) -> SystemProcess:
            process = SystemProcess(system, model)
            stack.callback(process.close)
            return process

        def synthesize(process: SystemProcess, cell: tuple[int, int], number: int) -> WarmRun:
            process.limit(cell[0])
            values = process.synthesize(texts[cell[1]], number)
            start = process.start["total"]
            return WarmRun(model.name, process.name, *cell, number, **values, start=start, peak_mb=process.peak_mb)

        processes = {one: attempts.run(one, start, one) for one in systems}
        for number in range(runs):
            for index, cell in enumerate(cells(threads, chars)):
                for system, process in processes.items():
                    if process is None or (index and not system.everywhere):
                        continue
                    run = attempts.run(system, synthesize, process, cell, number)
                    if run is not None:
                        measured.append(run)
    skipped = attempts.skipped()
    names = {one.system for one in skipped}
    return [run for run in measured if run.system not in names], skipped


def measure_cold(
    systems: Sequence[System], model: BenchModel, *, runs: int, chars: int
) -> tuple[list[ColdStart], list[SkippedSystem]]:
    """Start all systems in turns, `runs` times, each for one text of about `chars` characters.

    Engine cli is seen from inside: the unchanged command line in the measured process.
    """
    attempts = _Attempts("cold", systems, model)
    measured = []

    def start(system: System, number: int) -> ColdStart:
        kind = "console" if system.engine == "cli" else None
        process = SystemProcess(system, model, text=text_of(chars), kind=kind)
        process.close()
        return ColdStart(model.name, system.name, number, **process.start)

    for number in range(runs):
        for system in systems:
            started = attempts.run(system, start, system, number)
            if started is not None:
                measured.append(started)
    skipped = attempts.skipped()
    names = {one.system for one in skipped}
    return [one for one in measured if one.system not in names], skipped
