"""The handle of a worker process: started, asked to speak, cancelled, measured, ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, Self

import psutil
import structlog

from pockettts.errors import EnvironmentNotReady
from pockettts.server.errors import DeadlineExceeded, WorkerDied, WorkerError
from pockettts.server.job import SynthesisRequest
from pockettts.server.worker import messages
from pockettts.server.worker.messages import Message, MessageKind
from pockettts.upstream import child_environment, describe_exit, last_error_line

log = structlog.get_logger("pockettts.server")

EXIT_SECONDS = 1.0
"""How long a worker whose pipes are closed may take to end before it is killed."""
STOP_SECONDS = 5.0
"""How long a worker may take to end at shutdown before it is killed."""

OnLine = Callable[[int, str], None]
"""Receives the process id of a worker and a line that it wrote to its standard error."""


async def receive(stream: asyncio.StreamReader) -> Message | None:
    """Read a message as `messages.read` does, from a stream of asyncio."""
    try:
        size, kind = messages.parse_header(await stream.readexactly(messages.HEADER.size))
        return Message(kind, await stream.readexactly(size))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


class WorkerProcess:
    """A child process that is ready to speak, or speaks."""

    def __init__(self, process: asyncio.subprocess.Process, on_line: OnLine) -> None:
        self.process = process
        self.loss = "crashed"
        """Why the process ended, if it has: one word, for the metrics."""
        self._on_line = on_line
        self._last_lines: deque[str] = deque(maxlen=30)
        self._requests = 0
        # Whole messages are queued, so that a cancelled reader never leaves half a message.
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue()
        self._readers = {asyncio.create_task(self._read_messages()), asyncio.create_task(self._read_lines())}

    @classmethod
    async def start(cls, command: Sequence[str], start: Mapping[str, Any], seconds: float, on_line: OnLine) -> Self:
        """Start a worker and wait until it is ready.

        Raises `WorkerError` with the worker's own error, `WorkerDied`, `DeadlineExceeded` and `EnvironmentNotReady`.
        """
        environment = child_environment()
        # A voice may have to be downloaded, which the library does only where this allows it.
        environment["HF_HUB_OFFLINE"] = os.environ.get("HF_HUB_OFFLINE", "0")
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
            )
        except OSError as error:
            raise EnvironmentNotReady(f"{command[0]} cannot be started: {error.strerror}.") from None
        worker = cls(process, on_line)
        try:
            async with asyncio.timeout(seconds):
                await worker._send(MessageKind.START, start)
                if (message := await worker._receive()).kind != MessageKind.READY:
                    raise WorkerDied(f"A worker began with {message.kind.name}.")
        except TimeoutError:
            await worker.kill()
            raise DeadlineExceeded(f"A worker was not ready after {seconds:g} s (server.start_timeout).") from None
        except WorkerDied:
            reason = last_error_line("\n".join(worker._last_lines))
            end = worker.describe_end()
            await worker.kill()
            raise WorkerDied(f"A worker {end} before it was ready: {reason}") from None
        except BaseException:
            await worker.kill()
            raise
        return worker

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether the process has not ended."""
        return self.process.returncode is None

    async def speak(self, request: SynthesisRequest, on_audio: Callable[[bytes], None]) -> None:
        """Speak a request and pass its audio to `on_audio` part by part. Raises `WorkerError` and `WorkerDied`."""
        self._requests += 1
        await self._send(MessageKind.SPEAK, {"id": self._requests, "request": request.model_dump()})
        while (message := await self._receive()).kind == MessageKind.AUDIO:
            on_audio(message.payload)

    async def stop_speaking(self, seconds: float) -> bool:
        """Cancel the current request; return whether the worker can take a new one. After `seconds` it is killed."""
        try:
            async with asyncio.timeout(seconds):
                await self._send(MessageKind.CANCEL, {"id": self._requests})
                while (await self._receive()).kind == MessageKind.AUDIO:
                    pass
        except WorkerError:
            return True
        except (TimeoutError, WorkerDied):
            self.loss = "hung"
            await self.kill()
            return False
        return True

    def memory_bytes(self) -> int:
        """Return the resident memory of the process in bytes; 0 when it has ended."""
        try:
            return int(psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:
            return 0

    async def kill(self) -> None:
        """End the process at once, with its group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        await self.process.wait()
        # Its last lines are still in the pipe, which a process that left the group may hold open.
        _, pending = await asyncio.wait(self._readers, timeout=0.2)
        for task in pending:
            task.cancel()

    async def finish(self) -> None:
        """Ask the process to end by closing its standard input, and kill it if it does not."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
        await self.kill()

    def describe_end(self) -> str:
        """Return how the process ended, as the end of a sentence about it."""
        code = self.process.returncode
        return "did not answer" if code is None else describe_exit(code)

    async def _send(self, kind: MessageKind, values: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(messages.pack(kind, dict(values)))
            await self.process.stdin.drain()
        except (ConnectionError, RuntimeError):
            await self._raise_died()

    async def _receive(self) -> Message:
        message = await self._messages.get()
        if message is None:
            await self._raise_died()
        if message.kind == MessageKind.FAILED:
            raise WorkerError(**message.values)
        return message

    async def _raise_died(self) -> NoReturn:
        # Its pipes are closed, so the process has ended as well, or is of no use.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), EXIT_SECONDS)
        await self.kill()
        raise WorkerDied(f"The worker process {self.describe_end()}.", self.process.returncode)

    async def _read_messages(self) -> None:
        assert self.process.stdout is not None
        try:
            while (message := await receive(self.process.stdout)) is not None:
                self._messages.put_nowait(message)
        except messages.BadMessage as error:
            log.error("bad message from a worker", worker=self.pid, reason=str(error))
        self._messages.put_nowait(None)

    async def _read_lines(self) -> None:
        assert self.process.stderr is not None
        while True:
            try:
                line = await self.process.stderr.readline()
            except ValueError:
                # The line was longer than the buffer, which is empty again.
                continue
            if not line:
                return
            text = line.decode("utf-8", errors="replace").rstrip()
            self._last_lines.append(text)
            self._on_line(self.pid, text)
