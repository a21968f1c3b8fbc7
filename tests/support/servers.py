"""Servers for tests: the program with fake workers, on a free port, and ways to talk to it."""

from __future__ import annotations

import contextlib
import json
import logging
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from pockettts.errors import run_main

# Not through a proxy that the environment may name.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Fork:
    """A fork of this process that runs `server_program`; its imports, a second and a half of CPU, happen once.

    Has what tests use of `subprocess.Popen`.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        read, write = os.pipe()
        self._process = multiprocessing.get_context("fork").Process(target=_serve, args=(values, write), daemon=True)
        self._process.start()
        os.close(write)
        self.stderr: TextIO = os.fdopen(read, encoding="utf-8", errors="replace")

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float = 60) -> int:
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("a fake server", timeout)
            time.sleep(0.01)
        return code

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()


def _serve(values: dict[str, Any], stderr: int) -> None:
    from support.fakes import server_program

    os.dup2(stderr, 2)
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    # Those of pytest have files that are closed below.
    logging.getLogger().handlers.clear()
    # Nothing of the tests' own: a connection of a client must end when the client closes it.
    os.closerange(3, 4096)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", buffering=1, closefd=False)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    run_main(lambda: server_program.serve(values))


@dataclass
class Running:
    """A server process; `log` has its lines, as they came."""

    process: subprocess.Popen[str] | Fork
    log: list[dict[str, Any]] = field(default_factory=list)
    noise: list[str] = field(default_factory=list)

    def listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            try:
                self.log.append(json.loads(line))
            except ValueError:
                self.noise.append(line)

    def wait_log(self, seconds: float = 60, **values: Any) -> dict[str, Any]:
        """Wait for a line of the log with these values."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for line in list(self.log):
                if values.items() <= line.items():
                    return line
            if self.process.poll() is not None and not values.items() <= (self.log or [{}])[-1].items():
                time.sleep(0.2)
                break
            time.sleep(0.02)
        if found := [line for line in self.log if values.items() <= line.items()]:
            return found[0]
        raise AssertionError(f"no line of the log has {values}:\n{self.log[-20:]}\n{''.join(self.noise)}")

    @property
    def address(self) -> str:
        return str(self.wait_log(event="listening")["address"])

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def ask(self, path: str, body: Any = None, timeout: float = 60, **headers: str) -> Answer:
        """GET, or POST a body: bytes as they are, anything else as JSON."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json", **names})
        try:
            with OPENER.open(request, timeout=timeout) as reply:
                return Answer(reply.status, lower(reply.headers), reply.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, lower(error.headers), error.read())

    def wait_ready(self, workers: int = 1, seconds: float = 120) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            reply = self.ask("/ready")
            if reply.status == 200 and reply.json["workers"] >= workers:
                return
            time.sleep(0.05)
        raise AssertionError(f"not ready: {self.log}")

    def metric(self, name: str) -> float:
        """Return a line of /metrics."""
        for line in self.ask("/metrics").body.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        return 0.0

    def until(self, true: Callable[[], bool], seconds: float = 30) -> None:
        limit = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < limit, self.log[-5:]
            time.sleep(0.02)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def stop(self, number: int = signal.SIGTERM, seconds: float = 60) -> int:
        self.process.send_signal(number)
        return self.process.wait(seconds)


def lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def running(
    command: list[str], cwd: Path | None = None, **environment: str
) -> contextlib.AbstractContextManager[Running]:
    """Run a server program until the end of the block."""
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        cwd=cwd,
        env={**os.environ, **environment},
        # A run in the background has Ctrl-C ignored, which its children inherit.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    return _watched(process)


@contextlib.contextmanager
def _watched(process: subprocess.Popen[str] | Fork) -> Iterator[Running]:
    server = Running(process)
    listener = threading.Thread(target=server.listen, daemon=True)
    listener.start()
    try:
        yield server
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        listener.join(5)


def fake_server(**settings: Any) -> contextlib.AbstractContextManager[Running]:
    """Run a server with fake workers."""
    # Imported before the fork, so that every fork has it.
    import support.fakes.server_program  # noqa: F401

    return _watched(Fork({"listen": "127.0.0.1:0", "workers": 1, **settings}))
