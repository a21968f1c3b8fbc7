"""Abbreviations, and initials."""

from __future__ import annotations

import re

from pockettts.text.mapped import word_set
from pockettts.text.normalize.rules import CAPITAL_NEXT, ENDS, NUMERIC, STARTERS, UPPER, compiled, rule, stop
from pockettts.text.normalize.words import cardinal
from pockettts.text.roman import roman_value

_BEFORE_NUMBERS = {
    "no": "number", "nos": "numbers", "p": "page", "pp": "pages", "vol": "volume", "vols": "volumes", "ch": "chapter",
    "chap": "chapter", "chaps": "chapters", "fig": "figure", "figs": "figures", "sec": "section", "art": "article",
    "c": "circa", "ca": "circa", "bk": "book", "pt": "part", "ext": "extension", "tel": "telephone", "lib": "book",
    "fol": "folio", "l": "line", "ll": "lines", "v": "verse", "vv": "verses", "op": "opus",
    "opp": "opuses", "sc": "scene",
}  # fmt: skip


_NUMERAL = r"(?=[ivxlc])(?:c{0,3}(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3}))"


@rule("abbreviations", rf"(?<![\w.])({'|'.join(_BEFORE_NUMBERS)})\.\s?(?=\d)", NUMERIC, re.IGNORECASE)
def _before_number(match: re.Match[str]) -> str | None:
    word = _BEFORE_NUMBERS[match[1].lower()]
    if match[0][0].isupper() and len(match[1]) == 1:
        return None
    return (word.capitalize() if match[0][0].isupper() else word) + " "


@rule(
    "roman",
    rf"(?<![\w.])(?P<short>{'|'.join(word for word in _BEFORE_NUMBERS if len(word) > 1 or word == 'p')})\.\s?"
    rf"(?P<numeral>{_NUMERAL})(?P<stop>\.)?(?![\w'’])",
    ".",
    re.IGNORECASE,
)
def _before_numeral(match: re.Match[str]) -> str | None:
    """`ch. iv`, `Vol. II`; but `I` and `V` after a word that also ends sentences (no., fig.) begin the next one."""
    numeral, short = match["numeral"], match["short"].lower()
    after = match.string[match.end() : match.end() + 8]
    if len(numeral) == 1 and (numeral.isupper() or short == "no"):
        closed = match["stop"] and short != "no"
        if not closed and not compiled(r"[,;:?!)\]]|\s*\Z| (?:of|and|to|or)\b").match(after):
            return None
    if not (numeral.isupper() or numeral.islower()):
        return None
    word = _BEFORE_NUMBERS[short]
    word = word.capitalize() if match["short"][0].isupper() else word
    return f"{word} {cardinal(str(roman_value(numeral)))}" + stop(match, CAPITAL_NEXT)


_LIVES = {"b": "born", "d": "died", "fl": "flourished", "r": "reigned"}


@rule("abbreviations", r"(?<![\w.])(b|d|fl|r)\. (?=(?:c\. ?|ca\. ?)?\d{3,4}(?!\w))", NUMERIC)
def _life(match: re.Match[str]) -> str:
    return f"{_LIVES[match[1]]} "


