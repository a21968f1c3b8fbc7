"""One project: where everything lies, and the settings, model and voice that are used. Opened once, then passed on.

    project = Project(Path("mybook"), BookConfig(engine="onnx"))
    project.model, project.voice, project.recipe        looked up at first use, then kept
    project.of_model().runtime, project.of_book("book").timeline, project.voice_state()        paths

Two folders take part. `root` is the user's: inputs/, config.yaml, results/, and voices/ with voices of their own.
`source` is the product's: models/, voices/, Snakefile, rules/, scripts/, in a checkout or in the installed package.
What is not in `root` is found in `source`; in a checkout both are usually the same folder. No function of the library
depends on the current directory: a relative `root` gives relative paths, as Snakemake wants them.

It stands above models, voices and takes, whose parts it holds together, and below `book`, `speaking` and all commands.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pockettts.config import BookConfig, QaConfig, SynthConfig, TextConfig
from pockettts.errors import DamagedFile, UsageError, VoiceError
from pockettts.files import read_json, require_record
from pockettts.models import (
    Manifest,
    ModelEntry,
    load_manifest,
    model_pins,
    read_lock_file,
    require_files,
    resolve,
)
from pockettts.takes import (
    PACK_SUFFIX,
    Recipe,
    TakeStore,
    make_recipe,
    needs_rate,
    speaking_rate,
    with_own_limits,
)
from pockettts.values import language_code, short_digest
from pockettts.voices import Voice, check_licence, load_voices, resolve_voice, voice_pin

MODEL_MANIFEST = "models/manifest.json"
MODEL_LOCK = "models/lock.json"
VOICE_MANIFEST = "voices/manifest.json"
CONFIG_FILE = "config.yaml"
INSTALLED = "workflow"
"""The folder of the installed package that holds what lies at the top of a checkout."""


def find_source() -> Path:
    """Return the folder with what the product ships: of the installed package, else the checkout that holds it."""
    package = Path(__file__).resolve().parent
    installed = package / INSTALLED
    return installed if (installed / MODEL_MANIFEST).is_file() else package.parents[1]


def personal_folder() -> Path:
    """Return where models, voices and takes are kept outside of projects: the user's cache folder."""
    from platformdirs import user_cache_path

    return user_cache_path("pockettts", appauthor=False)


@dataclass(frozen=True, slots=True)
class ModelPaths:
    """The files of one model in results/models/{model}/."""

    folder: Path

    @property
    def download(self) -> Path:
        """What was fetched: written by rule download_model."""
        return self.folder / "download.json"

    @property
    def lock(self) -> Path:
        """Sha256 and size of every file: written by rule lock_model."""
        return self.folder / "lock.json"

    @property
    def runtime(self) -> Path:
        """The configuration that `pocket-tts --config` reads, with absolute paths: written by rule write_runtime."""
        return self.folder / "runtime.yaml"

    @property
    def runtime_sidecar(self) -> Path:
        """Which lock the runtime was made of: written by rule write_runtime."""
        return self.folder / "runtime.json"


