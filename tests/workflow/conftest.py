"""Projects to build in, fresh or built once for all tests of a run; and file systems with faults."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.workflow import Project, built_project, exported_project, make_project, unspeak


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh project, nothing built."""
    return make_project(tmp_path / "project")


@pytest.fixture(scope="session")
def built_once() -> Project:
    """A project whose book is built, one job at a time. Not to be changed or built in: several workers read it."""
    return built_project()


@pytest.fixture
def built(built_once: Project, tmp_path: Path) -> Project:
    """A copy of a built project, moved to a different place: nothing is to be made again."""
    return built_once.copied(tmp_path / "project")


@pytest.fixture
def unspoken(built: Project) -> Project:
    """A project with model and voice ready and nothing spoken."""
    return unspeak(built)


@pytest.fixture
def exported(tmp_path: Path) -> Project:
    """A copy of a project with all that engine onnx needs, and nothing spoken."""
    return exported_project().copied(tmp_path / "project")


@pytest.fixture
def mounted() -> Iterator[Callable[..., Path]]:
    """Mount a small or read-only file system over a directory; skips where that is not allowed."""
    mounts: list[Path] = []

    def mount(path: Path, *options: str) -> Path:
        path.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(path)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("file systems cannot be mounted here")
        mounts.append(path)
        return path

    yield mount
    for path in mounts:
        subprocess.run(["umount", "-l", str(path)], check=False)
