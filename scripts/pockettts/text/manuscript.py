"""From a file to chapters and paragraphs: the first step of the flow, before a word is normalised.

Two readers share the cleaning: `_read_plain` for plain text, with the marks of old e-texts (hard-wrapped lines,
Project Gutenberg's header, page numbers, `_italics_`), and `_read_markdown` for Markdown (CommonMark and tables).
Offsets count characters of the decoded source, without a byte order mark.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pockettts.errors import ManuscriptError
from pockettts.text.mapped import Mapped, word_set

if TYPE_CHECKING:
    from markdown_it.token import Token


@dataclass(frozen=True, slots=True)
class Paragraph:
    """What is spoken in one go: a heading or a paragraph, cleaned, with its span in the decoded source.

    `scene_break` says that a mark such as `* * *` follows. `mapped` is `text` with the offset of each character.
    """

    kind: Literal["heading", "paragraph"]
    text: str
    start: int
    end: int
    scene_break: bool = False
    mapped: Mapped = field(default_factory=lambda: Mapped.of(""), repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Chapter:
    """A title and paragraphs; the heading itself is among the paragraphs, as the first."""

    title: str
    paragraphs: tuple[Paragraph, ...]


@dataclass(frozen=True, slots=True)
class Manuscript:
    """A book as read: its title, the encoding it was decoded with, and its chapters in order.

    `name` (the file) and `line_starts` (offset of each line) are for messages.
    """

    title: str
    encoding: str
    chapters: tuple[Chapter, ...]
    name: str = ""
    line_starts: tuple[int, ...] = field(default=(0,), repr=False, compare=False)

    def line(self, offset: int) -> int:
        """Number, from 1, of the source line that holds `offset`."""
        return bisect_right(self.line_starts, offset)

    def as_json(self) -> dict[str, Any]:
        """The content of results/{book}/manuscript.json: chapters and paragraphs with their source spans."""
        return {
            "title": self.title,
            "encoding": self.encoding,
            "chapters": [
                {
                    "title": chapter.title,
                    "paragraphs": [
                        {
                            "kind": paragraph.kind,
                            "text": paragraph.text,
                            "start": paragraph.start,
                            "end": paragraph.end,
                            **({"scene_break": True} if paragraph.scene_break else {}),
                        }
                        for paragraph in chapter.paragraphs
                    ],
                }
                for chapter in self.chapters
            ],
        }


# --- bytes to text ---------------------------------------------------------------------------------------------------

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTAINERS = (
    (b"PK\x03\x04", "a ZIP container, such as an EPUB or a DOCX"),
    (b"%PDF", "a PDF"),
    (b"{\\rtf", "an RTF document"),
    (b"\xd0\xcf\x11\xe0", "an old Word document"),
    (b"RIFF", "a RIFF file, such as a WAV"),
    (b"\x89PNG", "a PNG picture"),
    (b"\x1f\x8b", "a gzip archive"),
)
_CONTROLS = re.compile("[\x00-\x08\x0e-\x19\x1b\x1c\x1d\x1f\x7f]")


def decode(data: bytes, encoding: str, name: str) -> tuple[str, str]:
    """Decode the bytes of a file named `name`; returns the text without a byte order mark, and the codec used.

    `auto` tries, in this order: a byte order mark, UTF-8, UTF-16 by its zero bytes, cp1252 where few bytes are beyond
    ASCII, and what charset-normalizer makes of it. Raises `ManuscriptError`.
    """
    for magic, what in _CONTAINERS:
        if data.startswith(magic):
            raise ManuscriptError(f"{name} is {what}, not plain text; save it as .txt or .md first.")
    codec = _guess(data, name) if encoding == "auto" else _declared(encoding, name)
    try:
        text = data.decode(codec)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ManuscriptError(
            f"{name} is not {codec}: the bytes at offset {error.start} (line {line}) do not decode; "
            "set text.encoding to the file's own encoding, or to auto."
        ) from None
    controls = len(_CONTROLS.findall(text))
    if "\x00" in text or controls * 200 > len(text):
        raise ManuscriptError(f"{name} is binary, not text; give a .txt or .md file.")
    return text.removeprefix("\ufeff"), codec


def _declared(encoding: str, name: str) -> str:
    try:
        codec = codecs.lookup(encoding)
    except LookupError:
        raise ManuscriptError(
            f"text.encoding: {encoding!r} is no encoding that Python knows; use auto, utf-8 or cp1252, say, for {name}."
        ) from None
    if not getattr(codec, "_is_text_encoding", True):
        raise ManuscriptError(f"text.encoding: {encoding!r} is not a text encoding; use auto or utf-8 for {name}.")
    return codec.name


def _guess(data: bytes, name: str) -> str:
    for bom, codec in _BOMS:
        if data.startswith(bom):
            return codec
    try:
        data.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError as error:
        broken = error
    zeros = (data[0::2].count(0), data[1::2].count(0))
    if max(zeros) * 4 > len(data) // 2 > 0 and min(zeros) * 20 < len(data) // 2:
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    if 0 in data:
        raise ManuscriptError(f"{name} is binary, not text; give a .txt or .md file.")
    text = data.decode("utf-8", errors="replace")
    bad = text.count("\ufffd")
    if bad * 10 < sum(character > "\x7f" for character in text):
        line = data.count(b"\n", 0, broken.start) + 1
        raise ManuscriptError(
            f"{name} is UTF-8 but for {bad} damaged places, the first at byte {broken.start} (line {line}); "
            "repair it, or declare another text.encoding."
        )
    letters = sum(65 <= byte <= 122 for byte in data)
    beyond = sum(byte > 127 for byte in data)
    if beyond * 4 < letters:
        try:
            data.decode("cp1252")
            return "cp1252"
        except UnicodeDecodeError:
            pass
    from charset_normalizer import from_bytes

    best = from_bytes(data[:65_536]).best()
    if best is None:
        raise ManuscriptError(f"{name}: the encoding cannot be made out; declare it as text.encoding.")
    return best.encoding


# --- cleaning that both readers share --------------------------------------------------------------------------------

_LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
_LIGATURE = re.compile("[ﬀ-ﬆ]")
# Soft hyphens, zero-width characters, bidirectional and other invisible controls, private use (our own placeholders).
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064"
    "\u2066-\u206f\ufe00-\ufe0f\ufeff\ufff9-\uffff\ue000-\uf8ff\U000f0000-\U0010ffff]+"
)
_SPACE = re.compile(r"\s\s+|[^\S ]")
_COMBINING = re.compile("[^\u0300-\u036f][\u0300-\u036f]+")


def _clean(mapped: Mapped) -> Mapped:
    """Invisible characters dropped, ligatures taken apart, accents composed, white space single."""
    if mapped.text.isascii() and not _INVISIBLE.search(mapped.text):
        return mapped.sub(_SPACE, " ").strip()
    mapped = mapped.sub(_INVISIBLE, "")
    mapped = mapped.sub(_LIGATURE, lambda match: _LIGATURES[match[0]])
    mapped = mapped.sub(_COMBINING, lambda match: unicodedata.normalize("NFC", match[0]))
    return mapped.sub(_SPACE, " ").strip()


def _speaks(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _paragraph(kind: Literal["heading", "paragraph"], mapped: Mapped) -> Paragraph:
    return Paragraph(kind, mapped.text, *mapped.span, mapped=mapped)


@dataclass(slots=True)
class _Builder:
    """Collects paragraphs into chapters; headings with nothing under them join the chapter that follows."""

    chapters: list[Chapter] = field(default_factory=list)
    title: str = ""
    paragraphs: list[Paragraph] = field(default_factory=list)

    def chapter(self, heading: Mapped) -> None:
        """Begin a chapter with this heading."""
        if any(paragraph.kind == "paragraph" for paragraph in self.paragraphs):
            self.close()
        self.title = f"{self.title.rstrip('.')}. {heading.text}" if self.title else heading.text
        self.paragraphs.append(_paragraph("heading", heading))

    def add(self, kind: Literal["heading", "paragraph"], mapped: Mapped) -> None:
        """Add what has something to speak to the chapter."""
        if _speaks(mapped.text):
            self.paragraphs.append(_paragraph(kind, mapped))

    def scene_break(self) -> None:
        """Mark the last paragraph as the end of a scene."""
        if self.paragraphs:
            last = self.paragraphs[-1]
            self.paragraphs[-1] = Paragraph(last.kind, last.text, last.start, last.end, True, last.mapped)

    def close(self) -> None:
        """End the chapter."""
        if self.paragraphs:
            self.chapters.append(Chapter(self.title, tuple(self.paragraphs)))
        self.title, self.paragraphs = "", []


# --- plain text: what is dropped -------------------------------------------------------------------------------------

_GUTENBERG_START = re.compile(
    r"^[ \t]*\*\*\*[ \t]?START OF (?:THE|THIS) PROJECT GUTENBERG E-?(?:BOOK|TEXT)[^\n]*(?:\n[^\n*]+\*\*\*[^\n]*)?"
    r"|^\*END\*? ?THE SMALL PRINT[^\n]*",
    re.M | re.I,
)
_GUTENBERG_END = re.compile(
    r"^[ \t]*\*\*\*[ \t]?END OF (?:THE|THIS) PROJECT GUTENBERG|^[ \t]*End of (?:the )?Project Gutenberg", re.M | re.I
)
_GUTENBERG_TITLE = re.compile(r"^Title:[ \t]*(\S[^\r\n]{0,200})", re.M)
_BRACKETED = re.compile(
    r"\[(?:illustrations?|frontispiece|music|footnote|transcriber|sidenote|blank page|decoration|ornament|image"
    r"|p(?:g|age)\.? ?\d)(?![a-z])(?:[^\[\]]|\[[^\[\]]{0,300}\]){0,4000}\]",
    re.I,
)
_CREDIT = re.compile(
    r"(?:produced|transcribed|e-?text prepared|scanned|digitized|prepared) (?:by|from)\b"
    r"|transcribers?['’]?s?['’]? note",
    re.I,
)
_PAGE_NUMBER = re.compile(
    r"\s*(?:\[?(?:p(?:g|age)?\.? ?)?(\d{1,4})\]?|[-–—]\s?\d{1,4}\s?[-–—]|\{\d{1,4}\}|\[p(?:g|age)\.? ?[ivxlc]+\])\s*",
    re.I,
)
_GONE = "\x00 \t\r\n"  # NUL stands for what was dropped
_SCENE_BREAK = re.compile(r"\s*(?:[*•·⁂#~=_—–-]|o0o|\x00)(?:\s*(?:[*•·⁂#~=_—–-]|o0o))*\s*")
_SENTENCE_END = re.compile(r"[.!?…:;][\"'”’)\]*_]*\s*$")
_NOTE_MARK = re.compile(r"\s?(?:\[(?:\d{1,3}|[a-z]|[ivx]{1,5}|[*†‡]+)\]|\{\d{1,3}\}|[¹²³⁴-⁹⁰]+(?=\W|$)|[†‡])", re.I)
_NOTE_STAR = re.compile(r"(?<=[\w.,;:!?'\"’”)])\*{1,3}(?![\w*])|(?<!\S)\*{1,3}(?=[\w\"'“‘])")
_NOTE_BODY = re.compile(r"\s*(?:\[\^?\w{1,8}\]|\{\d{1,3}\})\s*:?\s*\S")
_NOTES_HEADING = re.compile(r"\s*_?(?:foot|end)?notes?_?[.:]?\s*", re.I)
_EMPHASIS = (
    re.compile(r"(?<![\w*])(\*{1,3})(?=[\w\"'“‘(])(?P<inner>[^*\n]{1,400}?)(?<=\S)\1(?![\w*])"),
    re.compile(r"(?<![\w=])(=)(?=[\w\"'“‘])(?P<inner>[^=\n]{1,200}?)(?<=\S)\1(?![\w=])"),
)
_UNDERSCORES = re.compile(r"(?<![^\W_])_+(?=\S)|(?<=\S)_+(?![^\W_])")
_CONTENTS = re.compile(r"\s*_?(?:the |table of )?contents_?[.:]?\s*", re.I)
_PAGED_ENTRY = re.compile(
    r"\s*\S.{0,120}?(?:\s{2,}|\s?\.{2,}\s?|(?:\s\.){2,}\s?|\t)(?:\d{1,4}|[ivxlc]{1,8}|page)\s*$", re.I
)


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int
    text: str


@dataclass(slots=True)
class _Block:
    """Lines between blank lines; `blanks` counts the blank lines before."""

    lines: list[_Line]
    blanks: int

    @property
    def text(self) -> str:
        return " ".join(line.text.strip() for line in self.lines)

    @property
    def width(self) -> int:
        return sum(len(line.text) for line in self.lines)


def _lines(text: str, start: int, end: int) -> list[_Line]:
    return [
        _Line(match.start(), match.end(), match[0])
        for match in re.compile(r"[^\r\n\f\v\u2028\u2029\x85]*(?:\r\n|[\r\n\f\v\u2028\u2029\x85]|$)").finditer(
            text, start, end
        )
        if match.end() > match.start()
    ]


def _drop_page_numbers(lines: list[_Line]) -> list[_Line]:
    """Leave out lines that hold a page number only; a sentence that one interrupts is joined again.

    Numbers that count 1, 2, 3... and stand between whole paragraphs are the chapters' numbers, and stay.
    """
    filled = [index for index, line in enumerate(lines) if line.text.strip()]
    found = [
        index for index in filled if _PAGE_NUMBER.fullmatch(lines[index].text) or not lines[index].text.strip(_GONE)
    ]
    if not found or len(found) == len(filled):
        return lines
    position = {index: place for place, index in enumerate(filled)}

    def neighbours(index: int) -> tuple[int | None, int | None]:
        place = position[index]
        return (filled[place - 1] if place else None, filled[place + 1] if place + 1 < len(filled) else None)

    def interrupts(index: int) -> bool:
        before, after = neighbours(index)
        return (
            before is not None
            and after is not None
            and not _SENTENCE_END.search(lines[before].text)
            and lines[after].text.strip()[:1].islower()
        )

    def alone(index: int) -> bool:
        return all(not 0 <= near < len(lines) or not lines[near].text.strip() for near in (index - 1, index + 1))

    bare = [index for index in found if lines[index].text.strip().isdigit()]
    counts = [int(lines[index].text) for index in bare]
    chapters = (
        len(bare) > 1
        and counts == list(range(1, len(bare) + 1))
        and all(alone(index) and not interrupts(index) for index in bare)
    )
    gone: set[int] = set()
    for index in found:
        if chapters and index in bare:
            continue
        before, after = neighbours(index)
        if interrupts(index) and before is not None and after is not None:
            gone.update(range(before + 1, after))
        else:
            gone.add(index)
    return [line for index, line in enumerate(lines) if index not in gone]


def _blocks(lines: list[_Line]) -> list[_Block]:
    """Group lines into paragraphs: by blank lines where the text is hard-wrapped, else each line for itself."""
    total = sum(len(line.text) for line in lines)
    unwrapped = sum(len(line.text) for line in lines if len(line.text) > 120) * 2 > total
    blocks: list[_Block] = []
    current: list[_Line] = []
    blanks = gap = 0

    def flush() -> None:
        nonlocal current
        if current:
            blocks.append(_Block(current, gap))
            current = []

    for line in lines:
        if not line.text.strip():
            flush()
            blanks += 1
            continue
        indented = line.text[:1] in " \t" and bool(current) and current[0].text[:1] not in " \t"
        if current and (unwrapped or (indented and _SENTENCE_END.search(current[-1].text))):
            flush()
            blanks = 0
        if not current:
            gap, blanks = blanks, 0
        current.append(line)
    flush()
    return blocks


# --- plain text: headings --------------------------------------------------------------------------------------------

_UNITS = "one|two|three|four|five|six|seven|eight|nine"
_NUMBER_WORD = (
    rf"(?:(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:[- ](?:{_UNITS}))?|{_UNITS}|ten|eleven|twelve"
    r"|(?:thir|four|fif|six|seven|eigh|nine)teen"
    r"|(?:the )?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|last))"
)
_ROMAN = r"(?=[IVXLC])(?:XC|XL|L?X{0,3})?C{0,3}(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
_PART = r"chapter|book|part|epoch|volume|section|act|scene|canto|letter|stave|chap\."
_EXPLICIT = re.compile(
    rf"\s*_?(?P<part>{_PART})\s+(?:the\s+)?(?P<number>(?-i:{_ROMAN})|{_ROMAN.lower()}|\d{{1,3}}|{_NUMBER_WORD})"
    r"(?P<stop>\s*[.:,;—–-]{1,2}|(?=\s*$)|\s(?=[A-Z\"“‘']))(?P<title>.*)$",
    re.I,
)
_NUMERAL = re.compile(rf"\s*(?P<number>{_ROMAN}|\d{{1,3}})[.]?\s*$")
_NUMBERED = re.compile(rf"\s*(?P<number>{_ROMAN})(?:[.:]|\s?[—–-])\s+(?P<title>\S.*)$")
_NAMED = re.compile(
    r"\s*_?(?:(?:author['’]s )?(?:preface|foreword|note|introduction)|prologue|epilogue|prelude|interlude|introductory"
    r"|introduction|conclusion|afterword|appendix(?: [a-z\d])?|acknowledge?ments|postscript|dedication|envoi)"
    r"_?(?:[.:]|[.:—–-]+\s.{1,60}|\s+to the .{1,60})?\s*$",
    re.I,
)
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_SMALL_WORDS = word_set(
    "a an and as at but by de for from in into la nor of off on or over per the to up upon via von with within"
)


def roman_value(numeral: str) -> int:
    """Value of a roman numeral; subtractive notation (IV, XC) as usual."""
    total = 0
    values = [_ROMAN_VALUES[letter] for letter in numeral.upper()]
    for value, following in zip(values, [*values[1:], 0], strict=True):
        total += value if value >= following else -value
    return total


def _number(text: str) -> int:
    return int(text) if text.isdigit() else roman_value(text)


def _is_title(text: str) -> bool:
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


def _explicit(text: str) -> re.Match[str] | None:
    """A line such as `CHAPTER IV. The Title`; None for prose that begins with such words."""
    match = _EXPLICIT.match(text) if len(text) <= 120 else None
    if match is None:
        return None
    title = match["title"].strip()
    marked = match["stop"].strip() != "" or not title
    if title and not (match["part"][0].isupper() and (_is_title(title) or (marked and title[:1].isupper()))):
        return None
    if not match["part"][0].isupper() or (match["number"][0].islower() and len(match["number"]) == 1):
        return None
    return match


@dataclass(slots=True)
class _Classified:
    block: _Block
    kind: Literal["chapter", "heading", "caps", "numeral", "numbered", "break", "prose"]


def _classify(block: _Block) -> _Classified:
    text = block.text.replace("\x00", "").strip()
    if _SCENE_BREAK.fullmatch(text) and (len(text) > 1 or text in "*•⁂#~"):
        return _Classified(block, "break")
    first = block.lines[0].text.replace("\x00", "")
    if len(text) <= 160 and len(block.lines) <= 3:
        if _explicit(first) and (
            len(block.lines) == 1
            or _is_title(" ".join(line.text.strip() for line in block.lines[1:]))
            or text.isupper()
        ):
            return _Classified(block, "chapter")
        if len(block.lines) == 1 and _NAMED.match(first) and first.strip().strip("_")[0].isupper():
            return _Classified(block, "chapter")
        if _NUMERAL.match(text):
            return _Classified(block, "numeral")
        if len(block.lines) == 1 and (numbered := _NUMBERED.match(text)) and _is_title(numbered["title"]):
            return _Classified(block, "numbered")
        letters = re.findall(r"[^\W\d_]", text)
        if len(letters) > 2 and text.isupper() and len(text) <= 80 and text[0].isalnum() and text[-1] not in ",;!?":
            return _Classified(block, "caps")
    return _Classified(block, "prose")


def _split_heading(block: _Block) -> list[_Block]:
    """A chapter's line that stands directly over its first paragraph becomes a block of its own."""
    if len(block.lines) > 1 and _explicit(block.lines[0].text):
        rest = " ".join(line.text.strip() for line in block.lines[1:])
        if not (_is_title(rest) or (len(rest) <= 120 and rest.isupper())):
            return [_Block(block.lines[:1], block.blanks), _Block(block.lines[1:], 0)]
    return [block]


