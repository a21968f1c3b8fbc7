"""What a book is called: from its file, inputs/{book}.yaml and the settings, the later before the earlier.

results/{book}/tags.json holds it in words of our own; the names that each container has for it are here, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pockettts.config import MetadataConfig, validate
from pockettts.config.reading import read_yaml
from pockettts.errors import AudioError, ConfigError
from pockettts.project import Project
from pockettts.text.plan import BookPlan
from pockettts.text.source import Metadata
from pockettts.values import language_code
from pockettts.voices import licence_notice

COVERS = (".jpg", ".jpeg", ".png")
_LANGUAGES = {"de": "deu", "en": "eng", "es": "spa", "fr": "fra", "it": "ita", "nl": "nld", "pt": "por"}
_LONGEST_COMMENT = 1_000


@dataclass(frozen=True, slots=True)
class BookTags:
    """The words of all tags of a book; what nothing names is empty. `cover` is the sha256 of its picture."""

    title: str
    authors: tuple[str, ...] = ()
    narrator: str = ""
    series: str = ""
    series_part: str = ""
    year: str = ""
    language: str = ""
    publisher: str = ""
    description: str = ""
    genre: str = "Audiobook"
    isbn: str = ""
    copyright: str = ""
    comment: str = ""
    cover: str = ""

    @property
    def author(self) -> str:
        """All authors in one line."""
        return ", ".join(self.authors)

    @property
    def in_series(self) -> str:
        """The series with the number in it, as libraries read it: `Name #3`."""
        return f"{self.series} #{self.series_part}" if self.series and self.series_part else self.series

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> BookTags:
        """Read what `as_json` returned. Raises `AudioError` for anything else."""
        try:
            return cls(**{**values, "authors": tuple(values["authors"])})
        except (KeyError, TypeError):
            raise AudioError("The tags are not in the format of this version; delete tags.json and build it.") from None


def read_metadata(path: Path) -> MetadataConfig:
    """Read inputs/{book}.yaml; without the file all is null. Raises `ConfigError` naming the file."""
    if not path.is_file():
        return MetadataConfig()
    try:
        values = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {' '.join(str(error).split())}.") from None
    if values is None:
        return MetadataConfig()
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold keys and values, such as `author: Jane Austen`.")
    # Years, dates and numbers in a series are written without quotes.
    plain = {
        key: str(one) if isinstance(one, int | float | date) and not isinstance(one, bool) else one
        for key, one in values.items()
    }
    return validate(MetadataConfig, plain, str(path))


def book_tags(name: str, plan: BookPlan, project: Project) -> BookTags:
    """Return the tags of a book of the project. Raises `ConfigError` for a wrong inputs/{name}.yaml, `VoiceError`."""
    voice = project.voice
    notice = f"Synthetic voice: Pocket TTS, voice {voice.id} ({voice.attribution}; licence: {voice.licence})."
    notice = f"{notice} {licence_notice(voice) or ''}".strip()
    own = read_metadata(project.inputs / f"{name}.yaml")
    chosen, language = project.config.publish.metadata, language_code(project.language)
    return make_tags(plan.metadata, plan.title, own, chosen, voice.id, notice, language)


def make_tags(
    source: Metadata, title: str, own: MetadataConfig, settings: MetadataConfig, voice: str, notice: str, language: str
) -> BookTags:
    """Return the tags of a book. `notice` is the statement on the voice, `language` that of the settings."""

    def pick(name: str, default: str) -> str:
        return next((value for section in (settings, own) if (value := getattr(section, name))), default)

    authors = pick("author", "")
    year = re.search(r"\d{4}", pick("year", source.date))
    return BookTags(
        title=pick("title", title),
        authors=tuple(name.strip() for name in authors.split(";") if name.strip()) if authors else source.authors,
        narrator=pick("narrator", ", ".join(source.narrators) or voice),
        series=pick("series", source.series),
        series_part=pick("series_part", source.series_part),
        year=year[0] if year else "",
        language=pick("language", source.language or language).split("-")[0].lower(),
        publisher=pick("publisher", source.publisher),
        description=pick("description", source.description),
        genre=pick("genre", "Audiobook"),
        isbn=pick("isbn", source.isbn),
        copyright=pick("copyright", source.rights),
        comment=notice[:_LONGEST_COMMENT],
    )


def mp4_tags(tags: BookTags) -> dict[str, str]:
    """Return what FFmpeg writes into an MP4, by its names; stik 2 is an audiobook."""
    return _without_empty(
        {
            "title": tags.title,
            "artist": tags.author,
            "album_artist": tags.author,
            "album": tags.title,
            "composer": tags.narrator,
            "genre": tags.genre,
            "date": tags.year,
            "copyright": tags.copyright,
            "comment": tags.comment,
            "description": tags.description[:255],
            "synopsis": tags.description,
            "show": tags.series,
            "episode_id": tags.series_part,
            "grouping": tags.in_series,
            "media_type": "2",
        }
    )


def vorbis_tags(tags: BookTags) -> dict[str, str]:
    """Return comments of Opus and FLAC. FFmpeg writes `comment` as DESCRIPTION, so this holds both."""
    return _without_empty(
        {
            "title": tags.title,
            "artist": tags.author,
            "album_artist": tags.author,
            "album": tags.title,
            "composer": tags.narrator,
            "narrator": tags.narrator,
            "genre": tags.genre,
            "date": tags.year,
            "language": tags.language,
            "publisher": tags.publisher,
            "copyright": tags.copyright,
            "comment": f"{tags.description}\n\n{tags.comment}".strip(),
            "isbn": tags.isbn,
            "series": tags.series,
            "series-part": tags.series_part,
        }
    )


def id3_tags(tags: BookTags, title: str = "", part: int = 0, parts: int = 0) -> dict[str, str]:
    """Return frames of ID3v2.3 for the whole book, or for part `part` of `parts` with a title of its own."""
    return _without_empty(
        {
            "TIT2": title or tags.title,
            "TPE1": tags.author,
            "TPE2": tags.author,
            "TALB": tags.title,
            "TCOM": tags.narrator,
            "TCON": tags.genre,
            "TYER": tags.year,
            "TRCK": f"{part}/{parts}" if part else "",
            "TLAN": _LANGUAGES.get(tags.language, ""),
            "TPUB": tags.publisher,
            "TCOP": tags.copyright,
            "TIT1": tags.in_series,
            "COMM": tags.comment,
            "TXXX:SERIES": tags.series,
            "TXXX:SERIES-PART": tags.series_part,
            "TXXX:ISBN": tags.isbn,
            "TXXX:DESCRIPTION": tags.description,
        }
    )


def _without_empty(tags: Mapping[str, str]) -> dict[str, str]:
    return {name: text.replace("\0", "") for name, text in tags.items() if text}
