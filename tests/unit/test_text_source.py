"""EPUB, DOCX, HTML and FictionBook: what is read, in which order, what is left out, and what any bytes end in."""

from __future__ import annotations

import html
import io
import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pockettts.config import EpubConfig, TextConfig
from pockettts.errors import ManuscriptError
from pockettts.text.chapters import Manuscript
from pockettts.text.chunks import chunk_manuscript
from pockettts.text.manuscript import manuscript_from_bytes
from pockettts.text.plan import reading_of
from pockettts.text.reading import Reading, account
from support.documents import docx, make_epub, pack, xhtml
from support.novels import synthetic_novel

DATA = Path(__file__).parent.parent / "data" / "epub"
OWN = {case["name"]: case for case in json.loads((DATA / "own" / "expected.json").read_text(encoding="utf-8"))}
W3C = {
    "cnt-mathml-support": ["x equals (open parentheses) a plus b (close parentheses) to the power of 2"],
    "nav-spine_in-spine": ["Hello"],
    "nav-spine_in-spine-hidden-toc-html": ["Hello"],
    "ocf-package_multiple": ["Test passes if you see this."],
    "ocf-url_parse-leaking-relative": ["This reading system does not support scripting"],
    "ocf-url_relative": ["Test passes if this page opens."],
    "pkg-manifest-unlisted-resource": ["Test fails if a red image is visible."],
    "pkg-spine-duplicate-item-rendering": ["This document occurs three times in the spine."],
    "pkg-spine-nonlinear-activation": ["Test passes if clicking this link"],
    "pkg-spine-order": ["This page must appear first.", "appear second.", "appear third.", "appear last."],
    "pkg-spine-unknown": ["Test passes if the EPUB opens."],
    "pkg-title-order": ["First title in package"],
    "pkg-version-backward": ["Test passes if the EPUB opens."],
    "pss-support": ["if a text appears as a footnote"],
    "pub-foreign_json-spine": ["Test passes if you see this text."],
    "pub-foreign_xml-spine": ["Test passes if you see this text."],
    "pub-xml-external-id": ["Test passes unless a failure statement follows this paragraph."],
    "pub-xml-names": ["reports an error on this page."],
    "pub-xml-non-validating_unclosed": ["This paragraph has an unclosed tag."],
}


def read(data: bytes, name: str = "book.epub", **options: Any) -> Manuscript:
    return manuscript_from_bytes(data, Path(name), "auto", EpubConfig(**options))


def texts(book: Manuscript) -> list[list[str]]:
    return [[paragraph.text for paragraph in chapter.paragraphs] for chapter in book.chapters]


def reading(book: Manuscript) -> Reading:
    paragraphs = [paragraph.mapped for chapter in book.chapters for paragraph in chapter.paragraphs]
    return account(book.source, paragraphs, book.left_out, book.place)


def kinds(book: Manuscript) -> dict[str, list[str]]:
    """What is left out, by kind; and that every letter is accounted for."""
    result = reading(book)
    assert result.letters == result.spoken + sum(omission.letters for omission in result.omissions)
    found: dict[str, list[str]] = {}
    for omission in result.omissions:
        found.setdefault(omission.kind, []).append(omission.words)
    assert "unexplained" not in found
    return found


def page(body: str, **options: Any) -> Manuscript:
    return read(make_epub([body]), **options)


@pytest.mark.parametrize("name", [name for name, case in OWN.items() if case["want"] is not None])
def test_cases_of_other_readers_faults(name: str) -> None:
    data = (DATA / "own" / f"{name}.epub").read_bytes()
    expected = OWN[name]["want"]
    if isinstance(expected, list):
        book = read(data)
        assert texts(book) == expected
        kinds(book)
        return
    with pytest.raises(ManuscriptError, match=r"DRM|unpacks to far more|nothing to speak"):
        read(data)


@pytest.mark.parametrize("name", W3C)
def test_cases_of_the_w3c(name: str) -> None:
    book = read((DATA / "w3c" / f"{name}.epub").read_bytes())
    whole = " ".join(text for chapter in texts(book) for text in chapter)
    places = [whole.find(part) for part in W3C[name]]
    assert -1 not in places
    assert places == sorted(places)
    kinds(book)


