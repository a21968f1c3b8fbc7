"""The application: the routes, the pages, and the layers around them.

connection -> Recorder -> PlainRequests -> CORS -> TokenCheck -> BodyLimit -> routes -> service -> pool
"""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files
from typing import Literal

import jinja2
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from pockettts import __version__
from pockettts.errors import PocketTTSError
from pockettts.server import openai
from pockettts.server.audio import CONTENT, MEDIA_TYPES
from pockettts.server.job import SynthesisRequest
from pockettts.server.limits import BodyLimit, PlainRequests, TokenCheck
from pockettts.server.metrics import CONTENT_TYPE, ServerMetrics
from pockettts.server.record import Recorder, fail, record_of
from pockettts.server.replies import ErrorReply, Problem, error_body
from pockettts.server.service import Service, speak

PUBLIC = ("/", "/docs", "/openapi.json", "/health", "/ready")
"""Paths without a token: they reveal nothing about texts, and cost nothing."""

OTHER: openai.Responses = {"default": {"model": ErrorReply, "description": "An error."}}
ERRORS: openai.Responses = {
    **{status: {"model": ErrorReply, "description": text} for status, text in openai.FAILURES.items()},
    **OTHER,
}


class Health(BaseModel):
    """The server runs."""

    status: Literal["ok"] = "ok"
    version: str = __version__


class Readiness(BaseModel):
    """The server can speak."""

    status: Literal["ready"] = "ready"
    workers: int = Field(description="Warm workers.")
    queued: int = Field(description="Requests that wait.")


class VoiceItem(BaseModel):
    """A voice and the terms of its license."""

    id: str
    licence: str
    commercial: bool = Field(description="Whether commercial use is allowed.")
    attribution: str
    default: bool


class VoiceList(BaseModel):
    """All voices."""

    voices: list[VoiceItem]


def build_app(service: Service) -> ASGIApp:
    """Return the whole application for a service; the caller opens and closes its pool."""
    app = FastAPI(
        title="Pocket TTS",
        version=__version__,
        description="Speech from text, on this machine. Errors are JSON with the id of their request.",
        docs_url=None,
        # A redirect would name the scheme and the host as this server sees them, not as the client behind a proxy does.
        redirect_slashes=False,
        redoc_url=None,
    )
    _add_routes(app, service)
    app.include_router(openai.routes(service))
    _add_pages(app, service)
    _add_errors(app)
    return _in_layers(app, service)


def _in_layers(app: ASGIApp, service: Service) -> ASGIApp:
    settings = service.settings
    app = BodyLimit(app, settings.max_body_bytes, settings.body_timeout)
    if settings.token is not None:
        app = TokenCheck(app, settings.token.get_secret_value(), PUBLIC)
    if settings.cors_origins:
        app = CORSMiddleware(
            app,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "HEAD", "POST"],
            # Clients add headers of their own, such as X-Stainless-*, which mean nothing here.
            allow_headers=["*"],
            # Browsers ask before a page of the internet may call a server at home.
            allow_private_network=True,
            expose_headers=["X-Request-Id", "X-Audio-Seconds", "Retry-After"],
        )
    return Recorder(PlainRequests(app), service.metrics)


def _add_routes(app: FastAPI, service: Service) -> None:
    @app.get("/health", summary="Whether the server runs", responses=OTHER)
    async def health() -> Health:
        return Health()

    cold: openai.Responses = {503: {"model": ErrorReply, "description": "No worker is warm."}}

    @app.get("/ready", summary="Whether it can speak", responses={**cold, **OTHER})
    async def ready() -> Readiness:
        pool = service.pool
        if not pool.ready or pool.closing:
            raise Problem(503, "not_ready", "No worker is ready to speak.", headers={"Retry-After": "5"})
        return Readiness(workers=pool.ready, queued=pool.queued)

    @app.get("/voices", summary="List the voices", responses=OTHER)
    async def list_voices() -> VoiceList:
        return VoiceList(
            voices=[
                VoiceItem(
                    id=voice.id,
                    licence=voice.licence,
                    commercial=voice.commercial,
                    attribution=voice.attribution,
                    default=voice.id == service.config.voice,
                )
                for voice in service.voices.values()
            ]
        )

    @app.post(
        "/tts",
        summary="Speak a text",
        response_class=Response,
        responses={200: {"content": CONTENT, "description": "The audio."}, **ERRORS},
    )
    async def tts(http: Request, request: SynthesisRequest) -> Response:
        return await speak(http, service, request)

    if service.settings.metrics_addr is None:
        _add_metrics(app, service.metrics)


def _add_metrics(app: FastAPI, metrics: ServerMetrics) -> None:
    plain: openai.Responses = {200: {"content": {"text/plain": {}}, "description": "Metrics."}}

    @app.get("/metrics", summary="Metrics for Prometheus", response_class=Response, responses={**plain, **OTHER})
    async def read() -> Response:
        return Response(metrics.text(), headers={"Content-Type": CONTENT_TYPE})


def _add_pages(app: FastAPI, service: Service) -> None:
    templates = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (files(__package__) / "page" / name).read_text(encoding="utf-8")),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    facts = {"version": __version__, "token": service.settings.token is not None}

    @app.get("/", include_in_schema=False)
    async def index() -> HTMLResponse:
        limit = service.settings.max_text_bytes
        return _page(templates.get_template("index.html").render(**facts, limit=limit, formats=list(MEDIA_TYPES)))

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        return _page(templates.get_template("docs.html").render(**facts, api=app.openapi(), base=request.base_url))


def _page(html: str) -> HTMLResponse:
    """Return a page that may run only its own script and style, and connect only to this server."""

    def hashes(tag: str) -> str:
        texts = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
        return " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"

    policy = (
        f"default-src 'none'; script-src {hashes('script')}; style-src {hashes('style')};"
        " connect-src 'self'; media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(html, headers={"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"})


def _add_errors(app: FastAPI) -> None:
    async def answer(request: Request, error: Exception) -> JSONResponse:
        problem = fail(request.scope, error)
        body = error_body(request.url.path, problem, record_of(request.scope).id)
        return JSONResponse(body, status_code=problem.status, headers=problem.headers)

    for kind in (Problem, PocketTTSError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer)


def metrics_app(metrics: ServerMetrics) -> ASGIApp:
    """Return the application of --metrics-addr: /metrics and nothing else."""
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    _add_metrics(app, metrics)
    _add_errors(app)
    return Recorder(PlainRequests(app), metrics)
