"""Two supported Pythons give the same names and the same samples.

The second one is that of .venv-second, which `.ci/second-python` makes, or what the variable SECOND_PYTHON names.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import ROOT

SECOND = Path(os.environ.get("SECOND_PYTHON", ROOT / ".venv-second/bin/python"))
pytestmark = pytest.mark.skipif(not SECOND.exists(), reason="there is no second Python with torch: .ci/second-python")

SPEAK = """
import hashlib, sys
from pathlib import Path
from pockettts.project import Project
from pockettts.speaking import make_ready
project = Project(Path(sys.argv[1]))
project = project.with_config(project.config.model_copy(update={"engine": sys.argv[2]})).checked()
with make_ready(project).open_engine() as engine:
    samples = engine.synthesize("The road was white and dry.", seed=7)
print(len(samples), hashlib.sha256(samples.tobytes()).hexdigest())
"""


def answers(*arguments: str | Path) -> list[str]:
    """Run a Python command in both, from the sources of this checkout, and return what each printed."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    return [
        subprocess.run(
            [python, *arguments], cwd=ROOT, env=variables, check=True, stdout=subprocess.PIPE, text=True
        ).stdout
        for python in (Path(sys.executable), SECOND)
    ]


def test_the_second_python_is_a_different_one() -> None:
    first, second = answers("-c", "import sys; print(sys.version_info[:2])")
    assert first != second


def test_texts_and_names_are_the_same(tmp_path: Path) -> None:
    digests: list[dict[str, str]] = []
    for python in (Path(sys.executable), SECOND):
        folder = tmp_path / str(len(digests))
        folder.mkdir()
        command: list[str | Path] = [
            python,
            "scripts/plan_book.py",
            "book",
            "--settings",
            json.dumps({"engine": "onnx"}),
        ]
        for name in ("manuscript", "chunks", "plan", "reading"):
            command += [f"--{name}", folder / f"{name}.json"]
        variables = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
        subprocess.run(command, cwd=ROOT, env=variables, check=True, stdout=subprocess.DEVNULL)
        digests.append({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()})
    assert digests[0] == digests[1]


def test_samples_are_the_same() -> None:
    first, second = answers("-c", SPEAK, ROOT, "torch")
    assert first == second
