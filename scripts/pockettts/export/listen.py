"""A quantised bundle judged by what is heard, beside the figures of `verify`: words and level, against PyTorch.

Small errors of every step are what int8 costs, and no bound on an array says whether speech survives them. So sentences
are spoken by PyTorch and by the bundle, and Whisper (the extra `asr`) hears both. What PyTorch's own speech does not
tell Whisper, as with a model that babbles, cannot be asked of the bundle: then the level is judged and nothing else.
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
UNDERSTOOD = 0.5
"""The largest word error rate of PyTorch's speech with which it is speech."""
WORSE = 0.1
"""How much larger the word error rate of the bundle may be."""
LOUDER = 1.5
"""Decibels that the levels may differ by."""


def level(samples: Int16) -> float:
    """Return the RMS level of samples in dB of full scale."""
    return float(10 * np.log10(np.mean(np.square(samples / 32768.0)) + 1e-12))


def judge_words(theirs: float, ours: float) -> tuple[bool, str]:
    """Return whether the bundle's word error rate `ours` is good enough beside PyTorch's `theirs`, and what to say."""
    told = f"word error rate {ours:.0%}, PyTorch's {theirs:.0%}"
    if theirs > UNDERSTOOD:
        return True, f"{told}: the model itself is not understood, so nothing can be said"
    return ours <= theirs + WORSE, told


def speak_both(bundle: Path, runtime: Path, model: Any, recording: npt.NDArray[np.float32]) -> list[list[Int16]]:
    """Return the sentences as PyTorch and as the bundle speak them, with the voice of `recording`, shape (samples,)."""
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


def judge_level(theirs: float, ours: float) -> tuple[bool, str]:
    """Return whether the bundle is as loud as PyTorch, both in dB, and what to say."""
    return abs(ours - theirs) <= LOUDER, f"{ours:.1f} dB, PyTorch's {theirs:.1f} dB"


def listen(spoken: Sequence[Sequence[Int16]]) -> list[tuple[str, bool, str]]:
    """Judge the sentences as `speak_both` returns them: (what was judged, whether it passed, what to say) for each."""
    found = [("level", *judge_level(*(level(np.concatenate(list(samples))) for samples in spoken)))]
    try:
        ear = Ear(QaConfig(asr="all"), "en")
    except EnvironmentNotReady:
        return [*found, ("words", True, "not heard: the extra asr is not installed")]
    errors = [
        float(np.mean([ear.hear(take, text).error for take, text in zip(samples, SENTENCES, strict=True)]))
        for samples in spoken
    ]
    return [*found, ("words", *judge_words(*errors))]
