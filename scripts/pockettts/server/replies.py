"""Errors as HTTP answers: status, kind and sentence, in our shape or, below /v1, in OpenAI's.

{"error": "sentence", "kind": "busy", "request_id": "..."}
{"error": {"message": "sentence", "type": "...", "param": "voice", "code": "unknown_voice"}, "request_id": "..."}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import Scope, Send

from pockettts.errors import EnvironmentNotReady
from pockettts.server.errors import DeadlineExceeded, QueueFull, ShuttingDown, WorkerDied, WorkerError

GONE = 499
"""The status, in log and metrics, of a request whose client left; it is never sent."""

_WORKER_ERRORS = {
    "NoEndOfSpeech": (422, "unspeakable"),
    "TakeRejected": (422, "unspeakable"),
    "EngineTimeout": (504, "late"),
}
_PLAIN = {400: "bad_request", 404: "not_found", 405: "method_not_allowed"}


class Problem(Exception):
    """An error with its HTTP status; `kind` is one of a few words, `param` the field of the request at fault."""

    def __init__(
        self, status: int, kind: str, message: str, param: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.param = param
        self.headers = dict(headers or {})


class ErrorReply(BaseModel):
    """An error in our shape."""

    error: str
    kind: str
    request_id: str


class OpenAIError(BaseModel):
    """The inner part of an error in OpenAI's shape."""

    message: str
    type: str
    param: str | None
    code: str


class OpenAIErrorReply(BaseModel):
    """An error in OpenAI's shape."""

    error: OpenAIError
    request_id: str


def problem_of(error: Exception) -> Problem:
    """Return any exception as a problem. An unexpected one is a defect of the server: 500 and no details."""
    match error:
        case Problem():
            return error
        case QueueFull():
            return Problem(429, "busy", str(error), headers={"Retry-After": str(error.retry_after)})
        case DeadlineExceeded():
            return Problem(504, "late", str(error))
        case ShuttingDown():
            return Problem(503, "closing", str(error), headers={"Retry-After": "5"})
        case WorkerDied():
            return Problem(500, "worker_lost", f"{error} A new one is being started; try again.")
        case WorkerError():
            status, kind = (400, "bad_request") if error.misuse else _WORKER_ERRORS.get(error.kind, (500, "engine"))
            return Problem(status, kind, str(error))
        case EnvironmentNotReady():
            return Problem(500, "environment", str(error))
        case RequestValidationError():
            return _invalid(error)
        case HTTPException(status_code=400, __cause__=Exception() as cause):
            return _unreadable(cause)
        case HTTPException():
            kind = _PLAIN.get(error.status_code, "http")
            return Problem(error.status_code, kind, f"{error.detail}.", headers=error.headers)
    return Problem(500, "internal", "The server has a defect; its log has details under the id of this request.")


def _unreadable(cause: BaseException) -> Problem:
    """Return the problem of a body of which JSON could not even be read."""
    match cause:
        case UnicodeError():
            sentence = "The body is not UTF-8: send JSON in UTF-8."
        case RecursionError():
            sentence = "The body is not valid JSON: it is nested too deeply."
        case _:
            sentence = "The body is not valid JSON: it has a number that is too long."
    return Problem(400, "bad_request", sentence)


def _invalid(error: RequestValidationError) -> Problem:
    detail = error.errors()[0]
    place = [str(part) for part in detail["loc"][1:]]
    if detail["type"] == "json_invalid":
        return Problem(400, "bad_request", f"The body is not valid JSON: {detail['ctx']['error']}.")
    if not place or place[0].isdigit():
        sentence = "The body must be a JSON object, sent with Content-Type: application/json."
        return Problem(400, "bad_request", sentence)
    if detail["type"] == "extra_forbidden":
        return Problem(400, "bad_request", f"There is no field {place[-1]!r}.", place[-1])
    # The rest of the place names types, where a field has several.
    field = place[0]
    message = detail["msg"].removeprefix("Value error, ")
    return Problem(400, "bad_request", f"{field}: {message[0].lower()}{message[1:].rstrip('.')}.", field)


def error_body(path: str, problem: Problem, request_id: str) -> dict[str, Any]:
    """Return the JSON of an error in the shape that clients of this path expect."""
    if not path.startswith("/v1/"):
        return {"error": str(problem), "kind": problem.kind, "request_id": request_id}
    kind = {429: "rate_limit_error"}.get(problem.status)
    kind = kind or ("invalid_request_error" if problem.status < 500 else "server_error")
    param = "input" if problem.param == "text" else problem.param
    error = {"message": str(problem), "type": kind, "param": param, "code": problem.kind}
    return {"error": error, "request_id": request_id}


async def send_problem(scope: Scope, send: Send, problem: Problem, request_id: str) -> None:
    """Send a problem as the answer to a request."""
    body = json.dumps(error_body(scope["path"], problem, request_id)).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **problem.headers}
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
