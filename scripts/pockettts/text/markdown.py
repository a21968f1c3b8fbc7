"""The reader of Markdown: CommonMark, tables, struck-out text, and prose that is indented, fenced or in HTML."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pockettts.text.chapters import Chapter, ChapterBuilder
from pockettts.text.cleaning import BRACKETED, bracket_kind, clean, speaks
from pockettts.text.mapped import Mapped
from pockettts.text.reading import LeftOut

if TYPE_CHECKING:
    from markdown_it.token import Token


_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?P<body>(?:[^\n]*\n){1,200}?)(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
_FRONT_TITLE = re.compile(r"^title:[ \t]*[\"']?(?P<title>[^\"'\r\n]+)", re.M)
_LINK_TAIL = re.compile(r"\]\s*(?:\((?:[^()\\]|\\.|\((?:[^()\\]|\\.){0,500}\)){0,2000}\)|\[[^\]]{0,500}\])?")
_MD_NOTE = re.compile(r"\s?\[\^[^\]\s]{1,40}\]")
_ATTRIBUTES = re.compile(r"\s?\{:?\s?[.#][\w .#=:\"'-]{1,80}\}")
_TASK = re.compile(r"\A\s*\[[ xX]\]\s+")
_REFERENCE = re.compile(r"^ {0,3}\[[^\]\n]{1,200}\]:[ \t]*\S[^\n]*", re.M)
_COMMENT = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1\s*>", re.S | re.I)
_BLOCK_TAG = re.compile(
    r"</?(?:address|article|aside|blockquote|br|center|dd|details|div|dl|dt|figcaption|figure|footer|h[1-6]|header|hr|li"
    r"|main|nav|ol|p|pre|section|summary|table|tbody|td|tfoot|th|thead|tr|ul)\b[^<>]*>",
    re.I,
)
_ANY_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_ENTITY = re.compile(r"&(?:#\d{2,6}|#[xX][0-9a-fA-F]{2,6}|[A-Za-z][A-Za-z0-9]{1,20});")
_EMPTY_LINE = re.compile(r"\n[ \t]*\n")
_CONTENTS = re.compile(r"(?:table of |list of )?contents|inhalt(?:sverzeichnis)?|sommaire|[íi]ndice|inhoud|toc", re.I)
_PLAIN_FENCES = ("", "text", "txt", "plain", "plaintext", "none", "poem", "poetry", "verse", "quote", "letter")
_PROSE_WORD = re.compile(r"[\"“‘'«(*_-]*(?:[^\W\d_]+(?:['’-][^\W\d_]+)*|\d{1,4})[*_]*[.,;:!?…\"”’'»)]*|[–—-]")
_CODE_SIGNS = re.compile(r"[{}<>=$\\|#@&%^`~\[\]]|::|\(\)|//|;\s*$", re.M)
_MD_NOTE_BODY = re.compile(r"\[\^[^\]\s]{1,40}\]:")


_ALL = re.compile(r".+", re.S)
# What a raised figure stands behind if it refers to a note.
_AFTER_WORD = re.compile(r"[.,;:!?\"'”’)]\Z|[^\W\d_]{2,}\Z(?<!mc)(?<![ \d][kcm]m)")
_RAISED = re.compile(r"<sup\b", re.I)
_RAISED_FIGURES = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_EXPRESSION = re.compile(r"[-−+]?\s?(?:\d+|[a-z])(?:\s?[-−+/]\s?(?:\d+|[a-z]))*")


_SPOKEN = re.compile(r"(?<![\w])(?!\d{1,9}[.)]\s)[^\W_]")


@dataclass(slots=True)
class _SourceCursor:
    """Finds the source offsets of inline Markdown tokens, which carry none, by searching forward through the block.

    Only marks and white space may lie between a token and the one before it.
    """

    source: str
    at: int
    end: int

    def take(self, content: str, written: str) -> Mapped | None:
        place = self.source.find(written, self.at, self.end)
        if place < 0 or _SPOKEN.search(self.source[self.at : place]):
            return None
        self.at = place + len(written)
        if content == written:
            return Mapped.of(self.source, place, self.at)
        inserted = Mapped.inserted(content, place)
        inserted.ends = type(inserted.ends)("q", [self.at]) * len(content)
        return inserted

    def text(self, content: str) -> Mapped:
        whole = self.take(content, content)
        if whole is not None:
            return whole
        pieces = re.findall(r"\s+|\S+", content)
        return Mapped.concat([self.take(piece, piece) or Mapped.inserted(piece, self.at) for piece in pieces])


def _inline(tokens: Sequence[Token], cursor: _SourceCursor, builder: ChapterBuilder) -> Mapped:
    """The text of inline tokens; pictures, addresses of links and tags are noted as left out."""
    parts: list[Mapped] = []
    raised = False
    for token in tokens:
        before = cursor.at
        if token.type == "text":
            text = cursor.text(token.content)
            if raised and text.text.isdecimal() and _AFTER_WORD.search(Mapped.concat(parts[-3:]).text):
                builder.leave_out("note mark", before, cursor.at)
            else:
                parts.append(text.sub(_ALL, _raise) if raised else text)
        elif token.type == "text_special":
            taken = cursor.take(token.content, token.markup)
            parts.append(taken if taken is not None else Mapped.inserted(token.content, cursor.at))
        elif token.type == "code_inline":
            parts.append(cursor.text(token.content))
        elif token.type in ("softbreak", "hardbreak"):
            parts.append(Mapped.inserted(" ", cursor.at))
        elif token.type == "image":
            _skip(cursor, token.content)
            _skip_tail(cursor)
            builder.leave_out("illustration", before, cursor.at)
        elif token.type == "html_inline":
            _skip(cursor, token.content)
            builder.leave_out("comment" if token.content.startswith("<!--") else "markup", before, cursor.at)
            raised = _RAISED.match(token.content) is not None or (raised and not token.content.startswith("</"))
            if re.match(r"<br\b", token.content, re.I):
                parts.append(Mapped.inserted(" ", cursor.at))
        elif token.type == "link_close" and token.markup not in ("autolink", "linkify"):
            _skip_tail(cursor)
            builder.leave_out("address of a link", before, cursor.at)
    return Mapped.concat(parts)


def _raise(match: re.Match[str]) -> str | None:
    """A raised figure as the sign for it; a raised expression in words. Raised letters are an ending: 1st, Mme."""
    text = match[0].strip()
    if text.isdecimal():
        return text.translate(_RAISED_FIGURES)
    return f" to the power of {text}" if _EXPRESSION.fullmatch(text) else None


def _skip(cursor: _SourceCursor, content: str) -> None:
    at = cursor.source.find(content, cursor.at, cursor.end)
    if at >= 0:
        cursor.at = at + len(content)


def _skip_tail(cursor: _SourceCursor) -> None:
    tail = _LINK_TAIL.search(cursor.source, cursor.at, cursor.end)
    if tail:
        cursor.at = tail.end()


def _is_prose(text: str, fence: str) -> bool:
    """Whether a block of code is none: an indented paragraph, verse in a fence."""
    language = fence.split()[0].lower() if fence.split() else ""
    words = text.split()
    if language not in _PLAIN_FENCES or len(words) < 3:
        return False
    prose = sum(_PROSE_WORD.fullmatch(word) is not None for word in words)
    return prose * 10 >= len(words) * 9 and len(_CODE_SIGNS.findall(text)) * 20 <= len(words)


def _split_paragraphs(mapped: Mapped) -> list[Mapped]:
    parts: list[Mapped] = []
    done = 0
    for match in _EMPTY_LINE.finditer(mapped.text):
        parts.append(mapped[done : match.start()])
        done = match.end()
    return [*parts, mapped[done:]]


def _html_text(mapped: Mapped) -> list[Mapped]:
    """The paragraphs of a block of HTML, without its tags."""
    mapped = mapped.sub(_COMMENT, "").sub(_BLOCK_TAG, "\n\n").sub(_ANY_TAG, "")
    mapped = mapped.sub(_ENTITY, lambda match: new if (new := html.unescape(match[0])) != match[0] else None)
    return _split_paragraphs(mapped)


@dataclass(slots=True)
class _MarkdownReader:
    """Reads the blocks of a parsed text into a builder."""

    source: str
    starts: list[int]
    tokens: list[Token]
    builder: ChapterBuilder
    title: str
    markup: list[LeftOut] = field(default_factory=list)

    def span(self, token: Token) -> tuple[int, int]:
        """Start and end of a token's lines in the source."""
        first, last = token.map or [0, 0]
        return self.offset(first), self.offset(last)

    def offset(self, line: int) -> int:
        return self.starts[line] if line < len(self.starts) else len(self.source)

    def read(self) -> None:
        """Add all chapters to the builder."""
        levels = Counter(int(token.tag[1]) for token in self.tokens if token.type == "heading_open")
        chapter_level = min((level for level, count in levels.items() if count > 1), default=min(levels, default=1))
        contents_end = -1
        row: list[Mapped] | None = None
        for index, token in enumerate(self.tokens):
            if index <= contents_end:
                continue
            if token.type == "hr":
                self.builder.scene_break()
            elif token.type == "heading_open" and (end := self.end_of_contents(index)):
                contents_end = end
                self.builder.leave_out("contents", self.span(token)[0], self.end_of(end))
            elif token.type == "tr_open":
                row = []
            elif token.type == "tr_close" and row is not None:
                self.builder.add("paragraph", clean(_separated(row)))
                row = None
            elif token.type in ("code_block", "fence"):
                self.read_code(token)
            elif token.type == "html_block":
                begin, end = self.span(token)
                for comment in _COMMENT.finditer(self.source, begin, end):
                    self.builder.leave_out("comment", *comment.span())
                self.markup.append(LeftOut("markup", begin, end))
                for paragraph in _html_text(Mapped.of(self.source, begin, end)):
                    self.builder.add("paragraph", clean(paragraph))
            elif token.type == "inline" and token.map is not None:
                self.read_inline(token, self.tokens[index - 1], row, chapter_level)

    def read_code(self, token: Token) -> None:
        begin, end = self.span(token)
        if not _is_prose(token.content, token.info):
            self.builder.leave_out("code", begin, end)
            return
        self.markup.append(LeftOut("markup", begin, end))
        begin = self.source.find("\n", begin) + 1 if token.type == "fence" else begin
        cursor = _SourceCursor(self.source, begin, end)
        for paragraph in re.split(r"\n[ \t]*\n", token.content):
            self.builder.add("paragraph", clean(cursor.text(paragraph)))

    def read_inline(self, token: Token, opener: Token, row: list[Mapped] | None, chapter_level: int) -> None:
        begin, end = self.span(token)
        cursor = _SourceCursor(self.source, max(begin, row[-1].span[1]) if row else begin, end)
        text = _inline(token.children or [], cursor, self.builder)
        if _MD_NOTE_BODY.match(text.text):
            self.builder.leave_out("footnote", begin, end)
            return
        self.markup.append(LeftOut("markup", begin, end))
        text = text.sub(_MD_NOTE, "").sub(_ATTRIBUTES, "").sub(_TASK, "")
        if row is not None:
            if text.text.strip():
                row.append(text)
            return
        for bracket in BRACKETED.finditer(text.text):
            self.builder.leave_out(bracket_kind(bracket), text.starts[bracket.start()], text.ends[bracket.end() - 1])
        text = clean(text.sub(BRACKETED, ""))
        if opener.type != "heading_open":
            self.builder.add("paragraph", text)
        elif speaks(text.text):
            level = int(opener.tag[1])
            if not self.title and level == 1:
                self.title = text.text
            if level <= chapter_level:
                self.builder.chapter(text)
            else:
                self.builder.add("heading", text)

    def end_of_contents(self, index: int) -> int:
        """The last token of a table of contents whose heading opens at `index`; 0 if it is none.

        Contents are a heading of that name over a list in which every item is one link.
        """
        if not _CONTENTS.fullmatch(self.tokens[index + 1].content.strip(" .:")):
            return 0
        links = 0
        at = index + 3
        while at < len(self.tokens) and self.tokens[at].type != "heading_open":
            token = self.tokens[at]
            if token.type == "inline":
                children = [
                    child
                    for child in token.children or []
                    if child.type not in ("text", "softbreak") or child.content.strip()
                ]
                if not children or children[0].type != "link_open" or children[-1].type != "link_close":
                    break
                links += 1
            elif token.type not in _LIST_TOKENS:
                break
            at += 1
        return at - 1 if links > 1 else 0

    def end_of(self, index: int) -> int:
        """Where the source goes on behind the token at `index`."""
        following = next((token for token in self.tokens[index + 1 :] if token.map), None)
        return self.span(following)[0] if following else len(self.source)


