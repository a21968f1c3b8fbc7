"""Written forms to words: the step between a cleaned paragraph and its sentences.

English has rules for numbers, dates, money, abbreviations and the rest, each group with a switch in `NormalizeConfig`.
Number words follow one style, without "and": 1,234 is "one thousand two hundred thirty-four". Other languages have
num2words' own cardinals, decimals and unmistakable ordinals, and a few symbols; nothing that could guess wrong.

A rule is a pattern and a function of the match that answers None to leave it alone; rules run in order, and each
pattern is bounded, so that no input makes one slow.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from pockettts.config import NormalizeConfig
from pockettts.text.dictionary import PLACEHOLDERS
from pockettts.text.mapped import Mapped, Replacement, word_set
from pockettts.text.roman import roman_value

# --- numbers ---------------------------------------------------------------------------------------------------------

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_LONGEST_NUMBER = 15


@lru_cache(maxsize=8192)
def _num2words(number: int, to: str) -> str:
    from num2words import num2words

    return str(num2words(number, to=to)).replace(" and ", " ").replace(",", "")


def cardinal(digits: str) -> str:
    """Words for a whole number in digits, commas allowed; digit by digit with leading zeros or beyond 15 digits."""
    plain = digits.replace(",", "")
    if len(plain) > _LONGEST_NUMBER or (len(plain) > 1 and plain[0] == "0"):
        return by_digit(plain)
    return _num2words(int(plain), "cardinal")


def by_digit(digits: str) -> str:
    """Each digit as a word: 007 is zero zero seven."""
    return " ".join(_DIGITS[int(digit)] for digit in digits if digit.isdecimal())


def ordinal(digits: str) -> str:
    """Words for the ordinal of a whole number in digits."""
    plain = digits.replace(",", "")
    return _num2words(int(plain), "ordinal") if len(plain) <= _LONGEST_NUMBER else by_digit(plain)


def decimal(whole: str, fraction: str) -> str:
    """3 and 14 are three point one four."""
    return f"{cardinal(whole)} point {by_digit(fraction)}" if whole else f"point {by_digit(fraction)}"


def year(value: int) -> str:
    """1865 is eighteen sixty-five, 1905 nineteen oh five, 1900 nineteen hundred, 2003 two thousand three."""
    century, rest = divmod(value, 100)
    if value % 1000 < 10:
        return cardinal(str(value))
    if rest == 0:
        return f"{cardinal(str(century))} hundred"
    return f"{cardinal(str(century))} {_two_digits(rest)}"


def _two_digits(value: int) -> str:
    return f"oh {_DIGITS[value]}" if value < 10 else cardinal(str(value))


def _plural(word: str) -> str:
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}es" if word.endswith("x") else f"{word}s"


def _amount(whole: str, fraction: str | None) -> str:
    return cardinal(whole) if not fraction else decimal(whole, fraction)


# --- does a full stop end a sentence as well? -------------------------------------------------------------------------

_UPPER = rf"A-ZÀ-ÖØ-Þ{PLACEHOLDERS}"
_STARTERS = (
    "The|A|An|He|She|It|They|We|I|You|His|Her|Their|Our|My|Your|Its|This|That|These|Those|There|Here|Then|When|While|"
    "Where|Why|How|What|Who|Which|If|As|At|In|On|Of|Off|To|For|From|With|Without|By|But|And|Or|So|Yet|Nor|Not|No|Yes|"
    "After|Before|Until|Since|Because|Although|Though|However|Nevertheless|Moreover|Meanwhile|Suddenly|Now|Once|One|"
    "All|Some|Many|Most|Each|Every|Everyone|Everything|Nobody|Nothing|Somebody|Someone|Something|Anyone|Only|Even|"
    "Still|"
    "Perhaps|Maybe|Well|Oh|Ah|Alas|Let|Do|Did|Does|Is|Was|Were|Are|Had|Has|Have|Can|Could|Would|Should|Will|Shall|May|"
    "Might|Must|Under|Over|Upon|Up|Down|Out|Into|Through|During|Between|Both|Either|Neither|Again|Also|Next|Later|Soon"
)
_ENDS = re.compile(rf"[\"'”’)\]]*\s*\Z|[\"”’)\]]+\s+[\"“‘(]*[{_UPPER}]|\s+[\"'“‘(]*(?:{_STARTERS})(?![\w.])")
_CAPITAL_NEXT = re.compile(rf"[\"'”’)\]]*\s*\Z|[\"”’)\]]*\s+[\"'“‘(]*[{_UPPER}]")


def _stop(match: re.Match[str], pattern: re.Pattern[str] = _ENDS) -> str:
    """A full stop if the abbreviation that ends in one also ends its sentence, else nothing."""
    return "." if match[0].endswith(".") and pattern.match(match.string, match.end()) else ""


# --- rules -----------------------------------------------------------------------------------------------------------

Group = Literal[
    "numbers", "ordinals", "decimals", "years", "dates", "times", "currency", "percent", "units", "roman",
    "abbreviations", "initials", "urls", "symbols", "capitals",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Rule:
    """`needs` is a cheap test: without one of these characters in the text the pattern is not tried (empty: always)."""

    group: Group
    needs: str
    pattern: re.Pattern[str]
    say: Replacement


_RULES: list[_Rule] = []


def _rule(
    group: Group, pattern: str, needs: str = "", flags: int = 0
) -> Callable[[Callable[[re.Match[str]], str | None]], Callable[[re.Match[str]], str | None]]:
    def add(say: Callable[[re.Match[str]], str | None]) -> Callable[[re.Match[str]], str | None]:
        _RULES.append(_Rule(group, needs, re.compile(pattern, flags), say))
        return say

    return add


def _replace(group: Group, pattern: str, say: str, needs: str = "", flags: int = 0) -> None:
    _RULES.append(_Rule(group, needs, re.compile(pattern, flags), say))


_NUMERIC = "0123456789"
_WHOLE = r"\d{1,3}(?:,\d{3}){1,8}(?![\d,]\d)|\d{1,40}"

# Addresses: before anything that would take them apart.

_TLD = (
    r"(?:com|org|net|edu|gov|mil|int|info|biz|io|dev|app|ai|eu|uk|de|fr|es|pt|nl|ie|ca|au|nz|us|ch|jp|cn|ru|br|"
    r"co\.uk|org\.uk|ac\.uk|com\.au)"
)
_URL_WORDS = {
    ".": " dot ", "/": " slash ", "-": " dash ", "_": " underscore ", "?": " question mark ", "=": " equals ",
    "&": " and ", "#": " hash ", ":": " colon ", "@": " at ", "%": " percent ", "~": " tilde ", "+": " plus ",
    ",": " comma ", ";": " semicolon ", "!": " exclamation mark ",
}  # fmt: skip


def _spell_address(address: str) -> str:
    address = re.sub(r"^(?:https?|ftp)://|^mailto:", "", address).rstrip("/")
    address = re.sub(r"^www\.", "w w w.", address)
    spelled = "".join(_URL_WORDS.get(character, character) for character in address)
    spelled = re.sub(r"\d", lambda match: f" {_DIGITS[int(match[0])]} ", spelled)
    return " ".join(spelled.split())


@_rule(
    "urls", r"(?<![\w@])(?:mailto:)?[A-Za-z0-9][\w.+%-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,24}(?!\w)", "@"
)
def _email(match: re.Match[str]) -> str:
    return _spell_address(match[0])


@_rule("urls", r"(?:https?://|ftp://|(?<!\w)www\.)[^\s<>\"“”]{1,2000}", ":.")
def _url(match: re.Match[str]) -> str:
    address = match[0].rstrip(".,;:!?)]}'’")
    return _spell_address(address) + match[0][len(address) :]


@_rule(
    "urls",
    rf"(?<![\w@./-])(?:[a-z0-9](?:[a-z0-9-]{{0,62}})\.){{1,4}}{_TLD}(?![\w-])(?:/[^\s<>\"“”]{{0,1000}})?",
    ".",
)
def _bare_url(match: re.Match[str]) -> str:
    address = match[0].rstrip(".,;:!?)]}'’")
    return _spell_address(address) + match[0][len(address) :]


# Dates.

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_MONTH = (
    r"(?P<month>January|February|March|April|May|June|July|August|September|October|November|December"
    r"|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)(?:\.|(?=\s)))"
)


def _month(written: str) -> str:
    return next(name for name in _MONTHS if name.startswith(written.rstrip(".")[:3]))


def _dated(day_and_month: str, written_year: str | None) -> str:
    return f"{day_and_month}, {year(int(written_year))}" if written_year else day_and_month


def _is_day(written: str) -> bool:
    return 1 <= int(written) <= 31


@_rule("dates", r"(?<![\w./-])(\d{4})-(\d{2})-(\d{2})(?![\w-]|\.\d)", _NUMERIC)
def _iso_date(match: re.Match[str]) -> str | None:
    if not (1 <= int(match[2]) <= 12 and _is_day(match[3])):
        return None
    return _dated(f"{_MONTHS[int(match[2]) - 1]} {ordinal(str(int(match[3])))}", match[1])


@_rule("dates", r"(?<![\w./-])(\d{1,2})([/.])(\d{1,2})\2(\d{4})(?![\w/]|\.\d)", _NUMERIC)
def _slashed_date(match: re.Match[str]) -> str:
    first, second = int(match[1]), int(match[3])
    if first > 12 >= second >= 1 and first <= 31:
        return _dated(f"the {ordinal(str(first))} of {_MONTHS[second - 1]}", match[4])
    if second > 12 >= first >= 1 and second <= 31:
        return _dated(f"{_MONTHS[first - 1]} {ordinal(str(second))}", match[4])
    mark = " slash " if match[2] == "/" else " point "
    return f"{cardinal(str(first))}{mark}{cardinal(str(second))}{mark}{year(int(match[4]))}"


@_rule(
    "dates",
    rf"(?<![\w.,:/-])(?:[Tt]he )?(?P<day>\d{{1,2}})(?:st|nd|rd|th|d)?,? (?:day )?(?:of )?{_MONTH}"
    r"(?!\w)(?:,? (?P<year>1\d{3}|20\d{2})(?![\w-]|[.,]\d))?",
    _NUMERIC,
)
def _day_month(match: re.Match[str]) -> str | None:
    if not _is_day(match["day"]):
        return None
    article = "The" if match[0].startswith("T") else "the"
    said = _dated(f"{article} {ordinal(match['day'])} of {_month(match['month'])}", match["year"])
    return said + _stop(match, _CAPITAL_NEXT)


_NOT_A_DAY = r"(?![\w%:/]|[.,]\d| ?(?:o['’]clock|[ap]\.?m\b|%|million|thousand|hundred|miles|men|people|years|feet))"


@_rule("dates", rf"(?<!\w){_MONTH} (?P<day>\d{{1,2}})\s?[-–]\s?(?P<last>\d{{1,2}}){_NOT_A_DAY}", _NUMERIC)
def _month_days(match: re.Match[str]) -> str | None:
    if not (_is_day(match["day"]) and _is_day(match["last"])):
        return None
    return f"{_month(match['month'])} {ordinal(match['day'])} to {ordinal(match['last'])}"


@_rule(
    "dates",
    rf"(?<!\w){_MONTH} (?:the )?(?P<day>\d{{1,2}})(?:st|nd|rd|th|d)?{_NOT_A_DAY}"
    r"(?:,? (?P<year>1\d{3}|20\d{2})(?![\w-]|[.,]\d))?",
    _NUMERIC,
)
def _month_day(match: re.Match[str]) -> str | None:
    if not _is_day(match["day"]):
        return None
    return _dated(f"{_month(match['month'])} {ordinal(match['day'])}", match["year"])


@_rule("dates", rf"(?<!\w){_MONTH}(?P<comma>,?) (?P<year>1\d{{3}}|20\d{{2}})(?![\w-]|[.,]\d)", _NUMERIC)
def _month_year(match: re.Match[str]) -> str:
    return f"{_month(match['month'])}{match['comma']} {year(int(match['year']))}"


# Times of day.


def _clock(hour: int, minute: int, half: bool) -> str:
    if minute == 0:
        if half:
            return cardinal(str(hour))
        return f"{cardinal(str(hour))} o'clock" if 1 <= hour <= 12 else f"{cardinal(str(hour))} hundred"
    return f"{cardinal(str(hour))} {_two_digits(minute)}"


@_rule(
    "times",
    r"(?<![\w.:/,])(?P<hour>1[0-2]|0?[1-9])(?:[:.](?P<minute>[0-5]\d))?\s?(?P<half>[AaPp])"
    r"(?:\.\s?[Mm]\.|[Mm]\.?(?!\w))(?!\w)",
    _NUMERIC,
)
def _half_day(match: re.Match[str]) -> str | None:
    if match[0].lower().endswith(" am") and re.match(r"\s+I\b", match.string[match.end() : match.end() + 8]):
        return None
    said = _clock(int(match["hour"]), int(match["minute"] or 0), half=True)
    return f"{said} {match['half'].lower()} m" + _stop(match, _CAPITAL_NEXT if match[0][-2:] in ("m.", "M.") else _ENDS)


@_rule(
    "times", r"(?<![\w.:/,])(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?(?![\w:]|\.\d)", ":"
)
def _time(match: re.Match[str]) -> str:
    said = _clock(int(match["hour"]), int(match["minute"]), half=match["second"] is not None)
    return f"{said} {_two_digits(int(match['second']))}" if match["second"] else said


# Money.

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
        return f"{_amount(whole, fraction)} {_SCALES[scale.lower()]} {country}{many}"
    value = int(whole.replace(",", "")[:18])
    major = f"{cardinal(whole)} {country}{one if value == 1 else many}"
    if fraction is None or fraction.strip("0") == "":
        return major
    if len(fraction) != 2:
        return f"{decimal(whole, fraction)} {country}{many}"
    minor = f"{cardinal(str(int(fraction)))} {minor_one if int(fraction) == 1 else minor_many}"
    return minor if value == 0 else f"{major} and {minor}"


@_rule("currency", r"£(\d{1,6}(?:,\d{3})*),? (\d{1,2})s\.?(?:,? (\d{1,2})d(?:\.|(?!\w)))?(?!\w)", "£")
def _old_money(match: re.Match[str]) -> str:
    shillings = "shilling" if match[2] == "1" else "shillings"
    said = f"{_money('£', match[1], None, None)} {cardinal(match[2])} {shillings}"
    if match[3]:
        said += f" {cardinal(match[3])} {'penny' if match[3] == '1' else 'pence'}"
    return said + _stop(match, _CAPITAL_NEXT)


@_rule(
    "currency",
    rf"(?P<symbol>[$£€¥₹])(?P<low>{_WHOLE})(?:\.(?P<cents>\d{{1,10}}))?\s?[-–]\s?(?P=symbol)?"
    rf"(?P<whole>{_WHOLE})(?:\.(?P<fraction>\d{{1,10}}))?{_SCALE}(?![\d-])",
    "$£€¥₹",
)
def _money_range(match: re.Match[str]) -> str:
    low = _amount(match["low"], match["cents"])
    return f"{low} to {_money(match['symbol'], match['whole'], match['fraction'], match['scale'])}"


@_rule(
    "currency",
    rf"(?:(?<!\w)(?P<minus>[-−]))?(?:(?<!\w)(?P<country>US|NZ|HK|A|C))?(?P<symbol>[$£€¥₹])\s?"
    rf"(?P<whole>{_WHOLE})(?:\.(?P<fraction>\d{{1,10}}))?{_SCALE}",
    "$£€¥₹",
)
def _symbol_money(match: re.Match[str]) -> str:
    country = _COUNTRIES.get(match["country"] or "", "")
    said = _money(match["symbol"], match["whole"], match["fraction"], match["scale"], country)
    after = match.string[match.end() : match.end() + 1]
    return ("minus " if match["minus"] else "") + said + (" " if after.isalpha() else "")


@_rule(
    "currency",
    rf"(?<![\w.,])(?P<whole>{_WHOLE})(?:\.(?P<fraction>\d{{1,10}}))?\s?"
    r"(?P<symbol>[€£¥₹]|(?:USD|EUR|GBP|JPY|INR)(?!\w))",
    "€£¥₹DRPYN",
)
def _money_symbol(match: re.Match[str]) -> str:
    return _money(_CODES.get(match["symbol"], match["symbol"]), match["whole"], match["fraction"], None)


@_rule("currency", r"(?<![\w.,])(\d{1,6})\s?¢", "¢")
def _cents(match: re.Match[str]) -> str:
    return f"{cardinal(match[1])} {'cent' if match[1] == '1' else 'cents'}"


# Percent and units: the number before them is left to the rules of numbers.

_replace("percent", r"(?<=\d)\s?%", " percent", "%")
_replace("percent", r"(?<=\d)\s?‰", " per mille", "‰")

_UNITS = {
    "km": "kilometre", "cm": "centimetre", "mm": "millimetre", "m": "metre", "mi": "mile", "yd": "yard", "yds": "yard",
    "ft": "foot/feet", "kg": "kilogram", "g": "gram", "mg": "milligram", "lb": "pound", "lbs": "pound", "oz": "ounce",
    "l": "litre", "ml": "millilitre", "ha": "hectare", "km²": "square kilometre", "m²": "square metre",
    "m³": "cubic metre", "cm²": "square centimetre", "cm³": "cubic centimetre", "mph": "mile per hour",
    "km/h": "kilometre per hour", "kph": "kilometre per hour", "m/s": "metre per second", "Hz": "hertz/hertz",
    "kHz": "kilohertz/kilohertz", "MHz": "megahertz/megahertz", "GHz": "gigahertz/gigahertz", "W": "watt",
    "kW": "kilowatt", "MW": "megawatt", "kWh": "kilowatt hour", "V": "volt", "KB": "kilobyte", "kB": "kilobyte",
    "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte", "ms": "millisecond", "sec": "second", "secs": "second",
    "min": "minute", "mins": "minute", "hr": "hour", "hrs": "hour", "dB": "decibel", "cal": "calorie",
    "kcal": "kilocalorie", "°C": "degree Celsius", "°F": "degree Fahrenheit", "° C": "degree Celsius",
    "° F": "degree Fahrenheit", "°": "degree",
}  # fmt: skip
_UNIT = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))


def _unit_plural(name: str) -> str:
    if "/" in name:
        return name.split("/")[1]
    head, _, rest = name.partition(" ")
    if head in ("square", "cubic", "kilowatt") and rest:
        return f"{name}s"
    return f"{head}s {rest}".strip()


@_rule(
    "units",
    rf"(?P<number>(?<![\w.,$£€])(?:(?:{_WHOLE})(?:\.\d{{1,20}})?|\.\d{{1,20}})|[½¼¾⅓⅔⅛])"
    rf"(?P<space>\s?)(?P<unit>{_UNIT})(?![\w'’/²³])(?:(?<![VW])\.|(?!\.\s))",
    "kcmyflogthWVKMGTBsdi°",
)
def _unit(match: re.Match[str]) -> str:
    name = _UNITS[match["unit"]]
    single = match["number"] == "1"
    said = name.split("/")[0] if single else _unit_plural(name)
    return f"{match['number']} {said}" + _stop(match, _CAPITAL_NEXT)


@_rule("units", r"(?<![\w.,])(\d{1,2})['′]\s?(\d{1,2})(?:[\"″]|'')", "'′")
def _feet(match: re.Match[str]) -> str:
    return f"{cardinal(match[1])} {'foot' if match[1] == '1' else 'feet'} {cardinal(match[2])}"


# Abbreviations that need the number after them.

_BEFORE_NUMBERS = {
    "no": "number", "nos": "numbers", "p": "page", "pp": "pages", "vol": "volume", "vols": "volumes", "ch": "chapter",
    "chap": "chapter", "chaps": "chapters", "fig": "figure", "figs": "figures", "sec": "section", "art": "article",
    "c": "circa", "ca": "circa", "bk": "book", "pt": "part",
}  # fmt: skip


@_rule("abbreviations", rf"(?<![\w.])({'|'.join(_BEFORE_NUMBERS)})\.\s?(?=\d|[IVXL]{{1,7}}\b)", ".", re.IGNORECASE)
def _before_number(match: re.Match[str]) -> str | None:
    word = _BEFORE_NUMBERS[match[1].lower()]
    if match[0][0].isupper() and len(match[1]) == 1:
        return None
    return (word.capitalize() if match[0][0].isupper() else word) + " "


# Fractions, phone numbers, ranges.

_FRACTIONS = {
    "½": "half", "⅓": "one third", "⅔": "two thirds", "¼": "one quarter", "¾": "three quarters", "⅕": "one fifth",
    "⅖": "two fifths", "⅗": "three fifths", "⅘": "four fifths", "⅙": "one sixth", "⅚": "five sixths", "⅛": "one eighth",
    "⅜": "three eighths", "⅝": "five eighths", "⅞": "seven eighths",
}  # fmt: skip
_DENOMINATORS = {
    2: "half", 3: "third", 4: "quarter", 5: "fifth", 6: "sixth", 7: "seventh", 8: "eighth", 9: "ninth", 10: "tenth",
    12: "twelfth", 16: "sixteenth", 32: "thirty-second", 64: "sixty-fourth",
}  # fmt: skip


@_rule("symbols", r"(?:(?<![\w.,])(\d{1,6})\s?)?([½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])", "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞")
def _vulgar(match: re.Match[str]) -> str:
    part = _FRACTIONS[match[2]]
    after = " " if match.string[match.end() : match.end() + 1].isalnum() else ""
    if not match[1]:
        return ("one half" if part == "half" else part) + after
    return f"{cardinal(match[1])} and {'a half' if part == 'half' else part}{after}"


@_rule("symbols", r"(?<![\w/.,-])(?:(\d{1,4}) )?(\d{1,2})/(\d{1,2})(?![\w/]|[.,]\d)", "/")
def _fraction(match: re.Match[str]) -> str | None:
    over, under = int(match[2]), int(match[3])
    if (over, under) in ((24, 7), (9, 11)):
        return match[0].replace("/", " ")
    name = _DENOMINATORS.get(under)
    if name is None or not 0 < over < under:
        return None
    many = name if over == 1 else "halves" if name == "half" else f"{name}s"
    said = f"{cardinal(str(over))} {many}"
    return f"{cardinal(match[1])} and {said}" if match[1] else said


_PHONES = (
    r"\+\d{1,3}(?:[ .-]?\(?\d{1,5}\)?){2,6}(?!\d)",
    r"\(\d{2,5}\) ?\d{3,4}[ -]?\d{3,4}(?![\w-])",
    r"(?:1-)?\d{3}-\d{3}-\d{4}(?![\w-])",
    r"0\d{2,4}[ -]\d{3,4}(?:[ -]?\d{3,4})?(?![\w-])",
    r"\d{3}-\d{4}(?<!00)(?![\w-])",
    r"\d{1,10}(?:-\d{1,10}){2,8}(?![\w-])",
)


@_rule("numbers", rf"(?<![\w.,$£€/-])(?:{'|'.join(_PHONES)})", _NUMERIC)
def _phone(match: re.Match[str]) -> str | None:
    groups = re.findall(r"\d+", match[0])
    if sum(map(len, groups)) < 7 and not match[0].startswith("0"):
        return None
    return ("plus " if match[0].startswith("+") else "") + ", ".join(by_digit(group) for group in groups)


@_rule(
    "numbers",
    rf"(?<![\w.,/:-])(?P<low>(?:{_WHOLE})(?:\.\d{{1,9}})?)(?:-|\s?–\s?)"
    rf"(?P<high>(?:{_WHOLE})(?:\.\d{{1,9}})?)(?![\w-]|[.,/:]\d)",
    "-–",
)
def _range(match: re.Match[str]) -> str:
    low, high = match["low"], match["high"]
    if len(low) == 4 and low.isdecimal() and 1000 <= int(low) < 2100 and len(high) <= 2 and high.isdecimal():
        end = _two_digits(int(high)) if len(high) == 2 else cardinal(high)
        return f"{year(int(low))} to {end}"
    return f"{low} to {high}"


# Years and decades.

_TENS = {
    "10": "tens", "20": "twenties", "30": "thirties", "40": "forties", "50": "fifties", "60": "sixties",
    "70": "seventies", "80": "eighties", "90": "nineties",
}  # fmt: skip
_YEAR_WORDS = word_set("in since until till during circa year years anno summer winter spring autumn fall copyright ©")
_MAYBE_YEAR_WORDS = word_set("of from by before after to and between early late mid the about around christmas")
_COUNT_WORDS = word_set(
    "nearly over some than least most only every exactly another these those all under up page number room no some "
    "almost roughly approximately below above times plus minus any"
)
_COUNTED = word_set("men women people children feet sheep oxen horse foot acres head cattle per percent million")
_NOT_COUNTED = word_set(
    "was is has his this as its does us thus perhaps always ours hers yours theirs across besides towards years' less "
    "unless"
)


def _is_year(match: re.Match[str]) -> bool:
    value = int(match["year"])
    before = re.search(r"(\w+|©)[\s(,]*\Z", match.string[max(0, match.start() - 24) : match.start()])
    word = before[1].lower() if before else ""
    after = re.match(r"[\s-]+([a-z]+)", match.string[match.end() : match.end() + 24])
    following = after[1] if after else ""
    counted = following in _COUNTED or (
        len(following) > 2
        and following.endswith("s")
        and following not in _NOT_COUNTED
        and not following.endswith("ss")
    )
    if word in _YEAR_WORDS:
        return value >= 1100 or not counted
    if counted or word in _COUNT_WORDS:
        return False
    return value >= 1100 or word in _MAYBE_YEAR_WORDS - {"and", "to", "about", "around", "by"}


@_rule(
    "years",
    r"(?<![\w$£€#.-])(?<!\d,)(?P<year>1\d{3}|20\d{2})(?:(?P<decade>['’]?s)(?!\w)|(?![\w]|[.,:]\d|-\d))",
    _NUMERIC,
)
def _year(match: re.Match[str]) -> str | None:
    value = int(match["year"])
    if match["decade"] == "s" or (match["decade"] and value % 10 == 0):
        century, rest = divmod(value, 100)
        if rest == 0:
            return "two thousands" if value == 2000 else f"{cardinal(str(century))} hundreds"
        tens = _TENS.get(str(rest))
        return f"{cardinal(str(century))} {tens}" if tens else f"{year(value)}s"
    if not _is_year(match):
        return None
    return year(value) + (match["decade"] or "")


@_rule("years", r"(?<![\w])['’]?([1-9]0)['’]?s(?!\w)", _NUMERIC)
def _decade(match: re.Match[str]) -> str:
    return _TENS[match[1]]


@_rule("years", r"(?<!\S)['’](\d{2})(?![\w'’])", "'’")
def _short_year(match: re.Match[str]) -> str:
    return _two_digits(int(match[1]))


# Ordinals, decimals, cardinals.


@_rule("ordinals", rf"(?<![\w.,])({_WHOLE})(?:st|nd|rd|th)(?!\w)", "snrt")
def _ordinal(match: re.Match[str]) -> str:
    return ordinal(match[1])


@_rule("ordinals", r"(?<=the )(\d{0,2}[23])d(?![\w])", "d")
def _old_ordinal(match: re.Match[str]) -> str:
    return ordinal(match[1])


_replace("numbers", r"(?:(?<=\s)|(?<=\()|\A)[-−](?=\.?\d)", "minus ", "-−")


@_rule("decimals", r"(?<![\w.,])\d{1,9}(?:\.\d{1,9}){2,9}(?![\w]|\.\d)", ".")
def _version(match: re.Match[str]) -> str:
    return " point ".join(cardinal(part) for part in match[0].split("."))


@_rule("decimals", rf"(?<![\w.,])({_WHOLE})?\.(\d{{1,40}})(?!\d|\.\d)", ".")
def _decimal(match: re.Match[str]) -> str:
    after = " " if match.string[match.end() : match.end() + 1].isalpha() else ""
    return decimal(match[1] or "", match[2]) + after


@_rule("numbers", r"\d{1,3}(?:,\d{3}){1,8}(?!\d|,\d)|\d{1,400}", _NUMERIC)
def _cardinal(match: re.Match[str]) -> str:
    text = match.string
    before = " " if text[match.start() - 1 : match.start()].isalnum() and match.start() else ""
    after = " " if text[match.end() : match.end() + 1].isalnum() else ""
    return before + cardinal(match[0]) + after


# Roman numerals: only where a name or a word before them says that they are numerals.

_RULERS = (
    "Henry|Edward|George|William|Charles|James|Richard|Louis|Philip|Francis|Frederick|Napoleon|Alexander|Nicholas|"
    "Peter|"
    "Catherine|Elizabeth|Mary|John|Paul|Pius|Leo|Gregory|Benedict|Innocent|Clement|Urban|Boniface|Wilhelm|Friedrich|"
    "Christian|Gustav|Gustavus|Ivan|Haakon|Olaf|Olav|Harald|Albert|Leopold|Umberto|Emmanuel|Ferdinand|Alfonso|Carlos|"
    "Felipe|Ptolemy|Rameses|Ramses|Ramesses|Darius|Xerxes|Cyrus|Thutmose|Amenhotep|Seti|Edmund|Robert|David|Stephen|"
    "Henri|Julius|Sixtus|Adrian|Hadrian|Celestine|Honorius|Eugene|Maximilian|Joseph|Rudolf|Otto|Conrad|Sigismund|"
    "Murad|Selim|Mehmed|Margaret|Margrethe|Beatrix|Juliana|Baldwin|Bohemond|Isabella|Kenneth|Donald|Duncan|Malcolm"
)
_COUNTERS = (
    "Chapter|Book|Part|Volume|Act|Scene|Canto|Section|Article|War|Type|Class|Phase|Figure|Table|Plate|Appendix|Epoch|"
    "Number|Psalm|Letter|Stave|Lesson|Stage|Level|Title|Division|Corps|Apollo|Mark|Olympiad|Bowl|Lecture|Fit|Numbers"
)
_NUMERAL = r"(?=[IVXLC])(?:C{0,3}(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3}))"


@_rule("roman", rf"(?<!\w)(?P<title>King |Queen |Pope |Emperor |Tsar |Czar |Prince |Kaiser )?(?P<name>{_RULERS}) "
       rf"(?P<numeral>{_NUMERAL})(?P<own>['’]s)?(?!\w)", "IVXLC")  # fmt: skip
def _ruler(match: re.Match[str]) -> str | None:
    numeral = match["numeral"]
    if (match["name"], numeral) == ("Malcolm", "X"):
        return None
    follows = match.string[match.end() : match.end() + 8]
    sure = match["title"] or match["own"] or re.match(r" of [A-Z]|[,)]? \(|\)", follows)
    if numeral in ("I", "C", "L") and not sure:
        return None
    own = "'s" if match["own"] else ""
    return f"{match['title'] or ''}{match['name']} the {ordinal(str(roman_value(numeral)))}{own}"


@_rule("roman", rf"(?<!\w)(?P<counter>(?i:{_COUNTERS})) (?P<numeral>{_NUMERAL})(?![\w'’])", "IVXLC")
def _counted(match: re.Match[str]) -> str | None:
    if match["counter"][0].islower() and len(match["numeral"]) < 2:
        return None
    if match["numeral"] in ("I", "C", "L") and not re.match(
        r"\s*[.:;,)–—-]|\s*\Z| (?:of|and|to)\b", match.string[match.end() :][:8]
    ):
        return None
    return f"{match['counter']} {cardinal(str(roman_value(match['numeral'])))}"


@_rule("roman", rf"(?<!\w)(?P<numeral>{_NUMERAL})(?:st|nd|rd|th)(?!\w)", "IVXLC")
def _roman_ordinal(match: re.Match[str]) -> str:
    return ordinal(str(roman_value(match["numeral"])))


@_rule("roman", rf"(?<!\w)(?P<numeral>(?=[IVX]{{2}}){_NUMERAL})(?= century\b)", "IVX")
def _roman_century(match: re.Match[str]) -> str:
    return ordinal(str(roman_value(match["numeral"])))


@_rule("roman", rf"(?<=[a-z] )(?P<numeral>(?=[IVX]{{2}}){_NUMERAL})(?![\w'’])", "IVX")
def _named_roman(match: re.Match[str]) -> str | None:
    before = re.search(r"([^\W\d_]+) \Z", match.string[max(0, match.start() - 30) : match.start()])
    if before is None or not before[1][0].isupper():
        return None
    return cardinal(str(roman_value(match["numeral"])))


def _heading_numerals(mapped: Mapped) -> Mapped:
    """A numeral at the start of a heading: `IV. The Title`, `XII`."""
    return mapped.sub(_HEADING_NUMERAL, lambda match: cardinal(str(roman_value(match[1]))))


_HEADING_WORD = re.compile(rf"\A(?:{_COUNTERS.upper()})(?!\w)")
_ONLY_NUMERAL = re.compile(_NUMERAL)
_HEADING_NUMERAL = re.compile(rf"\A({_NUMERAL})(?=\s*[.:–—-]|\s*\Z)")

# Abbreviations.

_BEFORE_NAMES = {
    "mr": "Mister", "mrs": "Missus", "ms": "Miz", "messrs": "Messieurs", "dr": "Doctor", "prof": "Professor",
    "rev": "Reverend", "hon": "Honourable", "gen": "General", "col": "Colonel", "capt": "Captain", "lt": "Lieutenant",
    "sgt": "Sergeant", "maj": "Major", "cmdr": "Commander", "adm": "Admiral", "gov": "Governor", "sen": "Senator",
    "rep": "Representative", "pres": "President", "fr": "Father", "mt": "Mount", "ft": "Fort", "mme": "Madame",
    "mlle": "Mademoiselle", "supt": "Superintendent", "insp": "Inspector",
}  # fmt: skip
_WITHOUT_DOT = ("mr", "mrs", "ms", "dr", "mme", "mlle", "messrs", "prof")


@_rule(
    "abbreviations",
    rf"(?<![\w.])(?P<short>(?:{'|'.join(name.capitalize() for name in _BEFORE_NAMES)}|MR|MRS|MS|DR|REV|COL|CAPT|GEN))"
    rf"(?P<dot>\.?)(?=\s+[\"'“‘(]?[{_UPPER}])",
)
def _before_name(match: re.Match[str]) -> str | None:
    short = match["short"].lower()
    if not match["dot"] and (short not in _WITHOUT_DOT or (match["short"].isupper() and short == "ms")):
        return None
    if short == "dr" and match["dot"] and _after_name(match) and _ENDS.match(match.string, match.end()):
        return "Drive."
    return _BEFORE_NAMES[short]


@_rule("abbreviations", r"(?<![\w.])(?P<short>Mrs?|Ms|Messrs)\.(?!\w)", ".")
def _before_anything(match: re.Match[str]) -> str:
    return _BEFORE_NAMES[match["short"].lower()]


_NOT_BEFORE_STREET = word_set("Mount Port Lake Fort Bury Cape Saint Old Hotel")


def _after_name(match: re.Match[str]) -> bool:
    """Whether the name of a street stands directly before: a capitalised word that is no `At`, or `42nd`."""
    before = re.search(r"([^\W_][\w'’]*) \Z", match.string[max(0, match.start() - 30) : match.start()])
    if before is None:
        return False
    word = before[1]
    if not word[0].isupper() or re.fullmatch(_STARTERS, word) or word in _NOT_BEFORE_STREET:
        return re.fullmatch(r"\d+(?:st|nd|rd|th)|first|second|third|[a-z]+th", word) is not None
    begin = match.start() - len(word) - 1
    starts_sentence = re.search(r"(?:\A|[.!?…][\"'”’]?\s+)[\"'“‘]?\Z", match.string[max(0, begin - 6) : begin])
    return starts_sentence is None or bool(_stop(match))


@_rule("abbreviations", rf"(?<![\w.])(?:St|ST)(?P<dot>\.?)(?P<next>(?=\s+[{_UPPER}])|(?!\w))")
def _saint_or_street(match: re.Match[str]) -> str | None:
    named = re.match(rf"\s+[{_UPPER}]", match.string[match.end() : match.end() + 4])
    if _after_name(match):
        return f"Street{_stop(match)}" if match["dot"] or not named else None
    if named:
        return "Saint"
    return f"Street{_stop(match)}" if match["dot"] and _stop(match) else None


_AFTER_NAMES = {
    "Jr": "Junior", "Sr": "Senior", "Esq": "Esquire", "Co": "Company", "Ltd": "Limited", "Inc": "Incorporated",
    "Corp": "Corporation", "Bros": "Brothers", "Ave": "Avenue", "Blvd": "Boulevard", "Rd": "Road",
}  # fmt: skip


@_rule("abbreviations", rf"(?<=[\w&,.] )(?P<short>{'|'.join(_AFTER_NAMES)})\.(?!\w)", ".")
def _after_names(match: re.Match[str]) -> str:
    return _AFTER_NAMES[match["short"]] + _stop(match)


_PHRASES = {
    "e.g.": "for example", "eg.": "for example", "i.e.": "that is", "ie.": "that is", "etc.": "et cetera",
    "&c.": "et cetera", "&c": "et cetera", "vs.": "versus", "viz.": "namely", "cf.": "compare", "et al.": "and others",
    "approx.": "approximately", "dept.": "department", "ibid.": "ibidem", "Ph.D.": "P H D", "Ph.D": "P H D",
    "Jan.": "January", "Feb.": "February", "Aug.": "August", "Sept.": "September", "Oct.": "October",
    "Nov.": "November",
    "Dec.": "December",
}  # fmt: skip
_PHRASE = "|".join(re.escape(phrase) for phrase in sorted(_PHRASES, key=len, reverse=True))


@_rule("abbreviations", rf"(?<![\w.&])(?:{_PHRASE}|E\.g\.|I\.e\.|e\. g\.|i\. e\.)(?!\w)", ".&")
def _phrase(match: re.Match[str]) -> str:
    written = match[0].replace(". ", ".")
    said = _PHRASES.get(written) or _PHRASES[written.lower()]
    return (said.capitalize() if match[0][0].isupper() and said[0].islower() else said) + _stop(match)


# Initials.

_LETTERED = word_set("vitamin plan type class grade section point exhibit appendix figure group team option hepatitis")


@_rule("initials", r"(?<![\w.])(?:[A-Za-z]\.){2,12}(?:[A-Z](?![\w.]))?(?!\w)", ".")
def _dotted(match: re.Match[str]) -> str:
    said = " ".join(letter for letter in match[0] if letter != ".")
    pattern = _CAPITAL_NEXT if said in ("a m", "p m") else _ENDS
    return said + _stop(match, pattern)


@_rule("initials", rf"(?<![\w.'’-])[A-Z]\.(?:\s?[A-Z]\.){{0,8}}(?=\s?[{_UPPER}])", ".")
def _initials(match: re.Match[str]) -> str | None:
    letters = re.findall("[A-Z]", match[0])
    if len(letters) == 1:
        before = re.search(r"(\w+)\s\Z", match.string[max(0, match.start() - 24) : match.start()])
        if letters[0] == "I" or (before and before[1].lower() in _LETTERED) or _stop(match):
            return None
    spaced = "" if match.string[match.end() : match.end() + 1].isspace() else " "
    return " ".join(letters) + _stop(match) + spaced


# Symbols.

_replace("symbols", r"(?<!\w)([Aa])nd/or(?!\w)", "and or", "/")
_replace("symbols", r"\s?&\s?", " and ", "&")
_replace("symbols", r"(?<=\w)\s?@\s?(?=\w)", " at ", "@")
_replace(
    "symbols", r"#(?=\s?\d|\s?(?:one|two|three|four|five|six|seven|eight|nine|ten|[a-z]+(?:teen|ty))\b)", "number ", "#"
)
_replace("symbols", r"(?<=\b[A-G])#(?!\w)", " sharp", "#")
_replace("symbols", r"#(?=[^\W\d_])", "hashtag ", "#")
_replace("symbols", r"(?<=[\w)])\s?\+\s?(?=[\w(])|(?<!\S)\+(?=\w)", " plus ", "+")
_replace("symbols", r"(?<=\w)\+(?!\w)", " plus", "+")
_replace("symbols", r"(?<=[\w)])\s?=\s?(?=[\w(])", " equals ", "=")
_replace("symbols", r"(?<=[\w)])\s?×\s?(?=[\w(])", " times ", "×")
_replace("symbols", r"(?<=[\w)])\s?÷\s?(?=[\w(])", " divided by ", "÷")
_replace("symbols", r"(?<=\w) <\s(?=\w)", " less than ", "<")
_replace("symbols", r"(?<=\w) >\s(?=\w)", " greater than ", ">")
_replace("symbols", r"\s?°", " degrees", "°")
_replace("symbols", r"§+\s?", "section ", "§")
_replace("symbols", r"©\s?", "copyright ", "©")
_replace("symbols", r"(?<=\w)\s?%", " percent", "%")
_replace("symbols", r"~(?=\w)", "about ", "~")
_replace("symbols", r"(?<=\w)\s?/\s?(?=\w)", " slash ", "/")
_replace("symbols", r"(?<=[a-z]{2})\.(?=[a-z]{2})", " dot ", ".")


@_rule("symbols", r"(?<!\w)[Α-ΡΣ-Ωα-ρσ-ω](?!\w)")
def _greek(match: re.Match[str]) -> str:
    return unicodedata.name(match[0]).rsplit(" ", 1)[-1].lower()


# Capitals: emphasis and headings, which a model may spell out.

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
_CAPITAL_RUN = re.compile(r"(?<![\w'’.-])[A-ZÀ-ÖØ-Þ][A-ZÀ-ÖØ-Þ'’]*(?:[ -][A-ZÀ-ÖØ-Þ][A-ZÀ-ÖØ-Þ'’]*){0,400}(?![\w])")
_CAPITAL_WORD = re.compile(r"[^\W\d_][^\W\d_'’]*(?:['’][^\W\d_]+)*")


def _lowered(run: str) -> str:
    def one(match: re.Match[str]) -> str:
        word = match[0]
        plain = word.lower().replace("’", "'")
        if plain == "i" or plain.startswith("i'"):
            return word[0] + word[1:].lower()
        lowered = word.lower() if plain in _SMALL else word[0] + word[1:].lower()
        return lowered if len(lowered) == len(word) else word

    return _CAPITAL_WORD.sub(one, run)


_LONGER_THAN_INITIALS = 6  # words in capitals of this length are said as words, acronyms such as UNESCO too


@_rule("capitals", _CAPITAL_RUN.pattern)
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


def _heading_case(mapped: Mapped) -> Mapped:
    """A heading in capitals as one in title case, its numerals left; in others only `CHAPTER` and its like."""
    letters = [character for character in mapped.text if character.isalpha()]
    if sum(character.isupper() for character in letters) * 10 < len(letters) * 7 or len(letters) < 4:
        return mapped.sub(_HEADING_WORD, lambda match: match[0].capitalize())
    return mapped.sub(_CAPITAL_WORD, lambda match: None if _ONLY_NUMERAL.fullmatch(match[0]) else _lowered(match[0]))


# --- other languages -------------------------------------------------------------------------------------------------

_WORDS = {
    "fr": {"&": "et", "%": "pour cent", "€": "euros", "+": "plus", "=": "égale"},
    "de": {"&": "und", "%": "Prozent", "€": "Euro", "+": "plus", "=": "gleich"},
    "es": {"&": "y", "%": "por ciento", "€": "euros", "+": "más", "=": "igual a"},
    "it": {"&": "e", "%": "per cento", "€": "euro", "+": "più", "=": "uguale a"},
    "pt": {"&": "e", "%": "por cento", "€": "euros", "+": "mais", "=": "igual a"},
    "nl": {"&": "en", "%": "procent", "€": "euro", "+": "plus", "=": "is"},
}
_ORDINAL_MARKS = {"fr": "er|re|e|ème|eme", "es": "º|°", "it": "º|°", "pt": "º|°", "nl": "e|ste|de"}
_FOREIGN_NUMBER = re.compile(
    r"(?<![\w.,:/-])(?P<whole>\d{1,3}(?:\.\d{3}){1,4}(?![\d.])|\d{1,15})(?:,(?P<fraction>\d{1,9}))?(?![\w:/-]|[.,]\d)"
)


def _foreign(number: str, language: str, to: str) -> str | None:
    from num2words import num2words

    try:
        return str(num2words(Decimal(number) if "." in number else int(number), lang=language, to=to))
    except (NotImplementedError, ValueError, OverflowError, KeyError, IndexError, TypeError):
        return None


def _normalize_foreign(mapped: Mapped, config: NormalizeConfig, language: str) -> Mapped:
    def number(match: re.Match[str]) -> str | None:
        whole, fraction = match["whole"].replace(".", ""), match["fraction"]
        if (len(whole) > 1 and whole[0] == "0") or (fraction and not config.decimals):
            return None
        return _foreign(f"{whole}.{fraction}" if fraction else whole, language, "cardinal")

    if any(character.isdecimal() for character in mapped.text):
        if config.ordinals and language in _ORDINAL_MARKS:
            pattern = re.compile(rf"(?<![\w.,])(\d{{1,9}})(?:{_ORDINAL_MARKS[language]})(?!\w)")
            mapped = mapped.sub(pattern, lambda match: _foreign(match[1], language, "ordinal"))
        if config.numbers:
            mapped = mapped.sub(_FOREIGN_NUMBER, number)
    if config.symbols:
        for symbol, word in _WORDS.get(language, {}).items():
            if symbol in mapped.text:
                mapped = mapped.sub(re.compile(rf"\s?{re.escape(symbol)}\s?"), f" {word} ")
    return mapped


# --- the way in ------------------------------------------------------------------------------------------------------


def normalize(mapped: Mapped, config: NormalizeConfig, language: str = "en", heading: bool = False) -> Mapped:
    """Turn what is written in figures, signs and abbreviations into words, keeping the map to the source.

    `language` is a two-letter code (see `language_code`); `heading` also reads a leading roman numeral and lowers
    capitals. Placeholders of the dictionary pass through untouched.
    """
    if language != "en":
        return _normalize_foreign(mapped, config, language)
    if config.capitals and (heading or (" " in mapped.text[:400] and len(mapped) < 400 and mapped.text.isupper())):
        mapped = _heading_case(mapped)
    if heading and config.roman:
        mapped = _heading_numerals(mapped)
    characters = set(mapped.text)
    for rule in _RULES:
        if (not rule.needs or not characters.isdisjoint(rule.needs)) and getattr(config, rule.group):
            changed = mapped.sub(rule.pattern, _at_sentence_start(rule.say))
            if changed is not mapped:
                mapped, characters = changed, set(changed.text)
    return mapped


_AFTER_SENTENCE = re.compile(r"[.!?…][\"'”’)\]]{0,3}\s+[\"'“‘(\[]{0,3}\Z")


def _at_sentence_start(say: Replacement) -> Callable[[re.Match[str]], str | None]:
    """The words for a figure or sign that begins a sentence begin it with a capital, or the border would be lost."""

    def said(match: re.Match[str]) -> str | None:
        new = say if isinstance(say, str) else say(match)
        if new and new[0].islower() and not match[0][0].islower():
            begin = match.start()
            if _AFTER_SENTENCE.search(match.string[max(0, begin - 8) : begin]):
                return new[0].upper() + new[1:]
        return new

    return said
