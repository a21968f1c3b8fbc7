"""What the routes share: the settings, the voices that are offered, and the way from a text to an answer with audio."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from pockettts.config import BookConfig
from pockettts.config.server import ServerConfig
from pockettts.errors import VoiceError
from pockettts.models import Lock, ModelEntry
from pockettts.server.audio import MEDIA_TYPES, Encoder, Format, encode, open_encoder
from pockettts.server.metrics import Metrics
from pockettts.server.pool import Job, Pool
from pockettts.server.record import fail, record_of
from pockettts.server.replies import Problem
from pockettts.voices import Recording, Voice, check_licence, voice_pin


def offered_voices(known: Mapping[str, Voice], model: ModelEntry, lock: Lock, commercial: bool) -> dict[str, Voice]:
    """Return those of the known voices that a locked model can speak with and the configuration allows."""
    offered = {}
    for voice in known.values():
        try:
            check_licence(voice, commercial)
            voice_pin(voice, model)
        except VoiceError:
            continue
        # Weights of the ungated repository cannot make a voice from a recording.
        if lock.voice_cloning or not isinstance(voice.source, Recording):
            offered[voice.id] = voice
    return offered


@dataclass(frozen=True)
class Service:
    """A server's parts, as the routes need them."""

    settings: ServerConfig
    config: BookConfig
    voices: Mapping[str, Voice]
    pool: Pool
    metrics: Metrics


@dataclass(frozen=True)
class Wish:
    """What a client wants spoken, whichever route it came by; `text_field` is what that calls the text."""

    text: str
    voice: str | None
    seed: int | None
    chunk: bool
    format: Format
    stream: bool
    text_field: str = "text"


async def speak(request: Request, service: Service, wish: Wish) -> Response:
    """Return the audio of a wish: whole with its length, or part by part as it is made.

    Raises `Problem` for a wish that cannot be fulfilled and the errors of `Pool.stream`, before anything is sent.
    """
    voice = service.config.voice if wish.voice is None else wish.voice
    _check(service, wish, voice)
    seed = service.config.synth.seed if wish.seed is None else wish.seed
    record = record_of(request.scope)
    record.voice, record.characters, record.format = voice, len(wish.text), wish.format
    record.text = wish.text if service.settings.log_text else None
    record.job = job = Job(
        {"text": wish.text, "voice": voice, "seed": seed, "chunk": wish.chunk, "stream": wish.stream},
        record.arrived + service.settings.request_timeout,
        arrived=record.arrived,
    )
    media_type = MEDIA_TYPES[wish.format]
    if not wish.stream:
        audio = await service.pool.whole(job)
        data = await asyncio.to_thread(encode, wish.format, audio)
        return Response(data, media_type=media_type, headers={"X-Audio-Seconds": f"{job.audio_seconds:.3f}"})
    parts = service.pool.stream(job)
    first = await anext(parts, b"")
    return StreamingResponse(_encoded(request, open_encoder(wish.format), first, parts), media_type=media_type)


def _check(service: Service, wish: Wish, voice: str) -> None:
    limit = service.settings.max_text_bytes
    if (size := len(wish.text.encode())) > limit:
        sentence = f"The text has {size} bytes of UTF-8; this server takes {limit} (--max-text-bytes)."
        raise Problem(413, "too_long", sentence, wish.text_field)
    if not wish.text.strip():
        raise Problem(400, "bad_request", "There is nothing to speak: the text is empty.", wish.text_field)
    if voice not in service.voices:
        sentence = f"There is no such voice here. There are: {', '.join(service.voices)}."
        raise Problem(400, "unknown_voice", sentence, "voice")


async def _encoded(
    request: Request, encoder: Encoder, first: bytes, parts: AsyncGenerator[bytes, None]
) -> AsyncIterator[bytes]:
    try:
        async with contextlib.aclosing(parts):
            yield encoder.feed(first)
            async for part in parts:
                yield encoder.feed(part)
            yield encoder.end()
    except Exception as error:
        # The status is sent already. Without its end the answer is broken off, which every client sees.
        fail(request.scope, error)
        raise
