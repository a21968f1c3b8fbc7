"""The user's pronunciations, a TOML file: the last word on how a text is spoken.

    [words]
    Cirencester = "Sister"                       # an upper-case letter in the entry: matches this spelling only
    "et al." = "and others"                      # none: matches any case
    polish = { say = "paul ish", case = "any" }  # or say it outright: "any" or "exact"

Entries match whole words, the longest first. They are looked up twice: in the text as written, where a match is kept
away from every normalizing rule, and in the words that normalizing made. What an entry says is not normalized.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pockettts.errors import DictionaryError
from pockettts.text.mapped import Mapped

_TOKEN = re.compile(r"\w+|[^\w\s]")
_FIRST_PLACEHOLDER = 0xF0000
PLACEHOLDERS = "\U000f0000-\U000ffffd"


@dataclass(frozen=True, slots=True)
class Entry:
    """One pronunciation: what to match, in this spelling only or in any case, and what to say instead."""

    written: str
    say: str
    exact: bool


class Dictionary:
    """Entries by the first token of what they match, so that a large dictionary costs no more than a small one."""

    def __init__(self, entries: list[Entry]) -> None:
        self._by_token: dict[str, list[Entry]] = {}
        for entry in sorted(entries, key=lambda entry: (-len(entry.written), entry.written)):
            first = _TOKEN.findall(entry.written)[0].casefold()
            self._by_token.setdefault(first, []).append(entry)

    def protect(self, mapped: Mapped, replacements: list[str]) -> Mapped:
        """Put a placeholder for each match; `kept` receives what each, in order of its number, is to say."""
        if not self._by_token:
            return mapped
        text = mapped.text
        parts: list[Mapped] = []
        done = 0
        for token in _TOKEN.finditer(text):
            if token.start() < done:
                continue
            for entry in self._by_token.get(token[0].casefold(), ()):
                match = _pattern(entry.written, entry.exact).match(text, token.start())
                if match:
                    mark = chr(_FIRST_PLACEHOLDER + len(replacements))
                    replacements.append(entry.say)
                    parts += [mapped[done : match.start()], mapped[match.start() : match.end()].sub(_ANY, mark)]
                    done = match.end()
                    break
        return Mapped.concat([*parts, mapped[done:]]) if parts else mapped

    @staticmethod
    def reveal(mapped: Mapped, replacements: list[str]) -> Mapped:
        """Put what is to be said in the place of each placeholder."""
        if not replacements:
            return mapped
        return mapped.sub(_PLACEHOLDER, lambda match: replacements[ord(match[0]) - _FIRST_PLACEHOLDER])


_ANY = re.compile(r".+", re.S)
_PLACEHOLDER = re.compile(f"[{PLACEHOLDERS}]")


@cache
def _pattern(written: str, exact: bool) -> re.Pattern[str]:
    body = r"\s+".join(re.escape(part) for part in written.split())
    body = re.sub("['’]", "['’]", body)
    before = r"(?<!\w)" if written[0].isalnum() else ""
    after = r"(?!\w)" if written[-1].isalnum() else ""
    return re.compile(before + body + after, 0 if exact else re.IGNORECASE)


def _entry(written: str, value: Any, where: str) -> Entry:
    say, case = value, "exact" if any(character.isupper() for character in written) else "any"
    if isinstance(value, Mapping):
        unknown = sorted(set(value) - {"say", "case"})
        if unknown:
            raise DictionaryError(f'{where}: unknown key {unknown[0]}; an entry has "say" and may have "case".')
        say, case = value.get("say"), value.get("case", case)
    if not isinstance(say, str):
        raise DictionaryError(f'{where} must be text in quotes, or a table such as {{ say = "...", case = "any" }}.')
    if case not in ("any", "exact"):
        raise DictionaryError(f'{where}: case is {case!r}; it must be "any" or "exact".')
    if not any(character.isalnum() for character in written):
        raise DictionaryError(f"{where}: an entry must hold a letter or a digit to match.")
    return Entry(written.strip(), " ".join(say.split()), case == "exact")


def parse_dictionary(text: str, name: str) -> Dictionary:
    """Read a dictionary from TOML text; `name` is the file's, for messages. Raises `DictionaryError`."""
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DictionaryError(f"{name} is not valid TOML: {error}.") from None
    unknown = sorted(set(content) - {"words"})
    if unknown:
        raise DictionaryError(f"{name}: unknown key {unknown[0]}; entries belong under [words].")
    words = content.get("words", {})
    if not isinstance(words, dict):
        raise DictionaryError(f'{name}: words must be a table: [words], then lines such as word = "said so".')
    return Dictionary([_entry(written, value, f"{name}: words.{written}") for written, value in words.items()])


def load_dictionary(path: Path | None) -> Dictionary:
    """Read a dictionary file; None gives an empty dictionary. Raises `DictionaryError`."""
    return Dictionary([]) if path is None else parse_dictionary(_text(read_dictionary(path), path), str(path))


def read_dictionary(path: Path) -> bytes:
    """The bytes of a dictionary; raises `DictionaryError` when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        reason = "is not there" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        raise DictionaryError(f"{path} {reason}; text.dictionary in the configuration names it.") from None


def _text(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DictionaryError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8.") from None
