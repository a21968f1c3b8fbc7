"""The structure of texts as users bring them: nothing lost without a word, chapters, contents, apparatus, layout."""

import re
import textwrap
from pathlib import Path

import pytest

from pockettts.config import TextConfig
from pockettts.text.chunks import chunk_manuscript
from pockettts.text.manuscript import Manuscript, manuscript_from_bytes, parse_manuscript
from pockettts.text.plan import reading_of

ONE = "The ferry left the quay at noon with eleven sheep aboard, and the ferryman's daughter counted them twice.\n"
ONE += "Nobody on the far bank had asked for sheep, but the ferryman said that they would be glad of them later.\n"
TWO = "By evening the wind had turned, so that the boat lay under the bridge and the sheep slept on the deck.\n"
TWO += "The girl told them the names of the stars until she had no more, and then she made up some new ones.\n"
THREE = "In the morning a man came down to the water, looked at the boat for a while, and bought all of them.\n"


def flat(text: str) -> str:
    return " ".join(text.split())


def read(text: str, name: str = "book.txt") -> Manuscript:
    return parse_manuscript(text, name)


def spoken(text: str, name: str = "book.txt") -> str:
    return " / ".join(p.text for chapter in read(text, name).chapters for p in chapter.paragraphs)


def left_out(text: str, name: str = "book.txt") -> dict[str, str]:
    """First words of what is left out, by kind."""
    manuscript = read(text, name)
    reading = reading_of(manuscript, chunk_manuscript(manuscript, TextConfig(), "en"))
    assert reading.letters == reading.spoken + sum(one.letters for one in reading.omissions)
    return {omission.kind: omission.words for omission in reversed(reading.omissions)}


# --- nothing lost without a word -------------------------------------------------------------------------------------

HEADER = "The Project Gutenberg eBook of {0}\n\nTitle: {0}\n\n*** START OF THE PROJECT GUTENBERG EBOOK {0} ***\n\n"
FOOTER = "\n*** END OF THE PROJECT GUTENBERG EBOOK {0} ***\n\nSection 1. The license of Project Gutenberg.\n\n"


def test_every_text_of_a_file_is_read() -> None:
    text = "".join(HEADER.format(name) + body + FOOTER.format(name) for name, body in [("A", ONE), ("B", TWO)])
    assert spoken(text) == f"{flat(ONE)} / {flat(TWO)}"
    assert set(left_out(text)) == {"header", "license"}
    assert read(text).title == "A"


def test_a_text_behind_the_mark_that_is_no_license_is_read() -> None:
    text = HEADER.format("A") + ONE + "\nEnd of Project Gutenberg's A\n\n\n" + TWO
    assert spoken(text) == f"{flat(ONE)} / {flat(TWO)}"


@pytest.mark.parametrize(
    "paragraph",
    [
        "I saw the [image of a saint] there.",
        "[Music could be heard from below] He stood up.",
        "[Map of the marsh, drawn by hand] lay on the desk.",
        "[Illustration of character, said she, is what a novel is for.]",
        "Scanned by the guard at the gate, she walked on as if she had nothing to hide from anyone.",
        "Produced by a conjurer, the dove flew off and was not seen again in that town.",
        "Transcribed by hand, the will took nine days and a bottle of ink, and nobody read it.",
        "[1] is the mark of the guild, and it stands on every door.",
        "* is what they called her, for she shone.",
    ],
)
def test_a_first_word_is_no_reason_to_leave_a_paragraph_out(paragraph: str) -> None:
    assert paragraph.split("] ")[-1].removeprefix("* ") in spoken(f"{paragraph}\n\n{ONE}")
    assert not set(left_out(f"{paragraph}\n\n{ONE}")) - {"note mark"}


def test_a_list_below_contents_is_read_if_nothing_of_it_comes_again() -> None:
    text = f"INVENTORY\n\nCONTENTS\n\nOne old hat\n\nTwo pairs of gloves\n\nA brass key\n\n{ONE}\n{TWO}"
    assert "One old hat / Two pairs of gloves / A brass key" in spoken(text)


@pytest.mark.parametrize("numbers", [("1939", "1940", "1941"), ("4", "5", "6"), ("12", "40", "2")])
def test_numbers_between_whole_paragraphs_are_read(numbers: tuple[str, ...]) -> None:
    text = "\n\n".join(f"{number}\n\n{body}" for number, body in zip(numbers, (ONE, TWO, THREE), strict=True))
    assert all(f"{number} / " in f"{spoken(text)} / " for number in numbers)


