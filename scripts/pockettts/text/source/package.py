"""The package document of an EPUB: metadata, manifest, spine, and the table of contents that it names."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from pockettts.errors import ManuscriptError
from pockettts.text.source.archive import Archive, resolve
from pockettts.text.source.markup import (
    Element,
    decode_markup,
    elements,
    local,
    parse_page,
    parse_xml,
    plain_text,
    types,
)
from pockettts.text.source.structure import Metadata

PAGES = frozenset(("application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document", ""))
_PACKAGE_TYPE = "application/oebps-package+xml"
_FONT_ALGORITHMS = frozenset(("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"))
_FONTS = (".otf", ".ttf", ".woff", ".woff2")
_DC = "{http://purl.org/dc/elements/1.1/}"
_ISBN = re.compile(r"(?:97[89])?\d{9}[\dX]", re.I)


class ManifestItem(NamedTuple):
    """A file of the manifest."""

    path: str
    media_type: str
    properties: frozenset[str]
    fallback: str


class SpineEntry(NamedTuple):
    """A page in reading order; `item` is None for one that the manifest does not have."""

    name: str
    item: ManifestItem | None
    linear: bool


class TocEntry(NamedTuple):
    """An entry of the table of contents: title, page, id in it or "", and depth from 0."""

    title: str
    path: str | None
    fragment: str
    depth: int


@dataclass(slots=True)
class Package:
    """A package document as read; `landmarks` are kinds of pages by path, for whole pages only."""

    path: str
    version: str
    metadata: Metadata
    manifest: dict[str, ManifestItem]
    spine: list[SpineEntry]
    nav: str | None = None
    ncx: str | None = None
    landmarks: dict[str, set[str]] = field(default_factory=dict)
    toc: list[TocEntry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_package(archive: Archive) -> Package:
    """Read the package document and the table of contents. Raises `ManuscriptError`."""
    _refuse_drm(archive)
    path = _package_path(archive)
    root = parse_xml(archive.read(path), f"{archive.label}, {path}")
    named = _by_name(root)
    manifest: dict[str, ManifestItem] = {}
    for element in named["item"]:
        target, _ = resolve(path, element.get("href") or "")
        if target is not None:
            properties = frozenset((element.get("properties") or "").lower().split())
            media_type = (element.get("media-type") or "").strip().lower()
            manifest[element.get("id") or ""] = ManifestItem(
                target, media_type, properties, element.get("fallback") or ""
            )
    spine_element = next(iter(named["spine"]), None)
    spine = [
        SpineEntry(
            element.get("idref") or "",
            manifest.get(element.get("idref") or ""),
            (element.get("linear") or "yes").strip().lower() != "no",
        )
        for element in named["itemref"]
    ]
    package = Package(path, root.get("version") or "", _metadata(root, named["meta"], manifest), manifest, spine)
    package.nav = next((item.path for item in manifest.values() if "nav" in item.properties), None)
    ncx = manifest.get((spine_element.get("toc") or "") if spine_element is not None else "")
    ncx = ncx or next((item for item in manifest.values() if item.media_type == "application/x-dtbncx+xml"), None)
    package.ncx = ncx.path if ncx else None
    for element in named["reference"]:
        kind = {"title-page": "titlepage", "text": "bodymatter"}.get(*[(element.get("type") or "").lower()] * 2)
        _note_landmark(package, resolve(path, element.get("href") or ""), kind)
    _read_contents(archive, package)
    return package


def _by_name(root: Element) -> dict[str, list[Element]]:
    """Return the elements of a tree by their names, in document order."""
    by_name: dict[str, list[Element]] = defaultdict(list)
    for element in elements(root):
        by_name[local(element)].append(element)
    return by_name


def _refuse_drm(archive: Archive) -> None:
    name = "META-INF/encryption.xml"
    if name not in archive:
        return
    root = parse_xml(archive.read(name), f"{archive.label}, {name}")
    for data in _by_name(root)["encrypteddata"]:
        parts = _by_name(data)
        method = next(iter(parts["encryptionmethod"]), None)
        reference = next(iter(parts["cipherreference"]), None)
        target = (reference.get("URI") or "") if reference is not None else ""
        algorithm = (method.get("Algorithm") or "") if method is not None else ""
        if algorithm not in _FONT_ALGORITHMS and not target.lower().endswith(_FONTS):
            raise ManuscriptError(
                f"{archive.label} is protected by DRM ({target or 'a file'} is encrypted), so it cannot be read; "
                "use an edition without copy protection."
            )


def _package_path(archive: Archive) -> str:
    name = "META-INF/container.xml"
    if name in archive:
        root = parse_xml(archive.read(name), f"{archive.label}, {name}")
        for element in _by_name(root)["rootfile"]:
            path, _ = resolve("", element.get("full-path") or "")
            if path and path in archive and (element.get("media-type") or _PACKAGE_TYPE) == _PACKAGE_TYPE:
                return path
    path = next((name for name in archive.names() if name.lower().endswith(".opf")), None)
    if path is None:
        raise ManuscriptError(f"{archive.label} is not a complete EPUB: it has no package document (.opf).")
    return path


# --- metadata


def _metadata(root: Element, meta: list[Element], manifest: dict[str, ManifestItem]) -> Metadata:
    refinements: dict[str, dict[str, str]] = {}
    named: dict[str, str] = {}
    series, series_id = "", ""
    for element in meta:
        key = element.get("property") or ""
        if element.get("refines"):
            refinements.setdefault((element.get("refines") or "").lstrip("#"), {})[key] = plain_text(element)
        elif key == "belongs-to-collection":
            series, series_id = series or plain_text(element), series_id or element.get("id") or ""
        elif element.get("name"):
            named.setdefault((element.get("name") or "").lower(), (element.get("content") or "").strip())
    core: dict[str, list[tuple[str, dict[str, str]]]] = {}
    for element in elements(root):
        # The prefix of Dublin Core is missing in some books, and so is its namespace.
        if str(element.tag).startswith(_DC) or (":" in str(element.tag) and not str(element.tag).startswith("{")):
            text = plain_text(element)
            about = dict(refinements.get(element.get("id") or "", {}))
            for attribute, value in element.attrib.items():
                about.setdefault(str(attribute).rpartition("}")[2], str(value))
            if text:
                core.setdefault(local(element), []).append((text, about))

    def all_of(name: str) -> list[str]:
        return [text for text, _ in core.get(name, [])]

    def first(name: str) -> str:
        return next(iter(all_of(name)), "")

    def people(role: str, names: tuple[str, ...]) -> tuple[str, ...]:
        people = [(text, about.get("role", "")) for name in names for text, about in core.get(name, [])]
        return tuple(dict.fromkeys(text for text, given in people if given == role or (not given and role == "aut")))

    cover = next((item.path for item in manifest.values() if "cover-image" in item.properties), "")
    if not cover and named.get("cover") in manifest:
        cover = manifest[named["cover"]].path
    digits = (re.sub(r"(?i)^(?:urn:)?isbn:?|[\s-]", "", text) for text in all_of("identifier"))
    return Metadata(
        title=_title(core.get("title", [])),
        authors=people("aut", ("creator",)) or tuple(all_of("creator")[:1]),
        narrators=people("nrt", ("creator", "contributor")),
        language=first("language"),
        publisher=first("publisher"),
        date=first("date"),
        description=" ".join(re.sub(r"<[^<>]{1,200}>", " ", first("description")).split()),
        isbn=next((text.upper() for text in digits if _ISBN.fullmatch(text)), ""),
        subjects=tuple(all_of("subject")),
        rights=first("rights"),
        series=series or named.get("calibre:series", ""),
        series_part=refinements.get(series_id, {}).get("group-position", "")
        if series
        else named.get("calibre:series_index", ""),
        cover=cover,
    )


def _title(titles: list[tuple[str, dict[str, str]]]) -> str:
    """Return the main title with its subtitle; the order is the document's, or as display-seq says."""
    typed = [(text, about.get("title-type", ""), about.get("display-seq", "")) for text, about in titles]
    main = [text for text, kind, _ in typed if kind == "main"]
    if main:
        return main[0]
    ordered = sorted(typed, key=lambda title: int(title[2]) if title[2].isdigit() else 1_000)
    return ordered[0][0] if ordered else ""


