"""An EPUB 3 that reads itself aloud: plain pages made of the cues, with a media overlay for each chapter.

Valid by construction, for any source; `overlay` puts the same into a book's own pages. Format: W3C EPUB 3.3, section 9.
"""

from __future__ import annotations

import shutil
import uuid
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from pockettts.audio.encode import Picture
from pockettts.config import BookConfig
from pockettts.errors import ConfigError
from pockettts.files import sha256_file, temporary_path
from pockettts.publish.captions import milliseconds
from pockettts.publish.cues import Cue, CueSheet, ShownParagraph
from pockettts.publish.material import Material
from pockettts.publish.tags import BookTags

ACTIVE = "-epub-media-overlay-active"
STYLE = f".{ACTIVE} {{ background-color: #fe8; color: #000; }}\n"
# The file says when it was modified; the same book must give the same bytes.
_MODIFIED = "2000-01-01T00:00:00Z"
_DATE = (1980, 1, 1, 0, 0, 0)
_STORED = (".mp3", ".m4a", ".jpg", ".jpeg", ".png", ".gif", ".webp", ".woff", ".woff2", ".mp4", ".opus")


def clock(time: int) -> str:
    """Write milliseconds as a clock value of SMIL, 1:02:03.456."""
    seconds, thousandths = divmod(time, 1000)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{thousandths:03}"


class EpubWriter:
    """Writes members into a ZIP file: fixed dates, rights and order, so that the same content gives the same bytes."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path, "w")
        self.add("mimetype", b"application/epub+zip", stored=True)

    def __enter__(self) -> EpubWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def add(self, name: str, data: bytes | str, *, stored: bool = False) -> None:
        """Add a member."""
        self._zip.writestr(_info(name, stored), data, compresslevel=9)

    def add_file(self, name: str, path: Path) -> None:
        """Add a file without compression, in constant memory."""
        with path.open("rb") as source, self._zip.open(_info(name, True), "w", force_zip64=True) as target:
            shutil.copyfileobj(source, target, 1 << 20)


def _info(name: str, stored: bool) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _DATE)
    info.external_attr = 0o100644 << 16
    info.create_system = 3
    packed = not stored and not name.lower().endswith(_STORED)
    info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    return info


def paragraph_spans(paragraph: ShownParagraph, cues: Sequence[Cue], name: str) -> str:
    """Return a paragraph as XHTML, each cue in a span whose id is `name` and the cue's number in the book."""
    pieces: list[str] = []
    at = 0
    for number in range(paragraph.first, paragraph.last):
        text = cues[number].text
        start = paragraph.text.find(text, at) if text else -1
        if start < 0:
            continue
        pieces.append(escape(paragraph.text[at:start], quote=False))
        pieces.append(f'<span id="{name}{number:06}">{escape(text, quote=False)}</span>')
        at = start + len(text)
    return "".join(pieces) + escape(paragraph.text[at:], quote=False)


def smil(page: str, pars: Iterable[tuple[str, str, int, int]]) -> str:
    """Return an overlay for a page: a `par` for each id, sound file, first and last millisecond."""
    lines = (
        f'<par id="p-{name}"><text src="{page}#{name}"/>'
        f'<audio src="{sound}" clipBegin="{clock(start)}" clipEnd="{clock(end)}"/></par>'
        for name, sound, start, end in pars
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<smil xmlns="http://www.w3.org/ns/SMIL" '
        f'xmlns:epub="http://www.idpf.org/2007/ops" version="3.0"><body><seq id="seq" epub:textref="{page}">\n'
        + "\n".join(lines)
        + "\n</seq></body></smil>\n"
    )


def _page(language: str, title: str, body: str, style: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml" '
        f'xmlns:epub="http://www.idpf.org/2007/ops" lang="{language}" xml:lang="{language}"><head>'
        f'<title>{escape(title)}</title><link rel="stylesheet" type="text/css" href="{style}"/></head>'
        f"<body>{body}</body></html>\n"
    )


def cue_times(cue: Cue, sheet: CueSheet) -> tuple[int, int]:
    """Return the first and last millisecond of a cue in the sound of its chapter."""
    origin = sheet.chapters[cue.chapter].start
    start = milliseconds(cue.start - origin)
    return start, max(start + 1, milliseconds(cue.end - origin))


