"""Chunks: what they say is what the engine says, where they are cut, what an edit changes, and their pauses."""

import difflib
import io
import itertools
import random
import re
import string
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pytest
import sentencepiece
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pocket_tts.models.text_chunking import prepare_text_prompt, split_into_best_sentences

from pockettts.config import TextConfig
from pockettts.errors import DictionaryError, ManuscriptError
from pockettts.text.chunks import Chunk, chunk_manuscript, estimated_tokens
from pockettts.text.manuscript import parse_manuscript
from pockettts.text.speakable import speakable

SAMPLE = """CHAPTER I. Down the Rabbit-Hole

“Why?” she asked. ‘Well!’ thought Alice to herself, ‘after such a fall as this--I shall think nothing of
tumbling down stairs!’ (Which was very likely true.) Wait... what?! "He said 'hi'," -- and then: nothing; no one.

Mr. Holmes paid $3.50 (or £20?) at 5 p.m. in the U.S. on 4 July 1862... See example.com/a.b?c — it's 50% off!

'Tis the boys' dog; 'No,' he said. The naïve café-owner's fiancée sang «la, la» in “1865.” [pause: 2] Then?

Down, down, down. Would the fall never come to an end! I wonder how many miles I've fallen by this time? she said aloud,
and must be getting somewhere near the centre of the earth, which was, let me see, four thousand miles down, I think,
for, you see, Alice had learnt several things of this sort in her lessons in the schoolroom, and though this was
not a very
good opportunity for showing off her knowledge, as there was no one to listen to her, still it was good practice to
say it over.
"""
ALPHABET = "abcdefgh XYZ  .,;:!?…\"'’‘“”()[]—–-*_/&%@#0123456789éßñ\n"


@lru_cache(maxsize=4)
def tokenizer(vocabulary: int, byte_fallback: bool) -> Callable[[str], torch.Tensor]:
    """A real SentencePiece model as upstream wraps it, trained on the spot."""
    model = io.BytesIO()
    every = " ".join(sorted({*string.ascii_letters, *ALPHABET, *ALPHABET.upper()} - {" ", "\n"}))
    lines = [*SAMPLE.splitlines(), every, every, ". ! ... ? , ; :", "Yes... No?! Oh."]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        vocab_size=vocabulary,
        character_coverage=1.0,
        byte_fallback=byte_fallback,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())

    class Tokenizer:
        def __call__(self, text: str) -> torch.Tensor:
            return torch.tensor(processor.encode(text, out_type=int))[None, :]

        def decode(self, tokens: list[int]) -> str:
            return str(processor.decode(tokens))

    return Tokenizer()


FRENCH = dict.fromkeys('"“”„«»()[]', "") | {"’": "'", "‘": "'", ":": ",", "–": ","}
SMALL = {"–": ",", "—": ",", "’": "'", "‘": "'"}


def said_by_upstream(
    text: str, replace: dict[str, str] | None = None, semicolons: bool = False, vocabulary: int = 300
) -> str:
    for byte_fallback in (False, True):
        pieces = split_into_best_sentences(
            tokenizer(vocabulary + 260 * byte_fallback, byte_fallback),
            text,
            10**6,
            False,
            semicolons,
            True,
            True,
            replace,
        )
        said = " ".join(pieces)
        if said != text:
            return said
    return text


def chunks_of(text: str, name: str = "book.txt", language: str = "en", **config: object) -> tuple[Chunk, ...]:
    return chunk_manuscript(parse_manuscript(text, name), TextConfig.model_validate(config), language)


def texts(chunks: tuple[Chunk, ...]) -> list[str]:
    return [chunk.text for chunk in chunks]


