"""Amounts of money."""

from __future__ import annotations

import re

from pockettts.text.normalize.rules import CAPITAL_NEXT, NUMERIC, WHOLE, rule, stop
from pockettts.text.normalize.words import amount, cardinal, decimal

_CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"), "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"), "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
}  # fmt: skip
_CODES = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}
_SCALES = {
    "k": "thousand", "m": "million", "mn": "million", "bn": "billion", "b": "billion", "tn": "trillion",
    "hundred": "hundred", "thousand": "thousand", "million": "million", "billion": "billion", "trillion": "trillion",
}  # fmt: skip
_SCALE = r"(?:\s?(?P<scale>k|K|m|M|mn|bn|b|B|tn|hundred|thousand|million|billion|trillion)(?!\w))?"
_COUNTRIES = {"US": "U S ", "A": "Australian ", "C": "Canadian ", "NZ": "New Zealand ", "HK": "Hong Kong "}


def _money(symbol: str, whole: str, fraction: str | None, scale: str | None, country: str = "") -> str:
    one, many, minor_one, minor_many = _CURRENCIES[symbol]
    if scale:
        return f"{amount(whole, fraction)} {_SCALES[scale.lower()]} {country}{many}"
    value = int(whole.replace(",", "")[:18])
    major = f"{cardinal(whole)} {country}{one if value == 1 else many}"
    if fraction is None or fraction.strip("0") == "":
        return major
    if len(fraction) != 2:
        return f"{decimal(whole, fraction)} {country}{many}"
    minor = f"{cardinal(str(int(fraction)))} {minor_one if int(fraction) == 1 else minor_many}"
    return minor if value == 0 else f"{major} and {minor}"


@rule("currency", r"£(\d{1,6}(?:,\d{3})*),? (\d{1,2})s\.?(?:,? (\d{1,2})d(?:\.|(?!\w)))?(?!\w)", "£")
def _old_money(match: re.Match[str]) -> str:
    shillings = "shilling" if match[2] == "1" else "shillings"
    spoken = f"{_money('£', match[1], None, None)} {cardinal(match[2])} {shillings}"
    if match[3]:
        spoken += f" {cardinal(match[3])} {'penny' if match[3] == '1' else 'pence'}"
    return spoken + stop(match, CAPITAL_NEXT)


_HALVES = {"½": "a half", "¼": "a quarter", "¾": "three quarters"}


def _shillings(number: str) -> str:
    return f"{cardinal(number)} {'shilling' if number == '1' else 'shillings'}"


def _pence(number: str | None, part: str | None) -> str:
    if not number or (part and number == "0"):
        return {"½": "a halfpenny", "¼": "a farthing", "¾": "three farthings"}[part or "½"]
    if part:
        return f"{cardinal(number)} and {_HALVES[part]} pence"
    return f"{cardinal(number)} {'penny' if number == '1' else 'pence'}"


@rule(
    "currency",
    r"(?<![\w.,$£/-])(?:(?P<pounds>\d{1,6}(?:,\d{3})*)l\.?,? )?(?P<shillings>\d{1,4})s\.?,? (?:and )?"
    r"(?:(?P<pence>\d{1,2})?(?P<part>[½¼¾])?)d(?:\.|(?!\w))(?!\w)",
    NUMERIC,
)
def _shillings_and_pence(match: re.Match[str]) -> str | None:
    if not match["pence"] and not match["part"]:
        return None
    spoken = f"{_money('£', match['pounds'], None, None)} " if match["pounds"] else ""
    return f"{spoken}{_shillings(match['shillings'])} and {_pence(match['pence'], match['part'])}" + stop(
        match, CAPITAL_NEXT
    )


@rule("currency", r"(?<![\w.,$£/-])(\d{1,6}(?:,\d{3})*)l\.?,? (\d{1,2})s\.(?!\w)", NUMERIC)
def _pounds_and_shillings(match: re.Match[str]) -> str:
    return f"{_money('£', match[1], None, None)} {_shillings(match[2])}" + stop(match, CAPITAL_NEXT)


@rule("currency", r"(?<![\w.,$£/-])(\d{1,3})s\.(?!\w)", NUMERIC)
def _only_shillings(match: re.Match[str]) -> str | None:
    before = re.search(r"(\w+) \Z", match.string[max(0, match.start() - 12) : match.start()])
    decade = match[1] in ("20", "30", "40", "50", "60", "70", "80", "90")
    if (
        decade
        and before
        and before[1].lower() in ("the", "his", "her", "their", "my", "early", "mid", "late", "low", "high")
    ):
        return None
    return _shillings(match[1]) + stop(match, CAPITAL_NEXT)


@rule(
    "currency",
    r"(?<![\w.,$£/-])(?:(\d{1,3})([½¼¾])?|([½¼¾]))d\.(?!\w)|(?<![\w.,$£/-])(\d{1,3})([½¼¾])d(?!\w)",
    NUMERIC + "½¼¾",
)
def _only_pence(match: re.Match[str]) -> str:
    return _pence(match[1] or match[4], match[2] or match[3] or match[5]) + stop(match, CAPITAL_NEXT)


@rule("currency", r"(?<![\w.,$£/-])(\d{1,6}(?:,\d{3})*)l\.(?!\w)", NUMERIC)
def _pounds(match: re.Match[str]) -> str:
    return _money("£", match[1], None, None) + stop(match, CAPITAL_NEXT)


