import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pockettts.engines import pieces
from pockettts.engines.pieces import Splitter, piece_seed, split_tokens
from pockettts.errors import ModelError, UsageError
from support import ROOT
from support.babble import runtime_config, upstream_tokenizer, write_runtime


def by_words(text: str) -> int:
    return len(text.split())


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("one two three", 3, ["one two three"]),
        ("a b c. d e f.", 4, ["a b c.", "d e f."]),
        ('He said "a b." And c d e f.', 5, ['He said "a b."', "And c d e f."]),
        ("a b c, d e f", 4, ["a b c,", "d e f"]),
        ("a b, c d. e f, g h", 6, ["a b, c d.", "e f, g h"]),
        ("a. b c d e f g h, i j k l m n", 8, ["a. b c d e f g h,", "i j k l m n"]),
        ("a b c d e f", 3, ["a b c", "d e f"]),
        ("a b c d e f g h i", 3, ["a b c", "d e f", "g h i"]),
        ("a 3.14 b c", 2, ["a 3.14", "b c"]),
        ("it - is b", 3, ["it -", "is b"]),
        ("", 3, []),
        ("   ", 3, []),
    ],
)
def test_cuts_fall_on_the_best_border(text: str, limit: int, expected: list[str]) -> None:
    assert split_tokens(text, by_words, limit) == expected


def test_a_word_over_the_limit_is_cut_and_keeps_its_letters() -> None:
    cut = split_tokens("x" * 1000, len, 50)
    assert "".join(cut) == "x" * 1000
    assert max(map(len, cut)) <= 50
    assert len(cut) == 20


def test_pieces_are_about_equal() -> None:
    sizes = [by_words(piece) for piece in split_tokens("word " * 101, by_words, 50)]
    assert len(sizes) == 3
    assert max(sizes) - min(sizes) <= 2


def test_chinese_is_cut_after_its_own_marks() -> None:
    assert split_tokens("一二三。四五六", len, 4) == ["一二三。", "四五六"]


@given(st.text(alphabet="ab .,;:!?—\"')\n\u2026é", max_size=200), st.integers(1, 30))
def test_only_white_space_at_cuts_is_lost(text: str, limit: int) -> None:
    cut = split_tokens(text, len, limit)
    rest = text
    for piece in cut:
        rest = rest.lstrip()
        assert piece
        assert rest.startswith(piece)
        rest = rest[len(piece) :]
    assert not rest.strip()
    assert all(len(piece) <= limit for piece in cut)


@cache
def json_tokenizer() -> Path:
    """A tokenizer.json like upstream's, trained on the book."""
    import tempfile

    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    book = (ROOT / "inputs" / "book.txt").read_text(encoding="utf-8")
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=["<unk>"], show_progress=False)
    tokenizer.train_from_iterator([book, ".!...?,;:"], trainer)
    path = Path(tempfile.mkdtemp()) / "tokenizer.json"
    tokenizer.save(str(path))
    return path


def json_config() -> dict:
    config = runtime_config()
    vocabulary = len(json.loads(json_tokenizer().read_text())["model"]["vocab"])
    config["flow_lm"]["lookup_table"] |= {
        "tokenizer": "tokenizers",
        "tokenizer_path": str(json_tokenizer()),
        "n_bins": vocabulary,
    }
    return config


WORDS = [
    "Alice",
    "was",
    "3.14",
    "p.m.",
    "it",
    "don’t",
    "“Oh!”",
    "—",
    "-",
    "Wait...",
    "what?!",
    "so;",
    "and,",
    "a:",
    '"no."',
    "x" * 40,
]
TEXTS = st.lists(st.sampled_from(WORDS) | st.text("abcéß.,!?", min_size=1, max_size=9), min_size=1, max_size=70).map(
    " ".join
)
RULES = st.fixed_dictionaries(
    {},
    optional={
        "replace_characters": st.just({"’": "'", "—": ",", '"': "", "“": ""}),
        "remove_semicolons": st.booleans(),
        "append_terminal_punctuation": st.booleans(),
        "capitalize_first_letter": st.booleans(),
    },
)


