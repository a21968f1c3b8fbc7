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
from pockettts.processor import read_cpu_facts
from pockettts.provenance import installed_versions, package_versions
from pockettts.values import short_digest

BUSY_PERCENT = 15.0
"""A machine with more than this share of its processors at work before a measurement is busy."""

_THIRD_PARTY = ("sherpa-onnx", "pocketsynth", "onnx-ir", "matplotlib")
_EXPORTING = ("export", "bundle", "bench/bench_models")
_MEASURING = ("engines", "bench/adapters", "bench/books", "bench/measure", "bench/systems")
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def record_environment(seconds: float = 1.0) -> dict[str, Any]:
    """Return the machine and its state; its load is observed for `seconds`."""
    memory = psutil.virtual_memory()
    busy = psutil.cpu_percent(interval=seconds)
    processor = read_cpu_facts()
    return {
        "time": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cpu": processor.name,
        "family": f"family {processor.family or '?'}, model {processor.model or '?'}",
        "flags": list(processor.flags),
        "cpus": os.cpu_count(),
        "cores": psutil.cpu_count(logical=False),
        "allowed_cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "governor": _governor(),
        "memory_gb": round(memory.total / 2**30, 1),
        "memory_free_gb": round(memory.available / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {**package_versions(), **installed_versions(_THIRD_PARTY)},
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
    """Return a digest of what decides a bundle: with a different one, the benchmark exports again."""
    return short_digest([*_sources(*_EXPORTING), package_versions()])


def measured_code() -> str:
    """Return a digest of what decides the figures on this machine: engines, how they are measured, versions, processor.

    With a different one, the benchmark measures again.
    """
    return short_digest(
        [
            *_sources(*_EXPORTING, *_MEASURING),
            package_versions(),
            installed_versions(_THIRD_PARTY),
            read_cpu_facts().label(),
        ]
    )


def _sources(*places: str) -> list[str]:
    """Return the sha256 of every module at these places of the library, packages with all that is in them."""
    library = Path(pockettts.__file__).parent
    digests = []
    for place in places:
        modules = sorted((library / place).rglob("*.py")) or [library / f"{place}.py"]
        digests += [files.sha256_file(module) for module in modules]
    return digests


def warnings(environments: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return sentences on what makes measurements doubtful; `environments` by the name of the part that followed."""
    sentences = []
    busy = {name: one["busy_percent"] for name, one in environments.items() if one["busy_percent"] > BUSY_PERCENT}
    if busy:
        sentences.append(
            f"The machine was busy: up to {max(busy.values()):.0f} % of its processors were at work before"
            f" {len(busy)} of {len(environments)} parts were measured ({', '.join(sorted(busy))}). Times are too long;"
            " ratios are more reliable."
        )
    if len({environment["cpu"] for environment in environments.values()}) > 1:
        sentences.append("The parts were measured on different machines.")
    governors = {environment["governor"] for environment in environments.values()} - {None, "performance"}
    if governors:
        names = ", ".join(sorted(governors))
        sentences.append(f"The frequency governor is {names}: the clock may change during a measurement.")
    return sentences