def test_numbers_that_interrupt_sentences_are_pages() -> None:
    text = "She had nothing to\n\n12\n\nsay to him, nor would she\n\n13\n\ngo. She stayed.\n\n14\n\nHe left."
    assert spoken(text) == "She had nothing to say to him, nor would she go. She stayed. / He left."
    assert set(left_out(text)) == {"page number"}


@pytest.mark.parametrize(
    ("markdown", "paragraphs"),
    [
        ("    She came in from the cold.\n\n    He wrote on.", "She came in from the cold. / He wrote on."),
        ("```\nRoses grow by a wall\nViolets under it\n```", "Roses grow by a wall Violets under it"),
        ("```poem\nA line of verse here\n```", "A line of verse here"),
        ("```python\nprint the line\n```", ""),
        ("```\nx = f(1); y[2] = {}\n```", ""),
        ('<p align="center">The letter said &quot;no&quot;.</p>', 'The letter said "no".'),
        ("<div>First.</div><div>Second.</div>", "First. / Second."),
        ("<script>\nvar gone = 1;\n</script>", ""),
        ("<!-- cut this -->", ""),
        ("<!-- cut this\n\nHe never came back.", "He never came back."),
        ("~~Old~~ words.", "Old words."),
        ("- [x] done\n- [ ] open", "done / open"),
        ("Body {.class} text.{#id}", "Body text."),
        ("To 2<sup>7</sup> by 2<sup>n − 1</sup>.", "To 2⁷ by 2 to the power of n − 1."),
        ("The 1<sup>st</sup> of H<sub>2</sub>O.", "The 1st of H2O."),
        ("A note.<sup>3</sup> One more<sup>12</sup> here.", "A note. One more here."),
    ],
)  # fmt: skip
def test_markdown_speaks_what_is_prose(markdown: str, paragraphs: str) -> None:
    text = (
        f"# One\n\nStart.\n\n{markdown}\n\nEnd." if "cut this\n\n" not in markdown else f"# One\n\nStart.\n\n{markdown}"
    )
    end = "" if "cut this\n\n" in markdown else " / End."
    assert spoken(text, "book.md") == f"One / Start. / {paragraphs}{end}".replace(" /  / ", " / ")
    assert "unexplained" not in left_out(text, "book.md")


def test_contents_of_links_are_left_out_of_markdown() -> None:
    text = f"# Contents\n\n- [One](#one)\n- [Two](#two)\n\n# One\n\n{ONE}\n# Two\n\n{TWO}"
    assert spoken(text, "book.md") == f"One / {flat(ONE)} / Two / {flat(TWO)}"
    assert left_out(text, "book.md")["contents"].startswith("Contents")


def test_markdown_accounts_for_every_letter() -> None:
    text = "---\ntitle: T\n---\n\n# A\n\n![pic](a.png) A [link](http://x.y 'z') and <b>bold</b> `a\nb`[^1].\n\n"
    text += "1. one\n2. two\n\n[^1]: Note.\n[r]: http://q.r\n"
    assert set(left_out(text, "book.md")) == {"front matter", "illustration", "address of a link", "markup", "footnote"}


# --- chapters --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headings", "titles"),
    [
        (["ADVENTURE I. THE QUAY", "ADVENTURE II. THE BRIDGE"], None),
        (["1. The Quay", "2. The Bridge"], None),
        (["One", "Two"], None),
        (["~ 1 ~", "~ 2 ~"], None),
        (["-- I --", "-- II --"], None),
        (["- 1 -", "- 2 -"], None),
        (["Day 1", "Day 2"], None),
        (["Expedition I", "Expedition II"], None),
        (["Erstes Kapitel", "Zweites Kapitel"], None),
        (["Kapitel 1", "Kapitel 2"], None),
        (["Chapitre premier", "Chapitre II"], None),
        (["PREMIÈRE PARTIE", "DEUXIÈME PARTIE"], None),
        (["Capítulo primero", "Capítulo II"], None),
        (["Capitolo primo", "Capitolo secondo"], None),
        (["Capítulo I", "Capítulo II"], None),
        (["Hoofdstuk 1", "Hoofdstuk 2"], None),
        (["Eerste hoofdstuk", "Tweede hoofdstuk"], None),
        (
            ["Capítulo I. Que trata de la condición del famoso\nhidalgo, y de lo que hizo", "Capítulo II. De ello"],
            ["Capítulo I. Que trata de la condición del famoso hidalgo, y de lo que hizo", "Capítulo II. De ello"],
        ),
    ],
)  # fmt: skip
def test_headings_begin_chapters(headings: list[str], titles: list[str] | None) -> None:
    text = "\n\n\n".join(f"{heading}\n\n\n{body}" for heading, body in zip(headings, (ONE, TWO), strict=True))
    assert [chapter.title for chapter in read(text).chapters] == (titles or headings)


