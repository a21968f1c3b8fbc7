"""The shipped book's takes keep their names and their sound: a change of either speaks every book again."""

import hashlib
import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pockettts import upstream
from pockettts.audio.join import prepare_take
from pockettts.audio.wav import WavWriter
from pockettts.project import Project
from pockettts.speaking import make_ready
from support import ROOT

KEYS = {
    "cli": "86566185890164ae30ec3bb9f7aa1697e781b5ea91dd745cd39cc6ed268ccc08",
    "torch": "86566185890164ae30ec3bb9f7aa1697e781b5ea91dd745cd39cc6ed268ccc08",
    "onnx": "4c83943da2a31a34be4ba585be2833d90e2bf2b4bf37b6137bae9420ff356e85",
}
# Matrix products have the same bytes on processors of one family only, and with the same instructions, so there is a
# figure for each that was measured; AVX2 by `make test-avx2`.
SOUND = {
    "GenuineIntel 6 85 AVX512": "be7bc172c51944a270f6cf9d21d0b4c6510dd29d6133c54eb47a2ac82e729e49",
    "GenuineIntel 6 85 AVX2": "2f5ad9da2b531a00270142ba15c5cb076b68f62499b009a1e928e5b6e6070bb3",
}


def plan(folder: Path, engine: str) -> dict:
    command = [sys.executable, "scripts/plan_book.py", "book", "--settings", json.dumps({"engine": engine})]
    for name in ("manuscript", "chunks", "plan", "reading"):
        command += [f"--{name}", str(folder / f"{name}.json")]
    subprocess.run(command, cwd=ROOT, check=True)
    document: dict = json.loads((folder / "chunks.json").read_text())
    return document


@pytest.mark.parametrize("engine", KEYS)
def test_the_shipped_book_keeps_its_keys(tmp_path: Path, engine: str) -> None:
    keys = [chunk["key"] for chunk in plan(tmp_path, engine)["chunks"]]
    assert len(keys) == 202
    assert hashlib.sha256("\n".join(keys).encode()).hexdigest() == KEYS[engine]


def processor() -> str:
    """Vendor, family and model of the processor, as Linux names them, and the instructions that PyTorch uses."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return platform.machine()
    rows = (line.split(":", 1) for line in path.read_text().splitlines() if ":" in line)
    facts = {name.strip(): value.strip() for name, value in rows}
    names = ("vendor_id", "cpu family", "model")
    return " ".join([*(facts.get(name, "?") for name in names), torch.backends.cpu.get_cpu_capability()])


@pytest.mark.skipif(processor() not in SOUND, reason=f"no figure was taken on {processor()}")
def test_a_take_keeps_its_samples(tmp_path: Path) -> None:
    settings = Project(ROOT).config.model_copy(update={"engine": "torch"})
    project = Project(ROOT, settings).checked()
    with make_ready(project).open_engine() as engine:
        samples = engine.synthesize("The road was white and dry.", seed=1871852925)
    with WavWriter(tmp_path / "take.wav") as writer:
        writer.write(prepare_take(samples, project.config.audio))
    assert hashlib.sha256((tmp_path / "take.wav").read_bytes()).hexdigest() == SOUND[processor()]


def test_a_key_has_the_release_of_torch_and_not_its_build(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = set()
    for build in ("2.13.0", "2.13.0+cpu", "2.13.0+cu130"):
        monkeypatch.setattr("importlib.metadata.version", {"pocket-tts": "4.0.1", "torch": build}.__getitem__)
        upstream._versions.cache_clear()
        keys.add(json.dumps(upstream.find_command().identity()))
    upstream._versions.cache_clear()
    assert keys == {'{"pocket-tts": "4.0.1", "torch": "2.13.0"}'}