@pytest.mark.parametrize("kind", ["sentencepiece", "json"])
def test_pocket_tts_never_splits_a_piece_further(kind: str) -> None:
    from pocket_tts.models.text_chunking import prepare_text_prompt, split_into_best_sentences
    from pocket_tts.modules.text_conditioner import JsonTokenizer

    if kind == "json":
        vocabulary = len(json.loads(json_tokenizer().read_text())["model"]["vocab"])
        tokenizer, base = JsonTokenizer(vocabulary, str(json_tokenizer())), json_config()
    else:
        tokenizer, base = upstream_tokenizer(), runtime_config()
    encode = pieces.load_encoder(base)

    @settings(deadline=None, max_examples=120)
    @given(TEXTS, RULES)
    def check(text: str, rules: dict) -> None:
        count = pieces.token_counter(encode, rules)
        options = {
            "pad_with_spaces_for_short_inputs": False,
            "remove_semicolons": rules.get("remove_semicolons", False),
            "append_terminal_punctuation": rules.get("append_terminal_punctuation", True),
            "capitalize_first_letter": rules.get("capitalize_first_letter", True),
            "replace_characters": rules.get("replace_characters"),
        }
        for piece in split_tokens(text, count, 50):
            if not count(piece):
                continue
            assert pieces.prepared_text(piece, rules) == prepare_text_prompt(piece, **options)[0].strip()
            padded = {**options, "pad_with_spaces_for_short_inputs": True}
            padding = {**rules, "pad_with_spaces_for_short_inputs": True}
            assert pieces.prepare_text(piece, padding) == prepare_text_prompt(piece, **padded)
            (spoken,) = split_into_best_sentences(tokenizer, piece, max_tokens=50, **options)
            # What it made of the piece is within the limit as well, else it warns that words may be skipped.
            assert len(tokenizer(prepare_text_prompt(spoken, **options)[0].strip())[0]) <= 50

    check()


def test_the_splitter_normalizes_white_space_and_loads_the_models_tokenizer(tmp_path: Path) -> None:
    split = Splitter(write_runtime(tmp_path))
    assert split("  Hello\n there,\t\u00a0friend. ") == ["Hello there, friend."]
    assert len(split("Alice was beginning to get very tired of sitting by her sister on the bank. " * 3)) > 1


@pytest.mark.parametrize(("text", "told"), [("", "without text"), (" \n", "without text"), ("ab\udc80", "Character 3")])
def test_texts_that_cannot_be_spoken_are_named(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Splitter(write_runtime(tmp_path))(text)


def test_a_broken_model_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        Splitter(tmp_path / "runtime.yaml")("Hello.")
    (tmp_path / "runtime.yaml").write_text("flow_lm: 3")
    with pytest.raises(ModelError, match="not a model configuration"):
        Splitter(tmp_path / "runtime.yaml")("Hello.")
    config = runtime_config()
    for name in ("gone.model", "gone.json"):
        config["flow_lm"]["lookup_table"]["tokenizer_path"] = str(tmp_path / name)
        (tmp_path / "runtime.yaml").write_text(yaml.safe_dump(config))
        with pytest.raises(ModelError, match=name):
            Splitter(tmp_path / "runtime.yaml")("Hello.")
    config = runtime_config()
    config["flow_lm"]["lookup_table"]["n_bins"] = 4000
    (tmp_path / "runtime.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(ModelError, match=r"has 900 tokens and the model 4000"):
        Splitter(tmp_path / "runtime.yaml")("Hello.")


def test_pieces_are_put_together_with_silence_and_seeds_of_their_own() -> None:
    seeds = []

    def speak(text: str, seed: int) -> np.ndarray:
        seeds.append(seed)
        return np.full(len(text), 7, np.int16)

    samples = pieces.speak_in_pieces(["abc", "de"], 5, speak)
    assert samples.tolist() == [7, 7, 7, *([0] * 2400), 7, 7]
    assert seeds == [5, piece_seed(5, 1)]
    assert len({piece_seed(seed, index) for seed in range(50) for index in range(50)}) > 2400


def test_what_the_tokenizer_knows_nothing_of_is_left_out_or_named(tmp_path: Path) -> None:
    config = {**json_config(), "append_terminal_punctuation": False, "capitalize_first_letter": False}
    path = tmp_path / "runtime.yaml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True))
    with pytest.raises(UsageError, match="no token for any character of the text 'ß'"):
        Splitter(path)("ß")
    assert Splitter(path, 3)("the road; ß") == ["the road;"]
