"""Which format a file has: by its suffix, and by its first bytes, which have to agree."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Literal

from pockettts.errors import ManuscriptError
from pockettts.text.source.archive import Archive

Format = Literal["text", "markdown", "epub", "docx", "html", "fb2"]

FORMATS: dict[str, Format] = {
    ".txt": "text",
    ".md": "markdown",
    ".epub": "epub",
    ".docx": "docx",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".fb2": "fb2",
}
SUFFIXES = tuple(FORMATS)
"""The suffixes of a manuscript, in the order in which messages name them."""

_TO_EPUB = "convert it to .epub with Calibre (ebook-convert)"
_TO_DOCX = "save it as .docx or .txt, with LibreOffice for one"
_REFUSED = (
    (0, b"%PDF", "a PDF", f"{_TO_EPUB}, or extract its text (pdftotext)"),
    (0, b"{\\rtf", "an RTF document", _TO_DOCX),
    (0, b"\xd0\xcf\x11\xe0", "an old Word document", _TO_DOCX),
    (60, b"BOOKMOBI", "a Kindle book (MOBI or AZW)", _TO_EPUB),
    (60, b"TEXtREAd", "a PalmDOC book", _TO_EPUB),
    (0, b"\xeaDRMION", "a Kindle book with DRM", "use an edition without copy protection"),
    (0, b"CONT\x02\x00", "a Kindle book (KFX)", _TO_EPUB),
    (0, b"ITOLITLS", "a Microsoft Reader book (LIT)", _TO_EPUB),
    (0, b"AT&TFORM", "a DjVu scan", "extract its text (djvutxt)"),
    (0, b"RIFF", "a RIFF file, such as a WAV", "give a text"),
    (0, b"\x89PNG", "a PNG picture", "give a text"),
    (0, b"\xff\xd8\xff", "a JPEG picture", "give a text"),
    (0, b"\x1f\x8b", "a gzip archive", "unpack it first"),
    (0, b"7z\xbc\xaf", "a 7z archive", "unpack it first"),
    (0, b"Rar!", "a RAR archive", "unpack it first"),
)
_PACKED = {
    "application/epub+zip": "epub",
    "application/vnd.oasis.opendocument.text": "odt",
}
_HTML = re.compile(
    rb"\s*(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--.{0,500}?-->\s*)?(?:<!doctype html|<html\b)",
    re.I | re.S,
)
_FB2 = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<\?xml[^>]{0,200}\?>.{0,500}?<FictionBook\b", re.S)
_NAMES = {"epub": "an EPUB", "docx": "a Word document", "html": "an HTML page", "fb2": "a FictionBook"}
_SUFFIX = {"epub": ".epub", "docx": ".docx", "html": ".html", "fb2": ".fb2"}


def find_format(data: bytes, name: str) -> Format:
    """Return the format of a manuscript's bytes; `name` is the file's, and its suffix has to fit.

    Without one of `SUFFIXES` the bytes decide. Raises `ManuscriptError` for bytes that are not read, with what to
    convert them with, and where they are not what the suffix promises.
    """
    for offset, magic, what, advice in _REFUSED:
        if data.startswith(magic, offset):
            raise ManuscriptError(f"{name} is {what}, which is not read: {advice}.")
    actual = _sniff(data, name)
    by_content: Format = next((kind for kind in FORMATS.values() if kind == actual), "text")
    given = FORMATS.get(PurePath(name).suffix.lower(), by_content)
    if given == "fb2" and actual in ("zip", "fb2", None):
        return given
    if given in ("text", "markdown", "html") and actual is None:
        return given
    if actual == given:
        return given
    if actual == "odt":
        raise ManuscriptError(f"{name} is an OpenDocument text, which is not read: {_TO_DOCX}.")
    if actual in _NAMES:
        raise ManuscriptError(f"{name} is {_NAMES[actual]}: rename it to {PurePath(name).stem}{_SUFFIX[actual]}.")
    if actual == "zip":
        raise ManuscriptError(f"{name} is a ZIP container that holds no EPUB or Word document; give the text itself.")
    raise ManuscriptError(f"{name} is not {_NAMES[given]}: it is not a ZIP container, so it is damaged or misnamed.")


def _sniff(data: bytes, name: str) -> str | None:
    """Return what the bytes are by themselves; None for what may be text."""
    if data.startswith(b"PK"):
        archive = Archive(data, name)
        if "mimetype" in archive:
            kind = archive.read("mimetype")[:100].decode("ascii", "replace").strip()
            if kind in _PACKED:
                return _PACKED[kind]
        if "META-INF/container.xml" in archive:
            return "epub"
        return "docx" if "word/document.xml" in archive else "zip"
    if _FB2.match(data[:1_500]):
        return "fb2"
    return "html" if _HTML.match(data[:1_500]) else None
