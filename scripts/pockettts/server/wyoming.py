"""The protocol Wyoming, by which Home Assistant asks for speech, on a port of its own.

    client: describe                                                server: info
    client: synthesize                                              server: audio-start, audio-chunk ..., audio-stop
    client: synthesize-start, synthesize-chunk ..., synthesize-stop         ..., synthesize-stopped

A text that comes in parts is spoken sentence by sentence, each when it is complete. A request that fails is answered
with an error and the end of the connection, for which clients wait. The protocol has no token.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any, cast

import structlog
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, Eventable, async_read_event, async_write_event
from wyoming.info import Attribution, Describe, Info, TtsProgram, TtsVoice
from wyoming.ping import Ping, Pong
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeStopped, SynthesizeVoice

from pockettts import __version__
from pockettts.server.job import Job, SynthesisRequest
from pockettts.server.record import RequestRecord, finish, new_id
from pockettts.server.replies import GONE, Problem
from pockettts.server.service import Service, accept, is_language
from pockettts.text.sentences import sentence_spans
from pockettts.values import LANGUAGE_CODES, RATE

log = structlog.get_logger("pockettts.server")

SHAPE = {"rate": RATE, "width": 2, "channels": 1}
PART_BYTES = RATE * 2 // 10
"""Audio is sent in parts of a tenth of a second."""
LEAVE_SECONDS = 0.2
"""How often a request checks that its client is still connected."""


def describe(service: Service) -> Info:
    """Return what the server offers: one program, with the voices and the language of the model."""

    def artifact(name: str, text: str, source: str) -> dict[str, Any]:
        shared = {"installed": True, "version": __version__, "attribution": Attribution(name=source, url="")}
        return {"name": name, "description": text, **shared}

    languages = [LANGUAGE_CODES.get(service.language, service.language)]
    voices = [TtsVoice(**artifact(v.id, v.id, v.attribution), languages=languages) for v in service.voices.values()]
    program = artifact("pocket-tts", f"Pocket TTS ({service.config.model})", "Kyutai")
    return Info(tts=[TtsProgram(**program, voices=voices, supports_synthesize_streaming=True)])


def complete_sentences(text: str) -> tuple[str, str]:
    """Divide a text that is still growing into its complete sentences and the rest."""
    spans = sentence_spans(text)
    border = spans[-1][0] if len(spans) > 1 else 0
    return text[:border], text[border:]


async def read_event(reader: asyncio.StreamReader, limit: int) -> Event | None:
    """Return the next event, None at the end of the stream. Raises `OSError` for one of more than `limit` bytes."""

    async def readexactly(size: int) -> bytes:
        if size > limit:
            raise OSError(f"an event of {size} bytes")
        return await reader.readexactly(size)

    # The package sets no bound, and needs no more of a stream than this.
    bounded = SimpleNamespace(readline=reader.readline, readexactly=readexactly)
    event: Event | None = await async_read_event(cast(asyncio.StreamReader, bounded))
    return event


class WyomingConnection:
    """One client."""

    speaking = closing = False

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, service: Service) -> None:
        self._reader, self._writer = reader, writer
        self.service = service
        self._voice: SynthesizeVoice | None = None
        self._text: str | None = None
        """The part of a growing text that is not spoken yet; None where no text grows."""
        self._started = False

    async def run(self) -> None:
        """Answer events until the client leaves, is silent for too long, or a request fails."""
        try:
            going_on = True
            while going_on and not self.closing:
                async with asyncio.timeout(self.service.settings.request_timeout):
                    event = await read_event(self._reader, self.service.settings.max_body_bytes)
                self.speaking = event is not None
                going_on = event is not None and await self.handle_event(event)
                self.speaking = False
        except (AttributeError, KeyError, TypeError, RecursionError):
            with contextlib.suppress(OSError):
                await self._send(Error("This is not an event of the protocol Wyoming.", "bad_request"))
        except (OSError, EOFError):
            return
        finally:
            self._writer.close()

    async def handle_event(self, event: Event) -> bool:
        """Answer an event; False ends the connection."""
        going_on = True
        if Describe.is_type(event.type):
            await self._send(describe(self.service))
        elif Ping.is_type(event.type):
            await self._send(Pong(text=Ping.from_event(event).text))
        elif SynthesizeStart.is_type(event.type):
            self._voice, self._text, self._started = SynthesizeStart.from_event(event).voice, "", False
        elif SynthesizeChunk.is_type(event.type) and self._text is not None:
            ready, self._text = complete_sentences(self._text + SynthesizeChunk.from_event(event).text)
            going_on = not ready or await self._speak(ready, self._voice)
        elif SynthesizeStop.is_type(event.type) and self._text is not None:
            text, self._text = self._text, None
            if going_on := not text.strip() or await self._speak(text, self._voice):
                if self._started:
                    await self._send(AudioStop())
                await self._send(SynthesizeStopped())
        elif Synthesize.is_type(event.type) and self._text is None:
            # Clients also send a growing text as a whole, for servers that cannot take it in parts.
            whole, self._started = Synthesize.from_event(event), False
            if going_on := await self._speak(whole.text, whole.voice):
                await self._send(AudioStop())
        return going_on

    async def _speak(self, text: str, voice: SynthesizeVoice | None) -> bool:
        """Speak a text; returns whether that succeeded. If not, the client has the reason."""
        if not isinstance(text, str):
            raise TypeError("a text that is not text")
        record = RequestRecord(new_id())
        try:
            request = SynthesisRequest(text=text or " ", voice=self._voice_id(voice), format="pcm", stream=True)
            await self._while_connected(self._send_audio(accept(self.service, request, record)))
        except OSError:
            record.fail(Problem(GONE, "client_left", "The client left before it got its answer."))
        except asyncio.CancelledError:
            record.fail(Problem(503, "closing", "The server is shutting down."))
            raise
        except Exception as error:
            problem = record.fail(error)
            if problem.kind == "internal":
                log.exception("a request failed by a defect", request_id=record.id)
            with contextlib.suppress(OSError):
                await self._send(Error(str(problem), problem.kind))
        finally:
            finish(record, self.service.metrics, "wyoming", record.problem.status if record.problem else 200)
        return record.problem is None

    def _voice_id(self, voice: SynthesizeVoice | None) -> str | None:
        if voice is None:
            return None
        if voice.speaker is not None:
            raise Problem(400, "unsupported", "Each voice has one speaker: leave speaker out.")
        if voice.language is not None and not is_language(voice.language, self.service.language):
            raise Problem(400, "unsupported", f"The model speaks {self.service.language.capitalize()} only.")
        return voice.name

    async def _send_audio(self, job: Job) -> None:
        pause = bytes(2 * round(self.service.config.text.pauses.sentence * RATE)) if self._started else b""
        async with contextlib.aclosing(self.service.pool.stream(job)) as parts:
            async for part in parts:
                if not self._started:
                    self._started = True
                    await self._send(AudioStart(**SHAPE))
                audio, pause = pause + part, b""
                for start in range(0, len(audio), PART_BYTES):
                    await self._send(AudioChunk(audio=audio[start : start + PART_BYTES], **SHAPE))

    async def _while_connected(self, work: Coroutine[Any, Any, None]) -> None:
        """Await `work`; raise `ConnectionError` when the client leaves before its end."""
        task = asyncio.create_task(work)
        try:
            while not (await asyncio.wait({task}, timeout=LEAVE_SECONDS))[0]:
                if self._reader.at_eof() or self._reader.exception() is not None:
                    raise ConnectionError("the client left")
            await task
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _send(self, event: Eventable) -> None:
        async with asyncio.timeout(self.service.settings.body_timeout):
            await async_write_event(event.event(), self._writer)


class WyomingListener:
    """Accepts clients until it is closed."""

    stopped = 0
    """Requests that were stopped because the time to shut down was up."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._clients: dict[asyncio.Task[None], WyomingConnection] = {}

    async def open(self, listener: socket.socket) -> None:
        """Begin to accept clients."""
        self._server = await asyncio.start_server(self._serve, sock=listener)

    async def close(self, seconds: float) -> None:
        """Accept no more clients, and stop requests that take longer than `seconds`."""
        self._server.close()
        for client in self._clients.values():
            client.closing = True
        if busy := {task for task, client in self._clients.items() if client.speaking}:
            await asyncio.wait(busy, timeout=seconds)
        self.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    def cancel(self) -> None:
        """End all connections at once."""
        for task in self._clients:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._clients) >= self.service.settings.max_connections:
            writer.close()
            return
        self._clients[task] = client = WyomingConnection(reader, writer, self.service)
        try:
            await client.run()
        except asyncio.CancelledError:
            # Only `cancel` does this, and nothing follows in this task.
            self.stopped += client.speaking
        finally:
            del self._clients[task]
