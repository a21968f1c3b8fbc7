"""Headings of a plain text: which blocks begin a chapter, by their form, by how they count, and by the contents."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pockettts.text.layout import SCENE_BREAK, Block
from pockettts.text.mapped import Mapped, word_set
from pockettts.text.roman import roman_value

# Words that head a chapter in any book, and their ordinals, in the seven languages that are spoken.
_PART = (
    r"chapter|chap\.|book|part|epoch|volume|section|act|scene|canto|letter|stave|adventure"
    r"|kapitel|teil|buch|abschnitt|gesang|akt|aufzug|szene|brief"
    r"|chapitre|partie|livre|tome|acte|sc[èe]ne|chant|lettre"
    r"|cap[íi]tulo|parte|libro|tomo|acto|escena|jornada|carta"
    r"|capitolo|atto|scena|lettera"
    r"|livro|ato|cena"
    r"|hoofdstuk|deel|boek|bedrijf|toneel"
)
_UNITS = "one|two|three|four|five|six|seven|eight|nine"
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_CARDINALS = (
    rf"(?:{_TENS})(?:[- ](?:{_UNITS}))?|{_UNITS}|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
    r"|eins|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf"
    r"|un|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze"
    r"|uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce"
    r"|due|tre|quattro|cinque|sei|sette|otto|nove|dieci|undici|dodici"
    r"|um|dois|três|quatro|sete|oito|dez|doze"
    r"|een|één|twee|drie|vijf|zes|zeven|negen|tien|twaalf"
)
_ORDINALS = (
    r"(?:the )?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|last"
    r"|(?:thir|four|fif|six|seven|eigh|nine)teenth)"
    r"|(?:erst|zweit|dritt|viert|fünft|sechst|sieben?t|acht|neunt|zehnt|elft|zwölft|(?:drei|vier|fünf|sech|sieb|acht|neun)"
    r"zehnt|zwanzigst|letzt)e[srn]?"
    r"|premi(?:er|ère)|deuxième|seconde?|troisième|quatrième|cinquième|sixième|septième|huitième|neuvième|dixième"
    r"|onzième|douzième|derni(?:er|ère)"
    r"|(?:primer|segund|tercer|cuart|quint|sext|s[ée]ptim|octav|noven|d[ée]cim|und[ée]cim|duod[ée]cim|[úu]ltim)[oa]"
    r"|(?:prim|second|terz|quart|sest|settim|ottav|non|undicesim|dodicesim)[oa]|(?:primeir|terceir|s[ée]tim|oitav)[oa]"
    r"|eerste|tweede|derde|vierde|vijfde|zesde|zevende|achtste|negende|tiende|elfde|twaalfde|laatste"
)
ROMAN = r"(?=[IVXLC])(?:XC|XL|L?X{0,3})?C{0,3}(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
_STOP = r"(?P<stop>\s*[.:,;—–-]{1,2}|(?=\s*$)|\s(?=[A-ZÀ-Þ\"“‘'¿¡«]))(?P<title>.*)$"
_EXPLICIT = re.compile(
    rf"\s*_?(?P<part>{_PART})\s+(?:the\s+)?"
    rf"(?P<number>(?-i:{ROMAN})|{ROMAN.lower()}|\d{{1,3}}|{_ORDINALS}|{_CARDINALS}){_STOP}",
    re.I,
)
_ORDINAL_FIRST = re.compile(rf"\s*_?(?P<number>{_ORDINALS})\s+(?P<part>{_PART}){_STOP}", re.I)
_CITATION = re.compile(r"(?:ch|chap|pp?|sc|v|verse|line|ll?)\.?\s*(?:\d|[ivxl]+\b)", re.I)
_DECORATION = r"[-–—~*·=_ ]*"
NUMERAL = re.compile(
    rf"\s*{_DECORATION}(?P<number>{ROMAN}|\d{{1,4}}|(?i:{_UNITS}|ten|eleven|twelve))[.]?{_DECORATION}\s*$"
)
NUMBERED = re.compile(rf"\s*(?P<number>{ROMAN}|\d{{1,3}})(?:[.:]|\s?[—–-])\s+(?P<title>\S.*)$")
_COUNTED = re.compile(rf"\s*(?P<word>[A-ZÀ-Þ][^\W\d_]{{1,20}})\s+(?P<number>{ROMAN}|\d{{1,3}}){_STOP}")
NAMED = re.compile(
    r"\s*_?(?:(?:author['’]s )?(?:preface|foreword|note|introduction)|prologue|epilogue|prelude|interlude|introductory"
    r"|introduction|conclusion|afterword|appendix(?: [a-z\d])?|acknowledge?ments|postscript|dedication|envoi"
    r"|vorwort|einleitung|nachwort|epilog|prolog|anhang|préface|avant-propos|épilogue|conclusion|prólogo|epílogo"
    r"|introducción|prefacio|prefazione|prologo|epilogo|introduzione|prefácio|introdução|voorwoord|voorrede|inleiding"
    r"|nawoord|naschrift)"
    r"_?(?:[.:]|[.:—–-]+\s.{1,60}|\s+to the .{1,60})?\s*$",
    re.I,
)
_NUMBER_VALUES = {word: value for value, word in enumerate([*_UNITS.split("|"), "ten", "eleven", "twelve"], 1)}
_SMALL_WORDS = word_set(
    "a an and as at but by de for from in into la nor of off on or over per the to up upon via von with within"
)
_LONGEST_HEADING = 300


def number_value(text: str) -> int:
    """The value of a heading's number: digits, a roman numeral, or a word up to twelve; 0 for other words."""
    if text.isdigit():
        return int(text)
    return _NUMBER_VALUES.get(text.casefold()) or (roman_value(text) if re.fullmatch("[IVXLC]+", text.upper()) else 0)


