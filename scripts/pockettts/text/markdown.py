"""The reader of Markdown: CommonMark and tables."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pockettts.text.chapters import Chapter, ChapterBuilder
from pockettts.text.cleaning import BRACKETED, clean, speaks
from pockettts.text.mapped import Mapped
from pockettts.text.reading import LeftOut

if TYPE_CHECKING:
    from markdown_it.token import Token


_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?P<body>(?:[^\n]*\n){1,200}?)(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
_FRONT_TITLE = re.compile(r"^title:[ \t]*[\"']?(?P<title>[^\"'\r\n]+)", re.M)
_LINK_TAIL = re.compile(r"\]\s*(?:\((?:[^()\\]|\\.|\((?:[^()\\]|\\.){0,500}\)){0,2000}\)|\[[^\]]{0,500}\])?")
_MD_NOTE = re.compile(r"\s?\[\^[^\]\s]{1,40}\]")
_MD_NOTE_BODY = re.compile(r"\[\^[^\]\s]{1,40}\]:")


@dataclass(slots=True)
class _SourceCursor:
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


def _inline(tokens: Sequence[Token], finder: _SourceCursor) -> Mapped:
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


def _skip(finder: _SourceCursor, content: str) -> None:
    found = finder.source.find(content, finder.at, finder.end)
    if found >= 0:
        finder.at = found + len(content)


def _skip_tail(finder: _SourceCursor) -> None:
    tail = _LINK_TAIL.search(finder.source, finder.at, finder.end)
    if tail:
        finder.at = tail.end()


def read_markdown(source: str) -> tuple[str, tuple[Chapter, ...], tuple[LeftOut, ...]]:
    """Title (may be empty) and chapters of a Markdown text, and what is left out.

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
    builder = ChapterBuilder()

    def offset(line: int) -> int:
        return starts[line] if line < len(starts) else len(source)

    row: list[Mapped] | None = None
    for index, token in enumerate(tokens):
        if token.type == "hr":
            builder.scene_break()
        elif token.type == "tr_open":
            row = []
        elif token.type == "tr_close" and row is not None:
            builder.add("paragraph", clean(_separated(row)))
            row = None
        elif token.type == "inline" and token.map is not None:
            begin = finder_at = offset(token.map[0])
            if row:
                finder_at = max(begin, row[-1].span[1])
            text = _inline(token.children or [], _SourceCursor(source, finder_at, offset(token.map[1])))
            if _MD_NOTE_BODY.match(text.text):
                continue
            text = text.sub(_MD_NOTE, "")
            if row is not None:
                if text.text.strip():
                    row.append(text)
                continue
            text = clean(text.sub(BRACKETED, ""))
            opener = tokens[index - 1]
            if opener.type != "heading_open":
                builder.add("paragraph", text)
            elif speaks(text.text):
                level = int(opener.tag[1])
                if not title and level == 1:
                    title = text.text
                if level <= chapter_level:
                    builder.chapter(text)
                else:
                    builder.add("heading", text)
    builder.close()
    return title, tuple(builder.chapters), tuple(builder.left_out)


def _separated(cells: list[Mapped]) -> Mapped:
    parts: list[Mapped] = []
    for cell in cells:
        if parts:
            parts.append(Mapped.inserted(", ", parts[-1].span[1]))
        parts.append(cell)
    return Mapped.concat(parts)
