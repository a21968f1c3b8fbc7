"""Cleaning that the readers of every format share: invisible characters, ligatures, accents, white space."""

from __future__ import annotations

import re
import unicodedata

from pockettts.text.mapped import Mapped
from pockettts.text.reading import Kind

_LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
_LIGATURE = re.compile("[ﬀ-ﬆ]")
# Soft hyphens, zero-width characters, bidirectional and other invisible controls, private use (our own placeholders).
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064"
    "\u2066-\u206f\ufe00-\ufe0f\ufeff\ufff9-\uffff\ue000-\uf8ff\U000f0000-\U0010ffff]+"
)
_SPACED_DOTS = re.compile(r"\.(?: ?\.)+")
_ROMAN_CHARACTERS = re.compile("[Ⅰ-ⅿ]+")
_APOSTROPHE = re.compile("(?<=[^\\W\\d_])[`´](?=[^\\W\\d_])")
_RULE_AS_DASH = re.compile("[─━]+")
_SPACE = re.compile(r"\s\s+|[^\S ]")
_COMBINING = re.compile("[^\u0300-\u036f][\u0300-\u036f]+")


def clean(mapped: Mapped) -> Mapped:
    """Drop invisible characters, take ligatures apart, compose accents, make white space single, close spaced dots."""
    if ". ." in mapped.text:
        mapped = mapped.sub(_SPACE, " ").sub(_SPACED_DOTS, lambda match: "..." if " " in match[0] else None)
    if "`" in mapped.text or "´" in mapped.text:
        mapped = mapped.sub(_APOSTROPHE, "'")
    if mapped.text.isascii() and not _INVISIBLE.search(mapped.text):
        return mapped.sub(_SPACE, " ").strip()
    mapped = mapped.sub(_INVISIBLE, "")
    mapped = mapped.sub(_LIGATURE, lambda match: _LIGATURES[match[0]])
    mapped = mapped.sub(_ROMAN_CHARACTERS, lambda match: unicodedata.normalize("NFKC", match[0]))
    mapped = mapped.sub(_RULE_AS_DASH, "—")
    mapped = mapped.sub(_COMBINING, lambda match: unicodedata.normalize("NFC", match[0]))
    return mapped.sub(_SPACE, " ").strip()


def speaks(text: str) -> bool:
    """Whether a text has a letter or a digit, so that there is something to speak."""
    return any(character.isalnum() for character in text)


_INSIDE = r"(?:[^\[\]]|\[[^\[\]]{0,300}\]){0,4000}\]"
_PICTURE = r"(?:illustrations?|frontispiece|music|decoration|ornament|image|plate|colophon)"
# Brackets of e-texts: the word is alone, or followed by its number and a colon. `[image of a saint]` is the author's.
BRACKETED = re.compile(
    rf"\[(?:(?P<picture>_?{_PICTURE}\b(?:\s?(?:\d{{1,3}}|[ivxlc]{{1,6}}|(?:un|not )available))?_?\s*(?:(?=\])|[:\n]))"
    r"|(?P<note>(?:footnotes?(?:\s?(?:\w{1,4}|[*†‡]{1,3}))?|side-?notes?)\s*[:.])"
    r"|(?P<transcriber>transcriber['’]?s?['’]?\b\s*(?:(?:end)?notes?)?\s*(?:[:.—–-]|(?=\])))"
    rf"|(?P<page>p(?:g|age)\.? ?(?:\d{{1,4}}|[ivxlc]{{1,7}})(?=\])|blank page(?=\]))){_INSIDE}",
    re.I,
)


def bracket_kind(match: re.Match[str]) -> Kind:
    """What a bracket of an e-text holds."""
    if match["picture"]:
        return "illustration"
    return "footnote" if match["note"] else "transcriber's note" if match["transcriber"] else "page number"