@dataclass(frozen=True, slots=True)
class BookPaths:
    """The files of one book: results/{book}/ and, beside that folder, what is handed over."""

    folder: Path

    def _beside(self, suffix: str) -> Path:
        return self.folder.with_name(self.folder.name + suffix)

    @property
    def recording(self) -> Path:
        """The finished book."""
        return self._beside(".wav")

    @property
    def report(self) -> Path:
        """Its report in HTML."""
        return self._beside(".report.html")

    @property
    def provenance(self) -> Path:
        """What it was made of."""
        return self._beside(".provenance.json")

    @property
    def manuscript(self) -> Path:
        """Chapters and paragraphs as read."""
        return self.folder / "manuscript.json"

    @property
    def chunks(self) -> Path:
        """What is spoken, in order, with keys and pauses."""
        return self.folder / "chunks.json"

    @property
    def plan(self) -> Path:
        """A digest of the chunks: keys and pauses in order."""
        return self.folder / "plan.json"

    @property
    def reading(self) -> Path:
        """Which parts of the text are not spoken, and why."""
        return self.folder / "reading.json"

    @property
    def batches(self) -> Path:
        """The keys of each batch: written while the rules are parsed."""
        return self.folder / "batches.json"

    @property
    def receipts(self) -> Path:
        """The folder of the receipts and packs."""
        return self.folder / "takes"

    def receipt(self, batch: str) -> Path:
        """Return the receipt of one batch."""
        return self.receipts / f"{batch}.json"

    def pack(self, batch: str) -> Path:
        """Return the takes of one batch, end to end."""
        return self.receipts / f"{batch}{PACK_SUFFIX}"

    @property
    def repairs(self) -> Path:
        """The batches whose receipt was deleted because its pack was gone or damaged."""
        return self.folder / "repairs.json"

    @property
    def joined(self) -> Path:
        """All takes with their pauses, before mastering."""
        return self.folder / "joined.wav"

    @property
    def timeline(self) -> Path:
        """Start and end of every chunk, in samples."""
        return self.folder / "timeline.json"

    @property
    def mastered(self) -> Path:
        """The recording after the book chain."""
        return self.folder / "mastered.wav"

    @property
    def mastering(self) -> Path:
        """What each step of the book chain decided, and the sha256 of the recording."""
        return self.folder / "mastering.json"

    @property
    def cues(self) -> Path:
        """What is shown when: captions, EPUB and chapters are made of it."""
        return self.folder / "cues.json"

    @property
    def tags(self) -> Path:
        """What the book is called, and the sha256 of its cover."""
        return self.folder / "tags.json"

    @property
    def cover(self) -> Path:
        """The picture of its cover, or an empty file."""
        return self.folder / "cover.image"

    @property
    def sums(self) -> Path:
        """The folder of the records of published files: the sha256 of each."""
        return self.folder / "sums"

    def record(self, file: Path) -> Path:
        """Return the record of a published file, beside the folder or in it."""
        inside = file.is_relative_to(self.folder)
        return self.sums / (file.relative_to(self.folder).with_suffix(".json") if inside else f"{file.suffix[1:]}.json")

    def require_records(self, published: Iterable[Path]) -> None:
        """Hold published files against their records; a list of files has a seal of its own. Raises `DamagedFile`."""
        for path in published:
            if path.suffix == ".json":
                read_json(path, "the list", DamagedFile)
            else:
                require_record(path, self.record(path))

    @property
    def measurement(self) -> Path:
        """Loudness, peaks, noise and curves of the recording."""
        return self.folder / "measurement.json"


class _Opened:
    """Manifests and pins, read once and shared by the projects that differ in their settings only."""

    def __init__(self, root: Path, source: Path) -> None:
        self._root, self._source = root, source
        self._model_pins: dict[str, Mapping[str, Any]] = {}
        self._voice_pins: dict[tuple[str, str], Mapping[str, str]] = {}

    @cached_property
    def models(self) -> Path:
        """The folder of the models: the user's if it has a manifest, else the product's."""
        root, source = (folder / Path(MODEL_MANIFEST).parent for folder in (self._root, self._source))
        return root if (self._root / MODEL_MANIFEST).is_file() else source

    @cached_property
    def manifest(self) -> Manifest:
        return load_manifest(self.models / Path(MODEL_MANIFEST).name)

    @cached_property
    def voices(self) -> dict[str, Voice]:
        own, shipped = self._root / VOICE_MANIFEST, self._source / VOICE_MANIFEST
        voices = load_voices(shipped) if shipped.is_file() else {}
        return {**voices, **load_voices(own)} if own.is_file() or not voices else voices

    def model_pins(self, model: ModelEntry) -> Mapping[str, Any]:
        if model.id not in self._model_pins:
            committed = read_lock_file(self.models / Path(MODEL_LOCK).name).get(model.id, {})
            self._model_pins[model.id] = model_pins(model, committed)
        return self._model_pins[model.id]

    def voice_pin(self, voice: Voice, model: ModelEntry) -> Mapping[str, str]:
        name = voice.id, model.id
        if name not in self._voice_pins:
            self._voice_pins[name] = voice_pin(voice, model)
        return self._voice_pins[name]


