"""Languages other than English: numbers, ordinals, money, units, times, years, numerals, abbreviations and signs.

Cardinals and ordinals are num2words'; decimals are put together here, because it loses the fraction of Italian ones and
reads Spanish ones with a point. What the languages differ in stands in `languages`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pockettts.config import NormalizeConfig
from pockettts.text.mapped import Mapped, Replacement, word_set
from pockettts.text.normalize.languages import LANGUAGES, Language
from pockettts.text.normalize.rules import compiled
from pockettts.text.roman import roman_value

_ROMAN = r"(?=[IVXLC])(?:C{0,3}(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3}))"
_GROUPED = r"\d{1,3}(?:[. \u00a0\u202f]\d{3}){1,4}(?![\d.]\d)|\d{1,15}"
_NUMBER = rf"(?<![\w.,:/-])(?P<whole>{_GROUPED})(?:,(?P<fraction>\d{{1,9}}))?(?![\w:/]|-\d|[.,]\d)"
_AMOUNT = rf"(?P<whole>{_GROUPED})(?:[,](?P<fraction>\d{{1,2}}))?"
_DIGITS_IN_FRACTION = ("de",)  # others read a fraction as a number


@lru_cache(maxsize=8192)
def _num2words(number: int, language: str, to: str) -> str | None:
    from num2words import num2words

    try:  # Brazilian Portuguese: dezenove, not dezanove
        return str(num2words(number, lang="pt_BR" if language == "pt" else language, to=to)).replace(",", "")
    except (NotImplementedError, ValueError, OverflowError, KeyError, IndexError, TypeError):
        return None


def cardinal(number: int, language: str, feminine: bool = False, counting: bool = False) -> str | None:
    """Words for a whole number; `feminine` and `counting` give the form of one (and two) before a noun: ein, una."""
    spoken = _num2words(number, language, "cardinal")
    if spoken is None or not counting:
        return spoken
    if language == "de" and number == 1:
        return "eine" if feminine else "ein"
    if language == "de" and number % 100 == 1 and spoken.endswith("eins"):
        return f"{spoken[:-1]}"
    if language == "fr" and feminine and number % 10 == 1 and spoken.endswith("un"):
        return f"{spoken}e"
    if language in ("es", "it") and number % 10 == 1 and spoken.endswith("uno"):
        if feminine:
            return f"{_hundreds(spoken, language)[:-1]}a" if language == "es" or number == 1 else spoken
        if language == "es":
            return "veintiún" if number == 21 else spoken[:-1]
        return "un" if number == 1 else spoken
    if feminine:
        spoken = _hundreds(spoken, language)
    if language == "pt" and feminine:
        return re.sub(r"\bum\Z", "uma", re.sub(r"\bdois\Z", "duas", re.sub(r"entos\b", "entas", spoken)))
    return spoken


def _hundreds(spoken: str, language: str) -> str:
    """Spanish and Portuguese hundreds before a feminine noun: doscientas, duzentas."""
    return re.sub(r"(?<=[cn]i)entos\b", "entas", spoken) if language == "es" else spoken


def ordinal(number: int, language: str, ending: str = "") -> str | None:
    """Words for an ordinal; `ending` is put to the stem of German ones, `a` makes Romance ones feminine."""
    spoken = _num2words(number, language, "ordinal")
    if spoken is None:
        return None
    if language == "de":
        return spoken.removesuffix("e") + (ending or "e")
    if ending == "a":
        if language == "fr":
            return "première" if number == 1 else spoken
        return " ".join(re.sub(r"o\Z", "a", word) for word in spoken.split())
    return spoken


def _decimal(whole: str, fraction: str, language: str, table: Language) -> str | None:
    plain = re.sub(r"\D", "", whole)
    spoken = cardinal(int(plain), language)
    if spoken is None:
        return None
    figures = fraction.rstrip("0") or "0"
    zeros = len(figures) - len(figures.lstrip("0")) if figures != "0" else 0
    zero = cardinal(0, language) or ""
    if language in _DIGITS_IN_FRACTION or len(figures) > 3:
        after = " ".join(cardinal(int(digit), language) or "" for digit in figures)
    else:
        after = " ".join([zero] * zeros + [cardinal(int(figures), language) or ""])
    return f"{spoken} {table.comma} {after}"


def year(value: int, language: str) -> str | None:
    """A year: by hundreds in German and Dutch before 2000, else as a number."""
    century, rest = divmod(value, 100)
    if language in ("de", "nl") and 1100 <= value < 2000:
        hundred = "hundert" if language == "de" else "honderd"
        return f"{cardinal(century, language)}{hundred}{cardinal(rest, language) if rest else ''}"
    return cardinal(value, language)


def _noun(entry: str, one: bool) -> tuple[str, bool]:
    """The noun for one or many, and whether it is feminine."""
    feminine = entry.startswith("f:")
    forms = entry.removeprefix("f:").split("/") if " pro " not in entry else [entry.removeprefix("f:")]
    return (forms[0] if one else forms[-1]), feminine


def _ends(match: re.Match[str]) -> str:
    """The full stop of an abbreviation, if it ends the text or a capital follows that no name explains."""
    if not match[0].endswith("."):
        return ""
    return "." if re.match(r"[\"'”’»)\]]*\s*\Z", match.string[match.end() :]) else ""


_CLASSES = word_set("Klasse Auflage Etage Strophe Szene Reihe")
_STOREYS = _CLASSES | word_set("Stock Aufzug Auftritt Akt Weltkrieg Rang Gesang")


_MASCULINE = frozenset(
    [
        "días",
        "dias",
        "mapas",
        "problemas",
        "sistemas",
        "programas",
        "idiomas",
        "temas",
        "climas",
        "poetas",
        "planetas",
        "papas",
        "cometas",
        "dramas",
    ]
)


def _is_feminine(noun: str) -> bool:
    """Whether a Spanish or Portuguese plural is feminine, by its ending."""
    return noun.endswith(("as", "ciones", "ções", "dades")) and noun.lower() not in _MASCULINE


def _values(text: str) -> int:
    return int(re.sub(r"\D", "", text))


_SIGNS = {
    "½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8",
}  # fmt: skip
_HALF_OF = {
    "de": {"Stunde": "eine halbe", "Meile": "eine halbe", "Minute": "eine halbe", "Flasche": "eine halbe",
           "Tasse": "eine halbe", "Tonne": "eine halbe", "Seite": "eine halbe", "Pfund": "ein halbes",
           "Jahr": "ein halbes", "Kilo": "ein halbes", "Dutzend": "ein halbes", "Glas": "ein halbes",
           "Liter": "ein halber", "Meter": "ein halber", "Tag": "ein halber", "Zoll": "ein halber",
           "Zentner": "ein halber"},
    "nl": {"liter": "een halve", "meter": "een halve", "kilometer": "een halve", "mijl": "een halve",
           "dag": "een halve", "fles": "een halve", "minuut": "een halve", "gulden": "een halve"},
}  # fmt: skip


def _in_gender(spoken: str, language: str, feminine: bool) -> str:
    if not feminine:
        return spoken
    if language == "fr":
        return re.sub(r"demi\Z", "demie", spoken)
    return re.sub(r"(?<=medi)o\Z|(?<=mei)o\Z|(?<=mezz)o\Z", "a", spoken)


def _of_noun(spoken: str, language: str, sign: str, noun: str) -> str:
    """A fraction before its noun: media hora, un quart de litre, ein halbes Pfund."""
    if sign == "1/2":
        if language == "fr" and _FRENCH_FEMININE.fullmatch(noun):
            return "une demi"
        feminine = language in ("es", "it", "pt") and noun.endswith("a")
        return _HALF_OF.get(language, {}).get(noun) or _in_gender(spoken, language, feminine)
    link = {"fr": "de", "es": "de", "it": "di", "pt": "de"}.get(language)
    if not link or not noun or noun in _NO_NOUN:
        return spoken
    return f"{spoken} d'" if language == "fr" and noun[0] in "aeiouéhAEIOU" else f"{spoken} {link}"


_FRENCH_FEMININE = re.compile(
    r"pages?|fois|heures?|minutes?|personnes?|femmes?|filles?|semaines?|parties?|tonnes?|nuits?|places?|rues?|lettres?"
    r"|lignes?|lieues?|tables?|chambres?|portes?|voitures?|maisons?|églises?|pièces?|\w+(?:tion|sion|ée|ette|ance|ence)s?"
)
_FEMININE_ONE = re.compile(r"\w+(?:a|ción|sión|dad|tad|ção|dade|tà|zione|sione)")
_NO_NOUN = word_set(
    "de del di du des da do dos das en em in et e y ou o que che qui por para per pour con com avec los las les gli le "
    "al à a era fue está es est sono non no não ne pas sin sem sans"
)
# Counters whose number stands behind them.
_NUMBERED = re.compile(
    r"(?:cap[ií]tulo|capitolo|chapitre|n[uú]mer[oô]|numéro|page|p[aá]gina|libro|livro|livre|tom[oe]|parte?|art[ií]c[uo]lo"
    r"|artigo|article|d[ií]a|canto|at+o|acto|figura|tavola|siglo|el|il|o|le) \Z",
    re.I,
)


def _one(language: str, text: str, begin: int, noun: str) -> str | None:
    """`1` before a noun that it counts, None elsewhere: un libro, una casa."""
    if noun in _NO_NOUN or not noun.islower() or _NUMBERED.search(text[max(0, begin - 12) : begin]):
        return None
    if language == "fr":
        return "une" if _FRENCH_FEMININE.fullmatch(noun) else "un"
    feminine = _FEMININE_ONE.fullmatch(noun) and f"{noun}s" not in _MASCULINE
    return {"es": ("un", "una"), "it": ("un", "una"), "pt": ("um", "uma")}[language][bool(feminine)]


class _Rules:
    """The rules of one language, in the order in which they are tried."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.table = LANGUAGES[code]
        names = sorted(self.table.titles, key=len, reverse=True)
        self.titles = rf"(?<![\w.])(?P<short>{'|'.join(map(re.escape, names))})(?=\s+[\"“„«»‘]?[A-ZÀ-Þ])"
        phrases = sorted(self.table.phrases, key=len, reverse=True)
        self.phrases = rf"(?<![\w.])(?P<short>{'|'.join(map(re.escape, phrases))})(?!\w)"
        before = sorted(self.table.before_numbers, key=len, reverse=True)
        self.before = rf"(?<![\w.])(?P<short>{'|'.join(map(re.escape, before))})\s?(?=\d|(?P<roman>{_ROMAN})(?![\w'’]))"
        units = "|".join(map(re.escape, sorted(self.table.units, key=len, reverse=True)))
        self.units = rf"(?<![\w.,:/-]){_AMOUNT.replace('{1,2}', '{1,9}')}\s?(?P<unit>{units})(?![\w²³/])"
        coins = "|".join(map(re.escape, sorted(self.table.currencies, key=len, reverse=True)))
        self.money = rf"(?<![\w.,:/-])(?:{_AMOUNT}\s?(?P<coin>{coins})(?!\w))"
        self.money_before = rf"(?<![\w])(?P<coin>{coins})\s?{_AMOUNT}(?![\w]|[.,]\d)"

    def everything(self) -> list[tuple[str, str, Replacement, int]]:
        """Group of the setting, pattern, words, flags."""
        table = self.table
        rules: list[tuple[str, str, Replacement, int]] = [
            ("abbreviations", self.phrases, self._phrase, 0),
            ("abbreviations", self.before, self._before, 0),
            ("abbreviations", self.titles, lambda match: table.titles[match["short"]], 0),
            (
                "symbols",
                r"(?<![\w.,/:-])(?:(?P<whole>\d{1,4})\s?)?(?P<sign>[½⅓⅔¼¾⅛⅜⅝⅞])(?: (?P<noun>[^\W\d_]{2,}))?",
                self._fraction,
                0,
            ),
            (
                "symbols",
                r"(?<![\w.,/:-])(?:(?P<whole>\d{1,4}) )?(?P<over>\d{1,2})/(?P<under>\d{1,2})(?![\w/]|[.,:]\d)"
                r"(?: (?P<noun>[^\W\d_]{2,}))?",
                self._fraction,
                0,
            ),
            ("times", r"(?<![\w.:,])(?P<hour>[01]?\d|2[0-4]) ?h ?(?P<minute>[0-5]\d)?(?!\w)", self._hours, 0),
            (
                "times",
                r"(?<![\w.:,])(?P<hour>[01]?\d|2[0-4])[:.](?P<minute>[0-5]\d)(?:[:.]\d\d)?"
                r" ?(?P<word>Uhr|uur|h)(?!\w)",
                self._hours,
                0,
            ),
            ("times", r"(?<![\w.:,])(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)(?![\w:]|[.,]\d)", self._hours, 0),
            (
                "times",
                r"(?<!\w)(?P<word>[Oo]re|[Aa]lle|[Dd]alle|las|às|um|om|gegen) (?P<hour>[01]?\d|2[0-4])"
                r"\.(?P<minute>[0-5]\d)(?![\w]|[.,:]\d)",
                self._dotted_hours,
                0,
            ),
            (
                "roman",
                rf"(?<![\w.])(?P<roman>{_ROMAN})(?P<mark>e|ème|eme|er|ste|de)(?!\w)",
                self._roman_mark,
                0,
            ),
            ("roman", rf"(?<![\w])(?P<century>{table.century})s? (?P<roman>{_ROMAN})(?![\w'’])", self._century, re.I),
            (
                "roman",
                rf"(?<![\w])(?P<roman>(?-i:{_ROMAN})) (?P<century>{table.century})(?!\w)",
                self._century_after,
                re.I,
            ),
            (
                "roman",
                rf"(?<![\w])(?P<counter>{table.counters}) (?P<roman>(?-i:{_ROMAN}))(?![\w'’])",
                self._counter,
                re.I,
            ),
            (
                "roman",
                rf"(?<!\w)(?P<name>(?:{table.rulers}))(?P<own>s)? (?P<roman>{_ROMAN})(?P<dot>\.)?"
                r"(?P<mark>er|°|º)?(?![\w'’])",
                self._ruler,
                0,
            ),
            ("roman", rf"(?<=[a-zà-ÿ] )(?P<roman>(?=[IVX]{{2}}){_ROMAN})(?![\w'’.])", self._named, 0),
            ("years", r"(?<![\w.,-])(?P<year>(?:1\d|20)?\d0)(?:er|ers)(?!\w)", self._decade, 0),
            (
                "numbers",
                rf"(?<![\w.,:/-])(?P<low>{_GROUPED})(?:\s?–\s?|-)(?P<high>{_GROUPED})"
                r"(?![\w-]|[.,:/]\d)",
                self._range,
                0,
            ),
            ("ordinals", self._ordinal_pattern(), self._ordinal, 0),
            ("currency", self.money_before, self._money, 0),
            ("currency", self.money, self._money, 0),
            ("units", self.units, self._unit, 0),
            (
                "units",
                r"(?<!\w)(?P<word>al|all.|il|le|au|par|pro|por|per|el|do|o)"
                r" (?P<unit>kg|km|cm|g|l|m²|m³|h)(?!\w)",
                self._bare_unit,
                0,
            ),
            ("years", r"(?<![\w.,:/-])(?P<year>1[1-9]\d\d)(?![\w:/-]|[.,]\d)", self._year, 0),
            ("numbers", r"(?<![\w.,:/])(?P<over>\d{1,4}):(?P<under>\d{1,3})(?![\w:]|[.,]\d)", self._ratio, 0),
            ("numbers", r"(?:(?<=\s)|(?<=\()|\A)[-−](?=\d)", f"{table.minus} ", 0),
            ("numbers", r"(?<![\w.,:/-])(?P<number>\d{1,4})(?P<letter>[a-h])(?!\w)", self._house, 0),
            ("numbers", _NUMBER, self._number, 0),
            ("symbols", r"(?<= d') (?=\w)", "", 0),
            ("times", r"(?<!\w)([Aa]) las una(?!\w)", lambda match: f"{match[1]} la una", 0),
        ]
        rules += [("symbols", rf"\s?{re.escape(sign)}\s?", f" {word} ", 0) for sign, word in table.symbols.items()]
        rules += [
            ("symbols", rf"\s?{re.escape(sign)}(?!\w)", f" {_noun(table.units[sign], False)[0]}", 0)
            for sign in ("°C", "%", "‰", "°")
        ]
        rules += [
            ("symbols", rf"\s?{re.escape(sign)}\s?", f" {_noun(table.currencies[sign], False)[0]} ", 0)
            for sign in ("€", "$", "£")
        ]
        return rules

    # Abbreviations.

    def _phrase(self, match: re.Match[str]) -> str | None:
        spoken = self.table.phrases[match["short"]]
        if re.fullmatch(self.table.months, spoken) and not (
            re.search(r"\d(?:er|\.|º)? (?:de )?\Z", match.string[max(0, match.start() - 8) : match.start()])
            or re.match(r",? (?:de )?\d{2}", match.string[match.end() :])
        ):
            return None  # `font sept.` is a number, not a month
        return spoken + _ends(match)

    def _before(self, match: re.Match[str]) -> str:
        word = self.table.before_numbers[match["short"]]
        return f"{word} "

    # Times.

    def _hours(self, match: re.Match[str]) -> str | None:
        hour, minute = int(match["hour"]), int(match["minute"] or 0)
        code = self.code
        spoken, minutes = cardinal(hour, code, feminine=True, counting=True), cardinal(minute, code)
        if not minute and match[0].endswith("h") and code in ("es", "it", "pt"):
            return None  # a duration, among the units
        spelled = "h" in match[0] or code in ("de", "nl", "fr")
        if code == "de":
            words = f"{'ein' if hour == 1 else spoken} Uhr"
        elif code == "nl":
            words = f"{spoken} uur"
        elif code == "fr":
            words = f"{spoken} heure{'s' if hour > 1 else ''}"
        elif spelled and code in ("es", "pt"):
            words = f"{spoken} hora{'s' if hour != 1 else ''}"
        elif spelled:
            words = f"{'ore ' if hour != 1 else ''}{cardinal(hour, code)}"
        else:
            words = spoken or ""
        if not minute:
            return words
        link = {"es": "y ", "pt": "e ", "it": "e "}.get(code, "")
        return f"{words} {link}{minutes}"

    def _dotted_hours(self, match: re.Match[str]) -> str:
        hour, minute = (
            cardinal(int(match[part]), self.code, feminine=True, counting=True) for part in ("hour", "minute")
        )
        clock = {"de": " Uhr", "nl": " uur"}.get(self.code, "")
        link = {"es": " y", "pt": " e", "it": " e"}.get(self.code, "")
        return f"{match['word']} {hour}{clock}" + (f"{link} {minute}" if int(match["minute"]) else "")

    # Roman numerals.

    def _roman(self, match: re.Match[str]) -> int:
        return roman_value(match["roman"])

    def _roman_mark(self, match: re.Match[str]) -> str | None:
        if self.code not in ("fr", "nl") or set(match["roman"]) - set("IVX"):
            return None  # Le, Ce and De are words
        first = match["roman"] == "I" and match[0] in ("Ier", "Ire")
        era = re.match(
            r" (?:si[èe]cles?|eeuw|République|Empire|arrondissement|dynastie)\b", match.string[match.end() :]
        )
        if len(match["roman"]) == 1 and not first and not era:
            return None
        spoken = ordinal(self._roman(match), self.code, "a" if match[0] == "Ire" else "")
        return spoken

    def _century(self, match: re.Match[str]) -> str | None:
        value = self._roman(match)
        spoken = ordinal(value, self.code) if self.code == "it" else cardinal(value, self.code)
        if self.code in ("es", "pt") and value <= 10:
            spoken = ordinal(value, self.code)
        return spoken and f"{match['century']} {spoken}"

    def _century_after(self, match: re.Match[str]) -> str | None:
        spoken = ordinal(self._roman(match), self.code)
        return spoken and f"{spoken} {match['century']}"

    def _counter(self, match: re.Match[str]) -> str | None:
        if (
            match["roman"] in ("I", "C", "L", "V", "X")
            and match["counter"].islower()
            and not re.match(r"[.,:;)]|\s*\Z| ", match.string[match.end() :])
        ):
            return None
        value = self._roman(match)
        if value == 1 and self.code == "fr":
            feminine = match["counter"].lower() in ("partie", "scène", "lettre", "section", "planche", "classe")
            return f"{match['counter']} {'première' if feminine else 'premier'}"
        spoken = cardinal(value, self.code)
        return spoken and f"{match['counter']} {spoken}"

    def _ruler(self, match: re.Match[str]) -> str | None:
        value, table = self._roman(match), self.table
        following = match.string[match.end() : match.end() + 2]
        if self.code == "de" and not match["dot"] and len(match["roman"]) == 1:
            return None
        stop = (
            "." if match["dot"] and (not following.strip() or (self.code != "de" and following[1:2].isupper())) else ""
        )
        name = match["name"] + (match["own"] or "")
        if table.ruler == "cardinal":
            spoken = "premier" if value == 1 else cardinal(value, self.code)
        elif table.ruler == "ordinal":
            spoken = ordinal(value, self.code) if value <= 10 or self.code == "it" else cardinal(value, self.code)
            if (
                spoken
                and value <= 10
                and re.fullmatch(r"Isabel|Catalina|Caterina|Elisabetta|Maria|Catarina", match["name"])
            ):
                spoken = ordinal(value, self.code, "a")
        else:
            spoken = self._the(match, value, bool(match["own"]))
        return spoken and f"{name} {spoken}{stop}"

    def _the(self, match: re.Match[str], value: int, genitive: bool) -> str | None:
        if self.code == "nl":
            spoken = ordinal(value, "nl")
            return spoken and f"de {spoken.capitalize()}"
        before = re.search(r"(\w+) (?:\w+ )?\Z", match.string[max(0, match.start() - 24) : match.start()])
        word = before[1].lower() if before else ""
        feminine = match["name"] in ("Katharina", "Elisabeth")
        article, ending = ("die", "e") if feminine else ("der", "e")
        if genitive:
            article, ending = ("der", "en") if feminine else ("des", "en")
        elif word in (
            "von",
            "mit",
            "bei",
            "zu",
            "unter",
            "nach",
            "seit",
            "vor",
            "an",
            "aus",
            "könig",
            "kaiser",
        ) and word not in ("könig", "kaiser"):
            article, ending = ("der", "en") if feminine else ("dem", "en")
        elif word in ("durch", "für", "gegen", "ohne", "um"):
            article, ending = ("die", "e") if feminine else ("den", "en")
        spoken = ordinal(value, "de", ending)
        return spoken and f"{article} {spoken.capitalize()}"

    def _named(self, match: re.Match[str]) -> str | None:
        before = re.search(r"([^\W\d_]+) \Z", match.string[max(0, match.start() - 30) : match.start()])
        if before is None or not before[1][0].isupper():
            return None
        return cardinal(self._roman(match), self.code)

    # Numbers.

    def _decade(self, match: re.Match[str]) -> str | None:
        if self.code != "de":
            return None
        spoken = year(int(match["year"]), "de")
        return spoken and f"{spoken}er"

    def _house(self, match: re.Match[str]) -> str | None:
        """`12a` in an address; in Spanish and Portuguese an `a` is an ordinal."""
        if self.code in ("es", "pt"):
            return None
        return f"{cardinal(int(match['number']), self.code)} {match['letter']}"

    def _fraction(self, match: re.Match[str]) -> str | None:
        parts = match.groupdict()
        sign = _SIGNS[parts["sign"]] if parts.get("sign") else f"{parts['over']}/{parts['under']}"
        over, under = map(int, sign.split("/"))
        table, whole = self.table, parts["whole"]
        noun = parts["noun"] or ""
        behind = f" {noun}" if noun else ""
        if noun in table.units:
            behind = f" {_noun(table.units[noun], not whole)[0]}"
        if whole:
            if sign not in table.and_fractions:
                return None
            feminine = _is_feminine(noun) or (self.code == "fr" and _FRENCH_FEMININE.fullmatch(noun) is not None)
            number, spoken = cardinal(int(whole), self.code, feminine, counting=True), table.and_fractions[sign]
            if self.code == "de":
                return f"{number}{spoken}{behind}"
            if self.code == "nl" or noun in _NO_NOUN:
                return f"{number} {spoken}{behind}"
            return f"{number}{behind} {_in_gender(spoken, self.code, feminine)}"
        if sign in table.fractions:
            return _of_noun(table.fractions[sign], self.code, sign, noun) + behind
        name = ordinal(under, self.code) if 0 < over < under and under in (5, 6, 7, 8, 9, 10, 12, 16) else None
        if name is None:
            return None
        if self.code == "de":
            name = f"{name[:-1]}el"
        elif over > 1 and self.code != "nl":
            name = f"{name[:-1]}i" if self.code == "it" else f"{name}s"
        return f"{cardinal(over, self.code, counting=True)} {name}{behind}"

    def _range(self, match: re.Match[str]) -> str | None:
        low, high = match["low"], match["high"]
        if low == high or (low[0] == "0" and len(low) > 1):
            return None
        return f"{low} {self.table.to} {high}"

    def _ordinal_pattern(self) -> str:
        if self.code == "de":
            return (
                rf"(?:(?P<before>\b\w+) )?(?<![\w.,:/-])(?P<number>\d{{1,4}})\.(?=,? (?:und|oder|bis|der|des)\b| "
                rf"(?P<noun>{self.table.months}"
                r"|[A-ZÄÖÜ][a-zäöüß]+))"
            )
        marks = {
            "fr": r"(?:er|ers|re|ère|nd|nde|e|es|ème|èmes|eme|ième)(?!\w)",
            "es": r"\.?(?:º|ª|°|er|ro|ra|do|da|to|ta)(?!\w)",
            "it": r"\.?(?:º|ª|°)(?!\w)",
            "pt": r"\.?(?:º|ª|°|o|a)(?!\w)",
            "nl": r"(?:e|ste|de)(?!\w)",
        }[self.code]
        return rf"(?<![\w.,])(?P<number>\d{{1,6}})(?P<mark>{marks})"

    def _ordinal(self, match: re.Match[str]) -> str | None:
        value = int(match["number"])
        if self.code != "de":
            mark = match["mark"].lstrip(".")
            if mark == "°" and re.match(r" ?[CFN\d]", match.string[match.end() :]):
                return None
            if self.code == "pt" and mark in ("o", "a") and not match["mark"].startswith("."):
                return None
            feminine = mark in ("ª", "re", "ère", "ra", "da", "ta", "a")
            spoken = ordinal(value, self.code, "a" if feminine else "")
            if self.code == "fr" and mark in ("nd", "nde"):
                spoken = "second" if mark == "nd" else "seconde"
            if self.code == "es" and mark == "er" and spoken and spoken.endswith("o"):
                spoken = spoken[:-1]
            return spoken
        before, noun = (match["before"] or ""), match["noun"]
        word = before.lower()
        determined = re.fullmatch(
            r"(?:der|die|das|den|dem|des|am|im|vom|zum|zur|beim|ins|jede\w{1,2}|diese\w{1,2}|(?:m|d|s|k)?ein\w{0,2}|ihr\w{0,2}|unser\w{0,2}"
            r"|euer|eure\w{0,1})", word)  # fmt: skip
        neuter = {
            "Kapitel",
            "Jahrhundert",
            "Mal",
            "Buch",
            "Jahr",
            "Bataillon",
            "Regiment",
            "Semester",
            "Bild",
            "Stockwerk",
        }
        if (
            not determined
            and not (noun and (noun in neuter or noun in _STOREYS or re.fullmatch(self.table.months, noun)))
            and noun is not None
        ):
            return None
        if (
            noun is None
            and not determined
            and not re.search(r"\w\. (?:und|oder|bis) \Z", match.string[: match.start("number")])
        ):
            return None
        if word in ("am", "im", "vom", "zum", "beim", "dem", "den", "des", "ins") or (
            word.endswith(("em", "en", "es")) and word != "des"
        ):
            ending = "en"
        elif word in ("ein", "mein", "dein", "sein", "kein", "ihr", "unser", "euer") or not word or not determined:
            ending = "es" if noun in neuter else "e" if noun in _CLASSES else "er"
        else:
            ending = "e"
        spoken = ordinal(value, "de", ending)
        return spoken and (f"{before} " if before else "") + spoken

    def _money(self, match: re.Match[str]) -> str | None:
        value = _values(match["whole"])
        if match["coin"] in ("f", "F", "M.", "L.") and not match["fraction"] and self.code != "fr" and value < 2:
            return None
        noun, feminine = _noun(self.table.currencies[match["coin"]], value == 1)
        spoken = cardinal(value, self.code, feminine, counting=True)
        if spoken is None:
            return None
        link = "de " if self.code in ("es", "pt", "fr") and value >= 1_000_000 and value % 1_000_000 == 0 else ""
        words = f"{spoken} {link}{noun}"
        cents = match["fraction"]
        if cents and cents.strip("0"):
            if len(cents) == 1:
                decimal = _decimal(match["whole"], cents, self.code, self.table)
                return decimal and f"{decimal} {noun}"
            words += f" {self.table.of_cents} {cardinal(int(cents), self.code)}".replace("  ", " ")
        after = match.string[match.end() : match.end() + 1]
        return words + (" " if after.isalpha() else "")

    def _unit(self, match: re.Match[str]) -> str | None:
        value = _values(match["whole"])
        if match["unit"] in ("m", "g", "t", "l", "h") and match.string[match.end() : match.end() + 1] in ("'", "’"):
            return None
        noun, feminine = _noun(self.table.units[match["unit"]], value == 1 and not match["fraction"])
        if match["fraction"]:
            spoken = _decimal(match["whole"], match["fraction"], self.code, self.table)
        else:
            spoken = cardinal(value, self.code, feminine, counting=True)
        if self.code == "it" and spoken == "una" and noun[0] in "aeiou":
            return f"un'{noun}"
        return spoken and f"{spoken} {noun}"

    def _bare_unit(self, match: re.Match[str]) -> str:
        return f"{match['word']} {_noun(self.table.units[match['unit']], True)[0]}"

    def _year(self, match: re.Match[str]) -> str | None:
        if self.code not in ("de", "nl"):
            return None
        after = match.string[match.end() : match.end() + 3]
        before = re.search(r"(\w+)[\s(]+\Z", match.string[max(0, match.start() - 20) : match.start()])
        word = before[1].lower() if before else ""
        if re.fullmatch(
            rf"(?i:in|im|jahre?n?|seit|anno|um|von|bis|nach|vor|sinds|tot|van|na|voor|jaar|omstreeks|{self.table.months})",
            word,
        ):
            return year(int(match["year"]), self.code)
        if re.match(rf" {self.table.to}\b", match.string[match.end() :]):
            return year(int(match["year"]), self.code)
        counted = after[:1] == " " and (after[1:2].isupper() if self.code == "de" else after[1:2].isalpha())
        return None if counted else year(int(match["year"]), self.code)

    def _ratio(self, match: re.Match[str]) -> str:
        word = {"de": "zu", "fr": "contre", "es": "a", "it": "a", "pt": "a", "nl": "op"}[self.code]
        return f"{match['over']} {word} {match['under']}"

    def _number(self, match: re.Match[str]) -> str | None:
        whole, fraction = match["whole"], match["fraction"]
        plain = re.sub(r"\D", "", whole)
        if len(plain) > 1 and plain[0] == "0":
            return " ".join(cardinal(int(digit), self.code) or "" for digit in plain)
        if fraction:
            return _decimal(whole, fraction, self.code, self.table)
        counted = re.match(r" ([^\W\d_]+)", match.string[match.end() :])
        if plain == "1" and counted and self.code in ("fr", "es", "it", "pt"):
            return _one(self.code, match.string, match.start(), counted[1]) or cardinal(1, self.code)
        feminine = counted is not None and self.code in ("es", "pt") and _is_feminine(counted[1])
        return cardinal(int(plain), self.code, feminine, counting=counted is not None and int(plain) > 1)


