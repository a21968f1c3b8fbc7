"""Reproducible spoken books with Kyutai's Pocket TTS: the library behind the workflow and the command line."""

__version__ = "0.1.0"
