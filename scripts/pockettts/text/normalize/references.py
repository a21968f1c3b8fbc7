"""References to the Bible: book, chapter and verse, before anything that would take them for times or initials."""

from __future__ import annotations

import re

from pockettts.text.normalize.rules import compiled, rule
from pockettts.text.normalize.words import cardinal
from pockettts.text.roman import roman_value

_BOOKS = {
    "Gen": "Genesis", "Ex": "Exodus", "Exod": "Exodus", "Lev": "Leviticus", "Num": "Numbers", "Deut": "Deuteronomy",
    "Josh": "Joshua", "Judg": "Judges", "Sam": "Samuel", "Chron": "Chronicles", "Neh": "Nehemiah", "Esth": "Esther",
    "Ps": "Psalms", "Psa": "Psalms", "Prov": "Proverbs", "Eccl": "Ecclesiastes", "Eccles": "Ecclesiastes",
    "Isa": "Isaiah", "Is": "Isaiah", "Jer": "Jeremiah", "Lam": "Lamentations", "Ezek": "Ezekiel", "Dan": "Daniel",
    "Hos": "Hosea", "Mic": "Micah", "Hab": "Habakkuk", "Zech": "Zechariah", "Mal": "Malachi", "Mat": "Matthew",
    "Matt": "Matthew", "Rom": "Romans", "Cor": "Corinthians", "Gal": "Galatians", "Eph": "Ephesians",
    "Phil": "Philippians", "Col": "Colossians", "Thess": "Thessalonians", "Tim": "Timothy", "Tit": "Titus",
    "Heb": "Hebrews", "Jas": "James", "Pet": "Peter", "Rev": "Revelation",
}  # fmt: skip
_WHOLE_BOOKS = (
    "Genesis|Exodus|Leviticus|Deuteronomy|Joshua|Judges|Ruth|Samuel|Kings|Chronicles|Ezra|Nehemiah|Esther|Job|Psalms?|"
    "Proverbs|Ecclesiastes|Isaiah|Jeremiah|Ezekiel|Daniel|Hosea|Joel|Amos|Jonah|Micah|Matthew|Mark|Luke|John|Acts|Romans|"
    "Corinthians|Galatians|Ephesians|Philippians|Colossians|Thessalonians|Timothy|Titus|Hebrews|James|Peter|Jude|Revelation"
)


@rule(
    "abbreviations",
    rf"(?<!\w)(?:(?P<volume>[123]|I{{1,3}})\.? )?(?:(?P<short>{'|'.join(_BOOKS)})\.|(?P<long>{_WHOLE_BOOKS}))"
    r" (?:(?P<roman>[ivxlcIVXLC]{1,7})[.,:] ?|(?P<chapter>\d{1,3})(?::|\. ))(?P<verse>\d{1,3})"
    r"(?:[-–](?P<last>\d{1,3}))?(?!\w|[.,:]\d)",
    "0123456789",
)
def _verse(match: re.Match[str]) -> str | None:
    if match["roman"] and not compiled(r"(?=.)C{0,3}(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})").fullmatch(
        match["roman"].upper()
    ):
        return None
    volume = match["volume"]
    spoken = ""
    if volume:
        spoken = ("first", "second", "third")[(int(volume) if volume.isdigit() else len(volume)) - 1] + " "
    chapter = match["chapter"] or str(roman_value(match["roman"]))
    spoken += f"{match['long'] or _BOOKS[match['short']]} {cardinal(chapter)} {cardinal(match['verse'])}"
    return f"{spoken} to {cardinal(match['last'])}" if match["last"] else spoken


RULES = (_verse,)
