"""A single page of HTML as a book: its chapters begin at its headings."""

from __future__ import annotations

import re

from pockettts.errors import ManuscriptError
from pockettts.text.decoding import decode
from pockettts.text.source.markup import Element, decode_markup, elements, local, parse_page, plain_text
from pockettts.text.source.options import PageOptions
from pockettts.text.source.pages import PageReader
from pockettts.text.source.structure import Collector, Metadata, SourceText, divisions_by_headings

_AUTHORS = ("author", "dc.creator", "dcterms.creator")
_DESCRIPTIONS = ("description", "dc.description")
_PUBLISHERS = ("dc.publisher", "publisher")


def read_html(data: bytes, label: str, options: PageOptions, encoding: str = "auto") -> SourceText:
    """Read the bytes of an HTML file called `label` in messages. Raises `ManuscriptError`.

    `encoding` is `auto` or a Python codec name, which then has the last word.
    """
    if encoding == "auto":
        text, codec = decode_markup(data, lambda data: decode(data, "auto", label))
    else:
        text, codec = decode(data, encoding, label)
    root, notes = parse_page(text, label)
    source = read_tree(root, label, label, options)
    source.encoding = codec
    source.notes = [*notes, *source.notes]
    source.metadata = _metadata(root)
    return source


def read_tree(root: Element, document: str, label: str, options: PageOptions) -> SourceText:
    """Read a tree of HTML as a book of one document. Raises `ManuscriptError` for one without a word."""
    collector = Collector()
    PageReader(collector, options).read(root, document)
    if not any(passage.kind != "break" for passage in collector.passages):
        raise ManuscriptError(f"{label} holds nothing to speak: there is no text in it.")
    return SourceText(
        "html",
        collector.text(),
        tuple(collector.documents),
        tuple(collector.places),
        divisions_by_headings(collector.passages),
        collector.left_out,
        notes=collector.notes,
    )


def _metadata(root: Element) -> Metadata:
    named: dict[str, str] = {}
    title = ""
    for element in elements(root):
        name = local(element)
        if name == "title" and not title:
            title = plain_text(element)
        elif name == "meta" and element.get("name"):
            named.setdefault((element.get("name") or "").lower(), " ".join((element.get("content") or "").split()))

    def first(*names: str) -> str:
        return next((named[name] for name in names if named.get(name)), "")

    author = first(*_AUTHORS)
    return Metadata(
        # The title of a page of Project Gutenberg names the collection, too.
        title=first("dc.title") or re.sub(r"\s*\|\s*Project Gutenberg$|^The Project Gutenberg eBook of\s+", "", title),
        authors=(author,) if author else (),
        language=root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang") or first("dc.language"),
        publisher=first(*_PUBLISHERS),
        description=first(*_DESCRIPTIONS),
    )
