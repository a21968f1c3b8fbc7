"""Engine `torch`: the public Python API of pocket-tts in this process, so that a batch imports and loads once.

Its samples are those of engine `cli` for the same text and seed, so both share content keys.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pockettts.config import SynthConfig
from pockettts.engines import Engine
from pockettts.engines.cli import check_tts_args, token_limit
from pockettts.engines.pieces import Splitter, speak_in_pieces
from pockettts.errors import (
    ConfigError,
    EngineFailed,
    EngineTimeout,
    ExecutableNotFound,
    NoEndOfSpeech,
    SynthesisCancelled,
)
from pockettts.values import Int16, quoted

_EOS_SWITCH = "KPOCKET_TTS_ERROR_WITHOUT_EOS"
# The random number generator is global: two engines that speak at once would share it.
_SPEAKING = threading.Lock()


def check_settings(synth: SynthConfig) -> None:
    """Raise `ConfigError` for settings that only the command line supports."""
    if unknown := sorted(set(check_tts_args(synth.tts_args)) - {"max-tokens"}):
        raise ConfigError(f"synth.tts_args.{unknown[0]} is a flag of the command line: set engine to cli.")
    if synth.executable is not None:
        raise ConfigError("synth.executable is for engine cli; engine torch uses the pocket-tts of this environment.")


class TorchEngine(Engine):
    """Speaks with a model that stays in memory, loaded by the first call. One text at a time in a process."""

    name = "torch"

    def __init__(self, runtime_yaml: Path, voice: Path, synth: SynthConfig) -> None:
        self.runtime_yaml = runtime_yaml.absolute()
        self.voice = voice.absolute()
        self.synth = synth
        check_settings(synth)
        self._tokens = token_limit(check_tts_args(synth.tts_args))
        self._split = Splitter(self.runtime_yaml, self._tokens)
        self._model: Any = None
        self._voices: dict[Path, Any] = {}

    def close(self) -> None:
        """Release the model."""
        self._model = None
        self._voices.clear()

    def use_voice(self, voice: Path) -> None:
        """Change the exported voice, as `Engine.use_voice`."""
        self.voice = voice.absolute()

    def synthesize(self, text: str, seed: int, *, accept_runaway: bool = False) -> Int16:
        """Speak a text, as `Engine.synthesize`; also raises `UsageError` and `ModelError` as `Splitter` does."""
        pieces = self._split(text)
        with _SPEAKING, _eos_switch("0" if accept_runaway else "1"):
            deadline = time.monotonic() + self.synth.timeout_seconds
            return speak_in_pieces(pieces, seed, lambda piece, seed: self._speak(piece, seed, deadline))

    def _load(self) -> tuple[Any, Any]:
        """Return the model and the voice, loading them on first use."""
        try:
            import torch
            from pocket_tts import TTSModel
        except ImportError as error:
            raise ExecutableNotFound(
                f"Engine torch needs pocket-tts in this environment ({error}): run `make env`."
            ) from None
        synth = self.synth
        optional = {} if synth.decode_steps is None else {"sampler_decode_steps": synth.decode_steps}
        torch.set_num_threads(1)
        try:
            if self._model is None:
                model = TTSModel.load_model(
                    config=self.runtime_yaml,
                    temp=synth.temperature,
                    noise_clamp=synth.noise_clamp,
                    eos_threshold=synth.eos_threshold,
                    quantize=synth.quantize,
                    **optional,
                )
                model.max_decoder_frames_per_call = 1
                self._model = model
            if self.voice not in self._voices:
                self._voices[self.voice] = self._model.get_state_for_audio_prompt(self.voice)
            return self._model, self._voices[self.voice]
        # Upstream raises exceptions of many types for a bad file; its command line prints the same words.
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise EngineFailed(
                f"pocket-tts cannot load {self.runtime_yaml} with {self.voice}: {reason}", 1, reason
            ) from error

    def _speak(self, text: str, seed: int, deadline: float) -> Int16:
        import torch

        model, state = self._load()
        cancelled, stop = False, threading.Event()
        timer = threading.Timer(max(0.0, deadline - time.monotonic()), stop.set)
        timer.start()
        torch.manual_seed(seed)
        try:
            stream = model.generate_audio_stream(
                model_state=state,
                text_to_generate=text,
                max_tokens=self._tokens,
                frames_after_eos=self.synth.frames_after_eos,
                stop=stop,
            )
            # pocket-tts rounds like this when it writes a WAV.
            parts = []
            for part in stream:
                parts.append((part.clamp(-1, 1) * 32767).short().numpy())
                if self.cancelled():
                    cancelled = True
                    stop.set()
        except RuntimeError as error:
            if "without EOS" in str(error):
                raise NoEndOfSpeech(
                    f"pocket-tts did not find the end of {quoted(text)}: it ran to its maximum length."
                ) from None
            raise _failed(text, error) from error
        except Exception as error:
            raise _failed(text, error) from error
        finally:
            timer.cancel()
        if cancelled:
            raise SynthesisCancelled(f"Speaking {quoted(text)} was cancelled.")
        if stop.is_set():
            raise EngineTimeout(
                f"pocket-tts took more than {self.synth.timeout_seconds:g} s (synth.timeout_seconds) for {quoted(text)}"
                " and was stopped."
            )
        return np.concatenate([np.zeros(0, np.int16), *parts])


def _failed(text: str, error: Exception) -> EngineFailed:
    reason = f"{type(error).__name__}: {error}"
    return EngineFailed(f"pocket-tts failed for {quoted(text)}: {reason}", 1, reason)


@contextlib.contextmanager
def _eos_switch(value: str) -> Iterator[None]:
    before = os.environ.get(_EOS_SWITCH)
    os.environ[_EOS_SWITCH] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[_EOS_SWITCH]
        else:
            os.environ[_EOS_SWITCH] = before
