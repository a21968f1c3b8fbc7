"""A worker without a model: noise that text, voice and seed decide, and every fault that a worker can have.

The first word of a text selects the behavior: crash, crash-late, crash-once FILE, hang, slow N, refuse, runaway, eat,
devour, print; any other is spoken, 1/40 s of sound a character up to 5 s, in three parts.
"""

import os
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pockettts.errors import NoEndOfSpeech, UsageError, VoiceError
from pockettts.server.job import SynthesisRequest
from pockettts.server.worker.loop import Speak, run_worker

EATEN: list[bytes] = []


def noise(text: str, voice: str, seed: int) -> bytes:
    """Return the samples of a text."""
    return random.Random(f"{text}/{voice}/{seed}").randbytes(1_200 * min(len(text), 200))


def slow_noise(parts: int, text: str, voice: str, seed: int) -> bytes:
    """Return the samples of a text that begins with `slow PARTS`: a hundredth of a second each."""
    return noise(text, voice, seed)[:480] * parts


def speak(request: SynthesisRequest, cancelled: Callable[[], bool]) -> Iterator[bytes]:
    text, voice, seed = request.text, request.voice, request.seed
    assert voice is not None
    assert seed is not None
    word, _, rest = text.partition(" ")
    sound = noise(text, voice, seed)
    if word == "crash" or (word == "crash-once" and not Path(rest).exists()):
        if word == "crash-once":
            Path(rest).touch()
        os._exit(7)
    elif word == "crash-late":
        yield sound
        os._exit(7)
    elif word == "hang":
        yield sound
        time.sleep(1_000)
    elif word == "slow":
        for _ in range(int(rest.split()[0])):
            time.sleep(0.05)
            yield sound[:480]
        return
    elif word == "refuse":
        raise UsageError("There is nothing to speak here.")
    elif word == "runaway":
        raise NoEndOfSpeech("pocket-tts did not find the end.")
    elif word == "eat":
        EATEN.append(b"x" * 100_000_000)
    elif word == "devour":
        while True:
            EATEN.append(b"x" * 10_000_000)
    elif word == "print":
        print("a library that prints")
        print(rest, file=sys.stderr)
    third = len(sound) // 6 * 2
    yield sound[:third]
    yield sound[third : 2 * third]
    yield sound[2 * third :]


@contextmanager
def open_fake(start: Mapping[str, Any]) -> Iterator[Speak]:
    time.sleep(start.get("sleep", 0))
    if "refuse" in start:
        raise VoiceError(start["refuse"])
    if "die" in start:
        print("RuntimeError: no such model", file=sys.stderr)
        os._exit(9)
    if "megabytes" in start:
        resource.setrlimit(resource.RLIMIT_AS, (start["megabytes"] << 20,) * 2)
    yield speak


if __name__ == "__main__":
    run_worker(open_fake)
