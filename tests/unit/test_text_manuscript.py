"""Reading: encodings, cleaning, chapters, Markdown, offsets, and one sentence for every input that cannot be read."""

import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pockettts.errors import ManuscriptError
from pockettts.text.manuscript import Manuscript, parse_manuscript, read_manuscript
from pockettts.text.roman import roman_value

PROSE = "It was a dark and stormy night, and the rain fell in torrents upon the roofs of the silent old town. It fell."


def paragraphs(text: str, name: str = "book.txt") -> list[str]:
    return [p.text for chapter in parse_manuscript(text, name).chapters for p in chapter.paragraphs]


def titles(text: str, name: str = "book.txt") -> list[str]:
    return [chapter.title for chapter in parse_manuscript(text, name).chapters]


def read(tmp_path: Path, data: bytes, encoding: str = "auto", name: str = "book.txt") -> Manuscript:
    file = tmp_path / name
    file.write_bytes(data)
    return read_manuscript(file, encoding)


# --- encodings and refusals ------------------------------------------------------------------------------------------

CAFE = "Le café à Noël, “naïve” – 20 €."


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_encodings_are_made_out(tmp_path: Path, codec: str) -> None:
    book = read(tmp_path, (CAFE + "\n\n" + PROSE).encode(codec))
    assert [p.text for p in book.chapters[0].paragraphs] == [CAFE, PROSE]
    assert book.encoding.startswith(codec.removesuffix("-sig")[:6])


@pytest.mark.parametrize("codec", ["cp1251", "koi8_r"])
def test_other_alphabets_are_made_out_or_can_be_declared(tmp_path: Path, codec: str) -> None:
    russian = "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему. " * 20
    assert read(tmp_path, russian.encode(codec), codec).chapters[0].paragraphs[0].text == russian.strip()
    assert read(tmp_path, russian.encode(codec)).chapters[0].paragraphs[0].text == russian.strip()


@pytest.mark.parametrize(
    ("data", "encoding", "message"),
    [
        (b"", "auto", "is empty"),
        (b" \n\t \r\n", "auto", "nothing but white space"),
        (b"\xef\xbb\xbf\n", "auto", "nothing but white space"),
        ("🎉 🎉\n".encode(), "auto", "nothing to speak"),
        (b"--- *** ---\n", "auto", "nothing to speak"),
        (bytes(range(256)) * 20, "auto", "is binary"),
        (b"text\x00\x01\x02\x03 more" * 9, "auto", "is binary"),
        (b"PK\x03\x04....", "auto", "ZIP container"),
        (b"%PDF-1.7 ...", "auto", "a PDF"),
        (b"caf\xe9\nTwo", "utf-8", "is not utf-8: the bytes at offset 3 .line 1."),
        (b"One\ncaf\xe9", "ascii", "line 2"),
        (b"text", "no-such", "'no-such' is no encoding"),
        (b"text", "hex", "not a text encoding"),
        ("Größe äöü ß ".encode() * 30 + b"\xff", "auto", "damaged places"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(
    tmp_path: Path, data: bytes, encoding: str, message: str
) -> None:
    with pytest.raises(ManuscriptError, match=message) as caught:
        read(tmp_path, data, encoding)
    assert "book.txt" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManuscriptError, match="is not there"):
        read_manuscript(tmp_path / "none.txt")
    with pytest.raises(ManuscriptError, match="cannot be read"):
        read_manuscript(tmp_path)


@pytest.mark.parametrize("text", ["Hello", "1865", "é", "I", "[x", "*"])
def test_the_smallest_books(text: str) -> None:
    if text == "*":
        with pytest.raises(ManuscriptError):
            parse_manuscript(text, "book.txt")
    else:
        assert paragraphs(text) == [text]


# --- cleaning plain text ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("One line\nand another\n\nNext.", ["One line and another", "Next."]),
        ("One line\r\nand another\r\n\r\nNext.", ["One line and another", "Next."]),
        ("One line\rand another\r\rNext.", ["One line and another", "Next."]),
        ("soft\u00adhyphen zero\u200bwidth\ufeff", ["softhyphen zerowidth"]),
        ("ﬁne oﬃce ﬂow", ["fine office flow"]),
        ("cafe\u0301", ["café"]),
        ("a\u00a0b   c\td", ["a b c d"]),
        ("an exam-\nple here", ["an example here"]),
        ("the after-\nlecture; after a lecture", ["the after-lecture; after a lecture"]),
        ("some-\nthing, something", ["something, something"]),
        ("twenty-\none, twenty-one", ["twenty-one, twenty-one"]),
        ("He was _very_ tired, _indeed_, he said.", ["He was very tired, indeed, he said."]),
        ("a snake_case word", ["a snake_case word"]),
        ("*bold* and **more** and =Katrine's=", ["bold and more and Katrine's"]),
        ("A note[1] here {2}, there* and[A] so².", ["A note here, there and so."]),
        ("Before [Illustration: a [big] cat] after", ["Before after"]),
        ("Before.\n\n[Illustration:\n\nA cat]\n\nAfter.", ["Before.", "After."]),
        ("Text [Footnote A: not read] on.", ["Text on."]),
        ("He said [sic] so.", ["He said [sic] so."]),
        ("The page went\n\n[Pg 12]\n\non without end.", ["The page went on without end."]),
        ("The page went\n\n12\n\non without end.", ["The page went on without end."]),
        ("It ended.\n\n- 12 -\n\nNext page.", ["It ended.", "Next page."]),
        (
            "  First begins\nand goes on.\n  Second begins\nand ends.",
            ["First begins and goes on. Second begins and ends."],
        ),
        (
            "First begins\nand goes on.\n  Second begins\nand ends.",
            ["First begins and goes on.", "Second begins and ends."],
        ),
    ],
)
def test_plain_text_is_cleaned(text: str, wanted: list[str]) -> None:
    assert paragraphs(text) == wanted


