"""Whole books by Snakemake: wall time by jobs and length, memory, and where the time of a build goes.

Each book is built in a project of its own, which starts with the model, the voice and the bundle, and without takes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
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


def build_book(case: BookCase, project: Path, home: Path, settings: Mapping[str, Any], results: Path) -> BookRun:
    """Build a book of so many chunks in `project`, which is emptied first, and return what it took.

    `home` is the checkout; `settings` name the model and the voice; `results` holds both, and the bundles of the
    benchmark. Every chunk is a `PARAGRAPH` with its number. Raises `EngineFailed` if the build fails.
    """
    _lay_out(case, project, home, settings, results)
    command = [str(Path(sys.executable).with_name("snakemake")), f"-j{case.jobs}", "--quiet", "all"]
    began, date = time.monotonic(), time.time()
    process = subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    sizes: list[list[float]] = []
    watch = threading.Thread(target=_sample_memory, args=(process, sizes))
    watch.start()
    try:
        _, errors = process.communicate()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    finally:
        watch.join()
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
        peak_mb=max(map(sum, sizes), default=0.0),
        step_mb=max(map(max, sizes), default=0.0),
        rules=job_seconds(project / "results", date),
    )


def _sample_memory(process: subprocess.Popen[str], sizes: list[list[float]]) -> None:
    """Add the sizes in MB of a process and its descendants, until it ends."""
    root = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            processes = (root, *root.children(recursive=True))
            sizes.append([one.memory_info().rss / 2**20 for one in processes])
        except psutil.Error:
            pass  # one of them ended meanwhile
        time.sleep(_SAMPLE_SECONDS)


def _lay_out(case: BookCase, project: Path, home: Path, settings: Mapping[str, Any], results: Path) -> None:
    shutil.rmtree(project, ignore_errors=True)
    for name in _SHARED:
        if (home / name).exists():
            project.mkdir(parents=True, exist_ok=True)
            (project / name).symlink_to(home.absolute() / name)
    for name, source in (("models", "models"), ("voices", "voices"), ("onnx", "bench/bundles")):
        if (results / source).exists():
            shutil.copytree(results / source, project / "results" / name)
    text = "\n\n".join(PARAGRAPH.format(number=number) for number in range(1, case.chunks + 1))
    files.write_text(project / "inputs" / "book.txt", text + "\n")
    system = SYSTEMS[case.engine]
    # The checks that depend on the words are off: with them, engines would differ in their number of attempts.
    checks = dict.fromkeys(("min_chars_per_second", "max_chars_per_second", "max_gap_seconds", "min_end_drop_db"))
    synth = {"attempts": 1, "allow_failed": True, "checks": checks, "quantize": system.quantize}
    synth["precision"] = system.precision or "fp32"
    values = {**settings, "engine": system.engine, "synth": synth}
    files.write_text(project / "config.yaml", yaml.safe_dump(values))


def job_seconds(results: Path, since: float = 0.0) -> dict[str, float]:
    """Return how long the jobs of each rule ran, together, by the `benchmark:` files that are newer than `since`."""
    seconds: dict[str, float] = {}
    for path in results.rglob("benchmarks/**/*.tsv"):
        if path.stat().st_mtime >= since:
            # A rule with wildcards has a folder of its own.
            rule = path.stem if path.parent.name == "benchmarks" else path.parent.name
            seconds[rule] = seconds.get(rule, 0.0) + float(pd.read_csv(path, sep="\t")["s"].sum())
    return seconds
