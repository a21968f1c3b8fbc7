"""The pool of worker processes: started, kept alive, lent to one request at a time, stopped; and the queue before them.

    job -> queue (bounded, first come, first served) -> worker -> samples

A worker that crashes is replaced, and its job is tried once more if no audio was sent. One that does not stop after its
job was cancelled or is late is killed. None outlives the server: each ends when its standard input does, and
`driver.die_with_parent` ends it where the server is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from pockettts.errors import PocketTTSError
from pockettts.server.errors import DeadlineExceeded, QueueFull, ShuttingDown, WorkerDied, WorkerError
from pockettts.server.job import Job
from pockettts.server.worker.process import OnLine, WorkerProcess

log = structlog.get_logger("pockettts.server")

BACK_OFF_SECONDS = (0.5, 1, 2, 5, 10, 30)
"""The wait before a worker that could not start is started again: longer each time."""
BYTES_PER_SECOND = 48_000


@dataclass(frozen=True)
class PoolLimits:
    """How many workers and waiting jobs, and what a worker may take: memory, time to start, time to stop a job."""

    workers: int = 2
    queue: int = 32
    memory_bytes: int = 4 << 30
    start_seconds: float = 300.0
    cancel_seconds: float = 5.0


class Pool:
    """Keeps `limits.workers` processes of `command` and lends them to jobs. Belongs to one event loop.

    `start` is the first message to each. `on_restart` receives the reason, in one word, when a worker is replaced;
    `on_line` what a worker writes to its standard error.
    """

    def __init__(
        self,
        command: Sequence[str],
        start: Mapping[str, Any],
        limits: PoolLimits,
        on_restart: Callable[[str], None] = lambda reason: None,
        on_line: OnLine = lambda pid, line: None,
    ) -> None:
        self.command = command
        self.limits = limits
        self._start = start
        self._on_restart = on_restart
        self._on_line = on_line
        self._workers: set[WorkerProcess] = set()
        self._idle: list[WorkerProcess] = []
        self._waiting: deque[asyncio.Future[WorkerProcess]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        self._ever_ready = False
        self._mean_seconds = 2.0
        self.failed: asyncio.Future[PocketTTSError] = asyncio.get_running_loop().create_future()
        """Gets the reason when a worker cannot start and none ever could."""

    # --- its state

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
        """Jobs that wait for a worker."""
        return sum(not future.done() for future in self._waiting)

    @property
    def closing(self) -> bool:
        """Whether `close` was called."""
        return self._closing

    def pids(self) -> list[int]:
        """Return the process ids of the workers that are ready."""
        return sorted(worker.pid for worker in self._workers)

    def open(self) -> None:
        """Begin to start the workers; `ready` counts those that are."""
        for _ in range(self.limits.workers):
            self._spawn(self._keep())

    async def close(self) -> None:
        """Stop all workers. Waiting jobs raise `ShuttingDown`; running ones raise `WorkerDied` or are cancelled."""
        self._closing = True
        for future in self._waiting:
            if not future.done():
                future.set_exception(ShuttingDown("The server is shutting down."))
        idle = list(self._idle)
        await asyncio.gather(*(worker.finish() if worker in idle else worker.kill() for worker in list(self._workers)))
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- speaking

    async def stream(self, job: Job) -> AsyncGenerator[bytes, None]:
        """Yield the audio of a job part by part, as it is made; the worker never waits for the reader.

        Raises `QueueFull`, `DeadlineExceeded`, `WorkerDied`, `WorkerError` and `ShuttingDown`. Closing the generator
        early cancels the job.
        """
        parts: asyncio.Queue[bytes | None] = asyncio.Queue()
        audio_came = False

        def on_audio(audio: bytes) -> None:
            nonlocal audio_came
            audio_came = True
            parts.put_nowait(audio)

        task = asyncio.create_task(self._speak(job, on_audio, lambda: not audio_came))
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

        def start_over() -> bool:
            parts.clear()
            return True

        await self._speak(job, parts.append, start_over)
        return b"".join(parts)

    async def _speak(self, job: Job, on_audio: Callable[[bytes], None], may_retry: Callable[[], bool]) -> None:
        try:
            await self._attempt(job, on_audio)
        except WorkerDied:
            if not may_retry() or self._closing:
                raise
            await self._attempt(job, on_audio)

    async def _attempt(self, job: Job, on_audio: Callable[[bytes], None]) -> None:
        queued = time.monotonic()
        try:
            worker = await self._lease(job)
        finally:
            began = time.monotonic()
            job.queue_seconds += began - queued
        job.attempts += 1
        job.audio_seconds = 0.0

        def measured(audio: bytes) -> None:
            if job.first_audio_seconds is None:
                job.first_audio_seconds = time.monotonic() - job.arrived
            job.audio_seconds += len(audio) / BYTES_PER_SECOND
            on_audio(audio)

        settled = False
        try:
            async with asyncio.timeout(job.seconds_left):
                await worker.speak(job.request, measured)
            settled = True
        except WorkerError:
            settled = True
            raise
        except TimeoutError:
            raise DeadlineExceeded("The request took longer than the server allows and was stopped.") from None
        finally:
            job.synthesis_seconds = time.monotonic() - began
            if settled:
                self._mean_seconds += 0.2 * (job.synthesis_seconds - self._mean_seconds)
                self._give_back(worker)
            elif worker.alive:
                self._spawn(self._settle(worker))

    # --- lending

    async def _lease(self, job: Job) -> WorkerProcess:
        if self._closing:
            raise ShuttingDown("The server is shutting down.")
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
        place: asyncio.Future[WorkerProcess] = asyncio.get_running_loop().create_future()
        if job.attempts:
            # It has waited already.
            self._waiting.appendleft(place)
        elif self.queued < self.limits.queue:
            self._waiting.append(place)
        else:
            raise QueueFull(self.queued, self._retry_after())
        try:
            async with asyncio.timeout(job.seconds_left):
                return await asyncio.shield(place)
        except TimeoutError:
            self._leave_queue(place)
            raise DeadlineExceeded("No worker was free in the time that the server allows for a request.") from None
        except BaseException:
            self._leave_queue(place)
            raise
        finally:
            with contextlib.suppress(ValueError):
                self._waiting.remove(place)

    def _leave_queue(self, place: asyncio.Future[WorkerProcess]) -> None:
        """Give up a place in the queue; a worker that came at the last moment goes to the next job."""
        if place.done() and not place.cancelled() and place.exception() is None:
            self._offer(place.result())
        place.cancel()

    def _retry_after(self) -> int:
        seconds = (self.queued + 1) * self._mean_seconds / self.limits.workers
        return max(1, min(60, math.ceil(seconds)))

    def _offer(self, worker: WorkerProcess) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(worker)
                return
        self._idle.append(worker)

    def _give_back(self, worker: WorkerProcess) -> None:
        if not worker.alive:
            return
        if (memory := worker.memory_bytes()) > self.limits.memory_bytes:
            log.info("a worker uses too much memory", worker=worker.pid, megabytes=memory >> 20)
            worker.loss = "memory"
            self._workers.discard(worker)
            self._spawn(worker.finish())
            return
        self._offer(worker)

    async def _settle(self, worker: WorkerProcess) -> None:
        """Make a worker free again whose job ended before the worker did."""
        if await worker.stop_speaking(self.limits.cancel_seconds):
            self._give_back(worker)

    # --- keeping

    async def _keep(self) -> None:
        """Keep one worker running: start it, wait for its end, start the next."""
        failures = 0
        while not self._closing:
            try:
                worker = await WorkerProcess.start(self.command, self._start, self.limits.start_seconds, self._on_line)
            except PocketTTSError as error:
                self._report(error)
                await asyncio.sleep(BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS) - 1)])
                failures += 1
                continue
            failures = 0
            self._ever_ready = True
            self._workers.add(worker)
            self._offer(worker)
            log.debug("a worker is ready", worker=worker.pid)
            await worker.process.wait()
            self._workers.discard(worker)
            with contextlib.suppress(ValueError):
                self._idle.remove(worker)
            if not self._closing:
                # The end of one that the server killed itself explains nothing.
                details = {"end": worker.describe_end()} if worker.loss == "crashed" else {}
                log.warning("a worker is replaced", worker=worker.pid, reason=worker.loss, **details)
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