def test_long_lines_are_paragraphs_even_without_blank_lines() -> None:
    assert paragraphs(f"{PROSE * 2}\n“Yes.”\n{PROSE * 2}") == [PROSE * 2, "“Yes.”", PROSE * 2]


def test_project_gutenberg_wrapping_is_removed() -> None:
    text = (
        "The Project Gutenberg eBook of Emma\n\nTitle: Emma Woodhouse\n\nAuthor: X\n\n"
        "*** START OF THE PROJECT GUTENBERG EBOOK EMMA ***\n\nProduced by Someone\n\n"
        f"CHAPTER I\n\n{PROSE}\n\n*** END OF THE PROJECT GUTENBERG EBOOK EMMA ***\n\nLicence text."
    )
    book = parse_manuscript(text, "x.txt")
    assert book.title == "Emma Woodhouse"
    assert [p.text for p in book.chapters[0].paragraphs] == ["CHAPTER I", PROSE]
    assert len(book.chapters) == 1


def test_collected_footnotes_are_not_read() -> None:
    assert paragraphs(f"{PROSE} {{1}}\n\nFOOTNOTES:\n\n{{1}}  A note.\n\n{{2}}  Another.") == [PROSE]


@pytest.mark.parametrize("mark", ["* * *", "***", "---", "      *       *       *", "⁂", "#"])
def test_scene_breaks_are_marked_and_not_read(mark: str) -> None:
    chapter = parse_manuscript(f"One.\n\n{mark}\n\nTwo.", "book.txt").chapters[0]
    assert [(p.text, p.scene_break) for p in chapter.paragraphs] == [("One.", True), ("Two.", False)]


