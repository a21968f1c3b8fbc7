"""Whole books by Snakemake: wall time by jobs and length, memory, and where the time of a build goes.

Each book is built in a project of its own, whose model, voice and exported model are there before; its chunks are not.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from pockettts import files
from pockettts.bench.contenders import CONTENDERS
from pockettts.bench.matrix import BookCase
from pockettts.errors import EngineFailed
from pockettts.upstream import last_error_line
from pockettts.values import RATE

PARAGRAPH = "On page {number} the road was white and dry."
_SHARED = ("Snakefile", "rules", "scripts", "profiles", "envs", "models", "voices")
_SAMPLE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class BookRun:
    """What one book took: seconds from the start of snakemake to its end, and in jobs by rule.

    `audio` is the length of the takes; `speaking` the seconds that the takes took, as the engine's caller saw it, which
    with a warm engine holds its start in the first take of a job, and with engine cli in every take. `peak_mb` is the
    memory of all processes of the build together, `step_mb` that of the largest one.
    """

    engine: str
    chunks: int
    jobs: int
    wall: float
    audio: float
    speaking: float
    peak_mb: float
    step_mb: float
    rules: Mapping[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(self).items()}

    def shares(self, rtf: float) -> dict[str, float]:
        """Return where the time of a build with one job at a time goes, as shares of its wall time.

        `rtf` is the engine's own real-time factor when warm: what speaking costs without any start. The start of jobs
        and engines is what is left of the jobs of rule synth.
        """
        speaking = min(self.audio * rtf, self.rules.get("synth", 0.0))
        jobs = sum(self.rules.values())
        seconds = {
            "synthesis": speaking,
            "start-up": self.rules.get("synth", 0.0) - speaking,
            "other steps": jobs - self.rules.get("synth", 0.0),
            "Snakemake": max(0.0, self.wall - jobs),
        }
        return {name: value / self.wall for name, value in seconds.items()}


class _Memory:
    """Looks at the memory of a process and all below it, now and then, until it is left."""

    def __init__(self, pid: int) -> None:
        self.together = self.largest = 0.0
        self._process = psutil.Process(pid)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> _Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(_SAMPLE_SECONDS):
            sizes = []
            try:
                processes = (self._process, *self._process.children(recursive=True))
                sizes += [process.memory_info().rss / 2**20 for process in processes]
            except psutil.Error:
                pass  # it ended while it was looked at
            self.together = max(self.together, sum(sizes))
            self.largest = max(self.largest, *sizes, 0.0)


def make_book(
    case: BookCase,
    project: Path,
    home: Path,
    settings: Mapping[str, Any],
    results: Path | None,
    *,
    paragraph: str = PARAGRAPH,
) -> BookRun:
    """Build a book of so many chunks in `project`, which is emptied before, and say what it took.

    `home` is the checkout; `settings` name the model and the voice. `results` has both, and the exported model; None:
    they are made with the book. Every chunk is a `paragraph` with its number. Raises `EngineFailed` if the build fails.
    """
    contender = CONTENDERS[case.engine]
    _lay_out(project, home, results)
    text = "\n\n".join(paragraph.format(number=number) for number in range(1, case.chunks + 1))
    files.write_text(project / "inputs" / "book.txt", text + "\n")
    # What a babbling model says has no right length: with all checks, engines would differ in their attempts.
    checks = dict.fromkeys(("min_chars_per_second", "max_chars_per_second", "max_gap_seconds", "max_end_dbfs"))
    synth = {"attempts": 1, "allow_failed": True, "checks": checks, "quantize": contender.quantize}
    synth["precision"] = contender.precision or "fp32"
    values = {**settings, "engine": contender.engine, "synth": synth}
    files.write_text(project / "config.yaml", yaml.safe_dump(values))
    command = [str(Path(sys.executable).with_name("snakemake")), f"-j{case.jobs}", "--quiet", "all"]
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    with _Memory(process.pid) as memory:
        try:
            _, errors = process.communicate()
        except BaseException:
            process.terminate()
            process.wait()
            raise
    wall = time.monotonic() - began
    if process.returncode != 0:
        reason = last_error_line(errors)
        raise EngineFailed(f"The book {case.name} failed: {reason}", process.returncode, reason)
    takes = [files.read_json(path) for path in (project / "results" / "takes").glob("*/*.json")]
    planned = len(files.read_json(project / "results" / "book" / "chunks.json")["chunks"])
    if planned != case.chunks:
        raise EngineFailed(f"The book {case.name} has {planned} chunks and not {case.chunks}.", 1)
    return BookRun(
        engine=case.engine,
        chunks=case.chunks,
        jobs=case.jobs,
        wall=wall,
        audio=sum(take["samples"] for take in takes) / RATE,
        speaking=sum(take["seconds"] for take in takes),
        peak_mb=memory.together,
        step_mb=memory.largest,
        rules=job_seconds(project),
    )


def _lay_out(project: Path, home: Path, results: Path | None) -> None:
    shutil.rmtree(project, ignore_errors=True)
    (project / "inputs").mkdir(parents=True)
    for name in _SHARED:
        (project / name).symlink_to(home.absolute() / name)
    for name in ("models", "voices", "onnx"):
        if results is not None and (results / name).exists():
            shutil.copytree(results / name, project / "results" / name)


def job_seconds(project: Path) -> dict[str, float]:
    """Return how long the jobs of each rule ran, together, as snakemake has written it down."""
    jobs: dict[tuple[str, str], tuple[float, float]] = {}
    for path in (project / ".snakemake" / "metadata").rglob("*"):
        if path.is_file():
            record = json.loads(path.read_text(encoding="utf-8"))
            # A job of several outputs has a record for each, and a log of its own.
            job = record["rule"], str(record["log"])
            began, ended = jobs.get(job, (record["starttime"], record["endtime"]))
            jobs[job] = min(began, record["starttime"]), max(ended, record["endtime"])
    seconds: dict[str, float] = {}
    for (rule, _), (began, ended) in jobs.items():
        seconds[rule] = seconds.get(rule, 0.0) + ended - began
    return seconds
