"""Engine `cli`: one process of the real `pocket-tts generate` for each piece of text, text in and WAV out by pipes."""

from __future__ import annotations

import contextlib
import logging
import re
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pockettts.audio.wav import parse_piped_wav
from pockettts.config import SynthConfig
from pockettts.engines import Engine
from pockettts.engines.pieces import DEFAULT_TOKENS, Splitter, speak_in_pieces
from pockettts.errors import (
    AudioError,
    ConfigError,
    EngineFailed,
    EngineTimeout,
    ExecutableNotFound,
    NoEndOfSpeech,
    SynthesisCancelled,
)
from pockettts.resident import ResidentCommand
from pockettts.upstream import (
    CommandCancelled,
    CommandTimeout,
    child_environment,
    describe_exit,
    find_command,
    last_error_line,
    run,
)
from pockettts.values import Int16, quoted

log = logging.getLogger(__name__)

TAIL_SAMPLES = 4_800
"""The zeros that pocket-tts ends every WAV with: 200 ms at 24 kHz (`StreamingWAVWriter.finalize`)."""

# pocket-tts sometimes aborts while Python shuts down, after it wrote everything.
_ABORT_SENTENCE = "terminate called without an active exception"
_ABORT_CODES = (-signal.SIGABRT, 128 + signal.SIGABRT)
_ABORT_TRIES = 3
_RUNAWAY = "without EOS"

_RESERVED_FLAGS = {
    "text": "the text comes from the book",
    "output-path": "the build decides where audio goes",
    "config": "set model in config.yaml",
    "language": "set model in config.yaml",
    "voice": "set voice in config.yaml",
    "quiet": "its messages are needed to see whether a take is complete",
    "q": "its messages are needed to see whether a take is complete",
    "temperature": "set synth.temperature",
    "sampler-decode-steps": "set synth.decode_steps",
    "lsd-decode-steps": "set synth.decode_steps",
    "noise-clamp": "set synth.noise_clamp",
    "eos-threshold": "set synth.eos_threshold",
    "frames-after-eos": "set synth.frames_after_eos",
    "quantize": "set synth.quantize",
    "seed": "set synth.seed; every take has its own seed",
    "help": "it makes no audio",
}

Scalar = str | int | float | bool


