"""Facts and small functions that every other module may use; imports nothing of this package.

The sample format of all audio here, the canonical JSON behind every digest, and how messages quote a text.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

RATE = 24_000
"""Samples a second of everything that is spoken."""

FULL_SCALE = 32_768.0
"""What an int16 sample is divided by to lie in [-1, 1)."""

# A text, because the parse of a Snakefile imports this module and has no use for numpy.
Int16: TypeAlias = "npt.NDArray[np.int16]"

LANGUAGE_CODES = {
    "dutch": "nl",
    "english": "en",
    "french": "fr",
    "german": "de",
    "italian": "it",
    "portuguese": "pt",
    "spanish": "es",
}


def canonical_json(value: Any, *, escaped: bool = False) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces; `escaped`: ASCII only.

    Names of takes are made of the escaped form, all else of the plain one.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=escaped)


def sha256_text(text: str) -> str:
    """Return the sha256 of a text in UTF-8, 64 hex characters."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest(value: Any) -> str:
    """Return 32 hex characters of the sha256 of a value's canonical JSON: for what is kept and compared."""
    return sha256_text(canonical_json(value))[:32]


def short_digest(value: Any) -> str:
    """Return 16 hex characters of the sha256 of a value's canonical JSON: for names of files and parameters."""
    return digest(value)[:16]


def quoted(text: str, length: int = 60) -> str:
    """Return the beginning of a text in quotation marks, for messages."""
    return f'"{text}"' if len(text) <= length else f'"{text[: length - 1].rstrip()}…"'


def one_line(error: object) -> str:
    """Return the message of a library's error without line breaks, to stand in a sentence."""
    return " ".join(str(error).split())


def describe_error(error: BaseException) -> str:
    """Return the message of an error as one line without its full stop; the error's type, if it has no message."""
    return one_line(error).rstrip(".") or type(error).__name__


def language_code(language: str) -> str:
    """Return two letters for a language's code or for a model's name: en-GB, english, english_2026-10 are all en."""
    word = re.split(r"[-_ ]", language.strip().lower())[0]
    return LANGUAGE_CODES.get(word, word)


def round_to_int16(samples: npt.NDArray[np.float64]) -> Int16:
    """Return samples in [-1, 1) as int16, to nearest (ties to even), clipped at full scale.

    No dither: takes are 16-bit already, steps that do not touch a sample must not change it, and pauses must stay
    digital silence.
    """
    import numpy as np

    return np.clip(np.rint(samples * FULL_SCALE), -32_768, 32_767).astype(np.int16)


def truncate_to_int16(samples: npt.NDArray[np.float32]) -> Int16:
    """Return samples as pocket-tts writes them: clamped to [-1, 1], scaled by 32767 and truncated."""
    import numpy as np

    return (np.clip(samples, -1, 1) * np.float32(32_767)).astype(np.int16)
