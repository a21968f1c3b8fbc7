"""The cover of a book: a file of the user's, or what the document has."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from pockettts.audio.encode import Picture, read_picture
from pockettts.errors import AudioError
from pockettts.text.chapters import Manuscript

MAX_BYTES = 10 << 20


def beside(inputs: Path, name: str) -> list[Path]:
    """Return the pictures beside a book's text that can be its cover."""
    return [path for suffix in (".jpg", ".jpeg", ".png") if (path := inputs / f"{name}{suffix}").is_file()]


def find_cover(inputs: Path, name: str, given: Path | None, manuscript: Manuscript, data: bytes) -> bytes:
    """Return the cover's bytes; none if there is no cover. `data` is the document, `given` a path of the settings.

    Raises `AudioError` for a file of the user's that is missing, too large, or not a picture. A picture of the
    document that is not a JPEG or PNG is left out.
    """
    own = (
        [given]
        if given
        else [path for suffix in (".jpg", ".jpeg", ".png") if (path := inputs / f"{name}{suffix}").is_file()]
    )
    if own:
        try:
            picture = own[0].read_bytes()
        except OSError as error:
            raise AudioError(f"The cover {own[0]} cannot be read: {error.strerror}.") from None
        if len(picture) > MAX_BYTES:
            raise AudioError(
                f"The cover {own[0]} has {len(picture) >> 20} MB; at most {MAX_BYTES >> 20} MB go into a file."
            )
        read_picture(picture, str(own[0]))
        return picture
    picture = _of_document(manuscript, data)
    try:
        read_picture(picture, "the cover")
    except AudioError:
        return b""
    return picture if len(picture) <= MAX_BYTES else b""


def load_cover(path: Path) -> Picture | None:
    """Read the cover that rule write_tags wrote; an empty file stands for none. Raises `AudioError`."""
    data = path.read_bytes()
    return read_picture(data, str(path)) if data else None


def _of_document(manuscript: Manuscript, data: bytes) -> bytes:
    document = manuscript.document
    if document is None or not document.metadata.cover:
        return b""
    if document.encoding == "epub":
        from pockettts.text.source.archive import Archive

        archive = Archive(data, manuscript.name)
        return archive.read_whole(document.metadata.cover) if document.metadata.cover in archive.names() else b""
    marker = f'id="{document.metadata.cover}"'.encode()
    at = data.find(marker)
    begin, end = data.find(b">", at) + 1, data.find(b"</binary", at)
    try:
        return base64.b64decode(data[begin:end]) if 0 <= at < begin < end else b""
    except binascii.Error:
        return b""