def test_no_case_is_forgotten() -> None:
    assert {path.stem for path in (DATA / "w3c").glob("*.epub")} == set(W3C)
    assert {path.stem for path in (DATA / "own").glob("*.epub")} == set(OWN)


@pytest.mark.parametrize(
    ("body", "spoken"),
    [
        ("<p>O<span>nce</span> upon</p>", ["Once upon"]),
        ("<p><img alt='O' src='o.png'/>nce upon</p>", ["Once upon"]),
        ("<p>A cat <img alt='asleep' src='c.png'/>sat.</p>", ["A cat sat."]),
        ("<h1><img alt='Chapter One' src='h.png'/></h1><p>Text.</p>", ["Chapter One", "Text."]),
        ("<h1>One<img alt='ornament' src='h.png'/></h1><p>Text.</p>", ["One", "Text."]),
        ("<h1>Chapter 1<br/>The Beginning</h1><p>Text.</p>", ["Chapter 1. The Beginning", "Text."]),
        ("<p>One<br/>two.<br/><br/>Three.</p>", ["One two.", "Three."]),
        ("<p>10<sup>2</sup> and 4<sup>th</sup></p>", ["102 and 4th"]),
        ("<p>Word.<a href='#n1'><sup>1</sup></a> Next.</p><p>End.</p>", ["Word. Next.", "End."]),
        ("<p>Word [<a href='#n1'>1</a>] next.</p>", ["Word next."]),
        ("<p>See <a href='#c5'>5</a>.</p>", ["See 5."]),
        ("<p>extra<span epub:type='pagebreak'>9</span>ordinary</p>", ["extraordinary"]),
        ("<p>extra<span class='pagenum'>[Pg 9]</span>ordinary</p>", ["extraordinary"]),
        ("<table><tr><th>Name</th><th>Age</th></tr><tr><td>Ann</td><td>9</td></tr></table>", ["Name, Age", "Ann, 9"]),
        ("<table><tr><td><p>One.</p><p>Two.</p></td><td>x</td></tr></table>", ["One.", "Two.", "x"]),
        ("<table><tr><td>Only</td></tr><tr><td>cells.</td></tr></table>", ["Only", "cells."]),
        ("<p>One.</p><p>* * *</p><p>Two.</p>", ["One.", "Two."]),
        ("<p><ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby> sign</p>", ["漢 sign"]),
        ("<p>Caf&eacute; &mdash; so&shy;lid&nbsp;thing&#8203;s</p>", ["Café — solid things"]),
        ("<div>Loose <div>inner</div> tail</div>", ["Loose", "inner", "tail"]),
        ("<p hidden=''>no</p><p style='display: none'>no</p><p>yes</p>", ["yes"]),
        ("<p>Th<!-- c -->ree</p>", ["Three"]),
        ("<pre><code>x = 1</code></pre><p>Text.</p>", ["Text."]),
        ("<p>a<script>evil()</script>b</p>", ["ab"]),
        ("<p>(<a epub:type='noteref' href='#n'>1</a>) So.</p>", ["So."]),
    ],
)
def test_a_page_is_read_as_it_looks(body: str, spoken: list[str]) -> None:
    book = page(body)
    assert [text for chapter in texts(book) for text in chapter] == spoken
    kinds(book)


def test_scene_breaks_are_marked() -> None:
    for mark in ("<hr/>", "<p>* * *</p>", "<p class='b'>⁂</p>"):
        first = page(f"<p>One.</p>{mark}<p>Two.</p>").chapters[0].paragraphs[0]
        assert first.scene_break


def test_what_is_left_out_is_named_with_its_place() -> None:
    book = page(
        "<section epub:type='titlepage'><p>The Title</p></section><p>Text.<a epub:type='noteref' href='#n'>1</a></p>"
        "<aside epub:type='footnote' id='n'>The note.</aside>"
    )
    assert kinds(book) == {"title page": ["The Title"], "note mark": ["1"], "footnote": ["The note"]}
    assert [omission.place for omission in reading(book).omissions] == [
        "E/c0.xhtml",
        "E/c0.xhtml, paragraph 1",
        "E/c0.xhtml, paragraph 1",
    ]


