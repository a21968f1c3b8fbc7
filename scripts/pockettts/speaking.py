"""Any text to sound, outside a book's build but with its model, voice, chunks and takes: for commands and the server.

    make_ready     what must be on disk before anything is spoken: model, lock, voice, exported model
    chunks_of      a text, normalised and cut as a book's is
    speak          chunks -> samples, one chunk after the other

It stands above `book`, whose settings, keys and folders it shares: what a book has spoken is not spoken again.
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
from pockettts.config import BookConfig
from pockettts.ear import open_ear
from pockettts.engines import Engine
from pockettts.errors import ModelError, PocketTTSError, UsageError, VoiceError
from pockettts.takes import Take, TakeStore, content_key, in_lanes, make_take
from pockettts.text.chunks import Chunk, chunk_manuscript
from pockettts.text.manuscript import Manuscript, manuscript_from_bytes, parse_manuscript, read_manuscript
from pockettts.values import Int16, digest

log = logging.getLogger(__name__)


RECORDING = Path("voices/bundled.wav")
"""A sound to make a voice of, when an exported model is compared with the model."""

TYPED = "The text"
"""What messages call a text that came from no file."""


# --- getting ready ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ready:
    """What `open_engine` needs, all of it on disk and proven. `bundle` is for engine onnx, None for the others."""

    config: BookConfig
    runtime: Path
    voice: Path
    bundle: Path | None


def make_ready(config: BookConfig, results: Path = book.RESULTS) -> Ready:
    """Make what is missing below `results` for speaking with these settings: what rules of the build would make.

    Quick when all is there; of several processes one makes it and the others wait. Paths of the project are relative
    to the current directory. Raises `ModelError` (with its kinds for a hub that refuses or cannot be reached),
    `VoiceError`, `BundleError` and `EnvironmentNotReady`.
    """
    setup = book.open_setup(config)
    folder = results / "models" / setup.model.id
    runtime = folder / "runtime.yaml"
    voice = results / "voices" / setup.model.id / f"{setup.voice.id}.safetensors"
    bundle = results / "onnx" / setup.model.id / config.synth.precision if config.engine == "onnx" else None
    # A read-only project is fine, if all is there.
    with contextlib.suppress(OSError):
        results.mkdir(parents=True, exist_ok=True)
    with files.exclusive(results / ".ready.lock"):
        lock = ready_model(setup.model, folder, allow_ungated=config.hub.allow_ungated)
        ready_voice(setup.voice, setup.model, lock, voice, runtime, config.synth.executable)
        if bundle is not None:
            ready_bundle(setup.model, runtime, bundle, config.synth.precision)
    return Ready(config, runtime, voice, bundle)


def ready_model(entry: models.ModelEntry, folder: Path, *, allow_ungated: bool = False) -> models.Lock:
    """Have a model in `folder` as the manifest names it: files, lock.json, runtime.yaml and .json. Returns the lock."""
    runtime = folder / "runtime.yaml"
    try:
        downloaded = models.read_download(entry, folder)
        lock = _trusted_lock(entry, downloaded, folder)
        made = runtime.exists()
    except ModelError:
        downloaded = models.download_model(entry, folder, allow_ungated=allow_ungated, committed_lock=book.MODEL_LOCK)
        lock = models.lock_model(entry, folder, book.MODEL_LOCK)
        made = False
    if made:
        book.refresh_runtime(entry, folder)
    else:
        models.write_runtime(entry, downloaded, runtime)
        models.mark_runtime(runtime)
    return lock


def _trusted_lock(entry: models.ModelEntry, downloaded: models.Downloaded, folder: Path) -> models.Lock:
    """Return the lock of an earlier run without reading the weights again, if no file is younger than it.

    Raises `ModelError` where something has changed.
    """
    path = folder / "lock.json"
    lock = models.read_lock(path)
    written = path.stat().st_mtime_ns
    committed = book.committed_lock(entry.id)
    for role, item in downloaded.files.items():
        key = downloaded.lock_role(role)
        known = lock.files.get(key, {})
        stale = not item.file.is_file() or item.file.stat().st_size != known.get("bytes")
        if stale or item.file.stat().st_mtime_ns > written or committed.get(key, known) != known:
            raise ModelError(f"{item.file} has changed since {path} was written.")
    if lock.config != digest(models.model_config(entry)):
        raise ModelError(f"The configuration of {entry.id} has changed since {path} was written.")
    return lock


def ready_voice(
    voice: voices.Voice, entry: models.ModelEntry, lock: models.Lock, out: Path, runtime: Path, executable: Path | None
) -> None:
    """Have the state of a voice for the locked model in `out`: made anew if model, source or file has changed."""
    with contextlib.suppress(VoiceError):
        sidecar = voices.check_voice(out, lock, models.read_runtime(runtime))
        if sidecar["source"] == voices.voice_pin(voice, entry):
            return
    voices.export_voice(voice, entry, lock, out, runtime=runtime, executable=executable, committed_lock=book.MODEL_LOCK)


def ready_bundle(entry: models.ModelEntry, runtime: Path, folder: Path, precision: Precision) -> None:
    """Have the exported model in `folder`, no older than the model's lock, and the report that it passed all checks.

    A damaged one is left to the engine to refuse, as in a build: it is not replaced unasked.
    """
    from pockettts.bundle import MANIFEST
    from pockettts.export import require_export_packages

    manifest, lock, report = folder / MANIFEST, runtime.with_name("lock.json"), folder.with_suffix(".verify.json")
    if not manifest.exists() or manifest.stat().st_mtime_ns < lock.stat().st_mtime_ns:
        require_export_packages()
        from pockettts.export.export import export_onnx

        log.info("exporting the model %s as ONNX graphs into %s, once", entry.id, folder)
        export_onnx(runtime, folder, precision=precision, language=entry.language)
    if not _passed(report) or report.stat().st_mtime_ns < manifest.stat().st_mtime_ns:
        log.info("comparing %s with the model, once", folder)
        verify_bundle(folder, runtime, report)


def verify_bundle(folder: Path, runtime: Path, report: Path) -> str:
    """Compare the exported model in `folder` with PyTorch, write the report and return its table.

    Raises `BundleError` if it does not say what the model says, and `EnvironmentNotReady`.
    """
    from pockettts.export import require_export_packages

    require_export_packages()
    from pockettts.export.verify import verify_onnx

    found = verify_onnx(folder, runtime, RECORDING, report)
    found.require(folder)
    return found.table()


def _passed(report: Path) -> bool:
    try:
        return bool(files.read_json(report)["passed"])
    except (PocketTTSError, KeyError, TypeError):
        return False


# --- text ---------------------------------------------------------------------------------------------------------


def chunks_of(text: str, config: BookConfig, *, chunk: bool = True) -> list[Chunk]:
    """Normalise a text and cut it as a book in a .txt file is; with `chunk` false, into one single chunk.

    Raises `UsageError` if there is nothing to speak or a pause mark or the dictionary is wrong.
    """
    if not text.strip():
        raise UsageError("There is nothing to speak: the text is empty.")
    return _cut(parse_manuscript(text, TYPED), config, chunk)


def chunks_of_file(path: Path, config: BookConfig, *, chunk: bool = True) -> list[Chunk]:
    """Like `chunks_of`, for a .txt or .md file of any encoding that `text.encoding` allows."""
    return _cut(read_manuscript(path, config.text.encoding), config, chunk)


def chunks_of_bytes(data: bytes, config: BookConfig, *, chunk: bool = True) -> list[Chunk]:
    """Like `chunks_of`, for plain text that was sent as bytes, of any encoding that `text.encoding` allows."""
    return _cut(manuscript_from_bytes(data, Path(TYPED), config.text.encoding), config, chunk)


def _cut(manuscript: Manuscript, config: BookConfig, chunk: bool) -> list[Chunk]:
    setup = book.open_setup(config)
    chunks = list(chunk_manuscript(manuscript, setup.text, setup.language))
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
        """There is never one."""
        return None

    def put(self, samples: Int16, take: Take) -> Take:
        """Hold the samples."""
        self._samples = samples
        return take

    def load(self, take: Take) -> Int16:
        """Return the samples that were put."""
        return self._samples


def with_seed(config: BookConfig, seed: int) -> BookConfig:
    """Return the settings with another seed. Raises `UsageError` for one that is out of range."""
    if not 0 <= seed < 2**31:
        raise UsageError(f"The seed must be from 0 to {2**31 - 1} (it is {seed}).")
    return config.model_copy(update={"synth": config.synth.model_copy(update={"seed": seed})})


def speak(
    engine: Engine,
    chunks: Sequence[Chunk],
    seed: int,
    config: BookConfig,
    store: TakeStore | None = None,
    progress: Callable[[Take], None] | None = None,
    lanes: int = 1,
) -> Iterator[Int16]:
    """Yield the samples of chunk after chunk, mono at 24 kHz: each take cleaned as in a book, and the pause after it.

    `config` must name the voice and the model that the engine was opened with, for they decide the seeds of the takes:
    a text has the samples here that it has in a book with the same settings and `synth.seed`. Takes come from `store`
    and are kept in it; without one nothing is written. `progress` hears of each take. The pause of the last chunk is
    left out. With `lanes` (at most `engine.lanes`) that many chunks are spoken at once, which is sooner done and has
    its first sound later. Raises the errors of `takes.make_take`.
    """
    setup = book.open_setup(with_seed(config, seed))
    recipe, ear = setup.recipe, open_ear(config.qa, setup.language)

    def spoken(text: str) -> tuple[Take, Int16]:
        held = store if store is not None else PassingStore()
        take = make_take(content_key(text, recipe), text, engine, held, config.synth, recipe.as_dict(), ear)
        return take, held.load(take)

    outcomes = in_lanes([partial(spoken, chunk.text) for chunk in chunks], lanes)
    for number, (chunk, outcome) in enumerate(zip(chunks, outcomes, strict=True), start=1):
        take, samples = outcome()
        if progress is not None:
            progress(take)
        pause = seconds_to_samples(chunk.pause) if number < len(chunks) else 0
        yield np.concatenate([prepare_take(samples, config.audio), np.zeros(pause, np.int16)])
