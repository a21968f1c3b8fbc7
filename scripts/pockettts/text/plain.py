"""The reader of plain text, with the marks of old e-texts: hard-wrapped lines, page numbers, `_italics_`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pockettts.text.apparatus import GUTENBERG_END, GUTENBERG_START, GUTENBERG_TITLE, without_contents, without_notes
from pockettts.text.chapters import Chapter, ChapterBuilder
from pockettts.text.cleaning import BRACKETED, clean, speaks
from pockettts.text.headings import (
    NUMBERED,
    NUMERAL,
    classify,
    demote_lists,
    is_title,
    promote_capitals,
    sequence,
    split_heading,
    takes_title,
    with_stop,
)
from pockettts.text.layout import Line, drop_page_numbers, group_lines, split_lines
from pockettts.text.mapped import Mapped
from pockettts.text.reading import LeftOut

_NOTE_MARK = re.compile(r"\s?(?:\[(?:\d{1,3}|[a-z]|[ivx]{1,5}|[*†‡]+)\]|\{\d{1,3}\}|[¹²³⁴-⁹⁰]+(?=\W|$)|[†‡])", re.I)
_NOTE_STAR = re.compile(r"(?<=[\w.,;:!?'\"’”)])\*{1,3}(?![\w*])|(?<!\S)\*{1,3}(?=[\w\"'“‘])")


_EMPHASIS = (
    re.compile(r"(?<![\w*])(\*{1,3})(?=[\w\"'“‘(])(?P<inner>[^*\n]{1,400}?)(?<=\S)\1(?![\w*])"),
    re.compile(r"(?<![\w=])(=)(?=[\w\"'“‘])(?P<inner>[^=\n]{1,200}?)(?<=\S)\1(?![\w=])"),
)
_UNDERSCORES = re.compile(r"(?<![^\W_])_+(?=\S)|(?<=\S)_+(?![^\W_])")


_BROKEN_WORD = re.compile(r"([^\W\d_]{2,})-[ \t]*\Z")
_WORD_START = re.compile(r"\s*([^\W\d_]+)")


@dataclass(slots=True)
class _LineJoiner:
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

    def join(self, lines: Sequence[Line], work: str) -> Mapped:
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


def read_plain(source: str) -> tuple[str, tuple[Chapter, ...], tuple[LeftOut, ...]]:
    """Title (may be empty) and chapters of a plain text, and what is left out."""
    builder = ChapterBuilder()
    begin, end = 0, len(source)
    title = ""
    header = GUTENBERG_START.search(source, 0, 40_000)
    if header:
        found = GUTENBERG_TITLE.search(source, 0, header.start())
        title = found[1].strip() if found else ""
        begin = header.end()
        builder.leave_out("header", 0, begin)
    footer = GUTENBERG_END.search(source, begin)
    if footer and (header or footer.start() > len(source) // 2):
        end = footer.start()
        builder.leave_out("license", end, len(source))
    # Same length as the source, so that offsets stay true; NULs, which `decode` refuses, stand for what is dropped.
    work = BRACKETED.sub(lambda match: "\x00" * len(match[0]), source)
    lines = drop_page_numbers(split_lines(work, begin, end))
    blocks = [block for block in group_lines(lines) if block.text.strip("\x00 ")]
    blocks = without_notes(without_contents(blocks))
    if not title and blocks and len(blocks[0].lines) <= 3 and blocks[0].width <= 100 and is_title(blocks[0].text):
        title = blocks[0].text.strip(" _.")
    items = [classify(piece) for block in blocks for piece in split_heading(block)]
    sequence(items, "numeral", NUMERAL)
    sequence(items, "numbered", NUMBERED)
    demote_lists(items)
    promote_capitals(items)
    joiner = _LineJoiner(source)
    index = 0
    while index < len(items):
        item = items[index]
        index += 1
        if item.kind == "break":
            builder.scene_break()
            continue
        text = clean(_unmark(joiner.join(item.block.lines, work)))
        if not speaks(text.text):
            continue
        if item.kind == "chapter":
            if takes_title(items, index):
                below = clean(_unmark(joiner.join(items[index].block.lines, work)))
                stop = "" if text.text[-1] in ".:!?" else "."
                text = Mapped.concat([text, Mapped.inserted(f"{stop} ", text.span[1]), below])
                index += 1
            elif len(item.block.lines) > 1:
                text = with_stop(text, len(clean(_unmark(joiner.join(item.block.lines[:1], work))).text))
            builder.chapter(text)
        else:
            builder.add("heading" if item.kind == "heading" else "paragraph", text)
    builder.close()
    return title, tuple(builder.chapters), tuple(builder.left_out)