@rule("currency", r"(?<![\w.,$£/-])(\d{1,3})/(?:-|–)(?!\w)", "/")
def _slash_shillings(match: re.Match[str]) -> str:
    return f"{cardinal(match[1])} shilling" if match[1] == "1" or _is_adjective(match) else _shillings(match[1])


@rule(
    "currency",
    r"(?<![\w.,$£/-])(?P<shillings>\d{1,2})/(?P<pence>\d|1[01])(?P<d>d\.?)?(?![\w/]|[.,]\d)",
    "/",
)
def _two_and_six(match: re.Match[str]) -> str | None:
    before = match.string[max(0, match.start() - 8) : match.start()]
    after = match.string[match.end() : match.end() + 12]
    priced = re.search(r"\b(?i:at|for|costs?|paid|worth|price)(?: of)? \Z", before)
    if not match["d"] and not (priced and re.match(r"[,.;)]| (?:the|a|an|each|per|apiece|net|and)\b|\Z", after)):
        return None
    return f"{cardinal(match['shillings'])} and {cardinal(match['pence'])}"


_NOT_A_NOUN = (
    "of in to for a an the and or is was were are he she it they we i you from per each at more worth less on "
    "by with that "
    "which who as if but than had has have would will could into out up back only apiece an for every when "
    "while then now"
)
_PRICED = (
    "bill|note|coin|piece|loan|fine|fee|prize|ticket|reward|question|deal|fund|debt|bet|tip|budget|stamp|cheque|check"
)


def _is_adjective(match: re.Match[str]) -> bool:
    """Whether an amount says of what kind the noun after it is: a $5 bill."""
    before = re.search(r"(\w+) \Z", match.string[max(0, match.start() - 10) : match.start()])
    after = re.match(r" ([a-z]+)", match.string[match.end() : match.end() + 24])
    if before is None or after is None:
        return False
    article = before[1].lower()
    if article in ("a", "an", "another", "every", "each"):
        return after[1] not in _NOT_A_NOUN.split()
    return article in ("the", "this", "that", "his", "her", "my", "your", "our", "their", "one", "no") and bool(
        re.fullmatch(_PRICED, after[1])
    )


@rule(
    "currency",
    rf"(?P<symbol>[$£€¥₹])(?P<low>{WHOLE})(?:\.(?P<cents>\d{{1,10}}))?\s?[-–]\s?(?P=symbol)?"
    rf"(?P<whole>{WHOLE})(?:\.(?P<fraction>\d{{1,10}}))?{_SCALE}(?![\d-])",
    "$£€¥₹",
)
def _money_range(match: re.Match[str]) -> str:
    low = amount(match["low"], match["cents"])
    return f"{low} to {_money(match['symbol'], match['whole'], match['fraction'], match['scale'])}"


@rule(
    "currency",
    rf"(?:(?<!\w)(?P<minus>[-−]))?(?:(?<!\w)(?P<country>US|NZ|HK|A|C))?(?P<symbol>[$£€¥₹])\s?"
    rf"(?P<whole>{WHOLE})(?:\.(?P<fraction>\d{{1,10}}))?{_SCALE}",
    "$£€¥₹",
)
def _symbol_money(match: re.Match[str]) -> str:
    country = _COUNTRIES.get(match["country"] or "", "")
    spoken = _money(match["symbol"], match["whole"], match["fraction"], match["scale"], country)
    if _is_adjective(match):
        one, many, _, minor = _CURRENCIES[match["symbol"]]
        spoken = spoken.removesuffix(many) + one if spoken.endswith(many) else spoken
        if f" {many} and " in spoken:  # a $3.50 book
            spoken = spoken.replace(f" {many} and ", f" {one} ").removesuffix(f" {minor}")
    after = match.string[match.end() : match.end() + 1]
    return ("minus " if match["minus"] else "") + spoken + (" " if after.isalpha() else "")


@rule(
    "currency",
    rf"(?<![\w.,])(?P<whole>{WHOLE})(?:\.(?P<fraction>\d{{1,10}}))?\s?"
    r"(?P<symbol>[€£¥₹]|(?:USD|EUR|GBP|JPY|INR)(?!\w))",
    NUMERIC,
)
def _money_symbol(match: re.Match[str]) -> str:
    return _money(_CODES.get(match["symbol"], match["symbol"]), match["whole"], match["fraction"], None)


@rule("currency", r"(?P<symbol>[$£€])\.(?P<minor>\d\d)(?!\d)", "$£€")
def _only_minor(match: re.Match[str]) -> str:
    return _money(match["symbol"], "0", match["minor"], None)


@rule("currency", r"(?<![\w.,])(\d{1,6})\s?¢", "¢")
def _cents(match: re.Match[str]) -> str:
    return f"{cardinal(match[1])} {'cent' if match[1] == '1' or _is_adjective(match) else 'cents'}"


RULES = (
    _old_money,
    _shillings_and_pence,
    _pounds_and_shillings,
    _only_shillings,
    _only_pence,
    _pounds,
    _slash_shillings,
    _two_and_six,
    _only_minor,
    _money_range,
    _symbol_money,
    _money_symbol,
    _cents,
)
