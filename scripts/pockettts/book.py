"""A book as a build sees it: a text of a project becomes content keys, batches and a playlist.

Everything here is fast and needs neither model nor network, so that the Snakefile can do it while it is parsed. The
scripts do the same again from the same settings, or read it from results/{book}/chunks.json.
"""

from __future__ import annotations

import difflib
import logging
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pockettts import ear, files, takes
from pockettts.batches import Batches, BatchRecord, make_batches, reuse_packs
from pockettts.bundle import MANIFEST
from pockettts.errors import ManuscriptError, ModelError, PocketTTSError
from pockettts.models import HubFile, ModelEntry, downloaded_runtime, model_config, read_download, write_runtime
from pockettts.project import Project
from pockettts.publish.credits import CREDITS, credits_manuscript
from pockettts.publish.tags import book_tags
from pockettts.takes import content_key
from pockettts.text.chunks import chunk_manuscript
from pockettts.text.manuscript import Manuscript, read_manuscript
from pockettts.text.plan import BookPlan, make_plan, plan_book
from pockettts.text.source import SUFFIXES
from pockettts.values import language_code, sha256_text, short_digest
from pockettts.voices import voice_pin

log = logging.getLogger(__name__)

RESERVED = ("models", "voices", "onnx", "takes", "plans", "bench", "damaged", "shelf")
"""Names of folders in results/ that are not books."""


# A file system takes 255, and the longest suffix has 16.
_LONGEST_NAME = 200
_PUBLISHED = (".wav", ".m4b", ".opus", ".flac", ".m3u8", ".srt", ".vtt", ".epub", ".json", ".html")


@dataclass(frozen=True)
class Book:
    """One text with its chunks; `keys[i]` is the content key of `plan.chunks[i]`.

    `batches` is what its text and the settings give; a build may read packs of earlier ones instead (`divide_book`).
    """

    name: str
    source: Path
    plan: BookPlan
    keys: tuple[str, ...]
    batches: Batches

    def playlist(self) -> str:
        """Return a digest of the order of playback: keys and pauses."""
        return short_digest([(key, chunk.pause) for key, chunk in zip(self.keys, self.plan.chunks, strict=True)])


def check_name(name: str) -> None:
    """Raise `ManuscriptError` for a name that a book cannot have, because files or folders are named after it."""
    if name.lower() in RESERVED:
        raise ManuscriptError(
            f"A book cannot be called {name!r}, which is a folder of results/: rename its file in inputs/."
        )
    if not re.fullmatch(r"[^-./{}<>\x00-\x1f\x7f][^/{}<>\x00-\x1f\x7f]*", name):
        raise ManuscriptError(
            f"A book cannot be called {name!r}: rename its file in inputs/. A name holds no slash, no brace, no angle "
            "bracket and no control character, and does not begin with a dot or a dash."
        )
    if len(name.encode(errors="replace")) > _LONGEST_NAME:
        raise ManuscriptError(
            f"A book cannot be called {name[:40]!r}...: files are named after it, and its name is longer than"
            f" {_LONGEST_NAME} bytes. Rename its file in inputs/."
        )
    if name.lower().endswith(_PUBLISHED):
        raise ManuscriptError(
            f"A book cannot be called {name!r}: its folder would have the name of a file of the book"
            f" {name.rpartition('.')[0]!r}. Rename its file in inputs/."
        )


def find_text(name: str, project: Project) -> Path:
    """Return inputs/{name} with its suffix. Raises `ManuscriptError` without one, with several, for an invalid name."""
    check_name(name)
    texts = [path for suffix in SUFFIXES if (path := project.inputs / f"{name}{suffix}").exists()]
    if len(texts) == 1:
        return texts[0]
    if texts:
        raise ManuscriptError(f"There are both {texts[0]} and {texts[1]}; keep only the one to read.")
    names = sorted(path.stem for path in project.inputs.glob("*") if path.suffix in SUFFIXES)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f" Did you mean {near[0]}?" if near else f" There are: {', '.join(names) or 'none'}."
    expected = f"{project.inputs / name}{SUFFIXES[0]}"
    raise ManuscriptError(f"There is no {expected}, and none with {', '.join(SUFFIXES[1:])} instead.{hint}")


def require_planned(text: Path, actual: str, planned: str | None) -> None:
    """Hold a digest of a text against that of the text which the build was planned for. Raises `ManuscriptError`."""
    if planned not in (None, actual):
        raise ManuscriptError(f"{text} was edited while the book was built. Run the same command again.")


def read_plan(name: str, project: Project) -> tuple[Path, BookPlan]:
    """Return the text of a book and its plan, from the cache if nothing changed. Raises `ManuscriptError`."""
    source = find_text(name, project)
    return source, plan_book(source, project.text, project.language, project.plans)


def parent_of_credits(name: str) -> str | None:
    """Return the book whose credits `name` are, as in `emma/credits`; None if it names a book."""
    parent, slash, part = name.rpartition("/")
    return parent if slash and part == CREDITS else None