def test_numbers_that_go_on_with_a_series_are_chapters_of_it() -> None:
    text = "\n\n".join(
        f"{heading}\n\n{body}"
        for heading, body in [
            ("ADVENTURE I. THE QUAY", f"I.\n\n{ONE}\n\nII.\n\n{TWO}"),
            ("ADVENTURE II. THE BRIDGE", TWO),
            ("III. THE SHEEP", THREE),
            ("IV. THE STARS", ONE),
        ]
    )
    titles = [chapter.title for chapter in read(text).chapters]
    assert titles == ["ADVENTURE I. THE QUAY", "ADVENTURE II. THE BRIDGE", "III. THE SHEEP", "IV. THE STARS"]


@pytest.mark.parametrize(
    "line",
    [
        "Book I, Ch. 5.",
        "Part of it was lost.",
        "Chapter and verse he gave.",
        "Day by day they waited.",
        "Section 3 of the act.",
    ],
)  # fmt: skip
def test_a_line_that_only_begins_like_a_heading_is_prose(line: str) -> None:
    assert len(read(f"{ONE}\n{line}\n\n{TWO}").chapters) == 1


# --- contents and apparatus ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "contents",
    [
        "Contents\n\n1. The Quay\n2. The Bridge\n3. The Sheep",
        "   I. The Quay\n  II. The Bridge\n III. The Sheep",
        "CONTENTS OF VOLUME II.\n\nFIRST PART.\n\n1. At the quay\n2. Under it\n3. Sold",
        "INHALT\n\nThe Quay 3\nThe Bridge 14\nThe Sheep 20",
        "Index.\n\nThe Quay ..... 3\n\nThe Bridge ..... 14\n\nThe Sheep ..... 20",
    ],
)
def test_contents_are_known_by_what_comes_again(contents: str) -> None:
    chapters = [("1. The Quay", ONE), ("2. The Bridge", TWO), ("3. The Sheep", THREE)]
    body = "\n\n\n".join(f"{heading}\n\n{text}" for heading, text in chapters)
    text = f"THE FERRY\n\n\n{contents}\n\n\n{body}"
    assert [chapter.title for chapter in read(text).chapters][-3:] == [heading for heading, _ in chapters]
    said = spoken(text)
    assert (said.count("The Quay"), said.count("The Bridge"), said.count("PART")) == (1, 1, 0)
    assert "contents" in left_out(text)


def test_titles_that_the_contents_name_are_chapters() -> None:
    text = f"Contents\n\nPreface\nThe Quay\nThe Bridge\n\nPreface\n\n{ONE}\nThe Quay\n\n{TWO}\nThe Bridge\n\n{THREE}"
    assert [chapter.title for chapter in read(text).chapters] == ["Preface", "The Quay", "The Bridge"]


@pytest.mark.parametrize(
    ("apparatus", "kind"),
    [
        ("Produced by A. Helper and the Online Distributed\nProofreading Team", "credit"),
        ("This eBook was produced by Les Helper", "credit"),
        ("Note: Project Gutenberg also has an HTML version of this\n      file. See 14-h.htm", "credit"),
        ("[Transcriber's Note: Spelling was kept.]", "transcriber's note"),
        ("Transcriber's Note: Spelling was kept.", "transcriber's note"),
        ("[Illustration: The quay\nat night]", "illustration"),
        ("[Frontispiece]", "illustration"),
        (
            "LIST OF ILLUSTRATIONS\n\n                    FACING PAGE\n"
            "The quay is the last stronghold of a unified and upper class of boats; the last\n"
            "remaining harbor in which there is a widespread and delicate sense of rope, says\n"
            "the man who keeps it                                       _Frontispiece_\n\n"
            "She did not know                                                     12\n\n"
            "Can most travelers enjoy as I do a solitary walk, by night, along\nthe wall                        20",
            "illustration",
        ),
    ],
)
def test_what_stands_before_a_book_is_left_out(apparatus: str, kind: str) -> None:
    text = f"{apparatus}\n\n\nCHAPTER I\n\n{ONE}\n\nCHAPTER II\n\n{TWO}"
    assert spoken(text) == f"CHAPTER I / {flat(ONE)} / CHAPTER II / {flat(TWO)}"
    assert set(left_out(text)) == {kind}


