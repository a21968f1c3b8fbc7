"""What a worker speaks with: a warm engine in the project's folder, with the settings and the takes of a book."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from pockettts.config import BookConfig, parse
from pockettts.engines import Engine, open_engine
from pockettts.server.job import SynthesisRequest
from pockettts.speaking import chunks_of, make_ready, speak

WARM_UP = "Hello there."


class RequestSpeaker:
    """An engine and the voices that requests have named so far."""

    def __init__(self, settings: BookConfig, results: Path) -> None:
        self.settings = settings
        self.results = results
        ready = make_ready(settings, results)
        self._voices = {settings.voice: ready.voice}
        self._voice = settings.voice
        self._engine: Engine = open_engine(settings.engine, ready.runtime, ready.voice, settings.synth, ready.bundle)
        if settings.engine != "cli":
            # This loads the model, so that no request waits for it. Engine cli keeps none.
            self._engine.synthesize(WARM_UP, 0, accept_runaway=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.close()

    def __call__(self, request: SynthesisRequest, cancelled: Callable[[], bool]) -> Iterator[bytes]:
        """Yield the samples of a request, chunk after chunk; its voice and seed must be set.

        Raises `SynthesisCancelled` within a frame or two after `cancelled` became true.
        """
        assert request.voice is not None
        assert request.seed is not None
        settings = self.settings.model_copy(update={"voice": request.voice})
        chunks = chunks_of(request.text, settings, chunk=request.chunk)
        self._use_voice(settings)
        self._engine.cancelled = cancelled
        # With several lanes all of it is done sooner, but the first chunk later.
        lanes = 1 if request.stream else self._engine.lanes
        for samples in speak(self._engine, chunks, request.seed, settings, lanes=lanes):
            yield samples.tobytes()

    def _use_voice(self, settings: BookConfig) -> None:
        """Switch to a voice; one that no request has named before is exported first."""
        voice = settings.voice
        if voice not in self._voices:
            self._voices[voice] = make_ready(settings, self.results).voice
        if voice != self._voice:
            self._engine.use_voice(self._voices[voice])
            self._voice = voice


def open_speaker(start: Mapping[str, Any]) -> RequestSpeaker:
    """Open the engine for the settings in START."""
    return RequestSpeaker(parse(start["config"], "the server's settings"), Path(start["results"]))
