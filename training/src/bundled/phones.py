"""Pronunciation: the first stage, used by the tokenizer (`corpus`) and by the teacher (`speech`).

A SentencePiece model may carry a table of replacements for its input, meant for Unicode clean-up. Here that table is a
pronouncing dictionary: the tokenizer turns spelling into phones before it cuts pieces. So a piece always sounds the
same, and the language model, which is far too small for English spelling, need not learn it. The teacher gets the
same phones, so the speech of the training matches the tokens.

A phone is one character; each vowel has two, stressed and unstressed. The characters occur in no text and have no
capitals: upstream decodes tokens to text again when it cuts long texts, so phones must survive a second reading.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

# ARPABET (the alphabet of CMUdict) -> (character, the teacher's symbol: IPA as espeak-ng writes it)
CONSONANTS: Mapping[str, tuple[str, str]] = {
    "B": ("ᵇ", "b"),
    "CH": ("ᶜ", "tʃ"),
    "D": ("ᵈ", "d"),
    "DH": ("ᶞ", "ð"),
    "F": ("ᶠ", "f"),
    "G": ("ᵍ", "ɡ"),
    "HH": ("ʰ", "h"),
    "JH": ("ᶡ", "dʒ"),
    "K": ("ᵏ", "k"),
    "L": ("ˡ", "l"),
    "M": ("ᵐ", "m"),
    "N": ("ⁿ", "n"),
    "NG": ("ᵑ", "ŋ"),
    "P": ("ᵖ", "p"),
    "R": ("ʳ", "ɹ"),
    "S": ("ˢ", "s"),
    "SH": ("ᶴ", "ʃ"),
    "T": ("ᵗ", "t"),
    "TH": ("ᶿ", "θ"),
    "V": ("ᵛ", "v"),
    "W": ("ʷ", "w"),
    "Y": ("ʲ", "j"),
    "Z": ("ᶻ", "z"),
    "ZH": ("ᶾ", "ʒ"),
}
# ARPABET -> (unstressed, stressed, IPA unstressed, IPA stressed)
VOWELS: Mapping[str, tuple[str, str, str, str]] = {
    "AA": ("ᵅ", "ᴬ", "ɑː", "ɑː"),
    "AE": ("ᵆ", "ᴭ", "æ", "æ"),
    "AH": ("ᵊ", "ᶺ", "ə", "ʌ"),
    "AO": ("ᵓ", "ᴯ", "ɔː", "ɔː"),
    "AW": ("ᵄ", "ᴻ", "aʊ", "aʊ"),
    "AY": ("ᵃ", "ᴲ", "aɪ", "aɪ"),
    "EH": ("ᵋ", "ᴱ", "ɛ", "ɛ"),
    "ER": ("ᶟ", "ᴿ", "ɚ", "ɜː"),
    "EY": ("ᵉ", "ᴴ", "eɪ", "eɪ"),
    "IH": ("ᶦ", "ᴵ", "ɪ", "ɪ"),
    "IY": ("ⁱ", "ᴶ", "i", "iː"),
    "OW": ("ᵒ", "ᴼ", "oʊ", "oʊ"),
    "OY": ("ᵔ", "ᴽ", "ɔɪ", "ɔɪ"),
    "UH": ("ᶷ", "ᶸ", "ʊ", "ʊ"),
    "UW": ("ᵘ", "ᵁ", "uː", "uː"),
}
PAUSES = ",.?!"
START = "^"  # the silence before the first phone
VOICELESS = "".join(CONSONANTS[name][0] for name in ("P", "T", "K", "F", "TH", "S", "SH", "CH", "HH")) + PAUSES + START
LONGEST_PIECE = 5  # characters in a piece of the tokenizer, a space before it included

_IPA: dict[str, str] = dict(CONSONANTS.values())
for _weak, _strong, _weak_ipa, _strong_ipa in VOWELS.values():
    _IPA[_weak], _IPA[_strong] = _weak_ipa, "ˈ" + _strong_ipa
_IPA |= {pause: pause for pause in PAUSES}
INVENTORY = START + "".join(_IPA)

# Words that are rarely stressed, as pronounced in a sentence.
_WEAK: Mapping[str, str] = {
    "a": "AH0",
    "an": "AE0 N",
    "the": "DH AH0",
    "and": "AE0 N D",
    "or": "AO0 R",
    "but": "B AH0 T",
    "of": "AH0 V",
    "to": "T UW0",
    "in": "IH0 N",
    "on": "AA0 N",
    "at": "AE0 T",
    "by": "B AY0",
    "for": "F AO0 R",
    "from": "F R AH0 M",
    "with": "W IH0 DH",
    "as": "AE0 Z",
    "is": "IH0 Z",
    "was": "W AA0 Z",
    "were": "W ER0",
    "are": "AA0 R",
    "be": "B IY0",
    "been": "B IH0 N",
    "am": "AE0 M",
    "has": "HH AE0 Z",
    "have": "HH AE0 V",
    "had": "HH AE0 D",
    "do": "D UW0",
    "can": "K AE0 N",
    "could": "K UH0 D",
    "would": "W UH0 D",
    "should": "SH UH0 D",
    "will": "W IH0 L",
    "shall": "SH AE0 L",
    "may": "M EY0",
    "must": "M AH0 S T",
    "he": "HH IY0",
    "she": "SH IY0",
    "it": "IH0 T",
    "we": "W IY0",
    "you": "Y UW0",
    "they": "DH EY0",
    "i": "AY0",
    "me": "M IY0",
    "him": "HH IH0 M",
    "her": "HH ER0",
    "us": "AH0 S",
    "them": "DH EH0 M",
    "his": "HH IH0 Z",
    "its": "IH0 T S",
    "my": "M AY0",
    "your": "Y AO0 R",
    "our": "AW0 ER0",
    "their": "DH EH0 R",
    "that": "DH AE0 T",
    "if": "IH0 F",
    "than": "DH AE0 N",
    "so": "S OW0",
    "there": "DH EH0 R",
}

# The letters of words outside the dictionary, from left to right, the longest match first.
_LETTERS: Mapping[str, str] = {
    "a": "AE0", "b": "B", "c": "K", "d": "D", "e": "EH0", "f": "F", "g": "G", "h": "HH", "i": "IH0", "j": "JH",
    "k": "K", "l": "L", "m": "M", "n": "N", "o": "AA0", "p": "P", "q": "K", "r": "R", "s": "S", "t": "T", "u": "AH0",
    "v": "V", "w": "W", "x": "K S", "y": "IY0", "z": "Z", "ch": "CH", "sh": "SH", "th": "TH", "ph": "F", "wh": "W",
    "ck": "K", "qu": "K W", "ng": "NG", "gh": "G", "ee": "IY1", "ea": "IY1", "ai": "EY1", "ay": "EY1", "oa": "OW1",
    "oo": "UW1", "ou": "AW1", "ow": "OW1", "oi": "OY1", "oy": "OY1", "au": "AO1", "aw": "AO1", "ew": "Y UW1",
    "ie": "IY0", "ce": "S", "ge": "JH", "le": "AH0 L", "er": "ER0", "or": "ER0", "ar": "AA0 R", "ir": "ER0",
    "ur": "ER0", "ing": "IH0 NG", "ed": "D", "es": "Z", "ly": "L IY0", "ness": "N AH0 S", "less": "L AH0 S",
    "ment": "M AH0 N T", "tion": "SH AH0 N", "sion": "ZH AH0 N", "ous": "AH0 S", "able": "AH0 B AH0 L",
    "ible": "AH0 B AH0 L", "ful": "F AH0 L", "ish": "IH0 SH", "'s": "Z", "'d": "D", "'ll": "AH0 L", "'re": "ER0",
    "'ve": "AH0 V", "n't": "AH0 N T", "bb": "B", "cc": "K", "dd": "D", "ff": "F", "gg": "G", "ll": "L", "mm": "M",
    "nn": "N", "pp": "P", "rr": "R", "ss": "S", "tt": "T", "zz": "Z", "age": "IH0 JH", "ure": "ER0", "ate": "EY0 T",
    "ise": "AY0 Z", "ize": "AY0 Z", "ity": "AH0 T IY0",
}  # fmt: skip
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
# Marks and their replacements.
_MARKS: Mapping[str, str] = {
    ";": ",", ":": ",", "—": ",", "–": ",", "…": ".", "-": " ", "/": " ", "&": " ᵆⁿᵈ", "_": "", "*": "", "'": "",
    '"': "", "(": "", ")": "", "[": "", "]": "", "‘": "", "’": "", "“": "", "”": "",
}  # fmt: skip


def from_arpabet(arpabet: str) -> str:
    """The characters of a pronunciation in ARPABET, as `DH AH0`; primary stress only is kept."""
    result = ""
    for symbol in arpabet.split():
        name = symbol.rstrip("012")
        result += CONSONANTS[name][0] if name in CONSONANTS else VOWELS[name][symbol.endswith("1")]
    return result


def read_dictionary(lines: Iterable[str]) -> dict[str, str]:
    """CMUdict's lines (`word AH0 B ...`, another pronunciation as `word(2)`) to phones, the first of each word."""
    dictionary: dict[str, str] = {}
    for line in lines:
        word, _, rest = line.partition(" ")
        if re.fullmatch(r"[a-z]+(?:'[a-z]+)*", word) and word not in dictionary:
            dictionary[word] = from_arpabet(rest.partition("#")[0])
    return {**dictionary, **{word: from_arpabet(weak) for word, weak in _WEAK.items()}}


