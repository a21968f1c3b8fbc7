"""A request on its way from a route through the pool to a worker: what to speak, by when, and how it went."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from pockettts.server.audio import Format

Seed = Annotated[int, Field(ge=0, lt=2**31, strict=True)]


class SynthesisRequest(BaseModel):
    """A text to speak: the body of POST /tts, what other routes make of theirs, and what a worker receives."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str = Field(min_length=1)
    voice: str | None = Field(None, max_length=100, description="An id of /voices; default: the server's voice.")
    seed: Seed | None = Field(None, description="The same seed gives the same audio.")
    chunk: bool = Field(True, strict=True, description="Split the text at sentences; false: speak it in one go.")
    format: Format = Field("wav", description="pcm is 16 bit, little endian, mono, 24 kHz.")
    stream: bool = Field(False, strict=True, description="Send audio while it is made; a WAV then states no length.")


@dataclass
class Job:
    """A request with its deadline (by `time.monotonic`) and its measurements, in seconds."""

    request: SynthesisRequest
    deadline: float
    queue_seconds: float = 0.0
    first_audio_seconds: float | None = None
    """From the arrival of the request."""
    synthesis_seconds: float = 0.0
    audio_seconds: float = 0.0
    attempts: int = 0
    arrived: float = field(default_factory=time.monotonic)

    @property
    def seconds_left(self) -> float:
        """Seconds until the deadline, at least 0."""
        return max(0.0, self.deadline - time.monotonic())
