"""Documents in: EPUB, DOCX, HTML and FictionBook become one source text with places, chapters and what is left out.

Below `text.manuscript`, which asks `find_format` and hands these formats on. Nothing is unpacked to disk, and any bytes
end in a `SourceText` or in one sentence.
"""

from __future__ import annotations

from pockettts.config import EpubConfig
from pockettts.errors import ManuscriptError
from pockettts.text.source.formats import FORMATS, SUFFIXES, Format, find_format
from pockettts.text.source.options import PageOptions
from pockettts.text.source.structure import Metadata, Place, SourceText

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "Format",
    "Metadata",
    "PageOptions",
    "Place",
    "SourceText",
    "find_format",
    "read_document",
]


def read_document(data: bytes, name: str, options: EpubConfig, encoding: str = "auto") -> SourceText:
    """Read the bytes of a document whose file is `name`, in the format that they have. Raises `ManuscriptError`.

    `encoding` is `auto` or what an HTML file is decoded with. `options` hold for all formats, as far as they have
    what is chosen.
    """
    kind = find_format(data, name)
    page = PageOptions(options.notes, options.front_matter, options.alt)
    try:
        # Imported here, so that a plain text needs none of it.
        if kind == "epub":
            from pockettts.text.source.epub import read_epub

            return read_epub(data, name, options)
        if kind == "docx":
            from pockettts.text.source.docx import read_docx

            return read_docx(data, name, page)
        if kind == "fb2":
            from pockettts.text.source.fictionbook import read_fb2

            return read_fb2(data, name, page)
        from pockettts.text.source.page import read_html

        return read_html(data, name, page, encoding)
    except RecursionError:
        raise ManuscriptError(f"{name} is nested too deeply to be read; it is not a book.") from None
