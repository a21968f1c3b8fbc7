"""A project as a user has it, in a directory of its own: the real Snakefile, the real pocket-tts, a short book."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SHARED = ("Snakefile", "rules", "scripts", "profiles", "envs", "tests")

PARAGRAPHS = (
    "CHAPTER I. The Road",
    "Mr. Holmes had walked twelve miles before noon, and he was not tired.",
    "The road was white and dry.",
    "CHAPTER II. The Inn",
    "It was the oldest inn of the county, and its sign had been painted in 1802.",
)
# Settings of `synth` for takes that are never refused: what is babbled has no right length.
BABBLED = {
    "allow_failed": True,
    "checks": dict.fromkeys(("min_chars_per_second", "max_chars_per_second", "max_gap_seconds", "max_end_dbfs")),
}


@dataclass
class Project:
    """One working directory and what can be asked of it."""

    root: Path

    def snakemake(self, *arguments: str, jobs: int = 2, timeout: float = 400) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BIN / "snakemake", f"-j{jobs}", *arguments],
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def build(self, target: str = "results/book.wav", *arguments: str, jobs: int = 2) -> str:
        result = self.snakemake(target, *arguments, jobs=jobs)
        output = result.stdout + result.stderr
        assert result.returncode == 0, output
        return output

    def plan(self, *arguments: str) -> dict[str, int]:
        """Job counts by rule of a dry run; empty if there is nothing to do."""
        result = self.snakemake("-n", *arguments)
        output = result.stdout + result.stderr
        assert result.returncode == 0, output
        table = output.split("Job stats:")
        if len(table) == 1:
            assert "Nothing to be done" in output, output
            return {}
        counts = {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)$", table[1], re.M)}
        counts.pop("total", None)
        return counts

    def fails(self, *arguments: str) -> str:
        """What a failing run prints; it must hold no traceback."""
        result = self.snakemake(*arguments)
        output = result.stdout + result.stderr
        assert result.returncode != 0, output
        assert "Traceback" not in output, output
        return output

    def copied(self, root: Path) -> Project:
        """A copy of the project at another place."""
        return Project(Path(shutil.copytree(self.root, root, symlinks=True)))

    def write_text(self, *paragraphs: str, name: str = "book.txt") -> None:
        (self.root / "inputs" / name).write_text("\n\n".join(paragraphs) + "\n", encoding="utf-8")

    def configure(self, **values: Any) -> None:
        (self.root / "config.yaml").write_text(yaml.safe_dump(values))

    def takes(self) -> dict[str, str]:
        """Sha256 of every take in the store, by key."""
        return {
            path.stem: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in (self.root / "results" / "takes").glob("*/*.wav")
        }

    def chunks(self) -> list[dict[str, Any]]:
        document = json.loads((self.root / "results/book/chunks.json").read_text())
        chunks: list[dict[str, Any]] = document["chunks"]
        return chunks

    def audio(self, name: str = "book") -> str:
        return hashlib.sha256((self.root / f"results/{name}.wav").read_bytes()).hexdigest()


def stand_in(root: Path) -> None:
    """Put tests/babble in the place of the bundled model and voice: it speaks no words, but is small and quick."""
    babble, model, lock = ROOT / "tests/babble", root / "models/bundled", root / "models/lock.json"
    for name in ("config.yaml", "model.safetensors", "tokenizer.model"):
        shutil.copy(babble / name, model / name)
    shutil.copy(babble / "voice.wav", root / "voices/bundled.wav")
    locked = json.loads(lock.read_text())
    for file in locked["bundled"].values():
        content = (model / file["path"]).read_bytes()
        file.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    lock.write_text(json.dumps(locked))
    manifest = root / "models/manifest.json"
    told = json.loads(manifest.read_text())
    del told["models"]["bundled"]["max_chars"], told["models"]["bundled"]["min_chars"]
    manifest.write_text(json.dumps(told))


def make_project(root: Path) -> Project:
    """Lay out a project: what is only read is linked, what a test may change is copied."""
    root.mkdir(parents=True)
    for name in SHARED:
        (root / name).symlink_to(ROOT / name)
    for name in ("models", "voices"):
        shutil.copytree(ROOT / name, root / name)
    stand_in(root)
    (root / "inputs").mkdir()
    project = Project(root)
    project.configure()
    project.write_text(*PARAGRAPHS)
    return project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh project, nothing built."""
    return make_project(tmp_path / "project")


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose book is built, one job at a time; tests take a copy of it by `built`."""
    project = make_project(tmp_path_factory.mktemp("built") / "project")
    project.build(jobs=1)
    return project


@pytest.fixture
def built(built_once: Project, tmp_path: Path) -> Project:
    """A copy of a built project, moved to another place: nothing but runtime.yaml is to be made anew."""
    return built_once.copied(tmp_path / "project")


@pytest.fixture
def mounted(tmp_path: Path) -> Callable[..., Path]:
    """Mount a small or read-only file system over a directory; skips where that is not allowed."""
    mounts: list[Path] = []

    def mount(path: Path, *options: str) -> Path:
        path.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(path)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("file systems cannot be mounted here")
        mounts.append(path)
        return path

    yield mount  # type: ignore[misc]
    for path in mounts:
        subprocess.run(["umount", "-l", str(path)], check=False)
