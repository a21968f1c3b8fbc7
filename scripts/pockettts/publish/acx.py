"""The set of files that ACX takes, and shops with the same rules: chapters, credits, a sample, and their levels.

MP3 at 192 kbit/s (constant) and 44.1 kHz, mono; silence before and after; RMS -23 to -18 dB, peaks up to -3 dB, noise
up to -60 dB, measured on the decoded MP3: coding changes peaks. Requirements: help.acx.com, "ACX audio submission
requirements".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from pockettts.audio.decode import decoded_blocks, probe
from pockettts.audio.encode import Encoding, Excerpt, Picture, encode
from pockettts.audio.measure import ACX_PEAK_DB, ACX_RMS_DB, FileLevels, measure_levels
from pockettts.errors import AudioError
from pockettts.files import sha256_file
from pockettts.publish.cues import Cue, CueSheet
from pockettts.publish.sections import CLOSING, OPENING, SAMPLE, count_parts
from pockettts.publish.tags import BookTags, id3_tags
from pockettts.values import RATE

_RATE = 44_100
_ENCODING = Encoding("mp3", 192_000, _RATE)
_HEAD, _TAIL = 0.6, 2.0
_HEAD_LIMITS, _TAIL_LIMITS = (0.5, 1.0), (1.0, 5.0)
_LONGEST_FILE = 120 * 60.0
_SAMPLE_LIMITS = (60.0, 300.0)
_COVER_PIXELS = 2_400
# Where a level is wrong, the new one is this far inside of the limit.
_ROOM_DB = 0.5
# What is further outside than this is no matter of taste, but something else than speech.
_MOST_DB = 15.0
_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class AcxSection:
    """A file of the set: its name, its title, and its first and last sample in its recording."""

    name: str
    title: str
    start: int
    end: int


def sections(sheet: CueSheet) -> list[AcxSection]:
    """Return the files of the chapters, each from its first word to its last, and the sample."""
    parts = count_parts((cue.chapter, cue.source_start, cue.source_end) for cue in sheet.cues)
    chapters: list[AcxSection] = []
    for number, mark in enumerate(sheet.chapters):
        cues = [cue for cue in sheet.cues if cue.chapter == number]
        for part, group in enumerate(_divide(cues, parts[number]), 1):
            title = f"{mark.title} ({part})" if parts[number] > 1 else mark.title
            chapters.append(AcxSection(f"{len(chapters) + 1:03}", title, group[0].start, group[-1].end))
    return [*chapters, _sample(sheet)]


def _divide(cues: Sequence[Cue], count: int) -> list[Sequence[Cue]]:
    """Divide the cues of a chapter into parts of about the same time, where paragraphs begin if there are any."""
    starts = [at for at, (before, cue) in enumerate(pairwise(cues), 1) if cue.paragraph != before.paragraph]
    borders = [0]
    for part in range(1, count):
        time = cues[0].start + (cues[-1].end - cues[0].start) * part // count
        choices = [at for at in starts if at > borders[-1]] or list(range(borders[-1] + 1, len(cues)))
        if choices:
            borders.append(min(choices, key=lambda at: abs(cues[at].start - time)))
    return [cues[begin:end] for begin, end in pairwise([*borders, len(cues)])]


def _sample(sheet: CueSheet) -> AcxSection:
    """Return the sample: from the first words that are no heading, up to five minutes, to the end of a paragraph."""
    headings = [paragraph.kind == "heading" for paragraph in sheet.paragraphs]
    first = next((at for at, cue in enumerate(sheet.cues) if not headings[cue.paragraph]), 0)
    start, longest = sheet.cues[first].start, round((_SAMPLE_LIMITS[1] - _HEAD - _TAIL - 1) * RATE)
    fitting = [at for at in range(first, len(sheet.cues)) if sheet.cues[at].end - start <= longest] or [first]
    ends = [
        at
        for at in fitting
        if (at + 1 == len(sheet.cues) or sheet.cues[at + 1].paragraph != sheet.cues[at].paragraph)
        and sheet.cues[at].end - start >= _SAMPLE_LIMITS[0] * RATE
    ]
    end = min(sheet.cues[ends[-1] if ends else fitting[-1]].end, start + longest)
    return AcxSection(SAMPLE, "Sample", start, end)


def encode_acx(name: str, audio: Path, out: Path, sheet: CueSheet, tags: BookTags) -> list[str]:
    """Encode the file `name` of a set from its recording and the cues of that; returns what was changed, as sentences.

    `audio` and `sheet` are those of the credits for the files of credits. A level that the decoded MP3 has wrong is
    mended, by gain or by a limiter. Raises `AudioError` where that fails, or where a file would be too long.
    """
    section, track = _section(name, sheet)
    excerpt = Excerpt(audio, section.start, section.end, round(_HEAD * RATE), round(_TAIL * RATE))
    frames = id3_tags(tags, section.title, *track)
    changes: list[str] = []
    for _ in range(_ATTEMPTS):
        encode(excerpt, out, _ENCODING, frames)
        levels = measure_levels(decoded_blocks(out), _RATE)
        mended = _mended(excerpt, levels)
        if mended is None:
            break
        excerpt, change = mended
        changes.append(f"{out}: {change}")
    faults = level_faults(levels, name)
    if faults:
        out.unlink()
        raise AudioError(f"{out} does not meet ACX's requirements: {'; '.join(faults)}.")
    return changes


def _section(name: str, sheet: CueSheet) -> tuple[AcxSection, tuple[int, int]]:
    """Return a section, and its number among all files with their count; the sample has none."""
    if name in (OPENING, CLOSING):
        number = (OPENING, CLOSING).index(name)
        cues = [cue for cue in sheet.cues if cue.chapter == number]
        if not cues:
            raise AudioError(f"The {name} credits have no words; publish.acx.{name} sets them.")
        return AcxSection(name, sheet.chapters[number].title, cues[0].start, cues[-1].end), (0, 0)
    chosen = sections(sheet)
    section = next((one for one in chosen if one.name == name), None)
    if section is None:
        raise AudioError(f"The set for ACX has {len(chosen) - 1} chapters, and none called {name}.")
    return section, (0, 0) if name == SAMPLE else (int(name), len(chosen) - 1)


def _mended(excerpt: Excerpt, levels: FileLevels) -> tuple[Excerpt, str] | None:
    """Return the excerpt with other levels, and a sentence on them; None where nothing is to be mended."""
    low, high = ACX_RMS_DB
    rms, peak = levels.rms_db, levels.true_peak_dbtp
    if low - _MOST_DB <= rms <= high + _MOST_DB and not low <= rms <= high:
        rise = (low + _ROOM_DB - rms) if rms < low else (high - _ROOM_DB - rms)
        ceiling = ACX_PEAK_DB - _ROOM_DB if peak + rise > ACX_PEAK_DB - _ROOM_DB else excerpt.ceiling_dbtp
        change = f"its RMS level was {rms:.1f} dB after encoding, so it is made {abs(rise):.1f} dB "
        change += "louder" if rise > 0 else "quieter"
        return replace(excerpt, gain_db=excerpt.gain_db + rise, ceiling_dbtp=ceiling), change
    if peak > ACX_PEAK_DB:
        above = peak if excerpt.ceiling_dbtp is None else excerpt.ceiling_dbtp
        ceiling = min(above, ACX_PEAK_DB) - (peak - ACX_PEAK_DB) - 0.1
        return replace(excerpt, ceiling_dbtp=ceiling), (
            f"its peak was {peak:.2f} dB after encoding, so it is limited to {ceiling:.2f} dB before"
        )
    return None


def level_faults(levels: FileLevels, name: str) -> list[str]:
    """Return what a decoded file has wrong, as parts of a sentence. `name` is that of its section."""
    faults = [
        f"{check.name} {check.value:.1f} dB, required: {check.limit}" for check in levels.acx() if not check.passed
    ]
    limits = {
        "silence before": (levels.head_seconds, _HEAD_LIMITS),
        "silence after": (levels.tail_seconds, _TAIL_LIMITS),
    }
    for what, (seconds, (low, high)) in limits.items():
        if not low <= seconds <= high:
            faults.append(f"{what} {seconds:.2f} s, required: {low:g} to {high:g} s")
    longest = _SAMPLE_LIMITS[1] if name == SAMPLE else _LONGEST_FILE
    if levels.seconds > longest:
        faults.append(f"length {levels.seconds / 60:.1f} min, allowed: {longest / 60:.0f} min")
    return faults


def measure_acx(files: Sequence[Path], cover: Picture | None) -> dict[str, Any]:
    """Decode and measure all files of a set; returns the figures of each, with its sha256, and notes for its user.

    Raises `AudioError`, naming the file, for the first that does not meet the requirements.
    """
    measured = {}
    for path in files:
        facts = probe(path)
        levels = measure_levels(decoded_blocks(path), facts.rate)
        faults = level_faults(levels, path.stem)
        if (facts.rate, facts.channels) != (_RATE, 1):
            faults.append(f"{facts.rate} Hz with {facts.channels} channels, required: {_RATE} Hz mono")
        if faults:
            raise AudioError(
                f"{path} does not meet ACX's requirements: {'; '.join(faults)}; delete it and build again."
            )
        figures = {key: round(value, 3) if value > float("-inf") else None for key, value in asdict(levels).items()}
        measured[str(path)] = {"title": facts.tags.get("title", ""), **figures, "sha256": sha256_file(path)}
    counts = Counter(path.stem for path in files)
    missing = [name for name in (OPENING, CLOSING, SAMPLE) if not counts[name]]
    if missing:
        raise AudioError(f"The set for ACX lacks {', '.join(missing)}; build it again.")
    return {"files": measured, "notes": _notes(measured, cover)}


def _notes(measured: dict[str, Any], cover: Picture | None) -> list[str]:
    notes = ["ACX takes synthetic voices only by agreement: ask before you upload."]
    sample = next(figures for name, figures in measured.items() if Path(name).stem == SAMPLE)
    if sample["seconds"] < _SAMPLE_LIMITS[0]:
        notes.append(f"The sample lasts {sample['seconds']:.0f} s, and ACX wants one to five minutes.")
    if cover is None:
        notes.append(f"There is no cover, and ACX wants a square of {_COVER_PIXELS:,} pixels or more.")
    elif cover.width != cover.height or cover.width < _COVER_PIXELS:
        notes.append(
            f"The cover has {cover.width} x {cover.height} pixels, and ACX wants a square of {_COVER_PIXELS:,} or more."
        )
    return notes
