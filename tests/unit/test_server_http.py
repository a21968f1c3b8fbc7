"""The server over HTTP, as a process with fake workers: answers, limits, bad clients, shutdown."""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import urllib.request
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import openai
import psutil
import pytest

from support.fakes.server_worker import noise
from support.servers import OPENER, Running, fake_server

TOKEN = "a-token-of-some-length"


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    limits = {"max_text_bytes": 300, "header_timeout": 1, "body_timeout": 3}
    with fake_server(workers=2, queue=8, log_text=True, **limits) as running:
        running.wait_ready(2)
        yield running


def grown(server: Running, name: str, before: float) -> bool:
    return server.metric(name) > before


def samples_of(audio: bytes) -> np.ndarray:
    with av.open(io.BytesIO(audio), "r") as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return np.concatenate(frames, axis=1)[0]


# --- answers


def test_health_and_readiness(server: Running) -> None:
    assert server.ask("/health").json["status"] == "ok"
    assert server.ask("/ready").json == {"status": "ready", "workers": 2, "queued": 0}


def test_voices_show_licenses_and_no_paths(server: Running) -> None:
    voices = server.ask("/voices").json["voices"]
    assert [(voice["id"], voice["commercial"], voice["default"]) for voice in voices] == [
        ("bundled", True, True),
        ("other", False, False),
    ]
    assert all(set(voice) == {"id", "licence", "commercial", "attribution", "default"} for voice in voices)