def open_manuscript(name: str, project: Project) -> Manuscript:
    """Read the text of a book, or write that of its credits. Raises `ManuscriptError` and `ConfigError`."""
    parent = parent_of_credits(name)
    if parent is None:
        text = project.config.text
        return read_manuscript(find_text(name, project), text.encoding, text.epub)
    _, plan = read_plan(parent, project)
    tags = book_tags(parent, plan, project)
    return credits_manuscript(tags, project.config.publish.acx, language_code(project.language))


def open_book(name: str, project: Project) -> Book:
    """Read, normalize and chunk a text, from the cache if nothing changed. Raises `ManuscriptError`.

    `name/credits` is a small book, too: the opening and closing credits of the book `name`, spoken by its own voice.
    """
    config = project.config
    parent = parent_of_credits(name)
    if parent is None:
        source, plan = read_plan(name, project)
    else:
        manuscript = open_manuscript(name, project)
        chunks = chunk_manuscript(manuscript, project.text, project.language)
        source, plan = find_text(parent, project), make_plan(manuscript, chunks, sha256_text(manuscript.source))
    keys = tuple(content_key(chunk.text, project.recipe) for chunk in plan.chunks)
    single = config.engine == "cli" and config.synth.fresh_process
    size = 1 if single else config.synth.batch_chunks
    return Book(name, source, plan, keys, make_batches(keys, size, project.acceptance_digest))


def plan_document(book: Book, project: Project) -> dict[str, Any]:
    """Return results/{book}/plan.json, which is small and differs whenever the sound of the book would."""
    return {"playlist": book.playlist(), "recipe": short_digest(project.recipe.as_dict()), "chunks": len(book.keys)}


def chunks_document(book: Book, project: Project) -> dict[str, Any]:
    """Return results/{book}/chunks.json: all that the jobs of a book need."""
    return {
        "book": book.name,
        "title": book.plan.title,
        "source": {"path": str(project.relative(book.source)), "sha256": book.plan.source_sha256},
        "language": project.language,
        "chapters": list(book.plan.chapters),
        "engine": project.config.engine,
        "recipe": project.recipe.as_dict(),
        "synth": project.config.synth.model_dump(mode="json"),
        "qa": project.config.qa.model_dump(mode="json"),
        "chunks": [{"key": key, **asdict(chunk)} for key, chunk in zip(book.keys, book.plan.chunks, strict=True)],
    }


def divide_book(
    book: Book, project: Project, is_spoken: Callable[[str], bool], *, inspect: bool = True
) -> dict[str, tuple[str, ...]]:
    """Return the batches that this build of a book reads, and record them in batches.json, from which jobs take them.

    They are `book.batches`, but for packs of earlier builds that hold the same takes. `is_spoken` answers whether
    receipt and pack of a batch exist, here or in a storage. With `inspect`, each receipt whose pack is missing or
    damaged is deleted first, and its batch noted in repairs.json: the missing receipt makes its job run again; the
    note, an input of the join, makes snakemake request it.
    """
    paths, record = project.of_book(book.name), BatchRecord(project.of_book(book.name).batches)
    acceptance = project.acceptance_digest
    while True:
        division = reuse_packs(book.batches, record.batches, is_spoken, acceptance)
        stale = takes.drop_stale_receipts(paths.receipts, division) if inspect else []
        if not stale:
            break
        repairs = files.read_json(paths.repairs, "the list of repairs") if paths.repairs.exists() else []
        files.write_json(paths.repairs, [*repairs, *stale])
    try:
        record.remember(book.batches, division)
    except OSError as error:
        raise PocketTTSError(f"{paths.batches} cannot be written: {error.strerror}.") from None
    return division


def recorded_division(book: Book, project: Project) -> dict[str, tuple[str, ...]]:
    """Return the batches of a book as the latest build has divided it."""
    return BatchRecord(project.of_book(book.name).batches).division(book.batches)


def drop_damaged_files(book: Book, project: Project) -> list[Path]:
    """Delete the files of a book that were altered after a build wrote them: snakemake makes those again that it needs.

    Quick: a recording that was not touched since its sha256 was recorded is not read. Returns the deleted files.
    """
    paths, model, voice = project.of_book(book.name), project.of_model(), project.voice_state()
    voice_sidecar, bundle = voice.with_suffix(".json"), project.bundle() / MANIFEST
    documents = (paths.manuscript, paths.chunks, paths.timeline, paths.mastering, paths.measurement, paths.provenance)
    shared = (paths.cues, paths.tags, model.lock, model.runtime_sidecar, voice_sidecar, bundle)
    damaged = [path for path in (*documents, *shared) if files.is_damaged(path)]
    pairs = ((paths.joined, paths.timeline), (paths.mastered, paths.mastering), (voice, voice_sidecar))
    damaged += [
        file
        for file, witness in pairs
        if witness not in damaged and _altered((file,), witness, lambda document, _: document.get("sha256"))
    ]
    if paths.tags not in damaged and _altered((paths.cover,), paths.tags, lambda tags, _: tags.get("cover")):
        damaged.append(paths.cover)
    if bundle not in damaged and bundle.exists():
        names = tuple(bundle.with_name(name) for name in files.read_json(bundle).get("files", {}))
        if _altered(names, bundle, lambda document, name: document["files"][name]["sha256"]):
            damaged.append(bundle)
    for path in damaged:
        log.warning("%s was altered after it was written; it is deleted and made again where it is needed.", path)
        path.unlink()
    if bundle in damaged:
        shutil.rmtree(bundle.parent)
        project.bundle_manifest().unlink(missing_ok=True)
    return damaged


