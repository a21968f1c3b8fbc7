"""A book as a build sees it: settings, model, voice and text become content keys, batches and a playlist.

Everything here is fast and needs neither model nor network, so that the Snakefile can do it while it is parsed. The
scripts do the same again from the same settings, or read it from results/{book}/chunks.json.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pockettts import ear, files, takes
from pockettts.config import BookConfig, TextConfig
from pockettts.errors import ManuscriptError, ModelError
from pockettts.models import (
    ModelEntry,
    load_manifest,
    model_config,
    model_pins,
    read_download,
    read_lock_file,
    read_runtime,
    resolve,
    write_runtime,
)
from pockettts.takes import Recipe, content_key, make_recipe
from pockettts.text.plan import BookPlan, plan_book
from pockettts.values import language_code, short_digest
from pockettts.voices import Voice, check_licence, load_voices, resolve_voice, voice_pin

log = logging.getLogger(__name__)

INPUTS = Path("inputs")
RESULTS = Path("results")
STORE = RESULTS / "takes"
PLANS = RESULTS / "plans"
MODEL_MANIFEST = Path("models/manifest.json")
MODEL_LOCK = Path("models/lock.json")
VOICE_MANIFEST = Path("voices/manifest.json")
REPAIRS = "repairs.json"
SUFFIXES = (".txt", ".md")


@dataclass(frozen=True)
class Setup:
    """What all books of one configuration share."""

    config: BookConfig
    model: ModelEntry
    voice: Voice

    @property
    def language(self) -> str:
        """The language of the text."""
        return self.config.language or self.model.language

    @property
    def text(self) -> TextConfig:
        """How a text becomes chunks: as the settings say, within what the model can speak."""
        text = self.config.text
        limits = {"max_chars": self.model.max_chars, "min_chars": self.model.min_chars}
        within = {name: min(getattr(text, name), most) for name, most in limits.items() if most is not None}
        return text.model_copy(update=within)

    @cached_property
    def recipe(self) -> Recipe:
        """All that decides the samples of a take but its text."""
        return make_recipe(
            self.config.engine,
            self.config.synth,
            model=model_pins(self.model),
            voice=voice_pin(self.voice, self.model),
        )

    @cached_property
    def judging(self) -> str:
        """A digest of the settings that choose among the attempts at a take.

        They are no part of its name. Other limits may choose another attempt, so a receipt is good for these only: the
        job looks again at what the store has, and speaks only if it must.
        """
        synth = self.config.synth.model_dump(mode="json")
        values = [synth[name] for name in ("attempts", "allow_failed", "checks")]
        if self.config.qa.asr != "off":
            values += [self.config.qa.model_dump(mode="json"), language_code(self.language)]
        return short_digest(values)[:8]


def open_setup(config: BookConfig) -> Setup:
    """Look up the model and the voice. Raises `ModelError` or `VoiceError`, also when the licence forbids the use.

    Raises `EnvironmentNotReady` or `ConfigError` when the check by ear is asked for and cannot be made.
    """
    model = resolve(load_manifest(MODEL_MANIFEST), config.model)
    voice = resolve_voice(load_voices(VOICE_MANIFEST), config.voice)
    check_licence(voice, config.commercial)
    setup = Setup(config, model, voice)
    ear.check_ready(config.qa, setup.language)
    return setup


@dataclass(frozen=True)
class Book:
    """One text with its chunks; `keys[i]` is the content key of `plan.chunks[i]`."""

    name: str
    source: Path
    plan: BookPlan
    keys: tuple[str, ...]
    batches: Mapping[str, tuple[str, ...]]

    def playlist(self) -> str:
        """Return a digest of what is heard when: keys and pauses, in order."""
        return short_digest([(key, chunk.pause) for key, chunk in zip(self.keys, self.plan.chunks, strict=True)])


def find_source(name: str) -> Path:
    """Return inputs/{name}.txt or .md. Raises `ManuscriptError` if there is none, or both."""
    found = [path for suffix in SUFFIXES if (path := INPUTS / f"{name}{suffix}").exists()]
    if len(found) == 1:
        return found[0]
    if found:
        raise ManuscriptError(f"There are both {found[0]} and {found[1]}; keep the one that is to be read.")
    others = sorted(path.stem for path in INPUTS.glob("*") if path.suffix in SUFFIXES)
    near = difflib.get_close_matches(name, others, n=1)
    hint = f" Did you mean {near[0]}?" if near else f" There are: {', '.join(others) or 'none'}."
    raise ManuscriptError(f"There is no inputs/{name}.txt or inputs/{name}.md.{hint}")


def make_batches(keys: Sequence[str], size: int, judging: str = "") -> dict[str, tuple[str, ...]]:
    """Divide the distinct keys into batches of about `size`, named by what they hold and by how it is judged.

    A border falls where a key's hash says so, hence inserting or deleting a chunk changes the batch that it is in and
    no other. A batch never exceeds four times `size`.
    """
    batches: dict[str, tuple[str, ...]] = {}
    current: list[str] = []

    def close() -> None:
        if current:
            name = current[0] if len(current) == 1 else short_digest(current)
            batches[f"{name}-{judging}" if judging else name] = tuple(current)
            current.clear()

    for key in dict.fromkeys(keys):
        current.append(key)
        if int(key[:8], 16) % size == 0 or len(current) == 4 * size:
            close()
    close()
    return batches


def open_book(name: str, setup: Setup) -> Book:
    """Read, normalise and chunk a text, from the cache if nothing changed. Raises `ManuscriptError`."""
    source = find_source(name)
    config = setup.config
    plan = plan_book(source, setup.text, setup.language, PLANS)
    keys = tuple(content_key(chunk.text, setup.recipe) for chunk in plan.chunks)
    size = 1 if config.engine == "cli" else config.synth.batch_chunks
    return Book(name, source, plan, keys, make_batches(keys, size, setup.judging))


def plan_document(book: Book, setup: Setup) -> dict[str, Any]:
    """Return results/{book}/plan.json: small, and other whenever something else is to be heard."""
    return {"playlist": book.playlist(), "recipe": short_digest(setup.recipe.as_dict()), "chunks": len(book.keys)}


def chunks_document(book: Book, setup: Setup) -> dict[str, Any]:
    """Return results/{book}/chunks.json: all that the jobs of a book need to know of it."""
    return {
        "book": book.name,
        "title": book.plan.title,
        "source": {"path": str(book.source), "sha256": book.plan.source_sha256},
        "language": setup.language,
        "chapters": list(book.plan.chapters),
        "engine": setup.config.engine,
        "recipe": setup.recipe.as_dict(),
        "synth": setup.config.synth.model_dump(mode="json"),
        "qa": setup.config.qa.model_dump(mode="json"),
        "batches": {name: list(keys) for name, keys in book.batches.items()},
        "chunks": [{"key": key, **asdict(chunk)} for key, chunk in zip(book.keys, book.plan.chunks, strict=True)],
    }


def committed_lock(model_id: str) -> Any:
    """Return what models/lock.json says of a model; empty if it is not in there."""
    return read_lock_file(MODEL_LOCK).get(model_id, {})


def voice_source(voice_id: str, model_id: str) -> dict[str, str]:
    """Return what pins the source of a voice of a model. Raises `VoiceError` or `ModelError`."""
    model = resolve(load_manifest(MODEL_MANIFEST), model_id)
    return voice_pin(resolve_voice(load_voices(VOICE_MANIFEST), voice_id), model)


def drop_stale_receipts(book: Book) -> None:
    """Delete each receipt of which a take is gone or damaged, and note its batch in repairs.json.

    The missing receipt makes its job run again; the note, which is an input of the join, makes it be wanted.
    """
    folder = RESULTS / book.name
    stale = takes.drop_stale_receipts(folder / "takes", book.batches, takes.TakeStore(STORE))
    if stale:
        path = folder / REPAIRS
        known = files.read_json(path, "the list of repairs") if path.exists() else []
        files.write_json(path, [*known, *stale])


def refresh_runtime(model: ModelEntry, folder: Path | None = None) -> None:
    """Write runtime.yaml anew if its absolute paths lead nowhere or elsewhere: the project was moved or copied.

    In place, since deleting it would have snakemake run every job that reads it. Does nothing before the first build.
    `folder` is where the model's files are recorded, results/models/{id} if not given.
    """
    folder = folder or RESULTS / "models" / model.id
    path = folder / "runtime.yaml"
    if not path.exists():
        return
    try:
        if Path(read_runtime(path)["weights_path"]).is_relative_to(Path.cwd()):
            return
    except ModelError:
        log.debug("%s names files that are not there", path)
    write_runtime(model, read_download(model, folder), path)


def memory_mb(model: ModelEntry) -> int:
    """Estimate the memory of one engine process, in MB, before anything is downloaded.

    700 MB is Python with torch; the 100 M model measured 1,260 MB in all. A layer has about 12 d² parameters of 4
    bytes, held twice while they are loaded.
    """
    transformer = model_config(model)["flow_lm"]["transformer"]
    parameters: int = 12 * transformer["num_layers"] * transformer["d_model"] ** 2
    return 700 + round(2 * 4 * parameters / 1e6)


def synth_memory_mb(setup: Setup) -> int:
    """Estimate the memory of one synthesis job, in MB: an engine, and an ear where takes are heard."""
    return memory_mb(setup.model) + (0 if setup.config.qa.asr == "off" else ear.MEMORY_MB)


def job_threads(cores: int, cpus: int, memory: int, each: int) -> int:
    """Return how many of `cores` (snakemake's -j) a synthesis job claims.

    Enough that no more jobs run at once than there are CPUs, nor than fit into `memory` MB with `each` MB a job: so
    -j8 on a small machine neither swaps nor oversubscribes.
    """
    fitting = max(1, memory // each)
    return max(1, cores // max(1, cpus), -(-cores // fitting))
