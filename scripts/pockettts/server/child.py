"""The child's side of the pipes: frames in, frames out, whatever it is that speaks. Below `worker`, which is a child.

It ends when its standard input does, or with the server. An error that has a sentence is answered with it; any other
ends the process.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from pockettts import log
from pockettts.driver import die_with_parent
from pockettts.errors import EngineFailed, PocketTTSError
from pockettts.server import frames
from pockettts.server.frames import Frame, Kind

Speak = Callable[[Mapping[str, Any]], Iterator[bytes]]
"""From the values of SPEAK to sound, part by part."""
OpenSpeaker = Callable[[Mapping[str, Any]], contextlib.AbstractContextManager[Speak]]
"""From the values of START to what speaks."""


class Inbox:
    """Reads frames in a thread of its own, so that a request can be cancelled while it is spoken."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._frames: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        self._cancelled = 0
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def get(self) -> Frame:
        """Wait for the next frame that is no CANCEL."""
        return self._frames.get()

    def cancelled(self, request: int) -> bool:
        """Whether a request is no longer wanted."""
        return self._cancelled >= request

    def _read(self) -> None:
        while (frame := frames.read(self._stream)) is not None:
            if frame.kind == Kind.CANCEL:
                self._cancelled = int(frame.values["id"])
            else:
                self._frames.put(frame)
        # The server has gone or wants us to. Whatever is being spoken, nobody will hear it.
        os._exit(0)


def serve(inbox: Inbox, send: Callable[[bytes], None], open_speaker: OpenSpeaker) -> None:
    """Answer frames until the process ends, or its speaker cannot be opened."""
    with contextlib.ExitStack() as stack:
        try:
            speak = stack.enter_context(open_speaker(inbox.get().values))
        except PocketTTSError as error:
            send(_failed(error))
            return
        send(frames.pack(Kind.READY))
        while True:
            message = inbox.get().values
            try:
                for audio in speak(message):
                    if inbox.cancelled(message["id"]):
                        break
                    send(frames.pack(Kind.AUDIO, audio))
                send(frames.pack(Kind.DONE, {"id": message["id"]}))
            except PocketTTSError as error:
                send(_failed(error))


def _failed(error: PocketTTSError) -> bytes:
    code = error.code if isinstance(error, EngineFailed) else None
    values = {"kind": type(error).__name__, "message": str(error), "exit_code": error.exit_code, "code": code}
    return frames.pack(Kind.FAILED, values)


def work(open_speaker: OpenSpeaker) -> None:
    """Be a worker: speak for the server that started this process, by its standard input and output."""
    die_with_parent()
    log.to_stderr()
    # Nothing but frames may reach the server's end of the pipe, so what prints goes to stderr.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def send(data: bytes) -> None:
        out.write(data)
        out.flush()

    serve(Inbox(sys.stdin.buffer), send, open_speaker)
