"""DOCX: mammoth makes HTML of it, which is then read as a page."""

from __future__ import annotations

import io
import logging

from pockettts.errors import ManuscriptError
from pockettts.text.source.archive import Archive
from pockettts.text.source.markup import elements, local, parse_html, parse_xml, plain_text
from pockettts.text.source.options import PageOptions
from pockettts.text.source.page import read_tree
from pockettts.text.source.structure import Metadata, SourceText
from pockettts.values import one_line

log = logging.getLogger(__name__)

_STYLES = "p[style-name='Title'] => h1:fresh\np[style-name='Subtitle'] => h6:fresh\nbr[type='page'] => hr"


def read_docx(data: bytes, label: str, options: PageOptions) -> SourceText:
    """Read the bytes of a DOCX called `label` in messages. Raises `ManuscriptError`."""
    import mammoth

    archive = Archive(data, label)
    for name in archive.names():
        # mammoth reads these without a limit, and its parser would expand entities.
        if name.lower().endswith((".xml", ".rels")) and b"<!DOCTYPE" in archive.read(name):
            raise ManuscriptError(f"{label} is not a Word document: {name} has a document type.")
    try:
        pictures = mammoth.images.img_element(lambda picture: {})
        result = mammoth.convert_to_html(io.BytesIO(data), style_map=_STYLES, convert_image=pictures)
    except Exception as error:  # a damaged document makes mammoth raise whatever its parts raise
        log.debug("mammoth on %s", label, exc_info=True)
        raise ManuscriptError(
            f"{label} is damaged: it cannot be read as a Word document ({one_line(error)})."
        ) from None
    if not result.value.strip():
        raise ManuscriptError(f"{label} holds nothing to speak: there is no text in it.")
    source = read_tree(parse_html(result.value, label), label, label, options)
    source.encoding = "docx"
    source.notes += dict.fromkeys(f"{label}: {message.message}" for message in result.messages)
    source.metadata = _metadata(archive)
    return source


def _metadata(archive: Archive) -> Metadata:
    name = "docProps/core.xml"
    if name not in archive:
        return Metadata()
    try:
        root = parse_xml(archive.read(name), f"{archive.label}, {name}")
    except ManuscriptError:
        return Metadata()
    named = {local(element): plain_text(element) for element in elements(root)}
    author = named.get("creator", "")
    return Metadata(
        title=named.get("title", ""),
        authors=(author,) if author else (),
        language=named.get("language", ""),
        description=named.get("description", ""),
    )
