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
_CAPITAL_RUN = r"(?<![\w.-])(?<!\w['’])[A-ZÀ-ÖØ-Þ][A-ZÀ-ÖØ-Þ'’]*(?:[ -][A-ZÀ-ÖØ-Þ][A-ZÀ-ÖØ-Þ'’]*){0,400}(?![\w])"
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
_SPELLED = word_set(
    "USS HMS SS RMS USA UK EU UN US UAE FBI CIA BBC NBC CBS ABC CNN ITV UCLA NYU MIT IBM AI API CEO CFO IQ ID "
    "TV DVD CD PC "
    "OK VIP ATM DNA RNA UFO GDP IRA IRS KGB NHS MP PM MC DJ AC DC PO ISBN AD BC CE BCE EST GMT UTC EDT YMCA "
    "YWCA USSR ICAO "
    "IOU LA NY DC IMF WTO OECD ESA ETA FAQ URL UPI AP IOC AA AAA IVF IT HIV ISO"
)
_DIGRAPH = r"[CGPSTW]H|CK|NG|QU"


def _is_word(word: str) -> bool:
    """Whether capitals are said as a word, by their vowels and consonants; shorter ones must be no known initials."""
    word = word.replace("’", "'").split("'")[0]
    if len(word) < 3 or word in _SPELLED or not word.isascii():
        return False
    sounds = compiled(_DIGRAPH).sub("X", word)
    return (
        compiled(r"[^AEIOUY]{0,3}(?:[AEIOUY]{1,3}[^AEIOUY]{1,3})*[AEIOUY]{0,3}").fullmatch(sounds) is not None
        and compiled(r"[AEIOU]|(?<!\A)Y").search(sounds) is not None
        and compiled(r"Y[^AEIOU]").match(sounds) is None
    )


@rule("capitals", _CAPITAL_RUN)
def _emphasis(match: re.Match[str]) -> str | None:
    run = match[0].replace("’", "'")
    words = run.replace("-", " ").split()
    if all(len(word) == 1 for word in words) or (len(words) == 1 and run.lower() in _SMALL - _COMMON):
        return None
    small = [word.lower() in _SMALL for word in words]
    spoken = [_is_word(word) for word in words]
    long = [len(word) >= _LONGER_THAN_INITIALS and word not in _SPELLED for word in words]
    whole = all(a or b for a, b in zip(long, small, strict=True)) or (len(words) >= 3 and any(small) and not all(small))
    if len(words) > 1 and any(long):
        whole = whole or all(a or b or c for a, b, c in zip(long, small, spoken, strict=True))
    if all(len(word) > 3 for word in words) and (len(words) > 1 or _is_listed(match)):
        whole = whole or all(spoken)
    if whole or (_starts_text(match) and len(run) > 2 and all(a or b for a, b in zip(small, spoken, strict=True))):
        lowered = _lowered(match[0])
    elif any(long):
        lowered = compiled(_CAPITAL_WORD).sub(
            lambda word: _lowered(word[0]) if len(word[0]) >= _LONGER_THAN_INITIALS else word[0], match[0]
        )
    else:
        return None
    if _starts_text(match):
        lowered = lowered[:1].upper() + lowered[1:]
    return None if lowered == match[0] else lowered


def _is_listed(match: re.Match[str]) -> bool:
    """Whether other capitals stand before or behind a comma: `JOHN SMITH, BAKER`."""
    return bool(
        compiled(r"[A-Z]{3} [A-Z]{3,20}, \Z").search(match.string[max(0, match.start() - 30) : match.start()])
        or compiled(r", [A-Z]{3,20} [A-Z]{3}").match(match.string, match.end())
    )


def _starts_text(match: re.Match[str]) -> bool:
    """Whether capitals begin a paragraph before small letters, as printers set the first words, or name its speaker."""
    following = match.string[match.end() :]
    if match.string[: match.start()].strip("\"'“‘( "):
        return False
    if not following.strip() or following[:2].strip()[:1].islower():
        return True
    comma = "," if " " in match[0] else ",(?= [a-z])"
    return re.match(rf"(?:[.:;!?]|{comma})(?:[\s\"'”’—–-]|\Z)|--|—", following) is not None


def heading_case(mapped: Mapped) -> Mapped:
    """A heading in capitals as one in title case, its numerals left; in others only `CHAPTER` and its like."""
    letters = [character for character in mapped.text if character.isalpha()]
    if sum(character.isupper() for character in letters) * 10 < len(letters) * 7 or len(letters) < 4:
        return mapped.sub(compiled(_HEADING_WORD), lambda match: match[0].capitalize())

    def lowered(match: re.Match[str]) -> str | None:
        before = match.string[: match.start()]
        if before[-1:].isdecimal():
            return match[0].lower()  # 21ST
        if compiled(NUMERAL).fullmatch(match[0]):
            return None
        word = _lowered(match[0])
        return word if before else word[0].upper() + word[1:]

    return mapped.sub(compiled(_CAPITAL_WORD), lowered)


RULES = (_emphasis,)
