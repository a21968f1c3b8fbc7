"""Speaks any text outside a book's build, but with its model, voice, chunks and takes: for commands and the server.

    make_ready     what must be on disk before anything is spoken: model, lock, voice, exported model
    chunks_of      a text, normalized and cut as a book's is
    speak          chunks -> samples, one chunk after the other

It stands above `book` and shares its keys and folders: a chunk that a book has spoken is not spoken again. Every
function takes an opened `Project`, so nothing is looked up twice.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from pockettts import book, files, models, voices
from pockettts.audio.dsp import seconds_to_samples
from pockettts.audio.join import prepare_take
from pockettts.bundle import Precision
from pockettts.ear import open_ear
from pockettts.engines import Engine, open_engine
from pockettts.errors import ModelError, PocketTTSError, UsageError, VoiceError
from pockettts.project import Project
from pockettts.takes import Take, TakeStore, content_key, in_lanes, make_take
from pockettts.text.chunks import Chunk, chunk_manuscript
from pockettts.text.manuscript import Manuscript, manuscript_from_bytes, parse_manuscript, read_manuscript
from pockettts.values import Int16, digest

log = logging.getLogger(__name__)


TYPED = "The text"
"""What messages call a text that came from no file."""


# --- getting ready ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ready:
    """What `open_engine` needs, all of it on disk and verified. `bundle` is for engine onnx, else None."""

    project: Project
    runtime: Path
    voice: Path
    bundle: Path | None

    def open_engine(self) -> Engine:
        """Open the engine of the project's settings. Raises the errors of `engines.open_engine`."""
        return open_engine(self.project.config.engine, self.runtime, self.voice, self.project.synth, self.bundle)


def make_ready(project: Project) -> Ready:
    """Make what speaking with the project's settings needs and results/ lacks, as the rules of a build would.

    Quick when all is there; of several processes one makes it while the rest wait. Raises `ModelError` (with its kinds
    for a hub that refuses or cannot be reached), `VoiceError`, `BundleError` and `EnvironmentNotReady`.
    """
    project.checked()
    bundle = project.bundle() if project.config.engine == "onnx" else None
    # A read-only project is fine, if all is there.
    with contextlib.suppress(OSError):
        project.results.mkdir(parents=True, exist_ok=True)
    with files.exclusive(project.results / ".ready.lock"):
        lock = ready_model(project)
        ready_voice(project, lock)
        if bundle is not None:
            ready_bundle(project)
    return Ready(project, project.of_model().runtime, project.voice_state(), bundle)


def ready_model(project: Project) -> models.Lock:
    """Ensure that the model of the settings is there as the manifest names it: files, lock.json, runtime.yaml, .json.

    Returns the lock.
    """
    entry, paths = project.model, project.of_model()
    try:
        downloaded = models.read_download(entry, paths.folder)
        lock = _trusted_lock(entry, downloaded, project)
        has_runtime = paths.runtime.exists()
    except ModelError:
        allowed, committed = project.config.hub.allow_ungated, project.model_lock
        downloaded = models.download_model(entry, paths.folder, allow_ungated=allowed, committed_lock=committed)
        lock = models.lock_model(entry, paths.folder, committed)
        has_runtime = False
    if has_runtime:
        book.refresh_runtime(entry, project)
    else:
        models.write_runtime(entry, downloaded, paths.runtime)
        models.mark_runtime(paths.runtime)
    return lock


def _trusted_lock(entry: models.ModelEntry, downloaded: models.Downloaded, project: Project) -> models.Lock:
    """Return the lock of an earlier run without reading the weights again, if no file was touched since.

    Raises `ModelError` where something has changed.
    """
    path = project.of_model(entry.id).lock
    lock = models.read_lock(path)
    committed = project.committed(entry.id)
    for role, item in downloaded.files.items():
        key = downloaded.lock_role(role)
        facts = lock.files.get(key, {})
        stale = not item.file.is_file() or item.file.stat().st_size != facts.get("bytes")
        if stale or not files.untouched(item.file, path) or committed.get(key, facts) != facts:
            raise ModelError(f"{item.file} has changed since {path} was written.")
    if lock.config != digest(models.model_config(entry)):
        raise ModelError(f"The configuration of {entry.id} has changed since {path} was written.")
    return lock


def ready_voice(project: Project, lock: models.Lock) -> None:
    """Ensure that the voice fits the locked model: it is exported again if model, source or file has changed."""
    voice, entry, out, runtime = project.voice, project.model, project.voice_state(), project.of_model().runtime
    with contextlib.suppress(VoiceError):
        sidecar = voices.check_voice(out, lock, models.check_model(runtime, lock))
        if sidecar["source"] == voices.voice_pin(voice, entry):
            return
    executable, committed = project.synth.executable, project.model_lock
    rate = project.rate_of_voice(runtime, executable)
    voices.export_voice(
        voice, entry, lock, out, runtime=runtime, executable=executable, committed_lock=committed, rate=rate
    )


