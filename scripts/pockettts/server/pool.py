"""The worker processes: started, kept alive, lent to one request at a time, stopped; and the queue before them.

    request -> queue (bounded, first come first served) -> worker -> samples

A worker that crashes is replaced, and its request is tried once more where the client has heard nothing yet. One that
does not stop when it is told to (its request was cancelled or is late) is killed. None outlives the server: each is
asked by `driver.die_with_parent` to end with it, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import psutil
import structlog

from pockettts.errors import EngineError, EnvironmentNotReady, PocketTTSError
from pockettts.server import frames
from pockettts.server.frames import Frame, Kind
from pockettts.upstream import child_environment, describe_exit, last_error_line

log = structlog.get_logger("pockettts.server")

LAST_SECONDS = 1.0
"""How long a worker whose pipes are closed may take to end before it is killed."""
STOP_SECONDS = 5.0
"""How long a worker may take to end at shutdown before it is killed."""
BACK_OFF_SECONDS = (0.5, 1, 2, 5, 10, 30)
"""The wait before a worker that could not start is started again: longer each time."""
BYTES_PER_SECOND = 48_000


class QueueFull(PocketTTSError):
    """As many requests wait as may; `retry_after` is in how many seconds it may be worth another try."""

    def __init__(self, waiting: int, retry_after: int) -> None:
        super().__init__(f"The server is busy: {waiting} requests wait already. Try again in {retry_after} s.")
        self.retry_after = retry_after


class TooLate(PocketTTSError):
    """The time of a request is up."""


class WorkerLost(EngineError):
    """The worker ended while it spoke; `code` is its exit code, minus the signal that ended it, or None."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class Closing(PocketTTSError):
    """The server shuts down."""


