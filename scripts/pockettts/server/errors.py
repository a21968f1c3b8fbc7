"""What can go wrong between a request and its audio: typed errors of the pool and its workers."""

from __future__ import annotations

from pockettts.errors import EngineError, PocketTTSError


class QueueFull(PocketTTSError):
    """The queue is full; `retry_after` is the number of seconds after which another try may succeed."""

    def __init__(self, waiting: int, retry_after: int) -> None:
        super().__init__(f"The server is busy: {waiting} requests are waiting already. Try again in {retry_after} s.")
        self.retry_after = retry_after


class DeadlineExceeded(PocketTTSError):
    """A request or the start of a worker took longer than its limit."""


class ShuttingDown(PocketTTSError):
    """The server is shutting down."""


class WorkerDied(EngineError):
    """A worker process ended during a request; `code` is its exit code (negative: the signal), or None."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class WorkerError(PocketTTSError):
    """A worker answered with an error; `kind` is the name of its class.

    `misuse` is true where the request itself is wrong. `code` is the exit code of pocket-tts, if that is what failed.
    """

    def __init__(self, kind: str, message: str, exit_code: int, code: int | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.misuse = exit_code == 2
        self.exit_code = exit_code
        self.code = code
