"""The server in trouble: many clients, stopped workers, few files, little memory; the long tries are marked slow."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from support.fakes.server_worker import noise, slow_noise
from support.servers import Running, fake_server

HAS_IPV6 = socket.has_ipv6


def workers_of(server: Running) -> list[psutil.Process]:
    return sorted(psutil.Process(server.process.pid).children(), key=lambda child: child.pid)


def spoken(server: Running, number: int) -> bool:
    """Ask for a text of one's own until there is room, and return whether the answer is its audio."""
    text, voice = f"text number {number}", ("bundled", "other")[number % 2]
    body = {"text": text, "voice": voice, "seed": number, "format": "pcm", "stream": number % 3 == 0}
    while (reply := server.ask("/tts", body)).status == 429:
        time.sleep(0.02)
    return reply.status == 200 and reply.body == noise(text, voice, number)


def test_64_clients_each_get_their_own_audio() -> None:
    with fake_server(workers=2, queue=64) as server, ThreadPoolExecutor(64) as threads:
        server.wait_ready(2)
        assert all(threads.map(lambda number: spoken(server, number), range(256)))


def test_no_client_waits_for_others_that_came_later() -> None:
    with fake_server(workers=2, queue=64) as server:
        server.wait_ready(2)
        answers: Counter[int] = Counter()
        until = time.monotonic() + 3

        def ask(client: int) -> None:
            while time.monotonic() < until:
                assert server.ask("/tts", {"text": "slow 1", "seed": client}).status == 200
                answers[client] += 1

        with ThreadPoolExecutor(16) as threads:
            list(threads.map(ask, range(16)))
        assert max(answers.values()) <= min(answers.values()) + 2, answers


@pytest.mark.parametrize("when", ["idle", "busy"])
def test_a_worker_that_is_stopped_is_replaced_and_the_others_go_on(when: str) -> None:
    with fake_server(engine="cli", workers=2, request_timeout=4) as server, ThreadPoolExecutor(2) as threads:
        server.wait_ready(2)
        before = workers_of(server)
        if when == "busy":
            asked = [threads.submit(server.ask, "/tts", {"text": "slow 30"}) for _ in range(2)]
            server.until(lambda: server.metric("pockettts_workers_busy") == 2)
        os.kill(before[0].pid, signal.SIGSTOP)
        if when == "idle":
            asked = [threads.submit(server.ask, "/tts", {"text": "slow 20"}) for _ in range(2)]
        replies = [future.result() for future in asked]
        assert sorted(reply.status for reply in replies) == [200, 504]
        assert next(reply.body for reply in replies if reply.status == 200)[44:] == slow_noise(
            30 if when == "busy" else 20, "slow 30" if when == "busy" else "slow 20", "bundled", 0
        )
        server.until(lambda: server.metric('pockettts_worker_restarts_total{reason="hung"}') == 1)
        server.wait_ready(2)
        assert before[0].pid not in [worker.pid for worker in workers_of(server)]
        assert spoken(server, 1)


@pytest.mark.skipif(not HAS_IPV6, reason="there is no IPv6")
def test_it_serves_ipv6() -> None:
    with fake_server(listen="[::1]:0", wyoming_addr=None) as server:
        server.wait_ready()
        assert server.address.startswith("http://[::1]:")
        assert spoken(server, 1)


def test_it_survives_a_lack_of_file_descriptors() -> None:
    with fake_server(nofile=48, header_timeout=5) as server:
        server.wait_ready()
        assert server.wait_log(level="warning")["event"] == "max_connections needs more open files than are allowed"
        clients = []
        for _ in range(80):
            client = socket.socket()
            client.settimeout(30)
            client.connect(("127.0.0.1", server.port))
            clients.append(client)
        # A worker that dies now cannot be replaced before some are closed.
        time.sleep(0.5)
        for client in clients:
            client.close()
        server.until(lambda: spoken(server, 1))
        assert not [line for line in server.log if line["event"] == "a request failed by a defect"]


def test_a_worker_without_memory_is_an_error_of_its_request_alone() -> None:
    with fake_server(start={"megabytes": 300}) as server:
        server.wait_ready()
        reply = server.ask("/tts", {"text": "devour"})
        assert (reply.status, reply.json["kind"]) == (500, "worker_lost")
        server.wait_ready()
        assert spoken(server, 1)


@pytest.mark.parametrize("signals", [1, 2])
def test_under_load_a_signal_leaves_whole_answers_or_errors(signals: int) -> None:
    """Every answer is the whole audio or says that there is none; none is cut off as if it were whole."""
    outcomes: Counter[str] = Counter()
    lock = threading.Lock()
    with fake_server(workers=2, queue=8, shutdown_timeout=20) as server:
        server.wait_ready(2)

        def ask(client: int) -> None:
            for turn in range(1_000):
                try:
                    reply = server.ask("/tts", {"text": "slow 4", "seed": client, "format": "pcm"})
                    whole = reply.status == 200 and reply.body == slow_noise(4, "slow 4", "bundled", client)
                    outcome = "whole" if whole else str(reply.status)
                # Refused, or broken off without its end.
                except OSError:
                    outcome = "refused"
                with lock:
                    outcomes[outcome] += 1
                if outcome == "refused" or turn == 999:
                    return

        with ThreadPoolExecutor(16) as threads:
            asked = [threads.submit(ask, client) for client in range(16)]
            server.until(lambda: outcomes["whole"] > 20)
            if signals == 2:
                server.process.send_signal(signal.SIGTERM)
                server.wait_log(event="shutting down")
            code = server.stop()
            for future in asked:
                future.result()
    assert set(outcomes) <= {"whole", "429", "503", "refused"}, outcomes
    assert code == (0 if signals == 1 else code)
    assert code in (0, 1)
