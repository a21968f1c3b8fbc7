"""A folder as servers of audiobooks want it: Author/Series/Title, with cover, description and metadata.json.

The layout is Audiobookshelf's; Plex and Jellyfin read it, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pockettts.errors import AudioError
from pockettts.files import copy_checked, read_json, sha256_file, write_bytes, write_text
from pockettts.publish.cues import CueSheet
from pockettts.publish.material import Material
from pockettts.publish.tags import BookTags
from pockettts.values import RATE

_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\:?"<>|*]+')
_LONGEST = 100


def clean_name(name: str) -> str:
    """Return a name that every file system takes: without signs that one forbids, up to 100 bytes."""
    cleaned = " ".join(_FORBIDDEN.sub(" ", name).split()).strip(". ")
    return cleaned.encode()[:_LONGEST].decode(errors="ignore").rstrip(". ") or "Unknown"


def shelf_folder(tags: BookTags) -> Path:
    """Return the folder of a book on the shelf: Author/Series/Vol 1 - 1994 - Title {Narrator}."""
    volume = f"Vol {tags.series_part} - " if tags.series and tags.series_part else ""
    year = f"{tags.year} - " if tags.year else ""
    narrator = f" {{{clean_name(tags.narrator)[:40].rstrip()}}}" if tags.narrator else ""
    title = clean_name(f"{volume}{year}{tags.title}")
    series = [clean_name(tags.series)] if tags.series else []
    return Path(clean_name(tags.author or "Unknown"), *series, title + narrator)


def write_shelf(
    shelf: Path,
    book: str,
    others: Sequence[Path],
    material: Material,
    audio: Path,
    sha256: str,
    previous: Path,
) -> dict[str, Any]:
    """Put a book on the shelf; returns what rule write_shelf writes: its folder and its files with their sha256.

    `audio` is copied, since programs write tags into what lies on a shelf. `others` are the same of other books,
    `previous` that of an earlier run, whose files are removed. Raises `AudioError` where a different book has the same
    author and title, and `DamagedFile` where `audio` does not have the sha256.
    """
    tags, cover = material.tags, material.cover
    folder = shelf_folder(tags)
    for other in others:
        if other != previous and read_json(other, "the shelf of a book").get("folder") == str(folder):
            raise AudioError(
                f"Two books would lie in {shelf / folder}, {book} and the one of {other}: give one of them a different "
                f"title, author or year, in inputs/{book}.yaml."
            )
    if previous.is_file():
        _remove(shelf, read_json(previous, "the shelf of the book"))
    target = shelf / folder
    target.mkdir(parents=True, exist_ok=True)
    name = f"{clean_name(tags.title)}.m4b"
    copy_checked(audio, target / name, sha256, "The file", published=True)
    write_text(
        target / "metadata.json", json.dumps(_metadata(tags, material.sheet), indent=1, ensure_ascii=False) + "\n"
    )
    names = [name, "metadata.json"]
    texts = {"desc.txt": tags.description, "reader.txt": tags.narrator}
    for text_name, text in texts.items():
        if text:
            write_text(target / text_name, text + "\n")
            names.append(text_name)
    if cover:
        cover_name = f"cover.{'png' if cover.media_type == 'image/png' else 'jpg'}"
        write_bytes(target / cover_name, cover.data)
        names.append(cover_name)
    return {"folder": str(folder), "files": {one: sha256_file(target / one) for one in sorted(names)}}


def _metadata(tags: BookTags, sheet: CueSheet) -> dict[str, Any]:
    """Return metadata.json as Audiobookshelf reads it."""
    return {
        "title": tags.title,
        "authors": list(tags.authors),
        "narrators": [tags.narrator] if tags.narrator else [],
        "series": [tags.in_series] if tags.series else [],
        "genres": [tags.genre],
        "publishedYear": tags.year or None,
        "publisher": tags.publisher or None,
        "description": tags.description or None,
        "isbn": tags.isbn or None,
        "language": tags.language or None,
        "chapters": [
            {"id": number, "start": mark.start / RATE, "end": mark.end / RATE, "title": mark.title}
            for number, mark in enumerate(sheet.chapters)
        ],
    }


def _remove(shelf: Path, listed: Mapping[str, Any]) -> None:
    folder = shelf / listed["folder"]
    for name in listed["files"]:
        (folder / name).unlink(missing_ok=True)
    while folder != shelf and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
