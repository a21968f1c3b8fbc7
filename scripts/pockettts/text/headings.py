"""Headings of a plain text: which blocks begin a chapter, by their form and by how they count."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from pockettts.text.layout import SCENE_BREAK, Block
from pockettts.text.mapped import Mapped, word_set
from pockettts.text.roman import roman_value

_UNITS = "one|two|three|four|five|six|seven|eight|nine"
_NUMBER_WORD = (
    rf"(?:(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:[- ](?:{_UNITS}))?|{_UNITS}|ten|eleven|twelve"
    r"|(?:thir|four|fif|six|seven|eigh|nine)teen"
    r"|(?:the )?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|last))"
)
ROMAN = r"(?=[IVXLC])(?:XC|XL|L?X{0,3})?C{0,3}(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
_PART = r"chapter|book|part|epoch|volume|section|act|scene|canto|letter|stave|chap\."
_EXPLICIT = re.compile(
    rf"\s*_?(?P<part>{_PART})\s+(?:the\s+)?(?P<number>(?-i:{ROMAN})|{ROMAN.lower()}|\d{{1,3}}|{_NUMBER_WORD})"
    r"(?P<stop>\s*[.:,;—–-]{1,2}|(?=\s*$)|\s(?=[A-Z\"“‘']))(?P<title>.*)$",
    re.I,
)
NUMERAL = re.compile(rf"\s*(?P<number>{ROMAN}|\d{{1,3}})[.]?\s*$")
NUMBERED = re.compile(rf"\s*(?P<number>{ROMAN})(?:[.:]|\s?[—–-])\s+(?P<title>\S.*)$")
NAMED = re.compile(
    r"\s*_?(?:(?:author['’]s )?(?:preface|foreword|note|introduction)|prologue|epilogue|prelude|interlude|introductory"
    r"|introduction|conclusion|afterword|appendix(?: [a-z\d])?|acknowledge?ments|postscript|dedication|envoi)"
    r"_?(?:[.:]|[.:—–-]+\s.{1,60}|\s+to the .{1,60})?\s*$",
    re.I,
)

_SMALL_WORDS = word_set(
    "a an and as at but by de for from in into la nor of off on or over per the to up upon via von with within"
)


def _number(text: str) -> int:
    return int(text) if text.isdigit() else roman_value(text)


def is_title(text: str) -> bool:
    """Whether a short line looks like the title of a chapter: all capitals, or the words capitalised."""
    text = text.strip().strip("_").rstrip(".")
    if not text or len(text) > 100 or text[-1] in ",;:!?" or (text[0] in "\"“‘'([" and text[-1] not in "\"”’')]"):
        return False
    words = re.findall(r"[^\W\d_][\w'’]*", text)
    if not words or (". " in text and not text.isupper() and not re.search(r"\b(?:Mr|Mrs|Dr|St|Miss)\. ", text)):
        return False
    if text.isupper():
        return True
    heavy = [word for word in words if word.lower() not in _SMALL_WORDS]
    capitalised = sum(word[0].isupper() for word in heavy)
    return words[0][0].isupper() and capitalised * 10 >= len(heavy) * 6 and len(words) <= 14


def explicit(text: str) -> re.Match[str] | None:
    """A line such as `CHAPTER IV. The Title`; None for prose that begins with such words."""
    match = _EXPLICIT.match(text) if len(text) <= 120 else None
    if match is None:
        return None
    title = match["title"].strip()
    marked = match["stop"].strip() != "" or not title
    if title and not (match["part"][0].isupper() and (is_title(title) or (marked and title[:1].isupper()))):
        return None
    if not match["part"][0].isupper() or (match["number"][0].islower() and len(match["number"]) == 1):
        return None
    return match


@dataclass(slots=True)
class ClassifiedBlock:
    """A block and what it is taken for."""

    block: Block
    kind: Literal["chapter", "heading", "caps", "numeral", "numbered", "break", "prose"]


def classify(block: Block) -> ClassifiedBlock:
    """What a block is by its own form; `caps`, `numeral` and `numbered` are settled by the whole book."""
    text = block.text.replace("\x00", "").strip()
    if SCENE_BREAK.fullmatch(text) and (len(text) > 1 or text in "*•⁂#~"):
        return ClassifiedBlock(block, "break")
    first = block.lines[0].text.replace("\x00", "")
    if len(text) <= 160 and len(block.lines) <= 3:
        if explicit(first) and (
            len(block.lines) == 1 or is_title(" ".join(line.text.strip() for line in block.lines[1:])) or text.isupper()
        ):
            return ClassifiedBlock(block, "chapter")
        if len(block.lines) == 1 and NAMED.match(first) and first.strip().strip("_")[0].isupper():
            return ClassifiedBlock(block, "chapter")
        if NUMERAL.match(text):
            return ClassifiedBlock(block, "numeral")
        if len(block.lines) == 1 and (numbered := NUMBERED.match(text)) and is_title(numbered["title"]):
            return ClassifiedBlock(block, "numbered")
        letters = re.findall(r"[^\W\d_]", text)
        if len(letters) > 2 and text.isupper() and len(text) <= 80 and text[0].isalnum() and text[-1] not in ",;!?":
            return ClassifiedBlock(block, "caps")
    return ClassifiedBlock(block, "prose")


def split_heading(block: Block) -> list[Block]:
    """A chapter's line that stands directly over its first paragraph becomes a block of its own."""
    if len(block.lines) > 1 and explicit(block.lines[0].text):
        rest = " ".join(line.text.strip() for line in block.lines[1:])
        if not (is_title(rest) or (len(rest) <= 120 and rest.isupper())):
            return [Block(block.lines[:1], block.blanks), Block(block.lines[1:], 0)]
    return [block]