_BEFORE_NAMES = {
    "mr": "Mister", "mrs": "Missus", "ms": "Miz", "messrs": "Messieurs", "dr": "Doctor", "drs": "Doctors",
    "prof": "Professor", "profs": "Professors", "rev": "Reverend", "revd": "Reverend", "hon": "Honourable",
    "gen": "General", "genl": "General", "col": "Colonel", "capt": "Captain", "lt": "Lieutenant", "lieut": "Lieutenant",
    "sgt": "Sergeant", "sergt": "Sergeant", "serg": "Sergeant", "maj": "Major", "cmdr": "Commander",
    "comdr": "Commander", "adm": "Admiral", "gov": "Governor", "sen": "Senator", "rep": "Representative",
    "pres": "President", "fr": "Father", "bro": "Brother", "mt": "Mount", "ft": "Fort", "pt": "Point", "mme": "Madame",
    "mlle": "Mademoiselle", "mmes": "Mesdames", "supt": "Superintendent", "insp": "Inspector", "brig": "Brigadier",
    "cpl": "Corporal", "corpl": "Corporal", "ven": "Venerable", "corp": "Corporal",
    "pvt": "Private", "ens": "Ensign", "adjt": "Adjutant", "asst": "Assistant",
    "assoc": "Associate", "treas": "Treasurer", "bp": "Bishop", "abp": "Archbishop", "archbp": "Archbishop",
    "atty": "Attorney", "det": "Detective", "dep": "Deputy",
    # First names as letters and old books shorten them.
    "chas": "Charles", "geo": "George", "jas": "James", "thos": "Thomas", "wm": "William", "jos": "Joseph",
    "robt": "Robert", "benj": "Benjamin", "saml": "Samuel", "danl": "Daniel", "edw": "Edward", "edwd": "Edward",
    "fredk": "Frederick", "alexr": "Alexander", "alex": "Alexander", "richd": "Richard", "jno": "John",
    "jon": "Jonathan", "matt": "Matthew", "nath": "Nathaniel", "theo": "Theodore", "margt": "Margaret",
    "eliz": "Elizabeth",
}  # fmt: skip
_WITHOUT_DOT = ("mr", "mrs", "ms", "dr", "mme", "mlle", "messrs", "prof")
_TITLES = word_set(
    "Mr Mrs Ms Miss Mister Missus Miz Messrs Messieurs Dr Doctor Prof Professor Rev Reverend Lady Lord Sir Dame Madam "
    "Madame Mademoiselle Colonel Captain Major General Lieutenant Sergeant Admiral Commodore Corporal Inspector "
    "Aunt Uncle "
    "Cousin Saint Father Mother Sister Brother Bishop Dean Baron Count Duke Earl Viscount Prince Princess Queen "
    "King Master"
)


@rule(
    "abbreviations",
    rf"(?<![\w.])(?P<short>(?:{'|'.join(name.capitalize() for name in _BEFORE_NAMES)}|MR|MRS|MS|DR|REV|COL|CAPT|GEN))"
    rf"(?P<dot>\.?)(?=\s+[\"'“‘(]?[{UPPER}]|\s+(?:and|&|or) (?:Mrs|Mr|Miss|Ms|Dr)\b|-[A-Z])",
)
def _before_name(match: re.Match[str]) -> str | None:
    short = match["short"].lower()
    if not match["dot"] and (short not in _WITHOUT_DOT or (match["short"].isupper() and short == "ms")):
        return None
    if short == "dr" and match["dot"] and _after_name(match) and compiled(ENDS).match(match.string, match.end()):
        return "Drive."
    after = " " if match.string[match.end() : match.end() + 1] == "-" else ""
    return _BEFORE_NAMES[short] + after


_GENERALS = {"maj": "Major", "brig": "Brigadier", "lieut": "Lieutenant", "lt": "Lieutenant"}


@rule("abbreviations", r"(?<![\w.])(Maj|Brig|Lieut|Lt|Major|Brigadier|Lieutenant)\.?[- ]Gen\.(?!\w)", ".")
def _general(match: re.Match[str]) -> str:
    return f"{_GENERALS.get(match[1].lower(), match[1])} General" + stop(match)


# A run of dashes is tried from its first dash only and taken whole, so that a long one costs no more than its length.
_NOBODY = r"(?:(?<![—–])[—–]{2,}+|(?<!-)-{4,}+|⸺)"


@rule(
    "abbreviations",
    rf"(?<![\w.])(?P<title>(?:Mr|Mrs|Dr)\.?|Miss|Lady|Lord|Sir|Captain|Colonel|Major|Count|Baron) ?{_NOBODY}(?!\w)"
    rf"|(?<![\w'’])(?P<letter>[B-HJ-NP-Z])\.?{_NOBODY}[a-z]{{0,4}}(?!\w)|(?<!\w){_NOBODY}(?P<shire>shire\b)",
    "—–-⸺",
)
def _unnamed(match: re.Match[str]) -> str:
    """A name that an old novel withholds: `Mr. ----`, `Lady D——d`, `in ----shire`."""
    if match["title"]:
        return f"{match['title']} Blank"
    return match["letter"] or "Blankshire"


@rule("abbreviations", r"(?<!\w)(the|per|a|an) (yd|lb|oz|gal|doz|cwt|qt)\.(?!\w)", ".")
def _for_each(match: re.Match[str]) -> str:
    return f"{match[1]} {_MEASURES[match[2]]}" + stop(match, CAPITAL_NEXT)


