"""What the readers of documents are asked for: the settings `text.epub`, without their file format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class PageOptions:
    """What of a page is read beyond its text: notes, title page and the like, what pictures show."""

    notes: Literal["skip", "read", "inline"] = "skip"
    front_matter: bool = False
    alt: bool = False
