"""Years and decades."""

from __future__ import annotations

import re

from pockettts.text.mapped import word_set
from pockettts.text.normalize.rules import NUMERIC, rule
from pockettts.text.normalize.words import cardinal, two_digits, year

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
        and not following.endswith(("ss", "us", "is"))
    )
    if match.string[match.start() - 1 : match.start()] == "(" and match.string[match.end() : match.end() + 1] == ")":
        return True
    if word == "the" and following not in _COUNTED and value >= 1500 and value % 50:
        return True
    if word in _YEAR_WORDS:
        return value >= 1100 or not counted
    if counted or word in _COUNT_WORDS:
        return False
    return value >= 1100 or word in _MAYBE_YEAR_WORDS - {"and", "to", "about", "around", "by"}


@rule(
    "years",
    r"(?<![\w$£€#.-])(?<!\d,)(?P<year>1\d{3}|20\d{2})(?:(?P<decade>['’]?s)(?!\w)|(?![\w]|[.,:]\d|-\d))",
    NUMERIC,
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


@rule("years", r"(?<![\w])['’]?([1-9]0)['’]?s(?!\w)", NUMERIC)
def _decade(match: re.Match[str]) -> str:
    return _TENS[match[1]]


@rule("years", r"(?<!\S)['’](\d{2})(?![\w'’])", NUMERIC)
def _short_year(match: re.Match[str]) -> str:
    return two_digits(int(match[1]))


@rule("years", r"(?<=\d )(?:BCE?|AD|CE)(?![\w.])|(?<!\w)AD(?= \d)", NUMERIC)
def _era(match: re.Match[str]) -> str:
    return " ".join(match[0])


RULES = (
    _era,
    _year,
    _decade,
    _short_year,
)
