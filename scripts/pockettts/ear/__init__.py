"""The check by ear, above the takes: what is said in a take is written down and compared with its text."""

from pockettts.ear.compare import TranscriptComparison, allowed, compare
from pockettts.ear.listen import MEMORY_MB, Ear, check_ready, open_ear
from pockettts.ear.words import words_of

__all__ = ["MEMORY_MB", "Ear", "TranscriptComparison", "allowed", "check_ready", "compare", "open_ear", "words_of"]
