"""What a text says, as bare words: the same for the text of a take and for what a listener wrote down of it.

Both go through the normalizer of the books, then through the folds below.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from pockettts.config import NormalizeConfig
from pockettts.text.mapped import Mapped, word_set

_CONTRACTIONS = (
    (re.compile(r"\b(?:can't|cannot)\b"), "can not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"\bshan't\b"), "shall not"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"'ll\b"), " will"),
    (re.compile(r"'re\b"), " are"),
    (re.compile(r"'ve\b"), " have"),
    (re.compile(r"'d\b"), " would"),
    (re.compile(r"\bi'm\b"), "i am"),
    (re.compile(r"\blet's\b"), "let us"),
    (re.compile(r"\b(it|he|she|that|what|who|where|there|here|how)'s\b"), r"\1 is"),
    (re.compile(r"'t(is|was|were|will)\b"), r"it \1"),
    (re.compile(r"\bto-(day|night|morrow)\b"), r"to\1"),
)
_SHORT = {
    "mr": "mister", "mrs": "missus", "dr": "doctor", "okay": "ok", "alright": "all right", "oh": "o",
}  # fmt: skip
_SCALE = word_set("hundred thousand million billion trillion")
_NUMBER = _SCALE | word_set(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety"
)


def runs_of(places: Iterable[int]) -> list[list[int]]:
    """Divide ascending places of words into runs of neighbors."""
    runs: list[list[int]] = []
    for place in places:
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def words_of(text: str, language: str = "en") -> tuple[str, ...]:
    """Return what a text says as bare lower-case words, however it was written.

    Figures, signs and abbreviations are written out as for a book; case, accents, hyphens and punctuation go, and in
    English contractions become the words that they stand for, and "a hundred and two" becomes "one hundred two".
    """
    # The normalizer compiles a hundred patterns, which a build without the check by ear does not need.
    from pockettts.text.normalize import normalize

    plain = normalize(Mapped.of(text.replace("’", "'")), NormalizeConfig(), language).text.casefold()
    plain = "".join(
        character for character in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(character)
    )
    if language == "en":
        for pattern, full in _CONTRACTIONS:
            plain = pattern.sub(full, plain)
    words = re.sub(r"[^\w\s]|_", " ", plain.replace("'", "")).split()
    return tuple(_english(words)) if language == "en" else tuple(words)


def _english(words: Sequence[str]) -> list[str]:
    folded: list[str] = []
    for position, word in enumerate(words):
        after = words[position + 1] if position + 1 < len(words) else ""
        if word == "and" and folded and folded[-1] in _SCALE and after in _NUMBER:
            continue
        folded += ["one"] if word == "a" and after in _SCALE else _SHORT.get(word, word).split()
    return folded