# --- chapters --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headings", "wanted"),
    [
        (["CHAPTER I: DISCUSSION AND BED", "CHAPTER II: A BATH"], None),
        (["CHAPTER I. Down the Rabbit-Hole", "CHAPTER II. The Pool"], None),
        (["Chapter One", "Chapter Two"], None),
        (["Chapter 1: The Start", "Chapter 2: The End"], None),
        (["CHAPTER IV.\nThe Title", "CHAPTER V.\nAnother"], ["CHAPTER IV. The Title", "CHAPTER V. Another"]),
        (["CHAPTER I.\n\nThe Widow", "CHAPTER II.\n\nThe Mint"], ["CHAPTER I. The Widow", "CHAPTER II. The Mint"]),
        (["I", "II", "III"], None),
        (["I.\n\nUNDER THE PINES", "II.\n\nIN THE WOODS"], ["I. UNDER THE PINES", "II. IN THE WOODS"]),
        (["1", "2", "3"], None),
        (["I. The Start", "II. The End"], None),
        (["Prologue", "Epilogue"], None),
        (["PREFACE", "CHAPTER I"], None),
        (["EPOCH THE FIRST.\n\nCHAPTER I.", "CHAPTER II."], ["EPOCH THE FIRST. CHAPTER I.", "CHAPTER II."]),
        (["PART ONE\n\nCHAPTER ONE", "CHAPTER TWO"], ["PART ONE. CHAPTER ONE", "CHAPTER TWO"]),
        (["THE STORM", "THE CALM"], None),
    ],
)
def test_headings_make_chapters(headings: list[str], wanted: list[str] | None) -> None:
    text = "\n\n\n\n".join(f"{heading}\n\n\n{PROSE}" for heading in headings)
    book = parse_manuscript("\n\n" + text, "book.txt")
    assert [chapter.title for chapter in book.chapters] == (wanted or headings)
    for chapter in book.chapters:
        assert chapter.paragraphs[0].kind == "heading"
        assert [p.text for p in chapter.paragraphs if p.kind == "paragraph"] == [PROSE]


@pytest.mark.parametrize(
    "line",
    [
        "Chapter two was finished before he came.",
        "I",
        "I.",
        "part of the way",
        "Part of me went.",
        "A book in three acts.",
        "“CHAPTER”",
        "1922",
        "“HELP!”",
        "He read Chapter IV.",
        "Book 3 was lost, and nobody found it.",
    ],
)
def test_what_is_no_heading_makes_no_chapter(line: str) -> None:
    assert titles(f"{PROSE}\n\n{line}\n\n{PROSE}") == ["book"]


def test_a_numbered_list_is_no_chapter() -> None:
    text = f"{PROSE}\n\nI. Eggs\n\nII. Milk\n\nIII. Bread\n\n{PROSE}"
    assert titles(text) == ["book"]
    assert "II. Milk" in paragraphs(text)


CONTENTS = [
    "CONTENTS\n\nCHAP.          PAGE\n   I. UNDER THE PINES    1\n  II. THE WOODS   15",
    "CONTENTS.\n\nCHAPTER I. The Widow       1\n       II. The Mint and the Master of the\n              Mint    13",
    "Contents\n\nI. Under the Pines\nII. The Woods",
    "TABLE OF CONTENTS\n\nI. Under the Pines .... 1\n\nII. The Woods .... 2",
    "Contents\nChapter I. Under the Pines\nChapter II. The Woods",
    "CONTENTS\n\nCHAPTER I\n\nCHAPTER II",
    "CONTENTS\n\nEPOCH THE FIRST, 1703.\nJONATHAN WILD.\n\nCHAPTER I. The Widow     1\n       II. The Mint     13\n"
    + "      III. The Master of the Mint and all the Others that were there       28\n" * 3
    + "\n\nEPOCH THE SECOND, 1715.\nTHAMES DARRELL.\n\nCHAPTER I. The Apprentice        75",
]


@pytest.mark.parametrize("contents", CONTENTS)
def test_a_table_of_contents_is_neither_chapters_nor_read(contents: str) -> None:
    text = f"THE BOOK\n\n\n{contents}\n\n\n\nCHAPTER I\n\n{PROSE}\n\n\n\nCHAPTER II\n\n{PROSE}\n"
    assert paragraphs(text) == ["THE BOOK", "CHAPTER I", PROSE, "CHAPTER II", PROSE]
    assert titles(text) == ["THE BOOK", "CHAPTER I", "CHAPTER II"]


