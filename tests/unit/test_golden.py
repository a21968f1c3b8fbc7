"""The shipped book's takes keep their names and their sound: a change of either speaks every book again."""

import hashlib
import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from support import BIN, ROOT

KEYS = {
    "cli": "c76f0b50d14f3df79c6413dbfd42891d6558fedc49ab96c691d34aa3a7332883",
    "torch": "c76f0b50d14f3df79c6413dbfd42891d6558fedc49ab96c691d34aa3a7332883",
    "onnx": "15632eeba89b5f8a62e0b6158561cace5fbdca5d08ff5ac3df335455fdd690c2",
}
# Matrix products have the same bytes on processors of one family only, so there is a figure for each that was measured.
SOUND = {"GenuineIntel 6 85": "be7bc172c51944a270f6cf9d21d0b4c6510dd29d6133c54eb47a2ac82e729e49"}


def plan(folder: Path, engine: str) -> dict:
    command = [sys.executable, "scripts/plan_book.py", "book", "--settings", json.dumps({"engine": engine})]
    for name in ("manuscript", "chunks", "plan", "reading"):
        command += [f"--{name}", str(folder / f"{name}.json")]
    subprocess.run(command, cwd=ROOT, check=True)
    document: dict = json.loads((folder / "chunks.json").read_text())
    return document


@pytest.mark.skipif("+cu" in torch.__version__, reason="a take's key holds the build of torch")
@pytest.mark.parametrize("engine", KEYS)
def test_the_shipped_book_keeps_its_keys(tmp_path: Path, engine: str) -> None:
    keys = [chunk["key"] for chunk in plan(tmp_path, engine)["chunks"]]
    assert len(keys) == 211
    assert hashlib.sha256("\n".join(keys).encode()).hexdigest() == KEYS[engine]


def processor() -> str:
    """Vendor, family and model of the processor, as Linux names them."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return platform.machine()
    rows = (line.split(":", 1) for line in path.read_text().splitlines() if ":" in line)
    facts = {name.strip(): value.strip() for name, value in rows}
    return " ".join(facts.get(name, "?") for name in ("vendor_id", "cpu family", "model"))


@pytest.mark.skipif(processor() not in SOUND, reason=f"no figure was taken on {processor()}")
def test_a_take_keeps_its_samples(tmp_path: Path) -> None:
    out = tmp_path / "take.wav"
    command = [str(BIN / "pockettts"), "synth", "--engine", "torch", "--seed", "7", "--out", str(out)]
    subprocess.run([*command, "--text", "The road was white and dry."], cwd=ROOT, check=True)
    assert hashlib.sha256(out.read_bytes()).hexdigest() == SOUND[processor()]
