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
_STRAY_CONTROLS = 2
_MIXED = "utf-8 and cp1252"
_COMMON = re.compile("[À-ÖØ-öø-ÿŒœŠšŽžŸ‘’“”‚„†‡•–—…‹›€£¥©®°±²³´·¹º»¼½¾¿¡«§¶ª\u00a0\u00ad]")
_CP1252 = {bytes([byte]).decode("cp1252", "replace"): byte for byte in range(0x80, 0xC0)}
_CP1252 |= {chr(byte): byte for byte in range(0x80, 0xA0)}
_TRAIL = "[" + "".join(sorted(_CP1252)).replace("\ufffd", "") + "]"
_INNER_CAPITAL = re.compile("[a-z][À-ÖØ-ÞŽŠ]")
_READ_TWICE = re.compile(f"[ÂÃ]{_TRAIL}|[â-ï]{_TRAIL}{{2}}")
_PROOF = re.compile(f"â€{_TRAIL}")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x19\x1b\x1c\x1d\x1f\x7f]")


def decode(data: bytes, encoding: str, name: str) -> tuple[str, str]:
    """Decode the bytes of a file named `name`; returns the text without a byte order mark, and the codec used.

    `auto` tries, in this order: a byte order mark, UTF-8, UTF-16 by its zero bytes, UTF-8 with bytes of cp1252 in it,
    cp1252 where few bytes are beyond ASCII, and what charset-normalizer makes of it. UTF-8 that was read as cp1252 and
    saved again ("itâ€™s") is mended. Raises `ManuscriptError`.
    """
    codec = _guess(data, name) if encoding == "auto" else _declared(encoding, name)
    try:
        text = data.decode("utf-8", _MIXED) if codec == _MIXED else data.decode(codec)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ManuscriptError(
            f"{name} is not {codec}: the bytes at offset {error.start} (line {line}) do not decode; "
            "set text.encoding to the file's own encoding, or to auto."
        ) from None
    controls = len(_CONTROLS.findall(text))
    if "\x00\x00" in text or (controls > _STRAY_CONTROLS and controls * 200 > len(text)):
        raise ManuscriptError(f"{name} is binary, not text; give a .txt or .md file.")
    return _mend(text.removeprefix("\ufeff")).replace("\x00", "\x01"), codec


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
    if _is_mixed(data):
        return _MIXED
    letters = sum(65 <= byte <= 122 for byte in data)
    beyond = sum(byte > 127 for byte in data)
    try:
        western = data.decode("cp1252")
        accents = sum(character > "\xbf" and character.isalpha() for character in western)
        if beyond * 4 < letters or (
            accents * 4 < letters and _is_common(western) and not _INNER_CAPITAL.search(western)
        ):
            return "cp1252"
    except UnicodeDecodeError:
        pass
    from charset_normalizer import from_bytes

    best = from_bytes(data[:65_536]).best()
    if best is None:
        raise ManuscriptError(f"{name}: the encoding cannot be made out; declare it as text.encoding.")
    return best.encoding


def _western_byte(error: UnicodeError) -> tuple[str, int]:
    """Error handler: a byte that is no UTF-8 is one of cp1252."""
    assert isinstance(error, UnicodeDecodeError)
    byte = error.object[error.start : error.start + 1]
    return byte.decode("cp1252", "ignore") or byte.decode("latin-1"), error.start + 1


codecs.register_error(_MIXED, _western_byte)


def _is_common(text: str) -> bool:
    """Whether all characters beyond ASCII are usual ones in Western languages."""
    return all(character < "\x80" or _COMMON.match(character) for character in text)


def _is_mixed(data: bytes) -> bool:
    """Whether bytes are UTF-8 in one place and cp1252 in another, as in files that were put together."""
    whole = data.decode("utf-8", "ignore")
    return not whole.isascii() and _is_common(whole) and _is_common(data.decode("utf-8", _MIXED))


def _mend(text: str) -> str:
    """Undo a UTF-8 text that was read as cp1252, where that is certain."""
    if not _PROOF.search(text):
        return text

    def mended(match: re.Match[str]) -> str:
        written = match[0]
        try:
            return bytes([ord(written[0]), *(_CP1252[character] for character in written[1:])]).decode("utf-8")
        except (UnicodeDecodeError, KeyError):
            return written

    return _READ_TWICE.sub(mended, text)