def always_known(word: str) -> bool:
    """Whether the tokenizer needs a word in every dictionary."""
    return word in _WEAK or word in _DIGITS


def replacements(dictionary: Mapping[str, str]) -> dict[str, str]:
    """The replacements of the tokenizer; the longest match wins, from left to right.

    A short word matches only after a space or with a capital, so that it does not match inside other words; a long one
    may be half of a compound.
    """
    table = {letters: from_arpabet(spoken) for letters, spoken in _LETTERS.items()}
    table |= {letter.upper(): from_arpabet(spoken) for letter, spoken in _LETTERS.items() if len(letter) == 1}
    for letter in map(chr, range(0xC0, 0x180)):  # accents are ignored
        plain = unicodedata.normalize("NFD", letter)[0].lower()
        if plain in _LETTERS:
            table[letter] = from_arpabet(_LETTERS[plain])
    for word, phones in dictionary.items():
        table[" " + word] = " " + phones
        table[word.capitalize()] = phones
        if len(word) >= 4 and word not in _LETTERS:
            table[word] = phones
    table |= {str(digit): " " + dictionary.get(word, from_arpabet("AH0")) + " " for digit, word in enumerate(_DIGITS)}
    return {key: value for key, value in {**table, **_MARKS}.items() if key != value}  # SentencePiece refuses the rest


