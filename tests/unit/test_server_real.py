"""`pockettts serve` as a user runs it: the bundled model, a voice of one's own, settings from everywhere."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile

from support.cli import Call, caller
from support.projects import copy_of_ready
from support.servers import Running, running

PROGRAM = [sys.executable, "-m", "pockettts.cli"]
SERVE = [*PROGRAM, "serve", "--listen", "127.0.0.1:0", "--log-format", "json"]
LONG = "It was a bright cold day, and all the clocks of the town were striking. " * 3


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one more voice."""
    root = copy_of_ready(tmp_path_factory.mktemp("server") / "project")
    samples, rate = soundfile.read(root / "voices" / "bundled.wav")
    soundfile.write(root / "voices" / "mine.wav", samples[::-1], rate)
    manifest = json.loads((root / "voices" / "manifest.json").read_text())
    own = {"source": {"type": "audio", "path": "mine.wav"}, "right": "my own", "licence": "none", "attribution": "me"}
    manifest["mine"] = {**own, "commercial": False}
    (root / "voices" / "manifest.json").write_text(json.dumps(manifest))
    (root / "config.yaml").write_text("engine: torch\nserver: {workers: 3, queue: 3}\n")
    return root


@pytest.fixture(scope="module")
def server(project: Path) -> Iterator[Running]:
    environment = {
        "POCKETTTS_MAX_TEXT_BYTES": "1000",
        "POCKETTTS_LOG_LEVEL": "debug",
        # A chunk for each sentence.
        "POCKETTTS_MAX_CHUNK_CHARS": "80",
        # Long enough for a busy machine.
        "POCKETTTS_REQUEST_TIMEOUT": "240",
        "POCKETTTS_SHUTDOWN_TIMEOUT": "240",
    }
    with running([*SERVE, "--workers", "1"], project, **environment) as server:
        server.wait_ready(seconds=300)
        yield server


