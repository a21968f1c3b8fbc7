"""Bytes of XHTML, HTML or XML to a tree of elements: safe with any input, and forgiving where browsers are.

No entity is expanded but the named characters of HTML, no DTD and no address is loaded.
"""

from __future__ import annotations

import codecs
import html.entities
import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

from lxml import etree

from pockettts.errors import ManuscriptError
from pockettts.values import one_line

XML = "{http://www.w3.org/XML/1998/namespace}"
OPS = "{http://www.idpf.org/2007/ops}"

MAX_ELEMENTS = 200_000

Element: TypeAlias = etree._Element

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_DECLARED = (
    re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})["']"""),
    re.compile(rb"""<meta[^>]{0,300}?charset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.I),
)
_HEAD = 4096
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]{0,31});")
_XML_ENTITIES = frozenset(("amp", "lt", "gt", "quot", "apos"))
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_XML_DECLARATION = re.compile(r"\s*<\?xml\b[^>]{0,500}\?>")
_EMPTY_TAG = re.compile(
    r"<(?!(?:area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr)\b)"
    r"([A-Za-z][\w:.-]{0,63})((?:\s[^<>]{0,2000})?)/>",
    re.I,
)


def local(element: Element) -> str:
    """Return an element's name in lower case, without namespace or prefix."""
    return str(element.tag).rpartition("}")[2].rpartition(":")[2].lower()


def elements(root: Element) -> Iterator[Element]:
    """Yield a tree's elements in document order; `Place.element` counts them so."""
    yield from root.iter("*")


def types(element: Element) -> frozenset[str]:
    """Return what an element is called by epub:type and by role, without the prefix `doc-`."""
    named = element.get(OPS + "type") or element.get("epub:type") or ""
    role = element.get("role") or ""
    if not named and not role:
        return frozenset()
    return frozenset(named.lower().split()) | {
        name.removeprefix("doc-") for name in role.lower().split() if name.startswith("doc-")
    }


def plain_text(element: Element | None) -> str:
    """Return the text of an element and all below it, with single spaces."""
    return "" if element is None else " ".join("".join(element.itertext("*")).split())


def short_text(element: Element, longest: int) -> str | None:
    """Return the text of a small element as `plain_text` does; None for one of more text or of many parts."""
    pieces: list[str] = []
    for number, piece in enumerate(element.itertext("*")):
        pieces.append(piece)
        if number > 16 or len(pieces[-1]) > 4 * longest:
            return None
    text = " ".join("".join(pieces).split())
    return text if len(text) <= longest else None


def decode_markup(data: bytes, fallback: Callable[[bytes], tuple[str, str]] | None = None) -> tuple[str, str]:
    """Decode markup as its byte order mark or declaration says, else as UTF-8; returns the text and the codec.

    Bytes that fit neither are decoded by `fallback`, or else as Windows-1252.
    """
    for bom, codec in _BOMS:
        if data.startswith(bom):
            return data[len(bom) :].decode(codec, errors="replace"), codec
    names = [match[1].decode("ascii", "ignore") for pattern in _DECLARED if (match := pattern.search(data[:_HEAD]))]
    for name in (*names, "utf-8"):
        try:
            encoding = codecs.lookup(name)
            if not getattr(encoding, "_is_text_encoding", True) or encoding.name.startswith(("utf-16", "utf-32")):
                continue
            return data.decode(encoding.name), encoding.name
        except (LookupError, UnicodeError):
            continue
    zeros = data[:_HEAD].count(0)
    if zeros * 4 > len(data[:_HEAD]):
        codec_name = "utf-16-be" if data[:1] == b"\x00" else "utf-16-le"
        return data.decode(codec_name, errors="replace"), codec_name
    if fallback is not None:
        return fallback(data)
    return data.decode("cp1252", errors="replace"), "cp1252"


def parse_xml(data: bytes, label: str) -> Element:
    """Parse XML that is not shown to anybody, such as a package document, repairing what can be.

    Raises `ManuscriptError` that calls the file `label`.
    """
    text, _ = decode_markup(data)
    try:
        root = _parse(_prepared(text)[0], etree.XMLParser(recover=True, **_SAFE))
    except (etree.XMLSyntaxError, ValueError):
        root = None
    if root is None:
        raise ManuscriptError(f"{label} is damaged: no XML can be read from it.")
    return root


def parse_page(text: str, label: str) -> tuple[Element, list[str]]:
    """Parse a page of XHTML or HTML; returns its root and a note for each repair.

    Well-formed XML is read as such, anything else as browsers read HTML. Raises `ManuscriptError` that calls the page
    `label`.
    """
    prepared, unknown = _prepared(text)
    notes = [
        f"{label}: names of characters that HTML does not have are left out ({count})" for count in [unknown] if count
    ]
    try:
        return _require(_parse(prepared, etree.XMLParser(**_SAFE)), label), notes
    except etree.XMLSyntaxError as error:
        notes.append(f"{label} is not well-formed and is read as HTML ({one_line(error.msg)})")
    except ValueError as error:
        notes.append(f"{label} is read as HTML ({one_line(error)})")
    return parse_html(text, label), notes


def parse_html(text: str, label: str) -> Element:
    """Parse HTML as browsers do, and return its root. Raises `ManuscriptError` that calls the page `label`."""
    text = _CONTROL.sub("", _without_declaration(text))
    # In HTML a tag such as <a id="x"/> is open, and would hold all that follows.
    text = _EMPTY_TAG.sub(r"<\1\2></\1>", text)
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = _parse(text, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise ManuscriptError(f"{label} is damaged: no HTML can be read from it ({one_line(error)}).") from None
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise ManuscriptError(f"{label} is nested too deeply to be read; it is not a book's page.")
    return _require(root, label)


_SAFE = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
    "encoding": "utf-8",
}


def _parse(text: str, parser: etree.XMLParser | etree.HTMLParser) -> Element | None:
    try:
        return etree.fromstring(text.encode("utf-8", errors="replace"), parser)
    except (RecursionError, MemoryError, AssertionError) as error:
        raise ValueError(str(error) or type(error).__name__) from None


def _require(root: Element | None, label: str) -> Element:
    if root is None:
        raise ManuscriptError(f"{label} holds no markup that can be read.")
    if root.xpath("count(//*)") > MAX_ELEMENTS:
        raise ManuscriptError(f"{label} has more than {MAX_ELEMENTS:,} elements; it is not a book's page.")
    return root


def _prepared(text: str) -> tuple[str, int]:
    """Return markup without declaration and document type, its named characters as numbers; and how many were unknown.

    Without a document type there is nothing that could be expanded or loaded.
    """
    text = _without_doctype(_without_declaration(text))
    unknown = 0

    def number(match: re.Match[str]) -> str:
        nonlocal unknown
        if match[1] in _XML_ENTITIES:
            return match[0]
        characters = html.entities.html5.get(match[1] + ";")
        if characters is None:
            unknown += 1
            return ""
        return "".join(f"&#{ord(character)};" for character in characters)

    return _ENTITY.sub(number, text), unknown


def _without_declaration(text: str) -> str:
    declaration = _XML_DECLARATION.match(text)
    return text[declaration.end() :] if declaration else text


def _without_doctype(text: str) -> str:
    begin = text.find("<!DOCTYPE")
    if not 0 <= begin < _HEAD:
        return text
    bracket, close = text.find("[", begin), text.find(">", begin)
    if 0 <= bracket < close:
        close = text.find("]", bracket)
        close = text.find(">", close) if close >= 0 else -1
    return text if close < 0 else text[:begin] + text[close + 1 :]


def parse_well_formed(text: str) -> Element | None:
    """Return the root of well-formed XML; None for anything else. Elements are those that `parse_page` counts."""
    try:
        return _parse(_prepared(text)[0], etree.XMLParser(**_SAFE))
    except (etree.XMLSyntaxError, ValueError):
        return None


def parse_strict(text: str, label: str) -> tuple[Element, list[str]]:
    """Parse XML of a book's text; returns its root and a note for a repair. What a repair would lose is not accepted.

    Raises `ManuscriptError` that calls the file `label`.
    """
    prepared, _ = _prepared(text)
    try:
        return _require(_parse(prepared, etree.XMLParser(**_SAFE)), label), []
    except (etree.XMLSyntaxError, ValueError) as error:
        problem = one_line(error)
    try:
        root = _require(_parse(prepared, etree.XMLParser(recover=True, **_SAFE)), label)
    except (etree.XMLSyntaxError, ValueError):
        root = None
    written = sum(map(str.isalnum, re.sub(r"<[^<>]*>", "", prepared)))
    if root is None or sum(map(str.isalnum, "".join(root.itertext("*")))) < 0.999 * written:
        raise ManuscriptError(f"{label} is damaged: it is not well-formed XML ({problem}).")
    return root, [f"{label} is not well-formed XML and was repaired ({problem})"]