def _sequence(items: list[_Classified], kind: str, pattern: re.Pattern[str]) -> None:
    """Keep numerals that count 1, 2, 3... (and may start again) as chapters; turn the others into prose."""
    found = [item for item in items if item.kind == kind]
    previous = 0
    good: list[_Classified] = []
    for item in found:
        match = pattern.match(item.block.text.strip())
        value = _number(match["number"]) if match else -1
        if value in (1, previous + 1):
            good.append(item)
            previous = value
    named = sum(item.kind == "chapter" and _explicit(item.block.lines[0].text) is not None for item in items)
    for item in found:
        if len(good) > 1 and item in good:
            item.kind = "chapter" if named < 2 else "heading"
        else:
            item.kind = "prose"


def _without_contents(blocks: list[_Block]) -> list[_Block]:
    """Drop a table of contents: its heading, and the entries after it up to the first heading with prose under it."""
    at = next((index for index, block in enumerate(blocks[:200]) if _CONTENTS.fullmatch(block.text)), None)
    inline = next(
        (i for i, b in enumerate(blocks[:200]) if len(b.lines) > 2 and _CONTENTS.fullmatch(b.lines[0].text)), None
    )
    if at is None and inline is None:
        return blocks
    if at is None or (inline is not None and inline < at):
        assert inline is not None
        at = inline
        blocks = [
            *blocks[:at],
            _Block(blocks[at].lines[:1], blocks[at].blanks),
            _Block(blocks[at].lines[1:], 0),
            *blocks[at + 1 :],
        ]

    def paged(block: _Block) -> bool:
        hits = sum(_PAGED_ENTRY.match(line.text.rstrip()) is not None for line in block.lines)
        return hits > 0 and hits * 3 >= len(block.lines)

    def short(block: _Block) -> bool:
        return all(len(line.text.rstrip()) <= 90 for line in block.lines) and not (
            len(block.lines) > 1 and block.width > 200 and not any(_entry(line.text) for line in block.lines)
        )

    def _entry(text: str) -> bool:
        return bool(_explicit(text) or _NUMERAL.match(text) or _NUMBERED.match(text) or _NAMED.match(text))

    def prose(block: _Block) -> bool:
        if paged(block) or any(_entry(line.text) for line in block.lines):
            return False
        return block.width > 200 or (len(block.text.split()) > 7 and bool(_SENTENCE_END.search(block.text)))

    def bare(block: _Block) -> bool:
        match = _explicit(block.text)
        return bool(_NUMERAL.match(block.text)) or (match is not None and not match["title"].strip())

    seen: set[str] = set()
    end = at + 1
    for index in range(at + 1, len(blocks)):
        block = blocks[index]
        if paged(block):
            end = index + 1
            continue
        if prose(block) or not short(block):
            break
        if end > at + 1 and any(paged(other) for other in blocks[at + 1 : end]):
            continue
        names = [re.sub(r"\W+", " ", line.text).strip().casefold() for line in block.lines]
        if any(name in seen for name in names if name):
            break
        following = blocks[index + 1] if index + 1 < len(blocks) else None
        if len(block.lines) <= 2 and (following is None or prose(following)):
            if index - 1 > at and bare(blocks[index - 1]) and not _entry(block.text):
                end = index - 1
            break
        seen.update(names)
        end = index + 1
    return [*blocks[:at], *blocks[end:]]