# --- speakable: the fixed point --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("“Why?” she asked.", "Why? she asked."),
        ("Wait... what?!", "Wait... what?!"),
        ("Wait. . . what", "Wait... what."),
        ("…and then", "And then."),
        ("I think--", "I think."),
        ("home--the house", "Home, the house."),
        ("home – the — house", "Home, the, house."),
        ("as well (as she could), and", "As well, as she could, and."),
        ("the word(s) here", "The words here."),
        ("‘Well!’ thought he", "Well! thought he."),
        ("'Tis the boys' dog, goin' home, don't", "'Tis the boys' dog, goin' home, don't."),
        ("etc., and", "Etc. and."),
        ("What?!?! No!!!", "What?! No!"),
        ("wait,,, what", "Wait, what."),
        ("pi is 3.14,or 5", "Pi is 3.14, or 5."),
        ("good-bye - pre- and post-war", "Good-bye, pre and post-war."),
        ("boys'", "Boys'."),
        ("one\n two\t three", "One two three."),
        ("a* b_c <d> ~ `e`", "A b c d e."),
        ("I ❤️ you 👩‍👩‍👧", "I you."),
        ("naïve ﬁancée", "Naïve fiancée."),
        ("これ。", "これ."),
        ("🎉🎉", ""),
        ("...", ""),
        ("", ""),
    ],
)
def test_speakable_form(text: str, wanted: str) -> None:
    assert speakable(text) == wanted


@pytest.mark.parametrize(
    ("language", "wanted"), [("fr", "Un, deux, trois."), ("de", "Un: deux, trois."), ("en", "Un: deux; trois.")]
)
def test_marks_that_a_language_was_not_trained_on_become_commas(language: str, wanted: str) -> None:
    assert speakable("un: deux; trois", language) == wanted


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=ALPHABET, max_size=60))
def test_the_engine_says_speakable_text_to_the_letter(text: str) -> None:
    said = speakable(text)
    assert speakable(said) == said
    if said:
        assert said_by_upstream(said) == said
        assert said_by_upstream(said, SMALL) == said
        assert prepare_text_prompt(said, False, False)[0] == said
        french = speakable(text, "fr")
        assert said_by_upstream(french, FRENCH, semicolons=True) == french


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=40))
def test_speakable_is_stable_for_any_unicode(text: str) -> None:
    said = speakable(text)
    assert speakable(said) == said
    if said:
        assert prepare_text_prompt(said, False, False, replace_characters=SMALL)[0] == said
        assert any(character.isalnum() for character in said)


@pytest.mark.parametrize("limit", [30, 180, 2000])
def test_every_chunk_is_said_to_the_letter(limit: int) -> None:
    chunks = chunks_of(SAMPLE, max_chars=limit)
    for text in texts(chunks):
        assert said_by_upstream(text) == text
        assert said_by_upstream(text, SMALL) == text
        assert len(text) <= limit


# --- packing ---------------------------------------------------------------------------------------------------------


def test_whole_sentences_are_packed_and_paragraphs_kept_apart() -> None:
    chunks = chunks_of("One sentence stands here. Another stands here.\n\nA new paragraph begins here.")
    assert texts(chunks) == ["One sentence stands here. Another stands here.", "A new paragraph begins here."]


def test_without_a_shortest_chunk_every_sentence_stands_alone() -> None:
    chunks = chunks_of("One sentence stands here. No. Another stands here.", min_chars=0)
    assert texts(chunks) == ["One sentence stands here.", "No.", "Another stands here."]


@pytest.mark.parametrize("before", ["Yes.", ""])
@pytest.mark.parametrize("after", ["No.", ""])
@pytest.mark.parametrize("length", [10, 16, 17])
def test_a_short_sentence_is_spoken_with_its_neighbour(before: str, after: str, length: int) -> None:
    long = ("word " * length).strip().capitalize() + ", and so on it went."
    chunks = chunks_of(f"{before} {long} {after}", max_chars=90, min_chars=25)
    assert all(25 <= len(text) <= 90 for text in texts(chunks))
    assert re.findall(r"\w+", " ".join(texts(chunks)).lower()) == re.findall(r"\w+", f"{before} {long} {after}".lower())


def test_a_short_paragraph_stays_alone() -> None:
    assert texts(chunks_of("Yes.\n\nNo.\n\nPerhaps it is so after all.")) == [
        "Yes.",
        "No.",
        "Perhaps it is so after all.",
    ]


def test_a_long_sentence_is_cut_at_clause_borders_into_balanced_pieces() -> None:
    sentence = (
        "When the first bell rang, all of them rose; but the second bell, which was late, found nobody there at all."
    )
    chunks = chunks_of(sentence, max_chars=70)
    assert texts(chunks) == [
        "When the first bell rang, all of them rose.",
        "But the second bell, which was late, found nobody there at all.",
    ]
    assert [chunk.border for chunk in chunks] == ["clause", "end"]


