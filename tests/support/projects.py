"""A project folder as a user has it, without a Snakefile; and a quick stand-in for an engine."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from pockettts.config import BookConfig
from pockettts.engines import Engine
from pockettts.project import Project
from pockettts.speaking import make_ready
from support import ROOT
from support.shared import made_once

TEXT = "CHAPTER I. The Road\n\nMr. Holmes had walked twelve miles before noon.\n\nThe road was white and dry.\n"


def make_project(root: Path, **settings: object) -> Path:
    """Lay out a project with a short book; nothing is built in it."""
    root.mkdir(parents=True)
    shutil.copytree(ROOT / "models", root / "models")
    shutil.copytree(ROOT / "voices", root / "voices")
    (root / "inputs").mkdir()
    (root / "inputs" / "book.txt").write_text(TEXT)
    (root / "config.yaml").write_text(yaml.safe_dump(settings))
    return root


def ready_project() -> Path:
    """A project in which the bundled model and voice are ready. Not to be changed."""
    return made_once("ready", _make_ready) / "project"


def _make_ready(folder: Path) -> None:
    root = make_project(folder / "project")
    make_ready(Project(root, BookConfig(engine="torch")))


def copy_of_ready(root: Path) -> Path:
    """A project of a test's own, with model and voice ready."""
    shutil.copytree(ready_project(), root)
    return root


def stand_beside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of a test's own in `folder`, with model and voice ready; the test stands in another one beside it."""
    monkeypatch.setenv("POCKETTTS_PROJECT", str(copy_of_ready(folder / "project")))
    (folder / "here").mkdir()
    monkeypatch.chdir(folder / "here")
    return folder / "project"


class Singer(Engine):
    """Sings a tone for every text, as long as it has characters, of a pitch that its seed decides."""

    name = "torch"

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def use_voice(self, voice: Path) -> None:
        """It has one voice."""

    def synthesize(self, text: str, seed: int, *, accept_runaway: bool = False) -> np.ndarray:
        self.asked.append((text, seed))
        time = np.arange(len(text) * 24_000 // 14)
        return (8_000 * np.sin(time * (0.02 + seed % 1000 / 10_000)) * np.hanning(len(time))).astype(np.int16)
