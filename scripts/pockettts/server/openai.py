"""The routes below /v1, for clients of OpenAI's speech service.

Shapes follow https://platform.openai.com/docs/api-reference/audio/createSpeech. Options that the model does not have
are refused with a sentence and never ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from pockettts.server.audio import CONTENT, Format
from pockettts.server.job import Seed, SynthesisRequest
from pockettts.server.replies import OpenAIErrorReply, Problem
from pockettts.server.service import Service, speak

ALIASES = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
"""Names of OpenAI's models, which clients send by default; they stand for the loaded model."""

Responses = dict[int | str, dict[str, Any]]

FAILURES: dict[int | str, str] = {
    400: "The request is wrong.",
    408: "The body did not arrive in time.",
    413: "The text or the body is too long.",
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
    voice: Annotated[str, Field(max_length=100)] | VoiceReference = Field(description="An id of /v1/audio/voices.")
    response_format: Format = Field("mp3", description="pcm is 16 bit, little endian, mono, 24 kHz.")
    speed: float = Field(1.0, strict=True, description="Only 1: the model has no other speed.")
    instructions: str | None = Field(None, description="Only empty: the model follows none.")
    stream_format: Literal["audio", "sse"] = Field("audio", description="Only audio.")
    seed: Seed | None = Field(None, description="The same seed gives the same audio.")

    def to_request(self) -> SynthesisRequest:
        """Return the same request in our own shape."""
        voice = self.voice if isinstance(self.voice, str) else self.voice.id
        return SynthesisRequest(text=self.input, voice=voice, seed=self.seed, format=self.response_format, stream=True)


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


def _check(body: SpeechRequest, model: str) -> None:
    if body.model not in (model, *ALIASES):
        sentence = f"There is no such model here. There is: {model} (also as {', '.join(ALIASES)})."
        raise Problem(404, "model_not_found", sentence, "model")
    if body.speed != 1:
        raise Problem(400, "unsupported", "The model speaks at one speed only: leave speed out, or send 1.", "speed")
    if (body.instructions or "").strip():
        raise Problem(400, "unsupported", "The model follows no instructions: leave them out.", "instructions")
    if body.stream_format == "sse":
        sentence = "Events are not supported: leave stream_format out, audio is streamed as it is made."
        raise Problem(400, "unsupported", sentence, "stream_format")


def routes(service: Service) -> APIRouter:
    """Return the routes of OpenAI's shape."""
    router = APIRouter(prefix="/v1", tags=["OpenAI"])

    @router.post(
        "/audio/speech",
        summary="Speak a text",
        response_class=Response,
        responses={200: {"content": CONTENT, "description": "The audio, streamed as it is made."}, **ERRORS},
    )
    async def speech(http: Request, body: SpeechRequest) -> Response:
        _check(body, service.config.model)
        return await speak(http, service, body.to_request())

    @router.get("/audio/voices", summary="List the voices", responses=OTHER)
    async def list_voices() -> OpenAIVoiceList:
        return OpenAIVoiceList(voices=[OpenAIVoice(id=voice, name=voice) for voice in service.voices])

    @router.get("/models", summary="List the models", responses=OTHER)
    async def list_models() -> OpenAIModelList:
        return OpenAIModelList(data=[OpenAIModel(id=service.config.model)])

    return router
