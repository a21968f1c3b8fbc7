"""The parts that the routes share, and the way from a request to an answer with audio."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from pockettts.config import BookConfig
from pockettts.config.server import ServerConfig
from pockettts.errors import ConfigError, VoiceError
from pockettts.models import Lock, ModelEntry
from pockettts.server.audio import MEDIA_TYPES, Encoder, encode, open_encoder
from pockettts.server.job import Job, SynthesisRequest
from pockettts.server.metrics import ServerMetrics
from pockettts.server.pool import Pool
from pockettts.server.record import RequestRecord, fail, record_of
from pockettts.server.replies import Problem
from pockettts.values import LANGUAGE_CODES
from pockettts.voices import Recording, Voice, check_licence, voice_pin

_LETTERS = {"a": "english", "b": "english", "e": "spanish", "f": "french", "i": "italian", "p": "portuguese"}
"""Languages as servers of the model Kokoro abbreviate them in `lang_code`."""


def is_language(code: str, language: str) -> bool:
    """Whether a code such as en, en-US, a or English stands for a language of `LANGUAGE_CODES`."""
    code = code.lower().replace("_", "-")
    short = LANGUAGE_CODES.get(language, language)
    return code in (language, short) or code.startswith(f"{short}-") or _LETTERS.get(code) == language


def check_aliases(settings: ServerConfig, voices: Collection[str]) -> None:
    """Raise `ConfigError` where `voice_aliases` names a voice that is not offered, or hides one that is."""
    for alias, voice in settings.voice_aliases.items():
        if voice not in voices:
            there_are = f"There are: {', '.join(voices)}."
            raise ConfigError(f"server.voice_aliases maps {alias!r} to {voice!r}, which is not offered. {there_are}")
        if alias in voices:
            raise ConfigError(f"server.voice_aliases maps {alias!r}, which is itself a voice: remove it.")


def offered_voices(voices: Mapping[str, Voice], model: ModelEntry, lock: Lock, commercial: bool) -> dict[str, Voice]:
    """Return the voices that a locked model can speak with and that the configuration allows."""
    offered = {}
    for voice in voices.values():
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
    """The parts of a server that the routes need."""

    settings: ServerConfig
    config: BookConfig
    language: str
    voices: Mapping[str, Voice]
    pool: Pool
    metrics: ServerMetrics


def accept(service: Service, request: SynthesisRequest, record: RequestRecord) -> Job:
    """Return the job of a request, with voice and seed set, and note it in the record. Raises `Problem`."""
    request = request.model_copy(
        update={
            "voice": service.config.voice if request.voice is None else request.voice,
            "seed": service.config.synth.seed if request.seed is None else request.seed,
        }
    )
    _check(service, request)
    # Not before: the log holds nothing that a client made up.
    record.voice, record.characters, record.format = request.voice, len(request.text), request.format
    record.text = request.text if service.settings.log_text else None
    record.job = Job(request, record.arrived + service.settings.request_timeout, arrived=record.arrived)
    return record.job


async def speak(
    http: Request,
    service: Service,
    request: SynthesisRequest,
    encoder: Encoder | None = None,
    media_type: str | None = None,
) -> Response:
    """Return the audio of a request: whole with its length, or part by part as it is made.

    A stream is written by `encoder`; by default by that of the format of the request.

    Raises `Problem` for a request that cannot be fulfilled and the errors of `Pool.stream`, before anything is sent.
    """
    job = accept(service, request, record_of(http.scope))
    request, media_type = job.request, media_type or MEDIA_TYPES[request.format]
    if not request.stream:
        audio = await service.pool.whole(job)
        data = await asyncio.to_thread(encode, request.format, audio)
        return Response(data, media_type=media_type, headers={"X-Audio-Seconds": f"{job.audio_seconds:.3f}"})
    parts = service.pool.stream(job)
    first = await anext(parts, b"")
    encoder = encoder or open_encoder(request.format)
    return StreamingResponse(_encoded(http, encoder, first, parts), media_type=media_type)


def _check(service: Service, request: SynthesisRequest) -> None:
    limit = service.settings.max_text_bytes
    if (size := len(request.text.encode())) > limit:
        sentence = f"The text has {size} bytes of UTF-8; this server takes {limit} (--max-text-bytes)."
        raise Problem(413, "too_long", sentence, "text")
    if not request.text.strip():
        raise Problem(400, "bad_request", "There is nothing to speak: the text is empty.", "text")
    if request.voice not in service.voices:
        sentence = f"There is no such voice here. There are: {', '.join(service.voices)}."
        raise Problem(400, "unknown_voice", sentence, "voice")


async def _encoded(
    http: Request, encoder: Encoder, first: bytes, parts: AsyncGenerator[bytes, None]
) -> AsyncIterator[bytes]:
    try:
        async with contextlib.aclosing(parts):
            yield encoder.feed(first)
            async for part in parts:
                yield encoder.feed(part)
            yield encoder.end()
    except Exception as error:
        # The status is sent already. An answer without its end is an error to every client.
        fail(http.scope, error)
        raise
