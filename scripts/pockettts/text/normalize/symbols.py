"""Signs that are said as words."""

from __future__ import annotations

import re
import unicodedata

from pockettts.text.normalize.rules import Rule, rule
from pockettts.text.normalize.words import cardinal, ordinal


# `'t` in verse. Elsewhere a `t` behind an apostrophe belongs to the word before it: `don 't`.
@rule(
    "symbols",
    r"(?<!\w)(with|in|on|of|to|for|from|by|upon|about|at|as|if|and|or|but|is|was|do|did|see|take|have|had|know|like|let)"
    r" ?['’]t(?![\w'’])",
    "'’",
    re.I,
)
def _it(match: re.Match[str]) -> str | None:
    return f"{match[1]} it"


@rule("symbols", r"(?<!\w)[Α-ΡΣ-Ωα-ρσ-ω](?!\w)")
def _greek(match: re.Match[str]) -> str:
    return unicodedata.name(match[0]).rsplit(" ", 1)[-1].lower()


_POWERS = {"²": " squared", "³": " cubed"}
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


@rule("symbols", r"(?<=[^\s])⁻?[⁰¹²³⁴-⁹]+(?P<charge>[⁺⁻])?", "⁰¹²³⁴⁵⁶⁷⁸⁹")
def _power(match: re.Match[str]) -> str:
    after = " " if match.string[match.end() : match.end() + 1].isalnum() else ""
    if match["charge"]:  # of an ion
        return f" {cardinal(match[0][:-1].translate(_RAISED))} {'plus' if match['charge'] == '⁺' else 'minus'}{after}"
    if spoken := _POWERS.get(match[0]):
        return spoken + after
    figures = match[0].lstrip("⁻").translate(_RAISED)
    if match[0][0] == "⁻":
        return f" to the minus {cardinal(figures)}{after}"
    return f" to the {ordinal(figures)}{after}"


# Elements of formulas that are written outside of chemistry: H2O, CO2, C2H5OH, NaCl has no figure and is left alone.
_ELEMENT = r"(?:C[laou]?|H[e]?|O|N[ai]?|S[in]?|P[b]?|K|F[e]?|Mg|Al|Li|Br|I|Ag|Au|Zn|Ba?|U)"


@rule(
    "symbols", rf"(?<![\w])(?=[A-Za-z]*[0-9₀-₉])(?:{_ELEMENT}[0-9₀-₉]{{0,3}}){{1,12}}(?![\w])", "0123456789₀₁₂₃₄₅₆₇₈₉"
)
def _formula(match: re.Match[str]) -> str | None:
    parts = re.findall(r"([A-Z][a-z]?)([0-9₀-₉]*)", match[0])
    if len(parts) < 2 and match[0].isascii():
        return None
    if len(parts) == 2 and match[0].isascii() and parts[0][0] in ("B", "P", "U", "K", "I") and parts[0][1]:
        return None
    spoken = [
        " ".join(symbol.upper()) + (f" {cardinal(number.translate(_LOWERED))}" if number else "")
        for symbol, number in parts
    ]
    return " ".join(spoken)


@rule("symbols", r"[₀-₉]+", "₀₁₂₃₄₅₆₇₈₉")
def _lowered(match: re.Match[str]) -> str:
    after = " " if match.string[match.end() : match.end() + 1].isalnum() else ""
    return f" {cardinal(match[0].translate(_LOWERED))}{after}"


@rule("symbols", r"[①-⒛⓪⓫-⓿❶-➓]")
def _circled(match: re.Match[str]) -> str:
    return f" {cardinal(str(int(unicodedata.numeric(match[0]))))} "


BEFORE_NUMBERS = (_formula, _power, _lowered, _circled)

