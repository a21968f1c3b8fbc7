"""Abbreviations, and initials."""

from __future__ import annotations

import re

from pockettts.text.mapped import word_set
from pockettts.text.normalize.rules import CAPITAL_NEXT, ENDS, STARTERS, UPPER, compiled, rule, stop

_BEFORE_NUMBERS = {
    "no": "number", "nos": "numbers", "p": "page", "pp": "pages", "vol": "volume", "vols": "volumes", "ch": "chapter",
    "chap": "chapter", "chaps": "chapters", "fig": "figure", "figs": "figures", "sec": "section", "art": "article",
    "c": "circa", "ca": "circa", "bk": "book", "pt": "part",
}  # fmt: skip


@rule("abbreviations", rf"(?<![\w.])({'|'.join(_BEFORE_NUMBERS)})\.\s?(?=\d|[IVXL]{{1,7}}\b)", ".", re.IGNORECASE)
def _before_number(match: re.Match[str]) -> str | None:
    word = _BEFORE_NUMBERS[match[1].lower()]
    if match[0][0].isupper() and len(match[1]) == 1:
        return None
    return (word.capitalize() if match[0][0].isupper() else word) + " "


_BEFORE_NAMES = {
    "mr": "Mister", "mrs": "Missus", "ms": "Miz", "messrs": "Messieurs", "dr": "Doctor", "prof": "Professor",
    "rev": "Reverend", "hon": "Honourable", "gen": "General", "col": "Colonel", "capt": "Captain", "lt": "Lieutenant",
    "sgt": "Sergeant", "maj": "Major", "cmdr": "Commander", "adm": "Admiral", "gov": "Governor", "sen": "Senator",
    "rep": "Representative", "pres": "President", "fr": "Father", "mt": "Mount", "ft": "Fort", "mme": "Madame",
    "mlle": "Mademoiselle", "supt": "Superintendent", "insp": "Inspector",
}  # fmt: skip
_WITHOUT_DOT = ("mr", "mrs", "ms", "dr", "mme", "mlle", "messrs", "prof")


@rule(
    "abbreviations",
    rf"(?<![\w.])(?P<short>(?:{'|'.join(name.capitalize() for name in _BEFORE_NAMES)}|MR|MRS|MS|DR|REV|COL|CAPT|GEN))"
    rf"(?P<dot>\.?)(?=\s+[\"'“‘(]?[{UPPER}])",
)
def _before_name(match: re.Match[str]) -> str | None:
    short = match["short"].lower()
    if not match["dot"] and (short not in _WITHOUT_DOT or (match["short"].isupper() and short == "ms")):
        return None
    if short == "dr" and match["dot"] and _after_name(match) and compiled(ENDS).match(match.string, match.end()):
        return "Drive."
    return _BEFORE_NAMES[short]


@rule("abbreviations", r"(?<![\w.])(?P<short>Mrs?|Ms|Messrs)\.(?!\w)", ".")
def _before_anything(match: re.Match[str]) -> str:
    return _BEFORE_NAMES[match["short"].lower()]


_NOT_BEFORE_STREET = word_set("Mount Port Lake Fort Bury Cape Saint Old Hotel")


def _after_name(match: re.Match[str]) -> bool:
    """Whether the name of a street stands directly before: a capitalised word that is no `At`, or `42nd`."""
    before = re.search(r"([^\W_][\w'’]*) \Z", match.string[max(0, match.start() - 30) : match.start()])
    if before is None:
        return False
    word = before[1]
    if not word[0].isupper() or re.fullmatch(STARTERS, word) or word in _NOT_BEFORE_STREET:
        return re.fullmatch(r"\d+(?:st|nd|rd|th)|first|second|third|[a-z]+th", word) is not None
    begin = match.start() - len(word) - 1
    starts_sentence = re.search(r"(?:\A|[.!?…][\"'”’]?\s+)[\"'“‘]?\Z", match.string[max(0, begin - 6) : begin])
    return starts_sentence is None or bool(stop(match))


