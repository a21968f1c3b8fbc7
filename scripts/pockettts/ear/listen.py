"""The thorough check by ear: Whisper writes down what it hears in a take, and its words are compared with the text.

samples -> Ear.hear -> words -> compare(text, words) -> TranscriptComparison -> Ear.reasons -> takes
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from pockettts.config import QaConfig
from pockettts.ear.compare import allowed, compare
from pockettts.ear.whisper import LISTENING, MODEL_PACKAGE, PAD_SECONDS, check_ready, load_whisper
from pockettts.takes.acceptance import Transcript
from pockettts.values import FULL_SCALE, RATE, Int16, language_code, quoted

_WHISPER_RATE = 16_000
_BEAM = 5


def _transcribe(folder: Path | None, language: str, sound: npt.NDArray[np.float32]) -> str:
    # Temperature 0 only: by default a doubtful stretch is sampled again at random.
    segments, _ = load_whisper(folder).transcribe(
        sound, language=language, beam_size=_BEAM, temperature=0.0, condition_on_previous_text=False
    )
    return " ".join(segment.text.strip() for segment in segments)


class Ear:
    """Listens to takes as `config` says; the model is loaded by the first one, once a process."""

    def __init__(self, config: QaConfig, language: str) -> None:
        check_ready(config, language)
        self.config = config
        self.language = language_code(language)
        self.strict = True
        self.name = f"{config.model or MODEL_PACKAGE}, padded by {PAD_SECONDS} s"

    def wants(self, key: str) -> bool:
        """Whether the take of this content key is to be checked: for `sample`, chosen by the key itself."""
        # The first digits of a key decide where batches end.
        return self.config.asr == "all" or (
            self.config.asr == "sample" and int(key[8:16], 16) < self.config.share * 2**32
        )

    def hear(self, samples: Int16, text: str) -> Transcript:
        """Transcribe a take of `text`, int16 at 24 kHz, shape (n,). The same samples give the same words."""
        from scipy import signal

        padded = np.pad(samples / FULL_SCALE, round(PAD_SECONDS * RATE))
        sound = signal.resample_poly(padded, _WHISPER_RATE, RATE).astype(np.float32)
        words = LISTENING.submit(_transcribe, self.config.model, self.language, sound).result()
        return Transcript(words, compare(text, words, self.language).error, self.name)

    def reasons(self, transcript: Transcript, text: str) -> list[str]:
        """Return why a take of `text` with this transcript is rejected, a phrase each; empty if it is accepted."""
        comparison = compare(text, transcript.words, self.language)
        if comparison.faults <= allowed(comparison.words, self.config.tolerance):
            return []
        return [f"it was heard as {quoted(transcript.words, 120)}: {comparison.describe_faults()}"]