@dataclass(frozen=True)
class Project:
    """A user's folder with its settings; see the head of this module. Cheap: what must be read is read at first use.

    `config` is as the user wrote it. Paths in it are relative to `root`: take `text`, `synth` and `qa`, in which they
    are resolved.
    """

    root: Path = field(default_factory=Path)
    config: BookConfig = field(default_factory=BookConfig)
    source: Path = field(default_factory=find_source)
    _shared: _Opened | None = field(default=None, repr=False, compare=False)

    @cached_property
    def _opened(self) -> _Opened:
        return self._shared or _Opened(self.root, self.source)

    # --- other settings, the same manifests

    def with_config(self, config: BookConfig) -> Project:
        """Return this project with different settings; manifests and checksums are not read again."""
        return replace(self, config=config, _shared=self._opened)

    def with_voice(self, voice: str) -> Project:
        """Return this project with the voice of an id."""
        return self.with_config(self.config.model_copy(update={"voice": voice}))

    def with_seed(self, seed: int) -> Project:
        """Return this project with a different seed. Raises `UsageError` for one that is out of range."""
        if not 0 <= seed < 2**31:
            raise UsageError(f"The seed must be from 0 to {2**31 - 1} (it is {seed}).")
        synth = self.config.synth.model_copy(update={"seed": seed})
        project = self.with_config(self.config.model_copy(update={"synth": synth}))
        # Nothing else in the recipe depends on the seed, and looking up versions takes milliseconds.
        project.__dict__["recipe"] = Recipe({**self.recipe.values, "seed": seed})
        return project

    # --- what the settings name

    @property
    def manifest(self) -> Manifest:
        """All models. Raises `ModelError`."""
        return self._opened.manifest

    @property
    def voices(self) -> Mapping[str, Voice]:
        """All voices: the user's own and those of the product. Raises `VoiceError`."""
        return self._opened.voices

    @cached_property
    def model(self) -> ModelEntry:
        """The model of the settings. Raises `ModelError`."""
        return resolve(self.manifest, self.config.model)

    @cached_property
    def voice(self) -> Voice:
        """The voice of the settings. Raises `VoiceError`, also where its licence forbids the use."""
        voice = resolve_voice(self.voices, self.config.voice)
        check_licence(voice, self.config.commercial)
        return voice

    def checked(self) -> Project:
        """Return this project after a look at model, voice and the check by ear, which may raise their errors.

        `ModelError` and `VoiceError`; `EnvironmentNotReady` or `ConfigError` if takes cannot be checked by ear.
        """
        from pockettts import ear

        require_files(self.model)
        _ = self.voice
        ear.check_ready(self.config.qa, self.language)
        return self

    @property
    def language(self) -> str:
        """The language of the text."""
        return self.config.language or self.model.language

    @cached_property
    def text(self) -> TextConfig:
        """How a text becomes chunks: by the settings, within what the model can speak."""
        text = self.config.text
        limits = {"max_chars": self.model.max_chars, "min_chars": self.model.min_chars}
        changes: dict[str, Any] = {
            name: min(getattr(text, name), most) for name, most in limits.items() if most is not None
        }
        return text.model_copy(update={**changes, "dictionary": self._located(text.dictionary)})

    @cached_property
    def synth(self) -> SynthConfig:
        """How chunks are spoken."""
        executable = self.config.synth.executable
        if executable is None or executable.parent == Path():
            return self.config.synth  # a name is looked up on PATH
        return self.config.synth.model_copy(update={"executable": self._located(executable)})

    @cached_property
    def qa(self) -> QaConfig:
        """How takes are checked by ear."""
        return self.config.qa.model_copy(update={"model": self._located(self.config.qa.model)})

    def _located(self, path: Path | None) -> Path | None:
        return None if path is None else self.root / path

    @cached_property
    def recipe(self) -> Recipe:
        """All that decides the samples of a take but its text.

        Raises `ModelError`, `VoiceError`, `ExecutableNotFound`, and `ConfigError` for what the engine cannot do.
        """
        model = self.model
        pins, pin = self._opened.model_pins(model), self._opened.voice_pin(self.voice, model)
        return make_recipe(self.config.engine, self.synth, model=pins, voice=pin)

    @cached_property
    def acceptance_digest(self) -> str:
        """A digest of the settings that choose among the attempts at a take.

        They are not part of its name. Different limits may choose a different attempt, so a receipt is good for these
        only: its job looks at the store again, and speaks only if it must.
        """
        synth = self.config.synth.model_dump(mode="json")
        values = [synth[name] for name in ("attempts", "allow_failed", "checks")]
        qa = self.config.qa
        # Auto depends on what is installed: with and without the check a book has the same receipts.
        if qa.asr not in ("off", "auto"):
            # Aligning has no share and no tolerance.
            unused = {"share", "tolerance"} if qa.asr == "align" else set[str]()
            values += [qa.model_dump(mode="json", exclude=unused), language_code(self.language)]
        return short_digest(values)[:8]

    def find_model(self, model_id: str) -> ModelEntry:
        """Return the model of an id or alias. Raises `UnknownModel`."""
        return resolve(self.manifest, model_id)

    def find_voice(self, voice_id: str) -> Voice:
        """Return the voice of an id. Raises `UnknownVoice`."""
        return resolve_voice(self.voices, voice_id)

    def committed(self, model_id: str) -> Mapping[str, Any]:
        """Return the entry of a model in models/lock.json; empty if it has none. Raises `ModelError`."""
        return read_lock_file(self.model_lock).get(model_id, {})

    # --- paths: what the user and the product bring

    @property
    def inputs(self) -> Path:
        """The folder of the texts."""
        return self.root / "inputs"

    @property
    def config_file(self) -> Path:
        """The user's config.yaml, whether or not it exists."""
        return self.root / CONFIG_FILE

    @property
    def own_voices(self) -> Path:
        """The folder of the user's recordings, with their manifest."""
        return (self.root / VOICE_MANIFEST).parent

    @property
    def models(self) -> Path:
        """The folder of the models, with manifest and lock."""
        return self._opened.models

    @property
    def model_lock(self) -> Path:
        """The committed lock, models/lock.json."""
        return self._opened.models / Path(MODEL_LOCK).name

    @property
    def comparison_recording(self) -> Path:
        """A recording to make a voice of, when an exported model is compared with PyTorch."""
        own = self.own_voices / "bundled.wav"
        return own if own.is_file() else self.source / "voices/bundled.wav"

    def script(self, name: str) -> Path:
        """Return the program of a rule."""
        return self.source / "scripts" / f"{name}.py"

    # --- paths: what builds and commands make

    @property
    def results(self) -> Path:
        """The folder of all that is generated."""
        return self.root / "results"

    @property
    def store(self) -> TakeStore:
        """The takes, shared by all books."""
        return TakeStore(self.results / "takes")

    @property
    def speeds(self) -> Path:
        """The paces of synthesis jobs, for the line that a build begins with."""
        return self.results / "speeds.tsv"

    @property
    def plans(self) -> Path:
        """The cache of plans."""
        return self.results / "plans"

    def of_book(self, name: str) -> BookPaths:
        """Return the paths of a book."""
        return BookPaths(self.results / name)

    def of_model(self, model_id: str | None = None) -> ModelPaths:
        """Return the paths of a model, by default the one of the settings."""
        return ModelPaths(self.results / "models" / (model_id or self.model.id))

    def voice_states(self, model_id: str | None = None) -> Path:
        """Return the folder of a model's exported voices."""
        return self.results / "voices" / (model_id or self.model.id)

    def voice_state(self, voice_id: str | None = None, model_id: str | None = None) -> Path:
        """Return the exported voice, by default of the settings; its sidecar has the suffix .json."""
        return self.voice_states(model_id) / f"{voice_id or self.voice.id}.safetensors"

    def rate_of_voice(self, runtime: Path, executable: Path | None) -> Callable[[Path], float | None] | None:
        """Return what measures how fast an exported voice speaks; None if no limit of the settings depends on it."""
        if not needs_rate(self.synth.checks):
            return None
        return lambda voice: speaking_rate(runtime, voice, self.language, executable)

    def synth_for_voice(self) -> SynthConfig:
        """Return the settings of synthesis, with the limits of speed that the exported voice's own rate gives."""
        sidecar = self.voice_state().with_suffix(".json")
        if not sidecar.exists():
            return self.synth
        return with_own_limits(self.synth, read_json(sidecar, "the sidecar of the voice", VoiceError).get("rate"))

    def bundles(self, model_id: str | None = None) -> Path:
        """Return the folder of a model's bundles."""
        return self.results / "onnx" / (model_id or self.model.id)

    def bundle(self, precision: str | None = None, model_id: str | None = None) -> Path:
        """Return the folder of an exported model, by default the one of the settings."""
        return self.bundles(model_id) / (precision or self.config.synth.precision)

    def bundle_report(self, precision: str | None = None, model_id: str | None = None) -> Path:
        """Return the report of the comparison of an exported model with PyTorch."""
        return self.bundle(precision, model_id).with_suffix(".verify.json")

    def bundle_manifest(self, precision: str | None = None, model_id: str | None = None) -> Path:
        """Return the copy of a bundle's manifest beside its folder: a change of it is a change of the bundle."""
        return self.bundle(precision, model_id).with_suffix(".manifest.json")

    def relative(self, path: Path) -> Path:
        """Return a path below `root` as seen from there, any other path as it is: for what is written into files."""
        try:
            return path.relative_to(self.root)
        except ValueError:
            return path


def add_project_option(parser: argparse.ArgumentParser) -> None:
    """Add --project to a script that needs more of a project than the files it is given."""
    parser.add_argument(
        "--project", type=Path, default=Path(), help="the folder with inputs/ and results/ (default: .)"
    )


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add to a script the model's id and the files that `models.open_model` takes."""
    parser.add_argument("--model", required=True, help="an id of models/manifest.json")
    parser.add_argument("--lock", type=Path, required=True, help="the model's lock.json")
    parser.add_argument("--weights", type=Path, required=True, help="the model's weights")
    parser.add_argument("--tokenizer", type=Path, required=True, help="the model's tokenizer")
