"""From bytes to text: the first step of the flow."""

from __future__ import annotations

import codecs
import re

from pockettts.errors import ManuscriptError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTAINERS = (
    (b"PK\x03\x04", "a ZIP container, such as an EPUB or a DOCX"),
    (b"%PDF", "a PDF"),
    (b"{\\rtf", "an RTF document"),
    (b"\xd0\xcf\x11\xe0", "an old Word document"),
    (b"RIFF", "a RIFF file, such as a WAV"),
    (b"\x89PNG", "a PNG picture"),
    (b"\x1f\x8b", "a gzip archive"),
)
_CONTROLS = re.compile("[\x00-\x08\x0e-\x19\x1b\x1c\x1d\x1f\x7f]")


def decode(data: bytes, encoding: str, name: str) -> tuple[str, str]:
    """Decode the bytes of a file named `name`; returns the text without a byte order mark, and the codec used.

    `auto` tries, in this order: a byte order mark, UTF-8, UTF-16 by its zero bytes, cp1252 where few bytes are beyond
    ASCII, and what charset-normalizer makes of it. Raises `ManuscriptError`.
    """
    for magic, what in _CONTAINERS:
        if data.startswith(magic):
            raise ManuscriptError(f"{name} is {what}, not plain text; save it as .txt or .md first.")
    codec = _guess(data, name) if encoding == "auto" else _declared(encoding, name)
    try:
        text = data.decode(codec)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ManuscriptError(
            f"{name} is not {codec}: the bytes at offset {error.start} (line {line}) do not decode; "
            "set text.encoding to the file's own encoding, or to auto."
        ) from None
    controls = len(_CONTROLS.findall(text))
    if "\x00" in text or controls * 200 > len(text):
        raise ManuscriptError(f"{name} is binary, not text; give a .txt or .md file.")
    return text.removeprefix("\ufeff"), codec


def _declared(encoding: str, name: str) -> str:
    try:
        codec = codecs.lookup(encoding)
    except LookupError:
        raise ManuscriptError(
            f"text.encoding: {encoding!r} is no encoding that Python knows; use auto, utf-8 or cp1252, say, for {name}."
        ) from None
    if not getattr(codec, "_is_text_encoding", True):
        raise ManuscriptError(f"text.encoding: {encoding!r} is not a text encoding; use auto or utf-8 for {name}.")
    return codec.name


def _guess(data: bytes, name: str) -> str:
    for bom, codec in _BOMS:
        if data.startswith(bom):
            return codec
    try:
        data.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError as error:
        broken = error
    zeros = (data[0::2].count(0), data[1::2].count(0))
    if max(zeros) * 4 > len(data) // 2 > 0 and min(zeros) * 20 < len(data) // 2:
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    if 0 in data:
        raise ManuscriptError(f"{name} is binary, not text; give a .txt or .md file.")
    text = data.decode("utf-8", errors="replace")
    bad = text.count("\ufffd")
    if bad * 10 < sum(character > "\x7f" for character in text):
        line = data.count(b"\n", 0, broken.start) + 1
        raise ManuscriptError(
            f"{name} is UTF-8 but for {bad} damaged places, the first at byte {broken.start} (line {line}); "
            "repair it, or declare another text.encoding."
        )
    letters = sum(65 <= byte <= 122 for byte in data)
    beyond = sum(byte > 127 for byte in data)
    if beyond * 4 < letters:
        try:
            data.decode("cp1252")
            return "cp1252"
        except UnicodeDecodeError:
            pass
    from charset_normalizer import from_bytes

    best = from_bytes(data[:65_536]).best()
    if best is None:
        raise ManuscriptError(f"{name}: the encoding cannot be made out; declare it as text.encoding.")
    return best.encoding
