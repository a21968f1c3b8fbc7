"""The pool of workers, with workers that have no model and every fault."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import psutil
import pytest

from pockettts.errors import EnvironmentNotReady
from pockettts.server.errors import DeadlineExceeded, QueueFull, WorkerDied, WorkerError
from pockettts.server.pool import Pool, PoolLimits
from support import ROOT
from support.fakes.server_worker import noise, slow_noise
from support.pools import job, open_pool, until


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_every_job_gets_the_audio_of_its_own_text() -> None:
    async def test() -> None:
        async with open_pool(workers=2, queue=20) as pool:
            jobs = [job(f"text number {n}", seed=n % 3, voice="ab"[n % 2]) for n in range(20)]
            answers = await asyncio.gather(*(pool.whole(one) for one in jobs))
            for one, audio in zip(jobs, answers, strict=True):
                assert audio == noise(one.request.text, str(one.request.voice), one.request.seed or 0)
                assert one.audio_seconds == len(audio) / 48_000
            assert pool.busy == pool.queued == 0

    run(test)


def test_a_stream_comes_part_by_part_and_does_not_keep_the_worker_from_others() -> None:
    async def test() -> None:
        async with open_pool() as pool:
            stream = pool.stream(job("hello"))
            first = await anext(stream)
            assert await pool.whole(job("another")) == noise("another", "a", 1)
            assert first + b"".join([part async for part in stream]) == noise("hello", "a", 1)

    run(test)


def test_the_queue_is_bounded_and_served_in_order() -> None:
    async def test() -> None:
        async with open_pool(queue=2) as pool:
            slow = asyncio.create_task(pool.whole(job("slow 20")))
            await until(lambda: pool.busy == 1)
            done: list[str] = []

            async def ask(text: str) -> None:
                await pool.whole(job(text))
                done.append(text)

            waiting = [asyncio.create_task(ask(text)) for text in ("first", "second")]
            await until(lambda: pool.queued == 2)
            with pytest.raises(QueueFull, match="2 requests are waiting") as full:
                await pool.whole(job("third"))
            assert 1 <= full.value.retry_after <= 60
            await asyncio.gather(slow, *waiting)
            assert done == ["first", "second"]

    run(test)


def test_waiting_counts_towards_the_deadline() -> None:
    async def test() -> None:
        async with open_pool() as pool:
            slow = asyncio.create_task(pool.whole(job("slow 30")))
            await until(lambda: pool.busy == 1)
            with pytest.raises(DeadlineExceeded, match="No worker was free"):
                await pool.whole(late := job("hello", seconds=0.3))
            assert pool.queued == 0
            assert late.queue_seconds == pytest.approx(0.3, abs=0.2)
            await slow
            assert await pool.whole(job("hello")) == noise("hello", "a", 1)

    run(test)


def test_a_cancelled_request_frees_its_worker_and_keeps_it() -> None:
    async def test() -> None:
        async with open_pool() as pool:
            (worker,) = pool.pids()
            slow = asyncio.create_task(pool.whole(job("slow 1000")))
            await until(lambda: pool.busy == 1)
            await asyncio.sleep(0.2)
            slow.cancel()
            stream = pool.stream(job("slow 1000"))
            await anext(stream)
            await stream.aclose()
            assert await pool.whole(job("hello")) == noise("hello", "a", 1)
            assert pool.pids() == [worker]
            assert pool.reasons == []

    run(test)


def test_a_job_that_is_cancelled_in_the_queue_gives_its_place_to_the_next() -> None:
    async def test() -> None:
        async with open_pool(queue=2) as pool:
            slow = asyncio.create_task(pool.whole(job("slow 10")))
            await until(lambda: pool.busy == 1)
            leaver, next_one = (asyncio.create_task(pool.whole(job(text))) for text in ("leaver", "next"))
            await until(lambda: pool.queued == 2)
            leaver.cancel()
            await until(lambda: pool.queued == 1)
            assert await next_one == noise("next", "a", 1)
            await slow
            assert pool.busy == pool.queued == 0

    run(test)


@pytest.mark.parametrize("ends", ["late", "cancelled"])
def test_a_hung_worker_is_killed_and_replaced(ends: str) -> None:
    async def test() -> None:
        async with open_pool() as pool:
            (worker,) = pool.pids()
            hung = asyncio.create_task(pool.whole(job("hang", seconds=0.5 if ends == "late" else 60)))
            await until(lambda: pool.busy == 1)
            if ends == "cancelled":
                hung.cancel()
            with pytest.raises(DeadlineExceeded if ends == "late" else asyncio.CancelledError):
                await hung
            assert await pool.whole(job("hello")) == noise("hello", "a", 1)
            assert gone(worker)
            assert pool.reasons == ["hung"]

    run(test)


def test_a_request_whose_worker_crashes_is_tried_once_more(tmp_path: Path) -> None:
    async def test() -> None:
        async with open_pool() as pool:
            text = f"crash-once {tmp_path / 'mark'}"
            one = job(text)
            assert await pool.whole(one) == noise(text, "a", 1)
            assert one.attempts == 2
            with pytest.raises(WorkerDied, match="exit code 7"):
                await pool.whole(job("crash"))
            assert await pool.whole(job("hello")) == noise("hello", "a", 1)
            assert pool.reasons == ["crashed"] * 3

    run(test)


def test_audio_that_was_sent_is_not_sent_again() -> None:
    async def test() -> None:
        async with open_pool() as pool:
            one = job("crash-late")
            stream = pool.stream(one)
            assert await anext(stream) == noise("crash-late", "a", 1)
            with pytest.raises(WorkerDied):
                await anext(stream)
            assert one.attempts == 1

    run(test)


def test_a_worker_killed_from_outside_is_replaced_busy_or_idle() -> None:
    async def test() -> None:
        async with open_pool(workers=2) as pool:
            before = pool.pids()
            texts = ["slow 10 first", "slow 10 second"]
            answers = [asyncio.create_task(pool.whole(job(text))) for text in texts]
            await until(lambda: pool.busy == 2)
            os.kill(before[0], signal.SIGKILL)
            assert await asyncio.gather(*answers) == [slow_noise(10, text, "a", 1) for text in texts]
            await until(lambda: pool.ready == 2)
            os.kill(before[1], signal.SIGKILL)
            await until(lambda: before[1] not in pool.pids() and pool.ready == 2)
            assert await pool.whole(job("hello")) == noise("hello", "a", 1)

    run(test)


def test_an_error_with_a_sentence_is_passed_on() -> None:
    async def test() -> None:
        async with open_pool() as pool:
            with pytest.raises(WorkerError, match="nothing to speak") as refused:
                await pool.whole(job("refuse"))
            assert refused.value.misuse
            with pytest.raises(WorkerError) as refused:
                await pool.whole(job("runaway"))
            assert (refused.value.kind, refused.value.misuse) == ("NoEndOfSpeech", False)
            assert pool.reasons == []

    run(test)


def test_what_a_library_prints_does_not_disturb_the_messages() -> None:
    async def test() -> None:
        async with open_pool() as pool:
            text = "print " + "x" * 200_000
            assert await pool.whole(job(text)) == noise(text, "a", 1)

    run(test)


def test_a_worker_that_uses_too_much_memory_is_replaced() -> None:
    async def test() -> None:
        async with open_pool(memory_bytes=90 << 20) as pool:
            (worker,) = pool.pids()
            await pool.whole(job("hello"))
            assert pool.pids() == [worker]
            assert await pool.whole(job("eat")) == noise("eat", "a", 1)
            assert await pool.whole(job("hello")) == noise("hello", "a", 1)
            assert gone(worker)
            assert pool.reasons == ["memory"]

    run(test)


@pytest.mark.parametrize(
    ("start", "kind", "sentence"),
    [
        ({"refuse": "There is no voice 'x'."}, WorkerError, "no voice 'x'"),
        ({"die": True}, WorkerDied, "exit code 9 before it was ready: RuntimeError: no such model"),
    ],
)
def test_a_worker_that_cannot_start_says_why(start: dict, kind: type[Exception], sentence: str) -> None:
    async def test() -> None:
        async with open_pool(start=start) as pool:
            with pytest.raises(kind, match=sentence):
                raise pool.failed.result()
            assert pool.ready == 0

    run(test)


def test_a_command_that_is_not_a_worker() -> None:
    async def test(command: list[str]) -> Exception:
        pool = Pool(command, {}, PoolLimits(workers=1, start_seconds=3))
        pool.open()
        try:
            return await asyncio.wait_for(pool.failed, 30)
        finally:
            await pool.close()

    assert isinstance(asyncio.run(test(["/no/such/program"])), EnvironmentNotReady)
    assert isinstance(asyncio.run(test([sys.executable, "-c", "print('hello world')"])), WorkerDied)
    assert isinstance(asyncio.run(test([sys.executable, "-c", "import time; time.sleep(60)"])), DeadlineExceeded)


def test_closing_leaves_no_process_and_no_job_waiting() -> None:
    async def test() -> None:
        async with open_pool(workers=2) as pool:
            pids = pool.pids()
            asked = [asyncio.create_task(pool.whole(job("hang"))) for _ in range(3)]
            await until(lambda: pool.queued == 1)
            await pool.close()
            results = await asyncio.gather(*asked, return_exceptions=True)
            assert all(isinstance(result, Exception) for result in results)
            assert all(gone(pid) for pid in pids)

    run(test)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_workers_end_with_a_server_that_is_killed() -> None:
    program = (
        "import asyncio\n"
        "from pockettts.server import logs; logs.configure('error')\n"
        "from support.pools import job, open_pool, until\n"
        "async def main():\n"
        "    async with open_pool(workers=2) as pool:\n"
        "        asyncio.create_task(pool.whole(job('hang')))\n"
        "        await until(lambda: pool.busy == 1)\n"
        "        print(*pool.pids(), flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    server = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment)
    assert server.stdout is not None
    pids = [int(word) for word in server.stdout.readline().split()]
    server.kill()
    server.wait()
    assert len(pids) == 2
    until_then = time.monotonic() + 20
    while not all(gone(pid) for pid in pids):
        assert time.monotonic() < until_then
        time.sleep(0.05)