def write_generated(
    out: Path, sheet: CueSheet, tags: BookTags, sounds: Sequence[Path], cover: Picture | None, key: str
) -> None:
    """Write an EPUB made of the cues alone; `sounds` has a file for each chapter, `key` is hashed to its identifier."""
    language = tags.language or "en"
    manifest, spine, durations, entries = [], [], [], []
    total = 0
    pages: dict[str, str] = {}
    for number, mark in enumerate(sheet.chapters):
        paragraphs = [paragraph for paragraph in sheet.paragraphs if paragraph.chapter == number]
        name = f"c{number + 1:03}"
        body = "\n".join(_block(paragraph, sheet.cues) for paragraph in paragraphs)
        pages[f"text/{name}.xhtml"] = _page(
            language, mark.title, f'<section epub:type="chapter">\n{body}\n</section>', "../style.css"
        )
        cues = [n for paragraph in paragraphs for n in range(paragraph.first, paragraph.last) if sheet.cues[n].text]
        sound = f"audio/{sounds[number].name}"
        times = {n: cue_times(sheet.cues[n], sheet) for n in cues}
        pages[f"smil/{name}.smil"] = smil(
            f"../text/{name}.xhtml", ((f"s{n:06}", f"../{sound}", *times[n]) for n in cues)
        )
        duration = sum(end - start for start, end in times.values())
        total += duration
        manifest += [
            f'<item id="{name}" href="text/{name}.xhtml" media-type="application/xhtml+xml" media-overlay="m{name}"/>',
            f'<item id="m{name}" href="smil/{name}.smil" media-type="application/smil+xml"/>',
            f'<item id="a{name}" href="{sound}" media-type="audio/mpeg"/>',
        ]
        spine.append(f'<itemref idref="{name}"/>')
        durations.append(f'<meta property="media:duration" refines="#m{name}">{clock(duration)}</meta>')
        entries.append(f'<li><a href="text/{name}.xhtml">{escape(mark.title, quote=False)}</a></li>')
    if cover:
        suffix = cover.media_type.rpartition("/")[2]
        manifest.append(
            f'<item id="cover" href="cover.{suffix}" media-type="{cover.media_type}" properties="cover-image"/>'
        )
    navigation = f'<nav epub:type="toc" id="toc"><h1>{escape(tags.title)}</h1><ol>{"".join(entries)}</ol></nav>'
    with EpubWriter(out) as writer:
        writer.add(
            "META-INF/container.xml",
            '<?xml version="1.0"?>\n<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
            '<rootfiles><rootfile full-path="EPUB/package.opf" media-type="application/oebps-package+xml"/></rootfiles>'
            "</container>\n",
        )
        package = _package(tags, language, key, total, durations, manifest, spine)
        writer.add("EPUB/package.opf", package)
        writer.add("EPUB/nav.xhtml", _page(language, tags.title, navigation, "style.css"))
        writer.add("EPUB/style.css", f"body {{ line-height: 1.5; }}\n{STYLE}")
        for name, page in pages.items():
            writer.add(f"EPUB/{name}", page)
        if cover:
            writer.add(f"EPUB/cover.{suffix}", cover.data)
        for path in sounds:
            writer.add_file(f"EPUB/audio/{path.name}", path)


def _block(paragraph: ShownParagraph, cues: Sequence[Cue]) -> str:
    tag = "h2" if paragraph.kind == "heading" else "p"
    rule = "\n<hr/>" if paragraph.scene_break else ""
    return f"<{tag}>{paragraph_spans(paragraph, cues, 's')}</{tag}>{rule}"


def _package(
    tags: BookTags,
    language: str,
    key: str,
    total: int,
    durations: Sequence[str],
    manifest: Sequence[str],
    spine: Sequence[str],
) -> str:
    named: Mapping[str, str] = {"publisher": tags.publisher, "description": tags.description, "rights": tags.copyright}
    dublin = [f"<dc:{name}>{escape(text, quote=False)}</dc:{name}>" for name, text in named.items() if text]
    dublin += [f"<dc:creator>{escape(author, quote=False)}</dc:creator>" for author in tags.authors]
    features = "".join(
        f'<meta property="schema:{name}">{value}</meta>'
        for name, value in (
            ("accessMode", "textual"),
            ("accessMode", "auditory"),
            ("accessModeSufficient", "textual,auditory"),
            ("accessibilityFeature", "synchronizedAudioText"),
            ("accessibilityHazard", "none"),
        )
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<package xmlns="http://www.idpf.org/2007/opf" version="3.0" '
        f'unique-identifier="id" xml:lang="{language}">\n<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f'<dc:identifier id="id">urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, key)}</dc:identifier>'
        f"<dc:title>{escape(tags.title, quote=False)}</dc:title><dc:language>{language}</dc:language>{''.join(dublin)}"
        f'<meta property="dcterms:modified">{_MODIFIED}</meta>'
        f'<meta property="media:duration">{clock(total)}</meta>{"".join(durations)}'
        f'<meta property="media:active-class">{ACTIVE}</meta>'
        f'<meta property="media:narrator">{escape(tags.narrator, quote=False)}</meta>{features}</metadata>\n'
        '<manifest><item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        '<item id="style" href="style.css" media-type="text/css"/>\n' + "\n".join(manifest) + "\n</manifest>\n"
        "<spine>" + "".join(spine) + "</spine>\n</package>\n"
    )


def write_book(
    source: Path,
    config: BookConfig,
    material: Material,
    sounds: Sequence[Path],
    out: Path,
) -> str:
    """Write the EPUB that `publish.epub.kind` asks for, in one step; returns what was done, for a message.

    Raises `ConfigError` where the source is not an EPUB 3 and must be, `ManuscriptError`, `OSError`.
    """
    from pockettts.publish.overlay import can_overlay, write_overlay
    from pockettts.text.manuscript import manuscript_from_bytes, read_source

    sheet, tags, cover = material.sheet, material.tags, material.cover
    data = read_source(source)
    manuscript = manuscript_from_bytes(data, source, config.text.encoding, config.text.epub)
    document, kind = manuscript.document, config.publish.epub.kind
    overlays = document is not None and document.encoding == "epub" and can_overlay(data, str(source))
    if kind == "in_place" and not overlays:
        raise ConfigError(f"publish.epub.kind is in_place, and {source} is not an EPUB 3; use auto or generated.")
    part = temporary_path(out, ".part")
    try:
        if document is not None and overlays and kind != "generated":
            counts = write_overlay(data, str(source), document, sheet, tags, sounds, part)
            done = f"{counts.whole + counts.divided:,} chunks in the book's own pages"
            done += f", {counts.lost:,} without a place in them" if counts.lost else ""
        else:
            write_generated(part, sheet, tags, sounds, cover, f"{sha256_file(source)} {tags.narrator}")
            done = f"{len(sheet.cues):,} chunks in pages made of them"
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return done
