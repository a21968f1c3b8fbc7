"""Whole books by Snakemake: wall time by jobs and length, memory, and where the time of a build goes.

Each book is built in a project of its own, which starts with the model, the voice and the bundle, and without takes.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from pockettts import files
from pockettts.bench.matrix import BookCase
from pockettts.bench.systems import SYSTEMS
from pockettts.errors import EngineFailed
from pockettts.upstream import last_error_line
from pockettts.values import RATE

PARAGRAPH = "On page {number} the road was white and dry."
_SHARED = ("Snakefile", "rules", "scripts", "profiles", "envs", "models", "voices")
_SAMPLE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class BookRun:
    """What one book took: seconds from the start of Snakemake to its end, and in jobs by rule.

    `audio` is the length of the takes. `peak_mb` is the memory of all processes of the build together, `step_mb` that
    of the largest one.
    """

    engine: str
    chunks: int
    jobs: int
    wall: float
    audio: float
    peak_mb: float
    step_mb: float
    rules: Mapping[str, float]


class _Memory:
    """Samples the memory of a process and its descendants until the block ends."""

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
                pass  # it ended meanwhile
            self.together = max(self.together, sum(sizes))
            self.largest = max(self.largest, *sizes, 0.0)


def build_book(case: BookCase, project: Path, home: Path, settings: Mapping[str, Any], results: Path) -> BookRun:
    """Build a book of so many chunks in `project`, which is emptied first, and return what it took.

    `home` is the checkout; `settings` name the model and the voice; `results` holds both, and the bundles of the
    benchmark. Every chunk is a `PARAGRAPH` with its number. Raises `EngineFailed` if the build fails.
    """
    system = SYSTEMS[case.engine]
    _lay_out(project, home, results)
    text = "\n\n".join(PARAGRAPH.format(number=number) for number in range(1, case.chunks + 1))
    files.write_text(project / "inputs" / "book.txt", text + "\n")
    # The checks that depend on the words are off: with them, engines would differ in their number of attempts.
    checks = dict.fromkeys(("min_chars_per_second", "max_chars_per_second", "max_gap_seconds", "min_end_drop_db"))
    synth = {"attempts": 1, "allow_failed": True, "checks": checks, "quantize": system.quantize}
    synth["precision"] = system.precision or "fp32"
    values = {**settings, "engine": system.engine, "synth": synth}
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
    takes = [files.read_json(path) for path in (project / "results" / "takes").rglob("*.json")]
    planned = len(files.read_json(project / "results" / "book" / "chunks.json")["chunks"])
    if planned != case.chunks:
        raise EngineFailed(f"The book {case.name} has {planned} chunks instead of {case.chunks}.", 1)
    return BookRun(
        engine=case.engine,
        chunks=case.chunks,
        jobs=case.jobs,
        wall=wall,
        audio=sum(take["samples"] for take in takes) / RATE,
        peak_mb=memory.together,
        step_mb=memory.largest,
        rules=job_seconds(project),
    )


def _lay_out(project: Path, home: Path, results: Path) -> None:
    shutil.rmtree(project, ignore_errors=True)
    (project / "inputs").mkdir(parents=True)
    for name in _SHARED:
        if (home / name).exists():
            (project / name).symlink_to(home.absolute() / name)
    for name, source in (("models", "models"), ("voices", "voices"), ("onnx", "bench/bundles")):
        if (results / source).exists():
            shutil.copytree(results / source, project / "results" / name)


def job_seconds(project: Path) -> dict[str, float]:
    """Return how long the jobs of each rule ran, together, by Snakemake's own records."""
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
