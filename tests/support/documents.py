"""Documents that tests make: EPUBs page by page, and damage to them."""

from __future__ import annotations

import html
import io
import random
import zipfile
from collections.abc import Mapping, Sequence

CONTAINER = (
    '<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="E/p.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)


def xhtml(body: str) -> str:
    """A page of XHTML."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml" '
        f'xmlns:epub="http://www.idpf.org/2007/ops"><head><title>Page</title></head><body>{body}</body></html>'
    )


def pack(members: Mapping[str, str | bytes]) -> bytes:
    """A ZIP file with these members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def make_epub(
    pages: Sequence[str],
    toc: Sequence[tuple[str, str]] = (),
    metadata: str = "<dc:title>A Book</dc:title>",
    files: Mapping[str, str | bytes] | None = None,
    version: str = "3.0",
) -> bytes:
    """An EPUB of bodies of pages, E/c0.xhtml and so on; `toc` is titles and hrefs."""
    items = "".join(
        f'<item id="c{number}" href="c{number}.xhtml" media-type="application/xhtml+xml"/>'
        for number in range(len(pages))
    )
    references = "".join(f'<itemref idref="c{number}"/>' for number in range(len(pages)))
    package = (
        f'<package xmlns="http://www.idpf.org/2007/opf" version="{version}" unique-identifier="id">'
        f'<metadata xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:opf="http://www.idpf.org/2007/opf">'
        '<dc:identifier id="id">urn:uuid:00000000-0000-0000-0000-000000000000</dc:identifier>'
        "<dc:language>en</dc:language>"
        f'<meta property="dcterms:modified">2000-01-01T00:00:00Z</meta>{metadata}</metadata>'
        f'<manifest>{items}<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>'
        f"</manifest><spine>{references}</spine></package>"
    )
    entries = "".join(f'<li><a href="{href}">{html.escape(title)}</a></li>' for title, href in toc)
    nav = xhtml(f'<nav epub:type="toc"><ol>{entries}</ol></nav>')
    return pack(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": CONTAINER,
            "E/p.opf": package,
            "E/nav.xhtml": nav,
            **{f"E/c{number}.xhtml": xhtml(body) for number, body in enumerate(pages)},
            **(files or {}),
        }
    )


def docx(paragraphs: str, footnotes: str = "") -> bytes:
    """A Word document of these paragraphs and footnotes, in its own markup."""
    space = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    content = "application/vnd.openxmlformats-officedocument.wordprocessingml"
    return pack(
        {
            "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/word/document.xml" ContentType="{content}.document.main+xml"/></Types>',
            "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="r1" Type="{relation}/officeDocument" Target="word/document.xml"/></Relationships>',
            "word/_rels/document.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="r2" Type="{relation}/footnotes" Target="footnotes.xml"/></Relationships>',
            "word/document.xml": f"<w:document {space}><w:body>{paragraphs}</w:body></w:document>",
            "word/footnotes.xml": f"<w:footnotes {space}>{footnotes}</w:footnotes>",
            "docProps/core.xml": "<c xmlns:dc='http://purl.org/dc/elements/1.1/'><dc:title>Doc</dc:title>"
            "<dc:creator>Ann</dc:creator></c>",
        }
    )


_TOKENS = (
    b"<", b">", b"&", b'"', b"</p>", b"<p", b"<table><tr><td>", b"\x00", b"\xff\xfe", b"<!DOCTYPE x [", b'xmlns=""',
    b'<?xml version="1.0" encoding="utf-7"?>', b'charset="ut"', b'href="../../../x"', b'id=""', b"<svg>", b"<br/>",
    b"p::p", b"%00", b"http://[", b'<math alttext="x">', b'epub:type="', b"<ol><li>", b'linear="no"', b"<dc:title>",
)  # fmt: skip


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Bytes with one to twenty places changed, cut out, doubled or filled with what breaks parsers."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        at = chance.randrange(len(changed) + 1)
        match chance.randrange(5):
            case 0 if changed:
                changed[at % len(changed)] = chance.randrange(256)
            case 1:
                del changed[at : at + chance.randrange(1, 40)]
            case 2:
                changed[at:at] = chance.choice(_TOKENS)
            case 3:
                start = chance.randrange(len(changed) + 1)
                changed[at:at] = changed[start : start + chance.randrange(1, 60)]
            case _:
                del changed[at : at + (len(changed) if chance.random() < 0.1 else 1)]
    return bytes(changed)


def mutate_members(data: bytes, chance: random.Random) -> bytes:
    """A ZIP file of which some members are changed by `mutate`, and few are missing."""
    members: dict[str, str | bytes] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        changed = set(chance.sample(names, min(len(names), chance.choice((1, 2, 4)))))
        for name in names:
            if archive.getinfo(name).file_size < 1 << 20 and chance.random() > 0.03:
                content = archive.read(name)
                members[name] = mutate(content, chance) if name in changed else content
    return pack(members)
