"""The final form of spoken text: what a chunk holds is to the letter what the engine says.

Upstream's `prepare_text_prompt` and `split_into_best_sentences` (pocket-tts 4.0.1) rewrite text: they
capitalize it, add a full stop, replace characters by language, cut after every run of `. ! ? ...` and join
the pieces with a space. Text in the form made here passes through them unchanged, whatever the model: single
spaces, only words, apostrophes and hyphens inside words, and punctuation that is always followed by a space.
Quotation marks have no sound, and upstream would tear one from its full stop; they go, brackets and dashes
become commas.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from pockettts.text.mapped import Mapped

_PUNCTUATION = {
    "。": ". ", "．": ".", "।": ". ", "۔": ". ", "、": ", ", "，": ", ", "،": ", ", "؛": "; ", "；": "; ", "：": ": ",
    "？": "? ", "！": "! ", "؟": "? ", "‼": "!! ", "⁇": "?? ", "⁈": "?! ", "⁉": "!? ", "…": "...", "‥": "..",
    "’": "'", "‘": "'", "ʼ": "'", "′": "'", "‛": "'", "＇": "'",
    "‐": "-", "‑": "-", "−": "-", "–": ", ", "—": ", ", "―": ", ", "‒": ", ", "⸺": ", ", "⸻": ", ",
    "™": "", "®": "", "©": "", "“": "", "”": "", "„": "", "«": "", "»": "", "‹": "", "›": "",
}  # fmt: skip
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_SYMBOL = re.compile(r"[^\w\s.,!?;:'()\[\]{}\u0300-\U0010ffff-]|_")
_ATTACHED = re.compile(r"(?<=\w)[(\[{](\w{1,3})[)\]}]")
_OPENING = re.compile(r"\s*[(\[{]+\s*")
_CLOSING = re.compile(r"\s*[)\]}]+")
_DASH = re.compile(r"\s*--+\s*|\s+-+\s+")
_HYPHEN = re.compile(r"(?<!\w)-+|-+(?!\w)")
_ELISIONS = (
    "tis|twas|twere|twill|twould|twixt|em|til|till|cause|bout|neath|tween|gainst|stead|un|er|ere|im|is|ave|ad|ow"
)
_APOSTROPHE = re.compile(
    rf"(?<!\w)'(?!(?:{_ELISIONS})(?!\w))|(?<=\w)(?<![sS])(?<!\win)(?<!\bo)(?<!\ban)(?<!\bth)'(?!\w)|(?<=')'", re.I
)
_DUTCH_APOSTROPHE = re.compile(
    r"(?<!\w)'(?!(?:s|t|n|k|r|m|ns|tis|er|ie|em)(?!\w))|(?<=\w)(?<![sS])'(?!\w)|(?<=')'", re.I
)
_STOPS = re.compile(r"[\s,;:.!?]*[,;:.!?][\s,;:.!?]*")
_SPACES = re.compile(r"\s\s+|[^\S ]")
_LEADING = re.compile(r"^[^\w']+")
_TERMINAL = ".!?"


@lru_cache(maxsize=4096)
def _character(character: str) -> str:
    """What becomes of one character beyond ASCII: letters, their marks and digits stay."""
    replacement = _PUNCTUATION.get(character)
    if replacement is not None:
        return replacement
    kind = unicodedata.category(character)
    if "\ufe00" <= character <= "\ufe0f":  # chooses how the character before it is drawn
        return ""
    if kind[0] == "L" or kind in ("Mn", "Mc", "Nd"):
        return character
    return "" if kind in ("Cf", "Sk", "Me") else " "


def _composed(mapped: Mapped) -> Mapped:
    """Compatibility composition (NFKC), as tokenizers apply it; by character cluster to keep the map."""
    if unicodedata.is_normalized("NFKC", mapped.text):
        return mapped
    clusters = mapped.sub(
        re.compile("[^\x00-\x7f\u0300-\u036f]"), lambda match: unicodedata.normalize("NFKC", match[0])
    )
    clusters = clusters.sub(
        re.compile("[^\u0300-\u036f][\u0300-\u036f]+"), lambda match: unicodedata.normalize("NFKC", match[0])
    )
    whole = unicodedata.normalize("NFKC", clusters.text)
    if whole == clusters.text:
        return clusters
    return clusters.sub(re.compile(r".+", re.S), whole)


def _stop(match: re.Match[str]) -> str | None:
    """One mark for a run of marks: the strongest of them."""
    text = match.string
    begin, end = match.span()
    if (
        end - begin == 1
        and match[0] in ".,:"
        and text[begin - 1 : begin].isdecimal()
        and text[end : end + 1].isdecimal()
    ):
        return None
    marks = "".join(match[0].split())
    if "?" in marks:
        mark = "?!" if "!" in marks else "?"
    elif "!" in marks:
        mark = "!"
    elif ".." in marks:
        mark = "..."
    else:
        mark = next(mark for mark in ".:;," if mark in marks)
    mark = f"{mark} " if end < len(text) else mark
    return None if mark == match[0] else mark


def tidy(mapped: Mapped, language: str = "en") -> Mapped:
    """The speakable form of a passage, short of its first capital and its last mark; keeps the map to the source.

    `language` is a two-letter code: models of French and German were not trained on semicolons, nor French on colons.
    """
    if not mapped.text.isascii():
        mapped = mapped.sub(_NOT_ASCII, lambda match: _PUNCTUATION.get(match[0]))
        mapped = _composed(mapped)
        mapped = mapped.sub(_NOT_ASCII, lambda match: new if (new := _character(match[0])) != match[0] else None)
    # White space is made single early on: the patterns below would be slow on long runs of it.
    mapped = mapped.sub(_SYMBOL, lambda match: "" if match[0] in '"`^' else " ").sub(_SPACES, " ")
    if re.search(r"[(\[{)\]}]", mapped.text):
        mapped = mapped.sub(_ATTACHED, lambda match: match[1])
        mapped = mapped.sub(_OPENING, ", ").sub(_CLOSING, ", ")
    if "-" in mapped.text:
        mapped = mapped.sub(_DASH, ", ").sub(_HYPHEN, " ")
    if "'" in mapped.text:
        mapped = mapped.sub(_DUTCH_APOSTROPHE if language == "nl" else _APOSTROPHE, "")
    if language in ("fr", "de"):
        mapped = mapped.sub(re.compile("[;:]" if language == "fr" else ";"), ",")
    mapped = mapped.sub(_STOPS, _stop)
    return mapped.sub(_SPACES, " ").strip().sub(_LEADING, "")


def finish(mapped: Mapped, mark: str = ".") -> Mapped:
    """A tidy passage with its first letter capital and a final mark, as upstream sets them; empty if unspeakable.

    `mark` ends a passage that has no terminal mark of its own.
    """
    text = mapped.text.rstrip(" ,;:-")
    if not any(character.isalnum() for character in text):
        return mapped[:0]
    mapped = mapped[: len(text)].sub(_LEADING, "")
    first = mapped.text[0]
    if not first.isupper() and (capital := unicodedata.normalize("NFKC", first.upper())) != first:
        mapped = mapped.sub(re.compile(r"\A."), capital)
    if mapped.text.rstrip("'")[-1] not in _TERMINAL:
        mapped = Mapped.concat([mapped, Mapped.inserted(mark, mapped.ends[-1])])
    return mapped


def speakable(text: str, language: str = "en") -> str:
    """The form in which the engine says `text`; applying it again changes nothing. Empty if there is nothing to say."""
    return finish(tidy(Mapped.of(text), language)).text
