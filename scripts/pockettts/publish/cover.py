"""The cover of a book: a file of the user's, or what the document has."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from pockettts.audio.encode import Picture, read_picture
from pockettts.errors import AudioError
from pockettts.files import require_sha256
from pockettts.text.manuscript import read_source
from pockettts.text.source import find_format
from pockettts.text.source.archive import Archive

MAX_BYTES = 10 << 20


def beside(inputs: Path, name: str) -> list[Path]:
    """Return the pictures beside a book's text that can be its cover."""
    return [path for suffix in (".jpg", ".jpeg", ".png") if (path := inputs / f"{name}{suffix}").is_file()]


def find_cover(inputs: Path, name: str, given: Path | None, member: str, source: Path) -> bytes:
    """Return the cover's bytes; none if there is no cover.

    `given` is a path of the settings, `member` what the document `source` says is its cover.

    Raises `AudioError` for a file of the user's that is missing, too large, or not a picture. A picture of the
    document that is not a JPEG or PNG is left out.
    """
    own = [given] if given else beside(inputs, name)
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
    picture = _of_document(member, source)
    try:
        read_picture(picture, "the cover")
    except AudioError:
        return b""
    return picture if len(picture) <= MAX_BYTES else b""


def load_cover(path: Path, sha256: str) -> Picture | None:
    """Read the cover that rule write_tags wrote; an empty file stands for none. Raises `AudioError`."""
    require_sha256(path, sha256, "The cover")
    data = path.read_bytes()
    return read_picture(data, str(path)) if data else None


def _of_document(member: str, source: Path) -> bytes:
    if not member:
        return b""
    data = read_source(source)
    if find_format(data, str(source)) == "epub":
        archive = Archive(data, str(source))
        return archive.read_whole(member) if member in archive.names() else b""
    at = data.find(f'id="{member}"'.encode())
    begin, end = data.find(b">", at) + 1, data.find(b"</binary", at)
    try:
        return base64.b64decode(data[begin:end]) if 0 <= at < begin < end else b""
    except binascii.Error:
        return b""
