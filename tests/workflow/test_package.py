"""The wheel: it holds the workflow, and in an empty folder outside the repository it does what the repository does."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from support import ROOT

Run = Callable[..., str]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built of a copy of the tracked files, because setuptools leaves a folder behind."""
    root = tmp_path_factory.mktemp("sources")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if not name.startswith(("tests/", "docs/", "training/")) and (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "-w", str(root / "dist"), str(root)], check=True, capture_output=True)
    (path,) = (root / "dist").glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has the wheel, and the other packages of this environment."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (site / "environment.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin/python"


@pytest.fixture
def run(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    here = tmp_path / "an empty folder"
    here.mkdir()

    def call(*arguments: str, folder: Path = here) -> str:
        done = subprocess.run(
            [str(installed), "-m", *arguments], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return call


def test_the_wheel_holds_the_workflow_and_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size <= 12_000_000
    names = {name.removeprefix("pockettts/workflow/") for name in zipfile.ZipFile(wheel).namelist()}
    for folder, pattern in (("rules", "*.smk"), ("scripts", "*.py"), ("models", "*.json"), ("voices", "*.*")):
        assert {f"{folder}/{path.name}" for path in (ROOT / folder).glob(pattern)} <= names
    assert {"Snakefile", "config.yaml", "models/bundled/model.safetensors", "profiles/default/config.yaml"} <= names
    assert "pockettts/py.typed" in names


def test_commands_work_in_an_empty_folder(run: Run, tmp_path: Path) -> None:
    assert "bundled" in run("pockettts.cli", "voices", "list")
    assert "nineteen eighty-four" in run("pockettts.cli", "text", "normalize", "--text", "It was 1984.")
    assert not list((tmp_path / "an empty folder").iterdir())


def test_a_folder_that_init_made_builds_with_snakemake(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "mybook"
    run("pockettts.cli", "init", str(folder))
    (folder / "inputs/road.txt").write_text("The road was white and dry.\n")
    (folder / "config.yaml").write_text("voice: bundled\n")
    run("pockettts.cli", "init", str(folder))
    assert (folder / "config.yaml").read_text() == "voice: bundled\n", "what exists stays as it is"
    plan = run("snakemake", "-n", "results/road.wav", folder=folder)
    assert "synth" in plan
    assert "scripts/synth.py" in plan
