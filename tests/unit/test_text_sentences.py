"""Sentence borders: the cases that text-to-speech users complain of, and properties of the spans."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pockettts.text.sentences import sentence_spans

CASES = [
    ("Mr. Holmes sat down. Dr. Watson rose.", ["Mr. Holmes sat down.", "Dr. Watson rose."]),
    ("Pi is 3.14 or so. It is.", ["Pi is 3.14 or so.", "It is."]),
    ("We met at 5 p.m. in the hall. He left.", ["We met at 5 p.m. in the hall.", "He left."]),
    ("We met at 5 p.m. He left.", ["We met at 5 p.m.", "He left."]),
    ("Wait... what?! You did?", ["Wait... what?!", "You did?"]),
    ("He lives in the U.S. and works. She does not.", ["He lives in the U.S. and works.", "She does not."]),
    ("He lives in the U.S. She does not.", ["He lives in the U.S.", "She does not."]),
    ('"Why?" she asked. "Because."', ['"Why?" she asked.', '"Because."']),
    ('"Why?" Alice asked. "Because."', ['"Why?" Alice asked.', '"Because."']),
    ("“Do you?” She asked it. “Yes.”", ["“Do you?”", "She asked it.", "“Yes.”"]),
    ("“Stop!” cried the King. “Go on.”", ["“Stop!” cried the King.", "“Go on.”"]),
    (
        "‘Well!’ thought Alice, ‘after such a fall.’ She rose.",
        ["‘Well!’ thought Alice, ‘after such a fall.’", "She rose."],
    ),
    ('He said, "I know. I was there." Then he went.', ['He said, "I know.', 'I was there."', "Then he went."]),
    ("He went (it was late). Then he slept.", ["He went (it was late).", "Then he slept."]),
    ("1. Eggs and milk. Bread.", ["1. Eggs and milk.", "Bread."]),
    ("J. R. R. Tolkien wrote it. I read it.", ["J. R. R. Tolkien wrote it.", "I read it."]),
    ("See example.com/a.b for more. Then go.", ["See example.com/a.b for more.", "Then go."]),
    ("It cost £3.50. Then more.", ["It cost £3.50.", "Then more."]),
    ("Oh dear! oh dear! I shall be late!", ["Oh dear! oh dear!", "I shall be late!"]),
    ("I think... perhaps not. Well... Perhaps so.", ["I think... perhaps not.", "Well...", "Perhaps so."]),
    ("So said I. He agreed.", ["So said I.", "He agreed."]),
    ("No. 5 is alive. No. It is dead.", ["No. 5 is alive.", "No.", "It is dead."]),
    ("St. Paul's stood. We saw St. James and left.", ["St. Paul's stood.", "We saw St. James and left."]),
    ("And then—nothing. The end.", ["And then—nothing.", "The end."]),
    ("They sold etc. and so on. Fine.", ["They sold etc. and so on.", "Fine."]),
    ("これは本です。次の文。", ["これは本です。", "次の文。"]),
    ("no capital, no stop", ["no capital, no stop"]),
    ("", []),
    ("  \t ", []),
]


@pytest.mark.parametrize(("text", "wanted"), CASES)
def test_sentences_are_cut_where_a_reader_would(text: str, wanted: list[str]) -> None:
    assert [text[start:end] for start, end in sentence_spans(text)] == wanted


@given(st.text(alphabet="aA bI.!?…\"'”)。 1", max_size=80))
def test_spans_are_in_order_and_leave_out_only_white_space(text: str) -> None:
    spans = sentence_spans(text)
    assert spans == sorted(spans)
    kept = [text[start:end] for start, end in spans]
    assert "".join("".join(kept).split()) == "".join(text.split())
    assert all(piece == piece.strip() and piece for piece in kept)
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))
