"""What stands around a book in an e-text and is not read: header, license, credits, contents, indexes, collected notes.

A passage is left out on evidence, not for its first word: contents, because their lines come again as headings or end
in page numbers; a note, because its mark stands in the text; credits, because they are no sentence or name the trade.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from pockettts.text.headings import NAMED, NUMBERED, NUMERAL, explicit, is_title, number_value
from pockettts.text.layout import SCENE_BREAK, SENTENCE_END, Block
from pockettts.text.reading import Kind, LeftOut

_START = re.compile(
    r"^[ \t]*\*\*\*[ \t]?START OF (?:THE|THIS) PROJECT GUTENBERG E-?(?:BOOK|TEXT)[^\n]*(?:\n[^\n*]+\*\*\*[^\n]*)?"
    r"|^\*END\*? ?THE SMALL PRINT[^\n]*",
    re.M | re.I,
)
_END = re.compile(
    r"^[ \t]*\*\*\*[ \t]?END OF (?:THE|THIS) PROJECT GUTENBERG[^\n]*"
    r"|^[ \t]*End of (?:the |this )?Project Gutenberg[^\n]*"
    r"|^[ \t]*(?:Ende dieses|Fin de|Einde van|Fine di|Fim d[eo]) (?:this |the )?Project Gutenberg[^\n]*",
    re.M | re.I,
)
_TITLE = re.compile(r"^Title:[ \t]*(\S[^\r\n]{0,200})", re.M)
_LICENSE = re.compile(r"gutenberg|licen[sc]e|small print|donation|trademark", re.I)
_FIRST_PAGES = 40_000
_SECOND_START = 20_000

_CREDIT = re.compile(
    r"(?:this (?:e-?text|e-?book|file|book) (?:was )?)?(?:produced|transcribed|e-?text prepared|scanned|digiti[sz]ed"
    r"|prepared|proofread) (?:by|from)\b|html version by\b",
    re.I,
)
_TRADE = re.compile(
    r"gutenberg|pgdp|distributed\s+proof|e-?text|e-?book|internet archive|volunteer|e-?mail"
    r"|edition by|https?:|www\.|html version|scans? by",
    re.I,
)
_TRADE_NOTE = re.compile(r"note: (?:the )?project gutenberg|note: images? of the original|see \d+-h\.(?:htm|zip)", re.I)
_TRANSCRIBER = re.compile(
    r"\[?_?(?:original )?(?:transcribers?['’]?s?['’]? (?:end)?notes?|notes? (?:by|of|from) the transcriber"
    r"|typographical errors? corrected"
    r"|corrections? (?:made )?by the (?:e-?text )?transcriber|anmerkung(?:en)? (?:zur|der) transkription|au lecteur"
    r"|note (?:du|sur la) transcript\w+|opmerkingen? van de (?:bewerker|transcribent)|notas? del? transcriptora?"
    r"|nota del trascrittore)\b",
    re.I,
)
_ERRATA = re.compile(r"\s*_?(?:errata|corrigenda|erratum)_?[.:]?\s*", re.I)
_ERRATUM = re.compile(r"\s*(?:page|p\.|line|for|on page)\b.{0,80}?(?:read|\d)", re.I)
_NOTE_BODY = re.compile(
    r"\s*(?P<mark>\[\^?\w{1,8}\]|\[[*†‡]{1,3}\]|\{\d{1,3}\}|\*{1,3}(?= \S)|[†‡](?=\s?\S))\s*:?\s*\S"
)
_NOTE_MARK = re.compile(
    r"(?<=\S)(?:\s?(?P<bracket>\[\^?\w{1,8}\]|\[[*†‡]{1,3}\]|\{\d{1,3}\})|(?P<star>\*{1,3}(?![\w*])|[†‡]))"
)
_NOTES_HEADING = re.compile(r"\s*_?(?:foot|end)?notes?_?[.:]?\s*", re.I)

_CONTENTS = re.compile(
    r"\s*_?(?:(?:the |table of |list of )?contents(?: of (?:the )?\w+ \w+)?|inhalt(?:sverzeichnis|sübersicht)?|sommaire"
    r"|table des mati[èe]res|[íi]ndice|sommario|sum[áa]rio|inhoud(?:sopgave)?|index)_?[.:]?\s*",
    re.I,
)
_PICTURES = re.compile(
    r"\s*_?(?:list of )?(?:the )?(?:full[- ]page )?(?:illustrations|plates|maps|figures|tables)_?[.:]?\s*"
    r"|\s*(?:verzeichnis der )?abbildungen[.:]?\s*|\s*(?:table|liste) des (?:illustrations|gravures)[.:]?\s*",
    re.I,
)
_INDEX = re.compile(r"\s*_?(?:(?:general )?index(?: (?:of|to) [\w' ,]{1,40})?|register)_?[.:]?\s*", re.I)
_INDEX_LINE = re.compile(
    r".{1,120}?,\s*(?:_?\d{1,4}_?(?:[-–]\d{1,4})?(?:n\.?)?[,;.]?\s*)+(?:\(.{0,40}\))?\s*$|.*\bsee\b.*"
)
_PAGE_TAIL = re.compile(
    r"(?:\s{2,}|\s?\.{2,}\s?|(?:\s\.){2,}\s?|\t|,?\s+(?=\d{1,4}\.?\s*$))"
    r"(?:\d{1,4}|[ivxlc]{1,8}|page|_?frontispiece_?)\.?\s*$",
    re.I,
)
_PAGED_ENTRY = re.compile(
    r"\s*\S.{0,120}?(?:\s{2,}|\s?\.{2,}\s?|(?:\s\.){2,}\s?|\t)"
    r"(?:\d{1,4}|[ivxlc]{1,8}|page|_?frontispiece_?)\.?\s*$",
    re.I,
)
_PAGE_WORD = re.compile(r"(?:chap(?:ter)?\.?\s+)?(?:page|pag|p|seite|blz|bladz|bladzijde|página|pagina)\.?", re.I)
_CAPTION = re.compile(r"\[illustrations?:?\s*([^\[\]]{1,400})\]", re.I)


@dataclass(slots=True)
class Etexts:
    """The spans of the texts in a file, the title of the first, and what stands around them."""

    title: str = ""
    spans: list[tuple[int, int]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def find_etexts(source: str) -> Etexts:
    """The texts between Project Gutenberg's marks, of which a file may hold several; without marks the whole file."""
    etexts = Etexts()
    header = _START.search(source, 0, _FIRST_PAGES)
    if header and (title := _TITLE.search(source, 0, header.start())):
        etexts.title = title[1].strip()
    begin = 0
    while True:
        if header:
            begin_of_text = _last_start(source, header)
            etexts.left_out.append(LeftOut("header", begin, begin_of_text))
            begin = begin_of_text
        footer = _END.search(source, begin)
        if footer is None or (header is None and footer.start() <= len(source) // 2):
            etexts.spans.append((begin, len(source)))
            return etexts
        etexts.spans.append((begin, footer.start()))
        header = _START.search(source, footer.end())
        if header is None:
            rest = source[footer.end() :]
            if _LICENSE.search(rest) or not any(map(str.isalpha, rest)):
                etexts.left_out.append(LeftOut("license", footer.start(), len(source)))
            else:
                etexts.left_out.append(LeftOut("license", footer.start(), footer.end()))
                etexts.spans.append((footer.end(), len(source)))
            return etexts
        etexts.left_out.append(LeftOut("license", footer.start(), header.start()))
        begin = header.start()


def _last_start(source: str, header: re.Match[str]) -> int:
    """End of the header: some files have the small print and the mark of the start."""
    end = header.end()
    while (following := _START.search(source, end, end + _SECOND_START)) and not _END.search(
        source, end, following.start()
    ):
        end = following.end()
    return end


@dataclass(slots=True)
class Apparatus:
    """Leaves out blocks of a text, and remembers them; `listed` holds the titles that its contents name."""

    source: str
    blocks: list[Block]
    from_gutenberg: bool
    left_out: list[LeftOut] = field(default_factory=list)
    listed: set[str] = field(default_factory=set)

    def remove(self) -> list[Block]:
        """The blocks that are read."""
        self._remove_credits()
        self._remove_lists()
        self._remove_index()
        self._remove_notes()
        return self.blocks

    def is_listed(self, block: Block) -> bool:
        """Whether the contents name this block."""
        return bool(self.listed) and (_key(block.text) in self.listed or _key(block.lines[0].text) in self.listed)

    def _drop(self, kind: Kind, first: int, last: int) -> None:
        """Leave out the blocks `first` to `last` (exclusive)."""
        for block in self.blocks[first:last]:
            self.left_out.append(LeftOut(kind, *block.span))
        del self.blocks[first:last]

    def _remove_credits(self) -> None:
        """Credits and transcriber's notes, at the front until the first chapter, and lists of errata."""
        index = 0
        begun = False
        while index < len(self.blocks):
            block = self.blocks[index]
            text = block.text.strip().strip("_[(")
            begun = begun or bool(explicit(text)) or block.width > 400
            early = index < 16 and not begun
            if early and (_TRADE_NOTE.search(text) or (_CREDIT.match(text) and self._is_credit(block))):
                self._drop("credit", index, index + 1)
            elif _TRANSCRIBER.match(text):
                self._drop("transcriber's note", index, self._end_of_note(index, early))
            elif _ERRATA.fullmatch(text):
                end = index + 1
                while end < len(self.blocks) and _mostly(self.blocks[end], _ERRATUM, 0.5):
                    end += 1
                if end > index + 1:
                    self._drop("errata", index, end)
                else:
                    index += 1
            else:
                index += 1

    def _is_credit(self, block: Block) -> bool:
        """Whether a block that begins like credits names the trade, or at least is no sentence."""
        if _TRADE.search(block.text) or self.from_gutenberg:
            return True
        words = re.findall(r"[^\W\d_]+", block.text)[3:]
        names = sum(word[0].isupper() for word in words)
        return len(words) <= 20 and not SENTENCE_END.search(block.text) and names * 2 >= len(words)

    def _end_of_note(self, index: int, early: bool) -> int:
        """The block after a transcriber's note that begins at `index`."""
        text = self.blocks[index].text.strip(" _[]=")
        match = _TRANSCRIBER.match(text)
        heading = match is not None and (text.endswith(":") or not any(map(str.isalnum, text[match.end() :])))
        limit = min(len(self.blocks), index + (12 if early else len(self.blocks)))
        rule = next((at for at in range(index + 1, min(index + 8, len(self.blocks))) if _is_rule(self.blocks[at])), 0)
        if early and rule:
            return rule + 1
        end = index + 1
        if early or not heading:
            indented = self.blocks[index].lines[0].text[:1] in " \t"
            while (
                end < limit and indented and self.blocks[end].lines[0].text[:1] in " \t" and self.blocks[end].blanks < 3
            ):
                end += 1
            return max(end, min(index + 2, limit)) if heading else end
        if any(self._begins_chapter(at) for at in range(index + 1, limit)):
            while end < limit and _mostly(self.blocks[end], _ERRATUM, 0.5):
                end += 1
            return max(end, min(index + 2, limit))
        while end < limit and not self._begins_chapter(end):
            end += 1
        return end

    def _begins_chapter(self, index: int) -> bool:
        """Whether a numbered heading with a paragraph under it stands at `index`, not a place in a list."""
        below = self.blocks[index + 1] if index + 1 < len(self.blocks) else None
        return (
            bool(explicit(self.blocks[index].text))
            and below is not None
            and below.width > 60
            and (not _mostly(below, _ERRATUM, 0.3) and not _mostly(below, _INDEX_LINE, 0.3))
        )

    def _remove_lists(self) -> None:
        """Tables of contents and lists of pictures."""
        captions = {_key(match[1]) for match in _CAPTION.finditer(self.source)}
        later = self._later_keys()
        index = 0
        limit = max(200, len(self.blocks) // 4)
        while index < min(limit, len(self.blocks)):
            block = self.blocks[index]
            first = block.lines[0].text
            contents, pictures = _CONTENTS.fullmatch(first), _PICTURES.fullmatch(first)
            if (contents or pictures) and len(block.lines) > 2:
                self.blocks[index : index + 1] = [
                    Block(block.lines[:1], block.blanks, block.new_page),
                    Block(block.lines[1:], 0),
                ]
            heading = bool((contents or pictures) and len(self.blocks[index].lines) <= 2)
            listing = (contents or pictures) if heading else self._is_list(block, later)
            end = self._end_of_list(index + heading, heading, later, captions if pictures else set()) if listing else 0
            if end > index + heading:
                self._drop("illustration" if pictures else "contents", index, end)
                limit = max(limit, index + 40)
                later = self._later_keys()
            else:
                index += 1

    def _later_keys(self) -> dict[str, int]:
        """For each title the start of the last short block that bears it."""
        later: dict[str, int] = {}
        for block in self.blocks:
            if len(block.lines) <= 4 and block.width <= 300:
                later[_key(block.text)] = later[_key(block.lines[0].text)] = block.lines[0].start
            number = _bare_number(block.text)
            if number is None and (numbered := NUMBERED.match(block.text)) and is_title(numbered["title"]):
                number = number_value(numbered["number"])
            if len(block.lines) == 1 and number is not None:
                later[f"number {number}"] = block.lines[0].start
        later.pop("", None)
        return later

    def _is_list(self, block: Block, later: dict[str, int]) -> bool:
        """Whether a block without a heading is a table of contents: its lines come again, in order, as headings."""
        if len(block.lines) < 3:
            return False
        places = [later.get(_key(line.text), 0) for line in block.lines]
        hits = [place for place in places if place > block.lines[-1].start]
        return len(hits) >= 3 and len(hits) * 10 >= len(places) * 7 and hits == sorted(hits)

    def _end_of_list(self, begin: int, headed: bool, later: dict[str, int], captions: set[str]) -> int:
        """The block after the list whose first entry is the block `begin`; `begin` if it is none."""
        seen: set[tuple[int | None, str]] = set()
        lines = proven = 0
        entries: list[str] = []
        end = begin
        paged_list = False
        for index in range(begin, len(self.blocks)):
            block = self.blocks[index]
            entered = [_entry(line.text) for line in block.lines]
            keys = [title for _, title in entered]
            paged = sum(_PAGED_ENTRY.match(line.text.rstrip()) is not None for line in block.lines)
            hits = [
                not NUMERAL.match(line.text) and (_comes_later(entry, later, block) or entry[1] in captions)
                for entry, line in zip(entered, block.lines, strict=True)
            ]
            listing = paged * 3 >= len(block.lines) or sum(hits) * 2 >= len(hits)
            # A caption of many lines, with its page behind the last.
            listing = listing or (headed and _PAGED_ENTRY.match(block.lines[-1].text.rstrip()) is not None)
            if not listing and (_is_prose(block) or not _is_short(block) or _is_rule(block)):
                break
            following = self.blocks[index + 1] if index + 1 < len(self.blocks) else None
            last_before_prose = len(block.lines) <= 2 and (following is None or _is_prose(following))
            if not paged and last_before_prose and not any(hits):
                if index - 1 > begin and _is_bare(self.blocks[index - 1]) and not _is_entry(block.text):
                    end = min(end, index - 1)
                break
            if not paged and len(block.lines) <= 3 and any(_again(entry, seen) for entry in entered):
                break
            lines += len(keys)
            if paged:
                paged_list = True
                proven += len(keys)
            else:
                proven += sum(hits)
            seen.update(entered)
            if paged or any(hits) or not paged_list:
                end = index + 1
                entries += keys
        if proven < 2 or proven * 2 < lines:
            return begin
        self.listed.update(key for key in entries if key and not key.isdigit())
        return end

    def _remove_index(self) -> None:
        """An index behind the text: entries with page numbers under their heading."""
        for index in range(len(self.blocks) * 6 // 10, len(self.blocks)):
            if not _INDEX.fullmatch(self.blocks[index].text):
                continue
            end, lines, entries = index + 1, 0, 0
            while end < len(self.blocks) and not self._begins_chapter(end):
                block = self.blocks[end]
                hits = sum(_INDEX_LINE.match(line.text.rstrip()) is not None for line in block.lines)
                if not hits and _is_prose(block) and block.width > 300:
                    break
                lines, entries, end = lines + len(block.lines), entries + hits, end + 1
            if entries >= 5 and entries * 3 >= lines:
                self._drop("index", index, end)
                return

    def _remove_notes(self) -> None:
        """Notes whose mark stands in the text, and the heading over collected ones."""
        marks: Counter[str] = Counter()
        for block in self.blocks:
            if any(mark in block.text for mark in "[{*†‡"):
                marks.update(match["bracket"] or match["star"] for match in _NOTE_MARK.finditer(block.text))
        index = 0
        collected = False
        while index < len(self.blocks):
            body = _NOTE_BODY.match(self.blocks[index].lines[0].text)
            if body and (marks[body["mark"]] or collected) and not _is_rule(self.blocks[index]):
                self._drop("footnote", index, index + 1)
                if index and _NOTES_HEADING.fullmatch(self.blocks[index - 1].text):
                    self._drop("footnote", index - 1, index)
                    index -= 1
                    collected = True
            else:
                collected = False
                index += 1


def _entry(text: str) -> tuple[int | None, str]:
    """The number of a title, if it has one, and its words without page and marks."""
    text = _PAGE_TAIL.sub("", text.replace("\x00", "").rstrip()).strip().strip("_")
    number = None
    match = explicit(text)
    if not (match and match["title"].strip()):
        match = NUMBERED.match(text)
    if match:
        number, text = number_value(match["number"]), match["title"]
    if _PAGE_WORD.fullmatch(text):
        return None, ""
    return number, " ".join(re.findall(r"[^\W_]+", text)).casefold()


def _key(text: str) -> str:
    return _entry(text)[1]


def _comes_later(entry: tuple[int | None, str], later: dict[str, int], block: Block) -> bool:
    """Whether a title, or its number alone, heads a block further on."""
    number, title = entry
    end = block.lines[-1].start
    return bool(title) and (
        later.get(title, 0) > end or (number is not None and later.get(f"number {number}", 0) > end)
    )


def _again(entry: tuple[int | None, str], seen: set[tuple[int | None, str]]) -> bool:
    """Whether a list already has an entry: what comes now is the heading itself."""
    number, title = entry
    if not title:
        return False
    return entry in seen or (None, title) in seen or (number is None and any(title == other for _, other in seen))


def _mostly(block: Block, pattern: re.Pattern[str], share: float) -> bool:
    return sum(pattern.match(line.text) is not None for line in block.lines) >= share * len(block.lines)


def _is_rule(block: Block) -> bool:
    return len(block.text.strip()) > 1 and SCENE_BREAK.fullmatch(block.text) is not None


def _is_entry(text: str) -> bool:
    return bool(explicit(text) or NUMERAL.match(text) or NUMBERED.match(text) or NAMED.match(text))


def _bare_number(text: str) -> int | None:
    """The number of a heading: `IV.`, `CHAPTER IV`."""
    match = NUMERAL.match(text)
    if match is None and (match := explicit(text)) and match["title"].strip():
        match = None
    return None if match is None else number_value(match["number"])


def _is_bare(block: Block) -> bool:
    return _bare_number(block.text) is not None


def _is_prose(block: Block) -> bool:
    if any(_is_entry(line.text) or _PAGED_ENTRY.match(line.text.rstrip()) for line in block.lines):
        return False
    return block.width > 200 or (len(block.text.split()) > 7 and bool(SENTENCE_END.search(block.text)))


def _is_short(block: Block) -> bool:
    return all(len(line.text.rstrip()) <= 90 for line in block.lines) and not (
        len(block.lines) > 1 and block.width > 200 and not any(_is_entry(line.text) for line in block.lines)
    )
