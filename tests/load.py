"""Load the server with 1, 2, 4, 16 and 64 clients and write the results to results/load.md: `make load`.

`make load-docs` writes them into docs/SERVER.md too.

Bounded, and on loopback: it starts `pockettts serve` on a free port, with the bundled model. Each client sends request
after request, each with its own text and seed, and every answer is compared with the one that a single client got for
the same text and seed: nothing may be lost, or swapped between clients. After that: 500 requests with the memory before
and after, the CPU time of a request, and how soon a worker is free again when its client leaves.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import http.client
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from pockettts.bench.environment import BUSY_PERCENT, record_environment
from pockettts.bench.report import fill_marks

CLIENTS = (1, 2, 4, 16, 64)
SENTENCES = (
    "The road was white and dry.",
    "Nobody had seen the ferry leave that morning.",
    "She counted the boats twice and went home.",
    "Rain came in from the west before noon.",
)
SEEDS = 3
RATE = 24_000


@dataclass(frozen=True)
class Request:
    """One text with its seed."""

    text: str
    seed: int


REQUESTS = tuple(Request(text, seed) for seed in range(SEEDS) for text in SENTENCES)


@dataclass
class Tally:
    """The results of one round. Times in seconds."""

    clients: int
    seconds: float = 0.0
    audio: float = 0.0
    times: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    refused: int = 0
    wrong: list[str] = field(default_factory=list)
    per_client: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def fairness(self) -> float:
        """Jain's index of the answers per client: 1 when all got as many, 1/n when one got all."""
        counts = self.per_client
        squares = len(counts) * sum(count * count for count in counts)
        return sum(counts) ** 2 / squares if squares else 0.0


def ask(connection: http.client.HTTPConnection, request: Request) -> tuple[int, bytes, float, float]:
    """Send a request; return the status, the body, and the seconds to its first byte of audio and to its end."""
    began = time.monotonic()
    body = json.dumps({"text": request.text, "seed": request.seed, "format": "pcm", "stream": True})
    connection.request("POST", "/tts", body, {"Content-Type": "application/json"})
    reply = connection.getresponse()
    head = reply.read(1)
    first = time.monotonic() - began
    return reply.status, head + reply.read(), first, time.monotonic() - began