@pytest.mark.parametrize(
    ("apparatus", "kind"),
    [
        ("Transcriber's Notes\n\nPage 12: changed teh to the.\n\nPage 14: removed a comma.", "transcriber's note"),
        ("Typographical errors corrected by the etext transcriber:\n\nteh=> the {pg 12}", "transcriber's note"),
        ("INDEX\n\nBoats, 12, 14\nBridge, 3\nFerry, 1-9\n\nQuay, 2\nSheep, 4, 5\nStars, 6", "index"),
        ("INDEX OF ROPES AND KNOTS\n\nBight, 12, 14\nClove, 3\nHitch, see Clove\n\nReef, 2\nSheet, 4, 5", "index"),
        ("ERRATA\n\nPage 3, line 2, for sheap read sheep.", "errata"),
    ],
)
def test_what_stands_behind_a_book_is_left_out(apparatus: str, kind: str) -> None:
    text = f"CHAPTER I\n\n{ONE}\n\n{THREE}\n\nCHAPTER II\n\n{TWO}\n\n{THREE}\n\n{apparatus}"
    assert spoken(text) == f"CHAPTER I / {flat(ONE)} / {flat(THREE)} / CHAPTER II / {flat(TWO)} / {flat(THREE)}"
    assert set(left_out(text)) == {kind}


def test_a_note_in_the_middle_does_not_take_the_book_with_it() -> None:
    text = f"CHAPTER I\n\n{ONE}\n\nTranscriber's Notes\n\nA line is missing here.\n\n{TWO}\n\nCHAPTER II\n\n{THREE}"
    assert spoken(text) == f"CHAPTER I / {flat(ONE)} / {flat(TWO)} / CHAPTER II / {flat(THREE)}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A man.[1]\n\n[1] He was short.\n\nHe ran.", "A man. / He ran."),
        ("The note[*] is here.\n\n     [*] See page 3.\n\nHe ran.", "The note is here. / He ran."),
        ("A man.*\n\n* He was short.\n\nHe ran.", "A man. / He ran."),
        ("He was tall.12 She was not.3", "He was tall. She was not."),
        ("So he said.²", "So he said."),
        ("See vol.12 and fig.3 there.", "See vol.12 and fig.3 there."),
    ],
)
def test_notes_and_their_marks_are_left_out(text: str, said: str) -> None:
    assert spoken(text) == said


# --- layout ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken",
    [
        ONE.replace("\n", "\r\r\n"),
        "\n\n\n\n".join([textwrap.fill(flat(ONE), 60).replace("\n", "\n\n")] * 5),
        "THE FERRY                 11\n\n" + ONE.replace("said that", "said that\n\n\n12               THE FERRY\n\n"),
        ONE.replace("had asked", "had\n\f\nasked"),
        ONE.replace("had asked", "had\n\n[Pg 3]\n\nasked"),
    ],
)
def test_a_sentence_survives_the_printer(broken: str) -> None:
    assert flat(ONE) in spoken(f"{broken}\n{TWO}")
    assert not re.search(r"1[12]", spoken(broken))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("T\nhe old man slept.", "The old man slept."),
        ("T\nHE OLD man slept.", "THE OLD man slept."),
        ("I\nwent out.", "I went out."),
        ("A\nlice went. Alice came.", "Alice went. Alice came."),
        ("<i>Very</i> good &amp; <b>bold</b>&mdash;yes", "Very good & bold—yes"),
        ("if a < b and c > d", "if a < b and c > d"),
        ("C_{2}H_{5}OH and 5^{th}, x^2", "C₂H₅OH and 5th, x²"),
        ("a one-to-\none mix", "a one-to-one mix"),
        ("a self-\nconscious girl", "a self-conscious girl"),
        ("the news-\npaper lay there, the paper of news", "the newspaper lay there, the paper of news"),
        ("other-\nwise; other, wise", "otherwise; other, wise"),
        ("the gar-\nden", "the garden"),
        ("twenty-\nfour men", "twenty-four men"),
    ],
)
def test_lines_are_joined(text: str, said: str) -> None:
    assert spoken(text) == said


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("It’s — “so”".encode("cp1252"), "It’s — “so”"),
        ("“It’s a café”.\n\n".encode() + b"It was \x93na\xefve\x94.\n", "“It’s a café”. / It was “naïve”."),
        ("Itâ€™s a â€œlineâ€\x9d of cafÃ©s.".encode(), "It’s a “line” of cafés."),
        ("Ã is a letter; so is â.".encode(), "Ã is a letter; so is â."),
    ],
)  # fmt: skip
def test_mixed_and_doubly_encoded_texts_are_mended(data: bytes, said: str) -> None:
    manuscript = manuscript_from_bytes(data, Path("book.txt"))
    assert " / ".join(p.text for chapter in manuscript.chapters for p in chapter.paragraphs) == said
