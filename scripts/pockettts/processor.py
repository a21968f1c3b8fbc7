"""The processor of this machine: what figures and last bits depend on. Reads and computes nothing else."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

CPUINFO = Path("/proc/cpuinfo")

DECISIVE_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "amx_bf16", "asimddp", "i8mm")
"""Instructions by which libraries choose their kernels, by Linux's names: they decide speed, and last bits of sums."""


@dataclass(frozen=True, slots=True)
class CpuFacts:
    """A processor as the system describes it; what is unknown is an empty text. `flags` holds `DECISIVE_FLAGS` only."""

    name: str
    vendor: str
    family: str
    model: str
    flags: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the facts as JSON."""
        return {**asdict(self), "flags": list(self.flags)}

    def label(self) -> str:
        """Return one line for readers: AMD EPYC (AuthenticAMD family 25 model 1; avx2)."""
        numbers = [self.vendor, self.family and f"family {self.family}", self.model and f"model {self.model}"]
        details = [" ".join(filter(None, numbers)), " ".join(self.flags)]
        return f"{self.name or 'unknown processor'} ({'; '.join(filter(None, details)) or 'no details'})"


def read_cpu_facts(cpuinfo: Path = CPUINFO) -> CpuFacts:
    """Return what the system knows of its first processor. Elsewhere than on Linux that is the name only."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return CpuFacts(platform.processor() or platform.machine(), "", "", "", ())
    rows = [line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line]
    facts = {name.strip(): value.strip() for name, value in rows}
    flags = set(_first(facts, "flags", "Features").split())
    return CpuFacts(
        name=_first(facts, "model name", "Model") or platform.machine(),
        vendor=_first(facts, "vendor_id", "CPU implementer"),
        family=_first(facts, "cpu family", "CPU architecture"),
        model=_first(facts, "model", "CPU part"),
        flags=tuple(flag for flag in DECISIVE_FLAGS if flag in flags),
    )


def _first(facts: Mapping[str, str], *names: str) -> str:
    return next((facts[name] for name in names if name in facts), "")