def _altered(paths: Sequence[Path], witness: Path, sha256_in: Callable[[dict[str, Any], str], str | None]) -> bool:
    """Whether one of the files differs from its sha256 in the document `witness`, which was written after them.

    Files that are missing are not altered. If all are whole, the witness is renewed, so that they are not read again.
    """
    existing = [path for path in paths if path.exists()] if witness.exists() else []
    touched = [path for path in existing if not files.untouched(path, witness)]
    document = files.read_json(witness) if touched else {}
    if any(files.sha256_file(path) != sha256_in(document, path.name) for path in touched):
        return True
    if touched:
        files.touch_witness(witness)
    return False


def refresh_runtime(model: ModelEntry, project: Project) -> None:
    """Write runtime.yaml again if it differs from what the model's files give: the project moved, or it was altered.

    In place, since deleting it would have snakemake run every job that reads it. Does nothing before the first build.
    """
    paths = project.of_model(model.id)
    if not paths.runtime.exists():
        return
    try:
        downloaded = read_download(model, paths.folder)
    except ModelError as error:
        log.debug("%s is left as it is: %s", paths.runtime, error)
        return
    if paths.runtime.read_bytes() != downloaded_runtime(model, downloaded).encode():
        write_runtime(model, downloaded, paths.runtime)


def voice_source(voice_id: str, model_id: str, project: Project) -> dict[str, str]:
    """Return what pins the source of a voice of a model. Raises `VoiceError` or `ModelError`."""
    return voice_pin(project.find_voice(voice_id), project.find_model(model_id))


def publish(mastered: Path, out: Path, sha256: str) -> None:
    """Give the mastered recording its final name, in one step: a copy that has the sha256 of its maker.

    A copy, since players and taggers write into the published file. Raises `DamagedFile`.
    """
    files.copy_checked(mastered, out, sha256, "The mastered recording")


def download_mb(model: ModelEntry) -> int:
    """Return how much disk the files of a model take, in MB; 1,000 where the manifest gives no sizes."""
    sizes = [file.size for file in (model.weights, model.tokenizer) if isinstance(file, HubFile)]
    declared = [size for size in sizes if size is not None]
    return 50 + sum(declared) // 10**6 if len(declared) == len(sizes) else 1000


CHARACTERS_PER_SECOND = 13
"""About how fast a voice reads, pauses included."""
CHUNK_SECONDS = 6
"""About how long a chunk is."""


def recording_mb(book: Book) -> int:
    """Estimate the size of a book's recording, in MB: 48 KB a second."""
    return 1 + sum(len(chunk.text) for chunk in book.plan.chunks) * 48 // (CHARACTERS_PER_SECOND * 1000)


def batch_minutes(batch_chunks: int) -> int:
    """Estimate how long the largest batch, twice as large as the average, takes at a third of real time, in minutes."""
    return 2 * batch_chunks * CHUNK_SECONDS * 3 // 60


def memory_mb(model: ModelEntry) -> int:
    """Estimate the memory of one engine process, in MB, before anything is downloaded.

    700 MB is Python with torch; the 100 M model measured 1,260 MB in all. A layer has about 12 d² parameters of 4
    bytes, held twice while they are loaded.
    """
    transformer = model_config(model)["flow_lm"]["transformer"]
    parameters: int = 12 * transformer["num_layers"] * transformer["d_model"] ** 2
    return 700 + round(2 * 4 * parameters / 1e6)


def synth_memory_mb(project: Project) -> int:
    """Estimate the memory of one synthesis job, in MB: an engine, and speech recognition where takes are checked."""
    return memory_mb(project.model) + (ear.MEMORY_MB if ear.is_used(project.qa, project.language) else 0)


def job_threads(cores: int, cpus: int, memory: int, each: int) -> int:
    """Return how many of `cores` (snakemake's -j) a synthesis job claims.

    Enough that no more jobs run at once than there are CPUs, nor than fit into `memory` MB with `each` MB a job: so
    -j8 on a small machine neither swaps nor oversubscribes.
    """
    fitting = max(1, memory // each)
    return max(1, cores // max(1, cpus), -(-cores // fitting))
