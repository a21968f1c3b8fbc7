"""Compares the speech of a quantized bundle with that of PyTorch: words and level, after the arrays of `verify`.

int8 adds a small error at every step, and a limit on arrays does not show whether speech stays intelligible. So PyTorch
and the bundle speak the same sentences, and Whisper (the extra `asr`) transcribes both. If Whisper does not understand
PyTorch's own output, as with a model of random weights, only the level is compared.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pockettts.config import QaConfig, SynthConfig
from pockettts.ear import Ear
from pockettts.engines import Engine
from pockettts.engines.onnx import OnnxEngine
from pockettts.engines.torch import TorchEngine
from pockettts.errors import EnvironmentNotReady
from pockettts.values import Int16

SENTENCES = (
    "The road was white and dry, and he was not tired.",
    "She opened the window and looked at the garden for a long time.",
    "My brother keeps a small shop near the old bridge.",
    "We shall have rain before the evening, said the captain.",
    "Nobody knew who had written the letter.",
)
MAX_REFERENCE_ERROR = 0.5
"""The largest word error rate of PyTorch at which its speech counts as understood."""
MAX_ERROR_INCREASE = 0.1
"""How much larger the word error rate of the bundle may be."""
MAX_LEVEL_DIFFERENCE = 1.5
"""The largest difference between the levels, in decibels."""


def level(samples: Int16) -> float:
    """Return the RMS level of samples in dB of full scale."""
    return float(10 * np.log10(np.mean(np.square(samples / 32768.0)) + 1e-12))


def judge_words(reference: float, candidate: float) -> tuple[bool, str]:
    """Return whether the bundle's word error rate passes beside that of PyTorch, and a note for the report."""
    note = f"word error rate {candidate:.0%}, PyTorch's {reference:.0%}"
    if reference > MAX_REFERENCE_ERROR:
        return True, f"{note}: PyTorch itself is not understood, so words are not compared"
    return candidate <= reference + MAX_ERROR_INCREASE, note


def speak_both(bundle: Path, runtime: Path, model: Any, recording: npt.NDArray[np.float32]) -> list[list[Int16]]:
    """Return the sentences spoken by PyTorch and by the bundle, with the voice of `recording`, shape (samples,)."""
    import torch
    from pocket_tts import export_model_state

    with tempfile.TemporaryDirectory() as folder:
        voice = Path(folder) / "voice.safetensors"
        export_model_state(model.get_state_for_audio_prompt(torch.from_numpy(recording)[None]), voice)
        engines: Sequence[Engine] = (
            TorchEngine(runtime, voice, SynthConfig()),
            OnnxEngine(runtime, voice, SynthConfig(precision="int8"), bundle),
        )
        spoken = []
        for engine in engines:
            with engine:
                spoken.append([engine.synthesize(text, 0, accept_runaway=True) for text in SENTENCES])
        return spoken


def judge_level(reference: float, candidate: float) -> tuple[bool, str]:
    """Return whether the bundle is as loud as PyTorch, both in dB, and a note for the report."""
    passed = abs(candidate - reference) <= MAX_LEVEL_DIFFERENCE
    return passed, f"{candidate:.1f} dB, PyTorch's {reference:.1f} dB"


def listen(spoken: Sequence[Sequence[Int16]]) -> list[tuple[str, bool, str]]:
    """Judge the sentences as `speak_both` returns them. Each check is a name, whether it passed, and a note."""
    checks = [("level", *judge_level(*(level(np.concatenate(list(samples))) for samples in spoken)))]
    try:
        ear = Ear(QaConfig(asr="all"), "en")
    except EnvironmentNotReady:
        return [*checks, ("words", True, "not transcribed: the extra asr is not installed")]
    errors = [
        float(np.mean([ear.hear(take, text).error for take, text in zip(samples, SENTENCES, strict=True)]))
        for samples in spoken
    ]
    return [*checks, ("words", *judge_words(*errors))]
