"""Engine `cli`: one process of the real `pocket-tts generate` for each piece of text, text in and WAV out by pipes."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import logging
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from pockettts.audio.wav import parse_piped_wav
from pockettts.config import SynthConfig
from pockettts.engines.pieces import DEFAULT_TOKENS, Splitter, speak_in_pieces
from pockettts.errors import (
    AudioError,
    ConfigError,
    EngineFailed,
    EngineTimeout,
    ExecutableNotFound,
    NoEndOfSpeech,
)

Int16 = npt.NDArray[np.int16]

log = logging.getLogger(__name__)

DRIVER = Path(__file__).with_name("driver.py")
TAIL_SAMPLES = 4_800
"""The zeros that pocket-tts ends every WAV with: 200 ms at 24 kHz (`StreamingWAVWriter.finalize`)."""

# pocket-tts aborts now and then while Python ends, after it wrote everything.
_ABORT_SENTENCE = "terminate called without an active exception"
_ABORT_CODES = (-signal.SIGABRT, 128 + signal.SIGABRT)
_ABORT_TRIES = 3
_RUNAWAY = "without EOS"

_ENVIRONMENT = {
    "TYPER_USE_RICH": "0",  # tracebacks whose last line is the whole message
    "PYTHONUTF8": "1",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NO_COLOR": "1",
}
# Switches of pocket-tts that write files or change what is printed.
_REMOVED = ("POCKET_TTS_SAVE_WEIGHTS", "DEBUG_MIMI", "FIRST_CHUNK_LENGTH_SECONDS")

_OURS = {
    "text": "the text comes from the book",
    "output-path": "the build says where audio goes",
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

    Raises `ConfigError` for a flag that the build sets itself or that is no flag.
    """
    flags: dict[str, Scalar] = {}
    for key, value in tts_args.items():
        name = key.strip().lstrip("-").replace("_", "-")
        name = name.removeprefix("no-") if value is True else name
        if name in _OURS:
            raise ConfigError(f"synth.tts_args.{key} is not possible: {_OURS[name]}.")
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", name):
            raise ConfigError(f"synth.tts_args.{key} is not the name of a flag of pocket-tts generate.")
        if value is not False:
            flags[key.strip().lstrip("-").replace("_", "-")] = value
    limit = flags.get("max-tokens", DEFAULT_TOKENS)
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 5:
        raise ConfigError(f"synth.tts_args.max-tokens must be a whole number of at least 5 (it is {limit!r}).")
    return flags


def token_limit(flags: Mapping[str, Scalar]) -> int:
    """Return how many tokens one call may speak."""
    return int(flags.get("max-tokens", DEFAULT_TOKENS))


def option_list(synth: SynthConfig) -> list[str]:
    """Return the arguments of `pocket-tts generate` that the settings ask for."""
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
    # With the equals sign a value may begin with a dash.
    return ["-" + name, str(value)] if len(name) == 1 else [f"--{name}={value}"]


@dataclass(frozen=True, slots=True)
class Command:
    """How to start pocket-tts: by the interpreter it is installed for, which allows a seed, or else as a program."""

    program: Path
    interpreter: Path | None

    @property
    def seeded(self) -> bool:
        """Whether the driver can give it a seed."""
        return self.interpreter is not None

    def arguments(self, seed: int) -> list[str]:
        """Return the command up to `generate`."""
        if self.interpreter is None:
            return [sys.executable, "-I", "-S", str(DRIVER), "exec", str(self.program)]
        return [str(self.interpreter), str(DRIVER), str(seed)]

    def identity(self) -> dict[str, str]:
        """Return what tells this pocket-tts from others: versions, or the sha256 of the program."""
        if self.interpreter is None:
            return {"executable": hashlib.sha256(self.program.read_bytes()).hexdigest()}
        return dict(_versions(self.interpreter))


def find_command(executable: Path | None = None) -> Command:
    """Find pocket-tts: the one of this environment, or `executable`, a path or a name on PATH.

    A console script of the Python package is run by its own interpreter; anything else is run as it is. Raises
    `ExecutableNotFound`.
    """
    if executable is None:
        interpreter = Path(sys.executable)
        _versions(interpreter)
        return Command(interpreter.with_name("pocket-tts"), interpreter)
    found = shutil.which(executable)
    if found is None:
        what = "is not executable" if executable.is_file() else "is not there"
        raise ExecutableNotFound(
            f"The program {executable} {what}; correct synth.executable, or remove it to use the pocket-tts of this"
            " environment."
        )
    program = Path(found).absolute()
    script_interpreter = console_script_interpreter(program)
    if script_interpreter is not None:
        _versions(script_interpreter)
    return Command(program, script_interpreter)


def console_script_interpreter(program: Path) -> Path | None:
    """Return the interpreter of a console script that calls the Python package pocket_tts, None for anything else.

    Knows the first lines that pip, pipx and uv write: `#!/path/python`, `#!/usr/bin/env python3`, and for a path with
    spaces `#!/bin/sh` followed by `'''exec' "/path/python" "$0" "$@"`.
    """
    with program.open("rb") as file:
        head = file.read(4096).decode("utf-8", errors="replace")
    lines = head.splitlines()
    if (
        not lines
        or not lines[0].startswith("#!")
        or not re.search(r"^\s*(from|import) pocket_tts\b", head, re.MULTILINE)
    ):
        return None
    words = shlex.split(lines[0][2:])
    if len(lines) > 1 and lines[1].startswith("'''exec'"):
        words = shlex.split(lines[1].removeprefix("'''exec'"))
    if words and Path(words[0]).name == "env":
        words = [word for word in words[1:] if not word.startswith("-")]
    found = shutil.which(words[0]) if words else None
    return Path(found) if found and Path(found).name.startswith("python") else None