_MEASURES = {
    "yd": "yard", "lb": "pound", "oz": "ounce", "gal": "gallon", "doz": "dozen", "cwt": "hundredweight", "qt": "quart",
}  # fmt: skip


@rule("abbreviations", r"(?<=[a-z] )(inst|ult|prox)\.(?!\w)", ".")
def _month_of_a_letter(match: re.Match[str]) -> str:
    return {"inst": "instant", "ult": "ultimo", "prox": "proximo"}[match[1]] + stop(match)


@rule("abbreviations", r"(?<![\w.])MS(S?)\.(?!\w)(?! [A-Z][a-z])", ".")
def _manuscripts(match: re.Match[str]) -> str:
    return ("manuscripts" if match[1] else "manuscript") + stop(match, CAPITAL_NEXT)


@rule("abbreviations", r"(?<=[a-z] )ff\.(?!\w)", ".")
def _following(match: re.Match[str]) -> str:
    return "and following" + stop(match, CAPITAL_NEXT)


@rule("abbreviations", r"(?<=\d(?:th|st|nd|rd) )[cC](?:ent)?\.(?!\w)", ".")
def _of_a_century(match: re.Match[str]) -> str:
    return "century" + stop(match, CAPITAL_NEXT)


@rule("abbreviations", r"(?<![\w.])(?P<short>Mrs?|Ms|Messrs)\.(?!\w)", ".")
def _before_anything(match: re.Match[str]) -> str:
    return _BEFORE_NAMES[match["short"].lower()]


@rule(
    "abbreviations",
    r"(?<= )-(?=(?:General|Colonel|Commander|Governor|Major|Admiral|Inspector|Captain)\b)|(?<=[a-z] )-(?=Gen\.)",
    "-",
)
def _double_rank(match: re.Match[str]) -> str | None:
    before = re.search(r"(\w+) \Z", match.string[max(0, match.start() - 16) : match.start()])
    return "" if before and before[1].lower() in map(str.lower, _BEFORE_NAMES.values()) else None


_RIGHT = {"Rt. Hon.": "Right Honourable", "Rt. Rev.": "Right Reverend", "Hon.": "Honourable"}


@rule("abbreviations", r"(?<![\w.])(?:R(?:igh)?t\. (?:Hon|Rev)\.|Hon\.(?= the ))(?!\w)", ".")
def _right_honourable(match: re.Match[str]) -> str:
    return _RIGHT[match[0].replace("Right", "Rt")]


_COUNTIES = (
    "Antrim|Armagh|Carlow|Cavan|Clare|Cork|Derry|Donegal|Down|Dublin|Durham|Fermanagh|Galway|Kerry|Kildare|Kilkenny|Laois|"
    "Leitrim|Limerick|Longford|Louth|Mayo|Meath|Monaghan|Offaly|Roscommon|Sligo|Tipperary|Tyrone|Waterford|Westmeath|"
    "Wexford|Wicklow"
)


@rule("abbreviations", rf"(?<![\w.])Co\.(?= (?:{_COUNTIES})(?!\w))", ".")
def _county(match: re.Match[str]) -> str:
    return "County"


_NOT_BEFORE_STREET = word_set("Mount Port Lake Fort Bury Cape Saint Old Hotel")


def _after_name(match: re.Match[str]) -> bool:
    """Whether the name of a street stands directly before: a capitalised word that is no `At`, or `42nd`."""
    before = re.search(r"([^\W_][\w'’]*) \Z", match.string[max(0, match.start() - 30) : match.start()])
    if before is None:
        return False
    word = before[1]
    if word in _TITLES:
        return False
    if not word[0].isupper() or re.fullmatch(STARTERS, word) or word in _NOT_BEFORE_STREET:
        return re.fullmatch(r"\d+(?:st|nd|rd|th)|first|second|third|[a-z]+th", word) is not None
    begin = match.start() - len(word) - 1
    starts_sentence = re.search(r"(?:\A|[.!?…][\"'”’]?\s+)[\"'“‘]?\Z", match.string[max(0, begin - 6) : begin])
    return starts_sentence is None or bool(stop(match))


_ON_A_STREET = r"(?:in|on|at|of|from|to|near|down|up|along|into|across|through|off|over|and|the)\s(?:[A-Z]\w+\s)?\Z"