@lru_cache(maxsize=8)
def _rules(language: str) -> tuple[tuple[str, str, Replacement, int], ...]:
    return tuple(_Rules(language).everything())


_LONGEST_IN_CAPITALS = 400


def _in_small_letters(match: re.Match[str]) -> str | None:
    """A word of a title in capitals, which a model may spell; numerals stay."""
    if compiled(_ROMAN).fullmatch(match[0]):
        return None
    small = match[0].capitalize()
    return small if len(small) == len(match[0]) else None


def normalize_foreign(mapped: Mapped, config: NormalizeConfig, language: str, heading: bool = False) -> Mapped:
    """The numbers, signs and abbreviations of a language other than English in its words."""
    if language not in LANGUAGES:
        return mapped
    if language == "fr":  # French sets spaces inside guillemets and before high marks
        mapped = mapped.sub(compiled(r"(?<=«)\s|\s(?=»)|\s(?=[!?;:](?!\w))"), "")
    if language in ("es", "pt", "it"):  # a hyphen that stands for a dash of speech
        if compiled(r"\s-(?=\w)").search(mapped.text):  # what closes before the speech goes on: `-dijo Sancho- que sí`
            mapped = mapped.sub(compiled(r"(?<=[^\W\d_])-(?=\s)"), " –")
        mapped = mapped.sub(compiled(r"(?<=[\w.,!?])\s-(?=\w)"), " – ")
        mapped = mapped.sub(compiled(r"(?<=\w)-(?=[.,;:!?](?:\s|\Z))"), "")
    if config.capitals and len(mapped) < _LONGEST_IN_CAPITALS and mapped.text.isupper():
        mapped = mapped.sub(compiled(r"[^\W\d_]{3,}"), _in_small_letters)
    if heading and config.roman:
        mapped = mapped.sub(
            compiled(rf"\A({_ROMAN})(?=\s*[.:–—-]|\s*\Z)"), lambda match: cardinal(roman_value(match[1]), language)
        )
    if language == "fr" and config.abbreviations:
        mapped = mapped.sub(compiled(r"(?<!\w)St-(?=[A-ZÀ-Þ])"), "Saint-").sub(
            compiled(r"(?<!\w)Ste-(?=[A-ZÀ-Þ])"), "Sainte-"
        )
        mapped = mapped.sub(compiled(r"(?<=\d) ?Mds? ?€"), " milliards d'euros")
        mapped = mapped.sub(compiled(r"(?<=\d) ?M ?€"), " millions d'euros")
        mapped = mapped.sub(compiled(r"(?<=[Aa]nnées )80(?!\w)"), "quatre-vingt")
    if language == "de" and config.abbreviations:
        mapped = mapped.sub(compiled(r"(?<=[a-zäöüß]{3})str\.(?= \d|,| [a-z]|\Z)"), "straße")
    characters = set(mapped.text)
    figures = any(character.isdecimal() for character in characters)
    for group, pattern, say, flags in _rules(language):
        if not getattr(config, group):
            continue
        if not figures and group in ("numbers", "ordinals", "currency", "units", "years", "times"):
            continue
        mapped = mapped.sub(compiled(pattern, flags), say)
    return mapped
