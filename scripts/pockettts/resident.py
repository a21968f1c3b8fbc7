"""pocket-tts commands without their start: a resident process that has the model loaded forks a child for each.

What runs in the child is `driver.py`: the real command, with arguments and standard streams of its own. It is isolated,
can be killed alone, and gives the bytes of a fresh process. Above `upstream`, below the engines.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from pockettts.errors import ExecutableNotFound
from pockettts.upstream import (
    DRIVER,
    POLL_SECONDS,
    CommandCancelled,
    CommandTimeout,
    Finished,
    child_environment,
)

_BLOCK = 65_536


class ResidentCommand:
    """Runs commands of the pocket-tts of `interpreter`. Starts its process at the first command; `close` ends it."""

    def __init__(self, interpreter: Path) -> None:
        self._interpreter = interpreter
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._replies: IO[bytes] | None = None

    def close(self) -> None:
        """End the resident process. It starts again with the next command."""
        for end in (self._replies, self._channel):
            if end is not None:
                end.close()
        self._channel = self._replies = None
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait()
            self._process = None

    def run(
        self,
        arguments: Sequence[str],
        seed: int,
        environment: Mapping[str, str],
        timeout: float,
        stdin: bytes = b"",
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Finished:
        """Run one command to its end, like `upstream.run`, whose errors it raises."""
        deadline = time.monotonic() + timeout
        channel = self._opened()
        request = {"seed": seed, "arguments": list(arguments), "environment": dict(environment)}
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            pipes = [os.pipe() for _ in range(3)]
            stdin_end, *outputs = (pipes[0][1], pipes[1][0], pipes[2][0])
            child_ends = (pipes[0][0], pipes[1][1], pipes[2][1])
            writer = ours.enter_context(open(stdin_end, "wb", buffering=0))
            readers = [ours.enter_context(open(end, "rb", buffering=0)) for end in outputs]
            for end in child_ends:
                theirs.callback(os.close, end)
            try:
                socket.send_fds(channel, [json.dumps(request).encode() + b"\n"], list(child_ends))
            except OSError:
                return self._ended(b"")
            theirs.close()
            return self._communicate(writer, readers, stdin, deadline, cancelled)

    def _opened(self) -> socket.socket:
        if self._channel is not None:
            return self._channel
        ours, theirs = socket.socketpair()
        with theirs:
            command = [str(self._interpreter), str(DRIVER), "resident", str(theirs.fileno())]
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    env=child_environment(),
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                raise ExecutableNotFound(f"{command[0]} cannot be started: {error.strerror}.") from None
        self._channel, self._replies = ours, ours.makefile("rb")
        return ours

    def _communicate(
        self,
        writer: IO[bytes],
        readers: Sequence[IO[bytes]],
        stdin: bytes,
        deadline: float,
        cancelled: Callable[[], bool],
    ) -> Finished:
        assert self._channel is not None
        parts: dict[IO[bytes], list[bytes]] = {reader: [] for reader in readers}
        child: int | None = None
        unsent = memoryview(stdin)
        with selectors.DefaultSelector() as selector:
            for reader in readers:
                selector.register(reader, selectors.EVENT_READ)
            selector.register(self._channel, selectors.EVENT_READ)
            os.set_blocking(writer.fileno(), False)
            selector.register(writer, selectors.EVENT_WRITE)
            while any(reader in selector.get_map() for reader in readers):
                for key, _ in selector.select(POLL_SECONDS):
                    if key.fileobj is writer:
                        with contextlib.suppress(BrokenPipeError):
                            unsent = unsent[writer.write(unsent) or 0 :] if unsent else unsent
                        if not unsent:
                            selector.unregister(writer)
                            writer.close()
                    elif key.fileobj is self._channel:
                        selector.unregister(self._channel)
                        line = self._reply()
                        if not line:
                            return self._ended(b"".join(parts[readers[1]]))
                        child = int(line)
                    else:
                        reader = next(reader for reader in readers if reader is key.fileobj)
                        if block := reader.read(_BLOCK):
                            parts[reader].append(block)
                        else:
                            selector.unregister(reader)
                unwanted = cancelled()
                if unwanted or time.monotonic() >= deadline:
                    self._kill(child)
                    if unwanted:
                        raise CommandCancelled
                    raise CommandTimeout(b"".join(parts[readers[1]]).decode("utf-8", errors="replace"))
        stdout, stderr = (b"".join(parts[reader]) for reader in readers)
        line = b"0" if child is not None else self._reply()
        end = self._reply()
        if not line or not end:
            return self._ended(stderr)
        return Finished(int(end), stdout, stderr.decode("utf-8", errors="replace"))

    def _reply(self) -> bytes:
        """Return the next line of the resident process; empty where it has ended."""
        assert self._replies is not None
        try:
            return self._replies.readline()
        except ConnectionResetError:  # it was killed before it had read all that was sent
            return b""

    def _kill(self, child: int | None) -> None:
        """Kill a child with its group; before there is one, the resident process, which is still loading."""
        if child is None:
            self.close()
            return
        # A child that has just been forked does not lead a group yet.
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(child, signal.SIGKILL)
        if not self._reply():
            self.close()

    def _ended(self, stderr: bytes) -> Finished:
        """Return the end of the resident process as that of the command."""
        code = self._process.wait() if self._process is not None else 1
        self.close()
        return Finished(code, b"", stderr.decode("utf-8", errors="replace"))