@pytest.mark.parametrize(
    "sentence",
    [
        "She took the bread, the wine, the salt and the cup that stood there | because she had nothing else to give.",
        "He spoke of a garden, the house of which she had dreamed, | and he wept, for nobody was left to hear him now.",
        "Er blieb in dem alten Haus am Fluss und wartete dort lange, | weil niemand ihm den Weg gezeigt hatte.",
    ],
)  # fmt: skip
def test_a_cut_falls_where_a_clause_ends(sentence: str) -> None:
    language = "de" if sentence.startswith("Er ") else "en"
    manuscript = parse_manuscript(sentence.replace("| ", ""), "book.txt")
    cut = chunk_manuscript(manuscript, TextConfig(max_chars=90), language)
    assert [chunk.text.rstrip(".").lower() for chunk in cut] == [
        piece.strip(" ,.").lower() for piece in sentence.split("|")
    ]
    assert [chunk.text.endswith("...") for chunk in cut] == [True, False]


def test_only_a_semicolon_or_colon_is_followed_by_a_full_stop_that_the_text_does_not_have() -> None:
    head, tail = "The boats lay in a row along the quay and nobody had slept", "there was no wind that night, nor rain"
    ends = {mark: texts(chunks_of(f"{head}{mark} {tail}.", max_chars=70))[0][-7:] for mark in (";", ":", ",", ", for")}
    assert ends == {";": " slept.", ":": " slept.", ",": "lept...", ", for": "lept..."}


def test_a_dash_is_a_better_border_than_a_comma() -> None:
    text = "He had the rope, the lamp, the oars and the net--he said so later--but the boat, the old one, was gone."
    assert texts(chunks_of(text, max_chars=70))[0] == "He had the rope, the lamp, the oars and the net..."


def test_a_cut_inside_packed_sentences_is_no_cut_inside_a_sentence() -> None:
    text = "Oh, no. " + "He went down to the quay with the rope, and she stayed, and it rained, and no boat came in"
    borders = [(chunk.text, chunk.border) for chunk in chunks_of(f"{text}.", max_chars=60, min_chars=5)]
    assert borders[0] == ("Oh, no.", "sentence")


def test_a_piece_of_a_sentence_keeps_the_apostrophes_of_its_language() -> None:
    sentence = (
        "Zij liepen langs 't water naar 't huis, en zagen daar 't licht, dat in 't donker scheen, en 't was laat."
    )
    manuscript = parse_manuscript(sentence, "book.txt")
    cut = chunk_manuscript(manuscript, TextConfig(max_chars=60), "nl")
    assert len(cut) > 1
    assert " ".join(chunk.text for chunk in cut).count("'t") == 5


def test_the_limit_is_one_of_tokens_too() -> None:
    sentence = "Antediluvian extraordinarinesses characteristically notwithstanding, unquestionably. "
    chunks = chunks_of(sentence * 12, max_chars=400)
    assert all(estimated_tokens(chunk.text) <= 55 for chunk in chunks)
    assert estimated_tokens("She was there and so was he.") == pytest.approx(9, abs=2)


def test_short_paragraphs_are_spoken_with_the_next_where_the_model_garbles_them() -> None:
    manuscript = parse_manuscript(
        "Oui.\n\nElle est partie hier soir.\n\nNon ?\n\nSi.\n\nIl pleut depuis midi.\n\nOui.", "a.txt"
    )
    chunks = chunk_manuscript(manuscript, TextConfig(), "fr")
    assert texts(chunks) == ["Oui. Elle est partie hier soir.", "Non? Si. Il pleut depuis midi.", "Oui."]
    assert [chunk.border for chunk in chunks] == ["paragraph", "paragraph", "end"]
    assert len(chunk_manuscript(manuscript, TextConfig(), "en")) == 6


def test_without_punctuation_words_stay_whole() -> None:
    words = [f"word{'abcdefghij'[i % 10]}" for i in range(200)]
    pieces = texts(chunks_of(" ".join(words), max_chars=60))
    assert [word.lower().strip(".") for piece in pieces for word in piece.split()] == words
    assert max(map(len, pieces)) <= 60
    assert min(map(len, pieces)) > 30


