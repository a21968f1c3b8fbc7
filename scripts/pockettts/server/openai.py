"""The routes below /v1, for clients of OpenAI's speech service.

Shapes follow https://platform.openai.com/docs/api-reference/audio/createSpeech. Options that the model does not have
are refused with a sentence and never ignored.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from pockettts.server.audio import CONTENT, MEDIA_TYPES, Encoder, Format, open_encoder
from pockettts.server.job import Seed, SynthesisRequest
from pockettts.server.replies import OpenAIErrorReply, Problem
from pockettts.server.service import Service, is_language, speak

ALIASES = ("pocket-tts", "tts-1", "tts-1-hd", "gpt-4o-mini-tts")
"""Names that clients send by default; they stand for the loaded model."""
_DATED = re.compile(r"(tts-1|tts-1-hd|gpt-4o-mini-tts)-([0-9]{4}|[0-9]{4}-[0-9]{2}-[0-9]{2})")

OPENAI_VOICES = frozenset(
    "alloy ash ballad cedar coral echo fable marin nova onyx sage shimmer verse".split()  # noqa: SIM905
)
"""Voices of OpenAI's own service, which clients name by default."""

EVENTS = "text/event-stream"

Responses = dict[int | str, dict[str, Any]]

FAILURES: dict[int | str, str] = {
    400: "The request is wrong.",
    408: "The body did not arrive in time.",
    413: "The text or the body is too long.",
    415: "The body is compressed.",
    422: "No attempt at this text was good enough, or had an end.",
    429: "The queue is full; see Retry-After.",
    500: "The worker died twice, or the engine failed.",
    503: "The server is shutting down.",
    504: "The time for a request is up.",
}
OTHER: Responses = {"default": {"model": OpenAIErrorReply, "description": "An error."}}
ERRORS: Responses = {
    **{status: {"model": OpenAIErrorReply, "description": text} for status, text in FAILURES.items()},
    404: {"model": OpenAIErrorReply, "description": "There is no such model."},
    **OTHER,
}


class VoiceReference(BaseModel):
    """A voice by its id, as newer clients send it."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(max_length=100)


class SpeechRequest(BaseModel):
    """A text to speak, as OpenAI's clients send it; `seed` is ours."""

    model_config = ConfigDict(extra="forbid")

    input: str = Field(min_length=1, description="The text.")
    model: str = Field(max_length=100, description=f"The id of the loaded model, or one of {', '.join(ALIASES)}.")
    voice: Annotated[str, Field(max_length=100)] | VoiceReference | None = Field(
        None, description="An id of /v1/audio/voices. LibreChat sends none where it lists none."
    )
    response_format: Format = Field("mp3", description="pcm is 16 bit, little endian, mono, 24 kHz.")
    speed: float = Field(1.0, strict=True, description="Only 1: the model has one speed.")
    instructions: str | None = Field(None, description="Only empty: the model follows none.")
    stream: bool | None = Field(None, strict=True, description="false: send the audio at once, with its length.")
    stream_format: Literal["audio", "sse"] = Field("audio", description="sse: events with the audio in base64.")
    lang_code: str | None = Field(None, max_length=100, description="Only the language of the model.")
    user: str | None = Field(None, description="An id of yours; it changes nothing.")
    seed: Seed | None = Field(None, description="The same seed gives the same audio.")

    def to_request(self, service: Service) -> SynthesisRequest:
        """Return the same request in our own shape. Raises `Problem` for what the model cannot do."""
        check_model(self.model, service)
        if self.speed != 1:
            raise Problem(400, "unsupported", "The model has one speed: leave speed out, or send 1.", "speed")
        if (self.instructions or "").strip():
            raise Problem(400, "unsupported", "The model follows no instructions: leave them out.", "instructions")
        if self.lang_code and not is_language(self.lang_code, service.language):
            raise Problem(400, "unsupported", f"The model speaks {service.language.capitalize()} only.", "lang_code")
        stream = self.stream is not False or self.stream_format == "sse"
        return SynthesisRequest(
            text=self.input,
            voice=self._voice_id(service),
            seed=self.seed,
            format=self.response_format,
            stream=stream,
        )

    def _voice_id(self, service: Service) -> str | None:
        if self.voice is None:
            return None
        name = self.voice if isinstance(self.voice, str) else self.voice.id
        voice = service.settings.voice_aliases.get(name, name)
        if voice in OPENAI_VOICES and voice not in service.voices:
            sentence = (
                f"The voice {voice!r} is one of OpenAI's. There are: {', '.join(service.voices)}. The administrator can"
                f' map its name: server.voice_aliases={{"{voice}": "{service.config.voice}"}}.'
            )
            raise Problem(400, "unknown_voice", sentence, "voice")
        return voice


