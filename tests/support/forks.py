"""Snakemake without its start: a process that has imported what Snakemake needs forks a child for each run.

The imports are two thirds of what a dry run costs, and the suite has over a hundred. The child is the real program,
with arguments, folder, environment and standard streams of its own; our package is not imported beforehand.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

# What a dry run has in memory at its end, by package.
_IMPORTED = [
    "snakemake.cli",
    *("snakemake.api", "snakemake.workflow", "snakemake.sourcecache", "snakemake.linting"),
    *("numpy.random", "pandas", "pydantic", "psutil", "safetensors", "sqlmodel", "yaml"),
    *("dateutil.parser", "docutils.parsers.rst", "dpath", "jinja2", "pygments.formatters", "yte"),
    *("requests", "smart_open"),
]
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(_IMPORTED)


def run_snakemake(arguments: Sequence[str], folder: Path, timeout: float) -> subprocess.CompletedProcess[str]:
    """Run `snakemake` in a folder, like `subprocess.run` with captured output."""
    with tempfile.TemporaryDirectory() as outputs:
        streams = [Path(outputs, name) for name in ("stdout", "stderr")]
        values = (list(arguments), str(folder), dict(os.environ), *map(str, streams))
        process = _CONTEXT.Process(target=_be_snakemake, args=values)
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            assert process.pid is not None
            os.killpg(process.pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(
                ["snakemake", *arguments], timeout, *(path.read_bytes() for path in streams)
            )
        stdout, stderr = (path.read_text(encoding="utf-8", errors="replace") for path in streams)
        return subprocess.CompletedProcess(["snakemake", *arguments], process.exitcode, stdout, stderr)


def _be_snakemake(arguments: list[str], folder: str, environment: dict[str, str], stdout: str, stderr: str) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for stream, path in ((1, stdout), (2, stderr)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    sys.stdin, sys.stdout = os.fdopen(0, encoding="utf-8", closefd=False), os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    # As the console script finds them: not the folders of the tests.
    program = os.path.join(os.path.dirname(sys.executable), "snakemake")
    sys.argv = [program, *arguments]
    sys.path[:] = [os.path.dirname(program), *(path for path in sys.path if path not in _tests_folders())]
    from snakemake.cli import main

    main()


def _tests_folders() -> set[str]:
    tests = Path(__file__).parents[1]
    return {str(tests), str(tests / "unit"), str(tests / "workflow"), str(tests.parent), ""}