def is_title(text: str) -> bool:
    """Whether a short line looks like the title of a chapter: all capitals, or the words capitalized."""
    text = text.strip().strip("_").rstrip(".")
    if not text or len(text) > 100 or text[-1] in ",;:!?" or (text[0] in "\"“‘'([" and text[-1] not in "\"”’')]"):
        return False
    words = re.findall(r"[^\W\d_][\w'’]*", text)
    if not words or (". " in text and not text.isupper() and not re.search(r"\b(?:Mr|Mrs|Dr|St|Miss)\. ", text)):
        return False
    if text.isupper():
        return True
    heavy = [word for word in words if word.lower() not in _SMALL_WORDS]
    capitalized = sum(word[0].isupper() for word in heavy)
    return words[0][0].isupper() and capitalized * 10 >= len(heavy) * 6 and len(words) <= 14


def explicit(text: str) -> re.Match[str] | None:
    """A line such as `CHAPTER IV. The Title` or `Erstes Kapitel`; None for prose that begins with such words."""
    match = (_EXPLICIT.match(text) or _ORDINAL_FIRST.match(text)) if len(text) <= 120 else None
    if match is None:
        return None
    title = match["title"].strip()
    if _CITATION.match(title):
        return None
    marked = match["stop"].strip() != "" or not title
    first = min(match.start("part"), match.start("number"))
    if title and not (text[first].isupper() and (is_title(title) or (marked and title.lstrip('¿¡«"“‘')[:1].isupper()))):
        return None
    if not text[first].isupper() or (match["number"][0].islower() and len(match["number"]) == 1):
        return None
    return match


BlockKind = Literal["chapter", "heading", "caps", "numeral", "numbered", "counted", "break", "prose"]


@dataclass(slots=True)
class ClassifiedBlock:
    """A block and what it is taken for."""

    block: Block
    kind: BlockKind


