"""What a worker speaks with: a warm engine in the project's folder, with the settings and the takes of a book."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from pockettts.config import parse
from pockettts.project import Project
from pockettts.server.job import SynthesisRequest
from pockettts.speaking import chunks_of, make_ready, speak

WARM_UP = "Hello there."


class RequestSpeaker:
    """An engine and the voices that requests have named so far."""

    def __init__(self, project: Project) -> None:
        self._projects = {project.config.voice: project}
        self._voice = project.config.voice
        self._engine = make_ready(project).open_engine()
        if project.config.engine != "cli":
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
        project = self._use_voice(request.voice)
        chunks = chunks_of(request.text, project, chunk=request.chunk)
        self._engine.cancelled = cancelled
        # With several lanes all of it is done sooner, but the first chunk later.
        lanes = 1 if request.stream else self._engine.lanes
        for samples in speak(self._engine, chunks, project.with_seed(request.seed), lanes=lanes):
            yield samples.tobytes()

    def _use_voice(self, voice: str) -> Project:
        """Switch to a voice, which is exported if no request has named it before; returns the project with it."""
        if voice not in self._projects:
            project = self._projects[self._voice].with_voice(voice)
            make_ready(project)
            self._projects[voice] = project
        if voice != self._voice:
            self._engine.use_voice(self._projects[voice].voice_state())
            self._voice = voice
        return self._projects[voice]


def open_speaker(start: Mapping[str, Any]) -> RequestSpeaker:
    """Open the engine for the settings in START."""
    return RequestSpeaker(Project(Path(start["root"]), parse(start["config"], "the server's settings")))
