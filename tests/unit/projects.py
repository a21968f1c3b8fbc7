"""A project folder as a user has it, without a Snakefile: models, voices and a text."""

import shutil
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
TEXT = "CHAPTER I. The Road\n\nMr. Holmes had walked twelve miles before noon.\n\nThe road was white and dry.\n"


def make_project(root: Path, text: str = TEXT, **settings: object) -> Path:
    """Lay out a project; nothing is built in it."""
    root.mkdir(parents=True)
    shutil.copytree(ROOT / "models", root / "models")
    shutil.copytree(ROOT / "voices", root / "voices")
    (root / "inputs").mkdir()
    (root / "inputs" / "book.txt").write_text(text)
    (root / "config.yaml").write_text(yaml.safe_dump(settings))
    return root
