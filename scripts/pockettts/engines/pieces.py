"""Between a chunk and the model: cuts a text over the model's 50 tokens into pieces, before pocket-tts would.

pocket-tts cuts at tokens and speaks changed text at the cuts. Cutting first, at sentences, then clauses, then words,
keeps every text that reaches it within one of its own chunks.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pockettts.errors import ModelError, UsageError
from pockettts.values import Int16

Count = Callable[[str], int]

# Part of every content key: raise it when the same text is cut or joined differently.
PIECES_VERSION = 1
DEFAULT_TOKENS = 50
PAUSE_SAMPLES = 2_400
"""Silence between two pieces of a take: 100 ms at 24 kHz, in addition to the silence at their ends."""

_CLOSERS = "\"'\u201d\u2019)\\]\u00bb"
_SENTENCE_END = re.compile(rf"[.!?\u2026]+[{_CLOSERS}]*(?=\s)|[\u3002\uff01\uff1f]+[{_CLOSERS}]*")
_CLAUSE_END = re.compile(rf"[,;:\u2013\u2014][{_CLOSERS}]*(?=\s)|(?<=\s)[-\u2013\u2014]+(?=\s)|[\u3001\uff0c\uff1b]")
_WORD_END = re.compile(r"(?<=\S)(?=\s)")
# The largest distance of each kind of border from the ideal place, as a share of the text; the first match wins.
_PREFERENCES = ((_SENTENCE_END, 0.2), (_CLAUSE_END, 0.2), (_SENTENCE_END, 0.35), (_CLAUSE_END, 0.35), (_WORD_END, 1.0))


def split_tokens(text: str, count: Count, limit: int) -> list[str]:
    """Cut `text` into pieces of at most `limit` tokens, as equal as the borders allow.

    Prefers ends of sentences, then of clauses, then of words; a word over the limit is cut anywhere. Only white
    space at the cuts is lost. `count` returns the tokens of a text; a single character over the limit stays whole.
    """
    text = text.strip()
    total = count(text)
    if total <= limit or len(text) < 2:
        return [text] if text else []
    pieces = -(-total // limit)
    cut = _best_cut(text, len(text) * (pieces // 2) / pieces)
    return [*split_tokens(text[:cut], count, limit), *split_tokens(text[cut:], count, limit)]


def _best_cut(text: str, target: float) -> int:
    for border, reach in _PREFERENCES:
        places = (match.end() for match in border.finditer(text))
        near = [place for place in places if abs(place - target) <= reach * len(text) and text[place:].strip()]
        if near:
            return min(near, key=lambda place: (abs(place - target), place))
    return min(max(1, round(target)), len(text) - 1)


def prepare_text(text: str, config: Mapping[str, Any]) -> tuple[str, int]:
    """Return the text that pocket-tts speaks, by the text rules of a model, and its guess of frames after the end.

    Follows `prepare_text_prompt` of pocket-tts 4.0.1. The guess is the number of frames after the end of speech. An
    empty text stays empty.
    """
    text = text.strip()
    if replacements := config.get("replace_characters"):
        text = " ".join(text.translate(str.maketrans(replacements)).split())
        text = re.sub(r"([.!?\u2026])\s*[,;:]", r"\1", text)
    if not text:
        return "", 3
    text = text.replace("\n", " ").replace("\r", " ").replace("  ", " ")
    if config.get("remove_semicolons"):
        text = text.replace(";", ",")
    guess = 3 if len(text.split()) <= 4 else 1
    if config.get("capitalize_first_letter", True) and not text[0].isupper():
        text = text[0].upper() + text[1:]
    if config.get("append_terminal_punctuation", True):
        core = text.rstrip("\"'\u201d\u2019)]\u00bb ")
        if core and core[-1] in ",;:-\u2013\u2014":
            text = core.rstrip(",;:-\u2013\u2014 ") + "." + text[len(core) :].strip()
        elif core and core[-1] not in ".!?\u2026":
            text += "."
    if config.get("pad_with_spaces_for_short_inputs") and len(text.split()) < 5:
        text = " " * 8 + text
    return text, guess


def prepared_text(text: str, config: Mapping[str, Any]) -> str:
    """Return the text whose tokens pocket-tts counts: prepared, without the padding of short texts."""
    return prepare_text(text, config)[0].strip()


def token_counter(encode: Callable[[str], Sequence[int]], config: Mapping[str, Any]) -> Count:
    """Return a function that counts tokens such that pocket-tts never cuts a text within its limit.

    It counts two forms, because pocket-tts inserts a space after every mark that ends a sentence and speaks that text.
    """

    def count(text: str) -> int:
        ready = prepared_text(text, config)
        spaced = re.sub(r"([.!?\u2026]+)(?![\d\s.!?\u2026]|$)", r"\1 ", ready)
        return max(len(encode(ready)), len(encode(spaced)) if spaced != ready else 0)

    return count


def read_runtime_config(runtime_yaml: Path) -> dict[str, Any]:
    """Read a model's configuration for pocket-tts. Raises `ModelError` if it is missing or invalid."""
    try:
        config = yaml.safe_load(runtime_yaml.read_text(encoding="utf-8"))
        _ = config["flow_lm"]["lookup_table"]["tokenizer_path"]
    except OSError as error:
        raise ModelError(f"The model configuration {runtime_yaml} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError):
        raise ModelError(
            f"{runtime_yaml} is not a model configuration of pocket-tts; delete it and build again."
        ) from None
    return dict(config)


def load_encoder(config: Mapping[str, Any]) -> Callable[[str], Sequence[int]]:
    """Load the tokenizer that a model's configuration names: a `tokenizer.json`, or else a SentencePiece model.

    Raises `ModelError` if the file is missing or broken, or its number of tokens is not that of the model.
    """
    table = config["flow_lm"]["lookup_table"]
    path = Path(table["tokenizer_path"])
    encode: Callable[[str], Sequence[int]]
    try:
        if table.get("tokenizer") in ("tokenizers", "json") or path.suffix == ".json":
            import tokenizers

            tokenizer = tokenizers.Tokenizer.from_file(str(path))

            def encode_known(text: str) -> list[int]:
                # pocket-tts speaks the decoded tokens, and unknown characters alone decode to an empty text.
                ids = list(tokenizer.encode(text).ids)
                return ids if tokenizer.decode(ids) else []

            size, encode = tokenizer.get_vocab_size(), encode_known
        else:
            import sentencepiece

            processor = sentencepiece.SentencePieceProcessor(str(path))
            size, encode = processor.vocab_size(), lambda text: list(processor.encode(text, out_type=int))
    # Both libraries raise exceptions of many types.
    except Exception as error:
        raise ModelError(f"The tokenizer {path} cannot be loaded ({error}); delete it and build again.") from None
    if size != table["n_bins"]:
        raise ModelError(
            f"The tokenizer {path} has {size} tokens and the model {table['n_bins']}; delete it and build again."
        )
    return encode


class Splitter:
    """Cuts a chunk's text into pieces for one call of the model each. Loads the tokenizer on first use."""

    def __init__(self, runtime_yaml: Path, limit: int = DEFAULT_TOKENS) -> None:
        self.runtime_yaml = runtime_yaml
        self.limit = limit
        self._count: Count | None = None

    def __call__(self, text: str) -> list[str]:
        """Return the pieces of `text`, at least one, with single spaces for all white space.

        Raises `UsageError` for a text that cannot be spoken at all, `ModelError` for a missing tokenizer.
        """
        surrogate = next((index for index, char in enumerate(text) if "\ud800" <= char <= "\udfff"), None)
        if surrogate is not None:
            raise UsageError(
                f"Character {surrogate + 1} of a chunk is U+{ord(text[surrogate]):04X}, half of a character: the text"
                " was decoded wrongly; set text.encoding."
            )
        text = " ".join(text.split())
        if not text:
            raise UsageError("A chunk without text cannot be spoken.")
        if self._count is None:
            config = read_runtime_config(self.runtime_yaml)
            self._count = token_counter(load_encoder(config), config)
        # pocket-tts fails for a piece without a token.
        pieces = [piece for piece in split_tokens(text, self._count, self.limit) if self._count(piece)]
        if not pieces:
            raise UsageError(f"The model has no token for any character of the text {text[:60]!r}; change the text.")
        return pieces


def piece_seed(seed: int, index: int) -> int:
    """Return the seed of a piece: the first piece has the seed of its take."""
    if index == 0:
        return seed
    return int.from_bytes(hashlib.sha256(f"{seed}/{index}".encode()).digest()[:4], "big")


def speak_in_pieces(pieces: Sequence[str], seed: int, speak: Callable[[str, int], Int16]) -> Int16:
    """Speak pieces one by one with `speak(text, seed)` and put `PAUSE_SAMPLES` of silence between them."""

    def parts() -> Iterator[Int16]:
        for index, piece in enumerate(pieces):
            if index:
                yield np.zeros(PAUSE_SAMPLES, np.int16)
            yield speak(piece, piece_seed(seed, index))

    return np.concatenate(list(parts()))
