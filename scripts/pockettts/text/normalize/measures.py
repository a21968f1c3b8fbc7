"""Percent, units of measure and fractions; the number before a unit is left to the rules of numbers."""

from __future__ import annotations

import re

from pockettts.text.normalize.rules import CAPITAL_NEXT, NUMERIC, WHOLE, Rule, rule, stop
from pockettts.text.normalize.words import cardinal

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
    "° F": "degree Fahrenheit", "°": "degree", "kts": "knot", "doz": "dozen/dozen",
}  # fmt: skip
_UNIT = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))


def _unit_plural(name: str) -> str:
    if "/" in name:
        return name.split("/")[1]
    head, _, rest = name.partition(" ")
    if head in ("square", "cubic", "kilowatt") and rest:
        return f"{name}s"
    return f"{head}s {rest}".strip()


@rule(
    "units",
    rf"(?P<number>(?<![\w.,$£€])(?:(?:{WHOLE})(?:\.\d{{1,20}})?|\.\d{{1,20}})|[½¼¾⅓⅔⅛])"
    rf"(?P<space>\s?)(?P<unit>{_UNIT})(?![\w'’/²³])(?:(?<![VW])\.|(?!\.\s))",
    NUMERIC + "½¼¾⅓⅔⅛",
)
def _unit(match: re.Match[str]) -> str:
    name = _UNITS[match["unit"]]
    single = match["number"] == "1"
    spoken = name.split("/")[0] if single else _unit_plural(name)
    return f"{match['number']} {spoken}" + stop(match, CAPITAL_NEXT)


@rule(
    "units",
    r"(?<![\w.,])(?P<degrees>\d{1,3})° ?(?P<minutes>\d{1,2})['′’](?: ?(?P<seconds>\d{1,2})(?:[\"″”]|''))?"
    r"(?: ?(?P<point>[NSEW])(?!\w)\.?)?",
    "°",
)
def _angle(match: re.Match[str]) -> str:
    spoken = f"{match['degrees']} {'degree' if match['degrees'] == '1' else 'degrees'} {match['minutes']} "
    spoken += "minute" if match["minutes"] == "1" else "minutes"
    if match["seconds"]:
        spoken += f" {match['seconds']} {'second' if match['seconds'] == '1' else 'seconds'}"
    point = {"N": " north", "S": " south", "E": " east", "W": " west"}.get(match["point"] or "", "")
    return spoken + point + stop(match)


@rule("units", r"(?<![\w.,$£€])(?P<number>\d{1,4}(?:\.\d{1,4})?|[½¼¾]) ?in\.(?!\w)", NUMERIC)
def _inches(match: re.Match[str]) -> str:
    return f"{match['number']} {'inch' if match['number'] == '1' else 'inches'}" + stop(match, CAPITAL_NEXT)


@rule(
    "units",
    r"(?<![\w.,$£€])(?P<number>\d{1,3})(?:in(?!\w)| ?(?P<feet>ft\.?|feet) (?P<more>\d{1,2}) ?in(?:\.|(?!\w)))",
    NUMERIC,
)
def _feet_and_inches(match: re.Match[str]) -> str:
    inches = match["more"] or match["number"]
    spoken = f"{inches} {'inch' if inches == '1' else 'inches'}"
    if match["feet"]:
        spoken = f"{match['number']} {'foot' if match['number'] == '1' else 'feet'} {spoken}"
    return spoken + stop(match, CAPITAL_NEXT)


@rule("units", r"(?<![\w.,$£€])(\d{1,2}) ?st\.? (\d{1,2}) ?lbs?(?:\.|(?!\w))(?!\w)", NUMERIC)
def _stone(match: re.Match[str]) -> str:
    return f"{match[1]} stone {match[2]} {'pound' if match[2] == '1' else 'pounds'}" + stop(match, CAPITAL_NEXT)


_COUNTED_MILLIONS = (
    "people|men|women|children|voters|users|copies|years|dollars|pounds|euros|viewers|readers|listeners|tonnes|tons|"
    "inhabitants|jobs|homes|households|passengers|visitors|members|patients|soldiers|workers|acres|barrels|shares"
)


@rule("units", rf"(?<![\w.,$£€])(\d{{1,4}}(?:\.\d{{1,3}})?) ?m(?= (?:{_COUNTED_MILLIONS})(?!\w))", NUMERIC)
def _millions(match: re.Match[str]) -> str:
    return f"{match[1]} million"


@rule("units", r"(?<![\w.,])(\d{1,2})['′]\s?(\d{1,2})(?:[\"″]|'')", NUMERIC)
def _feet(match: re.Match[str]) -> str:
    return f"{cardinal(match[1])} {'foot' if match[1] == '1' else 'feet'} {cardinal(match[2])}"


_FRACTIONS = {
    "½": "half", "⅓": "one third", "⅔": "two thirds", "¼": "one quarter", "¾": "three quarters", "⅕": "one fifth",
    "⅖": "two fifths", "⅗": "three fifths", "⅘": "four fifths", "⅙": "one sixth", "⅚": "five sixths", "⅛": "one eighth",
    "⅐": "one seventh", "⅑": "one ninth", "⅒": "one tenth", "⅜": "three eighths", "⅝": "five eighths",
    "⅞": "seven eighths",
}  # fmt: skip
_DENOMINATORS = {
    2: "half", 3: "third", 4: "quarter", 5: "fifth", 6: "sixth", 7: "seventh", 8: "eighth", 9: "ninth", 10: "tenth",
    12: "twelfth", 16: "sixteenth", 32: "thirty-second", 64: "sixty-fourth",
}  # fmt: skip


@rule("symbols", r"(?:(?<![\w.,])(\d{1,6})\s?)?([½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞⅐⅑⅒])", "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞⅐⅑⅒")
def _vulgar(match: re.Match[str]) -> str:
    part = _FRACTIONS[match[2]]
    after = " " if match.string[match.end() : match.end() + 1].isalnum() else ""
    if not match[1]:
        return ("one half" if part == "half" else part) + after
    return f"{cardinal(match[1])} and {'a half' if part == 'half' else part}{after}"


@rule("symbols", r"(?<![\w/.,-])(?:(\d{1,4}) )?(\d{1,2})/(\d{1,2})(?:ths?|rds?)?(?![\w/]|[.,]\d)", "/")
def _fraction(match: re.Match[str]) -> str | None:
    over, under = int(match[2]), int(match[3])
    if (over, under) in ((24, 7), (9, 11)):
        return match[0].replace("/", " ")
    name = _DENOMINATORS.get(under)
    if name is None or not 0 < over < under:
        return None
    many = name if over == 1 else "halves" if name == "half" else f"{name}s"
    spoken = f"{cardinal(str(over))} {many}"
    return f"{cardinal(match[1])} and {spoken}" if match[1] else spoken


RULES = (
    Rule("percent", r"(?<=\d)\s?%\s?[-–]\s?(?=\d)", " percent to ", "%"),
    Rule("percent", r"(?<=\d)\s?%", " percent", "%"),
    Rule("percent", r"(?<=\d)\s?‰", " per mille", "‰"),
    _angle,
    _millions,
    _feet_and_inches,
    _stone,
    _inches,
    _unit,
    _feet,
)


FRACTIONS = (
    _vulgar,
    _fraction,
)
