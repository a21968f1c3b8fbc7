"""The settings of a training: one file in recipes/ for each model. The Snakefile gives each stage its part."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of a recipe; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Corpus(Section):
    """Where sentences and pronunciations come from."""

    texts: Path
    pronunciations: str
    common: str | None
    vocabulary: int


class Speech(Section):
    """The teacher, and how many sentences it reads."""

    voice: str
    sentences: int
    length_scale: float


class Encoder(Section):
    """The training of the encoder."""

    steps: int
    frames: int
    batch: int
    lr: float


class LanguageModel(Section):
    """The training of the language model; `positions` is the size of a batch."""

    steps: int
    positions: int
    lr: float
    self_feed: float
    temperature: float = 0.1


class Evaluation(Section):
    """How many sentences are transcribed. Training never used them."""

    sentences: int
    takes: tuple[str, ...]  # engine and temperature, as in cli:0.3


class Recipe(Section):
    """A whole recipe."""

    seed: int
    start: Path | None = None  # folder of an exported model: training starts with its tokenizer, latents and weights
    corpus: Corpus
    speech: Speech
    held_out: int
    sizes: str
    processes: int  # that train the language model together, each with batches of its own
    encoder: Encoder
    lm: LanguageModel
    prompt: int
    evaluation: Evaluation


def load(name: str, folder: Path) -> Recipe:
    """The recipe of that name. Raises `FileNotFoundError` or pydantic's `ValidationError`."""
    return Recipe.model_validate(yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8")))


def names(folder: Path) -> list[str]:
    """The names of all recipes in a folder, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def located(path: str) -> str:
    """Resolve a path that begins with `package:` inside that Python package.

    If the package is not installed, the path is unchanged, so that Snakemake names the missing file.
    """
    prefix, _, rest = path.rpartition("package:")
    if prefix or rest == path:
        return path
    package, _, inside = rest.partition("/")
    spec = importlib.util.find_spec(package)
    return str(Path(spec.origin).parent / inside) if spec and spec.origin else path
