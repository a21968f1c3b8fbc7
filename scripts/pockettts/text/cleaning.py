"""Cleaning that the readers of every format share: invisible characters, ligatures, accents, white space."""

from __future__ import annotations

import re
import unicodedata

from pockettts.text.mapped import Mapped

_LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
_LIGATURE = re.compile("[ﬀ-ﬆ]")
# Soft hyphens, zero-width characters, bidirectional and other invisible controls, private use (our own placeholders).
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064"
    "\u2066-\u206f\ufe00-\ufe0f\ufeff\ufff9-\uffff\ue000-\uf8ff\U000f0000-\U0010ffff]+"
)
_SPACE = re.compile(r"\s\s+|[^\S ]")
_COMBINING = re.compile("[^\u0300-\u036f][\u0300-\u036f]+")


def clean(mapped: Mapped) -> Mapped:
    """Drop invisible characters, take ligatures apart, compose accents, make white space single."""
    if mapped.text.isascii() and not _INVISIBLE.search(mapped.text):
        return mapped.sub(_SPACE, " ").strip()
    mapped = mapped.sub(_INVISIBLE, "")
    mapped = mapped.sub(_LIGATURE, lambda match: _LIGATURES[match[0]])
    mapped = mapped.sub(_COMBINING, lambda match: unicodedata.normalize("NFC", match[0]))
    return mapped.sub(_SPACE, " ").strip()


def speaks(text: str) -> bool:
    """Whether a text has a letter or a digit, so that there is something to speak."""
    return any(character.isalnum() for character in text)


BRACKETED = re.compile(
    r"\[(?:illustrations?|frontispiece|music|footnote|transcriber|sidenote|blank page|decoration|ornament|image"
    r"|p(?:g|age)\.? ?\d)(?![a-z])(?:[^\[\]]|\[[^\[\]]{0,300}\]){0,4000}\]",
    re.I,
)
