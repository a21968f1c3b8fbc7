"""Calls of `pockettts`, in this process with what a shell would see of them, or on a terminal."""

import contextlib
import io
import logging
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from pockettts.cli import app
from pockettts.errors import run_main


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


Call = Callable[..., Answer]


@contextlib.contextmanager
def logging_restored() -> Iterator[None]:
    """A program may set up logging as it likes; the next test must not find it so."""
    root, ours = logging.getLogger(), logging.getLogger("pockettts")
    before = list(root.handlers), root.level, ours.level
    root.handlers = []
    try:
        yield
    finally:
        root.handlers = before[0]
        root.setLevel(before[1])
        ours.setLevel(before[2])


def caller(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Call:
    """Return a function that calls the command with arguments and standard input; it never shows a traceback."""

    def call(*arguments: str, stdin: bytes | None = None) -> Answer:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin or b"")))
        with pytest.raises(SystemExit) as ended, logging_restored():
            run_main(lambda: app(args=list(arguments), prog_name="pockettts"))
        out, err = capsysbinary.readouterr()
        answer = Answer(int(ended.value.code or 0), out.decode("utf-8", "replace"), err.decode())
        assert "Traceback" not in answer.err
        return answer

    return call


def on_terminal(*command: str, columns: int = 60) -> tuple[int, str]:
    """Run a program on a terminal of its own; returns its exit code and what was seen there."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns)}
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    seen = b""
    # The terminal is gone when the last program on it has ended.
    with contextlib.suppress(OSError):
        while part := os.read(ours, 65_536):
            seen += part
    os.close(ours)
    return process.wait(60), seen.decode()
