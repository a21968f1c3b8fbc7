"""The program pocket-tts: where it is, how it is started, what it printed and how it ended.

Voices are exported and chunks are spoken by it; both start it here, so that no process of it is left behind.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pockettts.errors import ExecutableNotFound

# Constants of pocket-tts 4.0.1, which a test compares with it: TTSModel, default_parameters, _decode_audio_worker.
TOKENS_PER_SECOND = 3.0
PADDING_SECONDS = 2.0
MIN_FRAMES_BEFORE_EOS = 6
DEFAULT_TEMPERATURE = 0.3
DEFAULT_EOS_THRESHOLD = -4.0
DEFAULT_DECODE_STEPS = 1
FADE_SECONDS = 0.005

POLL_SECONDS = 0.1
"""How often a running command checks whether it was cancelled."""

DRIVER = Path(__file__).with_name("driver.py")

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
        """Return what distinguishes this pocket-tts: versions, or the sha256 of the program.

        It is part of every take's key, and a key is the same on every platform: so a version goes without its local
        part, which names a build (`2.13.0+cpu` for Linux, `2.13.0` for macOS).
        """
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
    path = shutil.which(executable)
    if path is None:
        what = "is not executable" if executable.is_file() else "does not exist"
        raise ExecutableNotFound(
            f"The program {executable} {what}; correct synth.executable, or remove it to use the pocket-tts of this"
            " environment."
        )
    program = Path(path).absolute()
    script_interpreter = console_script_interpreter(program)
    if script_interpreter is not None:
        _versions(script_interpreter)
    return Command(program, script_interpreter)


def console_script_interpreter(program: Path) -> Path | None:
    """Return the interpreter of a console script that calls the Python package pocket_tts, None for anything else.

    Reads the first lines that pip, pipx and uv write: `#!/path/python`, `#!/usr/bin/env python3`, and for a path with
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
    interpreter = shutil.which(words[0]) if words else None
    return Path(interpreter) if interpreter and Path(interpreter).name.startswith("python") else None


@functools.cache
def _versions(interpreter: Path) -> Mapping[str, str]:
    """Versions of what decides samples, in the environment of `interpreter`. Raises `ExecutableNotFound`."""
    try:
        if interpreter == Path(sys.executable):
            return {name: public_version(importlib.metadata.version(name)) for name in ("pocket-tts", "torch")}
        question = "from importlib.metadata import version as v; print(v('pocket-tts'), v('torch'))"
        answer = subprocess.run(
            [interpreter, "-c", question], capture_output=True, text=True, timeout=60, check=True
        ).stdout.split()
        return dict(zip(("pocket-tts", "torch"), map(public_version, answer), strict=True))
    except (importlib.metadata.PackageNotFoundError, subprocess.SubprocessError, OSError, ValueError):
        raise ExecutableNotFound(
            f"pocket-tts is not installed for {interpreter}; install it with"
            f" `{interpreter} -m pip install pocket-tts`, or run `make env`."
        ) from None


def public_version(version: str) -> str:
    """Return a version without its local part (PEP 440), which names the build of a release: `2.13.0+cpu`."""
    return version.partition("+")[0]


def last_error_line(stderr: str) -> str:
    """Return the line with the reason why a process failed: its last "SomeError: message", else its last line.

    Exceptions that Python reports as ignored do not count: an unfinished WAV writer leaves one.
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
    return (errors or others or ["it printed nothing"])[-1]


def describe_exit(code: int) -> str:
    """Return how a process ended, by its return code as `subprocess` or a shell gives it."""
    number = -code if code < 0 else code - 128
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"failed with exit code {code}"
    hint = " (perhaps the machine ran out of memory: run fewer jobs at once)" if name == "SIGKILL" else ""
    return f"was killed by {name}{hint}"


def child_environment(**switches: str) -> dict[str, str]:
    """Return the environment of a pocket-tts process, with these further variables."""
    kept = {name: value for name, value in os.environ.items() if name not in _REMOVED}
    return {**kept, **_ENVIRONMENT, "POCKETTTS_PARENT": str(os.getpid()), **switches}


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that ended by itself."""

    code: int
    stdout: bytes
    stderr: str


class CommandTimeout(Exception):
    """A process was killed because its time was up; `stderr` is what it had printed."""

    def __init__(self, stderr: str) -> None:
        super().__init__("pocket-tts timed out")
        self.stderr = stderr


class CommandCancelled(Exception):
    """A process was killed because its result is not needed any more."""


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    timeout: float,
    stdin: bytes = b"",
    cancelled: Callable[[], bool] = lambda: False,
) -> Finished:
    """Run a command to its end, in a process group of its own, of which no process is left behind.

    Raises `CommandTimeout` after `timeout` seconds, `CommandCancelled` soon after `cancelled` became true, and
    `ExecutableNotFound` if it cannot be started.
    """
    deadline = time.monotonic() + timeout
    unsent: bytes | None = stdin
    with _started(command, environment) as process:
        while True:
            try:
                wait = min(POLL_SECONDS, max(0.0, deadline - time.monotonic()))
                stdout, stderr = process.communicate(unsent, timeout=wait)
                break
            except subprocess.TimeoutExpired:
                unsent = None
                if cancelled():
                    raise CommandCancelled from None
                if time.monotonic() >= deadline:
                    raise CommandTimeout(_kill(process).decode("utf-8", errors="replace")) from None
    return Finished(process.returncode, stdout, stderr.decode("utf-8", errors="replace"))


@contextlib.contextmanager
def _started(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process in a group of its own, and leave none of the group behind."""
    try:
        process = subprocess.Popen(
            list(command),
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
