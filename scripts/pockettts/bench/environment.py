"""The machine that measures: what it is, what is installed, and whether it was busy with something else."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

import pockettts
from pockettts import files
from pockettts.provenance import cpu_name, installed_versions, package_versions
from pockettts.values import short_digest

BUSY_PERCENT = 15.0
"""With more than this share of its processors at work before anything is measured, a machine is busy."""

_PEERS = ("sherpa-onnx", "pocketsynth", "onnx-ir", "matplotlib")
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def record_environment(seconds: float = 1.0) -> dict[str, Any]:
    """Return the machine as it is now. Looks for `seconds` at how busy it is."""
    memory = psutil.virtual_memory()
    busy = psutil.cpu_percent(interval=seconds)
    return {
        "time": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cpu": cpu_name(),
        "cpus": os.cpu_count(),
        "cores": psutil.cpu_count(logical=False),
        "allowed_cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "governor": _governor(),
        "memory_gb": round(memory.total / 2**30, 1),
        "memory_free_gb": round(memory.available / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {**package_versions(), **installed_versions(_PEERS)},
        "threads": {name: os.environ[name] for name in _THREADS if name in os.environ},
        "load": [round(load, 2) for load in os.getloadavg()],
        "busy_percent": busy,
    }


def _governor() -> str | None:
    try:
        return _GOVERNOR.read_text(encoding="ascii").strip()
    except OSError:
        return None


def exporting_code() -> str:
    """Return a digest of what decides an exported model: a build exports again what was exported with another one."""
    return short_digest([*_sources("export/**/*.py", "bundle.py", "bench/subjects.py"), package_versions()])


def measured_code() -> str:
    """Return a digest of what decides the figures on this machine: engines, how they are measured, versions, processor.

    A build measures again what was measured with another one.
    """
    measuring = (f"bench/{name}.py" for name in ("books", "cold", "contenders", "measure", "speakers", "subjects"))
    sources = _sources("engines/**/*.py", "export/**/*.py", "bundle.py", *measuring)
    return short_digest([*sources, package_versions(), installed_versions(_PEERS), cpu_name()])


def _sources(*patterns: str) -> list[str]:
    package = Path(pockettts.__file__).parent
    return [files.sha256_file(path) for pattern in patterns for path in sorted(package.glob(pattern))]


def warnings(environments: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return sentences of what makes measurements doubtful; `environments` by the name of what was measured then."""
    found = []
    busy = {name: one["busy_percent"] for name, one in environments.items() if one["busy_percent"] > BUSY_PERCENT}
    if busy:
        found.append(
            f"The machine was busy: up to {max(busy.values()):.0f} % of its processors were at work before"
            f" {len(busy)} of {len(environments)} parts were measured ({', '.join(sorted(busy))}). Times are too long,"
            " and ratios are safer."
        )
    if len({environment["cpu"] for environment in environments.values()}) > 1:
        found.append("The parts were measured on different machines.")
    governors = {environment["governor"] for environment in environments.values()} - {None, "performance"}
    if governors:
        found.append(f"The frequency governor is {', '.join(sorted(governors))}: the clock may change while measuring.")
    return found
