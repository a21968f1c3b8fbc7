"""Warm contenders in turns: A B C A B C, each a process of its own, so that a busy machine slows all of them alike.

What counts is the median, and the ratio of the two of a pair that spoke one after the other.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import psutil

from pockettts.bench.contenders import BASE, CONTENDERS, Contender, Subject, obstacle
from pockettts.errors import EngineFailed, UsageError
from pockettts.upstream import last_error_line

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


def figures(values: Iterable[float]) -> dict[str, float]:
    """Return min, median, mean, max and spread, which is (max - min) / median, of at least one value."""
    known = sorted(values)
    median = statistics.median(known)
    return {
        "min": known[0],
        "median": median,
        "mean": statistics.fmean(known),
        "max": known[-1],
        "spread": (known[-1] - known[0]) / median if median else 0.0,
    }


@dataclass(frozen=True, slots=True)
class Utterance:
    """What one text took, in seconds; `audio` is how long it lasts, by its samples."""

    wall: float
    first: float
    cpu: float
    audio: float

    @property
    def rtf(self) -> float:
        """The real-time factor: time of synthesis / length of the audio. Less is faster."""
        return self.wall / self.audio


@dataclass(frozen=True, slots=True)
class Series:
    """What a contender did with one text, round after round. `obstacle` says why there is nothing.

    `start` is the time from nothing to the end of the warm-up; memory is the peak of its largest process.
    """

    name: str
    model: str
    chars: int
    threads: int
    rounds: tuple[Utterance, ...] = ()
    start: float = 0.0
    peak_mb: float = 0.0
    obstacle: str | None = None

    def median(self, value: Callable[[Utterance], float]) -> float:
        """Return the median of a value over the rounds."""
        return statistics.median(map(value, self.rounds))

    @property
    def speed(self) -> float:
        """Seconds of audio in a second."""
        return self.median(lambda u: 1 / u.rtf)

    @property
    def first_ms(self) -> float:
        """Milliseconds to the first sound."""
        return 1000 * self.median(lambda u: u.first)

    @property
    def streams(self) -> bool:
        """Whether the first sound comes before the last."""
        return all(utterance.first < 0.99 * utterance.wall for utterance in self.rounds)

    @property
    def cpu(self) -> float:
        """Seconds of processor time for a second of audio."""
        return self.median(lambda u: u.cpu / u.audio)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, to six digits after the point."""
        return {**asdict(self), "rounds": [{k: round(v, 6) for k, v in asdict(u).items()} for u in self.rounds]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Series:
        """Return what `as_dict` wrote."""
        return cls(**{**values, "rounds": tuple(Utterance(**utterance) for utterance in values["rounds"])})


def ratios(series: Series, base: Series) -> list[float]:
    """Return how many times faster than `base` a contender was, for each round that both have spoken."""
    return [b.rtf / a.rtf for a, b in zip(series.rounds, base.rounds, strict=False)]


class Worker:
    """A process that speaks as one contender does; `start` holds the phases of its start and of its first text."""

    def __init__(self, contender: Contender, subject: Subject, *, text: str = WARM_UP, kind: str | None = None) -> None:
        spec = {
            "kind": kind or contender.kind,
            "engine": contender.engine,
            "quantize": contender.quantize,
            "precision": contender.precision,
            "texts": contender.texts,
            "runtime": str(subject.runtime.absolute()),
            "voice": str(subject.voice.absolute()),
            "recording": str(subject.recording.absolute()) if subject.recording else None,
            "bundle": str((subject.bundles or {})[contender.precision].absolute()) if contender.precision else None,
            "text": text,
            "began": time.monotonic(),
        }
        environment = {
            **os.environ,
            "HF_HUB_OFFLINE": "1",
            "KPOCKET_TTS_ERROR_WITHOUT_EOS": "0",
            "OMP_NUM_THREADS": "1",
        }
        self.name = contender.name
        self.peak_mb = 0.0
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 closed by `close`
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pockettts.bench.speakers", json.dumps(spec)],
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
        here = psutil.Process(self._process.pid)
        for process in (here, *here.children(recursive=True)):
            with contextlib.suppress(psutil.Error, OSError):
                for thread in process.threads():
                    os.sched_setaffinity(thread.id, allowed)

    def speak(self, text: str, seed: int) -> Utterance:
        """Speak a text, and return what it took. Raises `EngineFailed`."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"text": text, "seed": seed}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # what it said last is told by `_read`
        utterance = Utterance(**self._read())
        if utterance.audio <= 0:
            raise EngineFailed(f"{self.name} gave no audio.", 1)
        return utterance

    def close(self) -> None:
        """End the process: by the end of its input, so that it can end its own children."""
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


@dataclass
class _Run:
    """A contender while it is measured."""

    contender: Contender
    worker: Worker | None = None
    obstacle: str | None = None
    rounds: dict[tuple[int, int], list[Utterance]] = field(default_factory=dict)


def cells(threads: Sequence[int], chars: Sequence[int]) -> list[tuple[int, int]]:
    """Return what to measure as (threads, chars): the first of each, and every other with the first of the other."""
    if not threads or not chars:
        raise UsageError("A benchmark needs a number of threads and a length of text.")
    return [(threads[0], chars[0]), *((t, chars[0]) for t in threads[1:]), *((threads[0], c) for c in chars[1:])]


def measure(
    contenders: Sequence[Contender],
    subject: Subject,
    *,
    runs: int,
    threads: Sequence[int] = (1,),
    chars: Sequence[int] = (75,),
    texts: Mapping[int, str] | None = None,
) -> list[Series]:
    """Let all contenders speak in turns, `runs` times in each cell; in all but the first only the warm ones of ours.

    `texts` are spoken for their number of characters; without it, parts of a fixed passage. What stands in the way of a
    program of others is told in its series; an engine of ours that fails raises `EngineFailed`. So does a model of
    fixed lengths that our engines and the base speak for different times.
    """
    known = texts or {count: text_of(count) for count in chars}
    running: list[_Run] = []
    with contextlib.ExitStack() as stack:
        for contender in contenders:
            run = _Run(contender, obstacle=obstacle(contender, subject))
            running.append(run)
            if run.obstacle is None:
                _attempt(run, _start, subject, stack)
        for seed in range(runs):
            for cell in cells(threads, chars):
                for run in running:
                    if run.worker is not None and (_everywhere(run.contender) or cell == (threads[0], chars[0])):
                        _attempt(run, _speak, cell, known[cell[1]], seed)
    series = [told for run in running for told in _told(run, subject, (threads[0], chars[0]))]
    if subject.fixed:
        _check_lengths(series)
    return series


def _everywhere(contender: Contender) -> bool:
    """Whether a contender is in every cell: warm engines of ours, and the base of their ratios."""
    return contender.name == BASE or (contender.ours and contender.engine != "cli")


def _attempt(run: _Run, step: Callable[..., None], *arguments: Any) -> None:
    """Do a step; the failure of a program of others is noted, and it is left out from then on."""
    try:
        step(run, *arguments)
    except EngineFailed as error:
        if run.contender.ours:
            raise
        run.obstacle, run.worker = str(error), None
        run.rounds.clear()


def _start(run: _Run, subject: Subject, stack: contextlib.ExitStack) -> None:
    run.worker = Worker(run.contender, subject)
    stack.callback(run.worker.close)


def _speak(run: _Run, cell: tuple[int, int], text: str, seed: int) -> None:
    assert run.worker is not None
    run.worker.limit(cell[0])
    run.rounds.setdefault(cell, []).append(run.worker.speak(text, seed))


def _told(run: _Run, subject: Subject, first: tuple[int, int]) -> list[Series]:
    name = run.contender.name
    if run.worker is None:
        return [Series(name, subject.name, first[1], first[0], obstacle=run.obstacle)]
    start, peak = run.worker.start["total"], run.worker.peak_mb
    return [
        Series(name, subject.name, chars, threads, tuple(rounds), start, peak)
        for (threads, chars), rounds in run.rounds.items()
    ]


def _comparable(contender: Contender) -> bool:
    return contender.name == BASE or contender.ours


def _check_lengths(series: Sequence[Series]) -> None:
    for chars in {one.chars for one in series}:
        same = [one for one in series if one.chars == chars and _comparable(CONTENDERS[one.name])]
        lengths = {round(u.audio / CONTENDERS[one.name].texts, 6) for one in same for u in one.rounds}
        if len(lengths) > 1:
            raise EngineFailed(
                f"The engines spoke for different times ({sorted(lengths)} s), so nothing can be said.", 1
            )