def _is_rule(block: _Block) -> bool:
    return len(block.text) > 1 and _SCENE_BREAK.fullmatch(block.text) is not None


def _without_notes(blocks: list[_Block]) -> list[_Block]:
    """Drop credits of the transcribers at the start, and footnotes collected under their own heading."""
    kept: list[_Block] = []
    in_notes = False
    note_until = 0
    for index, block in enumerate(blocks):
        if index < 12 and (credit := _CREDIT.match(block.text.strip().strip("_["))):
            rule = (place for place in range(index + 1, min(index + 8, len(blocks))) if _is_rule(blocks[place]))
            note_until = max(note_until, next(rule, 0)) if credit[0].lower().endswith("note") else note_until
            continue
        if index < note_until:
            continue
        if (
            _NOTES_HEADING.fullmatch(block.text)
            and index + 1 < len(blocks)
            and _NOTE_BODY.match(blocks[index + 1].text)
        ):
            in_notes = True
            continue
        if in_notes and _NOTE_BODY.match(block.text):
            continue
        in_notes = False
        kept.append(block)
    return kept


# --- plain text: assembling paragraphs -------------------------------------------------------------------------------

_BROKEN_WORD = re.compile(r"([^\W\d_]{2,})-[ \t]*\Z")
_WORD_START = re.compile(r"\s*([^\W\d_]+)")