def test_a_word_of_a_million_letters_is_cut_hard_and_fast() -> None:
    chunks = chunks_of("a" * 1_000_000)
    assert sum(chunk.text.lower().count("a") for chunk in chunks) == 1_000_000
    assert max(len(chunk.text) for chunk in chunks) <= 180


@pytest.mark.parametrize(
    "unit",
    ["word ", "One more. ", "1234567 ", "a.b", "(x", "“", "I. ", "-", "—", "½", "1/", "9" * 30 + " ", "é", "x@y."],
)
def test_a_line_of_fifty_thousand_characters_takes_no_time_to_speak_of(unit: str) -> None:
    text = "Begin " + unit * (50_000 // len(unit))
    start = time.process_time()
    assert max(len(chunk.text) for chunk in chunks_of(text)) <= 180
    # A second and a half for the slowest; what grows with the square of the length took twenty.
    assert time.process_time() - start < 8


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(alphabet="abcdeé  ,.;!?'\"-", min_size=1, max_size=150), min_size=1, max_size=6),
    st.integers(20, 120),
    st.integers(0, 60),
)
def test_limits_order_and_coverage_hold_for_any_text(paragraphs: list[str], longest: int, shortest: int) -> None:
    source = "Start here.\n\n" + "\n\n".join(paragraphs)
    chunks = chunks_of(source, "book.md", max_chars=longest, min_chars=shortest)
    assert all(len(chunk.text) <= longest for chunk in chunks)
    assert all(first.end <= second.start for first, second in itertools.pairwise(chunks))
    assert all(0 <= chunk.start < chunk.end <= len(source) for chunk in chunks)


def test_chunks_of_one_long_number_share_its_span_without_overlap() -> None:
    source = "It is 987654321987654321 now."
    chunks = chunks_of(source, max_chars=40)
    assert len(chunks) > 2
    assert all(first.end <= second.start for first, second in itertools.pairwise(chunks))
    assert source[chunks[0].start : chunks[0].end].endswith("987654321987654321")
    assert (chunks[0].start, chunks[-1].end) == (0, len(source))


def letters(text: str) -> str:
    return "".join(re.findall(r"[a-zé]", text.lower()))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet="abcé ,.;!?-'", min_size=1, max_size=100), min_size=1, max_size=5))
def test_chunks_cover_every_word_of_the_source_and_say_it(paragraphs: list[str]) -> None:
    source = "Word first.\n\n" + "\n\n".join(f"Word {text}" for text in paragraphs)
    chunks = chunks_of(source, max_chars=60, normalize={"symbols": False})
    covered = "".join(source[chunk.start : chunk.end] for chunk in chunks)
    assert letters(covered) == letters(source)
    assert letters("".join(texts(chunks))) == letters(source)


def test_a_chunk_names_what_it_speaks_in_the_source() -> None:
    source = "\ufeff\r\nMr. Holmes paid\r\n$3.50.\r\n\r\nThen “he” left for good, at 5 p.m. today.\r\n"
    chunks = chunks_of(source)
    assert [source[chunk.start : chunk.end] for chunk in chunks] == [
        "Mr. Holmes paid\r\n$3.50.",
        "Then “he” left for good, at 5 p.m. today.",
    ]


# --- locality --------------------------------------------------------------------------------------------------------


WORDS = ["the", "old", "sea", "wind", "came", "over", "hills", "and", "no", "one", "saw", "it", "pass"]


def novel(seed: int, paragraphs: int, sentences: int) -> list[list[str]]:
    generator = random.Random(seed)
    return [
        [
            " ".join(generator.choices(WORDS, k=generator.randint(4, 16)))
            .capitalize() + "."
            for _ in range(generator.randint(1, sentences))
        ]
        for _ in range(paragraphs)
    ]  # fmt: skip


def laid_out(paragraphs: list[list[str]]) -> str:
    return "\n\n".join(" ".join(sentences) for sentences in paragraphs)


def changed(before: tuple[Chunk, ...], after: tuple[Chunk, ...]) -> int:
    matcher = difflib.SequenceMatcher(None, texts(before), texts(after), autojunk=False)
    return sum(max(j2 - j1, i2 - i1) for tag, i1, i2, j1, j2 in matcher.get_opcodes() if tag != "equal")


