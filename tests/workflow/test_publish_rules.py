"""An EPUB to every format by the real Snakefile: what is made, what is left alone, and what an edit costs."""

from __future__ import annotations

import hashlib
import json
import zipfile

import pytest

from support.documents import make_epub
from support.workflow import BABBLED, Project, make_project

ALL = ["m4b", "mp3", "opus", "flac", "srt", "vtt", "epub", "acx", "shelf"]
PAGES = [
    "<h1>One</h1><p>He walked for <i>twelve</i> miles.<a epub:type='noteref' href='#n'>1</a></p>"
    "<aside epub:type='footnote' id='n'>Not read.</aside>",
    "<h1>Two</h1><p>The road was white.</p>",
]
TOC = [("One", "c0.xhtml"), ("Two", "c1.xhtml")]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = make_project(tmp_path_factory.mktemp("published") / "project")
    (project.root / "inputs/book.txt").unlink()
    (project.root / "inputs/book.epub").write_bytes(make_epub(PAGES, TOC))
    (project.root / "inputs/book.yaml").write_text("author: Ann Author\nyear: 1999\n")
    project.configure(publish={"formats": ALL}, synth=BABBLED)
    project.build("all")
    return project


@pytest.mark.slow
def test_all_formats_are_made_and_listed(published: Project) -> None:
    results = published.root / "results"
    listed = json.loads((results / "book.outputs.json").read_text())["files"]
    suffixes = {name.rpartition(".")[2] for name in listed}
    assert suffixes == {"m4b", "mp3", "m3u8", "opus", "flac", "srt", "vtt", "epub", "json"}
    for name, facts in listed.items():
        data = (published.root / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == facts["sha256"]
    assert (results / "shelf/Ann Author/1999 - A Book {bundled}/A Book.m4b").is_file()
    with zipfile.ZipFile(results / "book.epub") as archive:
        page = archive.read("E/c0.xhtml").decode()
    assert page.count("<span id=") >= 2
    assert "Not read." in page
    levels = json.loads((results / "book.acx.json").read_text())["files"]
    assert {name.rpartition("/")[2].removesuffix(".mp3") for name in levels} == {
        *("opening", "001", "002", "closing", "sample")
    }
    assert all(-23 <= figures["rms_db"] <= -18 and figures["true_peak_dbtp"] <= -3 for figures in levels.values())
    credits = json.loads((results / "book/credits/chunks.json").read_text())["chunks"]
    assert "Ann Author" in credits[0]["text"]
    reading = json.loads((results / "book/reading.json").read_text())
    assert {one["kind"] for one in reading["left_out"]} == {"note mark", "footnote"}
    assert not published.plan("all")


@pytest.mark.slow
def test_a_new_author_makes_tags_and_files_again_and_speaks_the_credits(published: Project) -> None:
    (published.root / "inputs/book.yaml").write_text("author: Bea Author\nyear: 1999\n")
    counts = published.plan("all")
    assert {"write_tags", "encode_book", "encode_chapter", "write_shelf", "verify_outputs"} <= set(counts)
    assert [counts[rule] for rule in ("plan_book", "join_takes", "master_book", "write_cues")] == [1, 1, 1, 1]
    output = published.build("all")
    assert "results/book/joined.wav" not in output
    shelf = published.root / "results/shelf"
    assert [path.name for path in shelf.iterdir()] == ["Bea Author"]


def test_a_book_that_is_built_gets_an_m4b_and_captions(built: Project) -> None:
    output = built.build("results/book.m4b", "results/book.vtt")
    assert "rule synth" not in output
    results = built.root / "results"
    assert (results / "book.m4b").read_bytes()[4:12] == b"ftypM4B "
    assert "Mr. Holmes had walked twelve miles before" in (results / "book.vtt").read_text()


def test_a_format_is_a_target_without_a_setting(project: Project) -> None:
    counts = project.plan("results/book.m4b")
    assert counts["encode_book"] == 1
    assert "verify_outputs" not in counts
    assert "encode_book" not in project.plan("all")


def test_the_set_for_acx_has_its_credits_spoken(project: Project) -> None:
    counts = project.plan("results/book.acx.json")
    assert counts["encode_acx"] == 3 + 2
    assert [counts[rule] for rule in ("plan_book", "join_takes", "master_book", "write_cues")] == [2, 2, 2, 2]
    assert "publish" not in counts


def test_a_wrong_file_of_metadata_is_a_sentence(project: Project) -> None:
    (project.root / "inputs/book.yaml").write_text("titel: x\n")
    assert "Did you mean title?" in project.fails("results/book/tags.json")


def test_a_damaged_epub_is_a_sentence(project: Project) -> None:
    (project.root / "inputs/book.txt").unlink()
    (project.root / "inputs/book.epub").write_bytes(make_epub(PAGES)[:300])
    output = project.fails("-n")
    assert "inputs/book.epub is damaged" in output
