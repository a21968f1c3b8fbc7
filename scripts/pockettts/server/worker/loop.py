"""The loop of a worker process: messages in, messages out, around whatever it is that speaks.

The process ends when its standard input does, or with the server. An error with a sentence is sent as an answer; any
other exception ends the process.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, BinaryIO

from pockettts import log
from pockettts.driver import die_with_parent
from pockettts.errors import EngineFailed, PocketTTSError
from pockettts.server.job import SynthesisRequest
from pockettts.server.worker import messages
from pockettts.server.worker.messages import Message, MessageKind

Speak = Callable[[SynthesisRequest, Callable[[], bool]], Iterator[bytes]]
"""From a request to samples, part by part; the function returns whether the request was cancelled."""
OpenSpeaker = Callable[[Mapping[str, Any]], contextlib.AbstractContextManager[Speak]]
"""From the values of START to a `Speak`."""


class Inbox:
    """Reads messages in a thread of its own, so that a request can be cancelled while it is spoken."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._cancelled = 0
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def get(self) -> Message:
        """Wait for the next message; CANCEL is kept for `cancelled`."""
        return self._messages.get()

    def cancelled(self, request: int) -> bool:
        """Whether a request was cancelled."""
        return self._cancelled >= request

    def _read(self) -> None:
        while (message := messages.read(self._stream)) is not None:
            if message.kind == MessageKind.CANCEL:
                self._cancelled = int(message.values["id"])
            else:
                self._messages.put(message)
        # The server closed the pipe or is gone, so nobody receives what is being spoken.
        os._exit(0)


def answer_messages(inbox: Inbox, send: Callable[[bytes], None], open_speaker: OpenSpeaker) -> None:
    """Answer messages until the process ends, or its speaker cannot be opened."""
    with contextlib.ExitStack() as stack:
        try:
            speak = stack.enter_context(open_speaker(inbox.get().values))
        except PocketTTSError as error:
            send(_failed(error))
            return
        send(messages.pack(MessageKind.READY))
        while True:
            values = inbox.get().values
            try:
                cancelled = partial(inbox.cancelled, values["id"])
                for audio in speak(SynthesisRequest(**values["request"]), cancelled):
                    if cancelled():
                        break
                    send(messages.pack(MessageKind.AUDIO, audio))
                send(messages.pack(MessageKind.DONE, {"id": values["id"]}))
            except PocketTTSError as error:
                send(_failed(error))


def _failed(error: PocketTTSError) -> bytes:
    code = error.code if isinstance(error, EngineFailed) else None
    values = {"kind": type(error).__name__, "message": str(error), "exit_code": error.exit_code, "code": code}
    return messages.pack(MessageKind.FAILED, values)


def run_worker(open_speaker: OpenSpeaker) -> None:
    """Serve the process that started this one, through standard input and output."""
    die_with_parent()
    log.to_stderr()
    # Only messages may reach the server's end of the pipe, so whatever is printed goes to stderr.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def send(data: bytes) -> None:
        out.write(data)
        out.flush()

    answer_messages(Inbox(sys.stdin.buffer), send, open_speaker)