def ready_bundle(project: Project) -> None:
    """Ensure that the model is exported, no earlier than it was locked, and has the report that it passed.

    A damaged one is left to the engine, which refuses it as in a build: it is not replaced unasked.
    """
    from pockettts.bundle import MANIFEST, copy_manifest
    from pockettts.export import require_export_packages

    paths, folder, report = project.of_model(), project.bundle(), project.bundle_report()
    manifest = folder / MANIFEST
    if not manifest.exists() or manifest.stat().st_mtime_ns < paths.lock.stat().st_mtime_ns:
        require_export_packages()
        from pockettts.export.export import export_onnx

        entry, precision = project.model, project.config.synth.precision
        log.info("exporting the model %s as ONNX graphs into %s, once", entry.id, folder)
        export_onnx(paths.runtime, folder, precision=precision, language=entry.language)
        copy_manifest(folder, project.bundle_manifest())
    if not _passed(report) or report.stat().st_mtime_ns < manifest.stat().st_mtime_ns:
        log.info("comparing %s with the model, once", folder)
        verify_bundle(project)


def verify_bundle(project: Project, precision: Precision | None = None) -> str:
    """Compare an exported model with PyTorch, write the report and return its table.

    `precision` is by default that of the settings. Raises `EnvironmentNotReady`, and `BundleError` if they differ.
    """
    from pockettts.export import require_export_packages

    require_export_packages()
    from pockettts.export.verify import verify_onnx

    folder, report = project.bundle(precision), project.bundle_report(precision)
    comparison = verify_onnx(folder, project.of_model().runtime, project.comparison_recording, report)
    comparison.require(folder)
    return comparison.table()


def _passed(report: Path) -> bool:
    try:
        return bool(files.read_json(report)["passed"])
    except (PocketTTSError, KeyError, TypeError):
        return False


# --- text ---------------------------------------------------------------------------------------------------------


def chunks_of(text: str, project: Project, *, chunk: bool = True) -> list[Chunk]:
    """Normalize a text and cut it as a book in a .txt file is; with `chunk` false, into one single chunk.

    Raises `UsageError` if there is nothing to speak or a pause mark or the dictionary is wrong.
    """
    if not text.strip():
        raise UsageError("There is nothing to speak: the text is empty.")
    return _cut(parse_manuscript(text, TYPED), project, chunk)


def chunks_of_file(path: Path, project: Project, *, chunk: bool = True) -> list[Chunk]:
    """Like `chunks_of`, for a file: a text that `text.encoding` fits, or a document such as an EPUB."""
    text = project.config.text
    return _cut(read_manuscript(path, text.encoding, text.epub), project, chunk)


def chunks_of_bytes(data: bytes, project: Project, *, chunk: bool = True) -> list[Chunk]:
    """Like `chunks_of`, for plain text that was sent as bytes, of any encoding that `text.encoding` allows."""
    return _cut(manuscript_from_bytes(data, Path(TYPED), project.config.text.encoding), project, chunk)


def _cut(manuscript: Manuscript, project: Project, chunk: bool) -> list[Chunk]:
    chunks = list(chunk_manuscript(manuscript, project.text, project.language))
    if chunk or len(chunks) == 1:
        return chunks
    return [replace(chunks[-1], text=" ".join(part.text for part in chunks), chapter=0, start=chunks[0].start)]


# --- sound --------------------------------------------------------------------------------------------------------


class PassingStore(TakeStore):
    """A store for one take, which keeps its samples and nothing on disk."""

    def __init__(self) -> None:
        super().__init__(Path())
        self._samples: Int16 = np.zeros(0, np.int16)

    def get(self, key: str) -> Take | None:
        """Return None: there is never one."""
        return None

    def put(self, samples: Int16, take: Take) -> Take:
        """Hold the samples."""
        self._samples = samples
        return take

    def load(self, take: Take) -> Int16:
        """Return the samples that were put."""
        return self._samples


def speak(
    engine: Engine,
    chunks: Sequence[Chunk],
    project: Project,
    store: TakeStore | None = None,
    progress: Callable[[Take], None] | None = None,
    lanes: int = 1,
) -> Iterator[Int16]:
    """Yield the samples of chunk after chunk, mono at 24 kHz: each take cleaned as in a book, and the pause after it.

    `project` must name the voice and the model that the engine was opened with, for they decide the seeds of the takes:
    a text has the samples here that it has in a book with the same settings. `project.with_seed` gives a different
    reading. Takes come from `store` and are put into it; without one nothing is written. `progress` is called with each
    take. The pause of the last chunk is left out. With `lanes` (at most `engine.lanes`) that many chunks are spoken at
    once, which takes less time in all and more until the first sound. Raises the errors of `takes.make_take`.
    """
    recipe, ear, synth, audio = (
        project.recipe,
        open_ear(project.qa, project.language),
        project.synth_for_voice(),
        project.config.audio,
    )

    def take_of(text: str) -> tuple[Take, Int16]:
        target = store if store is not None else PassingStore()
        take = make_take(content_key(text, recipe), text, engine, target, synth, recipe.as_dict(), ear)
        return take, target.load(take)

    outcomes = in_lanes([partial(take_of, chunk.text) for chunk in chunks], lanes)
    for number, (chunk, outcome) in enumerate(zip(chunks, outcomes, strict=True), start=1):
        take, samples = outcome()
        if progress is not None:
            progress(take)
        pause = seconds_to_samples(chunk.pause) if number < len(chunks) else 0
        yield np.concatenate([prepare_take(samples, audio), np.zeros(pause, np.int16)])
