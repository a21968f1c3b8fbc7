"""The opening and closing credits of an audiobook as texts, which the book's own voice speaks.

They are a small book of two chapters, `{book}/credits`: planned, spoken, joined and mastered by the rules of books.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pockettts.config import AcxConfig
from pockettts.errors import ConfigError
from pockettts.publish.tags import BookTags
from pockettts.text.chapters import Chapter, Manuscript, Paragraph
from pockettts.text.mapped import Mapped

CREDITS = "credits"
"""The folder of a book's credits, and the end of their name."""


@dataclass(frozen=True, slots=True)
class CreditWords:
    """The sentences of credits in a language; one whose field is empty is left out."""

    written: str
    narrated: str
    listened: str
    end: str


_WORDS = {
    "de": CreditWords("Geschrieben von {author}.", "Gelesen von {narrator}.", "Das war: {title}.", "Ende."),
    "en": CreditWords("Written by {author}.", "Narrated by {narrator}.", "This has been {title}.", "The end."),
    "es": CreditWords("Escrito por {author}.", "Narrado por {narrator}.", "Esto ha sido: {title}.", "Fin."),
    "fr": CreditWords("Écrit par {author}.", "Lu par {narrator}.", "Vous avez écouté : {title}.", "Fin."),
    "it": CreditWords("Scritto da {author}.", "Letto da {narrator}.", "Avete ascoltato: {title}.", "Fine."),
    "nl": CreditWords("Geschreven door {author}.", "Voorgelezen door {narrator}.", "Dit was: {title}.", "Einde."),
    "pt": CreditWords("Escrito por {author}.", "Narrado por {narrator}.", "Você ouviu: {title}.", "Fim."),
}
_FIELD = re.compile(r"\{(\w*)\}")


def credits_manuscript(tags: BookTags, config: AcxConfig, language: str) -> Manuscript:
    """Return the credits as a manuscript of two chapters: what ACX requires, or the settings' own wording.

    Raises `ConfigError` for a language without a wording of its own, and for a field that does not exist.
    """
    opening, closing = config.opening, config.closing
    if opening is None or closing is None:
        words = _WORDS.get(language)
        if words is None:
            raise ConfigError(
                f"Credits in the language {language!r} need a wording: set publish.acx.opening and "
                "publish.acx.closing, in which {title}, {author} and {narrator} stand for those of the book."
            )
        opening = opening or f"{{title}}. {words.written} {words.narrated}"
        closing = closing or f"{words.listened} {words.written} {words.narrated} {words.end}"
    texts = [_filled(opening, tags, "opening"), _filled(closing, tags, "closing")]
    source = "\n\n".join(texts)
    borders = [(0, len(texts[0])), (len(source) - len(texts[1]), len(source))]
    chapters = tuple(
        Chapter(title, (Paragraph("paragraph", text, *border, mapped=Mapped.of(source, *border)),))
        for title, text, border in zip(("Opening credits", "Closing credits"), texts, borders, strict=True)
    )
    return Manuscript(f"{tags.title}: credits", "utf-8", chapters, CREDITS, (0, len(texts[0]) + 2), source)


def _filled(template: str, tags: BookTags, name: str) -> str:
    """Fill the fields of a template, without the sentences whose field is empty."""
    fields = {"title": tags.title, "author": tags.author, "narrator": tags.narrator}
    unknown = [field for field in _FIELD.findall(template) if field not in fields]
    if unknown:
        raise ConfigError(
            f"publish.acx.{name} has the field {{{unknown[0]}}}, which does not exist; there are "
            "{title}, {author} and {narrator}."
        )
    sentences = re.findall(r".+?(?:[.!?…]+(?=\s|$)|$)", " ".join(template.split()))
    texts = []
    for sentence in sentences:
        values = [fields[field].strip() for field in _FIELD.findall(sentence)]
        if all(values):
            text = _FIELD.sub(lambda match: fields[match[1]].strip(), sentence).strip()
            texts.append(re.sub(r"([.!?…])\.$", r"\1", text))
    return " ".join(texts)