def run_client(number: int, port: int, until: float, expected: dict[Request, str], tally: Tally) -> None:
    """Send requests until the time is up; wait after a 429."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    turn = number
    while time.monotonic() < until:
        request = REQUESTS[turn % len(REQUESTS)]
        try:
            status, body, first, whole = ask(connection, request)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            with tally.lock:
                tally.wrong.append(f"client {number}: {type(error).__name__}")
            continue
        with tally.lock:
            if status == 429:
                tally.refused += 1
            elif status != 200:
                tally.wrong.append(f"client {number}: status {status}")
            elif hashlib.sha256(body).hexdigest() != expected[request]:
                tally.wrong.append(f"client {number}: not the audio of {request}")
            else:
                tally.times.append(whole)
                tally.first.append(first)
                tally.audio += len(body) / 2 / RATE
                tally.per_client[number] += 1
        if status == 429:
            # Not all at the same moment.
            time.sleep(min(1.0, max(0.0, until - time.monotonic())) * (0.5 + number % 8 / 16))
        else:
            turn += 1
    connection.close()


def run_round(clients: int, port: int, seconds: float, expected: dict[Request, str]) -> Tally:
    """Load the server for some seconds."""
    tally = Tally(clients, per_client=[0] * clients)
    began = time.monotonic()
    with ThreadPoolExecutor(clients) as threads:
        for number in range(clients):
            threads.submit(run_client, number, port, began + seconds, expected, tally)
    tally.seconds = time.monotonic() - began
    return tally


@contextlib.contextmanager
def started(arguments: Sequence[str]) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Run `pockettts serve` on a free port; gives the port."""
    command = [sys.executable, "-m", "pockettts.cli", "serve", "--listen", "127.0.0.1:0", "--log-format", "json"]
    server = subprocess.Popen([*command, "--log-level", "info", *arguments], stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    port = 0
    lines = []
    for line in server.stderr:
        lines.append(line)
        with contextlib.suppress(ValueError):
            values = json.loads(line)
            if values.get("event") == "listening":
                port = int(values["address"].rpartition(":")[2])
                break
    if not port:
        sys.exit("".join(lines) or "error: the server did not start.")
    threading.Thread(target=lambda: [None for _ in server.stderr or ()], daemon=True).start()
    try:
        yield port, server
    finally:
        server.terminate()
        server.wait(60)


def wait_ready(port: int, workers: int, seconds: float = 300) -> None:
    """Wait until all workers are warm."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/ready")
        reply = connection.getresponse()
        body = reply.read()
        connection.close()
        if reply.status == 200 and json.loads(body)["workers"] == workers:
            return
        time.sleep(0.1)
    sys.exit("error: the workers were not ready in time.")


def record_alone(port: int) -> dict[Request, str]:
    """Return the sha256 of the answer to each request of a single client."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    expected = {}
    for request in REQUESTS:
        status, body, _, _ = ask(connection, request)
        if status != 200:
            sys.exit(f"error: {request} got the status {status}: {body.decode(errors='replace')}")
        expected[request] = hashlib.sha256(body).hexdigest()
    connection.close()
    if len(set(expected.values())) < len(REQUESTS):
        sys.exit("error: two requests gave the same audio, so a mix-up would not be seen.")
    return expected


def long_text(port: int) -> str:
    """Return, as a sentence, when the first audio of a text of many sentences comes, and when all of it."""
    text = " ".join(SENTENCES * 8)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    status, body, first, whole = ask(connection, Request(text, 0))
    connection.close()
    if status != 200:
        sys.exit(f"error: the long text got the status {status}.")
    length = f"A text of {len(text)} characters ({len(body) / 2 / RATE:.0f} s of audio), alone"
    return f"{length}: first audio after {first:.2f} s, all of it after {whole:.2f} s."


def memory_of(server: psutil.Process) -> tuple[int, int]:
    """Return the resident memory of the server and of all its workers, in bytes."""
    workers = [worker.memory_info().rss for worker in server.children()]
    return int(server.memory_info().rss), sum(workers)


def cpu_of(server: psutil.Process) -> float:
    """Return the seconds of CPU that the server and its workers have used."""
    times = [process.cpu_times() for process in (server, *server.children())]
    return float(sum(time.user + time.system for time in times))


def endure(port: int, server: psutil.Process, expected: dict[Request, str], number: int) -> str:
    """Send many requests from one client, and return their CPU time and the memory before and after as a sentence."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    before, cpu = memory_of(server), cpu_of(server)
    for turn in range(number):
        request = REQUESTS[turn % len(REQUESTS)]
        status, body, _, _ = ask(connection, request)
        if status != 200 or hashlib.sha256(body).hexdigest() != expected[request]:
            sys.exit(f"error: request {turn} of {number} was lost or wrong (status {status}).")
    connection.close()
    after, each = memory_of(server), (cpu_of(server) - cpu) / number
    sizes = [f"{size / 2**20:.0f}" for size in (before[0], after[0], before[1], after[1])]
    return (
        f"{number} requests of one client, all right: {each * 1000:.0f} ms of CPU each; the server holds {sizes[0]} MiB"
        f" before and {sizes[1]} MiB after, its workers {sizes[2]} and {sizes[3]} MiB."
    )


def busy_workers(port: int) -> int:
    """Return the metric of that name."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return int(float(text.partition("\npockettts_workers_busy ")[2].split()[0]))


def leave(port: int, server: psutil.Process, times: int = 10) -> str:
    """Leave in the middle of a long chunk, and return how soon the worker is free again as a sentence."""
    workers = {worker.pid for worker in server.children()}
    waits = []
    for _ in range(times):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        body = json.dumps({"text": " ".join(SENTENCES * 4), "chunk": False})
        connection.request("POST", "/tts", body, {"Content-Type": "application/json"})
        while not busy_workers(port):
            time.sleep(0.002)
        time.sleep(0.1)
        connection.close()
        left = time.monotonic()
        while busy_workers(port):
            time.sleep(0.002)
        waits.append(time.monotonic() - left)
    killed = len(workers - {worker.pid for worker in server.children()})
    return (
        f"{times} clients that left in the middle of a chunk of 30 s: their worker was free again after"
        f" {statistics.median(waits) * 1000:.0f} ms (median; at most {max(waits) * 1000:.0f} ms), {killed} were killed."
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of the values lies; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def table(tallies: Sequence[Tally]) -> str:
    """Return the result as a table in Markdown."""
    columns = "clients, answers/s, s of audio/s, p50 s, p95 s, p99 s, first audio p50 s, fairness, refused (429), lost"
    names = columns.split(", ")
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for tally in tallies:
        p50, p95, p99 = (percentile(tally.times, share) for share in (0.5, 0.95, 0.99))
        first = statistics.median(tally.first) if tally.first else 0.0
        rates = f"{len(tally.times) / tally.seconds:.1f} | {tally.audio / tally.seconds:.1f}"
        times = f"{p50:.2f} | {p95:.2f} | {p99:.2f} | {first:.2f}"
        lines.append(
            f"| {tally.clients} | {rates} | {times} | {tally.fairness:.2f} | {tally.refused} | {len(tally.wrong)} |"
        )
    return "\n".join(lines)


def fill(page: Path, text: str) -> None:
    """Put a text between the marks of a page."""
    before = page.read_text(encoding="utf-8")
    if "<!-- bench:load -->" not in before:
        sys.exit(f"error: {page} has no <!-- bench:load -->.")
    page.write_text(fill_marks(before, {"load": lambda: text}), encoding="utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", default="onnx", help="cli, torch or onnx")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--queue", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=15, help="of each round")
    parser.add_argument("--clients", type=int, nargs="+", default=list(CLIENTS))
    parser.add_argument("--requests", type=int, default=500, help="of the try with the memory before and after")
    parser.add_argument("--out", type=Path, default=Path("results/load.md"))
    parser.add_argument("--docs", type=Path, help="a page to fill between <!-- bench:load --> and <!-- /bench -->")
    options = parser.parse_args()
    flags = ["--engine", options.engine, "--workers", str(options.workers), "--queue", str(options.queue)]
    before = record_environment()
    with started(flags) as (port, server):
        wait_ready(port, options.workers)
        expected = record_alone(port)
        alone = long_text(port)
        process = psutil.Process(server.pid)
        tallies = []
        for clients in options.clients:
            tallies.append(run_round(clients, port, options.seconds, expected))
            print(table(tallies).splitlines()[-1], flush=True)
        more = [endure(port, process, expected, options.requests), leave(port, process)]
        print(*more, sep="\n", flush=True)
    wrong = [line for tally in tallies for line in tally.wrong]
    busy = before["busy_percent"]
    machine = f"{before['cpu']}, {before['allowed_cpus']} CPUs, {busy:.0f} % of them at work before, {before['time']}"
    lengths = [len(text) for text in SENTENCES]
    about = (
        f"`pockettts serve {' '.join(flags)}`, bundled model, {options.seconds:g} s a round, sentences of"
        f" {min(lengths)} to {max(lengths)} characters; {machine}. Every answer was compared with the one that a"
        " single client got for its text and seed. Fairness is Jain's index of the answers per client."
    )
    if busy > BUSY_PERCENT:
        about += " **The machine was busy with other work: times are too long.**"
    text = f"{about}\n\n{table(tallies)}\n\n{alone}\n\n" + "\n\n".join(more) + "\n"
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(f"# Load\n\n{text}", encoding="utf-8")
    print(f"wrote {options.out}")
    if wrong or server.returncode:
        sys.exit("\n".join([*wrong[:10], f"error: {len(wrong)} answers were lost or wrong; exit {server.returncode}."]))
    if options.docs is not None:
        fill(options.docs, text)


if __name__ == "__main__":
    main()