class Refused(PocketTTSError):
    """The worker answered with an error; `kind` is its class, `misuse` whether the request itself is wrong.

    `code` is the exit code of pocket-tts, where that is what failed.
    """

    def __init__(self, kind: str, message: str, exit_code: int, code: int | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.misuse = exit_code == 2
        self.exit_code = exit_code
        self.code = code


@dataclass
class Job:
    """One request to speak: what the worker is told, until when (by `time.monotonic`), and what came of it."""

    message: Mapping[str, Any]
    deadline: float
    queue_seconds: float = 0.0
    first_audio_seconds: float | None = None
    """From the arrival of the request."""
    synthesis_seconds: float = 0.0
    audio_seconds: float = 0.0
    attempts: int = 0
    arrived: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds until the deadline, at least 0."""
        return max(0.0, self.deadline - time.monotonic())


@dataclass(frozen=True)
class Limits:
    """How many workers and requests, how much memory, how much time to start and to stop speaking when told."""

    workers: int = 2
    queue: int = 32
    memory_bytes: int = 4 << 30
    start_seconds: float = 300.0
    cancel_seconds: float = 5.0


class Worker:
    """A child process that is ready to speak, or speaks."""

    def __init__(self, process: asyncio.subprocess.Process, told: Callable[[int, str], None]) -> None:
        self.process = process
        self.loss = "crashed"
        """Why it ended, should it end: in one word, for the metrics."""
        self._said: deque[str] = deque(maxlen=30)
        self._told = told
        self._asked = 0
        # A queue of whole frames: who is cancelled while waiting for one leaves no half of it behind.
        self._frames: asyncio.Queue[Frame | None] = asyncio.Queue()
        self._listening = {asyncio.create_task(self._listen()), asyncio.create_task(self._overhear())}

    @classmethod
    async def start(
        cls, command: Sequence[str], start: Mapping[str, Any], seconds: float, told: Callable[[int, str], None]
    ) -> Worker:
        """Start a worker and wait until it is ready.

        Raises `Refused` with its own error, `WorkerLost` when it ended, `TooLate`, `EnvironmentNotReady`.
        """
        environment = child_environment()
        # A voice may have to be fetched, which the library does only where this allows it.
        environment["HF_HUB_OFFLINE"] = os.environ.get("HF_HUB_OFFLINE", "0")
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
            )
        except OSError as error:
            raise EnvironmentNotReady(f"{command[0]} cannot be started: {error.strerror}.") from None
        worker = cls(process, told)
        try:
            async with asyncio.timeout(seconds):
                await worker._send(Kind.START, start)
                if (frame := await worker._frame()).kind != Kind.READY:
                    raise WorkerLost(f"A worker began with {frame.kind.name}.")
        except TimeoutError:
            await worker.kill()
            raise TooLate(f"A worker was not ready after {seconds:g} s (server.start_timeout).") from None
        except WorkerLost:
            reason = last_error_line("\n".join(worker._said))
            raise WorkerLost(f"A worker {worker.ending()} before it was ready: {reason}") from None
        except BaseException:
            await worker.kill()
            raise
        return worker

    @property
    def alive(self) -> bool:
        """Whether the process has not ended."""
        return self.process.returncode is None

    async def speak(self, message: Mapping[str, Any], hear: Callable[[bytes], None]) -> None:
        """Have a text spoken and pass its audio to `hear` part by part. Raises `Refused` and `WorkerLost`."""
        self._asked += 1
        await self._send(Kind.SPEAK, {**message, "id": self._asked})
        while (frame := await self._frame()).kind == Kind.AUDIO:
            hear(frame.payload)

    async def stop_speaking(self, seconds: float) -> bool:
        """Cancel what it speaks; says whether it is ready for another request. If not after `seconds`, it is killed."""
        try:
            async with asyncio.timeout(seconds):
                await self._send(Kind.CANCEL, {"id": self._asked})
                while (await self._frame()).kind == Kind.AUDIO:
                    pass
        except Refused:
            return True
        except (TimeoutError, WorkerLost):
            self.loss = "hung"
            await self.kill()
            return False
        return True

    def memory(self) -> int:
        """Return how many bytes of memory the process holds; 0 when it has ended."""
        try:
            return int(psutil.Process(self.process.pid).memory_info().rss)
        except psutil.Error:
            return 0

    async def kill(self) -> None:
        """End the process at once, with its group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()
        # What it said last is still in the pipe, which something that left its group may hold open.
        _, pending = await asyncio.wait(self._listening, timeout=0.2)
        for task in pending:
            task.cancel()

    async def finish(self) -> None:
        """Ask the process to end by closing its standard input, and kill it if it does not."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
        await self.kill()

    def ending(self) -> str:
        """Say how the process ended."""
        code = self.process.returncode
        return "did not answer" if code is None else describe_exit(code)

    async def _send(self, kind: Kind, values: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(frames.pack(kind, dict(values)))
            await self.process.stdin.drain()
        except (ConnectionError, RuntimeError):
            await self._lost()

    async def _frame(self) -> Frame:
        frame = await self._frames.get()
        if frame is None:
            await self._lost()
        if frame.kind == Kind.FAILED:
            raise Refused(**frame.values)
        return frame

    async def _lost(self) -> NoReturn:
        # Its pipes are closed, so it has ended as well, or is of no use.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), LAST_SECONDS)
        await self.kill()
        raise WorkerLost(f"The process that spoke {self.ending()}.", self.process.returncode)

    async def _listen(self) -> None:
        assert self.process.stdout is not None
        try:
            while (frame := await frames.receive(self.process.stdout)) is not None:
                self._frames.put_nowait(frame)
        except frames.BadFrame as error:
            log.error("a worker sent what is no message", worker=self.process.pid, reason=str(error))
        self._frames.put_nowait(None)

    async def _overhear(self) -> None:
        assert self.process.stderr is not None
        while True:
            try:
                line = await self.process.stderr.readline()
            except ValueError:
                # Longer than the buffer, which is empty again.
                continue
            if not line:
                return
            text = line.decode("utf-8", errors="replace").rstrip()
            self._said.append(text)
            self._told(self.process.pid, text)


class Pool:
    """Keeps `limits.workers` processes of `command` and lends them out. Belongs to one event loop.

    `start` is what each is told first. `on_restart` hears why a worker was replaced, in one word; `told` what one
    writes to its standard error.
    """

    def __init__(
        self,
        command: Sequence[str],
        start: Mapping[str, Any],
        limits: Limits,
        on_restart: Callable[[str], None] = lambda reason: None,
        told: Callable[[int, str], None] = lambda pid, line: None,
    ) -> None:
        self.command = command
        self.limits = limits
        self._start = start
        self._on_restart = on_restart
        self._told = told
        self._workers: set[Worker] = set()
        self._idle: list[Worker] = []
        self._waiting: deque[asyncio.Future[Worker]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        self._ever_ready = False
        self._mean_seconds = 2.0
        self.failed: asyncio.Future[PocketTTSError] = asyncio.get_running_loop().create_future()
        """Gets the reason when a worker cannot start and none ever could."""

    # --- what it looks like from outside

    @property
    def ready(self) -> int:
        """Workers that are warm and alive, busy or not."""
        return sum(worker.alive for worker in self._workers)

    @property
    def busy(self) -> int:
        """Workers that speak."""
        return len(self._workers) - len(self._idle)

    @property
    def queued(self) -> int:
        """Requests that wait for a worker."""
        return sum(not future.done() for future in self._waiting)

    @property
    def closing(self) -> bool:
        """Whether `close` was called."""
        return self._closing

    def pids(self) -> list[int]:
        """The process ids of the workers that are ready."""
        return sorted(worker.process.pid for worker in self._workers)

    def open(self) -> None:
        """Begin to start the workers; `ready` counts those that are."""
        for _ in range(self.limits.workers):
            self._spawn(self._keep())

    async def close(self) -> None:
        """Stop all workers; who still waits or listens gets `Closing`, `WorkerLost` or is cancelled."""
        self._closing = True
        for future in self._waiting:
            if not future.done():
                future.set_exception(Closing("The server is shutting down."))
        idle = list(self._idle)
        await asyncio.gather(*(worker.finish() if worker in idle else worker.kill() for worker in list(self._workers)))
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- speaking

    async def stream(self, job: Job) -> AsyncGenerator[bytes, None]:
        """Yield the audio of a job part by part, as it comes; the worker never waits for the reader.

        Raises `QueueFull`, `TooLate`, `WorkerLost`, `Refused` and `Closing`. Ending early cancels the job.
        """
        parts: asyncio.Queue[bytes | None] = asyncio.Queue()
        heard = False

        def hear(audio: bytes) -> None:
            nonlocal heard
            heard = True
            parts.put_nowait(audio)

        task = asyncio.create_task(self._speak(job, hear, lambda: not heard))
        task.add_done_callback(lambda _: parts.put_nowait(None))
        try:
            while (part := await parts.get()) is not None:
                yield part
            await task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, PocketTTSError):
                await task

    async def whole(self, job: Job) -> bytes:
        """Return all the audio of a job. Raises as `stream` does."""
        parts: list[bytes] = []

        def again() -> bool:
            parts.clear()
            return True

        await self._speak(job, parts.append, again)
        return b"".join(parts)

    async def _speak(self, job: Job, hear: Callable[[bytes], None], may_retry: Callable[[], bool]) -> None:
        try:
            await self._attempt(job, hear)
        except WorkerLost:
            if not may_retry() or self._closing:
                raise
            await self._attempt(job, hear)

    async def _attempt(self, job: Job, hear: Callable[[bytes], None]) -> None:
        asked = time.monotonic()
        try:
            worker = await self._lease(job)
        finally:
            began = time.monotonic()
            job.queue_seconds += began - asked
        job.attempts += 1
        job.audio_seconds = 0.0

        def note(audio: bytes) -> None:
            if job.first_audio_seconds is None:
                job.first_audio_seconds = time.monotonic() - job.arrived
            job.audio_seconds += len(audio) / BYTES_PER_SECOND
            hear(audio)

        settled = False
        try:
            async with asyncio.timeout(job.left):
                await worker.speak(job.message, note)
            settled = True
        except Refused:
            settled = True
            raise
        except TimeoutError:
            raise TooLate("The request took longer than the server allows and was stopped.") from None
        finally:
            job.synthesis_seconds = time.monotonic() - began
            if settled:
                self._mean_seconds += 0.2 * (job.synthesis_seconds - self._mean_seconds)
                self._give_back(worker)
            elif worker.alive:
                self._spawn(self._settle(worker))

    # --- lending

    async def _lease(self, job: Job) -> Worker:
        if self._closing:
            raise Closing("The server is shutting down.")
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
        place: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
        if job.attempts:
            # It has waited already.
            self._waiting.appendleft(place)
        elif self.queued < self.limits.queue:
            self._waiting.append(place)
        else:
            raise QueueFull(self.queued, self._retry_after())
        try:
            async with asyncio.timeout(job.left):
                return await asyncio.shield(place)
        except TimeoutError:
            self._give_up(place)
            raise TooLate("No worker was free in the time that the server allows for a request.") from None
        except BaseException:
            self._give_up(place)
            raise
        finally:
            with contextlib.suppress(ValueError):
                self._waiting.remove(place)

    def _give_up(self, place: asyncio.Future[Worker]) -> None:
        """Leave the queue; a worker that came at the last moment goes to the next."""
        if place.done() and not place.cancelled() and place.exception() is None:
            self._offer(place.result())
        place.cancel()

    def _retry_after(self) -> int:
        seconds = (self.queued + 1) * self._mean_seconds / self.limits.workers
        return max(1, min(60, math.ceil(seconds)))

    def _offer(self, worker: Worker) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(worker)
                return
        self._idle.append(worker)

    def _give_back(self, worker: Worker) -> None:
        if not worker.alive:
            return
        if (held := worker.memory()) > self.limits.memory_bytes:
            log.info("a worker holds too much memory", worker=worker.process.pid, megabytes=held >> 20)
            worker.loss = "memory"
            self._workers.discard(worker)
            self._spawn(worker.finish())
            return
        self._offer(worker)

    async def _settle(self, worker: Worker) -> None:
        """Have a worker free again whose request has ended before it did."""
        if await worker.stop_speaking(self.limits.cancel_seconds):
            self._give_back(worker)

    # --- keeping

    async def _keep(self) -> None:
        """Have one worker at all times: start it, wait for its end, and again."""
        failures = 0
        while not self._closing:
            try:
                worker = await Worker.start(self.command, self._start, self.limits.start_seconds, self._told)
            except PocketTTSError as error:
                self._report(error)
                await asyncio.sleep(BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS) - 1)])
                failures += 1
                continue
            failures = 0
            self._ever_ready = True
            self._workers.add(worker)
            self._offer(worker)
            log.debug("a worker is ready", worker=worker.process.pid)
            await worker.process.wait()
            self._workers.discard(worker)
            with contextlib.suppress(ValueError):
                self._idle.remove(worker)
            if not self._closing:
                # How one ended that we killed ourselves says nothing.
                told = {"it": worker.ending()} if worker.loss == "crashed" else {}
                log.warning("a worker is replaced", worker=worker.process.pid, reason=worker.loss, **told)
                self._on_restart(worker.loss)

    def _report(self, error: PocketTTSError) -> None:
        log.error("a worker cannot start", reason=str(error))
        self._on_restart("start")
        if not self._ever_ready and not self.failed.done():
            self.failed.set_result(error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