def test_an_edit_changes_only_chunks_of_its_own_paragraph() -> None:
    paragraphs = novel(1, 30, 6)
    before = chunks_of(laid_out(paragraphs))
    paragraphs[10][0] = "Something else entirely."
    after = chunks_of(laid_out(paragraphs))
    own = len(chunks_of(" ".join(paragraphs[10])))
    assert 1 <= changed(before, after) <= own + 1


def test_an_edit_at_the_start_of_a_long_paragraph_leaves_its_end_alone() -> None:
    counts = []
    for seed in range(40):
        paragraphs = novel(seed, 1, 1)
        paragraphs[0] = [sentence for part in novel(seed, 60, 3) for sentence in part]
        before = chunks_of(laid_out(paragraphs))
        assert len(before) > 20
        paragraphs[0][0] = "A new and quite different beginning was made here, and it is long."
        counts.append(changed(before, chunks_of(laid_out(paragraphs))))
    assert sum(counts) / len(counts) < 4
    assert max(counts) < 16


def test_an_inserted_paragraph_changes_no_other_chunk() -> None:
    paragraphs = novel(3, 20, 5)
    before = texts(chunks_of(laid_out(paragraphs)))
    after = texts(chunks_of("A new one.\n\n" + laid_out(paragraphs)))
    assert after == ["A new one.", *before]


# --- pauses ----------------------------------------------------------------------------------------------------------


def test_pauses_follow_the_border() -> None:
    text = (
        "# One\n\nA first sentence that is long enough. "
        + "And more words. " * 14
        + "\n\nNext.\n\n* * *\n\nAfter.\n\n# Two\n\nEnd of it."
    )
    pauses = {"clause": 0.1, "sentence": 0.2, "paragraph": 0.3, "heading": 0.4, "chapter": 0.5}
    chunks = chunks_of(text, "book.md", pauses=pauses)
    found = [(chunk.border, chunk.pause, chunk.chapter) for chunk in chunks]
    assert found == [
        ("heading", 0.4, 0),
        ("sentence", 0.2, 0),
        ("paragraph", 0.3, 0),
        ("heading", 0.4, 0),
        ("chapter", 0.5, 0),
        ("heading", 0.4, 1),
        ("end", 0.0, 1),
    ]