def test_notes_without_a_type_are_found_by_the_marks_that_lead_to_them() -> None:
    pages = [
        "<p>Word.<sup><a href='c1.xhtml#f1' id='r1'>1</a></sup> Next.</p>",
        "<p id='f1'><a href='c0.xhtml#r1'>1</a> The note.</p><p>Text that goes on.</p>",
    ]
    book = read(make_epub(pages))
    assert texts(book) == [["Word. Next."], ["Text that goes on."]]
    assert kinds(book)["footnote"] == ["1 The note"]
    assert read(make_epub(pages), notes="read").chapters[1].paragraphs[0].text == "1 The note."


@pytest.mark.parametrize(
    ("pages", "spoken"),
    [
        (
            [
                "<p>He left<a epub:type='noteref' href='#n'>1</a>, at last.</p>"
                "<aside epub:type='footnote' id='n' hidden=''><p>By <i>night</i>.</p><p>Alone.</p></aside><p>End.</p>"
            ],
            ["He left (By night. Alone.), at last.", "End."],
        ),
        (
            [
                "<p>Word.<sup><a href='c1.xhtml#f1' id='r1'>1</a></sup> Next."
                "<sup><a href='c1.xhtml#f2'>2</a></sup></p>",
                "<h2>Notes</h2><p><a id='f1' href='c0.xhtml#r1'>1</a> The note.</p>"
                "<p id='f2'>[2] Second. <a href='c0.xhtml#r2' role='doc-backlink'>back</a></p>",
            ],
            ["Word. (The note.) Next. ([2] Second.)", "Notes"],
        ),
        # A mark that is met again, one that leads back, and one that leads nowhere stay out.
        (
            [
                "<p id='n'>Before.</p><p>A<a epub:type='noteref' href='#n'>1</a> b"
                "<a epub:type='noteref' href='#x'>2</a> c<a epub:type='noteref' href='#m'>3</a>"
                " d<a epub:type='noteref' href='#m'>3</a>.</p>"
                "<ol><li id='m'>Note <a href='#m'>↩</a></li></ol>"
            ],
            ["Before.", "A b c (Note) d."],
        ),
    ],
)
def test_notes_are_read_inline(pages: list[str], spoken: list[str]) -> None:
    book = read(make_epub(pages), notes="inline")
    assert [text for chapter in texts(book) for text in chapter] == spoken
    assert set(kinds(book)) <= {"note mark", "footnote"}
    chunks = chunk_manuscript(book, TextConfig(), "en")
    result = reading_of(book, chunks)
    assert result.letters == result.spoken + sum(omission.letters for omission in result.omissions)
    assert result.letters == reading(read(make_epub(pages), notes="read")).letters
    assert [chunk.start for chunk in chunks] == sorted(chunk.start for chunk in chunks)


def test_chapters_follow_the_table_of_contents() -> None:
    pages = ["<h1>Part I</h1>", "<h2 id='a'>One</h2><p>A.</p><h2 id='b'>Two</h2><p>B.</p>", "<p>More B.</p>"]
    toc = [("Part I", "c0.xhtml"), ("One", "c1.xhtml#a"), ("Two", "c1.xhtml#b"), ("Gone", "c2.xhtml#nowhere")]
    book = read(make_epub(pages, toc))
    assert [chapter.title for chapter in book.chapters] == ["Part I. One", "Two", "Gone"]
    assert texts(book) == [["Part I", "One", "A."], ["Two", "B."], ["More B."]]
    shallow = read(make_epub(pages, toc[:3]), chapter_depth=1)
    assert texts(shallow) == [["Part I", "One", "A."], ["Two", "B.", "More B."]]


def test_front_matter_and_choices() -> None:
    pages = [
        "<section epub:type='copyright-page'><p>Rights.</p></section>",
        "<p>Preface text.</p>",
        "<p>Chapter text.</p>",
        "<p>apple, 3</p>",
    ]
    toc = [("Copyright", "c0.xhtml"), ("Preface", "c1.xhtml"), ("One", "c2.xhtml"), ("Index", "c3.xhtml")]
    data = make_epub(pages, toc)
    assert texts(read(data)) == [["Preface text."], ["Chapter text."]]
    assert texts(read(data, front_matter=True)) == [["Rights."], ["Preface text."], ["Chapter text."], ["apple, 3"]]
    assert texts(read(data, include=("index",))) == [["Preface text."], ["Chapter text."], ["apple, 3"]]
    assert texts(read(data, exclude=("c1.*",))) == [["Chapter text."]]
    excluded = read(data, exclude=("One",))
    assert texts(excluded) == [["Preface text."]]
    assert kinds(excluded)["excluded chapter"] == ["Chapter text"]
    with pytest.raises(ManuscriptError, match=r"text\.epub\.include"):
        read(data, exclude=("*",))


