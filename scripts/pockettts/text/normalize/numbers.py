"""Telephone numbers, ranges, ordinals, decimals, cardinals."""

from __future__ import annotations

import re

from pockettts.text.normalize.rules import NUMERIC, WHOLE, Rule, compiled, rule
from pockettts.text.normalize.words import by_digit, cardinal, decimal, ordinal, two_digits, year

_PHONES = (
    r"\+\d{1,3}(?:[ .-]?\(?\d{1,5}\)?){2,6}(?!\d)",
    r"\(\d{2,5}\) ?\d{3,4}[ -]?\d{3,4}(?![\w-])",
    r"(?:1-)?\d{3}-\d{3}-\d{4}(?![\w-])",
    r"0\d{2,4}[ -]\d{3,4}(?:[ -]?\d{3,4})?(?![\w-])",
    r"\d{3}-\d{4}(?<!00)(?![\w-])",
    r"\d{1,10}(?:-\d{1,10}){2,8}(?![\w-])",
)


@rule("numbers", rf"(?<![\w.,$£€/-])(?:{'|'.join(_PHONES)})", NUMERIC)
def _phone(match: re.Match[str]) -> str | None:
    groups = re.findall(r"\d+", match[0])
    if sum(map(len, groups)) < 7 and not match[0].startswith("0"):
        return None
    return ("plus " if match[0].startswith("+") else "") + ", ".join(by_digit(group) for group in groups)


# `Listing 3-1` and `Figures 3-1 and 3-4` are labels; `Figures 3-4` is a range.
_LABELS = "[Ll]isting|[Ff]igure|[Tt]able|[Ss]ection|[Ee]xample|[Ee]xercise"
_PAIR = r"(?:\d{1,3}-\d{1,3}|[a-z -]{3,24})"
_AND = r"(?:,? (?:and|to|or|through) |, )"


@rule(
    "numbers",
    rf"(?<![\w.,/:-])(?P<low>(?:{WHOLE})(?:\.\d{{1,9}})?)(?:-|\s?–\s?)"
    rf"(?P<high>(?:{WHOLE})(?:\.\d{{1,9}})?)(?![\w-]|[.,/:]\d)",
    NUMERIC,
)
def _range(match: re.Match[str]) -> str:
    low, high = match["low"], match["high"]
    before = match.string[max(0, match.start() - 40) : match.start()]
    labeled = compiled(rf"\b(?:{_LABELS}|Chapter) \Z|\b(?:{_LABELS})s (?:{_PAIR}{_AND}){{1,4}}\Z").search(before) or (
        compiled(rf"\b(?:{_LABELS})s \Z").search(before) and compiled(_AND + _PAIR).match(match.string, match.end())
    )
    if (low == high or labeled) and "–" not in match[0]:
        return f"{low} {high}"
    if len(low) == 4 and low.isdecimal() and 1000 <= int(low) < 2100 and len(high) <= 2 and high.isdecimal():
        end = two_digits(int(high)) if len(high) == 2 else cardinal(high)
        return f"{year(int(low))} to {end}"
    return f"{low} to {high}"


@rule("ordinals", rf"(?<![\w.,])({WHOLE})(?:st|nd|rd|th|St|Nd|Rd|Th|ST|ND|RD|TH)(?!\w)", NUMERIC)
def _ordinal(match: re.Match[str]) -> str:
    return ordinal(match[1])


@rule("ordinals", r"(?<=the )(\d{0,2}[23])d(?![\w])", NUMERIC)
def _old_ordinal(match: re.Match[str]) -> str:
    return ordinal(match[1])


@rule("decimals", r"(?<=\d)[eE](?P<minus>[-−])?\+?(?P<power>\d{1,3})(?!\w)", NUMERIC)
def _times_ten(match: re.Match[str]) -> str:
    return f" times ten to the {'minus ' if match['minus'] else ''}{match['power']}"


@rule("decimals", r"(?<![\w.,])\d{1,9}(?:\.\d{1,9}){2,9}(?![\w]|\.\d)", NUMERIC)
def _version(match: re.Match[str]) -> str:
    return " point ".join(cardinal(part) for part in match[0].split("."))


@rule("decimals", rf"(?<![\w.,])({WHOLE})?\.(\d{{1,40}})(?!\d|\.\d)", NUMERIC)
def _decimal(match: re.Match[str]) -> str:
    after = " " if match.string[match.end() : match.end() + 1].isalpha() else ""
    return decimal(match[1] or "", match[2]) + after


@rule("numbers", r"\d{1,3}(?:,\d{3}){1,8}(?!\d|,\d)|\d{1,400}", NUMERIC)
def _cardinal(match: re.Match[str]) -> str:
    text = match.string
    before = " " if text[match.start() - 1 : match.start()].isalnum() and match.start() else ""
    after = " " if text[match.end() : match.end() + 1].isalnum() else ""
    return before + cardinal(match[0]) + after


@rule("numbers", r"(?<![\w.,:/])(\d{1,3}):(\d{1,3})(?![\w:]|[.,]\d)", ":")
def _ratio(match: re.Match[str]) -> str | None:
    before = match.string[max(0, match.start() - 24) : match.start()]
    if len(match[2]) != 2 or re.search(r"(?:ratio|odds|proportion|scale)s?(?: of| at| was| is)? \Z", before):
        return f"{match[1]} to {match[2]}"
    return None


@rule(
    "numbers",
    r"(?<![\w.,])(\d{1,4})x(?= (?:as|more|faster|better|bigger|larger|slower|cheaper|stronger|the|a|per)(?!\w))",
    NUMERIC,
)
def _times_as(match: re.Match[str]) -> str:
    return f"{match[1]} times"


@rule("numbers", r"(?<![\w.,])(\d{1,5}) ?x ?(\d{1,5})(?: ?x ?(\d{1,5}))?(?!\w)(?! ?=)", NUMERIC)
def _dimensions(match: re.Match[str]) -> str:
    return " by ".join(number for number in match.groups() if number)


RATIOS = (_ratio,)

GROUPS = (
    _times_as,
    _dimensions,
    _phone,
    _range,
)


RULES = (
    _ordinal,
    _old_ordinal,
    _times_ten,
    Rule("numbers", r"(?:(?<=\s)|(?<=\()|\A)[-−](?=\.?\d)", "minus ", NUMERIC),
    _version,
    _decimal,
    _cardinal,
)