def classify(block: Block) -> ClassifiedBlock:
    """What a block is by its own form; `caps`, `numeral`, `numbered` and `counted` are settled by the whole book."""
    text = block.text.replace("\x00", "").strip()
    if SCENE_BREAK.fullmatch(text) and (len(text) > 1 or text in "*•⁂#~◆◇"):
        return ClassifiedBlock(block, "break")
    first = block.lines[0].text.replace("\x00", "")
    match = explicit(first)
    if (
        match
        and len(block.lines) > 1
        and len(text) <= _LONGEST_HEADING
        and match["title"].strip()
        and match["stop"].strip()
    ):
        return ClassifiedBlock(block, "chapter")  # a title that runs over several lines
    if len(text) <= 160 and len(block.lines) <= 3:
        if match and (
            len(block.lines) == 1 or is_title(" ".join(line.text.strip() for line in block.lines[1:])) or text.isupper()
        ):
            return ClassifiedBlock(block, "chapter")
        if len(block.lines) == 1 and NAMED.match(first) and first.strip().strip("_")[0].isupper():
            return ClassifiedBlock(block, "chapter")
        if NUMERAL.match(text):
            return ClassifiedBlock(block, "numeral")
        if len(block.lines) == 1 and (numbered := NUMBERED.match(text)) and is_title(numbered["title"]):
            return ClassifiedBlock(block, "numbered")
        if (
            len(block.lines) == 1
            and (counted := _COUNTED.match(text))
            and (not counted["title"].strip() or is_title(counted["title"]))
        ):
            return ClassifiedBlock(block, "counted")
        letters = re.findall(r"[^\W\d_]", text)
        if len(letters) > 2 and text.isupper() and len(text) <= 80 and text[0].isalnum() and text[-1] not in ",;!?":
            return ClassifiedBlock(block, "caps")
    return ClassifiedBlock(block, "prose")


def split_heading(block: Block) -> list[Block]:
    """A chapter's line that stands directly over its first paragraph becomes a block of its own."""
    match = explicit(block.lines[0].text) if len(block.lines) > 1 else None
    if match and not (match["title"].strip() and match["stop"].strip() and len(block.text) <= _LONGEST_HEADING):
        rest = " ".join(line.text.strip() for line in block.lines[1:])
        if not (is_title(rest) or (len(rest) <= 120 and rest.isupper())):
            return [Block(block.lines[:1], block.blanks, block.new_page), Block(block.lines[1:], 0)]
    return [block]


def settle(items: list[ClassifiedBlock], listed: Callable[[Block], bool]) -> None:
    """Decide by the whole book which numbered lines and lines in capitals are chapters, headings or prose.

    `listed` tells the blocks that a table of contents names.
    """
    _demote_lists(items)
    _promote_listed(items, listed)
    _count(items, "numbered", NUMBERED)
    _count(items, "numeral", NUMERAL)
    for word in {match["word"] for item in items if item.kind == "counted" and (match := _counted(item))}:
        _count(items, "counted", re.compile(rf"\s*{re.escape(word)}\s+(?P<number>{ROMAN}|\d{{1,3}})"))
    for item in items:
        if item.kind == "counted":
            item.kind = "prose"
    _promote_capitals(items)


def _counted(item: ClassifiedBlock) -> re.Match[str] | None:
    return _COUNTED.match(item.block.text)


def _count(items: list[ClassifiedBlock], kind: BlockKind, pattern: re.Pattern[str]) -> None:
    """Keep numbers that count up by one (and may start again at one) as chapters; turn the others into prose."""
    rows = [
        (item, number_value(match["number"]))
        for item in items
        if item.kind == kind and (match := pattern.match(item.block.text.strip()))
    ]
    good: list[ClassifiedBlock] = []
    previous = 0
    for at, (item, value) in enumerate(rows):
        begins = not good and at + 1 < len(rows) and rows[at + 1][1] == value + 1
        if value in (1, previous + 1) or begins:
            good.append(item)
            previous = value
    named = sum(item.kind == "chapter" and NAMED.match(item.block.text) is None for item in items)
    if kind == "counted" and len(good) < 2:
        return
    continues = bool(good) and _continues(items, good[0], {id(item): value for item, value in rows}[id(good[0])])
    for item, _ in rows:
        if len(good) > 1 and any(item is one for one in good):
            item.kind = "chapter" if named < 2 or continues else "heading"
        else:
            item.kind = "prose"