class EventEncoder:
    """Server-sent events around the bytes of an encoder: `speech.audio.delta` for each part, `speech.audio.done`."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def feed(self, audio: bytes) -> bytes:
        """As `Encoder.feed`."""
        return self._delta(self._encoder.feed(audio))

    def end(self) -> bytes:
        """As `Encoder.end`. No tokens are counted here, so the counts that clients expect are 0."""
        usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
        return self._delta(self._encoder.end()) + _event({"type": "speech.audio.done", "usage": usage})

    @staticmethod
    def _delta(data: bytes) -> bytes:
        return _event({"type": "speech.audio.delta", "audio": base64.b64encode(data).decode()}) if data else b""


def _event(values: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(values)}\n\n".encode()


class OpenAIVoice(BaseModel):
    """A voice."""

    id: str
    name: str


class OpenAIVoiceList(BaseModel):
    """All voices."""

    voices: list[OpenAIVoice]


class OpenAIModel(BaseModel):
    """A model."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "kyutai"


class OpenAIModelList(BaseModel):
    """All models: the one that is loaded."""

    object: Literal["list"] = "list"
    data: list[OpenAIModel]


class OpenAIAudioModels(BaseModel):
    """All models, in the shape that Open WebUI asks for."""

    models: list[OpenAIModel]


def check_model(name: str, service: Service) -> None:
    """Raise `Problem` for a name that does not stand for the loaded model."""
    if name not in (service.config.model, *ALIASES) and not _DATED.fullmatch(name):
        sentence = f"There is no such model here. There is: {service.config.model} (also as {', '.join(ALIASES)})."
        raise Problem(404, "model_not_found", sentence, "model")


def routes(service: Service) -> APIRouter:
    """Return the routes of OpenAI's shape."""
    router = APIRouter(prefix="/v1", tags=["OpenAI"])
    loaded = OpenAIModel(id=service.config.model)

    @router.post(
        "/audio/speech",
        summary="Speak a text",
        response_class=Response,
        responses={
            200: {"content": {**CONTENT, EVENTS: {}}, "description": "The audio, streamed as it is made."},
            **ERRORS,
        },
    )
    async def speech(http: Request, body: SpeechRequest) -> Response:
        request = body.to_request(service)
        encoder, media_type = open_encoder(body.response_format), MEDIA_TYPES[body.response_format]
        if body.stream_format == "sse":
            encoder, media_type = EventEncoder(encoder), EVENTS
        return await speak(http, service, request, encoder, media_type)

    @router.get("/audio/voices", summary="List the voices", responses=OTHER)
    async def list_voices() -> OpenAIVoiceList:
        return OpenAIVoiceList(voices=[OpenAIVoice(id=voice, name=voice) for voice in service.voices])

    @router.get("/audio/models", summary="List the models, as Open WebUI asks for them", responses=OTHER)
    async def list_audio_models() -> OpenAIAudioModels:
        return OpenAIAudioModels(models=[loaded])

    @router.get("/models", summary="List the models", responses=OTHER)
    async def list_models() -> OpenAIModelList:
        return OpenAIModelList(data=[loaded])

    unknown: Responses = {404: {"model": OpenAIErrorReply, "description": "There is no such model."}}

    @router.get("/models/{name}", summary="Describe a model", responses={**unknown, **OTHER})
    async def read_model(name: str) -> OpenAIModel:
        check_model(name, service)
        return OpenAIModel(id=name)

    return router
