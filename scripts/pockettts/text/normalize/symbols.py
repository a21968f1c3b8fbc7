"""Signs that are said as words."""

from __future__ import annotations

import re
import unicodedata

from pockettts.text.normalize.rules import Rule, rule


@rule("symbols", r"(?<!\w)[Α-ΡΣ-Ωα-ρσ-ω](?!\w)")
def _greek(match: re.Match[str]) -> str:
    return unicodedata.name(match[0]).rsplit(" ", 1)[-1].lower()


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
    Rule("symbols", r"(?<=\w)\+(?!\w)", " plus", "+"),
    Rule("symbols", r"(?<=[\w)])\s?=\s?(?=[\w(])", " equals ", "="),
    Rule("symbols", r"(?<=[\w)])\s?×\s?(?=[\w(])", " times ", "×"),
    Rule("symbols", r"(?<=[\w)])\s?÷\s?(?=[\w(])", " divided by ", "÷"),
    Rule("symbols", r"(?<=\w) <\s(?=\w)", " less than ", "<"),
    Rule("symbols", r"(?<=\w) >\s(?=\w)", " greater than ", ">"),
    Rule("symbols", r"\s?°", " degrees", "°"),
    Rule("symbols", r"§+\s?", "section ", "§"),
    Rule("symbols", r"©\s?", "copyright ", "©"),
    Rule("symbols", r"(?<=\w)\s?%", " percent", "%"),
    Rule("symbols", r"~(?=\w)", "about ", "~"),
    Rule("symbols", r"(?<=\w)\s?/\s?(?=\w)", " slash ", "/"),
    Rule("symbols", r"(?<=[a-z]{2})\.(?=[a-z]{2})", " dot ", "."),
    _greek,
)