def _continues(items: list[ClassifiedBlock], first: ClassifiedBlock, value: int) -> bool:
    """Whether numbered lines from `first` on count on from the chapters before: `ADVENTURE VI`, then `VII. Title`."""
    last = 0
    for item in items:
        if item is first:
            break
        match = explicit(item.block.lines[0].text) if item.kind == "chapter" else None
        if match:
            last = number_value(match["number"]) or last
    return last > 0 and value == last + 1


def _demote_lists(items: list[ClassifiedBlock]) -> None:
    """`I. Title` lines one after the other are a list, not chapters; the last is one if it begins to count again."""
    run: list[ClassifiedBlock] = []
    for item in [*items, None]:
        if item is not None and item.kind == "numbered":
            run.append(item)
            continue
        if len(run) > 1 or (run and item is None):
            last = NUMBERED.match(run[-1].block.text)
            again = item is not None and last is not None and number_value(last["number"]) == 1
            for listed in run[:-1] if again else run:
                listed.kind = "prose"
        run = []


def _promote_listed(items: list[ClassifiedBlock], listed: Callable[[Block], bool]) -> None:
    """What the table of contents names is a chapter, if the book has no numbered ones."""
    if sum(item.kind == "chapter" and NAMED.match(item.block.text) is None for item in items) >= 2:
        return
    for index, item in enumerate(items):
        following = items[index + 1].kind if index + 1 < len(items) else "break"
        if (
            item.kind in ("caps", "prose", "numbered")
            and len(item.block.lines) <= 3
            and following != "break"
            and listed(item.block)
        ):
            numeral = items[index - 1] if index and items[index - 1].kind == "numeral" else None
            (numeral or item).kind = "chapter"


def _promote_capitals(items: list[ClassifiedBlock]) -> None:
    """Short lines in capitals: chapters where a book has no others and leaves room above them, else headings."""
    named = sum(item.kind == "chapter" for item in items)
    for index, item in enumerate(items):
        if item.kind != "caps":
            continue
        following = items[index + 1] if index + 1 < len(items) else None
        prose_below = following is not None and following.kind == "prose" and following.block.width > 60
        ending = re.fullmatch(r"\W*(?:the end|finis|fin|ende|fine|einde|fim)\W*", item.block.text, re.I)
        if ending or not prose_below:
            item.kind = "prose"
        else:
            item.kind = "chapter" if named < 2 and item.block.blanks > 1 else "heading"


def takes_title(items: list[ClassifiedBlock], index: int) -> bool:
    """Whether the block at `index` is the title of the bare `CHAPTER IV.` before it."""
    heading = items[index - 1].block
    if index + 1 >= len(items) or len(heading.lines) > 1:
        return False
    match = explicit(heading.text)
    bare = bool(NUMERAL.match(heading.text)) or (match is not None and not match["title"].strip())
    below, text = items[index], items[index].block.text.strip()
    spaced = items[index + 1].block.blanks > 1 and text[0].isupper() and text[-1] not in ",;:!?"
    return (
        bare
        and below.kind in ("caps", "prose", "heading")
        and len(below.block.lines) <= 3
        and (is_title(text) or (spaced and len(text) <= 100))
        and (not items[index + 1].block.text.isupper() or (match is not None and text.isupper()))
    )


def with_stop(text: Mapped, at: int) -> Mapped:
    """A full stop after the first line of a heading, unless it has a mark."""
    if not 0 < at < len(text) or text.text[at - 1] in ".:!?,;-—–" or text.text[at] != " ":
        return text
    return Mapped.concat([text[:at], Mapped.inserted(".", text.ends[at - 1]), text[at:]])
