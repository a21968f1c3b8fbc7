"""Pools of workers that have no model and every fault."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from pockettts.server.job import Job, SynthesisRequest
from pockettts.server.pool import Pool, PoolLimits
from support import FAKES

WORKER = (sys.executable, str(FAKES / "server_worker.py"))


def job(text: str, seconds: float = 30, seed: int = 1, voice: str = "a") -> Job:
    return Job(SynthesisRequest(text=text, voice=voice, seed=seed), time.monotonic() + seconds)


class LoggedPool(Pool):
    """A pool that keeps its reasons to replace a worker."""

    def __init__(self, start: dict, limits: PoolLimits) -> None:
        self.reasons: list[str] = []
        super().__init__(WORKER, start, limits, self.reasons.append)


@asynccontextmanager
async def open_pool(
    workers: int = 1, queue: int = 8, start: dict | None = None, **limits: Any
) -> AsyncIterator[LoggedPool]:
    pool = LoggedPool(start or {}, PoolLimits(workers=workers, queue=queue, **{"cancel_seconds": 0.5, **limits}))
    pool.open()
    try:
        await until(lambda: pool.ready == workers or pool.failed.done())
        yield pool
    finally:
        await pool.close()


async def until(true: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.02)