RULES = (
    Rule("symbols", r"(?<!\w)([Aa])nd/or(?!\w)", "and or", "/"),
    Rule("symbols", r"\s?&\s?", " and ", "&"),
    Rule("symbols", r"(?<=\w)\s?@\s?(?=\w)", " at ", "@"),
    Rule(
        "symbols",
        r"#(?=\s?\d|\s?(?:one|two|three|four|five|six|seven|eight|nine|ten|[a-z]+(?:teen|ty))\b)",
        "number ",
        "#",
    ),
    Rule("symbols", r"(?<=\b[A-G])#(?!\w)", " sharp", "#"),
    Rule("symbols", r"#(?=[^\W\d_])", "hashtag ", "#"),
    Rule("symbols", r"(?<=[\w)])\s?\+\s?(?=[\w(])|(?<!\S)\+(?=\w)", " plus ", "+"),
    Rule("symbols", r"(?<=\w)\+\+(?!\w)", " plus plus", "+"),
    Rule("symbols", r"(?<=\w)\+(?!\w)", " plus", "+"),
    Rule("symbols", r"(?<=[\w)])\s?=\s?(?=[\w(])", " equals ", "="),
    Rule("symbols", r"(?<=[\w)]) ?− ?(?=[\w(])|(?<!\w)−\s?(?=\()", " minus ", "−"),
    Rule("symbols", r"\s?±\s?", " plus or minus ", "±"),
    Rule("symbols", r"\s?≈\s?", " about ", "≈"),
    Rule("symbols", r"\s?≤\s?", " less than or equal to ", "≤"),
    Rule("symbols", r"\s?≥\s?", " greater than or equal to ", "≥"),
    Rule("symbols", r"\s?≠\s?", " not equal to ", "≠"),
    Rule("symbols", r"√\s?", "the square root of ", "√"),
    Rule("symbols", r"\s?∈\s?", " is in ", "∈"),
    Rule("symbols", r"\s?∉\s?", " is not in ", "∉"),
    Rule("symbols", r"∑\s?", "the sum of ", "∑"),
    Rule("symbols", r"∫\s?", "the integral of ", "∫"),
    Rule("symbols", r"(?<=\w)\s?→\s?(?=\w)", " to ", "→"),
    Rule("symbols", r"(?<=\w)\s?⇒\s?(?=\w)", " implies ", "⇒"),
    Rule("symbols", r"\s?∞", " infinity", "∞"),
    Rule("symbols", r"¶+\s?", "paragraph ", "¶"),
    Rule("symbols", r"№\s?", "number ", "№"),
    Rule("symbols", r"(?<=[\w)])\s?×\s?(?=[\w(])", " times ", "×"),
    Rule("symbols", r"(?<=\w)\s?\*\*\s?(?=\w)", " to the power of ", "*"),
    Rule("symbols", r"(?<=\w)(?:\s\*\s)(?=\w)", " times ", "*"),
    Rule(
        "symbols",
        r"(?<=s)\s?/\s?(?=(?:second|minute|hour|day|week|month|year|head|person|mile|acre)(?!\w))",
        " per ",
        "/",
    ),
    Rule("symbols", r"(?<=[\w)])\s?÷\s?(?=[\w(])", " divided by ", "÷"),
    Rule("symbols", r"(?<=\w) <\s(?=\w)", " less than ", "<"),
    Rule("symbols", r"(?<=\w) >\s(?=\w)", " greater than ", ">"),
    Rule("symbols", r"\s?°", " degrees", "°"),
    Rule("symbols", r"§+\s?", "section ", "§"),
    Rule("symbols", r"©\s?", "copyright ", "©"),
    Rule("symbols", r"(?<=\w)\s?%", " percent", "%"),
    Rule("symbols", r"(?<!~)~(?=\d)", "about ", "~"),
    Rule("symbols", r"(?<=\w)\s?/\s?(?=\w)", " slash ", "/"),
    Rule("symbols", r"(?<=[A-Za-z]{2})\.(?=[a-z]{2})", " dot ", "."),
    _greek,
    _it,
)
