"""Written forms to words: the step between a cleaned paragraph and its sentences.

English has rules for numbers, dates, money, abbreviations and the rest, each group with a switch in `NormalizeConfig`.
Other languages have the rules of `foreign`, with a table for each in `languages`.

A rule is a pattern and a function of the match that answers None to leave it alone. Rules run in the order of
`ENGLISH`, and each pattern is bounded, so that no input makes one slow.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from pockettts.config import NormalizeConfig
from pockettts.text.mapped import Mapped, Replacement
from pockettts.text.normalize import (
    abbreviations,
    addresses,
    capitals,
    dates,
    measures,
    money,
    numbers,
    numerals,
    references,
    symbols,
    years,
)
from pockettts.text.normalize.capitals import heading_case
from pockettts.text.normalize.foreign import normalize_foreign
from pockettts.text.normalize.numerals import heading_numerals
from pockettts.text.normalize.rules import Rule, compiled
from pockettts.text.normalize.words import cardinal, ordinal, year

__all__ = ["ENGLISH", "cardinal", "normalize", "ordinal", "year"]

ENGLISH: tuple[Rule, ...] = (
    *addresses.RULES,
    *symbols.BEFORE_NUMBERS,
    *references.RULES,
    *numbers.RATIOS,
    *dates.RULES,
    *money.RULES,
    *measures.RULES,
    *abbreviations.BEFORE_NUMBERS,
    *measures.FRACTIONS,
    *numbers.GROUPS,
    *years.RULES,
    *numbers.RULES,
    *numerals.RULES,
    *abbreviations.RULES,
    *symbols.RULES,
    *capitals.RULES,
)


@cache
def _prepared() -> tuple[tuple[Rule, re.Pattern[str], Replacement], ...]:
    return tuple((rule, rule.pattern, _at_sentence_start(rule.say)) for rule in ENGLISH)


def normalize(mapped: Mapped, config: NormalizeConfig, language: str = "en", heading: bool = False) -> Mapped:
    """Turn what is written in figures, signs and abbreviations into words, keeping the map to the source.

    `language` is a two-letter code (see `language_code`); `heading` also reads a leading roman numeral and lowers
    capitals. Placeholders of the dictionary pass through untouched.
    """
    if language != "en":
        return normalize_foreign(mapped, config, language, heading)
    if config.capitals and (heading or (" " in mapped.text[:400] and len(mapped) < 400 and mapped.text.isupper())):
        mapped = heading_case(mapped)
    if heading and config.roman:
        mapped = heading_numerals(mapped)
    characters = set(mapped.text)
    for rule, pattern, say in _prepared():
        if (not rule.needs or not characters.isdisjoint(rule.needs)) and getattr(config, rule.group):
            changed = mapped.sub(pattern, say)
            if changed is not mapped:
                mapped, characters = changed, set(changed.text)
    return mapped


_AFTER_SENTENCE = r"[.!?…][\"'”’)\]]{0,3}\s+[\"'“‘(\[]{0,3}\Z"


def _at_sentence_start(say: Replacement) -> Callable[[re.Match[str]], str | None]:
    """The words for a figure or sign that begins a sentence begin it with a capital, or the border would be lost."""

    def spoken(match: re.Match[str]) -> str | None:
        new = say if isinstance(say, str) else say(match)
        if new and new[0].islower() and not match[0][0].islower():
            begin = match.start()
            if compiled(_AFTER_SENTENCE).search(match.string[max(0, begin - 8) : begin]):
                return new[0].upper() + new[1:]
        return new

    return spoken
