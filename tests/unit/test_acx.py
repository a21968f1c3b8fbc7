"""The set for ACX: its files, its credits, and levels that are measured on the decoded MP3, mended or refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pockettts.audio.decode import decoded_blocks, probe
from pockettts.audio.encode import ChapterMark
from pockettts.audio.measure import FileLevels, measure_levels
from pockettts.audio.wav import write_wav
from pockettts.config import AcxConfig
from pockettts.errors import AudioError, ConfigError
from pockettts.publish.acx import encode_acx, level_faults, measure_acx, sections
from pockettts.publish.credits import credits_manuscript
from pockettts.publish.cues import Cue, CueSheet, ShownParagraph
from pockettts.publish.sections import section_names
from pockettts.publish.tags import BookTags
from pockettts.values import RATE

TAGS = BookTags("The Title", ("Ann Author",), "Ned", language="en")
GOOD = FileLevels(60.0, -20.0, -3.5, -70.0, 0.7, 2.0)


def cue_sheet(chapters: Sequence[Sequence[int]], seconds: float, characters: int = 10) -> CueSheet:
    """A book: for each chapter the cues in each of its paragraphs, each cue of so many seconds; a heading is first."""
    cues: list[Cue] = []
    paragraphs: list[ShownParagraph] = []
    marks: list[ChapterMark] = []
    position = RATE
    for number, counts in enumerate(chapters):
        start = position
        for place, count in enumerate(counts):
            first = len(cues)
            for _ in range(count):
                at = len(cues) * characters
                end = position + round(seconds * RATE)
                cues.append(Cue("Text.", position, end, at, at + characters, number, len(paragraphs)))
                position = end + RATE // 4
            kind = "heading" if place == 0 else "paragraph"
            paragraphs.append(ShownParagraph(kind, "Text.", number, first, len(cues)))
        marks.append(ChapterMark(f"Chapter {number + 1}", start, position))
    return CueSheet(position + RATE, tuple(marks), tuple(paragraphs), tuple(cues))


def voice(path: Path, sheet: CueSheet, level_db: float, noise_db: float = -90.0, peak: float = 0.0) -> Path:
    """A recording with noise where a cue is, in syllables of 200 ms, and quieter noise between; `peak`: of a crest."""
    chance = np.random.default_rng(1)
    samples = chance.standard_normal(sheet.samples) * 10 ** (noise_db / 20)
    for cue in sheet.cues:
        count = cue.end - cue.start
        syllables = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(count) / (RATE // 5))
        samples[cue.start : cue.end] += chance.uniform(-1.7, 1.7, count) * syllables * 10 ** (level_db / 20)
        samples[cue.start + count // 2 :][:96] += peak * np.hanning(96)
    write_wav(path, np.round(np.clip(samples, -0.999, 0.999) * 32_767).astype(np.int16))
    return path


# --- which files there are


def test_a_set_has_credits_chapters_and_a_sample() -> None:
    spans = [(0, 0, 100), (0, 100, 200), (2, 200, 300)]
    assert section_names(spans) == ["opening", "001", "002", "closing", "sample"]


def test_a_chapter_that_may_pass_two_hours_is_divided_at_paragraphs() -> None:
    sheet = cue_sheet([[1, 3], [1, 4, 5, 2, 8]], 0.5, characters=9_000)
    spans = [(cue.chapter, cue.source_start, cue.source_end) for cue in sheet.cues]
    names = section_names(spans)
    files_of_set = sections(sheet)
    assert [section.name for section in files_of_set] == [*names[1:-2], "sample"]
    parts = [section for section in files_of_set if section.title.startswith("Chapter 2")]
    assert [part.title for part in parts] == ["Chapter 2 (1)", "Chapter 2 (2)", "Chapter 2 (3)"]
    begins = {sheet.cues[paragraph.first].start for paragraph in sheet.paragraphs}
    assert all(part.start in begins for part in parts)
    covered = [cue for cue in sheet.cues if any(part.start <= cue.start < part.end for part in files_of_set[:-1])]
    assert covered == list(sheet.cues)


@pytest.mark.parametrize(
    ("counts", "seconds", "length"),
    [([1, 20, 20, 20], 6.0, (120.0, 300.0)), ([1, 200], 6.0, (280.0, 300.0)), ([1, 2], 3.0, (5.0, 60.0))],
)
def test_the_sample_begins_with_the_text_and_has_up_to_five_minutes(
    counts: Sequence[int], seconds: float, length: tuple[float, float]
) -> None:
    sheet = cue_sheet([counts], seconds)
    sample = sections(sheet)[-1]
    assert sample.start == sheet.cues[1].start
    assert length[0] <= (sample.end - sample.start) / RATE <= length[1]


# --- levels


def test_a_chapter_is_encoded_as_acx_requires(tmp_path: Path) -> None:
    sheet = cue_sheet([[1, 4]], 1.0)
    audio, out = voice(tmp_path / "a.wav", sheet, -13.0), tmp_path / "001.mp3"
    assert encode_acx("001", audio, out, sheet, TAGS) == []
    facts, levels = probe(out), measure_levels(decoded_blocks(out), 44_100)
    assert (facts.rate, facts.channels, facts.tags["title"], facts.tags["track"]) == (44_100, 1, "Chapter 1", "1/1")
    assert level_faults(levels, "001") == []
    assert levels.head_seconds == pytest.approx(0.61, abs=0.05)
    assert levels.tail_seconds == pytest.approx(2.01, abs=0.05)
    data = out.read_bytes()
    frames = re.findall(rb"\xff\xfb(.)", data[data.index(b"\xff\xfb") :], re.S)
    # 0xb in the upper half is 192 kbit/s; 0x0 behind it is 44.1 kHz.
    assert sum(frame[0] & 0xFC == 0xB0 for frame in frames) > 0.95 * len(frames) > 100


@pytest.mark.parametrize(
    ("level_db", "peak", "change"), [(-24.0, 0.0, "louder"), (-6.0, 0.0, "quieter"), (-13.0, 0.75, "limited")]
)
def test_a_wrong_level_is_mended_with_a_sentence(level_db: float, peak: float, change: str, tmp_path: Path) -> None:
    sheet = cue_sheet([[1, 3]], 1.0)
    audio, out = voice(tmp_path / "a.wav", sheet, level_db, peak=peak), tmp_path / "001.mp3"
    changes = encode_acx("001", audio, out, sheet, TAGS)
    assert any(change in sentence for sentence in changes)
    assert level_faults(measure_levels(decoded_blocks(out), 44_100), "001") == []


def test_what_cannot_be_mended_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    sheet = cue_sheet([[1, 4]], 1.0)
    silent = voice(tmp_path / "a.wav", replace(sheet, cues=()), -13.0)
    with pytest.raises(AudioError, match="does not meet ACX's requirements: RMS level"):
        encode_acx("001", silent, tmp_path / "001.mp3", sheet, TAGS)
    assert list(tmp_path.iterdir()) == [silent]


@pytest.mark.parametrize(
    ("levels", "name", "fault"),
    [
        (replace(GOOD, rms_db=-24.0), "001", "RMS level"),
        (replace(GOOD, true_peak_dbtp=-2.9), "001", "Peak"),
        (replace(GOOD, noise_floor_db=-45.0), "001", "Noise floor -45.0 dB, required: at most -60 dB RMS"),
        (replace(GOOD, head_seconds=0.3), "001", "silence before"),
        (replace(GOOD, tail_seconds=5.5), "001", "silence after"),
        (replace(GOOD, seconds=7_300.0), "001", "length"),
        (replace(GOOD, seconds=301.0), "sample", "length"),
        (replace(GOOD, rms_db=float("-inf")), "001", "RMS level"),
    ],
)
def test_what_is_required(levels: FileLevels, name: str, fault: str) -> None:
    assert level_faults(GOOD, name) == []
    assert fault in " ".join(level_faults(levels, name))


def test_a_set_is_measured_whole(tmp_path: Path) -> None:
    sheet, credits_sheet = cue_sheet([[1, 4]], 1.0), cue_sheet([[2], [2]], 1.0)
    book = voice(tmp_path / "book.wav", sheet, -13.0)
    credit = voice(tmp_path / "credits.wav", credits_sheet, -13.0)
    files = []
    for name in ("opening", "001", "closing", "sample"):
        own = name in ("opening", "closing")
        files.append(tmp_path / f"{name}.mp3")
        encode_acx(name, credit if own else book, files[-1], credits_sheet if own else sheet, TAGS)
    document = measure_acx(files, None)
    assert list(document["files"]) == list(map(str, files))
    assert any("sample lasts" in note for note in document["notes"])
    assert any("no cover" in note for note in document["notes"])
    with pytest.raises(AudioError, match="lacks closing"):
        measure_acx([file for file in files if file.stem != "closing"], None)
    with pytest.raises(AudioError, match="none called 009"):
        encode_acx("009", book, tmp_path / "009.mp3", sheet, TAGS)
    files[1].write_bytes(files[1].read_bytes()[:3_000])
    with pytest.raises(AudioError, match=r"001\.mp3 does not meet"):
        measure_acx(files, None)


# --- credits


def spoken(tags: BookTags, language: str = "en", **settings: str) -> list[str]:
    manuscript = credits_manuscript(tags, AcxConfig.model_validate(settings), language)
    for chapter in manuscript.chapters:
        paragraph = chapter.paragraphs[0]
        assert manuscript.source[paragraph.start : paragraph.end] == paragraph.text
    return [chapter.paragraphs[0].text for chapter in manuscript.chapters]


def test_credits_name_title_author_and_narrator() -> None:
    opening, closing = spoken(TAGS)
    assert opening == "The Title. Written by Ann Author. Narrated by Ned."
    assert closing == "This has been The Title. Written by Ann Author. Narrated by Ned. The end."
    assert spoken(replace(TAGS, title="Who?", authors=()))[0] == "Who? Narrated by Ned."
    assert spoken(TAGS, "de")[1].endswith("Gelesen von Ned. Ende.")


def test_credits_have_a_wording_of_the_settings() -> None:
    own = {"opening": "{title}, by {author}. Read by a machine.", "closing": "Goodbye."}
    assert spoken(TAGS, "sv", **own) == ["The Title, by Ann Author. Read by a machine.", "Goodbye."]
    with pytest.raises(ConfigError, match=r"publish\.acx\.opening has the field \{editor\}"):
        spoken(TAGS, opening="{editor}")
    with pytest.raises(ConfigError, match="'sv' need a wording"):
        spoken(TAGS, "sv")
