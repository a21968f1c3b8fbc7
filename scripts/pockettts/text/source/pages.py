"""A page of XHTML or HTML to passages: which elements make a paragraph, which words belong together, what is not read.

Blocks follow from the names of elements, not from style sheets. The same walk reads EPUB, HTML, what a DOCX was
converted to, and FictionBook, whose elements are renamed first.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from lxml import etree

from pockettts.text.mapped import word_set
from pockettts.text.reading import Kind
from pockettts.text.source.archive import resolve
from pockettts.text.source.markup import XML, Element, local, plain_text, short_text, types
from pockettts.text.source.notes import LONGEST_NOTE, NOTE_BODIES, Note, NoteFinder
from pockettts.text.source.options import PageOptions
from pockettts.text.source.structure import LINE_BREAK, NOTE_BEGIN, NOTE_END, Collector, Inserted, Passage, PassageKind

_BLOCKS = word_set(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure"
    " footer form h1 h2 h3 h4 h5 h6 header hgroup html legend li main menu nav ol p pre section summary table tbody td"
    " tfoot th thead tr ul"
)
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_HEADING_TYPES = frozenset(("title", "subtitle", "ordinal", "fulltitle", "halftitle", "label"))

# What is not text of the book at all, and what is left out, by the names of elements.
_SILENT = frozenset(("head", "script", "style", "template"))
_DROPPED: dict[str, Kind] = {
    "noscript": "text for readers without scripts",
    "iframe": "embedded document",
    "object": "embedded document",
    "audio": "embedded recording",
    "video": "embedded recording",
    "svg": "text in a drawing",
    "canvas": "text in a drawing",
    "map": "text in a drawing",
    "button": "form field",
    "select": "form field",
    "textarea": "form field",
    "math": "formula",
    "rp": "reading aid",
    "rt": "reading aid",
    "rtc": "reading aid",
}

APPARATUS: dict[str, Kind] = {
    "cover": "title page",
    "titlepage": "title page",
    "halftitlepage": "title page",
    "copyright-page": "imprint",
    "toc": "contents",
    "toc-brief": "contents",
    "landmarks": "contents",
    "page-list": "list of pages",
    "index": "index",
    "index-group": "index",
    "loi": "list of illustrations",
    "lot": "list of tables",
    "bibliography": "bibliography",
    "colophon": "imprint",
    "imprint": "imprint",
    "other-credits": "credit",
}
"""Parts of a book that are not its text: what epub:type or role calls them, and what they are called here."""

NOTES = frozenset(("footnote", "footnotes", "endnote", "endnotes", "rearnote", "rearnotes", "note"))
"""What they call notes, and pages of them."""

_ALWAYS: dict[str, Kind] = {
    "pagebreak": "page number",
    "biblioentry": "bibliography",
    "annotation": "annotation",
    "help": "annotation",
    "noteref": "note mark",
    "footnoteref": "note mark",
    "endnoteref": "note mark",
    "biblioref": "note mark",
    "backlink": "note mark",
}
_MARK = re.compile(r"[\[({]?(?:\d{1,4}|[a-z]|[ivxlc]{1,6}|[*†‡§¶#]{1,3})[\])}]?[.,:]?", re.I)
_PAGE_NUMBER = re.compile(r"[\[({]?\s*(?:p(?:g|age)?\.?\s*)?[\divxlc]{1,8}\s*[\])}]?", re.I)
_SCENE_BREAK = re.compile(r"(?:[*•·⁂❦❧☙◆◇■□●○✦✶❖#~=_—–-]|o0o|\s)+")
_LICENSE_IDS = frozenset(("pg-header", "pg-footer", "pg-machine-header"))
_NOTE_CLASS = re.compile(r"note|\bfn|\bref\b|fnref")
_LONGEST_MARK = 16


@dataclass(slots=True)
class _OpenElement:
    """What an open element means for what is inside."""

    kind: PassageKind
    level: int
    number: int
    block: bool = False
    row: bool = False
    table: bool = False
    omits: bool = False
    silent: bool = False
    note: Note | None = None


class PageReader:
    """Walks the pages of a book, one after the other, into a collector.

    It remembers which notes were referred to, so that a note without a type is recognized on a later page.
    """

    def __init__(
        self, collector: Collector, options: PageOptions, load: Callable[[str], Element | None] = lambda path: None
    ) -> None:
        """`load` returns the tree of a different page of the book, where a note may stand."""
        self.collector = collector
        self.options = options
        self._note_targets: set[tuple[str | None, str]] = set()
        self._notes = NoteFinder(load)

    def read(self, root: Element, path: str, omit: Kind | None = None) -> None:
        """Walk the page at `path`; with `omit` all of it is left out, as this kind."""
        document = self.collector.open_document(path)
        walk = _PageWalk(self.collector, self.options, path, document, self._note_targets, self._notes)
        if omit is not None:
            walk.omit(omit)
        self._notes.open_page(path, root)
        walk.walk(root)
        walk.finish()
        self._notes.leave_page(path)


@dataclass(slots=True)
class _PageWalk:
    """One page on its way into the collector; `note` is an element of it that is read alone, within a passage."""

    collector: Collector
    options: PageOptions
    path: str
    document: int
    note_targets: set[tuple[str | None, str]]
    notes: NoteFinder
    note: Element | None = None
    frames: list[_OpenElement] = field(default_factory=lambda: [_OpenElement("paragraph", 0, -1)])
    elements: int = 0
    passage: Passage | None = None
    texts: list[str] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    glue: str = ""
    omission: tuple[Kind, int] | None = None
    last_heading: tuple[Element, bool] | None = None

    @property
    def at_start(self) -> bool:
        """Whether nothing of the passage was read yet, by this walk."""
        return not self.texts

    # --- elements

    def walk(self, root: Element) -> None:
        """Enter and leave an element and all below it."""
        for event, element in etree.iterwalk(root, events=("start", "end")):
            if not isinstance(element.tag, str):
                continue
            if event == "start":
                self.start(element)
            else:
                self.end(element)

    def start(self, element: Element) -> None:
        """Enter an element."""
        outer = self.frames[-1]
        number, self.elements = self.elements, self.elements + 1
        name = local(element)
        spoken = self.note is None and self.notes.is_spoken(self.path, number)
        silent = outer.silent or name in _SILENT or spoken
        frame = _OpenElement(outer.kind, outer.level, number, row=outer.row, table=outer.table, silent=silent)
        self.frames.append(frame)
        if silent:
            if spoken and self.omission is None and name in _BLOCKS and not outer.row:
                self.close()
            return
        if self.omission is not None:
            if name in _BLOCKS or name == "br":
                self.collector.separate()
            self.put(element.text, frame, "text")
            return
        named = types(element)
        if name in _BLOCKS:
            self._enter_block(element, name, named, frame)
        self._note_ids(element, name)
        kind = None if element is self.note else self._left_out(element, name, named)
        if kind is not None:
            frame.omits = True
            if kind == "note mark" and self.options.notes == "inline":
                frame.note = self._note_of(element, number)
            if name == "math":
                self._put_attribute(element, "alttext", frame)
            if name in _BLOCKS:
                self.collector.separate()
            self.omit(kind)
        elif name in ("br", "v"):
            self._line_end()
        elif name == "hr" and self.note is None:
            self.close()
            self._scene_break()
        elif name == "img":
            self._picture(element, frame)
        self.put(element.text, frame, "text")

    def end(self, element: Element) -> None:
        """Leave an element, and go on with the text after it."""
        frame = self.frames.pop()
        if frame.omits:
            self._end_omission()
        if frame.note is not None:
            self._put_note(frame.note)
        if self.omission is None and frame.block:
            self.close()
        if self.omission is not None and not frame.silent and local(element) in _BLOCKS:
            self.collector.separate()
        outer = self.frames[-1]
        if element.tail and not outer.silent and len(self.frames) > 1:
            self.put(element.tail, _OpenElement(outer.kind, outer.level, frame.number), "tail")

    def finish(self) -> None:
        """Leave the page."""
        self.close()
        if self.omission is not None:
            self._end_omission()

    def _enter_block(self, element: Element, name: str, named: frozenset[str], frame: _OpenElement) -> None:
        outer = self.frames[-2]
        if outer.row:
            # The cells of a row are one sentence, whatever stands in them.
            self.glue = ", " if name in ("td", "th") else self.glue or " "
            return
        self.close()
        frame.block = True
        if name in _HEADINGS or element.get("role") == "heading":
            frame.kind, frame.level = "heading", int(name[1]) if name in _HEADINGS else 6
        elif name in ("p", "div", "span") and named & _HEADING_TYPES:
            frame.kind, frame.level = "heading", 7
        elif outer.kind != "heading":
            frame.kind, frame.level = "paragraph", 0
        if name == "table":
            frame.table = _is_table_of_data(element)
        elif name == "tr":
            frame.row = outer.table

    def _note_ids(self, element: Element, name: str) -> None:
        for key in (element.get("id"), element.get(XML + "id"), element.get("name") if name == "a" else None):
            if key:
                (self.pending if self.passage is None else self.passage.ids).append(key)

    def _left_out(self, element: Element, name: str, named: frozenset[str]) -> Kind | None:
        """Return what kind of thing is left out with this element, if it is."""
        if name in _DROPPED:
            return _DROPPED[name]
        if name in ("html", "body"):
            return None
        if element.get("hidden") is not None or "display:none" in (element.get("style") or "").replace(" ", "").lower():
            return "hidden text"
        if element.get("aria-hidden") == "true" and name != "span":
            return "hidden text"
        for kind in named:
            if kind in _ALWAYS:
                return _ALWAYS[kind]
            if kind in NOTES and self.options.notes != "read":
                return "footnote"
            if kind in APPARATUS and not self.options.front_matter and name not in _HEADINGS:
                return APPARATUS[kind]
        if name in ("a", "sup") and self._is_note_mark(element, name):
            return "note mark"
        if self.note is not None and name in ("a", "sup", "span") and self._is_own_mark(element, name):
            return "note mark"
        if element.get("id") in _LICENSE_IDS:
            return "license"
        if name == "span" and "page" in (element.get("class") or ""):
            number = short_text(element, _LONGEST_MARK)
            return "page number" if number and _PAGE_NUMBER.fullmatch(number) else None
        if name == "pre" and element.find("{*}code") is not None:
            return "code"
        if name in NOTE_BODIES and self.note_targets and self.options.notes != "read" and self._is_note(element):
            return "footnote"
        return None

    def _is_note_mark(self, element: Element, name: str) -> bool:
        """Whether a link, or what is raised and holds one, is the mark of a note: a few signs that lead to a place."""
        text = short_text(element, _LONGEST_MARK)
        if text is None or not _MARK.fullmatch(text):
            return False
        link = element if name == "a" else next(element.iter("{*}a"), None)
        target = (link.get("href") or "") if link is not None else ""
        if link is None or "#" not in target:
            return False
        parent = element.getparent()
        raised = name == "sup" or next(element.iter("{*}sup"), None) is not None
        raised = raised or any(local(above) == "sup" for above in element.iterancestors("{*}sup"))
        before = element.getprevious()
        leading = (before.tail if before is not None else parent.text if parent is not None else "") or ""
        classes = " ".join(
            (one.get("class") or "") + " " + (one.get("id") or "") for one in (link, parent) if one is not None
        ).lower()
        marked = (
            raised or text[0] in "[(*†‡§" or leading.endswith("[") or re.search(r"note|\bfn|\bref\b|fnref", classes)
        )
        # In front of a note stands the same mark, which leads back to the text.
        at_start = not leading.strip() and parent is not None and before is None and local(parent) in NOTE_BODIES
        if not marked or at_start:
            return False
        self.note_targets.add(resolve(self.path, target))
        return True

    def _is_own_mark(self, element: Element, name: str) -> bool:
        """Whether an element of the note that is read is its own mark, at its beginning, or leads back to the text."""
        text = short_text(element, _LONGEST_MARK)
        if text is None:
            return False
        if name == "a" and "#" in (element.get("href") or ""):
            return bool(_MARK.fullmatch(text)) or not any(map(str.isalnum, text))
        return self.at_start and bool(_MARK.fullmatch(text))

    def _note_of(self, mark: Element, number: int) -> Note | None:
        """Return the note that a mark leads to, if it is still to come."""
        link = mark if mark.get("href") else next((one for one in mark.iter("{*}a") if one.get("href")), None)
        path, key = resolve(self.path, (link.get("href") or "") if link is not None else "")
        return self.notes.find(path, key, (self.path, number)) if path and key else None

    def _put_note(self, note: Note) -> None:
        """Add a note to the passage, in brackets, where its mark stands."""
        self.notes.speak(note)
        outer = self.frames[-1]
        if self.passage is None:
            self._open(outer)
        assert self.passage is not None
        self.passage.parts.append(Inserted(NOTE_BEGIN, self.collector.length))
        options, document = replace(self.options, notes="read"), self.collector.open_document(note.path)
        walk = _PageWalk(self.collector, options, note.path, document, self.note_targets, self.notes, note.element)
        # As in a row of a table, blocks inside do not end the passage.
        walk.frames = [_OpenElement(outer.kind, outer.level, -1, row=True)]
        walk.elements, walk.passage = note.number, self.passage
        walk.walk(note.element)
        if walk.omission is not None:
            walk._end_omission()
        self.passage.parts.append(Inserted(NOTE_END, self.collector.length))
        self.texts += walk.texts

    def _is_note(self, element: Element) -> bool:
        """Whether a mark that was read before leads here, and this looks like a note."""
        keys = [element.get("id")]
        first: Element | None = element
        for _ in range(3):
            first = next(iter(first), None) if first is not None and not (first.text or "").strip() else None
            if first is not None:
                keys += [first.get("id"), first.get("name")]
        if not any(key and (self.path, key) in self.note_targets for key in keys):
            return False
        text = plain_text(element)
        if len(text) > LONGEST_NOTE:
            return False
        back = any("#" in (link.get("href") or "") for link in element.iter("{*}a"))
        return back or bool(_MARK.match(text))

    def _picture(self, element: Element, frame: _OpenElement) -> None:
        """A picture of one letter is an initial; in a heading without text it stands for the text."""
        alt = (element.get("alt") or "").strip()
        if not alt:
            return
        initial = len(alt) == 1 and alt.isalnum()
        heading = frame.kind == "heading" and self._stands_for_heading(element)
        decoration = element.get("role") in ("presentation", "none")
        if initial or (heading and not decoration):
            self.put(alt, frame, "alt")
        elif self.options.alt and not decoration:
            self._put_attribute(element, "alt", frame)
        else:
            self.omit("illustration")
            self.put(alt, frame, "alt")
            self._end_omission()

    def _stands_for_heading(self, picture: Element) -> bool:
        above = next(picture.iterancestors("{*}h1", "{*}h2", "{*}h3", "{*}h4", "{*}h5", "{*}h6"), None)
        if above is None:
            return False
        if self.last_heading is None or self.last_heading[0] is not above:
            self.last_heading = (above, not plain_text(above))
        return self.last_heading[1]

    def _put_attribute(self, element: Element, name: str, frame: _OpenElement) -> None:
        text = (element.get(name) or "").strip()
        if text:
            self.glue = self.glue or " "
            self.put(text, frame, name)
            self.glue = " "

    # --- text

    def put(self, text: str | None, frame: _OpenElement, slot: str) -> None:
        """Add what stands in a slot of an element to the passage, or to what is left out."""
        if not text:
            return
        if self.omission is not None:
            if not text.isspace() or self.collector.in_words():
                self.collector.append(text, self.document, frame.number, slot)
            return
        blank = text.isspace()
        if self.passage is None:
            if blank:
                return
            self._open(frame)
        assert self.passage is not None
        parts = self.passage.parts
        if self.glue and not blank:
            if self.texts:
                parts.append(Inserted(self.glue, self.collector.length))
            self.glue = ""
        start = self.collector.append(text, self.document, frame.number, slot)
        if parts and isinstance(parts[-1], tuple) and parts[-1][1] == start:
            parts[-1] = (parts[-1][0], self.collector.length)
        else:
            parts.append((start, self.collector.length))
        if not blank:
            self.texts.append(text)

    def _open(self, frame: _OpenElement) -> None:
        self.collector.separate()
        self.passage = Passage(frame.kind, self.document, frame.level, ids=self.pending)
        self.pending = []

    def close(self) -> None:
        """End the passage. One of signs only is a scene break; the ids of one without text belong to the next."""
        passage, texts = self.passage, self.texts
        self.passage, self.texts, self.glue = None, [], ""
        if passage is None:
            return
        text = "".join(texts).strip()
        if any(character.isalnum() for character in text):
            self.collector.add(passage)
            return
        self.pending = [*passage.ids, *self.pending]
        if text and _SCENE_BREAK.fullmatch(text):
            self._scene_break()

    def _scene_break(self) -> None:
        self.collector.passages.append(Passage("break", self.document))

    def _line_end(self) -> None:
        """One line end is a space; two are the end of a paragraph."""
        if self.glue == LINE_BREAK and self.passage is not None and not self.frames[-1].row:
            self.close()
        elif self.passage is not None:
            self.glue = LINE_BREAK

    def omit(self, kind: Kind) -> None:
        """Begin to leave out what comes."""
        self.omission = (kind, self.collector.length)

    def _end_omission(self) -> None:
        assert self.omission is not None
        kind, start = self.omission
        self.omission = None
        if self.collector.length > start:
            self.collector.omit(kind, start)


def _is_table_of_data(table: Element) -> bool:
    """Whether a table has rows to be read, rather than being there to put paragraphs side by side."""
    tables = table.iter("{*}table")
    next(tables)
    if next(tables, None) is not None:
        return False
    rows = list(table.iter("{*}tr"))
    cells = [sum(local(cell) in ("td", "th") for cell in row.iterchildren("*")) for row in rows]
    if max(cells, default=0) < 2 or table.get("role") in ("presentation", "none"):
        return False
    return not any(len(list(cell.iter("{*}p"))) > 1 for row in rows for cell in row.iterchildren("*"))
