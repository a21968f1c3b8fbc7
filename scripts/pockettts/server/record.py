"""The outermost layer of the application: gives each request its id, its line in the log and its place in the metrics.

Whatever happens below, the client gets JSON, and the log gets one line.
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

from pockettts.server.metrics import Metrics
from pockettts.server.pool import Job
from pockettts.server.replies import GONE, Problem, problem_of, send_problem

log = structlog.get_logger("pockettts.server")

_KEY = "pockettts.record"
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_QUIET = {"/health", "/ready", "/metrics"}


@dataclass
class Record:
    """What is known of a request in the end. `text` is only set where texts are to be logged.

    `exit_code` is that of the process that failed, if one ended, else the one that a command would end with.
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


def record_of(scope: Scope) -> Record:
    """Return the record of a request."""
    record: Record = scope[_KEY]
    return record


def fail(scope: Scope, error: Exception) -> Problem:
    """Note in the record that a request failed, and return how it is to be answered.

    What was noted first is the cause: frameworks raise other errors after it.
    """
    record = record_of(scope)
    if record.problem is None:
        record.problem = problem_of(error)
        ended = getattr(error, "code", None)
        record.exit_code = getattr(error, "exit_code", None) if ended is None else ended
    return record.problem


class Recorder:
    """ASGI middleware, above all others."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        record = scope[_KEY] = Record(_request_id(scope))
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
            # The time to shut down is up. Nothing waits for this task, and the client should hear of it.
            fail(scope, Problem(503, "closing", "The server is shutting down.", headers={"Retry-After": "5"}))
        except Exception as error:
            if fail(scope, error).kind == "internal":
                log.exception("a request met a defect", request_id=record.id)
        if record.problem is not None and status == 0 and record.problem.status != GONE:
            await send_problem(scope, send_with_id, record.problem, record.id)
        self._finish(scope, record, status)

    def _finish(self, scope: Scope, record: Record, sent: int) -> None:
        problem = record.problem
        status = GONE if problem is not None and problem.status == GONE else sent
        route = getattr(scope.get("route"), "path", "unmatched")
        kind = problem.kind if problem else None
        self.metrics.request(route, status, kind, record.job)
        facts: dict[str, Any] = {
            "id": record.id,
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "seconds": round(time.monotonic() - record.arrived, 3),
            "voice": record.voice,
            "characters": record.characters,
            "format": record.format,
            "text": record.text,
            "error": kind,
            "exit_code": 0 if record.job is not None and problem is None else record.exit_code,
            **_spoken(record.job),
        }
        level = log.debug if scope["path"] in _QUIET and status == 200 else log.info
        if problem is not None and problem.status >= 500 and problem.kind != "not_ready":
            level = log.warning
        level("request", **{name: value for name, value in facts.items() if value is not None})


def turn_away(problem: Problem, metrics: Metrics) -> str:
    """Note what never became a request and is answered with a problem; returns the id to answer with."""
    request_id = _new_id()
    metrics.request("unmatched", problem.status, problem.kind, None)
    log.info("request", id=request_id, status=problem.status, error=problem.kind)
    return request_id


def _spoken(job: Job | None) -> dict[str, Any]:
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
    """Return the id that the client gave, if it is a plain one, else a new one."""
    given = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), "")
    return given if _ID.fullmatch(given) else _new_id()


def _new_id() -> str:
    return uuid.uuid4().hex