def test_a_page_of_links_is_a_table_of_contents() -> None:
    links = "".join(f"<p><a href='c{number}.xhtml'>Chapter number {number}</a></p>" for number in (1, 2, 3))
    book = read(make_epub([links, "<p>One.</p>", "<p>Two.</p>", "<p>Three.</p>"]))
    assert texts(book) == [["One."], ["Two."], ["Three."]]
    assert list(kinds(book)) == ["contents"]


def test_pages_that_cannot_be_read_are_noted() -> None:
    data = make_epub(["<p>Text.</p>", "<img src='x.png'/>"])
    members = {
        name: zipfile.ZipFile(io.BytesIO(data)).read(name) for name in zipfile.ZipFile(io.BytesIO(data)).namelist()
    }
    members["E/p.opf"] = members["E/p.opf"].replace(b"</spine>", b'<itemref idref="none"/></spine>')
    document = read(pack(members)).document
    assert document is not None
    assert "\n".join(document.notes).count("no text") == 1
    assert "none is in the reading order, but is missing" in document.notes


def test_metadata() -> None:
    document = read(
        make_epub(
            ["<p>Text.</p>"],
            metadata='<dc:title id="s">Sub</dc:title><meta refines="#s" property="title-type">subtitle</meta>'
            '<dc:title id="t">Main</dc:title><meta refines="#t" property="title-type">main</meta>'
            '<dc:creator id="a">Ann Author</dc:creator><meta refines="#a" property="role">aut</meta>'
            '<dc:creator opf:role="nrt">Ned Narrator</dc:creator>'
            "<dc:identifier>urn:isbn:978-0-306-40615-7</dc:identifier><dc:publisher>House</dc:publisher>"
            "<dc:date>1999-01-02</dc:date><dc:description>&lt;p&gt;About it&lt;/p&gt;</dc:description>"
            '<meta property="belongs-to-collection" id="c">Saga</meta>'
            '<meta refines="#c" property="group-position">2</meta>',
        )
    ).document
    assert document is not None
    found = document.metadata
    assert (found.title, found.authors, found.narrators) == ("Main", ("Ann Author",), ("Ned Narrator",))
    assert (found.isbn, found.publisher, found.date, found.language) == ("9780306406157", "House", "1999-01-02", "en")
    assert (found.description, found.series, found.series_part) == ("About it", "Saga", "2")


def test_places_lead_back_to_the_elements() -> None:
    """The characters of every place are those of its slot: what an overlay in the book's own pages relies on."""
    from lxml import etree

    body = "<h1>A <i>b</i> c</h1><!-- x --><p>One <b>two</b><br/>three &amp; four</p><p>Five<img alt='6' src=''/></p>"
    data = make_epub([body])
    document = read(data).document
    assert document is not None
    root = etree.fromstring(xhtml(body).encode(), etree.XMLParser(remove_comments=True))
    found = list(root.iter("*"))
    ends = [place.offset for place in document.places[1:]] + [len(document.text)]
    for place, end in zip(document.places, ends, strict=True):
        element = found[place.element]
        slot = {"text": element.text, "tail": element.tail}.get(place.slot, element.get(place.slot)) or ""
        assert slot[place.at :].startswith(document.text[place.offset : end].rstrip("\n"))


