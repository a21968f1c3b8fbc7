"""The Wyoming listener, asked by the protocol's own client, as Home Assistant asks it."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

# An extra of its own, which an environment may lack.
pytest.importorskip("wyoming")
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeStopped, SynthesizeVoice

from pockettts.server.wyoming import complete_sentences
from support.fakes.server_worker import noise
from support.servers import Running, fake_server

PAUSE = bytes(2 * 7_200)
"""Three tenths of a second between sentences."""


def wyoming_port(server: Running) -> int:
    return int(server.wait_log(event="listening for Wyoming")["address"].rpartition(":")[2])


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with fake_server(wyoming_addr="127.0.0.1:0", workers=2, queue=8, max_text_bytes=300, body_timeout=3) as running:
        running.wait_ready(2)
        yield running


def exchange(server: Running, *events: Any, until: Any = AudioStop) -> list[Event]:
    """Send events, and return the answers up to one of this type or the end of the connection."""

    async def talk() -> list[Event]:
        async with AsyncTcpClient("127.0.0.1", wyoming_port(server)) as client:
            for event in events:
                await client.write_event(event.event())
            answers = []
            while (answer := await client.read_event()) is not None:
                answers.append(answer)
                if until.is_type(answer.type):
                    break
            return answers

    return asyncio.run(asyncio.wait_for(talk(), 60))


def audio_of(answers: list[Event]) -> bytes:
    """Return the audio between start and stop, of which there is one each."""
    kinds = [answer.type for answer in answers if not SynthesizeStopped.is_type(answer.type)]
    assert kinds == ["audio-start", *["audio-chunk"] * (len(kinds) - 2), "audio-stop"]
    start = AudioStart.from_event(answers[0])
    chunks = [AudioChunk.from_event(answer) for answer in answers if AudioChunk.is_type(answer.type)]
    assert {(part.rate, part.width, part.channels) for part in (start, *chunks)} == {(24_000, 2, 1)}
    return b"".join(chunk.audio for chunk in chunks)


def test_it_describes_voices_and_language(server: Running) -> None:
    (answer,) = exchange(server, Describe(), until=Info)
    (program,) = Info.from_event(answer).tts
    assert program.installed
    assert program.supports_synthesize_streaming
    assert [voice.name for voice in program.voices] == ["bundled", "other"]
    assert all(voice.installed and voice.languages == ["en"] for voice in program.voices)


@pytest.mark.parametrize(
    ("voice", "name"),
    [
        (None, "bundled"),
        (SynthesizeVoice(name="other"), "other"),
        (SynthesizeVoice(language="en_US"), "bundled"),
    ],
)
def test_a_text_is_spoken(server: Running, voice: SynthesizeVoice | None, name: str) -> None:
    assert audio_of(exchange(server, Synthesize(text="Hello there.", voice=voice))) == noise("Hello there.", name, 0)


def test_a_growing_text_is_spoken_sentence_by_sentence(server: Running) -> None:
    parts = ["The first sent", "ence. And ", "the second. The", " third"]
    events = [SynthesizeStart(voice=SynthesizeVoice(name="other")), *map(SynthesizeChunk, parts)]
    # Home Assistant also sends the whole text, which must not be spoken a second time.
    events += [Synthesize(text="".join(parts)), SynthesizeStop()]
    answers = exchange(server, *events, until=SynthesizeStopped)
    sentences = ["The first sentence. ", "And the second. ", "The third"]
    assert audio_of(answers) == PAUSE.join(noise(sentence, "other", 0) for sentence in sentences)


def test_the_first_sentence_does_not_wait_for_the_last(server: Running) -> None:
    async def talk() -> None:
        async with AsyncTcpClient("127.0.0.1", wyoming_port(server)) as client:
            for event in (SynthesizeStart(), SynthesizeChunk("One sentence. And ano")):
                await client.write_event(event.event())
            assert AudioStart.is_type((await client.read_event()).type)

    asyncio.run(asyncio.wait_for(talk(), 30))


def test_a_growing_text_without_words_ends_as_well(server: Running) -> None:
    answers = exchange(server, SynthesizeStart(), SynthesizeChunk(" "), SynthesizeStop(), until=SynthesizeStopped)
    assert [answer.type for answer in answers] == ["synthesize-stopped"]


def test_one_connection_serves_many_requests(server: Running) -> None:
    async def talk() -> list[bytes]:
        async with AsyncTcpClient("127.0.0.1", wyoming_port(server)) as client:
            await client.write_event(Ping(text="still there?").event())
            assert Pong.from_event(await client.read_event()).text == "still there?"
            heard = []
            for text in ("One.", "Two."):
                await client.write_event(Synthesize(text=text).event())
                answers = [await client.read_event()]
                while not AudioStop.is_type(answers[-1].type):
                    answers.append(await client.read_event())
                heard.append(audio_of(answers))
            return heard

    assert asyncio.run(asyncio.wait_for(talk(), 60)) == [noise(text, "bundled", 0) for text in ("One.", "Two.")]


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (Synthesize(text="x", voice=SynthesizeVoice(name="nobody")), "unknown_voice", "There are: bundled, other."),
        (Synthesize(text="x", voice=SynthesizeVoice(name="other", speaker="2")), "unsupported", "one speaker"),
        (Synthesize(text="x", voice=SynthesizeVoice(language="fr")), "unsupported", "English only"),
        (Synthesize(text="x" * 301), "too_long", "301 bytes"),
        (Synthesize(text=" "), "bad_request", "empty"),
        (Synthesize(text="refuse"), "bad_request", "nothing to speak"),
        (Synthesize(text="crash"), "worker_lost", "exit code 7"),
        (Event("synthesize"), "bad_request", "not an event"),
        (Event("synthesize", {"text": 5}), "bad_request", ""),
    ],
)
def test_what_cannot_be_done_gets_a_sentence_and_the_end(
    server: Running, request_: Event | Synthesize, code: str, words: str
) -> None:
    event = request_ if isinstance(request_, Event) else request_.event()
    answers = exchange(server, SimpleNamespace(event=lambda: event), until=AudioStop)
    error = Error.from_event(answers[-1])
    assert error.code == code
    assert words in error.text
    assert not any(AudioStop.is_type(answer.type) for answer in answers)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"[1]\n",
        b'{"type": "synthesize", "data_length": 99999999999}\n',
        b'{"type": "synthesize", "payload_length": 99999999999}\n',
        b'{"type": "synthesize", "data_length": "x"}\n',
        b'{"type": 5}\n',
        b"x" * 200_000 + b"\n",
        b"\xff\n",
        b"[" * 60_000 + b"\n",
    ],
)
def test_other_bytes_end_the_connection_and_nothing_else(server: Running, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", wyoming_port(server)), timeout=30) as client:
        client.sendall(data)
        if data == b'{"type": 5}\n':
            client.shutdown(socket.SHUT_WR)
        try:
            while client.recv(65_536):
                pass
        except ConnectionError:
            pass
    assert audio_of(exchange(server, Synthesize(text="Hello."))) == noise("Hello.", "bundled", 0)


def test_a_client_that_leaves_frees_its_worker(server: Running) -> None:
    for text in ("slow 1000", "hang"):
        with socket.create_connection(("127.0.0.1", wyoming_port(server)), timeout=30) as client:
            client.sendall(json.dumps({"type": "synthesize", "data": {"text": text}}).encode() + b"\n")
            server.until(lambda: server.metric("pockettts_workers_busy") == 1)
        server.until(lambda: server.metric("pockettts_workers_busy") == 0)
    assert server.wait_log(event="request", error="client_left")["status"] == 499


def test_requests_are_logged_and_counted(server: Running) -> None:
    counted = 'pockettts_requests_total{route="wyoming",status="200"}'
    before = server.metric(counted)
    exchange(server, Synthesize(text="Counted."))
    server.until(lambda: server.metric(counted) == before + 1)
    line = server.wait_log(event="request", characters=8, voice="bundled")
    assert (line["status"], line["exit_code"], line["audio_seconds"]) == (200, 0, 0.2)


@pytest.mark.parametrize(("text", "code", "signals"), [("slow 20", 0, 1), ("hang", 1, 1), ("hang", 1, 2)])
def test_a_signal_lets_a_request_end_or_stops_it(text: str, code: int, signals: int) -> None:
    patience = 600 if signals == 2 or code == 0 else 1
    with fake_server(wyoming_addr="127.0.0.1:0", shutdown_timeout=patience) as server:
        server.wait_ready()
        with (
            socket.create_connection(("127.0.0.1", wyoming_port(server)), timeout=30) as client,
            socket.create_connection(("127.0.0.1", wyoming_port(server)), timeout=30),
        ):
            client.sendall(json.dumps({"type": "synthesize", "data": {"text": text}}).encode() + b"\n")
            server.until(lambda: server.metric("pockettts_workers_busy") == 1)
            if signals == 2:
                server.process.send_signal(signal.SIGTERM)
                server.wait_log(event="shutting down")
            assert server.stop() == code
            answer = b""
            while part := client.recv(65_536):
                answer += part
        assert (b'"audio-stop"' in answer) == (code == 0)


def test_a_port_in_use_ends_the_server_with_a_sentence(server: Running) -> None:
    with fake_server(wyoming_addr=f"127.0.0.1:{wyoming_port(server)}") as second:
        assert second.process.wait(60) == 3
        second.until(lambda: bool(second.noise))
        assert "--wyoming-addr" in second.noise[-1]


@pytest.mark.parametrize(
    ("text", "ready", "rest"),
    [
        ("", "", ""),
        ("One", "", "One"),
        ("One.", "", "One."),
        ("One. ", "", "One. "),
        ("One. Two", "One. ", "Two"),
        ("Mr. Fox came. He", "Mr. Fox came. ", "He"),
        ("A! B? C", "A! B? ", "C"),
    ],
)
def test_complete_sentences(text: str, ready: str, rest: str) -> None:
    assert complete_sentences(text) == (ready, rest)
