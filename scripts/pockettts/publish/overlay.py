"""Media overlays in a book's own pages: each chunk gets a span where it stands in the source EPUB 3.

The places of the source text lead back to the elements; all that is not touched keeps its bytes.
"""

from __future__ import annotations

import posixpath
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from lxml import etree

from pockettts.errors import ManuscriptError
from pockettts.publish.cues import Cue, CueSheet
from pockettts.publish.epub import ACTIVE, STYLE, EpubWriter, clock, cue_times, smil
from pockettts.publish.tags import BookTags
from pockettts.text.source.archive import Archive, resolve
from pockettts.text.source.markup import Element, decode_markup, elements, local, parse_well_formed
from pockettts.text.source.package import read_package
from pockettts.text.source.structure import Place, SourceText

_XHTML = "{http://www.w3.org/1999/xhtml}"
_OPF = "{http://www.idpf.org/2007/opf}"
_FOLDER = "read-aloud"
_CLOSING = frozenset(".,;:!?…\"'”’»›)]}—–-")
_OPENING = frozenset("\"'“‘«‹„‚([{¿¡—–-")
_INLINE_SLOTS = ("text", "tail")


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters `start` to `end` of a slot of an element, in one document."""

    document: int
    element: int
    slot: str
    start: int
    end: int


@dataclass(slots=True)
class OverlayCounts:
    """How many chunks got one span, several, or none."""

    whole: int = 0
    divided: int = 0
    lost: int = 0


def can_overlay(data: bytes, label: str) -> bool:
    """Whether the bytes are an EPUB 3, which alone has overlays."""
    return read_package(Archive(data, label)).version.startswith("3")


def write_overlay(
    data: bytes, label: str, source: SourceText, sheet: CueSheet, tags: BookTags, sounds: Sequence[Path], out: Path
) -> OverlayCounts:
    """Write the EPUB 3 `data` with overlays; `source` is how it was read. Raises `ManuscriptError`."""
    return _Overlay(data, label, source, sheet, tags, sounds).write(out)


class _Overlay:
    def __init__(
        self, data: bytes, label: str, source: SourceText, sheet: CueSheet, tags: BookTags, sounds: Sequence[Path]
    ) -> None:
        self.archive = Archive(data, label)
        self.package = read_package(self.archive)
        self.source, self.sheet, self.tags, self.sounds = source, sheet, tags, sounds
        self.counts = OverlayCounts()
        self.left_out = sorted((left.start, left.end) for left in source.left_out if left.end > left.start)
        self.left_starts = [start for start, _ in self.left_out]
        self.offsets = [place.offset for place in source.places]
        self.base = posixpath.dirname(self.package.path)

    def write(self, out: Path) -> OverlayCounts:
        """Write the book."""
        by_document: dict[int, list[tuple[int, list[Piece]]]] = {}
        for number, cue in enumerate(self.sheet.cues):
            pieces = list(self._pieces(cue)) if cue.text else []
            if pieces:
                by_document.setdefault(pieces[0].document, []).append((number, pieces))
            elif cue.text:
                self.counts.lost += 1
        changed: dict[str, bytes] = {}
        overlays: list[tuple[str, str, int]] = []
        for document, cues in sorted(by_document.items()):
            path = self.source.documents[document]
            page = self._page(path, cues)
            if page is None:
                self.counts.lost += len(cues)
                continue
            content, pars = page
            changed[path] = content
            name = f"{_FOLDER}/{len(overlays) + 1:03}.smil"
            full = posixpath.join(self.base, name)
            relative = quote(posixpath.relpath(path, posixpath.dirname(full)))
            sounds = [(key, quote(self.sounds[chapter].name), start, end) for key, chapter, start, end in pars]
            changed[full] = smil(relative, sounds).encode()
            overlays.append((path, name, sum(end - start for _, _, start, end in pars)))
        changed[self.package.path] = self._package(overlays)
        changed[posixpath.join(self.base, _FOLDER, "style.css")] = STYLE.encode()
        with EpubWriter(out) as writer:
            for name in self.archive.names():
                if name != "mimetype" and not name.endswith("/"):
                    writer.add(name, changed.pop(name) if name in changed else self.archive.read_whole(name))
            for name, content in changed.items():
                writer.add(name, content)
            for sound in self.sounds:
                writer.add_file(posixpath.join(self.base, _FOLDER, sound.name), sound)
        return self.counts

    # --- where a cue stands

    def _pieces(self, cue: Cue) -> Iterator[Piece]:
        """Yield what of the page that it begins in a cue is, with the punctuation around it, slot by slot."""
        text, document = self.source.text, None
        start, end = cue.source_start, cue.source_end
        while end < len(text) and text[end] in _CLOSING and not self._is_left_out(end):
            end += 1
        while start > 0 and text[start - 1] in _OPENING and not self._is_left_out(start - 1):
            start -= 1
        index = max(0, bisect_right(self.offsets, start) - 1)
        while index < len(self.source.places) and self.offsets[index] < end:
            place = self.source.places[index]
            limit = self.offsets[index + 1] if index + 1 < len(self.offsets) else len(text)
            begin, stop = max(start, place.offset), min(end, limit)
            index += 1
            if place.slot not in _INLINE_SLOTS or self._is_left_out(begin):
                continue
            words = text[begin:stop]
            begin += len(words) - len(words.lstrip())
            stop -= len(words) - len(words.rstrip())
            if begin < stop and document in (None, place.document):
                document = place.document
                yield _piece(place, begin, stop)

    def _is_left_out(self, offset: int) -> bool:
        index = bisect_right(self.left_starts, offset) - 1
        return index >= 0 and offset < self.left_out[index][1]

    # --- a page

    def _page(
        self, path: str, cues: Sequence[tuple[int, list[Piece]]]
    ) -> tuple[bytes, list[tuple[str, int, int, int]]] | None:
        """Return a page with spans, and for each span its id, chapter, first and last millisecond."""
        root = parse_well_formed(decode_markup(self.archive.read(path))[0])
        if root is None:
            return None
        nodes = list(elements(root))
        made: dict[int, list[tuple[str, int]]] = {}
        # From the last to the first, so that what is to be cut is still where it was.
        for number, pieces in reversed(cues):
            made[number] = self._mark(nodes, number, pieces)
        pars = []
        for number, _ in cues:
            cue = self.sheet.cues[number]
            start, end = cue_times(cue, self.sheet)
            ids = made[number]
            total, position, begin = sum(size for _, size in ids), 0, start
            for key, size in ids:
                position += size
                stop = start + (end - start) * position // total
                if stop > begin:
                    pars.append((key, cue.chapter, begin, stop))
                begin = stop
        head = next((element for element in nodes if local(element) == "head"), None)
        if head is not None:
            style = posixpath.join(self.base, _FOLDER, "style.css")
            link = etree.SubElement(head, f"{_XHTML}link")
            link.set("rel", "stylesheet")
            link.set("type", "text/css")
            link.set("href", quote(posixpath.relpath(style, posixpath.dirname(path) or ".")))
        body = etree.tostring(root, encoding="utf-8", xml_declaration=False)
        return b'<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE html>\n' + body + b"\n", pars

    def _mark(self, nodes: Sequence[Element], number: int, pieces: Sequence[Piece]) -> list[tuple[str, int]]:
        """Put a cue into one span, or into one for each piece; returns ids and how many characters each has."""
        size = sum(piece.end - piece.start for piece in pieces)
        key = f"pt{number:06}"
        if _wrap(nodes, pieces[0], pieces[-1], key):
            self.counts.whole += 1
            return [(key, size)]
        self.counts.divided += 1
        keys = []
        for place, piece in reversed(list(enumerate(pieces))):
            _wrap(nodes, piece, piece, f"{key}-{place}")
            keys.append((f"{key}-{place}", piece.end - piece.start))
        return keys[::-1]

    # --- the package document

    def _package(self, overlays: Sequence[tuple[str, str, int]]) -> bytes:
        root = parse_well_formed(decode_markup(self.archive.read(self.package.path))[0])
        if root is None:
            raise ManuscriptError(f"{self.archive.label} has a package document that is not well-formed XML.")
        by_name = {local(element): element for element in reversed(list(elements(root)))}
        manifest, metadata = by_name.get("manifest"), by_name.get("metadata")
        if manifest is None or metadata is None:
            raise ManuscriptError(f"{self.archive.label} has a package document without manifest or metadata.")
        for meta in [one for one in metadata if (one.get("property") or "").startswith("media:")]:
            metadata.remove(meta)
        by_path = {}
        for item in manifest.iterchildren("*"):
            item.attrib.pop("media-overlay", None)
            by_path[resolve(self.package.path, item.get("href") or "")[0]] = item
        for number, (path, name, duration) in enumerate(overlays, 1):
            by_path[path].set("media-overlay", f"pt-overlay-{number}")
            _add_item(manifest, f"pt-overlay-{number}", name, "application/smil+xml")
            _add_meta(metadata, "media:duration", clock(duration), f"pt-overlay-{number}")
        _add_item(manifest, "pt-style", f"{_FOLDER}/style.css", "text/css")
        for number, sound in enumerate(self.sounds, 1):
            _add_item(manifest, f"pt-sound-{number}", f"{_FOLDER}/{quote(sound.name)}", "audio/mpeg")
        _add_meta(metadata, "media:duration", clock(sum(duration for _, _, duration in overlays)))
        _add_meta(metadata, "media:active-class", ACTIVE)
        _add_meta(metadata, "media:narrator", self.tags.narrator)
        return b'<?xml version="1.0" encoding="utf-8"?>\n' + bytes(etree.tostring(root, encoding="utf-8")) + b"\n"


def _piece(place: Place, begin: int, stop: int) -> Piece:
    shift = place.at - place.offset
    return Piece(place.document, place.element, place.slot, begin + shift, stop + shift)


def _add_item(manifest: Element, key: str, href: str, media_type: str) -> None:
    item = etree.SubElement(manifest, f"{_OPF}item")
    item.set("id", key)
    item.set("href", href)
    item.set("media-type", media_type)


def _add_meta(metadata: Element, name: str, text: str, refines: str = "") -> None:
    meta = etree.SubElement(metadata, f"{_OPF}meta")
    meta.set("property", name)
    meta.text = text
    if refines:
        meta.set("refines", f"#{refines}")


# --- spans


def _wrap(nodes: Sequence[Element], first: Piece, last: Piece, key: str) -> bool:
    """Put what stands from the one piece to the other into a span; False if their parents differ."""
    first_element, last_element = nodes[first.element], nodes[last.element]
    parent = first_element if first.slot == "text" else first_element.getparent()
    if parent is None:
        return False
    span = etree.Element(f"{_XHTML}span")
    span.set("id", key)
    same = first.element == last.element and first.slot == last.slot
    if not same and (last.slot != "tail" or last_element.getparent() is not parent):
        return False
    text = (first_element.text if first.slot == "text" else first_element.tail) or ""
    rest = (last_element.text if last.slot == "text" else last_element.tail) or ""
    position = 0 if first.slot == "text" else parent.index(first_element) + 1
    between = [] if same else list(parent)[position : parent.index(last_element) + 1]
    _set(first_element, first.slot, text[: first.start])
    if same:
        span.text = text[first.start : last.end]
    else:
        span.text = text[first.start :]
        _set(last_element, last.slot, rest[: last.end])
        span.extend(between)
    parent.insert(position, span)
    span.tail = rest[last.end :]
    return True


def _set(element: Element, slot: str, text: str) -> None:
    if slot == "text":
        element.text = text
    else:
        element.tail = text
