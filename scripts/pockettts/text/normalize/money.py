"""Amounts of money."""

from __future__ import annotations

import re

from pockettts.text.normalize.rules import CAPITAL_NEXT, WHOLE, rule, stop
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
    said = f"{_money('£', match[1], None, None)} {cardinal(match[2])} {shillings}"
    if match[3]:
        said += f" {cardinal(match[3])} {'penny' if match[3] == '1' else 'pence'}"
    return said + stop(match, CAPITAL_NEXT)


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
    said = _money(match["symbol"], match["whole"], match["fraction"], match["scale"], country)
    after = match.string[match.end() : match.end() + 1]
    return ("minus " if match["minus"] else "") + said + (" " if after.isalpha() else "")


@rule(
    "currency",
    rf"(?<![\w.,])(?P<whole>{WHOLE})(?:\.(?P<fraction>\d{{1,10}}))?\s?"
    r"(?P<symbol>[€£¥₹]|(?:USD|EUR|GBP|JPY|INR)(?!\w))",
    "€£¥₹DRPYN",
)
def _money_symbol(match: re.Match[str]) -> str:
    return _money(_CODES.get(match["symbol"], match["symbol"]), match["whole"], match["fraction"], None)


@rule("currency", r"(?<![\w.,])(\d{1,6})\s?¢", "¢")
def _cents(match: re.Match[str]) -> str:
    return f"{cardinal(match[1])} {'cent' if match[1] == '1' else 'cents'}"


RULES = (
    _old_money,
    _money_range,
    _symbol_money,
    _money_symbol,
    _cents,
)