def check_tts_args(tts_args: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Return extra flags by their names on the command line, without those that are false.

    Raises `ConfigError` for a flag that the build sets itself and for an invalid name.
    """
    flags: dict[str, Scalar] = {}
    for key, value in tts_args.items():
        name = key.strip().lstrip("-").replace("_", "-")
        name = name.removeprefix("no-") if value is True else name
        if name in _RESERVED_FLAGS:
            raise ConfigError(f"synth.tts_args.{key} is not possible: {_RESERVED_FLAGS[name]}.")
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", name):
            raise ConfigError(f"synth.tts_args.{key} is not the name of a flag of pocket-tts generate.")
        if value is not False:
            flags[key.strip().lstrip("-").replace("_", "-")] = value
    limit = flags.get("max-tokens", DEFAULT_TOKENS)
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 5:
        raise ConfigError(f"synth.tts_args.max-tokens must be a whole number of at least 5 (it is {limit!r}).")
    return flags


def token_limit(flags: Mapping[str, Scalar]) -> int:
    """Return the largest number of tokens that one call speaks."""
    return int(flags.get("max-tokens", DEFAULT_TOKENS))


def option_list(synth: SynthConfig) -> list[str]:
    """Return the arguments of `pocket-tts generate` for the settings."""
    values: dict[str, Scalar | None] = {
        "temperature": synth.temperature,
        "sampler-decode-steps": synth.decode_steps,
        "noise-clamp": synth.noise_clamp,
        "eos-threshold": synth.eos_threshold,
        "frames-after-eos": synth.frames_after_eos,
        "quantize": synth.quantize or None,
        **check_tts_args(synth.tts_args),
    }
    return [part for name, value in values.items() if value is not None for part in _option(name, value)]


def _option(name: str, value: Scalar) -> list[str]:
    dashes = "-" if len(name) == 1 else "--"
    if value is True:
        return [dashes + name]
    # The equals sign allows a value that begins with a dash.
    return ["-" + name, str(value)] if len(name) == 1 else [f"--{name}={value}"]


def cut_tail(samples: Int16) -> tuple[Int16, bool]:
    """Cut the final 200 ms of zeros. Return the rest, and whether the zeros were present and so the audio complete."""
    complete = len(samples) >= TAIL_SAMPLES and not samples[-TAIL_SAMPLES:].any()
    return (samples[:-TAIL_SAMPLES] if complete else samples), complete


class CliEngine(Engine):
    """Speaks with the command line of pocket-tts, one command per text.

    The commands are forked by a resident process that has loaded the model; with `synth.fresh_process` each is a new
    process. Both give the same samples.
    """

    name = "cli"

    def __init__(self, runtime_yaml: Path, voice: Path, synth: SynthConfig) -> None:
        self.runtime_yaml = runtime_yaml.absolute()
        self.voice = voice.absolute()
        self.timeout = synth.timeout_seconds
        self.aborts = 0
        """Processes that aborted after complete audio."""
        self._options = option_list(synth)
        self._split = Splitter(self.runtime_yaml, token_limit(check_tts_args(synth.tts_args)))
        self._command = find_command(synth.executable)
        interpreter = self._command.interpreter
        forked = interpreter is not None and not synth.fresh_process
        self._resident = ResidentCommand(interpreter) if interpreter is not None and forked else None
        if not self.seeded:
            log.warning(
                "%s is not the Python package pocket-tts: it takes no seed, so its takes are not reproducible.",
                self._command.program,
            )

    @property
    def seeded(self) -> bool:
        """Whether the same text and seed give the same samples."""
        return self._command.seeded

    def close(self) -> None:
        """End the resident process."""
        if self._resident is not None:
            self._resident.close()

    def use_voice(self, voice: Path) -> None:
        """Change the exported voice, as `Engine.use_voice`."""
        self.voice = voice.absolute()

    def synthesize(self, text: str, seed: int, *, accept_runaway: bool = False) -> Int16:
        """Speak a text, as `Engine.synthesize`; also raises `UsageError` and `ModelError` as `Splitter` does."""
        deadline = time.monotonic() + self.timeout

        def speak(piece: str, piece_seed: int) -> Int16:
            for _ in range(_ABORT_TRIES - 1):
                with contextlib.suppress(_Aborted):
                    return self._speak(piece, piece_seed, deadline, accept_runaway)
            return self._speak(piece, piece_seed, deadline, accept_runaway)

        return speak_in_pieces(self._split(text), seed, speak)

    def _speak(self, text: str, seed: int, deadline: float, accept_runaway: bool) -> Int16:
        arguments = ["generate", "--config", str(self.runtime_yaml), "--voice", str(self.voice)]
        arguments += ["--text", "-", "--output-path", "-", *self._options]
        environment = child_environment(KPOCKET_TTS_ERROR_WITHOUT_EOS="0" if accept_runaway else "1")
        try:
            left = deadline - time.monotonic()
            if self._resident is not None:
                done = self._resident.run(arguments, seed, environment, left, text.encode(), self.cancelled)
            else:
                command = [*self._command.arguments(seed), *arguments]
                done = run(command, environment, left, text.encode(), self.cancelled)
        except CommandCancelled:
            raise SynthesisCancelled(f"Speaking {quoted(text)} was cancelled.") from None
        except CommandTimeout as timeout:
            raise EngineTimeout(
                f"pocket-tts took more than {self.timeout:g} s (synth.timeout_seconds) for {quoted(text)} and was"
                f" stopped. Its last message: {last_error_line(timeout.stderr)}",
                timeout.stderr,
            ) from None
        return self._samples(text, done.code, done.stdout, done.stderr, accept_runaway)

    def _samples(self, text: str, code: int, stdout: bytes, stderr: str, accept_runaway: bool) -> Int16:
        if not accept_runaway and _RUNAWAY in stderr:
            raise NoEndOfSpeech(f"pocket-tts did not find the end of {quoted(text)}: it ran to its maximum length.")
        reason = last_error_line(stderr)
        if not self.seeded and code == 1 and reason.startswith("cannot start"):
            raise ExecutableNotFound(f"{self._command.program} {reason}; correct synth.executable.")
        if code == 0 or code in _ABORT_CODES:
            try:
                samples, complete = cut_tail(parse_piped_wav(stdout))
            except AudioError as error:
                if code == 0:
                    raise EngineFailed(f"pocket-tts exited without an error, but: {error}", 0, reason) from None
                samples, complete = np.zeros(0, np.int16), False
            if code == 0:
                return samples
            if complete and _ABORT_SENTENCE in stderr:
                self.aborts += 1
                log.info("pocket-tts aborted after complete audio (%d times so far); the audio is used.", self.aborts)
                return samples
        failure = _Aborted if code in _ABORT_CODES else EngineFailed
        raise failure(f"pocket-tts {describe_exit(code)} for {quoted(text)}: {reason}", code, reason)


class _Aborted(EngineFailed):
    """The process aborted before its audio was complete; it may succeed when run again."""
