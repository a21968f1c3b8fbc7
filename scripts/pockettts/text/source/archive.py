"""A ZIP file in memory, for EPUB and DOCX: nothing is unpacked to disk, and no header is believed.

A small file must not fill the memory, so what its members unpack to is limited by the file's own size.
"""

from __future__ import annotations

import io
import lzma
import posixpath
import struct
import zipfile
import zlib
from urllib.parse import unquote, urlsplit

from pockettts.errors import ManuscriptError
from pockettts.values import one_line

MAX_FILES = 20_000
MAX_MEMBER = 32 << 20
# Markup packs to a fifth or a tenth; what unpacks to fifty times its size is made to do harm.
MAX_RATIO = 50
SMALL = 1 << 20

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    NotImplementedError,
    EOFError,
    RuntimeError,
    OSError,
    ValueError,
    OverflowError,
    IndexError,
)


class Archive:
    """The members of a ZIP file, by name. `label` is what errors call the file. Raises `ManuscriptError`."""

    def __init__(self, data: bytes, label: str) -> None:
        self.label = label
        _check_directory(data, label)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            members = self._zip.infolist()
        except _DAMAGE as error:
            raise ManuscriptError(
                f"{label} is damaged: it is not a readable ZIP container ({one_line(error)})."
            ) from None
        self._budget = max(SMALL // 4, MAX_RATIO * len(data))
        self._members: dict[str, zipfile.ZipInfo] = {}
        self._folded: dict[str, zipfile.ZipInfo] = {}
        for member in members:
            name = member.filename.replace("\\", "/")
            self._members.setdefault(name, member)
            self._folded.setdefault(name.casefold(), member)

    def names(self) -> list[str]:
        """Return the names of all members, in the order of the file."""
        return list(self._members)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (name in self._members or name.casefold() in self._folded)

    def read(self, name: str) -> bytes:
        """Return the bytes of a member, by its name or by one that differs in case only.

        Raises `ManuscriptError` when it is missing, damaged, encrypted or too large.
        """
        member = self._members.get(name) or self._folded.get(name.casefold())
        if member is None:
            raise ManuscriptError(f"{self.label} is incomplete: {name} is missing.")
        if member.flag_bits & 1:
            raise ManuscriptError(f"{self.label} is protected by a password ({name}); unlock it first.")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ManuscriptError(f"{self.label}: {name} is compressed in a way that this format does not allow.")
        limit = min(MAX_MEMBER, self._budget)
        if member.file_size > limit:
            raise self._too_large(name)
        try:
            with self._zip.open(member) as stream:
                data = stream.read(limit + 1)
        except _DAMAGE as error:
            raise ManuscriptError(f"{self.label} is damaged at {name}: {one_line(error)}.") from None
        if len(data) > limit or (len(data) > SMALL and len(data) > 2 * MAX_RATIO * member.compress_size):
            raise self._too_large(name)
        self._budget -= len(data)
        return data

    def read_whole(self, name: str) -> bytes:
        """Return the bytes of a member of any size, such as a picture, to be copied. Raises `ManuscriptError`."""
        try:
            return self._zip.read(self._members[name])
        except (KeyError, *_DAMAGE) as error:
            raise ManuscriptError(f"{self.label} is damaged at {name}: {one_line(error)}.") from None

    def _too_large(self, name: str) -> ManuscriptError:
        return ManuscriptError(f"{self.label}: {name} unpacks to far more than a book's text needs; it is not read.")


def _check_directory(data: bytes, label: str) -> None:
    """Refuse a file of very many members before their list is made. The list's size stands in the ZIP's last record."""
    end = data.rfind(b"PK\x05\x06", max(0, len(data) - 65_557))
    if end < 0 or end + 22 > len(data):
        raise ManuscriptError(f"{label} is damaged: it is cut off, or is not a ZIP container.")
    count, size = struct.unpack_from("<HI", data, end + 10)
    if count > MAX_FILES or size > MAX_FILES * 300:
        raise ManuscriptError(f"{label} holds more than {MAX_FILES:,} files; it is not read.")


def resolve(base: str, reference: str) -> tuple[str | None, str]:
    """Return the member that a reference in the member `base` leads to, and the fragment.

    The member is None where the reference leads out of the container.
    """
    try:
        parts = urlsplit(reference.strip())
    except ValueError:
        return None, ""
    fragment = unquote(parts.fragment)
    if parts.scheme or parts.netloc:
        return None, fragment
    path = unquote(parts.path)
    if not path:
        return base, fragment
    name = posixpath.normpath(posixpath.join(posixpath.dirname(base), path))
    return (None if name.startswith(("/", "..")) else name), fragment