def sequence(items: list[ClassifiedBlock], kind: str, pattern: re.Pattern[str]) -> None:
    """Keep numerals that count 1, 2, 3... (and may start again) as chapters; turn the others into prose."""
    found = [item for item in items if item.kind == kind]
    previous = 0
    good: list[ClassifiedBlock] = []
    for item in found:
        match = pattern.match(item.block.text.strip())
        value = _number(match["number"]) if match else -1
        if value in (1, previous + 1):
            good.append(item)
            previous = value
    named = sum(item.kind == "chapter" and explicit(item.block.lines[0].text) is not None for item in items)
    for item in found:
        if len(good) > 1 and item in good:
            item.kind = "chapter" if named < 2 else "heading"
        else:
            item.kind = "prose"


def with_stop(text: Mapped, at: int) -> Mapped:
    """A full stop after the first line of a heading, unless it has a mark."""
    if not 0 < at < len(text) or text.text[at - 1] in ".:!?,;-—–" or text.text[at] != " ":
        return text
    return Mapped.concat([text[:at], Mapped.inserted(".", text.ends[at - 1]), text[at:]])


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
        and not items[index + 1].block.text.isupper()
    )


def demote_lists(items: list[ClassifiedBlock]) -> None:
    """`I. Title` lines one after the other are a list, not chapters; but the last is one if it begins to count anew."""
    run: list[ClassifiedBlock] = []
    for item in [*items, None]:
        numbered = NUMBERED.match(item.block.text) if item is not None and item.kind == "chapter" else None
        if item is not None and numbered:
            run.append(item)
            continue
        if len(run) > 1 or (run and item is None):
            last = NUMBERED.match(run[-1].block.text)
            anew = item is not None and last is not None and _number(last["number"]) == 1
            for listed in run[:-1] if anew else run:
                listed.kind = "prose"
        run = []


def promote_capitals(items: list[ClassifiedBlock]) -> None:
    """Short lines in capitals: chapters where a book has no others and leaves room above them, else headings."""
    explicit = sum(item.kind == "chapter" for item in items)
    for index, item in enumerate(items):
        if item.kind != "caps":
            continue
        following = items[index + 1] if index + 1 < len(items) else None
        prose_below = following is not None and following.kind == "prose" and following.block.width > 60
        ending = re.fullmatch(r"\W*(?:the end|finis|fin)\W*", item.block.text, re.I)
        if ending or not prose_below:
            item.kind = "prose"
        else:
            item.kind = "chapter" if explicit < 2 and item.block.blanks > 1 else "heading"
