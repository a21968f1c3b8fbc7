"""What stands around a book in an e-text and is not read: header, credits, contents, collected notes."""

from __future__ import annotations

import re

from pockettts.text.headings import NAMED, NUMBERED, NUMERAL, explicit
from pockettts.text.layout import SCENE_BREAK, SENTENCE_END, Block

GUTENBERG_START = re.compile(
    r"^[ \t]*\*\*\*[ \t]?START OF (?:THE|THIS) PROJECT GUTENBERG E-?(?:BOOK|TEXT)[^\n]*(?:\n[^\n*]+\*\*\*[^\n]*)?"
    r"|^\*END\*? ?THE SMALL PRINT[^\n]*",
    re.M | re.I,
)
GUTENBERG_END = re.compile(
    r"^[ \t]*\*\*\*[ \t]?END OF (?:THE|THIS) PROJECT GUTENBERG|^[ \t]*End of (?:the )?Project Gutenberg", re.M | re.I
)
GUTENBERG_TITLE = re.compile(r"^Title:[ \t]*(\S[^\r\n]{0,200})", re.M)


_CREDIT = re.compile(
    r"(?:produced|transcribed|e-?text prepared|scanned|digitized|prepared) (?:by|from)\b"
    r"|transcribers?['’]?s?['’]? note",
    re.I,
)


_NOTE_BODY = re.compile(r"\s*(?:\[\^?\w{1,8}\]|\{\d{1,3}\})\s*:?\s*\S")
_NOTES_HEADING = re.compile(r"\s*_?(?:foot|end)?notes?_?[.:]?\s*", re.I)


_CONTENTS = re.compile(r"\s*_?(?:the |table of )?contents_?[.:]?\s*", re.I)
_PAGED_ENTRY = re.compile(
    r"\s*\S.{0,120}?(?:\s{2,}|\s?\.{2,}\s?|(?:\s\.){2,}\s?|\t)(?:\d{1,4}|[ivxlc]{1,8}|page)\s*$", re.I
)


def without_contents(blocks: list[Block]) -> list[Block]:
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
            Block(blocks[at].lines[:1], blocks[at].blanks),
            Block(blocks[at].lines[1:], 0),
            *blocks[at + 1 :],
        ]

    def paged(block: Block) -> bool:
        hits = sum(_PAGED_ENTRY.match(line.text.rstrip()) is not None for line in block.lines)
        return hits > 0 and hits * 3 >= len(block.lines)

    def short(block: Block) -> bool:
        return all(len(line.text.rstrip()) <= 90 for line in block.lines) and not (
            len(block.lines) > 1 and block.width > 200 and not any(_entry(line.text) for line in block.lines)
        )

    def _entry(text: str) -> bool:
        return bool(explicit(text) or NUMERAL.match(text) or NUMBERED.match(text) or NAMED.match(text))

    def prose(block: Block) -> bool:
        if paged(block) or any(_entry(line.text) for line in block.lines):
            return False
        return block.width > 200 or (len(block.text.split()) > 7 and bool(SENTENCE_END.search(block.text)))

    def bare(block: Block) -> bool:
        match = explicit(block.text)
        return bool(NUMERAL.match(block.text)) or (match is not None and not match["title"].strip())

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


def _is_rule(block: Block) -> bool:
    return len(block.text) > 1 and SCENE_BREAK.fullmatch(block.text) is not None


def without_notes(blocks: list[Block]) -> list[Block]:
    """Drop credits of the transcribers at the start, and footnotes collected under their own heading."""
    kept: list[Block] = []
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