@dataclass(slots=True)
class _Joiner:
    """Joins hard-wrapped lines; asks the book itself whether a hyphen at a line's end belongs to the word."""

    source: str
    words: Counter[str] | None = None

    def vocabulary(self) -> Counter[str]:
        if self.words is None:
            whole = re.sub(r"[^\W\d_]+-[ \t]*\r?\n\s*[^\W\d_]+", " ", self.source)
            self.words = Counter(word.casefold() for word in re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)?", whole))
        return self.words

    def keeps_hyphen(self, left: str, right: str) -> bool:
        words = self.vocabulary()
        left, right = left.casefold(), right.casefold()
        joined, hyphened = words[left + right], words[f"{left}-{right}"]
        if joined or hyphened:
            return hyphened > joined
        return bool(words[left] and words[right])

    def join(self, lines: Sequence[_Line], work: str) -> Mapped:
        parts: list[Mapped] = []
        for index, line in enumerate(lines):
            text = line.text.rstrip()
            lead = len(text) - len(text.lstrip())
            part = Mapped.of(work, line.start + lead, line.start + len(text))
            following = lines[index + 1].text if index + 1 < len(lines) else ""
            broken = _BROKEN_WORD.search(text[-60:]) if text.endswith("-") else None
            after = _WORD_START.match(following)
            if broken and after and after[1][0].islower():
                if not self.keeps_hyphen(broken[1], after[1]):
                    part = part[: len(part) - 1]
                parts.append(part)
            else:
                parts.append(part)
                if following:
                    parts.append(Mapped.inserted(" ", line.start + len(text)))
        return Mapped.concat(parts)