@rule("abbreviations", rf"(?<![\w.])(?:St|ST)(?P<dot>\.?)(?P<next>(?=\s+[{UPPER}])|(?!\w))")
def _saint_or_street(match: re.Match[str]) -> str | None:
    named = re.match(rf"\s+[{UPPER}]", match.string[match.end() : match.end() + 4])
    if _after_name(match):
        return f"Street{stop(match)}" if match["dot"] or not named else None
    if named:
        return "Saint"
    return f"Street{stop(match)}" if match["dot"] and stop(match) else None


_AFTER_NAMES = {
    "Jr": "Junior", "Sr": "Senior", "Esq": "Esquire", "Co": "Company", "Ltd": "Limited", "Inc": "Incorporated",
    "Corp": "Corporation", "Bros": "Brothers", "Ave": "Avenue", "Blvd": "Boulevard", "Rd": "Road",
}  # fmt: skip


@rule("abbreviations", rf"(?<=[\w&,.] )(?P<short>{'|'.join(_AFTER_NAMES)})\.(?!\w)", ".")
def _after_names(match: re.Match[str]) -> str:
    return _AFTER_NAMES[match["short"]] + stop(match)


_PHRASES = {
    "e.g.": "for example", "eg.": "for example", "i.e.": "that is", "ie.": "that is", "etc.": "et cetera",
    "&c.": "et cetera", "&c": "et cetera", "vs.": "versus", "viz.": "namely", "cf.": "compare", "et al.": "and others",
    "approx.": "approximately", "dept.": "department", "ibid.": "ibidem", "Ph.D.": "P H D", "Ph.D": "P H D",
    "Jan.": "January", "Feb.": "February", "Aug.": "August", "Sept.": "September", "Oct.": "October",
    "Nov.": "November",
    "Dec.": "December",
}  # fmt: skip
_PHRASE = "|".join(re.escape(phrase) for phrase in sorted(_PHRASES, key=len, reverse=True))


@rule("abbreviations", rf"(?<![\w.&])(?:{_PHRASE}|E\.g\.|I\.e\.|e\. g\.|i\. e\.)(?!\w)", ".&")
def _phrase(match: re.Match[str]) -> str:
    written = match[0].replace(". ", ".")
    said = _PHRASES.get(written) or _PHRASES[written.lower()]
    return (said.capitalize() if match[0][0].isupper() and said[0].islower() else said) + stop(match)


_LETTERED = word_set("vitamin plan type class grade section point exhibit appendix figure group team option hepatitis")


@rule("initials", r"(?<![\w.])(?:[A-Za-z]\.){2,12}(?:[A-Z](?![\w.]))?(?!\w)", ".")
def _dotted(match: re.Match[str]) -> str:
    said = " ".join(letter for letter in match[0] if letter != ".")
    pattern = CAPITAL_NEXT if said in ("a m", "p m") else ENDS
    return said + stop(match, pattern)


@rule("initials", rf"(?<![\w.'’-])[A-Z]\.(?:\s?[A-Z]\.){{0,8}}(?=\s?[{UPPER}])", ".")
def _initials(match: re.Match[str]) -> str | None:
    letters = re.findall("[A-Z]", match[0])
    if len(letters) == 1:
        before = re.search(r"(\w+)\s\Z", match.string[max(0, match.start() - 24) : match.start()])
        if letters[0] == "I" or (before and before[1].lower() in _LETTERED) or stop(match):
            return None
    spaced = "" if match.string[match.end() : match.end() + 1].isspace() else " "
    return " ".join(letters) + stop(match) + spaced


BEFORE_NUMBERS = (_before_number,)


RULES = (
    _before_name,
    _before_anything,
    _saint_or_street,
    _after_names,
    _phrase,
    _dotted,
    _initials,
)