def test_capitals_are_headings_only_inside_a_book_of_chapters() -> None:
    text = "\n\n\n".join([f"CHAPTER I\n\n{PROSE}", f"THE LETTER\n\n{PROSE}", f"CHAPTER II\n\n{PROSE}\n\nTHE END"])
    book = parse_manuscript(text, "book.txt")
    assert [chapter.title for chapter in book.chapters] == ["CHAPTER I", "CHAPTER II"]
    kinds = [(p.kind, p.text) for chapter in book.chapters for p in chapter.paragraphs if p.text != PROSE]
    assert kinds == [
        ("heading", "CHAPTER I"),
        ("heading", "THE LETTER"),
        ("heading", "CHAPTER II"),
        ("paragraph", "THE END"),
    ]


@pytest.mark.parametrize(
    ("numeral", "value"), [("I", 1), ("IV", 4), ("XIV", 14), ("XL", 40), ("XCIX", 99), ("CXLIX", 149)]
)
def test_roman_numerals(numeral: str, value: int) -> None:
    assert roman_value(numeral) == value


# --- Markdown --------------------------------------------------------------------------------------------------------

MARKDOWN = textwrap.dedent(
    """\
    ---
    title: A Book
    ---

    # Chapter *One*

    A **bold** [link](http://example.com/bold "title") &amp; `code`, \\*star\\* and <b>html</b>.
    Wrapped line[^1].

    ![picture of bold](x.png)

    - first item
    - second item with a [ref][r]

    > quoted text
    > goes on

    ```python
    not spoken
    ```

    <div class="x">
    in a &amp; box
    </div>

    ---

    ### Inner

    | a | b |
    |---|---|
    | c | d |

    [r]: http://example.com
    [^1]: A note that is not spoken.

    # Chapter Two

    End.
    """
)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_markdown_is_read_as_text_with_its_offsets(newline: str) -> None:
    source = MARKDOWN.replace("\n", newline)
    book = parse_manuscript(source, "book.md")
    assert book.title == "A Book"
    assert [chapter.title for chapter in book.chapters] == ["Chapter One", "Chapter Two"]
    found = [(p.kind, p.text, p.scene_break) for p in book.chapters[0].paragraphs]
    assert found == [
        ("heading", "Chapter One", False),
        ("paragraph", "A bold link & code, *star* and html. Wrapped line.", False),
        ("paragraph", "first item", False),
        ("paragraph", "second item with a ref", False),
        ("paragraph", "quoted text goes on", False),
        ("paragraph", "in a & box", True),
        ("heading", "Inner", False),
        ("paragraph", "a, b", False),
        ("paragraph", "c, d", False),
    ]
    for chapter in book.chapters:
        for p in chapter.paragraphs:
            for word in ("One", "bold", "link", "code", "item", "ref", "goes", "box", "Inner", "End"):
                if word in p.text:
                    at = p.text.index(word)
                    start, end = p.mapped[at : at + len(word)].span
                    assert source[start:end] == word


def test_markdown_without_repeated_headings_still_has_chapters() -> None:
    assert titles("# Title\n\nIntro.\n\n## One\n\nA.\n\n## Two\n\nB.", "b.md") == ["Title", "One", "Two"]
    assert titles("Just text.", "b.md") == ["b"]


# --- offsets ---------------------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="abI Á\u00adﬁ\r\n\n\n-_*[]1.# ", max_size=120), st.sampled_from(["b.txt", "b.md"]))
def test_offsets_are_in_order_and_point_at_the_words(text: str, name: str) -> None:
    source = "Start" + text
    previous = 0
    for chapter in parse_manuscript(source, name).chapters:
        for p in chapter.paragraphs:
            assert previous <= p.start < p.end <= len(source)
            assert list(p.mapped.starts) == sorted(p.mapped.starts)
            for character, start, end in zip(p.text, p.mapped.starts, p.mapped.ends, strict=True):
                if character in "abIÁ":
                    assert source[start:end] == character
            previous = p.end


def test_lines_are_numbered_for_messages() -> None:
    book = parse_manuscript("one\r\ntwo\rthree\nfour", "b.txt")
    assert [book.line(offset) for offset in (0, 5, 9, 16)] == [1, 2, 3, 4]
