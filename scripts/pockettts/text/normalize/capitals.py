"""Capitals: emphasis and headings, which a model may spell out."""

from __future__ import annotations

import re

from pockettts.text.mapped import Mapped, word_set
from pockettts.text.normalize.numerals import COUNTERS, NUMERAL
from pockettts.text.normalize.rules import compiled, rule

_COMMON = word_set(
    """
    the and not never very was were is are be been being have has had do does did done will would shall should
    can could must might my your his her hers our their its you he she we they them him me this that these those
    all any some every no yes now then there here what when where why how which whose if but so too such more
    most much many only just always ever again once one two three first last really quite think know want like
    said say see go come of to for from with by on up down out over into than because though please stop own
    other same both nothing something anything everything everybody nobody through great good bad little old new
    right wrong love hate another who's don't can't won't didn't isn't i'm you're
    """
)
_SMALL = _COMMON | word_set("i a an at as it in or us off per nor via")
_HEADING_WORD = rf"\A(?:{COUNTERS.upper()})(?!\w)"
_CAPITAL_RUN = r"(?<![\w'’.-])[A-ZÀ-ÖØ-Þ][A-ZÀ-ÖØ-Þ'’]*(?:[ -][A-ZÀ-ÖØ-Þ][A-ZÀ-ÖØ-Þ'’]*){0,400}(?![\w])"
_CAPITAL_WORD = r"[^\W\d_][^\W\d_'’]*(?:['’][^\W\d_]+)*"


def _lowered(run: str) -> str:
    def one(match: re.Match[str]) -> str:
        word = match[0]
        plain = word.lower().replace("’", "'")
        if plain == "i" or plain.startswith("i'"):
            return word[0] + word[1:].lower()
        lowered = word.lower() if plain in _SMALL else word[0] + word[1:].lower()
        return lowered if len(lowered) == len(word) else word

    return compiled(_CAPITAL_WORD).sub(one, run)


_LONGER_THAN_INITIALS = 6  # words in capitals of this length are said as words, acronyms such as UNESCO too


@rule("capitals", _CAPITAL_RUN)
def _emphasis(match: re.Match[str]) -> str | None:
    words = match[0].replace("’", "'").replace("-", " ").lower().split()
    if len(words) == 1 and words[0] in _SMALL - _COMMON:
        return None
    small = any(word in _SMALL for word in words)
    long = all(len(word) >= _LONGER_THAN_INITIALS or word in _SMALL for word in words)
    if long or (len(words) >= 3 and small):
        lowered = _lowered(match[0])
        return None if lowered == match[0] else lowered
    return None


def heading_case(mapped: Mapped) -> Mapped:
    """A heading in capitals as one in title case, its numerals left; in others only `CHAPTER` and its like."""
    letters = [character for character in mapped.text if character.isalpha()]
    if sum(character.isupper() for character in letters) * 10 < len(letters) * 7 or len(letters) < 4:
        return mapped.sub(compiled(_HEADING_WORD), lambda match: match[0].capitalize())
    return mapped.sub(
        compiled(_CAPITAL_WORD), lambda match: None if compiled(NUMERAL).fullmatch(match[0]) else _lowered(match[0])
    )


RULES = (_emphasis,)