@pytest.fixture
def pockettts(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Call:
    return caller(monkeypatch, capsysbinary)


def spoken(server: Running, **fields: object) -> np.ndarray:
    reply = server.ask("/tts", {"text": "Good morning. This is a test.", **fields}, timeout=240)
    assert reply.status == 200, reply.body
    with wave.open(io.BytesIO(reply.body)) as sound:
        return np.frombuffer(sound.readframes(sound.getnframes()), np.int16)


def test_flags_win_over_the_environment_and_that_over_the_file(server: Running) -> None:
    line = server.wait_log(event="listening")
    assert (line["engine"], line["workers"], line["voice"]) == ("torch", 1, "bundled")
    assert server.ask("/tts", {"text": "x" * 1_001}).json["error"].startswith("The text has 1001 bytes of UTF-8;")
    assert server.wait_log(event="a worker is ready")["level"] == "debug"


def test_the_same_request_gives_the_same_audio(server: Running) -> None:
    first = spoken(server)
    assert len(first) > 24_000
    assert np.array_equal(first, spoken(server, seed=0))
    assert not np.array_equal(first, spoken(server, seed=1))
    streamed = server.ask("/tts", {"text": "Good morning. This is a test.", "stream": True, "format": "pcm"})
    assert streamed.body == first.tobytes()


def test_only_voices_that_the_model_has_are_offered_and_one_is_made_when_it_is_first_asked_for(
    server: Running, project: Path
) -> None:
    assert [voice["id"] for voice in server.ask("/voices").json["voices"]] == ["bundled", "mine"]
    assert server.ask("/tts", {"text": "Hello.", "voice": "alba"}).json["kind"] == "unknown_voice"
    own = project / "results" / "voices" / "bundled" / "mine.safetensors"
    assert not own.exists()
    before = spoken(server)
    mine = spoken(server, voice="mine")
    assert own.exists()
    assert not np.array_equal(mine, before)
    assert np.array_equal(before, spoken(server, voice="bundled"))
    assert np.array_equal(mine, spoken(server, voice="mine"))


def test_first_audio_does_not_wait_for_the_end_of_the_text(server: Running) -> None:
    server.ask("/tts", {"text": LONG, "stream": True, "format": "opus"}, timeout=120, X_Request_Id="long")
    line = server.wait_log(event="request", id="long")
    assert line["first_audio_seconds"] - line["queue_seconds"] < line["synthesis_seconds"] / 2


def test_texts_without_a_word_get_a_sentence(server: Running) -> None:
    for text in ("...", "\u200b", "?!", "\x00"):
        reply = server.ask("/tts", {"text": text})
        assert (reply.status, reply.json["kind"]) == (400, "bad_request"), text


def test_a_client_that_leaves_in_a_long_chunk_frees_its_worker_at_once(server: Running) -> None:
    server.until(lambda: server.metric("pockettts_workers_busy") == 0)
    restarts = server.metric('pockettts_worker_restarts_total{reason="hung"}')
    with server.connect() as client:
        body = json.dumps({"text": LONG, "chunk": False}).encode()
        head = f"POST /tts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body)
        server.until(lambda: server.metric("pockettts_workers_busy") == 1)
        time.sleep(0.3)
    server.until(lambda: server.metric("pockettts_workers_busy") == 0)
    assert server.metric('pockettts_worker_restarts_total{reason="hung"}') == restarts


def test_health_and_the_end(server: Running, pockettts: Call) -> None:
    """The last test of this module: it stops the server."""
    address = f"127.0.0.1:{server.port}"
    assert pockettts("health", address).out == pockettts("health", address, "--ready").out == "ok\n"
    children = [child.pid for child in psutil.Process(server.process.pid).children(recursive=True)]
    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(spoken, server, seed=seed, text=LONG[:72]) for seed in range(2)]
        server.until(lambda: server.metric("pockettts_workers_busy") == 1)
        server.until(lambda: server.metric("pockettts_queue_depth") == 1)
        assert server.stop(seconds=240) == 0
        assert all(len(future.result()) > 24_000 for future in asked)
    assert not [pid for pid in children if psutil.pid_exists(pid)]
    gone = pockettts("health", address)
    assert (gone.code, gone.out) == (1, "")
    assert gone.err.startswith(f"error: No server answers at {address}")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--listen", "nowhere"], 2, "an address is HOST:PORT"),
        (["--workers", "0"], 2, "server.workers"),
        (["--token-file", "missing"], 2, "The token file"),
        (["--engine", "vocoder"], 2, "engine"),
    ],
)
def test_misuse_ends_with_a_sentence(
    project: Path, pockettts: Call, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, words: str
) -> None:
    monkeypatch.chdir(project)
    done = pockettts("serve", "--listen", "127.0.0.1:0", *arguments)
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("error: ")
    assert words in done.err


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["torch", "onnx", "cli"])
def test_the_server_speaks_as_the_command_line_does(project: Path, engine: str, tmp_path: Path) -> None:
    text, out = "Good evening. Here are two sentences.", tmp_path / "out.wav"
    options = ["--engine", engine, "--seed", "5"]
    subprocess.run([*PROGRAM, "synth", "--text", text, "--out", str(out), *options], cwd=project, check=True)
    with running([*SERVE, "--engine", engine, "--workers", "2"], project, **os.environ) as server:
        server.wait_ready(2, seconds=300)
        with ThreadPoolExecutor(4) as threads:
            asked = list(threads.map(lambda _: spoken(server, text=text, seed=5), range(4)))
    with wave.open(str(out)) as sound:
        expected = np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
    assert all(np.array_equal(samples, expected) for samples in asked)


@pytest.mark.slow
def test_the_process_of_engine_cli_ends_when_its_client_leaves(project: Path) -> None:
    with running([*SERVE, "--engine", "cli", "--workers", "1"], project) as server:
        server.wait_ready(seconds=300)

        def speaking() -> list[int]:
            children = psutil.Process(server.process.pid).children(recursive=True)
            return [child.pid for child in children if "generate" in child.cmdline()]

        with server.connect() as client:
            client.sendall(b"POST /tts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
            client.sendall(b'Content-Length: 18\r\n\r\n{"text": "Hello."}')
            server.until(lambda: bool(speaking()), 60)
            pids = speaking()
        server.until(lambda: not any(psutil.pid_exists(pid) for pid in pids), 60)
        server.wait_ready()
