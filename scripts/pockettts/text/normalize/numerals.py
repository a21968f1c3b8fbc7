"""Roman numerals, only where a name or a word before them marks them as numerals."""

from __future__ import annotations

import re

from pockettts.text.mapped import Mapped
from pockettts.text.normalize.rules import compiled, rule
from pockettts.text.normalize.words import cardinal, ordinal
from pockettts.text.roman import roman_value

_RULERS = (
    "Henry|Edward|George|William|Charles|James|Richard|Louis|Philip|Francis|Frederick|Napoleon|Alexander|Nicholas|"
    "Peter|"
    "Catherine|Elizabeth|Mary|John|Paul|Pius|Leo|Gregory|Benedict|Innocent|Clement|Urban|Boniface|Wilhelm|Friedrich|"
    "Christian|Gustav|Gustavus|Ivan|Haakon|Olaf|Olav|Harald|Albert|Leopold|Umberto|Emmanuel|Ferdinand|Alfonso|Carlos|"
    "Felipe|Ptolemy|Rameses|Ramses|Ramesses|Darius|Xerxes|Cyrus|Thutmose|Amenhotep|Seti|Edmund|Robert|David|Stephen|"
    "Henri|Julius|Sixtus|Adrian|Hadrian|Celestine|Honorius|Eugene|Maximilian|Joseph|Rudolf|Otto|Conrad|Sigismund|"
    "Murad|Selim|Mehmed|Margaret|Margrethe|Beatrix|Juliana|Baldwin|Bohemond|Isabella|Kenneth|Donald|Duncan|Malcolm"
)
COUNTERS = (
    "Chapter|Book|Part|Volume|Act|Scene|Canto|Section|Article|War|Type|Class|Phase|Figure|Table|Plate|Appendix|Epoch|"
    "Number|Psalm|Letter|Stave|Lesson|Stage|Level|Title|Division|Corps|Apollo|Mark|Olympiad|Bowl|Lecture|Fit|Numbers|Adventure|Tale|Story|Episode|Night|Day|Fable|Sonnet|Hymn|Elegy|Ode|Satire|Epistle|Lib|Tome|Stanza|Verse"
)
NUMERAL = r"(?=[IVXLC])(?:C{0,3}(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3}))"


_AFTER_RULER = (
    r" (?:of|in|at|by|from|with|the|who|whose|whom|had|was|is|reigned|ruled|died|became|married|succeeded|and "
    r"(?=[A-Z])(?!I\b)"
    r"|to)(?!\w)|[,)]? \(|\)|\.,? [a-z]|[;:]"
)


@rule("roman", rf"(?<!\w)(?P<title>King |Queen |Pope |Emperor |Tsar |Czar |Prince |Kaiser )?(?P<name>{_RULERS}) "
       rf"(?P<numeral>{NUMERAL})(?P<own>['’]s)?(?P<stop>\.(?=,? [a-z]|[,;:]))?(?!\w)", "IVXLC")  # fmt: skip
def _ruler(match: re.Match[str]) -> str | None:
    numeral = match["numeral"]
    if (match["name"], numeral) == ("Malcolm", "X"):
        return None
    sure = match["title"] or match["own"] or compiled(_AFTER_RULER).match(match.string, match.end())
    if numeral in ("I", "C", "L") and not sure:
        return None
    own = "'s" if match["own"] else ""
    return f"{match['title'] or ''}{match['name']} the {ordinal(str(roman_value(numeral)))}{own}"


@rule(
    "roman",
    rf"(?<!\w)(?P<counter>(?i:{COUNTERS})) (?P<numeral>{NUMERAL})(?P<stop>\.(?=,? [a-z]|[,;:]))?(?![\w'’])",
    "IVXLC",
)
def _counted(match: re.Match[str]) -> str | None:
    if match["counter"][0].islower() and len(match["numeral"]) < 2:
        return None
    if match["numeral"] in ("I", "C", "L") and not re.match(
        r"\s*[.:;,)–—-]|\s*\Z| (?:of|and|to)\b", match.string[match.end() :][:8]
    ):
        return None
    return f"{match['counter']} {cardinal(str(roman_value(match['numeral'])))}"


@rule("roman", rf"(?<!\w)(?P<numeral>{NUMERAL})(?:st|nd|rd|th)(?!\w)", "IVXLC")
def _roman_ordinal(match: re.Match[str]) -> str:
    return ordinal(str(roman_value(match["numeral"])))


@rule("roman", rf"(?<!\w)(?P<numeral>(?=[IVX]{{2}}){NUMERAL})(?= century\b)", "IVX")
def _roman_century(match: re.Match[str]) -> str:
    return ordinal(str(roman_value(match["numeral"])))


@rule("roman", rf"(?<=[a-z] )(?P<numeral>(?=[IVX]{{2}}){NUMERAL})(?:\.(?=,? [a-z]|[,;:]))?(?![\w'’])", "IVX")
def _named_roman(match: re.Match[str]) -> str | None:
    before = re.search(r"([^\W\d_]+) \Z", match.string[max(0, match.start() - 30) : match.start()])
    if before is None or not before[1][0].isupper():
        return None
    return cardinal(str(roman_value(match["numeral"])))


def heading_numerals(mapped: Mapped) -> Mapped:
    """A numeral at the start of a heading or after its first word: `IV. The Title`, `XII`, `Adventure I. The Title`."""
    mapped = mapped.sub(compiled(_WORD_AND_NUMERAL), lambda match: f"{match[1]} {cardinal(str(roman_value(match[2])))}")
    return mapped.sub(compiled(_HEADING_NUMERAL), lambda match: cardinal(str(roman_value(match[1]))))


_WORD_AND_NUMERAL = rf"\A([^\W\d_]+) ({NUMERAL})(?=\s*[.:–—-]|\s*\Z)"
_HEADING_NUMERAL = rf"\A({NUMERAL})(?=\s*[.:–—-]|\s*\Z)"


@rule("roman", r"\A(?P<numeral>[ivxlc]{2,7})\.(?= [A-ZÀ-Þ])", "ivxlc")
def _small_numeral(match: re.Match[str]) -> str | None:
    if not compiled(NUMERAL).fullmatch(match["numeral"].upper()):
        return None
    return f"{cardinal(str(roman_value(match['numeral'])))}."


RULES = (
    _small_numeral,
    _ruler,
    _counted,
    _roman_ordinal,
    _roman_century,
    _named_roman,
)
