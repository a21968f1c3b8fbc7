"""The plan of a book, kept by content: what the Snakefile asks for every time it is parsed.

A plan in the cache is one file, named by the hash of all that decides it: the book's bytes, the text configuration, the
dictionary's bytes, the language, and the code and libraries that made it. Its first line is the sha256 of the rest.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cache as once
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pockettts.config import TextConfig
from pockettts.files import write_bytes
from pockettts.text.chunks import Chunk, chunk_manuscript
from pockettts.text.dictionary import read_dictionary
from pockettts.text.manuscript import Manuscript, manuscript_from_bytes, read_source
from pockettts.text.reading import Reading, account
from pockettts.text.source import Metadata
from pockettts.values import canonical_json, sha256_text


@dataclass(frozen=True, slots=True)
class BookPlan:
    """What will be spoken: title, chapter titles, chunks; and what the document says of itself.

    `source_sha256` is of the book's file; `digest` is of the plan's own content, the same for any way of making it.
    """

    title: str
    chapters: tuple[str, ...]
    chunks: tuple[Chunk, ...]
    source_sha256: str
    digest: str
    metadata: Metadata = field(default_factory=Metadata)

    def as_json(self) -> dict[str, Any]:
        """The plan as JSON types; chunks are lists of the fields of `Chunk`, in order."""
        return {
            "title": self.title,
            "chapters": list(self.chapters),
            "source_sha256": self.source_sha256,
            "digest": self.digest,
            "metadata": asdict(self.metadata),
            "chunks": [[c.text, c.pause, c.border, c.chapter, c.start, c.end] for c in self.chunks],
        }


def _digest(title: str, chapters: tuple[str, ...], chunks: tuple[Chunk, ...]) -> str:
    rows = [[c.text, c.pause, c.border, c.chapter, c.start, c.end] for c in chunks]
    content = json.dumps([title, list(chapters), rows], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()


@once
def code_digest(folder: Path = Path(__file__).parent) -> str:
    """A digest of the modules under `folder`, sub-packages too, and of the libraries that they use."""
    digest = hashlib.sha256(repr(sys.version_info).encode())
    for library in ("num2words", "markdown-it-py", "charset-normalizer", "lxml", "mammoth"):
        digest.update(f"{library} {version(library)}\n".encode())
    for source in sorted(folder.rglob("*.py")):
        content = source.read_bytes()
        digest.update(f"{source.relative_to(folder).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def make_plan(manuscript: Manuscript, chunks: tuple[Chunk, ...], source_sha256: str) -> BookPlan:
    """Return the plan of a manuscript that is spoken as `chunks`."""
    titles = tuple(chapter.title for chapter in manuscript.chapters)
    metadata = manuscript.document.metadata if manuscript.document else Metadata()
    digest = _digest(manuscript.title, titles, chunks)
    return BookPlan(manuscript.title, titles, chunks, source_sha256, digest, metadata)


def _key(data: bytes, path: Path, config: TextConfig, language: str) -> str:
    dictionary = b"" if config.dictionary is None else read_dictionary(config.dictionary)
    decided = {
        "source": hashlib.sha256(data).hexdigest(),
        "name": path.name,
        "config": config.model_dump(mode="json", exclude={"dictionary"}),
        "dictionary": hashlib.sha256(dictionary).hexdigest(),
        "language": language,
        "code": code_digest(),
    }
    return sha256_text(canonical_json(decided))


def _load(file: Path) -> BookPlan | None:
    try:
        checksum, _, body = file.read_bytes().partition(b"\n")
        if hashlib.sha256(body).hexdigest().encode() != checksum:
            return None
        content = json.loads(body)
        return BookPlan(
            content["title"],
            tuple(content["chapters"]),
            tuple(Chunk(*row) for row in content["chunks"]),
            content["source_sha256"],
            content["digest"],
            Metadata.from_json(content["metadata"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def reading_of(manuscript: Manuscript, chunks: Iterable[Chunk]) -> Reading:
    """The account of a manuscript that is spoken as `chunks`: what is left out of its source, and where."""
    paragraphs = [paragraph.mapped for chapter in manuscript.chapters for paragraph in chapter.paragraphs]
    spans = [(chunk.start, chunk.end) for chunk in chunks]
    notes = tuple(manuscript.document.notes) if manuscript.document else ()
    return account(manuscript.source, paragraphs, manuscript.left_out, manuscript.place, spans, notes)


def plan_book(path: Path, config: TextConfig, language: str, cache: Path | None = None) -> BookPlan:
    """Read, normalize and chunk the book at `path`, or take the plan from the folder `cache`.

    A cache that is damaged or cannot be written is no error: the plan is made again. Raises `ManuscriptError` and
    `DictionaryError`.
    """
    data = read_source(path)
    file = None if cache is None else cache / f"{_key(data, path, config, language)}.json"
    cached = None if file is None else _load(file)
    if cached is not None:
        return cached
    manuscript = manuscript_from_bytes(data, path, config.encoding, config.epub)
    chunks = chunk_manuscript(manuscript, config, language)
    plan = make_plan(manuscript, chunks, hashlib.sha256(data).hexdigest())
    if file is not None:
        body = json.dumps(plan.as_json(), ensure_ascii=False, separators=(",", ":")).encode()
        with contextlib.suppress(OSError):
            write_bytes(file, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
    return plan