@functools.cache
def _versions(interpreter: Path) -> Mapping[str, str]:
    """Versions of what decides samples, in the environment of `interpreter`. Raises `ExecutableNotFound`."""
    try:
        if interpreter == Path(sys.executable):
            return {name: importlib.metadata.version(name) for name in ("pocket-tts", "torch")}
        question = "from importlib.metadata import version as v; print(v('pocket-tts'), v('torch'))"
        answer = subprocess.run(
            [interpreter, "-c", question], capture_output=True, text=True, timeout=60, check=True
        ).stdout.split()
        return dict(zip(("pocket-tts", "torch"), answer, strict=True))
    except (importlib.metadata.PackageNotFoundError, subprocess.SubprocessError, OSError, ValueError):
        raise ExecutableNotFound(
            f"pocket-tts is not installed for {interpreter}; install it with"
            f" `{interpreter} -m pip install pocket-tts`, or run `make setup`."
        ) from None


def last_error_line(stderr: str) -> str:
    """Return the line that says why a process failed: its last "SomeError: message", else its last line.

    What Python prints of an exception that it ignored is no reason; a WAV writer that was not finished leaves one.
    """
    errors: list[str] = []
    others: list[str] = []
    ignored = False
    for line in stderr.splitlines():
        if line.startswith("Exception ignored"):
            ignored = True
        elif ignored:
            ignored = line.startswith((" ", "Traceback"))
        elif re.match(r"([\w.]+(Error|Exception|Interrupt)|Error|ERROR)\b", line):
            errors.append(line.strip())
        elif line.strip() and not line.startswith((" ", "Traceback", "INFO:", "Usage:", "Try ")):
            others.append(line.strip())
    return (errors or others or ["it said nothing"])[-1]


def describe_exit(code: int) -> str:
    """Say how a process ended, by its return code as `subprocess` or a shell gives it."""
    number = -code if code < 0 else code - 128
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"failed with exit code {code}"
    hint = " (perhaps the machine ran out of memory: run fewer jobs at once)" if name == "SIGKILL" else ""
    return f"was ended by {name}{hint}"


def cut_tail(samples: Int16) -> tuple[Int16, bool]:
    """Cut the 200 ms of zeros that pocket-tts writes last; says whether they were there, hence the audio complete."""
    complete = len(samples) >= TAIL_SAMPLES and not samples[-TAIL_SAMPLES:].any()
    return (samples[:-TAIL_SAMPLES] if complete else samples), complete


def child_environment(accept_runaway: bool) -> dict[str, str]:
    """Return the environment of a pocket-tts process."""
    kept = {name: value for name, value in os.environ.items() if name not in _REMOVED}
    switches = {"KPOCKET_TTS_ERROR_WITHOUT_EOS": "0" if accept_runaway else "1", "POCKETTTS_PARENT": str(os.getpid())}
    return {**kept, **_ENVIRONMENT, **switches}


def quoted(text: str, length: int = 60) -> str:
    """Return the beginning of a text in quotation marks, for messages."""
    return f'"{text}"' if len(text) <= length else f'"{text[: length - 1].rstrip()}…"'


class CliEngine:
    """Speaks with the command line of pocket-tts. Nothing is kept between calls."""

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
        if not self.seeded:
            log.warning(
                "%s is not the Python package pocket-tts: it takes no seed, so its takes are not reproducible.",
                self._command.program,
            )

    @property
    def seeded(self) -> bool:
        """Whether the same text and seed give the same samples."""
        return self._command.seeded

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is held."""

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
        command = [*self._command.arguments(seed), "generate", "--config", str(self.runtime_yaml)]
        command += ["--voice", str(self.voice), "--text", "-", "--output-path", "-", *self._options]
        with _started(command, child_environment(accept_runaway)) as process:
            try:
                stdout, stderr = process.communicate(text.encode(), timeout=max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                said = _kill(process).decode("utf-8", errors="replace")
                raise EngineTimeout(
                    f"pocket-tts took more than {self.timeout:g} s (synth.timeout_seconds) for {quoted(text)} and was"
                    f" stopped. It last said: {last_error_line(said)}",
                    said,
                ) from None
        return self._samples(text, process.returncode, stdout, stderr.decode("utf-8", errors="replace"), accept_runaway)

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
                    raise EngineFailed(f"pocket-tts ended without an error, but: {error}", 0, reason) from None
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
    """The process aborted before its audio was complete; another run may do better."""


@contextlib.contextmanager
def _started(command: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process in a group of its own, and leave none of the group behind, whatever happens."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            start_new_session=True,
        )
    except OSError as error:
        raise ExecutableNotFound(f"{command[0]} cannot be started: {error.strerror}.") from None
    try:
        yield process
    finally:
        if process.returncode is None:
            _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> bytes:
    """Kill a process with its group; returns what it had written to stderr."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    try:
        return process.communicate(timeout=5)[1]
    except subprocess.TimeoutExpired as still:
        # Something that left the group holds the pipes open.
        return still.stderr or b""