def test_a_note_of_the_spans_is_exact_in_a_whole_book() -> None:
    """Paragraphs are the source's own characters, in order."""
    book = read((DATA / "own" / "front-matter.epub").read_bytes(), front_matter=True)
    for chapter in book.chapters:
        for paragraph in chapter.paragraphs:
            assert book.source[paragraph.start : paragraph.end].split() == paragraph.text.split()


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("a.epub", b"%PDF-1.7", "a PDF.*Calibre"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1", "old Word document.*save it as .docx"),
        ("a.epub", b"\x00" * 60 + b"BOOKMOBI", "Kindle book.*Calibre"),
        ("a.epub", b"plain text", "not an EPUB"),
        ("a.epub", b"PK\x03\x04 cut off", "damaged"),
        ("a.txt", make_epub(["<p>x</p>"]), "is an EPUB: rename it to a.epub"),
        ("a.md", b"<!DOCTYPE html><p>x", "is an HTML page: rename it to a.html"),
        ("a.epub", pack({"mimetype": "application/vnd.oasis.opendocument.text"}), "OpenDocument text.*LibreOffice"),
        ("a.docx", pack({"x": "y"}), "holds no EPUB or Word document"),
        ("a.fb2", b"<?xml version='1.0'?><x>y</x>", "not a FictionBook"),
        ("a.fb2", b"<?xml version='1.0'?><FictionBook><body><p>a</p></body></FictionBook><p>lost", "not well-formed"),
        ("a.html", b"<html><p> </p></html>", "nothing to speak"),
        ("a.docx", pack({"word/document.xml": "<x/>", "[Content_Types].xml": "<!DOCTYPE x>"}), "document type"),
    ],
)
def test_what_is_not_read_is_refused_with_advice(name: str, data: bytes, sentence: str) -> None:
    with pytest.raises(ManuscriptError, match=sentence):
        read(data, name)


def test_html_has_chapters_by_headings_and_any_encoding() -> None:
    data = "<html><head><title>Tïtle</title><meta name='author' content='Ann'><meta charset=windows-1252></head><body>"
    data += "<h1>Book</h1><h2>One</h2><p>Caf\xe9 <b>bold<i>er</b> x</i></p><h2>Two</h2><p>End"
    book = read(data.encode("cp1252"), "x.html")
    assert (book.title, book.encoding) == ("Tïtle", "cp1252")
    assert [chapter.title for chapter in book.chapters] == ["Book. One", "Two"]
    assert texts(book) == [["Book", "One", "Café bolder x"], ["Two", "End"]]
    assert book.document is not None
    assert book.document.metadata.authors == ("Ann",)


def test_fictionbook() -> None:
    text = """<?xml version="1.0" encoding="windows-1251"?>
    <FictionBook xmlns="http://www.gribuser.ru/xml/fictionbook/2.0" xmlns:l="http://www.w3.org/1999/xlink">
    <description><title-info><author><first-name>Анна</first-name><last-name>К.</last-name></author>
    <book-title>Книга</book-title><lang>ru</lang><sequence name="Серия" number="3"/></title-info></description>
    <body><title><p>Книга</p></title><section><title><p>Глава 1</p><p>Начало</p></title><p>Текст<a l:href="#n1"
    type="note">[1]</a> один.</p><empty-line/><p>Два.</p></section><section><title><p>Глава 2</p></title>
    <poem><stanza><v>Строка один,</v><v>строка два.</v></stanza></poem></section></body>
    <body name="notes"><section id="n1"><p>Примечание.</p></section></body>
    <binary id="c.jpg" content-type="image/jpeg">QUJD</binary></FictionBook>"""
    data = text.encode("cp1251")
    for name, content in (("x.fb2", data), ("x.fb2", pack({"x.fb2": data}))):
        book = read(content, name)
        assert texts(book) == [
            ["Книга", "Глава 1", "Начало", "Текст один.", "Два."],
            ["Глава 2", "Строка один, строка два."],
        ]
        assert [chapter.title for chapter in book.chapters] == ["Книга", "Глава 2"]
        assert kinds(book) == {"note mark": ["1"], "footnote": ["Примечание"]}
        assert book.document is not None
        metadata = book.document.metadata
        assert (metadata.authors, metadata.series, metadata.series_part) == (("Анна К.",), "Серия", "3")


def test_docx_with_footnotes() -> None:
    def paragraph(text: str, style: str = "") -> str:
        properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
        return f"<w:p>{properties}<w:r><w:t xml:space='preserve'>{text}</w:t></w:r>"

    body = paragraph("One", "Heading1") + "</w:p>" + paragraph("Text.")
    body += '<w:r><w:footnoteReference w:id="1"/></w:r><w:r><w:t> More.</w:t></w:r></w:p>'
    body += paragraph("Two", "Heading1") + "</w:p>" + paragraph("End.") + "</w:p>"
    book = read(docx(body, f'<w:footnote w:id="1">{paragraph("The note.")}</w:p></w:footnote>'), "x.docx")
    assert texts(book) == [["One", "Text. More."], ["Two", "End."]]
    assert (book.title, book.encoding) == ("Doc", "docx")
    assert set(kinds(book)) == {"note mark", "footnote"}