_OF_A_PERSON = r"(?:Mister|Missus|Miss|Doctor|Captain|Colonel|Lady|Sir) [^\W_]+ \Z"


@rule("abbreviations", rf"(?<![\w.])(?:St|ST)(?P<dot>\.?)(?P<next>(?=\s+[{UPPER}])|(?!\w))")
def _saint_or_street(match: re.Match[str]) -> str | None:
    """A street after a name, unless a title or a first name says that it is a person's."""
    text = match.string
    named = re.match(rf"\s+[\"'“‘]?([{UPPER}][\w’']*)", text[match.end() : match.end() + 24])
    before = re.search(r"([^\W_][\w'’]*) \Z", text[max(0, match.start() - 30) : match.start()])
    if _after_name(match):
        person = compiled(_OF_A_PERSON).search(text[max(0, match.start() - 40) : match.start()])
        if not named and person and compiled(r"\s?(?:--|[—–])").match(text, match.end()):
            return "Saint"
        if not named:
            return f"Street{stop(match)}" if match["dot"] else None
        assert before is not None
        begin = match.start() - len(before[1]) - 1
        titled = re.search(r"(\w+)\.? \Z", text[max(0, begin - 16) : begin])
        if (titled and titled[1] in _TITLES) or not match["dot"]:
            return "Saint" if titled and titled[1] in _TITLES else None
        if stop(match) or not before[1].isalpha() or compiled(_ON_A_STREET).search(text[max(0, begin - 24) : begin]):
            return f"Street{stop(match)}"
        return "Saint" if before[1][0].isupper() else f"Street{stop(match)}"
    if named:
        return "Saint"
    if match["dot"] and before and before[1][0].isupper():
        return f"Street{stop(match)}"
    return f"Street{stop(match)}" if match["dot"] and stop(match) else None


@rule("abbreviations", r"(?<=[a-z] )Dr\.(?=[,;:)]| [a-z])", ".")
def _drive(match: re.Match[str]) -> str | None:
    before = re.search(r"([^\W_][\w'’]*) \Z", match.string[max(0, match.start() - 30) : match.start()])
    return "Drive" if before and before[1][0].isupper() else None


_AFTER_NAMES = {
    "Jr": "Junior", "Sr": "Senior", "Esq": "Esquire", "Co": "Company", "Ltd": "Limited", "Inc": "Incorporated",
    "Corp": "Corporation", "Bros": "Brothers", "Ave": "Avenue", "Blvd": "Boulevard", "Rd": "Road",
    "Sq": "Square", "Ln": "Lane", "Hwy": "Highway", "Pkwy": "Parkway", "Govt": "Government", "Dept": "Department",
    "Assn": "Association", "Univ": "University", "Terr": "Terrace",
}  # fmt: skip


@rule("abbreviations", rf"(?<=[\w&,.] )(?P<short>{'|'.join(_AFTER_NAMES)})\.(?!\w)", ".")
def _after_names(match: re.Match[str]) -> str:
    return _AFTER_NAMES[match["short"]] + stop(match)


_PHRASES = {
    "e.g.": "for example", "eg.": "for example", "i.e.": "that is", "ie.": "that is", "etc.": "et cetera",
    "&c.": "et cetera", "&c": "et cetera", "vs.": "versus", "viz.": "namely", "cf.": "compare", "et al.": "and others",
    "approx.": "approximately", "dept.": "department", "ibid.": "ibidem", "Ph.D.": "P H D", "Ph.D": "P H D",
    "LL.D.": "L L D", "LL.B.": "L L B", "B.Sc.": "B S C", "M.Sc.": "M S C", "D.Sc.": "D S C", "D.Litt.": "D Lit",
    "D.Phil.": "D Phil", "M.Phil.": "M Phil", "w/o": "without", "c/o": "care of",
    "Jan.": "January", "Feb.": "February", "Aug.": "August", "Sept.": "September", "Oct.": "October",
    "Nov.": "November",
    "Dec.": "December",
}  # fmt: skip
_PHRASE = "|".join(re.escape(phrase) for phrase in sorted(_PHRASES, key=len, reverse=True))


_CAPITAL_PHRASES = "E\\.g\\.|I\\.e\\.|Viz\\.|Cf\\.|Approx\\.|Dept\\.|Ibid\\.|Etc\\."