def test_tts_answers_a_wav_with_right_sizes(server: Running) -> None:
    reply = server.ask("/tts", {"text": "Hello.", "voice": "other", "seed": 7})
    assert reply.status == 200
    assert reply.headers["content-type"] == "audio/wav"
    assert int(reply.headers["content-length"]) == len(reply.body)
    with wave.open(io.BytesIO(reply.body)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (24_000, 1, 2)
        assert sound.readframes(sound.getnframes()) == noise("Hello.", "other", 7)
        assert float(reply.headers["x-audio-seconds"]) == pytest.approx(sound.getnframes() / 24_000, abs=1e-3)


def test_voice_and_seed_have_defaults(server: Running) -> None:
    assert server.ask("/tts", {"text": "Hello.", "format": "pcm"}).body == noise("Hello.", "bundled", 0)


def test_a_streamed_wav_states_no_length(server: Running) -> None:
    reply = server.ask("/tts", {"text": "Hello.", "stream": True})
    assert reply.headers["transfer-encoding"] == "chunked"
    assert struct.unpack_from("<I", reply.body, 40)[0] == 0xFFFFFFFF
    assert reply.body[44:] == noise("Hello.", "bundled", 0)


def test_audio_comes_while_the_rest_is_spoken(server: Running) -> None:
    with server.connect() as client:
        post(client, {"text": "slow 200", "stream": True, "format": "pcm"})
        assert client.recv(100).startswith(b"HTTP/1.1 200")
        assert server.metric("pockettts_workers_busy") >= 1


@pytest.mark.parametrize("form", ["mp3", "opus", "aac", "flac"])
@pytest.mark.parametrize("stream", [True, False])
def test_formats(server: Running, form: str, stream: bool) -> None:
    reply = server.ask("/tts", {"text": "Hello there.", "format": form, "stream": stream})
    samples = samples_of(reply.body)
    expected = len(noise("Hello there.", "bundled", 0)) // 2
    assert len(samples) >= expected
    if form == "flac":
        assert samples.astype("<i2").tobytes() == noise("Hello there.", "bundled", 0)


@pytest.mark.parametrize(
    ("body", "status", "kind", "words"),
    [
        ({"text": ""}, 400, "bad_request", "text: string should have at least 1 character."),
        ({"text": " \n\t"}, 400, "bad_request", "There is nothing to speak: the text is empty."),
        ({"text": "refuse"}, 400, "bad_request", "There is nothing to speak here."),
        ({}, 400, "bad_request", "text: field required."),
        ({"text": 5}, 400, "bad_request", "text: input should be a valid string."),
        ({"text": "x" * 301}, 413, "too_long", "The text has 301 bytes of UTF-8; this server takes 300"),
        ({"text": "ä" * 151}, 413, "too_long", "The text has 302 bytes of UTF-8; this server takes 300"),
        ({"text": "x", "voice": "nobody"}, 400, "unknown_voice", "There are: bundled, other."),
        ({"text": "x", "voice": "/etc/passwd"}, 400, "unknown_voice", "There are: bundled, other."),
        ({"text": "x", "voice": "../voices/bundled.wav"}, 400, "unknown_voice", "There are: bundled, other."),
        ({"text": "x", "voice": "http://127.0.0.1:1/a.wav"}, 400, "unknown_voice", "There are: bundled, other."),
        ({"text": "x", "voice": "hf://kyutai/tts-voices/a.wav"}, 400, "unknown_voice", "There are: bundled, other."),
        ({"text": "x", "voic": "other"}, 400, "bad_request", "There is no field 'voic'."),
        ({"text": "x", "seed": -1}, 400, "bad_request", "seed: input should be greater than or equal to 0."),
        ({"text": "x", "seed": True}, 400, "bad_request", "seed: input should be a valid integer."),
        ({"text": "x", "chunk": "no"}, 400, "bad_request", "chunk: input should be a valid boolean."),
        ({"text": "x", "format": "mp4"}, 400, "bad_request", "format: input should be 'wav', 'pcm',"),
        ({"text": "runaway"}, 422, "unspeakable", "did not find the end"),
        (b"{", 400, "bad_request", "The body is not valid JSON: "),
        (b'"text"', 400, "bad_request", "The body must be a JSON object"),
        (b"[" * 5_000, 400, "bad_request", "nested too deeply"),
        (b'{"text": "x", "seed": ' + b"9" * 5_000 + b"}", 400, "bad_request", "number that is too long"),
        (b'{"text": "x", "seed": NaN}', 400, "bad_request", "seed: "),
        (b"\xff\xfe{", 400, "bad_request", "not UTF-8"),
        ('{"text": "ä"}'.encode("latin-1"), 400, "bad_request", "not UTF-8"),
        (b'{"text": "\\ud800"}', 400, "bad_request", "text: "),
    ],
)
def test_a_wrong_request_gets_a_sentence(server: Running, body: object, status: int, kind: str, words: str) -> None:
    reply = server.ask("/tts", body)
    assert (reply.status, reply.json["kind"]) == (status, kind)
    assert words in reply.json["error"]
    assert reply.json["request_id"] == reply.headers["x-request-id"]


def test_a_compressed_body_is_refused_by_name(server: Running) -> None:
    reply = server.ask("/tts", gzip.compress(b'{"text": "x"}'), Content_Encoding="gzip")
    assert (reply.status, reply.json["kind"]) == (415, "unsupported")
    assert "compressed (gzip)" in reply.json["error"]
    assert server.ask("/tts", {"text": "x"}, Content_Encoding="identity").status == 200


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/openapi.json", "/health", "/ready", "/voices", "/metrics", "/v1/models"]
)
def test_head_is_get_without_the_body(server: Running, path: str) -> None:
    with server.connect() as client:
        client.sendall(f"HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        head, _, body = read_all(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"content-length: " in head.lower()
    assert body == b""


def test_a_slash_at_the_end_of_a_path_leads_nowhere_else(server: Running) -> None:
    with server.connect() as client:
        client.sendall(b"GET /voices/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
        reply = read_all(client)
    assert reply.startswith(b"HTTP/1.1 200")
    assert b"evil.example" not in reply
    assert server.ask("/tts/", {"text": "Hello.", "format": "pcm"}).body == noise("Hello.", "bundled", 0)


def test_a_websocket_is_answered_as_plain_http_and_without_advice_in_the_log(server: Running) -> None:
    with server.connect() as client:
        upgrade = (
            b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n"
        )
        client.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\nX-Request-Id: socket\r\n" + upgrade + b"\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 404")
    server.wait_log(event="request", id="socket")
    assert not [line for line in server.log if "pip install" in line["event"]]


def test_other_errors_are_json_too(server: Running) -> None:
    assert server.ask("/nothing").json["kind"] == "not_found"
    assert server.ask("/tts").json["kind"] == "method_not_allowed"
    plain = server.ask("/tts", b'{"text": "x"}', Content_Type="text/plain")
    assert "Content-Type: application/json" in plain.json["error"]
    with server.connect() as client:
        client.sendall(b"this is no HTTP\r\n\r\n")
        head, _, body = read_all(client).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400")
        reply = json.loads(body)
        assert reply["kind"] == "bad_request"
        assert f"x-request-id: {reply['request_id']}".encode() in head
    assert server.wait_log(event="request", id=reply["request_id"])["status"] == 400
    assert server.metric('pockettts_requests_total{route="unmatched",status="400"}') >= 1


def test_a_request_id_is_kept_if_it_is_a_plain_one(server: Running) -> None:
    assert server.ask("/health", X_Request_Id="abc-1").headers["x-request-id"] == "abc-1"
    assert len(server.ask("/health", X_Request_Id='a"b c').headers["x-request-id"]) == 32


def test_a_line_of_the_log_for_each_request(server: Running) -> None:
    server.ask("/tts", {"text": "Hello.", "voice": "other"}, X_Request_Id="seen")
    line = server.wait_log(event="request", id="seen")
    assert (line["status"], line["voice"], line["characters"], line["text"]) == (200, "other", 6, "Hello.")
    assert line["exit_code"] == 0
    assert line["audio_seconds"] == 0.15
    assert line["rtf"] == pytest.approx(line["synthesis_seconds"] / 0.15, abs=0.01)
    assert {"queue_seconds", "first_audio_seconds", "method", "path", "format", "seconds"} <= set(line)


def test_what_is_spoken_is_not_logged_unless_asked() -> None:
    with fake_server() as server:
        server.wait_ready()
        # What the engine says on its standard error may quote it, and so may an error.
        for text in ("print Xanadu", "Xanadu", "crash Xanadu", "slow Xanadu"):
            server.ask("/tts", {"text": text})
            server.ask("/v1/audio/speech", {"input": text, "model": "tts-1", "voice": "Xanadu"})
        server.wait_log(event="request", error="worker_lost")
        assert server.stop() == 0
    assert "Xanadu" not in f"{server.log}{server.noise}"


# --- OpenAI's client


@pytest.fixture
def client(server: Running) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.address}/v1", api_key="none", max_retries=0)


@pytest.mark.parametrize("form", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
def test_openai_client_speaks(client: openai.OpenAI, form: Any) -> None:
    with client.audio.speech.with_streaming_response.create(
        input="Hello.", model="tts-1", voice="other", response_format=form, extra_body={"seed": 3}
    ) as reply:
        audio = b"".join(reply.iter_bytes())
    expected = noise("Hello.", "other", 3)
    if form in ("wav", "pcm"):
        assert audio[-len(expected) :] == expected
    else:
        assert len(samples_of(audio)) >= len(expected) // 2


def test_openai_client_defaults_to_mp3_and_takes_a_voice_by_reference(client: openai.OpenAI) -> None:
    reply = client.audio.speech.create(input="Hello.", model="bundled", voice={"id": "other"})
    assert reply.response.headers["content-type"] == "audio/mpeg"
    assert len(reply.content) > 100


def test_openai_lists(client: openai.OpenAI, server: Running) -> None:
    assert [model.id for model in client.models.list()] == ["bundled"]
    assert client.models.retrieve("tts-1").id == "tts-1"
    with pytest.raises(openai.NotFoundError, match="There is: bundled"):
        client.models.retrieve("whisper-1")
    # Open WebUI asks for this one.
    assert [model["id"] for model in server.ask("/v1/audio/models").json["models"]] == ["bundled"]
    assert server.ask("/v1/audio/voices").json == {
        "voices": [{"id": "bundled", "name": "bundled"}, {"id": "other", "name": "other"}]
    }


@pytest.mark.parametrize(
    ("changes", "error", "param", "words"),
    [
        ({"speed": 1.5}, openai.BadRequestError, "speed", "one speed"),
        ({"instructions": "Cheerfully."}, openai.BadRequestError, "instructions", "follows no instructions"),
        ({"extra_body": {"lang_code": "fr"}}, openai.BadRequestError, "lang_code", "English only"),
        ({"extra_body": {"backend": "piper"}}, openai.BadRequestError, "backend", "no field"),
        ({"voice": "alloy"}, openai.BadRequestError, "voice", "There are: bundled, other."),
        ({"voice": "alloy"}, openai.BadRequestError, "voice", 'server.voice_aliases={"alloy": "bundled"}'),
        ({"voice": "nobody"}, openai.BadRequestError, "voice", "There are: bundled, other."),
        ({"model": "tts-1-turbo"}, openai.NotFoundError, "model", "There is: bundled"),
        ({"model": "whisper-1"}, openai.NotFoundError, "model", "There is: bundled"),
        ({"response_format": "mp4"}, openai.BadRequestError, "response_format", "input should be 'wav'"),
        ({"input": "x" * 301}, openai.APIStatusError, "input", "301 bytes"),
        ({"voice": 5}, openai.BadRequestError, "voice", "voice: "),
    ],
)
def test_openai_client_gets_the_reason(
    client: openai.OpenAI, changes: dict, error: type[openai.APIStatusError], param: str, words: str
) -> None:
    with pytest.raises(error) as caught:
        client.audio.speech.create(**{"input": "Hello.", "model": "tts-1", "voice": "bundled", **changes})
    assert words in str(caught.value)
    body: Any = caught.value.body
    assert (body["param"], body["type"]) == (param, "invalid_request_error")


@pytest.mark.parametrize("model", ["bundled", "pocket-tts", "tts-1-1106", "tts-1-hd", "gpt-4o-mini-tts-2025-12-15"])
def test_names_that_stand_for_the_model(client: openai.OpenAI, model: str) -> None:
    reply = client.audio.speech.create(input="Hello.", model=model, voice="other", response_format="pcm")
    assert reply.content == noise("Hello.", "other", 0)


@pytest.mark.parametrize(
    "fields",
    [
        {"user": "someone", "stream": True, "lang_code": "en-us"},
        {"lang_code": "a"},
        {"lang_code": None, "instructions": " ", "speed": 1},
        {"stream": False},
    ],
)
def test_fields_that_change_nothing_are_taken(client: openai.OpenAI, fields: dict) -> None:
    reply = client.audio.speech.create(
        input="Hello.", model="tts-1", voice="other", response_format="pcm", extra_body=fields
    )
    assert reply.content == noise("Hello.", "other", 0)
    assert ("content-length" in reply.response.headers) == (fields.get("stream") is False)


@pytest.mark.parametrize("form", ["pcm", "mp3"])
def test_events_carry_the_audio(client: openai.OpenAI, form: Any) -> None:
    with client.audio.speech.with_streaming_response.create(
        input="Hello.", model="gpt-4o-mini-tts", voice="other", response_format=form, stream_format="sse"
    ) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        lines = list(reply.iter_lines())
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line]
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    assert events[-1]["type"] == "speech.audio.done"
    audio = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    plain = client.audio.speech.create(input="Hello.", model="tts-1", voice="other", response_format=form)
    assert audio == plain.content
    if form == "pcm":
        assert audio == noise("Hello.", "other", 0)


@pytest.mark.parametrize(
    ("path", "body", "voice"),
    [
        # Open WebUI; SillyTavern's provider "OpenAI Compatible"; LibreChat; each by its public source.
        ("/v1/audio/speech", {"input": "Hello.", "voice": "other", "model": "tts-1"}, "other"),
        (
            "/v1/audio/speech",
            {"model": "tts-1", "input": "Hello.", "voice": "other", "response_format": "mp3", "speed": 1},
            "other",
        ),
        ("/v1/audio/speech", {"input": "Hello.", "model": "tts-1", "voice": "bundled"}, "bundled"),
        # LibreChat without a list of voices.
        ("/v1/audio/speech", {"input": "Hello.", "model": "tts-1"}, "bundled"),
    ],
)
def test_what_programs_send_is_spoken(server: Running, path: str, body: dict, voice: str) -> None:
    reply = server.ask(path, body, Authorization="Bearer none", X_OpenWebUI_User_Name="someone")
    assert (reply.status, reply.headers["content-type"]) == (200, "audio/mpeg")
    assert len(samples_of(reply.body)) >= len(noise("Hello.", voice, 0)) // 2
    # Each shows this sentence to its user.
    wrong = server.ask(path, {**body, "voice": "nobody"}).json["error"]["message"]
    assert "There are: bundled, other." in wrong


JAVASCRIPT = """
import { pathToFileURL } from "node:url";
const { default: OpenAI } = await import(pathToFileURL(process.argv[2]));
const client = new OpenAI({ baseURL: process.argv[3], apiKey: "none", maxRetries: 0 });
const speech = { model: "gpt-4o-mini-tts", voice: "other", input: "Hello.", response_format: "pcm" };
const audio = await (await client.audio.speech.create(speech)).arrayBuffer();
const events = await (await client.audio.speech.create({ ...speech, stream_format: "sse" })).text();
const models = [];
for await (const model of client.models.list()) models.push(model.id);
const model = (await client.models.retrieve("tts-1")).id;
const error = await client.audio.speech.create({ ...speech, voice: "nobody" }).catch((reason) => reason);
const { status, param, code, message } = error;
const audio64 = Buffer.from(audio).toString("base64");
console.log(JSON.stringify({ audio64, events, models, model, status, param, code, message }));
"""


@pytest.mark.slow
def test_openai_client_in_javascript(server: Running, tmp_path: Path) -> None:
    """Needs node, and the folder where `npm install openai` was run in OPENAI_NODE."""
    node, folder = shutil.which("node"), os.environ.get("OPENAI_NODE")
    if node is None or folder is None:
        pytest.skip("node or the package openai of npm is not there")
    (tmp_path / "client.mjs").write_text(JAVASCRIPT)
    package = Path(folder) / "node_modules" / "openai" / "index.mjs"
    done = subprocess.run(
        [node, str(tmp_path / "client.mjs"), str(package), f"{server.address}/v1"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert base64.b64decode(answer["audio64"]) == noise("Hello.", "other", 0)
    assert '"speech.audio.done"' in answer["events"]
    assert (answer["models"], answer["model"]) == (["bundled"], "tts-1")
    assert (answer["status"], answer["param"], answer["code"]) == (400, "voice", "unknown_voice")
    assert "There are: bundled, other." in answer["message"]


# --- bad clients


def test_a_body_of_100_mb_is_refused_at_once(server: Running) -> None:
    memory = psutil.Process(server.process.pid).memory_info().rss
    reply = server.ask("/tts", bytes(100_000_000))
    assert (reply.status, reply.json["kind"]) == (413, "too_long")
    assert psutil.Process(server.process.pid).memory_info().rss < memory + 50_000_000


def test_a_client_that_asks_before_sending_a_long_body_need_not_send_it(server: Running) -> None:
    with server.connect() as client:
        head = b"POST /tts HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
        client.sendall(head % 100_000_000)
        assert read_all(client).startswith(b"HTTP/1.1 413")
    with server.connect() as client:
        client.sendall(head % 2)
        assert client.recv(100).startswith(b"HTTP/1.1 100")
        client.sendall(b"{}")
        assert client.recv(1_000).startswith(b"HTTP/1.1 400")


def test_a_body_of_unknown_length_is_bounded_as_well(server: Running) -> None:
    with server.connect() as client:
        client.sendall(b"POST /tts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        part = b"10000\r\n" + bytes(65_536) + b"\r\n"
        memory = psutil.Process(server.process.pid).memory_info().rss
        # It may hang up before all is sent.
        with contextlib.suppress(ConnectionError):
            for _ in range(1_500):
                client.sendall(part)
            client.sendall(b"0\r\n\r\n")
            assert read_all(client).startswith(b"HTTP/1.1 413")
        assert psutil.Process(server.process.pid).memory_info().rss < memory + 50_000_000


def post(client: socket.socket, request: object, *headers: bytes) -> None:
    """Send a request to /tts, and do not wait for the answer."""
    body = json.dumps(request).encode()
    head = [b"POST /tts HTTP/1.1", b"Host: x", b"Content-Type: application/json", *headers]
    client.sendall(b"\r\n".join([*head, b"Content-Length: %d" % len(body), b"", body]))


def read_all(client: socket.socket) -> bytes:
    data = b""
    while part := client.recv(65_536):
        data += part
    return data


def test_slow_headers_and_slow_bodies_are_cut_off_while_others_are_served(server: Running) -> None:
    with server.connect() as idle, server.connect() as slow_head, server.connect() as slow_body:
        slow_head.sendall(b"POST /tts HTTP/1.1\r\nHost: x\r\n")
        slow_body.sendall(b"POST /tts HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        until = time.monotonic() + 0.6
        while time.monotonic() < until:
            slow_head.sendall(b"X: y\r\n")
            time.sleep(0.1)
        assert server.ask("/tts", {"text": "Hello."}).status == 200
        for client in (idle, slow_head, slow_body):
            reply = read_all(client)
            assert reply.startswith(b"HTTP/1.1 408")
            assert json.loads(reply.partition(b"\r\n\r\n")[2])["kind"] == "slow_client"


def reading_little(server: Running) -> socket.socket:
    """Return a connection whose client has hardly any room for an answer."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", server.port))
    return client


@pytest.mark.parametrize("times", [1, 40])
def test_clients_that_do_not_read_are_dropped_and_keep_no_worker(server: Running, times: int) -> None:
    answered = 'pockettts_requests_total{route="/tts",status="200"}'
    before = server.metric(answered)
    with contextlib.ExitStack() as stack:
        # Of every size: what the system takes, what waits in the server, and what waits for that.
        for length in range(60, 200, 20):
            client = stack.enter_context(reading_little(server))
            for _ in range(times):
                post(client, {"text": "x" * length, "format": "pcm"})
        server.until(lambda: server.metric(answered) > before)
        assert server.ask("/tts", {"text": "Hello."}).status == 200
        server.until(lambda: server.metric("pockettts_workers_busy") == 0)
        assert len(psutil.Process(server.process.pid).net_connections()) > 5
        server.until(lambda: len(psutil.Process(server.process.pid).net_connections()) <= 2)


def test_a_client_that_plays_what_it_reads_is_not_dropped() -> None:
    with fake_server(body_timeout=1) as server, reading_little(server) as client:
        server.wait_ready()
        post(client, {"text": "x" * 200, "format": "pcm"})
        received = 0
        # The last of it waits for some of these readings longer than a client may read nothing.
        while received < 240_000:
            part = client.recv(4_000)
            assert part, f"broken off after {received} bytes"
            received += len(part)
            time.sleep(0.05)


def test_a_client_that_leaves_frees_its_worker(server: Running) -> None:
    for stream in (False, True):
        server.until(lambda: server.metric("pockettts_workers_busy") == 0)
        with server.connect() as client:
            post(client, {"text": "slow 1000", "stream": stream}, b"X-Request-Id: gone")
            server.until(lambda: server.metric("pockettts_workers_busy") == 1)
        server.until(lambda: server.metric("pockettts_workers_busy") == 0)
    assert server.wait_log(event="request", id="gone")["status"] == 499
    server.until(lambda: server.metric('pockettts_errors_total{kind="client_left"}') >= 2)


def test_connections_above_the_limit_are_rejected() -> None:
    with fake_server(max_connections=3) as server:
        server.wait_ready()
        clients = [server.connect() for _ in range(4)]
        server.until(lambda: b"503" in clients[3].recv(100))
        for client in clients:
            client.close()
        server.until(lambda: server.ask("/health").status == 200)


# --- load, faults and metrics


def test_a_full_queue_answers_429_and_loses_nothing() -> None:
    with fake_server(queue=2) as server, ThreadPoolExecutor(12) as threads:
        server.wait_ready()
        replies = list(threads.map(lambda n: (n, server.ask("/tts", {"text": "slow 8", "seed": n})), range(12)))
        refused = [reply for _, reply in replies if reply.status == 429]
        assert refused
        assert all(1 <= int(reply.headers["retry-after"]) <= 60 for reply in refused)
        assert all(reply.json["kind"] == "busy" for reply in refused)
        assert len(refused) + sum(reply.status == 200 for _, reply in replies) == 12
        counted = 'pockettts_requests_total{route="/tts",status="429"}'
        server.until(lambda: server.metric(counted) == len(refused))


def test_a_late_request_gets_504_and_a_hung_worker_is_replaced() -> None:
    with fake_server(engine="cli", request_timeout=1) as server:
        server.wait_ready()
        reply = server.ask("/tts", {"text": "hang"})
        assert (reply.status, reply.json["kind"]) == (504, "late")
        server.until(lambda: server.metric('pockettts_worker_restarts_total{reason="hung"}') == 1)
        server.wait_ready()
        assert server.ask("/tts", {"text": "Hello."}).status == 200


def test_a_dead_worker_is_an_error_and_so_is_a_broken_stream(server: Running) -> None:
    reply = server.ask("/tts", {"text": "crash"})
    assert (reply.status, reply.json["kind"]) == (500, "worker_lost")
    with server.connect() as client:
        post(client, {"text": "crash-late", "stream": True})
        streamed = read_all(client)
    assert streamed.startswith(b"HTTP/1.1 200")
    assert not streamed.endswith(b"0\r\n\r\n")
    server.until(lambda: server.metric('pockettts_errors_total{kind="worker_lost"}') >= 2)
    assert server.wait_log(event="request", error="worker_lost", level="warning")["exit_code"] == 7
    assert not [line for line in server.log if line["event"] == "a request failed by a defect"]
    server.wait_ready(2)


def test_killing_a_worker_under_load_loses_no_request(server: Running) -> None:
    server.wait_ready(2)

    def ask(number: int) -> bool:
        text = f"text number {number}"
        while (reply := server.ask("/tts", {"text": text, "seed": number, "format": "pcm"})).status == 429:
            time.sleep(0.05)
        return reply.body == noise(text, "bundled", number)

    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(ask, number) for number in range(60)]
        for child in psutil.Process(server.process.pid).children():
            child.kill()
            time.sleep(0.2)
        assert all(future.result() for future in asked)
    server.wait_ready(2)


def test_metrics_count_what_happened(server: Running) -> None:
    grows = {
        'pockettts_requests_total{route="/tts",status="200"}': {"text": "Hello."},
        "pockettts_rtf_count": {"text": "Hello."},
        'pockettts_errors_total{kind="bad_request"}': {"text": "refuse"},
    }
    for name, request in grows.items():
        before = server.metric(name)
        server.ask("/tts", request)
        # It is counted after the answer has gone.
        server.until(partial(grown, server, name, before))
    server.ask("/etc/../unknown")
    server.until(lambda: server.metric('pockettts_requests_total{route="unmatched",status="404"}') >= 1)
    names = server.ask("/metrics").body.decode()
    for name in ("synthesis_seconds", "first_audio_seconds", "queue_seconds", "queue_depth", "workers_busy"):
        assert f"pockettts_{name}" in names


def test_metrics_may_have_an_address_of_their_own() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with fake_server(metrics_addr=f"127.0.0.1:{port}") as server:
        server.wait_ready()
        assert server.ask("/metrics").status == 404
        for path, words in (("metrics", b"pockettts_workers_ready 1.0"), ("tts", b'"kind":"not_found","request_id":')):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
                client.sendall(f"GET /{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                assert words in read_all(client)


# --- access


def test_a_token_is_required(tmp_path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    origin = "https://reader.example"
    with fake_server(token_file=str(file), cors_origins=[origin]) as server:
        server.until(lambda: server.ask("/ready").status == 200)
        request = {"text": "Hello."}
        cases: tuple[dict[str, Any], ...]
        cases = ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"})
        for headers in cases:
            reply = server.ask("/tts", request, **headers)
            assert (reply.status, reply.json["kind"]) == (401, "unauthorized")
            assert reply.headers["www-authenticate"] == "Bearer"
        assert server.ask("/metrics").status == 401
        assert server.ask("/health").status == 200
        assert server.ask("/tts", request, Authorization=f"Bearer {TOKEN}").status == 200
        with pytest.raises(openai.AuthenticationError):
            openai.OpenAI(base_url=f"{server.address}/v1", api_key="wrong", max_retries=0).models.list()
        assert openai.OpenAI(base_url=f"{server.address}/v1", api_key=TOKEN).models.list().data
        allowed = server.ask("/voices", Authorization=f"Bearer {TOKEN}", Origin=origin)
        assert allowed.headers["access-control-allow-origin"] == origin
        preflight = urllib.request.Request(server.address + "/tts", method="OPTIONS")
        # As OpenAI's client in JavaScript asks.
        asked = "authorization,content-type,x-stainless-arch,x-stainless-lang,x-stainless-retry-count"
        names = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": asked}
        # And as Chromium asks for a page of the internet.
        names["Access-Control-Request-Private-Network"] = "true"
        for name, value in names.items():
            preflight.add_header(name, value)
        allowed = OPENER.open(preflight, timeout=30)
        assert allowed.headers["access-control-allow-origin"] == origin
        assert allowed.headers["access-control-allow-private-network"] == "true"
        assert set(asked.split(",")) <= set(allowed.headers["access-control-allow-headers"].split(","))
        other = server.ask("/voices", Authorization=f"Bearer {TOKEN}", Origin="https://other.example")
        assert "access-control-allow-origin" not in other.headers
    assert TOKEN not in str(server.log)


def test_no_page_of_a_different_origin_may_read_by_default(server: Running) -> None:
    assert "access-control-allow-origin" not in server.ask("/voices", Origin="https://reader.example").headers


# --- names of voices


def test_names_of_voices_can_be_mapped() -> None:
    with fake_server(voice_aliases={"alloy": "other"}) as server:
        server.wait_ready()
        body = {"input": "Hello.", "model": "tts-1", "response_format": "pcm"}
        assert server.ask("/v1/audio/speech", {**body, "voice": "alloy"}).body == noise("Hello.", "other", 0)
        assert server.ask("/v1/audio/speech", {**body, "voice": "echo"}).status == 400
        assert server.ask("/tts", {"text": "Hello.", "voice": "alloy"}).status == 400


@pytest.mark.parametrize(
    ("aliases", "words"),
    [({"alloy": "nobody"}, "'nobody', which is not offered"), ({"other": "bundled"}, "itself a voice")],
)
def test_a_map_of_voices_that_cannot_work_ends_the_server_with_a_sentence(aliases: dict, words: str) -> None:
    with fake_server(voice_aliases=aliases) as server:
        assert server.process.wait(60) == 2
        server.until(lambda: bool(server.noise))
        assert words in server.noise[-1]


# --- starting and stopping


def orphans(pids: list[int]) -> list[int]:
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_under_load_lets_requests_end_and_leaves_no_process(number: int) -> None:
    with fake_server(workers=2, queue=8) as server, ThreadPoolExecutor(4) as threads:
        server.wait_ready(2)
        children = [child.pid for child in psutil.Process(server.process.pid).children()]
        asked = [threads.submit(server.ask, "/tts", {"text": "slow 20", "seed": n}) for n in range(4)]
        server.until(lambda: server.metric("pockettts_queue_depth") == 2)
        address = (("127.0.0.1", server.port),)
        assert server.stop(number) == 0
        assert [future.result().status for future in asked] == [200] * 4
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(*address, timeout=5)
        assert orphans(children) == []


@pytest.mark.parametrize("signals", [1, 2])
def test_requests_that_are_not_done_in_time_are_stopped_with_an_error(signals: int) -> None:
    patience = 1 if signals == 1 else 600
    with fake_server(shutdown_timeout=patience) as server, ThreadPoolExecutor(1) as threads:
        server.wait_ready()
        children = [child.pid for child in psutil.Process(server.process.pid).children()]
        asked = threads.submit(server.ask, "/tts", {"text": "hang"})
        server.until(lambda: server.metric("pockettts_workers_busy") == 1)
        if signals == 2:
            server.process.send_signal(signal.SIGINT)
            server.wait_log(event="shutting down")
        assert server.stop() == 1
        assert (asked.result().status, asked.result().json["kind"]) == (503, "closing")
        assert server.wait_log(event="stopped before all requests were done")["requests"] == 1
        assert orphans(children) == []


def test_a_killed_server_leaves_no_worker() -> None:
    with fake_server(workers=2) as server:
        server.wait_ready(2)
        children = [child.pid for child in psutil.Process(server.process.pid).children()]
        threading.Thread(target=lambda: server.connect().sendall(b"GET / HTTP/1.1\r\n"), daemon=True).start()
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        server.until(lambda: orphans(children) == [])


def test_two_servers_on_one_port(server: Running) -> None:
    with fake_server(listen=f"127.0.0.1:{server.port}") as second:
        assert second.process.wait(60) == 3
        second.until(lambda: bool(second.noise))
        assert f"cannot listen at 127.0.0.1:{server.port}: another program listens there" in second.noise[-1]
    assert server.ask("/health").status == 200


def test_workers_that_cannot_start_end_the_server_with_their_sentence() -> None:
    with fake_server(start={"refuse": "There is no voice 'x'."}) as server:
        assert server.process.wait(60) == 1
        server.until(lambda: bool(server.noise))
        assert server.noise[-1] == "error: There is no voice 'x'.\n"


def test_requests_do_not_wait_for_workers_that_cannot_start() -> None:
    with (
        fake_server(start={"sleep": 1, "refuse": "There is no voice 'x'."}) as server,
        ThreadPoolExecutor(1) as threads,
    ):
        asked = threads.submit(server.ask, "/tts", {"text": "Hello."})
        assert server.process.wait(20) == 1
        assert (asked.result().status, asked.result().json["kind"]) == (503, "closing")


def test_before_its_workers_are_warm_the_server_runs_but_is_not_ready() -> None:
    with fake_server(start={"sleep": 2}) as server:
        assert server.ask("/health").status == 200
        reply = server.ask("/ready")
        assert (reply.status, reply.json["kind"]) == (503, "not_ready")
        assert server.ask("/tts", {"text": "Hello."}).status == 200
        assert server.ask("/ready").status == 200
