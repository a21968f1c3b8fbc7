"""FictionBook (FB2): one XML file, whose elements are given the names of HTML and then read as a page."""

from __future__ import annotations

import re

from pockettts.errors import ManuscriptError
from pockettts.text.source.archive import Archive
from pockettts.text.source.markup import OPS, Element, decode_markup, elements, local, parse_strict, plain_text
from pockettts.text.source.options import PageOptions
from pockettts.text.source.page import read_tree
from pockettts.text.source.structure import Division, Metadata, SourceText

_NAMES = {
    "binary": "script",
    "description": "head",
    "stylesheet": "style",
    "style": "span",
    "title": "h1",
    "subtitle": "h6",
    "stanza": "p",
    "text-author": "p",
    "date": "p",
    "poem": "div",
    "epigraph": "blockquote",
    "cite": "blockquote",
    "annotation": "blockquote",
    "empty-line": "hr",
    "image": "img",
    "fictionbook": "html",
}
_CHAPTER_LEVEL = 1


def read_fb2(data: bytes, label: str, options: PageOptions) -> SourceText:
    """Read the bytes of a FictionBook called `label` in messages, or of a ZIP with one. Raises `ManuscriptError`."""
    if data.startswith(b"PK"):
        archive = Archive(data, label)
        names = [name for name in archive.names() if name.lower().endswith(".fb2")]
        if len(names) != 1:
            raise ManuscriptError(f"{label} is a ZIP container with {len(names)} .fb2 files; one is needed.")
        data = archive.read(names[0])
    text, codec = decode_markup(data)
    root, notes = parse_strict(text, label)
    if local(root) != "fictionbook":
        raise ManuscriptError(f"{label} is not a FictionBook: its outermost element is {local(root)}.")
    metadata = _metadata(root)
    _rename(root)
    source = read_tree(root, label, label, options)
    source.encoding, source.metadata, source.notes = codec, metadata, [*notes, *source.notes]
    source.divisions = _divide(source.divisions)
    return source


def _rename(root: Element) -> None:
    for element in elements(root):
        name = local(element)
        if not name:  # a name of a colon or brace, in a damaged file
            continue
        if name == "body":
            notes = (element.get("name") or "").lower() in ("notes", "comments", "footnotes")
            element.tag = "aside" if notes else "div"
            if notes:
                element.set(OPS + "type", "footnotes")
        elif name == "a" and element.get("type") == "note":
            element.set(OPS + "type", "noteref")
        else:
            element.tag = _NAMES.get(name, name)


def _divide(divisions: list[Division]) -> list[Division]:
    """Begin a chapter at each title; the lines of one title stay together."""
    chapters = [Division("")]
    for passage in (passage for division in divisions for passage in division.passages):
        begins = passage.kind == "heading" and passage.level == _CHAPTER_LEVEL
        if begins and any(before.kind == "paragraph" for before in chapters[-1].passages):
            chapters.append(Division(""))
        chapters[-1].passages.append(passage)
    return chapters


def _metadata(root: Element) -> Metadata:
    def find(path: str) -> Element | None:
        return next(iter(root.iterfind(path)), None)

    def text(path: str) -> str:
        return plain_text(find(path))

    authors = tuple(
        " ".join(
            name
            for part in ("first-name", "middle-name", "last-name")
            if (name := plain_text(next(iter(author.iterfind(f"{{*}}{part}")), None)))
        )
        for author in root.iterfind("{*}description/{*}title-info/{*}author")
    )
    series = find("{*}description/{*}title-info/{*}sequence")
    cover = next(iter(root.iterfind("{*}description/{*}title-info/{*}coverpage/{*}image")), None)
    links = [str(value) for key, value in (cover.attrib.items() if cover is not None else []) if "href" in str(key)]
    isbn = re.sub(r"[\s-]", "", text("{*}description/{*}publish-info/{*}isbn"))
    return Metadata(
        title=text("{*}description/{*}title-info/{*}book-title"),
        authors=tuple(author for author in authors if author),
        language=text("{*}description/{*}title-info/{*}lang"),
        publisher=text("{*}description/{*}publish-info/{*}publisher"),
        date=text("{*}description/{*}publish-info/{*}year") or text("{*}description/{*}title-info/{*}date"),
        description=text("{*}description/{*}title-info/{*}annotation"),
        isbn=isbn,
        subjects=tuple(plain_text(genre) for genre in root.iterfind("{*}description/{*}title-info/{*}genre")),
        series=(series.get("name") or "") if series is not None else "",
        series_part=(series.get("number") or "") if series is not None else "",
        cover=links[0].lstrip("#") if links else "",
    )
