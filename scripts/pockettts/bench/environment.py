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


def record_environment(seconds: float = 1.0) -> dict[str, Any]:
    """Return the machine and its state; its load is observed for `seconds`."""
    governor = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return {
        "time": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cpu": read_cpu_facts().label(),
        "allowed_cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "governor": governor.read_text(encoding="ascii").strip() if governor.exists() else None,
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {**package_versions(), **installed_versions(_THIRD_PARTY)},
        "load": [round(load, 2) for load in os.getloadavg()],
        "busy_percent": psutil.cpu_percent(interval=seconds),
    }


def exporting_code() -> str:
    """Return a digest of what decides a bundle: with a different one, the benchmark exports again."""
    return short_digest([*_sources(*_EXPORTING), package_versions()])


def measured_code() -> str:
    """Return a digest of what decides the figures on this machine: engines, how they are measured, versions, processor.

    With a different one, the benchmark measures again.
    """
    versions = package_versions(), installed_versions(_THIRD_PARTY)
    return short_digest([*_sources(*_EXPORTING, *_MEASURING), *versions, read_cpu_facts().label()])


def _sources(*places: str) -> list[str]:
    """Return the sha256 of every module at these places of the library, packages with all that is in them."""
    library = Path(pockettts.__file__).parent
    modules = [sorted((library / place).rglob("*.py")) or [library / f"{place}.py"] for place in places]
    return [files.sha256_file(module) for group in modules for module in group]


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