def rules(table: Mapping[str, str]) -> str:
    """The replacements as SentencePiece's `normalization_rule_tsv`: code points in hexadecimal."""

    def points(text: str) -> str:
        return " ".join(f"{ord(character):X}" for character in text)

    return "".join(f"{points(key)}\t{points(value)}\n" for key, value in sorted(table.items()))


def teacher_symbols(phones: str) -> list[tuple[str, int]]:
    """The teacher's input for normalized text: (IPA symbol, number of the phone it is part of).

    Phones are counted without spaces; a space belongs to the phone before it.
    """
    result: list[tuple[str, int]] = []
    number = -1
    for character in phones:
        if character == " ":
            result.append((" ", max(0, number)))
            continue
        number += 1
        result += [(symbol, number) for symbol in _IPA[character]]
    return result


def spoken(tokenizer: Any, text: str) -> str:
    """The phones of a text with single spaces between words, as the tokenizer's table gives them."""
    return str(tokenizer.normalize(text)).replace("▁", " ").strip()


def pieces(tokenizer: Any) -> list[str]:
    """The phones of every piece, without spaces; none for the unknown piece and its like."""
    names = [tokenizer.id_to_piece(i) for i in range(tokenizer.vocab_size())]
    return ["".join(c for c in name if c in INVENTORY) if "<" not in name else "" for name in names]
