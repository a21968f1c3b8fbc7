"""From a file to chapters and paragraphs: the readers' front door.

Offsets count characters of the decoded source, without a byte order mark.
"""

from __future__ import annotations

import re
from pathlib import Path

from pockettts.config import EpubConfig
from pockettts.errors import ManuscriptError
from pockettts.text.chapters import Chapter, Manuscript, Paragraph
from pockettts.text.cleaning import speaks
from pockettts.text.decoding import decode
from pockettts.text.markdown import read_markdown
from pockettts.text.plain import read_plain
from pockettts.text.source import find_format, read_document
from pockettts.text.source.manuscript import to_manuscript

__all__ = [
    "Chapter",
    "Manuscript",
    "Paragraph",
    "manuscript_from_bytes",
    "parse_manuscript",
    "read_manuscript",
    "read_source",
]


def parse_manuscript(source: str, name: str, encoding: str = "utf-8") -> Manuscript:
    """Chapters of a decoded text; `name` is the file's, and its suffix .md or .markdown chooses the reader.

    Raises `ManuscriptError` for a text with nothing to speak.
    """
    if not source.strip("\ufeff \t\r\n\f\v\u00a0\u200b"):
        raise ManuscriptError(f"{name} holds nothing but white space; there is nothing to speak.")
    markdown = name.lower().endswith((".md", ".markdown"))
    title, chapters, left_out = (read_markdown if markdown else read_plain)(source)
    if not any(speaks(paragraph.text) for chapter in chapters for paragraph in chapter.paragraphs):
        raise ManuscriptError(f"{name} holds nothing to speak: not one letter or digit is left after cleaning.")
    title = title or Path(name).stem
    chapters = tuple(Chapter(chapter.title or title, chapter.paragraphs) for chapter in chapters)
    line_starts = (0, *(match.end() for match in re.finditer(r"\r*\n|\r", source)))
    return Manuscript(title, encoding, chapters, name, line_starts, source, left_out)


def read_manuscript(path: Path, encoding: str = "auto", epub: EpubConfig | None = None) -> Manuscript:
    """Read a text, an EPUB, a DOCX, an HTML page or a FictionBook into chapters and paragraphs.

    `encoding` is `auto` or a Python codec name. Raises `ManuscriptError` for a file that is missing, unreadable,
    empty, damaged, not of the declared encoding, or without a word to speak.
    """
    return manuscript_from_bytes(read_source(path), path, encoding, epub)


def read_source(path: Path) -> bytes:
    """The bytes of a manuscript; raises `ManuscriptError` when it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ManuscriptError(f"{path} is not there; put the book at that path, as .txt or .epub for one.") from None
    except OSError as error:
        raise ManuscriptError(f"{path} cannot be read: {error.strerror}.") from None


def manuscript_from_bytes(
    data: bytes, path: Path, encoding: str = "auto", epub: EpubConfig | None = None
) -> Manuscript:
    """Like `read_manuscript`, for bytes already read from `path`."""
    name = str(path)
    if not data:
        raise ManuscriptError(f"{path} is empty; there is nothing to speak.")
    if find_format(data, name) not in ("text", "markdown"):
        return to_manuscript(read_document(data, name, epub or EpubConfig(), encoding), name)
    text, codec = decode(data, encoding, name)
    return parse_manuscript(text, name, codec)