LIMIT = 2.0


def hold(data: bytes, name: str) -> None:
    """Reading ends in a manuscript that accounts for all letters, or in one sentence, and soon."""
    begin = time.process_time()
    try:
        book = read(data, name)
    except ManuscriptError as error:
        sentence = str(error)
        assert "\n" not in sentence, sentence
        book = None
    assert time.process_time() - begin < LIMIT
    if book is not None:
        kinds(book)


@given(st.binary(max_size=300), st.sampled_from(["x.epub", "x.docx", "x.html", "x.fb2", "x.txt"]))
@settings(max_examples=200, deadline=None)
def test_any_bytes_end_in_a_sentence(data: bytes, name: str) -> None:
    hold(data, name)


@given(
    st.dictionaries(
        st.sampled_from(["META-INF/container.xml", "mimetype", "E/p.opf", "E/c.xhtml", "word/document.xml", "a.fb2"]),
        st.binary(max_size=200) | st.just(b"application/epub+zip"),
    ),
    st.sampled_from(["x.epub", "x.docx", "x.fb2"]),
)
@settings(max_examples=150, deadline=None)
def test_any_zip_ends_in_a_sentence(members: dict[str, bytes], name: str) -> None:
    hold(pack(members), name)


@pytest.mark.parametrize(
    "text",
    [
        "<FictionBook><body><section><p>One.</p></section><a:/></body></FictionBook>",
        "<FictionBook\x00 a='b'><body><p>One and two.</p></body></FictionBook>",
    ],
)
def test_damaged_names_of_elements_end_in_a_sentence(text: str) -> None:
    hold(text.encode(), "x.fb2")


def fuzz(seed: int, count: int) -> dict[str, Any]:
    """Have a process read mangled documents under limits of time, memory and writing."""
    program = Path(__file__).parent.parent / "support" / "fuzz.py"
    command = [sys.executable, str(program), str(seed), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    ends: dict[str, Any] = json.loads(done.stdout)
    assert ends["read"] + ends["refused"] == count
    return ends


def test_mangled_documents_end_in_a_sentence() -> None:
    ends = fuzz(1, 150)
    assert ends["read"] > 20
    assert ends["refused"] > 20


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 6))
def test_very_many_mangled_documents_end_in_a_sentence(seed: int) -> None:
    fuzz(seed, 5_000)


