"""The account of a reading: every letter of the source is spoken or left out, once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pockettts.text.mapped import Mapped
from pockettts.text.reading import LeftOut, account

SOURCE = "Header 1\nIt rained [Illustration] on him.\nEnd."


def span(text: str) -> tuple[int, int]:
    begin = SOURCE.index(text)
    return begin, begin + len(text)


def place(offset: int) -> str:
    return f"line {SOURCE.count(chr(10), 0, offset) + 1}"


def test_what_is_left_out_is_named_with_its_place() -> None:
    spoken = [Mapped.of(SOURCE, *span("It rained ")), Mapped.of(SOURCE, *span("on him."))]
    left_out = [LeftOut("header", *span("Header 1")), LeftOut("illustration", *span("[Illustration]"))]
    reading = account(SOURCE, spoken, left_out, place)
    assert [(one.kind, one.place, one.letters, one.words) for one in reading.omissions] == [
        ("header", "line 1", 7, "Header 1"),
        ("illustration", "line 2", 12, "Illustration"),
        ("unexplained", "line 3", 3, "End"),
    ]
    assert (reading.letters, reading.spoken) == (35, 13)
    assert reading.summary()[0] == 'left out: header, line 1, 7 letters: "Header 1"'


def test_a_letter_that_is_spoken_is_not_left_out() -> None:
    whole = Mapped.of(SOURCE)
    assert account(SOURCE, [whole], [LeftOut("header", *span("Header 1"))], place).omissions == ()


def test_a_replaced_span_is_spoken_whole_and_an_inserted_letter_is_none() -> None:
    import re

    said = Mapped.of("on 1865 we").sub(re.compile(r"\d+"), "eighteen")
    reading = account("on 1865 we", [Mapped.concat([said, Mapped.inserted("x", 3)])], [], lambda offset: "")
    assert reading.omissions == ()
    assert account("ab", [Mapped.inserted("x", 0)], [], lambda offset: "").spoken == 0


@pytest.mark.parametrize("empty", ["", " \n", "* * *"])
def test_a_source_without_letters(empty: str) -> None:
    reading = account(empty, [], [LeftOut("header", 0, len(empty))], lambda offset: "")
    assert (reading.letters, reading.spoken, reading.omissions) == (0, 0, ())


@given(
    st.text("ab1. \n", min_size=1, max_size=60),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.booleans()), max_size=6),
)
def test_source_is_spoken_and_left_out(source: str, spans: list[tuple[int, int, bool]]) -> None:
    spoken = [Mapped.of(source, min(a, len(source)), min(b, len(source))) for a, b, said in spans if said and a < b]
    left_out = [LeftOut("footnote", a, b) for a, b, said in spans if not said and a < b]
    reading = account(source, spoken, left_out, lambda offset: str(offset))
    assert reading.letters == sum(map(str.isalnum, source))
    assert reading.letters == reading.spoken + sum(one.letters for one in reading.omissions)
    assert all(one.words[0].isalnum() and source[one.start].isalnum() for one in reading.omissions)


def test_a_pause_mark_and_a_passage_without_a_sound_are_no_loss() -> None:
    source = "One. [pause: 2] Two. 【三】"
    paragraph = Mapped.of(source)
    reading = account(source, [paragraph], [], lambda offset: "", [(0, 4), (16, 20)])
    assert [(one.kind, one.words) for one in reading.omissions] == [("pause mark", "pause: 2"), ("no sound", "三")]