# --- the table of contents


def _note_landmark(package: Package, target: tuple[str | None, str], kind: str) -> None:
    path, fragment = target
    if path is not None and not fragment:
        package.landmarks.setdefault(path, set()).add(kind)


def _read_contents(archive: Archive, package: Package) -> None:
    """Fill `toc` from the navigation document, else from the NCX, and landmarks from the former."""
    try:
        if package.nav is not None and package.nav in archive:
            _read_nav(archive, package, package.nav)
        if not package.toc and package.ncx is not None and package.ncx in archive:
            _read_ncx(archive, package, package.ncx)
    except ManuscriptError as error:
        package.notes.append(f"the table of contents cannot be read: {error}")


def _read_nav(archive: Archive, package: Package, path: str) -> None:
    label = f"{archive.label}, {path}"
    root, _ = parse_page(decode_markup(archive.read(path))[0], label)
    for nav in _by_name(root)["nav"]:
        named = types(nav)
        if "landmarks" in named:
            for link in nav.iter("{*}a"):
                for kind in types(link):
                    _note_landmark(package, resolve(path, link.get("href") or "#"), kind)
        elif "toc" in named or (not named and not package.toc):
            package.toc.extend(_nav_entries(nav, path))


def _nav_entries(nav: Element, path: str) -> list[TocEntry]:
    """Return the entries of nested lists in order; the depth of one is how many list items are around it."""
    entries = []
    for item in nav.iter("{*}li"):
        label = next((child for child in item.iterchildren("*") if local(child) in ("a", "span")), None)
        if label is None:
            label = next(item.iter("{*}a"), None)
        if label is None:
            continue
        title = plain_text(label) or label.get("title") or _alternative(label)
        target: tuple[str | None, str] = (None, "")
        if label.get("href"):
            target = resolve(path, label.get("href") or "")
        depth = sum(1 for _ in item.iterancestors("{*}li"))
        entries.append(TocEntry(title, *target, depth))
    return entries


def _alternative(label: Element) -> str:
    return " ".join(picture.get("alt") or "" for picture in label.iter("*") if local(picture) == "img").strip()


def _read_ncx(archive: Archive, package: Package, path: str) -> None:
    root = parse_xml(archive.read(path), f"{archive.label}, {path}")
    for point in _by_name(root)["navpoint"]:
        children = {local(child): child for child in point.iterchildren("*")}
        label, content = children.get("navlabel"), children.get("content")
        source = content.get("src") if content is not None else None
        target: tuple[str | None, str] = resolve(path, source) if source else (None, "")
        depth = sum(local(above) == "navpoint" for above in point.iterancestors("*"))
        package.toc.append(TocEntry(plain_text(label), *target, depth))