HOSTILE = {
    "tags that never end": "<a " * 80_000,
    "elements inside elements": "<div>" * 5_000 + "x",
    "white space": " \n" * 120_000 + "x",
    "raised text inside raised text": "<sup>" * 250 + "<b>1</b>" * 30_000 + "</sup>" * 250,
    "links inside links": "<a href='#x'>" * 240 + "<b>1</b>" * 30_000 + "</a>" * 240,
    "tables inside tables": "<table><tr><td>" * 80 + "<b>1</b>" * 30_000 + "</td></tr></table>" * 80,
    "pictures in a heading": "<h1>" + "<img alt='xx'/>" * 15_000 + "</h1>",
    "brackets": "<p>" + "[" * 240_000 + "x</p>",
    "entities": "<p>x" + "&foo;" * 45_000 + "</p>",
    "line ends": "<p>" + "a<br/>" * 40_000 + "</p>",
    "paragraphs of a letter": "<p>a</p>" * 150_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pages_cost_no_time(name: str) -> None:
    hold(make_epub([HOSTILE[name]]), "x.epub")


def test_a_zip_of_very_many_files_is_refused_before_it_is_listed() -> None:
    with pytest.raises(ManuscriptError, match="more than 20,000 files"):
        read(pack({f"f{number}": b"" for number in range(20_001)}))


@pytest.mark.slow
def test_a_bomb_costs_little_memory() -> None:
    program = (
        "import resource, sys; from pathlib import Path; from pockettts.text.manuscript import read_manuscript\n"
        "from pockettts.errors import ManuscriptError\n"
        "try: read_manuscript(Path(sys.argv[1]))\n"
        "except ManuscriptError as error: print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    bomb = DATA / "own" / "zip-bomb.epub"
    lines = subprocess.run([sys.executable, "-c", program, str(bomb)], capture_output=True, text=True, check=True)
    sentence, memory = lines.stdout.splitlines()
    assert "unpacks to far more" in sentence
    assert int(memory) < 200 * 1024


def test_a_million_characters_are_read_in_a_second() -> None:
    """Measured 0.6 s; twice the goal is allowed here, for a machine that does other work."""
    paragraph = "<p>It was a long time before anybody spoke, and when <i>she</i> did, it was of the weather. </p>"
    data = make_epub([f"<h1>{number}</h1>" + paragraph * 110 for number in range(100)], [], "")
    begin = time.process_time()
    book = read(data)
    spent = time.process_time() - begin
    assert len(book.source) > 900_000
    assert spent < 2.0


def test_every_letter_of_a_whole_novel_is_spoken_or_accounted_for() -> None:
    """Down to the chunks: from a text with chapters, notes and page numbers to what is said."""
    chapters = synthetic_novel(20_000).split("\n\n")
    note = "<aside epub:type='footnote' id='n{0}'>Note {0} is long.</aside>"
    pages = [
        f"<h1>Chapter {number}</h1>"
        + "".join(
            f"<p>{html.escape(text)}<a epub:type='noteref' href='#n{at}'>{at}</a></p>{note.format(at)}"
            f"<span epub:type='pagebreak'>{at}</span>"
            for at, text in enumerate(chapters[number * 20 : number * 20 + 20])
        )
        for number in range(len(chapters) // 20)
    ]
    book = read(make_epub(pages))
    result = reading_of(book, chunk_manuscript(book, TextConfig(), "en"))
    assert result.letters == result.spoken + sum(omission.letters for omission in result.omissions)
    assert {omission.kind for omission in result.omissions} == {"note mark", "footnote", "page number"}
    assert result.letters > 70_000


def in_every_format(chapters: list[tuple[str, list[str]]]) -> dict[str, bytes]:
    """The same book as a file of each format."""
    blocks = [(title, [html.escape(text, quote=False) for text in texts]) for title, texts in chapters]
    bodies = [f"<h1>{title}</h1>" + "".join(f"<p>{text}</p>" for text in texts) for title, texts in blocks]
    toc = [(title, f"c{number}.xhtml") for number, (title, _) in enumerate(blocks)]
    sections = "".join(
        f"<section><title><p>{title}</p></title>" + "".join(f"<p>{text}</p>" for text in texts) + "</section>"
        for title, texts in blocks
    )
    word = "".join(
        f'<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>{title}</w:t></w:r></w:p>'
        + "".join(f"<w:p><w:r><w:t xml:space='preserve'>{text}</w:t></w:r></w:p>" for text in texts)
        for title, texts in blocks
    )
    plain = "\n\n".join("\n\n".join([title, *texts]) for title, texts in chapters)
    markdown = "\n\n".join("\n\n".join([f"# {title}", *texts]) for title, texts in chapters)
    return {
        "x.epub": make_epub(bodies, toc),
        "x.html": f"<!DOCTYPE html><html><body>{''.join(bodies)}</body></html>".encode(),
        "x.fb2": f"<?xml version='1.0' encoding='utf-8'?><FictionBook><body>{sections}</body></FictionBook>".encode(),
        "x.docx": docx(word),
        "x.txt": plain.encode(),
        "x.md": markdown.encode(),
    }


def test_a_book_is_the_same_in_every_format_and_nothing_of_it_is_lost() -> None:
    paragraphs = [" ".join(text.split()) for text in synthetic_novel(1_500, seed=3).split("\n\n")]
    texts_of_book = [text for text in paragraphs if not text.startswith("CHAPTER")]
    chapters = [(f"Chapter {name}", texts_of_book[at::3]) for at, name in enumerate(("One", "Two", "Three"))]
    results = {}
    for name, data in in_every_format(chapters).items():
        book = read(data, name)
        chunks = chunk_manuscript(book, TextConfig(), "en")
        result = reading_of(book, chunks)
        assert result.letters == result.spoken + sum(omission.letters for omission in result.omissions)
        results[name] = ([chunk.text for chunk in chunks], [chapter.title for chapter in book.chapters], result.spoken)
    assert results["x.epub"][2] > 4_000
    assert all(result == results["x.epub"] for result in results.values())
