"""Languages other than English: num2words' cardinals, decimals and unmistakable ordinals, and a few symbols."""

from __future__ import annotations

import re
from decimal import Decimal

from pockettts.config import NormalizeConfig
from pockettts.text.mapped import Mapped
from pockettts.text.normalize.rules import compiled

_WORDS = {
    "fr": {"&": "et", "%": "pour cent", "€": "euros", "+": "plus", "=": "égale"},
    "de": {"&": "und", "%": "Prozent", "€": "Euro", "+": "plus", "=": "gleich"},
    "es": {"&": "y", "%": "por ciento", "€": "euros", "+": "más", "=": "igual a"},
    "it": {"&": "e", "%": "per cento", "€": "euro", "+": "più", "=": "uguale a"},
    "pt": {"&": "e", "%": "por cento", "€": "euros", "+": "mais", "=": "igual a"},
    "nl": {"&": "en", "%": "procent", "€": "euro", "+": "plus", "=": "is"},
}
_ORDINAL_MARKS = {"fr": "er|re|e|ème|eme", "es": "º|°", "it": "º|°", "pt": "º|°", "nl": "e|ste|de"}
_NUMBER = (
    r"(?<![\w.,:/-])(?P<whole>\d{1,3}(?:\.\d{3}){1,4}(?![\d.])|\d{1,15})(?:,(?P<fraction>\d{1,9}))?(?![\w:/-]|[.,]\d)"
)


def _foreign(number: str, language: str, to: str) -> str | None:
    from num2words import num2words

    try:
        return str(num2words(Decimal(number) if "." in number else int(number), lang=language, to=to))
    except (NotImplementedError, ValueError, OverflowError, KeyError, IndexError, TypeError):
        return None


def normalize_foreign(mapped: Mapped, config: NormalizeConfig, language: str) -> Mapped:
    """The numbers and signs of a language other than English in its words."""

    def number(match: re.Match[str]) -> str | None:
        whole, fraction = match["whole"].replace(".", ""), match["fraction"]
        if (len(whole) > 1 and whole[0] == "0") or (fraction and not config.decimals):
            return None
        return _foreign(f"{whole}.{fraction}" if fraction else whole, language, "cardinal")

    if any(character.isdecimal() for character in mapped.text):
        if config.ordinals and language in _ORDINAL_MARKS:
            pattern = compiled(rf"(?<![\w.,])(\d{{1,9}})(?:{_ORDINAL_MARKS[language]})(?!\w)")
            mapped = mapped.sub(pattern, lambda match: _foreign(match[1], language, "ordinal"))
        if config.numbers:
            mapped = mapped.sub(compiled(_NUMBER), number)
    if config.symbols:
        for symbol, word in _WORDS.get(language, {}).items():
            if symbol in mapped.text:
                mapped = mapped.sub(compiled(rf"\s?{re.escape(symbol)}\s?"), f" {word} ")
    return mapped