@rule("abbreviations", rf"(?<![\w.&])(?:{_PHRASE}|{_CAPITAL_PHRASES}|e\. g\.|i\. e\.)(?!\w)", ".&/")
def _phrase(match: re.Match[str]) -> str:
    written = match[0].replace(". ", ".")
    spoken = _PHRASES.get(written) or _PHRASES[written.lower()]
    return (spoken.capitalize() if match[0][0].isupper() and spoken[0].islower() else spoken) + stop(match)


@rule("abbreviations", r"(?<=\w )vs(?= \w)|(?<=[a-z] )v\.(?= [A-Z])", "v")
def _versus(match: re.Match[str]) -> str:
    return "versus"


_LETTERED = word_set("vitamin plan type class grade section point exhibit appendix figure group team option hepatitis")


@rule("initials", r"(?<![\w.])(?:[A-Za-z]\.){2,12}(?:[A-Z](?![\w.]))?(?!\w)", ".")
def _dotted(match: re.Match[str]) -> str:
    spoken = " ".join(letter for letter in match[0] if letter != ".")
    pattern = CAPITAL_NEXT if spoken in ("a m", "p m") else ENDS
    return spoken + stop(match, pattern)


@rule("initials", rf"(?<![\w.'’-])[A-Z]\.(?:\s?[A-Z]\.){{0,8}}(?=\s?[{UPPER}])", ".")
def _initials(match: re.Match[str]) -> str | None:
    letters = re.findall("[A-Z]", match[0])
    if len(letters) == 1:
        before = re.search(r"(\w+)\s\Z", match.string[max(0, match.start() - 24) : match.start()])
        if letters[0] == "I" or (before and before[1].lower() in _LETTERED) or stop(match):
            return None
    spaced = "" if match.string[match.end() : match.end() + 1].isspace() else " "
    return " ".join(letters) + stop(match) + spaced


BEFORE_NUMBERS = (_unnamed, _of_a_century, _life, _before_numeral, _before_number)


_PLACES = {
    "Ala": "Alabama", "Ariz": "Arizona", "Ark": "Arkansas", "Cal": "California", "Calif": "California",
    "Colo": "Colorado", "Conn": "Connecticut", "Del": "Delaware", "Fla": "Florida", "Ga": "Georgia", "Ill": "Illinois",
    "Ind": "Indiana", "Kan": "Kansas", "Kans": "Kansas", "Ky": "Kentucky", "La": "Louisiana", "Mass": "Massachusetts",
    "Md": "Maryland", "Mich": "Michigan", "Minn": "Minnesota", "Miss": "Mississippi", "Mo": "Missouri",
    "Mont": "Montana", "Neb": "Nebraska", "Nebr": "Nebraska", "Nev": "Nevada", "Okla": "Oklahoma", "Ore": "Oregon",
    "Oreg": "Oregon", "Pa": "Pennsylvania", "Penn": "Pennsylvania", "Tenn": "Tennessee", "Tex": "Texas",
    "Vt": "Vermont", "Va": "Virginia", "Wash": "Washington", "Wis": "Wisconsin", "Wyo": "Wyoming", "Eng": "England",
    "Yorks": "Yorkshire", "Lancs": "Lancashire", "Hants": "Hampshire", "Herts": "Hertfordshire", "Berks": "Berkshire",
    "Bucks": "Buckinghamshire", "Cambs": "Cambridgeshire", "Glos": "Gloucestershire", "Lincs": "Lincolnshire",
    "Notts": "Nottinghamshire", "Northants": "Northamptonshire", "Oxon": "Oxfordshire", "Salop": "Shropshire",
    "Staffs": "Staffordshire", "Wilts": "Wiltshire", "Worcs": "Worcestershire", "Leics": "Leicestershire",
    "Beds": "Bedfordshire", "Middx": "Middlesex",
}  # fmt: skip


@rule("abbreviations", rf"(?<=[a-z], )(?P<place>{'|'.join(_PLACES)})\.(?!\w)", ".")
def _place(match: re.Match[str]) -> str:
    return _PLACES[match["place"]] + stop(match)


RULES = (
    _right_honourable,
    _county,
    _general,
    _for_each,
    _month_of_a_letter,
    _manuscripts,
    _following,
    _before_name,
    _before_anything,
    _double_rank,
    _drive,
    _versus,
    _saint_or_street,
    _place,
    _after_names,
    _phrase,
    _dotted,
    _initials,
)