_LIST_TOKENS = (
    "bullet_list_open", "bullet_list_close", "ordered_list_open", "ordered_list_close", "list_item_open",
    "list_item_close", "paragraph_open", "paragraph_close",
)  # fmt: skip


def read_markdown(source: str) -> tuple[str, tuple[Chapter, ...], tuple[LeftOut, ...]]:
    """Title (may be empty) and chapters of a Markdown text, and what is left out.

    Chapters begin at the highest level of heading that occurs more than once, and at those above it; deeper headings
    stay headings within the chapter. Code, pictures, comments and footnotes are left out, and contents that are links.
    """
    from markdown_it import MarkdownIt

    builder = ChapterBuilder()
    # As many characters as before, so that offsets stay true, and line ends as markdown-it counts them.
    source = source.replace("\r\n", " \n").replace("\r", "\n")
    title, skip = "", 0
    front = _FRONT_MATTER.match(source)
    if front and re.search(r"^\w[\w -]*:", front["body"], re.M):
        skip = front.end()
        named = _FRONT_TITLE.search(front["body"])
        title = named["title"].strip() if named else ""
        builder.leave_out("front matter", 0, skip)
    # A comment that is not closed hides its own paragraph, not the rest of the book.
    opened = source.rfind("<!--")
    if opened >= skip and "-->" not in source[opened:]:
        blank = _EMPTY_LINE.search(source, opened)
        closed = blank.start() if blank else len(source)
        builder.leave_out("comment", opened, closed)
        source = source[:opened] + re.sub(r"[^\n]", " ", source[opened:closed]) + source[closed:]
    starts = [skip, *(match.end() for match in re.compile("\n").finditer(source, skip))]
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"]).disable("text_join")
    reader = _MarkdownReader(source, starts, parser.parse(source[skip:]), builder, title)
    reader.read()
    builder.close()
    for reference in _REFERENCE.finditer(source, skip):
        builder.leave_out("footnote" if "[^" in reference[0] else "address of a link", *reference.span())
    return reader.title, tuple(builder.chapters), (*builder.left_out, *reader.markup)


def _separated(cells: list[Mapped]) -> Mapped:
    parts: list[Mapped] = []
    for cell in cells:
        if parts:
            parts.append(Mapped.inserted(", ", parts[-1].span[1]))
        parts.append(cell)
    return Mapped.concat(parts)
