"""Addresses of mail and web, before anything that would take them apart."""

from __future__ import annotations

import re

from pockettts.text.normalize.rules import rule
from pockettts.text.normalize.words import DIGITS

_TLD = (
    r"(?:com|org|net|edu|gov|mil|int|info|biz|io|dev|app|ai|eu|uk|de|fr|es|pt|nl|ie|ca|au|nz|us|ch|jp|cn|ru|br|"
    r"co\.uk|org\.uk|ac\.uk|com\.au)"
)
_URL_WORDS = {
    ".": " dot ", "/": " slash ", "-": " dash ", "_": " underscore ", "?": " question mark ", "=": " equals ",
    "&": " and ", "#": " hash ", ":": " colon ", "@": " at ", "%": " percent ", "~": " tilde ", "+": " plus ",
    ",": " comma ", ";": " semicolon ", "!": " exclamation mark ",
}  # fmt: skip


def _spell_address(address: str) -> str:
    address = re.sub(r"^(?:https?|ftp)://|^mailto:", "", address).rstrip("/")
    address = re.sub(r"^www\.", "w w w.", address)
    spelled = "".join(_URL_WORDS.get(character, character) for character in address)
    spelled = re.sub(r"\d", lambda match: f" {DIGITS[int(match[0])]} ", spelled)
    return " ".join(spelled.split())


@rule("urls", r"(?<![\w@])(?:mailto:)?[A-Za-z0-9][\w.+%-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,24}(?!\w)", "@")
def _email(match: re.Match[str]) -> str:
    return _spell_address(match[0])


@rule("urls", r"(?:https?://|ftp://|(?<!\w)www\.)[^\s<>\"“”]{1,2000}", ":.")
def _url(match: re.Match[str]) -> str:
    address = match[0].rstrip(".,;:!?)]}'’")
    return _spell_address(address) + match[0][len(address) :]


@rule(
    "urls",
    rf"(?<![\w@./-])(?:[a-z0-9](?:[a-z0-9-]{{0,62}})\.){{1,4}}{_TLD}(?![\w-])(?:/[^\s<>\"“”]{{0,1000}})?",
    ".",
)
def _bare_url(match: re.Match[str]) -> str:
    address = match[0].rstrip(".,;:!?)]}'’")
    return _spell_address(address) + match[0][len(address) :]


RULES = (
    _email,
    _url,
    _bare_url,
)
