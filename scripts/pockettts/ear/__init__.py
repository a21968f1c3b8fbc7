"""The check by ear, above the takes: whether the words of its text are in a take."""

from pockettts.config import QaConfig
from pockettts.ear.align import Aligner
from pockettts.ear.compare import TranscriptComparison, allowed, compare
from pockettts.ear.listen import Ear
from pockettts.ear.whisper import MEMORY_MB, check_ready, why_not_by_ear
from pockettts.ear.words import words_of


def is_used(config: QaConfig, language: str) -> bool:
    """Whether the takes of a book are checked by ear."""
    return config.asr != "off" and not (config.asr == "auto" and why_not_by_ear(config, language))


def open_ear(config: QaConfig, language: str, *, of_book: bool = False) -> Aligner | Ear | None:
    """Return the listener of these settings, None where there is none. Raises as `check_ready`.

    The setting auto is for takes `of_book`: a command or a server that answers at once is checked by ear only if asked.
    """
    if config.asr == "auto":
        return Aligner(config, language) if of_book and is_used(config, language) else None
    if config.asr == "off":
        return None
    return Aligner(config, language) if config.asr == "align" else Ear(config, language)


__all__ = [
    "MEMORY_MB",
    "Aligner",
    "Ear",
    "TranscriptComparison",
    "allowed",
    "check_ready",
    "compare",
    "is_used",
    "open_ear",
    "why_not_by_ear",
    "words_of",
]
