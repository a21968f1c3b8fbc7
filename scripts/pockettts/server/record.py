"""The outermost layer of the application: each request gets its id, a line in the log and its place in the metrics.

Whatever fails below, the client gets JSON, and the log gets one line.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pockettts.server.job import Job
from pockettts.server.metrics import ServerMetrics
from pockettts.server.replies import GONE, Problem, problem_of, send_problem

log = structlog.get_logger("pockettts.server")

_KEY = "pockettts.record"
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_QUIET = {"/health", "/ready", "/metrics"}


@dataclass
class RequestRecord:
    """The facts of one request, for log and metrics. `text` is only set where texts are logged.

    `exit_code` is that of the process that failed, if one did, else the one that a command would end with.
    """

    id: str
    arrived: float = field(default_factory=time.monotonic)
    voice: str | None = None
    characters: int | None = None
    format: str | None = None
    text: str | None = None
    job: Job | None = None
    problem: Problem | None = None
    exit_code: int | None = None

    def fail(self, error: Exception) -> Problem:
        """Record that the request failed, and return the problem to answer with.

        The first error is the cause; frameworks raise further ones after it.
        """
        if self.problem is None:
            self.problem = problem_of(error)
            code = getattr(error, "code", None)
            self.exit_code = getattr(error, "exit_code", None) if code is None else code
        return self.problem


def record_of(scope: Scope) -> RequestRecord:
    """Return the record of a request."""
    record: RequestRecord = scope[_KEY]
    return record


def fail(scope: Scope, error: Exception) -> Problem:
    """Record that a request failed, as `RequestRecord.fail`."""
    return record_of(scope).fail(error)


class Recorder:
    """ASGI middleware around all others."""

    def __init__(self, app: ASGIApp, metrics: ServerMetrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        record = scope[_KEY] = RequestRecord(_request_id(scope))
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", []), (b"x-request-id", record.id.encode())]}
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except asyncio.CancelledError:
            # The time to shut down is up. Nothing waits for this task, but the client should get an answer.
            fail(scope, Problem(503, "closing", "The server is shutting down.", headers={"Retry-After": "5"}))
        except Exception as error:
            if fail(scope, error).kind == "internal":
                log.exception("a request failed by a defect", request_id=record.id)
        if record.problem is not None and status == 0 and record.problem.status != GONE:
            await send_problem(scope, send_with_id, record.problem, record.id)
        if record.problem is not None and record.problem.status == GONE:
            status = GONE
        route = getattr(scope.get("route"), "path", "unmatched")
        finish(record, self.metrics, route, status, method=scope["method"], path=scope["path"])


def finish(record: RequestRecord, metrics: ServerMetrics, route: str, status: int, **place: str) -> None:
    """Count a request in the metrics, and write its line of the log; `place` is what the line adds to the facts."""
    problem = record.problem
    kind = problem.kind if problem else None
    metrics.request(route, status, kind, record.job)
    facts: dict[str, Any] = {
        "id": record.id,
        **place,
        "status": status,
        "seconds": round(time.monotonic() - record.arrived, 3),
        "voice": record.voice,
        "characters": record.characters,
        "format": record.format,
        "text": record.text,
        "error": kind,
        "exit_code": 0 if record.job is not None and problem is None else record.exit_code,
        **_measurements(record.job),
    }
    level = log.debug if route in _QUIET and status == 200 else log.info
    if problem is not None and problem.status >= 500 and problem.kind != "not_ready":
        level = log.warning
    level("request", **{name: value for name, value in facts.items() if value is not None})


def reject(problem: Problem, metrics: ServerMetrics) -> str:
    """Record a connection that is answered with a problem before a request was read; return the id to answer with."""
    request_id = new_id()
    metrics.request("unmatched", problem.status, problem.kind, None)
    log.info("request", id=request_id, status=problem.status, error=problem.kind)
    return request_id


def _measurements(job: Job | None) -> dict[str, Any]:
    if job is None:
        return {}
    return {
        "queue_seconds": round(job.queue_seconds, 3),
        "first_audio_seconds": None if job.first_audio_seconds is None else round(job.first_audio_seconds, 3),
        "synthesis_seconds": round(job.synthesis_seconds, 3),
        "audio_seconds": round(job.audio_seconds, 3),
        "rtf": round(job.synthesis_seconds / job.audio_seconds, 3) if job.audio_seconds else None,
        "attempts": job.attempts,
    }


def _request_id(scope: Scope) -> str:
    """Return the id that the client sent, if it is a plain one, else a new one."""
    sent = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), "")
    return sent if _ID.fullmatch(sent) else new_id()


def new_id() -> str:
    """Return the id of a request that brought none."""
    return uuid.uuid4().hex
