"""The reader of plain text, with the marks of old e-texts: hard-wrapped lines, page numbers, `_italics_`."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pockettts.text.apparatus import Apparatus, find_etexts
from pockettts.text.chapters import Chapter, ChapterBuilder
from pockettts.text.cleaning import BRACKETED, bracket_kind, clean, speaks
from pockettts.text.headings import classify, explicit, is_title, settle, split_heading, takes_title, with_stop
from pockettts.text.layout import Line, group_lines, single_spaced, split_lines, without_page_marks
from pockettts.text.mapped import Mapped, word_set
from pockettts.text.reading import LeftOut

_NOTE_MARK = re.compile(r"\s?(?:\[(?:\d{1,3}|[a-z]|[ivx]{1,5}|[*†‡]+)\]|\{(?:pg ?)?\d{1,3}\}|[†‡])", re.I)
_NOTE_STAR = re.compile(r"(?<=[^\W\d])\*{1,3}(?![\w*])|(?<=[.,;:!?'\"’”)])\*{1,3}(?![\w*])|(?<!\S)\*{1,3}(?=[\w\"'“‘])")
# A raised figure after a word or a mark refers to a note; after a letter, a digit or a unit it is a power.
_RAISED_FIGURE = re.compile(r"(?P<word>[^\W_⁰¹²³⁴-⁹]*)(?P<mark>(?<!⁻)\s?[⁰¹²³⁴-⁹]+)(?![\w⁺⁻])")
_UNITS = word_set("mm cm dm km in ft yd mi mc dx dt")
_BARE_MARK = re.compile(
    r"(?<=[a-zß-ÿ]{3}[.!?])(?<!\bvol\.)(?<!\bfig\.)(?<!\bchap\.)(?<!\bart\.)(?<!\bsec\.)(?<!\bnos\.)(?<!\bverse\.)"
    r"[\"”’]?(?P<mark>\d{1,3})(?=\s+[A-ZÀ-Þ\"“‘]|\s*\Z)"
)
_RAISED = re.compile(r"\^\{(?P<group>[^{}\n]{1,9})\}|\^(?P<one>[-−]?\d{1,3}|[^\W_])")
_LOWERED = re.compile(r"_\{(?P<group>\d{1,3})\}")
_POWERS = str.maketrans("0123456789-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻")
_BASES = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_EMPHASIS = (
    re.compile(r"(?<![\w*])(\*{1,3})(?=[\w\"'“‘(])(?P<inner>[^*\n]{1,400}?)(?<=\S)\1(?![\w*])"),
    re.compile(r"(?<![\w=])(=)(?=[\w\"'“‘])(?P<inner>[^=\n]{1,200}?)(?<=\S)\1(?![\w=])"),
)
_UNDERSCORES = re.compile(r"(?<![^\W_])_+(?=\S)|(?<=\S)_+(?![^\W_])")
_TAG = re.compile(
    r"</?(?:a|abbr|b|big|blockquote|br|center|cite|code|del|div|em|font|h[1-6]|hr|i|img|ins|kbd|li|ol|p|pre|q|s|small|span"
    r"|strong|sub|sup|table|tbody|td|th|tr|tt|u|ul)(?:\s[^<>]{0,300})?\s?/?>",
    re.I,
)
_ENTITY = re.compile(r"&(?:#\d{2,6}|#[xX][0-9a-fA-F]{2,6}|[A-Za-z][A-Za-z0-9]{1,20});")

_FIGURE = re.compile(r"\d")
_MARKS = re.compile(r"[\[{†‡⁰-⁹¹²³<&]|[.!?][\"”’]?\d")
_BROKEN_WORD = re.compile(r"([^\W\d_]{2,}(?:-[^\W\d_]+)*)-[ \t]*\Z")
_WORD_START = re.compile(r"\s*([^\W\d_]+)")
_HYPHENATED = word_set(
    "self half ill ex all cross quarter non semi vice ultra pseudo twenty thirty forty fifty sixty seventy eighty "
    "ninety mid post pre anti demi well"
)
_CLOSED = word_set(
    "paper papers wise self selves where thing things body ever ward wards ship hood ness ful less some times stand "
    "stood noon night shine fall"
)


@dataclass(slots=True)
class _LineJoiner:
    """Joins hard-wrapped lines; whether a hyphen at a line's end belongs to the word, the book's own words decide."""

    source: str
    words: Counter[str] | None = None

    def vocabulary(self) -> Counter[str]:
        if self.words is None:
            whole = re.sub(r"[^\W\d_]+-[ \t]*\r*\n\s*[^\W\d_]+", " ", self.source)
            self.words = Counter(word.casefold() for word in re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", whole))
        return self.words

    def keeps_hyphen(self, left: str, right: str) -> bool:
        words = self.vocabulary()
        left, right = left.casefold(), right.casefold()
        if "-" in left:
            return True
        joined, hyphened = words[left + right], words[f"{left}-{right}"]
        if joined or hyphened:
            return hyphened > joined
        if left in _HYPHENATED:
            return True
        return right not in _CLOSED and bool(words[left] and words[right])

    def join(self, lines: Sequence[Line], work: str) -> Mapped:
        parts: list[Mapped] = []
        for index, line in enumerate(lines):
            text = line.text.rstrip()
            lead = len(text) - len(text.lstrip())
            part = Mapped.of(work, line.start + lead, line.start + len(text))
            following = lines[index + 1].text if index + 1 < len(lines) else ""
            broken = _BROKEN_WORD.search(text[-60:]) if text.endswith("-") else None
            after = _WORD_START.match(following)
            parts.append(part)
            if broken and after and after[1][0].islower():
                if not self.keeps_hyphen(broken[1], after[1]):
                    parts[-1] = part[: len(part) - 1]
            elif following and not (index == 0 and after and self.is_drop_cap(text.strip(), after[1])):
                parts.append(Mapped.inserted(" ", line.start + len(text)))
        return Mapped.concat(parts)

    def is_drop_cap(self, letter: str, rest: str) -> bool:
        """Whether a line of one letter begins the word of the next line."""
        if len(letter) != 1 or not letter.isupper() or not (rest[0].islower() or rest.isupper()):
            return False
        joined = self.vocabulary()[(letter + rest).casefold()]
        return letter not in "AIO" or (joined > 0 and joined >= self.vocabulary()[rest.casefold()])


def _unmark(mapped: Mapped) -> Mapped:
    """Drop emphasis marks, tags and footnote marks; raised and lowered figures stay as such."""
    text = mapped.text
    if "<" in text:
        mapped = mapped.sub(
            _TAG, lambda match: " " if match[0][:3].lower() in ("<br", "<p>", "</p", "<td", "<li") else ""
        )
    if "&" in text:
        mapped = mapped.sub(_ENTITY, lambda match: new if (new := html.unescape(match[0])) != match[0] else None)
    if "^" in text or "_{" in text:
        mapped = mapped.sub(_RAISED, _raised)
        mapped = mapped.sub(_LOWERED, lambda match: match["group"].translate(_BASES))
    if "_" in text:
        mapped = mapped.sub(_UNDERSCORES, "")
    if "*" in text or "=" in text:
        for pattern in _EMPHASIS:
            marks = [(match.start(), match.end(), len(match[1])) for match in pattern.finditer(mapped.text)]
            mapped = _without(mapped, [span for a, b, w in marks for span in ((a, a + w), (b - w, b))])
        mapped = mapped.sub(_NOTE_STAR, "")
    if _FIGURE.search(text):
        mapped = mapped.sub(_BARE_MARK, lambda match: match[0][: -len(match["mark"])])
    if re.search(r"[\[{†‡⁰-⁹¹²³]", text):
        mapped = mapped.sub(_NOTE_MARK, "")
        mapped = _without(
            mapped, [match.span("mark") for match in _RAISED_FIGURE.finditer(mapped.text) if _is_note(match)]
        )
    return mapped


def _is_note(match: re.Match[str]) -> bool:
    word = match["word"]
    return not word or match["mark"][0].isspace() or not (len(word) == 1 or word.isdecimal() or word in _UNITS)


def _without(mapped: Mapped, spans: list[tuple[int, int]]) -> Mapped:
    parts, done = [], 0
    for begin, end in spans:
        parts.append(mapped[done:begin])
        done = end
    return Mapped.concat([*parts, mapped[done:]]) if spans else mapped


def _raised(match: re.Match[str]) -> str:
    raised = match["group"] or match["one"]
    return raised.translate(_POWERS) if raised.lstrip("-−").isdecimal() else raised


def read_plain(source: str) -> tuple[str, tuple[Chapter, ...], tuple[LeftOut, ...]]:
    """Title (may be empty) and chapters of a plain text, and what is left out."""
    etexts = find_etexts(source)
    builder = ChapterBuilder()
    builder.left_out += etexts.left_out
    # Same length as the source, so that offsets stay true; NULs, which `decode` refuses, stand for what is dropped.
    work = BRACKETED.sub(lambda match: "\x00" * len(match[0]), source)
    builder.left_out += (LeftOut(bracket_kind(match), *match.span()) for match in BRACKETED.finditer(source))
    joiner = _LineJoiner(source)
    title = etexts.title
    from_gutenberg = any(passage.kind == "header" for passage in etexts.left_out)
    for begin, end in etexts.spans:
        title = _read_text(source, work, (begin, end), title, builder, joiner, from_gutenberg)
    builder.close()
    return title, tuple(builder.chapters), tuple(builder.left_out)


def _read_text(
    source: str,
    work: str,
    span: tuple[int, int],
    title: str,
    builder: ChapterBuilder,
    joiner: _LineJoiner,
    from_gutenberg: bool,
) -> str:
    """Add the chapters of one text to `builder`; returns the title, the text's own first line if there was none."""
    lines, page_marks = without_page_marks(single_spaced(split_lines(work, *span)))
    builder.left_out += page_marks
    apparatus = Apparatus(source, [block for block in group_lines(lines) if block.text.strip("\x00 ")], from_gutenberg)
    blocks = apparatus.remove()
    builder.left_out += apparatus.left_out
    if not title and blocks and len(blocks[0].lines) <= 3 and blocks[0].width <= 100 and is_title(blocks[0].text):
        title = blocks[0].text.strip(" _.")
    items = [classify(piece) for block in blocks for piece in split_heading(block)]
    settle(items, apparatus.is_listed)
    index = 0
    while index < len(items):
        item = items[index]
        index += 1
        if item.kind == "break":
            builder.scene_break()
            continue
        text = clean(_unmark(joiner.join(item.block.lines, work)))
        if _MARKS.search(item.block.text):
            builder.leave_out("note mark", *item.block.span)
        if not speaks(text.text):
            continue
        if item.kind == "chapter":
            match = explicit(item.block.lines[0].text)
            if takes_title(items, index):
                below = clean(_unmark(joiner.join(items[index].block.lines, work)))
                stop = "" if text.text[-1] in ".:!?" else "."
                text = Mapped.concat([text, Mapped.inserted(f"{stop} ", text.span[1]), below])
                index += 1
            elif len(item.block.lines) > 1 and not (match and match["title"].strip()):
                text = with_stop(text, len(clean(_unmark(joiner.join(item.block.lines[:1], work))).text))
            builder.chapter(text)
        else:
            builder.add("heading" if item.kind == "heading" else "paragraph", text)
    return title
