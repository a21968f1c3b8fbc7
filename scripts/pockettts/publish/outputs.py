"""Every file that is handed out, read back: duration, chapters, tags, and what it holds, against what it should be."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pockettts.audio.decode import AudioFacts, probe
from pockettts.audio.encode import ChapterMark, cut_title
from pockettts.errors import AudioError
from pockettts.files import read_json, sha256_file
from pockettts.publish.cues import CueSheet
from pockettts.publish.material import Material
from pockettts.values import RATE

# AAC comes in blocks of 1,024 samples, the last of which is filled up.
_LENGTH_TOLERANCE = 0.1
_TIME_TOLERANCE = 0.002


def verify_audio(path: Path, material: Material, mark: ChapterMark | None = None) -> None:
    """Compare a recording of the book, or of the chapter `mark`, with what it should hold. Raises `AudioError`."""
    facts, sheet = probe(path), material.sheet
    length = (mark.end - mark.start if mark else sheet.samples) / RATE
    if abs(facts.seconds - length) > _LENGTH_TOLERANCE:
        raise AudioError(f"{path} holds {facts.seconds:.2f} s of audio and should hold {length:.2f} s; build it again.")
    if mark is None:
        _verify_chapters(path, facts, sheet)
    tags = material.tags
    expected = {
        "title": mark.title if mark else tags.title,
        "artist": tags.author,
        "album": tags.title,
        "composer": tags.narrator,
    }
    for name, text in expected.items():
        if text and (value := facts.tags.get(name)) != text:
            raise AudioError(f"{path} has the {name} {value!r} and should have {text!r}; build it again.")
    if tags.comment not in facts.tags.get("comment", ""):
        raise AudioError(f"{path} lacks the comment {tags.comment!r}; build it again.")
    if material.cover and not facts.cover:
        raise AudioError(f"{path} lacks the cover; build it again.")


def _verify_chapters(path: Path, facts: AudioFacts, sheet: CueSheet) -> None:
    if len(facts.chapters) != len(sheet.chapters):
        raise AudioError(f"{path} has {len(facts.chapters)} chapters and should have {len(sheet.chapters)}.")
    for number, ((start, title), mark) in enumerate(zip(facts.chapters, sheet.chapters, strict=True), 1):
        if abs(start - mark.start / RATE) > _TIME_TOLERANCE or title not in (mark.title, cut_title(mark.title)):
            raise AudioError(f"{path}: chapter {number} is {title!r} at {start:.3f} s, not {mark.title!r}.")


def verify_epub(path: Path, sheet: CueSheet) -> None:
    """Look at every member of an EPUB, and count its overlays. Raises `AudioError`."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            names = archive.namelist()
            pars = sum(archive.read(name).count(b"<par ") for name in names if name.endswith(".smil"))
    except (OSError, zipfile.BadZipFile) as error:
        raise AudioError(f"{path} cannot be read back: {error}.") from None
    if damaged or names[:1] != ["mimetype"]:
        raise AudioError(f"{path} is damaged at {damaged or 'its first member'}; build it again.")
    if pars < sum(1 for cue in sheet.cues if cue.text) // 2:
        raise AudioError(f"{path} has {pars} spoken passages, far fewer than the book has chunks ({len(sheet.cues)}).")


def verify_captions(path: Path, sheet: CueSheet) -> None:
    """Count the captions of a file. Raises `AudioError`."""
    count = path.read_text(encoding="utf-8").count(" --> ")
    if count < sum(1 for cue in sheet.cues if cue.text):
        raise AudioError(f"{path} has {count} captions, fewer than the book has chunks ({len(sheet.cues)}).")


def verify_outputs(files: Sequence[Path], material: Material, shelf: Path) -> dict[str, Any]:
    """Read back all files of a book; returns name, size and sha256 of each. Raises `AudioError` for the first fault.

    `shelf` is the folder that shelf.json names files of.
    """
    sheet = material.sheet
    for path in files:
        if path.suffix in (".m4b", ".opus", ".flac"):
            verify_audio(path, material)
        elif path.suffix == ".mp3" and path.parent.name == "mp3":
            verify_audio(path, material, sheet.chapters[int(path.stem) - 1])
        elif path.suffix in (".srt", ".vtt"):
            verify_captions(path, sheet)
        elif path.suffix == ".epub":
            verify_epub(path, sheet)
        elif path.name == "shelf.json":
            _verify_shelf(path, shelf)
        elif path.name.endswith(".acx.json"):
            _verify_acx(path, files)
    return {str(path): {"bytes": path.stat().st_size, "sha256": sha256_file(path)} for path in sorted(files)}


def _verify_shelf(path: Path, shelf: Path) -> None:
    listed = read_json(path, "the shelf of the book")
    for name, digest in listed["files"].items():
        file = shelf / listed["folder"] / name
        if not file.is_file() or sha256_file(file) != digest:
            raise AudioError(f"{file} is missing or was changed; delete {path} and build again.")


def _verify_acx(path: Path, files: Sequence[Path]) -> None:
    """Compare the files of the set for ACX with those that were decoded and measured."""
    measured = read_json(path, "the measurement of the set for ACX")["files"]
    for file in (one for one in files if one.parent.name == "acx"):
        if measured.get(str(file), {}).get("sha256") != sha256_file(file):
            raise AudioError(f"{file} is not the file that was measured; delete {path} and build again.")
