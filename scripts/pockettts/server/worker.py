"""One worker of the server: a process with a warm engine, started by `pool` as `python -m pockettts.server.worker`.

It works in the folder of the project, and what it speaks is what a book with these settings would say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from pockettts.config import BookConfig, parse
from pockettts.engines import Engine, open_engine
from pockettts.server.child import work
from pockettts.speaking import chunks_of, make_ready, speak

WARM_UP = "Hello there."


class Speaker:
    """The engine with the voices that it has met."""

    def __init__(self, settings: BookConfig, results: Path) -> None:
        self.settings = settings
        self.results = results
        ready = make_ready(settings, results)
        self._voices = {settings.voice: ready.voice}
        self._voice = settings.voice
        self._engine: Engine = open_engine(settings.engine, ready.runtime, ready.voice, settings.synth, ready.bundle)
        if settings.engine != "cli":
            # It loads the model, so that nobody waits for it later. Engine cli keeps none.
            self._engine.synthesize(WARM_UP, 0, accept_runaway=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.close()

    def __call__(self, message: Mapping[str, Any]) -> Iterator[bytes]:
        """Yield the sound of a text, chunk after chunk. `message`: text, voice (an id), seed, chunk, stream."""
        settings = self.settings.model_copy(update={"voice": message["voice"]})
        chunks = chunks_of(message["text"], settings, chunk=message["chunk"])
        self._take_voice(settings)
        # Lanes have all of it done sooner, and the first of it later.
        lanes = 1 if message["stream"] else self._engine.lanes
        for samples in speak(self._engine, chunks, message["seed"], settings, lanes=lanes):
            yield samples.tobytes()

    def _take_voice(self, settings: BookConfig) -> None:
        """Speak with another voice from now on; one that was never used is exported first."""
        voice = settings.voice
        if voice not in self._voices:
            self._voices[voice] = make_ready(settings, self.results).voice
        if voice != self._voice:
            self._engine.use_voice(self._voices[voice])
            self._voice = voice


def open_speaker(start: Mapping[str, Any]) -> Speaker:
    """Open the engine that START asks for."""
    return Speaker(parse(start["config"], "the server's settings"), Path(start["results"]))


if __name__ == "__main__":
    work(open_speaker)