@pytest.mark.parametrize(
    ("mark", "seconds"),
    [
        ("[pause: 1.5]", 1.5), ("[pause:1.5]", 1.5), ("[pause 500ms]", 0.5), ("[PAUSE 2s]", 2.0), ("[pause: .5]", 0.5),
        ("[pause: 0]", 0.0), ("[pause 3 seconds]", 3.0), ("[pause: 1] [pause: 2]", 3.0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["book.txt", "book.md"])
def test_a_pause_mark_cuts_and_sets_exactly_that_pause(mark: str, seconds: float, name: str) -> None:
    chunks = chunks_of(f"Wait here {mark} and go on.", name)
    assert texts(chunks) == ["Wait here.", "And go on."]
    assert (chunks[0].border, chunks[0].pause) == ("mark", seconds)


def test_a_pause_mark_at_the_end_of_a_paragraph_or_alone_replaces_its_pause() -> None:
    for text in (
        "One word. [pause: 4]\n\nTwo words.",
        "One word.\n\n[pause: 4]\n\nTwo words.",
        "One word.\n\n[pause: 4] Two words.",
    ):
        chunks = chunks_of(text)
        assert [(chunk.text, chunk.pause) for chunk in chunks] == [("One word.", 4.0), ("Two words.", 0.0)]


def test_a_pause_mark_after_the_last_word_is_kept() -> None:
    assert [(c.border, c.pause) for c in chunks_of("One word. [pause: 4]")] == [("end", 4.0)]


@pytest.mark.parametrize(
    "mark", ["[pause]", "[pause: long 1]", "[pause: -1]", "[pause: 100]", "[pause: 1,5]", "[pause:]", "[pause 1"]
)
def test_a_malformed_pause_mark_is_an_error_that_names_its_line(mark: str) -> None:
    with pytest.raises(ManuscriptError, match=r"book\.txt, line 3: \[pause"):
        chunks_of(f"One.\n\nTwo {mark}\n\nThree.")


def test_a_pause_mark_before_the_first_word_is_an_error() -> None:
    with pytest.raises(ManuscriptError, match="line 1: a pause mark stands before the first word"):
        chunks_of("[pause: 1] Hello.")


def test_brackets_that_only_begin_like_a_mark_are_spoken() -> None:
    assert texts(chunks_of("He waits [pause for effect] and bows.")) == ["He waits, pause for effect, and bows."]


def test_a_book_of_marks_only_is_an_error() -> None:
    with pytest.raises(ManuscriptError, match="nothing to speak"):
        chunks_of("&")


# --- dictionary ------------------------------------------------------------------------------------------------------


def with_words(tmp_path: Path, toml: str, text: str) -> str:
    file = tmp_path / "words.toml"
    file.write_text(toml, encoding="utf-8")
    return " ".join(texts(chunks_of(text, dictionary=file)))


@pytest.mark.parametrize(
    ("toml", "text", "wanted"),
    [
        ('ipsum = "ip sum"', "Ipsum, IPSUM and lipsum.", "Ip sum, ip sum and lipsum."),
        ('Polish = "pole ish"', "Polish and polish.", "Pole ish and polish."),
        ('polish = { say = "x y", case = "exact" }', "Not Polish, polish.", "Not Polish, x y."),
        ('Polish = { say = "x y", case = "any" }', "Not Polish, polish.", "Not x y, x y."),
        ('"Dr." = "Drive"', "Dr. Faust came.", "Drive Faust came."),
        ('"1984" = "nineteen hundred eighty four"', "In 1984 it was.", "In nineteen hundred eighty four it was."),
        ('"kilometres" = "clicks"', "It is 5 km away.", "It is five clicks away."),
        ('"New York" = "Gotham"', "In New\nYork today.", "In Gotham today."),
        ('New = "x"\n"New York" = "Gotham"', "New York is New.", "Gotham is x."),
        ('"don\'t" = "do not"', "I don’t know, don't you?", "I do not know, do not you?"),
        ('Cholmondeley = "Chumley"', "Cholmondeley's dog.", "Chumley's dog."),
        ('a = "b"\nb = "c"', "An a and b.", "An b and c."),
        ('"C++" = "sea plus plus"', "In C++, yes.", "In sea plus plus, yes."),
        ('um = ""', "It, um, went on.", "It, went on."),
        ('Rome = "room 12"', "To Rome now.", "To room 12 now."),
        ('Lorem = "lore em"', "Mr. Lorem and St. Lorem.", "Mister lore em and Saint lore em."),
    ],
)
def test_the_dictionary_has_the_last_word(tmp_path: Path, toml: str, text: str, wanted: str) -> None:
    assert with_words(tmp_path, f"[words]\n{toml}\n", text) == wanted


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[words", r"words\.toml is not valid TOML"),
        ("[word]\n", "unknown key word; entries belong"),
        ("[words]\nLorem = 3\n", r"words\.toml: words\.Lorem must be text"),
        ('[words]\nLorem = { says = "x" }\n', r"words\.Lorem: unknown key says"),
        ('[words]\nLorem = { say = "x", case = "upper" }\n', r"words\.Lorem: case is 'upper'"),
        ('[words]\n"--" = "dash"\n', r"words\.--: an entry must hold"),
        ("words = 3\n", "words must be a table"),
    ],
)
def test_a_bad_dictionary_is_named_with_its_key(tmp_path: Path, toml: str, message: str) -> None:
    with pytest.raises(DictionaryError, match=message):
        with_words(tmp_path, toml, "Some text.")


def test_a_missing_or_undecodable_dictionary_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DictionaryError, match="is not there"):
        chunks_of("Some text.", dictionary=tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'[words]\ncaf\xe9 = "x"\n')
    with pytest.raises(DictionaryError, match="is not UTF-8"):
        chunks_of("Some text.", dictionary=tmp_path / "latin.toml")


def test_a_large_dictionary_costs_little(tmp_path: Path) -> None:
    entries = "".join(f'"Word{number}" = "say {number % 7}"\n' for number in range(20_000))
    assert with_words(tmp_path, "[words]\n" + entries, "So Word19999 is. " * 50).count("say 0") == 50