def _unmark(mapped: Mapped) -> Mapped:
    """Drop emphasis marks and footnote marks."""
    text = mapped.text
    if "_" in text:
        mapped = mapped.sub(_UNDERSCORES, "")
    if "*" in text or "=" in text:
        for pattern in _EMPHASIS:
            spans = [match.span() for match in pattern.finditer(mapped.text)]
            widths = [len(match[1]) for match in pattern.finditer(mapped.text)]
            parts: list[Mapped] = []
            done = 0
            for (begin, end), width in zip(spans, widths, strict=True):
                parts += [mapped[done:begin], mapped[begin + width : end - width]]
                done = end
            mapped = Mapped.concat([*parts, mapped[done:]]) if parts else mapped
        mapped = mapped.sub(_NOTE_STAR, "")
    return mapped.sub(_NOTE_MARK, "") if re.search(r"[\[{†‡⁰-⁹¹²³]", mapped.text) else mapped


def _read_plain(source: str) -> tuple[str, tuple[Chapter, ...]]:
    """Title (may be empty) and chapters of a plain text."""
    begin, end = 0, len(source)
    title = ""
    header = _GUTENBERG_START.search(source, 0, 40_000)
    if header:
        found = _GUTENBERG_TITLE.search(source, 0, header.start())
        title = found[1].strip() if found else ""
        begin = header.end()
    footer = _GUTENBERG_END.search(source, begin)
    if footer and (header or footer.start() > len(source) // 2):
        end = footer.start()
    # Same length as the source, so that offsets stay true; NULs, which `decode` refuses, stand for what is dropped.
    work = _BRACKETED.sub(lambda match: "\x00" * len(match[0]), source)
    lines = _drop_page_numbers(_lines(work, begin, end))
    blocks = [block for block in _blocks(lines) if block.text.strip("\x00 ")]
    blocks = _without_notes(_without_contents(blocks))
    if not title and blocks and len(blocks[0].lines) <= 3 and blocks[0].width <= 100 and _is_title(blocks[0].text):
        title = blocks[0].text.strip(" _.")
    items = [_classify(piece) for block in blocks for piece in _split_heading(block)]
    _sequence(items, "numeral", _NUMERAL)
    _sequence(items, "numbered", _NUMBERED)
    _demote_lists(items)
    _promote_capitals(items)
    joiner = _Joiner(source)
    builder = _Builder()
    index = 0
    while index < len(items):
        item = items[index]
        index += 1
        if item.kind == "break":
            builder.scene_break()
            continue
        text = _clean(_unmark(joiner.join(item.block.lines, work)))
        if not _speaks(text.text):
            continue
        if item.kind == "chapter":
            if _takes_title(items, index):
                below = _clean(_unmark(joiner.join(items[index].block.lines, work)))
                stop = "" if text.text[-1] in ".:!?" else "."
                text = Mapped.concat([text, Mapped.inserted(f"{stop} ", text.span[1]), below])
                index += 1
            elif len(item.block.lines) > 1:
                text = _with_stop(text, len(_clean(_unmark(joiner.join(item.block.lines[:1], work))).text))
            builder.chapter(text)
        else:
            builder.add("heading" if item.kind == "heading" else "paragraph", text)
    builder.close()
    return title, tuple(builder.chapters)


def _with_stop(text: Mapped, at: int) -> Mapped:
    """A full stop after the first line of a heading, unless it has a mark."""
    if not 0 < at < len(text) or text.text[at - 1] in ".:!?,;-—–" or text.text[at] != " ":
        return text
    return Mapped.concat([text[:at], Mapped.inserted(".", text.ends[at - 1]), text[at:]])


def _takes_title(items: list[_Classified], index: int) -> bool:
    """Whether the block at `index` is the title of the bare `CHAPTER IV.` before it."""
    heading = items[index - 1].block
    if index + 1 >= len(items) or len(heading.lines) > 1:
        return False
    match = _explicit(heading.text)
    bare = bool(_NUMERAL.match(heading.text)) or (match is not None and not match["title"].strip())
    below, text = items[index], items[index].block.text.strip()
    spaced = items[index + 1].block.blanks > 1 and text[0].isupper() and text[-1] not in ",;:!?"
    return (
        bare
        and below.kind in ("caps", "prose", "heading")
        and len(below.block.lines) <= 3
        and (_is_title(text) or (spaced and len(text) <= 100))
        and not items[index + 1].block.text.isupper()
    )


def _demote_lists(items: list[_Classified]) -> None:
    """`I. Title` lines one after the other are a list, not chapters; but the last is one if it begins to count anew."""
    run: list[_Classified] = []
    for item in [*items, None]:
        numbered = _NUMBERED.match(item.block.text) if item is not None and item.kind == "chapter" else None
        if item is not None and numbered:
            run.append(item)
            continue
        if len(run) > 1 or (run and item is None):
            last = _NUMBERED.match(run[-1].block.text)
            anew = item is not None and last is not None and _number(last["number"]) == 1
            for listed in run[:-1] if anew else run:
                listed.kind = "prose"
        run = []


def _promote_capitals(items: list[_Classified]) -> None:
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


# --- Markdown --------------------------------------------------------------------------------------------------------

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?P<body>(?:[^\n]*\n){1,200}?)(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
_FRONT_TITLE = re.compile(r"^title:[ \t]*[\"']?(?P<title>[^\"'\r\n]+)", re.M)
_LINK_TAIL = re.compile(r"\]\s*(?:\((?:[^()\\]|\\.|\((?:[^()\\]|\\.){0,500}\)){0,2000}\)|\[[^\]]{0,500}\])?")
_MD_NOTE = re.compile(r"\s?\[\^[^\]\s]{1,40}\]")
_MD_NOTE_BODY = re.compile(r"\[\^[^\]\s]{1,40}\]:")


@dataclass(slots=True)
class _Finder:
    """Finds the source offsets of inline Markdown tokens, which carry none, by searching forward through the block."""

    source: str
    at: int
    end: int

    def take(self, content: str, written: str) -> Mapped | None:
        found = self.source.find(written, self.at, self.end)
        if found < 0:
            return None
        self.at = found + len(written)
        if content == written:
            return Mapped.of(self.source, found, self.at)
        inserted = Mapped.inserted(content, found)
        inserted.ends = type(inserted.ends)("q", [self.at]) * len(content)
        return inserted

    def text(self, content: str) -> Mapped:
        whole = self.take(content, content)
        if whole is not None:
            return whole
        pieces = re.findall(r"\s+|\S+", content)
        return Mapped.concat([self.take(piece, piece) or Mapped.inserted(piece, self.at) for piece in pieces])


def _inline(tokens: Sequence[Token], finder: _Finder) -> Mapped:
    parts: list[Mapped] = []
    for token in tokens:
        if token.type == "text":
            parts.append(finder.text(token.content))
        elif token.type == "text_special":
            taken = finder.take(token.content, token.markup)
            parts.append(taken if taken is not None else Mapped.inserted(token.content, finder.at))
        elif token.type == "code_inline":
            parts.append(finder.text(token.content))
        elif token.type in ("softbreak", "hardbreak"):
            parts.append(Mapped.inserted(" ", finder.at))
        elif token.type == "image":
            _skip(finder, token.content)
            _skip_tail(finder)
        elif token.type == "html_inline":
            _skip(finder, token.content)
            if re.match(r"<br\b", token.content, re.I):
                parts.append(Mapped.inserted(" ", finder.at))
        elif token.type == "link_close" and token.markup not in ("autolink", "linkify"):
            _skip_tail(finder)
    return Mapped.concat(parts)


def _skip(finder: _Finder, content: str) -> None:
    found = finder.source.find(content, finder.at, finder.end)
    if found >= 0:
        finder.at = found + len(content)


def _skip_tail(finder: _Finder) -> None:
    tail = _LINK_TAIL.search(finder.source, finder.at, finder.end)
    if tail:
        finder.at = tail.end()


def _read_markdown(source: str) -> tuple[str, tuple[Chapter, ...]]:
    """Title (may be empty) and chapters of a Markdown text.

    Chapters begin at the highest level of heading that occurs more than once, and at those above it; deeper headings
    stay headings within the chapter. Code blocks, pictures, HTML and footnotes are dropped.
    """
    from markdown_it import MarkdownIt

    # As many characters as before, so that offsets stay true, and line ends as markdown-it counts them.
    source = source.replace("\r\n", " \n").replace("\r", "\n")
    title, skip = "", 0
    front = _FRONT_MATTER.match(source)
    if front and re.search(r"^\w[\w -]*:", front["body"], re.M):
        skip = front.end()
        found = _FRONT_TITLE.search(front["body"])
        title = found["title"].strip() if found else ""
    starts = [skip, *(match.end() for match in re.compile("\n").finditer(source, skip))]
    parser = MarkdownIt("commonmark").enable("table").disable("text_join")
    tokens = parser.parse(source[skip:])
    levels = Counter(int(token.tag[1]) for token in tokens if token.type == "heading_open")
    chapter_level = min((level for level, count in levels.items() if count > 1), default=min(levels, default=1))
    builder = _Builder()

    def offset(line: int) -> int:
        return starts[line] if line < len(starts) else len(source)

    row: list[Mapped] | None = None
    for index, token in enumerate(tokens):
        if token.type == "hr":
            builder.scene_break()
        elif token.type == "tr_open":
            row = []
        elif token.type == "tr_close" and row is not None:
            builder.add("paragraph", _clean(_separated(row)))
            row = None
        elif token.type == "inline" and token.map is not None:
            begin = finder_at = offset(token.map[0])
            if row:
                finder_at = max(begin, row[-1].span[1])
            text = _inline(token.children or [], _Finder(source, finder_at, offset(token.map[1])))
            if _MD_NOTE_BODY.match(text.text):
                continue
            text = text.sub(_MD_NOTE, "")
            if row is not None:
                if text.text.strip():
                    row.append(text)
                continue
            text = _clean(text.sub(_BRACKETED, ""))
            opener = tokens[index - 1]
            if opener.type != "heading_open":
                builder.add("paragraph", text)
            elif _speaks(text.text):
                level = int(opener.tag[1])
                if not title and level == 1:
                    title = text.text
                if level <= chapter_level:
                    builder.chapter(text)
                else:
                    builder.add("heading", text)
    builder.close()
    return title, tuple(builder.chapters)


def _separated(cells: list[Mapped]) -> Mapped:
    parts: list[Mapped] = []
    for cell in cells:
        if parts:
            parts.append(Mapped.inserted(", ", parts[-1].span[1]))
        parts.append(cell)
    return Mapped.concat(parts)


# --- the way in ------------------------------------------------------------------------------------------------------


def parse_manuscript(source: str, name: str, encoding: str = "utf-8") -> Manuscript:
    """Chapters of a decoded text; `name` is the file's, and its suffix .md or .markdown chooses the reader.

    Raises `ManuscriptError` for a text with nothing to speak.
    """
    if not source.strip("\ufeff \t\r\n\f\v\u00a0\u200b"):
        raise ManuscriptError(f"{name} holds nothing but white space; there is nothing to speak.")
    markdown = name.lower().endswith((".md", ".markdown"))
    title, chapters = (_read_markdown if markdown else _read_plain)(source)
    if not any(_speaks(paragraph.text) for chapter in chapters for paragraph in chapter.paragraphs):
        raise ManuscriptError(f"{name} holds nothing to speak: not one letter or digit is left after cleaning.")
    title = title or Path(name).stem
    chapters = tuple(Chapter(chapter.title or title, chapter.paragraphs) for chapter in chapters)
    line_starts = (0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", source)))
    return Manuscript(title, encoding, chapters, name, line_starts)


def read_manuscript(path: Path, encoding: str = "auto") -> Manuscript:
    """Read a .txt or .md file into chapters and paragraphs.

    `encoding` is `auto` or a Python codec name. Raises `ManuscriptError` for a file that is missing, unreadable,
    empty, binary, not of the declared encoding, or without a word to speak.
    """
    return manuscript_from_bytes(read_source(path), path, encoding)


def read_source(path: Path) -> bytes:
    """The bytes of a manuscript; raises `ManuscriptError` when it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ManuscriptError(f"{path} is not there; put the book's text at that path, as .txt or .md.") from None
    except OSError as error:
        raise ManuscriptError(f"{path} cannot be read: {error.strerror}.") from None


def manuscript_from_bytes(data: bytes, path: Path, encoding: str = "auto") -> Manuscript:
    """Like `read_manuscript`, for bytes already read from `path`."""
    if not data:
        raise ManuscriptError(f"{path} is empty; there is nothing to speak.")
    text, codec = decode(data, encoding, str(path))
    return parse_manuscript(text, str(path), codec)
