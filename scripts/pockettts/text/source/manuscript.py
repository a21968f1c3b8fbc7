"""From a document as read to the manuscript that everything after it works on: passages are cleaned into paragraphs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

from pockettts.text.chapters import Chapter, Manuscript, Paragraph
from pockettts.text.cleaning import clean
from pockettts.text.mapped import Mapped
from pockettts.text.source.structure import LINE_BREAK, NOTE_BEGIN, NOTE_END, Inserted, Passage, SourceText

# What is left of a note's mark in brackets.
_EMPTY_BRACKETS = re.compile(r"\s?\[\s*\]|\s?\(\s*\)")
_STOPS = ".:!?,;-—–"


def to_manuscript(source: SourceText, name: str) -> Manuscript:
    """Return the manuscript of a document whose file is `name`; titles that it does not have come from its text."""
    title = source.metadata.title or PurePath(name).stem
    return Manuscript(
        title,
        source.encoding,
        _chapters(source, title),
        name,
        source=source.text,
        left_out=tuple(source.left_out),
        parts=_places(source),
        document=source,
    )


def _places(source: SourceText) -> tuple[tuple[int, str], ...]:
    """Return the offset at which each document and each paragraph of it begins, with its name."""
    names: dict[int, str] = {}
    document = -1
    for place in source.places:
        if place.document != document:
            document = place.document
            names[place.offset] = source.documents[document]
    numbers: Counter[int] = Counter()
    for passage in (passage for division in source.divisions for passage in division.passages):
        if passage.kind != "break":
            numbers[passage.document] += 1
            names[passage.start] = f"{source.documents[passage.document]}, paragraph {numbers[passage.document]}"
    return tuple(sorted(names.items()))


def _chapters(source: SourceText, title: str) -> tuple[Chapter, ...]:
    chapters: list[Chapter] = []
    carried: Chapter | None = None
    for division in source.divisions:
        paragraphs = _paragraphs(source.text, division.passages)
        if not paragraphs:
            continue
        heading = next((paragraph.text for paragraph in paragraphs if paragraph.kind == "heading"), "")
        chapter = Chapter(division.title or heading, paragraphs)
        if carried is not None:
            chapter = Chapter(_both(carried.title, chapter.title), (*carried.paragraphs, *chapter.paragraphs))
        # Headings alone, such as the page of a part, belong to the chapter that follows.
        alone = all(paragraph.kind == "heading" for paragraph in paragraphs)
        carried = chapter if alone else None
        if not alone:
            chapters.append(chapter)
    if carried is not None:
        chapters.append(carried)
    return tuple(chapter if chapter.title else replace(chapter, title=title) for chapter in chapters)


def _both(first: str, second: str) -> str:
    return second if not first or first == second else f"{first.rstrip('.')}. {second}" if second else first


def _paragraphs(text: str, passages: Sequence[Passage]) -> tuple[Paragraph, ...]:
    paragraphs: list[Paragraph] = []
    for passage in passages:
        if passage.kind == "break":
            if paragraphs:
                paragraphs[-1] = replace(paragraphs[-1], scene_break=True)
            continue
        mapped = clean(_assembled(text, passage))
        if "[" in mapped.text or "(" in mapped.text:
            mapped = mapped.sub(_EMPTY_BRACKETS, "").strip()
        if mapped.text:
            paragraphs.append(Paragraph(passage.kind, mapped.text, *mapped.span, mapped=mapped))
    return tuple(paragraphs)


def _assembled(text: str, passage: Passage) -> Mapped:
    if len(passage.parts) == 1 and not isinstance(passage.parts[0], Inserted):
        return Mapped.of(text, *passage.parts[0])
    pieces: list[Mapped] = []
    last = ""
    for part in passage.parts:
        if isinstance(part, Inserted):
            inserted = part.text
            if inserted == NOTE_END and pieces:
                pieces[-1] = pieces[-1].rstrip()
            elif inserted == NOTE_BEGIN:
                inserted = NOTE_BEGIN if not last or pieces[-1].text[-1:].isspace() else f" {NOTE_BEGIN}"
            elif inserted == LINE_BREAK:
                inserted = ". " if passage.kind == "heading" and last and last[-1] not in _STOPS else " "
            pieces.append(Mapped.inserted(inserted, part.at))
        else:
            piece = Mapped.of(text, *part)
            pieces.append(piece.lstrip() if pieces and pieces[-1].text.endswith(NOTE_BEGIN) else piece)
            last = pieces[-1].text.rstrip() or last
    return Mapped.concat(pieces)
