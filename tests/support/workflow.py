"""A project as a user has it, in a directory of its own: the real Snakefile, the real pocket-tts, a short book."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from support import ROOT, projects
from support.babble import BABBLE, RECORDING
from support.forks import run_snakemake
from support.shared import made_once

SHARED = ("Snakefile", "rules", "scripts", "profiles", "envs", "tests")

PARAGRAPHS = (
    "CHAPTER I. The Road",
    "Mr. Holmes had walked twelve miles before noon, and he was not tired.",
    "The road was white and dry.",
    "CHAPTER II. The Inn",
    "It was the oldest inn of the county, and its sign had been painted in 1802.",
)
# Below results/: what is handed over, and with it what each step behind the takes makes.
PUBLISHED = ("book.wav", "book.report.html", "book.provenance.json")
MASTERED = (*PUBLISHED, "book/mastered.wav", "book/mastering.json", "book/measurement.json")
JOINED = (*MASTERED, "book/joined.wav", "book/timeline.json")
# Settings of `synth` for takes that are never refused: what is babbled has no right length.
BABBLED = {
    "allow_failed": True,
    "checks": dict.fromkeys(("min_chars_per_second", "max_chars_per_second", "max_gap_seconds", "min_end_drop_db")),
}


@dataclass
class Project:
    """One working directory and what can be asked of it."""

    root: Path

    def snakemake(self, *arguments: str, jobs: int = 2, timeout: float = 400) -> subprocess.CompletedProcess[str]:
        return run_snakemake([f"-j{jobs}", *arguments], self.root, timeout)

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
        # What is babbled has no words: the check by ear, which is on by default, would try each chunk three times.
        (self.root / "config.yaml").write_text(yaml.safe_dump({"qa": {"asr": "off"}, **values}))

    def takes(self) -> dict[str, str]:
        """Sha256 of every take in the store, by key."""
        return {
            path.stem: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in (self.root / "results" / "takes").glob("??/??/[!.]*/*.wav")
        }

    def chunks(self) -> list[dict[str, Any]]:
        document = json.loads((self.root / "results/book/chunks.json").read_text())
        chunks: list[dict[str, Any]] = document["chunks"]
        return chunks

    def audio(self, name: str = "book") -> str:
        return hashlib.sha256((self.root / f"results/{name}.wav").read_bytes()).hexdigest()


def undo(project: Project, patterns: tuple[str, ...], but: Path | None = None) -> None:
    """Delete results, so that the next build makes them again."""
    for pattern in patterns:
        for path in (project.root / "results").glob(pattern):
            if path != but and path.is_file():
                path.unlink()


def stand_in(root: Path) -> None:
    """Put tests/babble in the place of the bundled model and voice: it speaks no words, but is small and quick."""
    model, lock = root / "models/bundled", root / "models/lock.json"
    for name in ("config.yaml", "model.safetensors", "tokenizer.model"):
        shutil.copy(BABBLE / name, model / name)
    shutil.copy(RECORDING, root / "voices/bundled.wav")
    locked = json.loads(lock.read_text())
    for file in locked["bundled"].values():
        content = (model / file["path"]).read_bytes()
        file.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    lock.write_text(json.dumps(locked))
    manifest = root / "models/manifest.json"
    entries = json.loads(manifest.read_text())
    del entries["models"]["bundled"]["max_chars"], entries["models"]["bundled"]["min_chars"]
    manifest.write_text(json.dumps(entries))


def make_project(root: Path) -> Project:
    """Lay out a project that snakemake can build: what is only read is linked, what a test may change is copied."""
    project = Project(projects.make_project(root))
    for name in SHARED:
        (root / name).symlink_to(ROOT / name)
    stand_in(root)
    project.configure()
    project.write_text(*PARAGRAPHS)
    return project


def unspeak(project: Project) -> Project:
    """Delete all that was made of the text: model and voice stay ready, as before the first book."""
    for folder in ("takes", "book", "plans"):
        shutil.rmtree(project.root / "results" / folder)
    undo(project, PUBLISHED)
    return project


def built_project() -> Project:
    """A project whose book is built, one job at a time. Not to be changed or built in: several workers read it."""
    return Project(made_once("built", _build) / "project")


def _build(folder: Path) -> None:
    make_project(folder / "project").build(jobs=1)


def exported_project() -> Project:
    """A project with all that engine onnx needs, its report too, and nothing spoken. Not to be changed or built in."""
    return Project(made_once("exported", _export) / "project")


def _export(folder: Path) -> None:
    project = unspeak(built_project().copied(folder / "project"))
    project.configure(engine="onnx", synth=BABBLED)
    project.build("results/onnx/bundled/fp32.verify.json")
