"""`pockettts serve` and `pockettts health`: the HTTP server, and a check that one runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pockettts.cli.context import absolute, open_with_settings
from pockettts.errors import EnvironmentNotReady, PocketTTSError, UsageError

HEALTH_SECONDS = 5.0


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(serve)
    app.command()(health)


def serve(
    context: typer.Context,
    listen: Annotated[str | None, typer.Option(metavar="HOST:PORT", show_default="127.0.0.1:8080")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes with an engine each.", show_default="2")] = None,
    engine: Annotated[str | None, typer.Option(help="cli, torch or onnx.")] = None,
    precision: Annotated[str | None, typer.Option(help="Of engine onnx: fp32 or int8.")] = None,
    model: Annotated[str | None, typer.Option(help="An id of `pockettts model list`.")] = None,
    voice: Annotated[str | None, typer.Option(help="The voice of requests that name none.")] = None,
    max_text_bytes: Annotated[int | None, typer.Option(help="Longest text.", show_default="4096")] = None,
    queue: Annotated[
        int | None, typer.Option(help="Requests that may wait for a worker; more get 429.", show_default="32")
    ] = None,
    request_timeout: Annotated[
        float | None, typer.Option(help="Seconds for a request, waiting included.", show_default="60")
    ] = None,
    shutdown_timeout: Annotated[
        float | None, typer.Option(help="Seconds that running requests get after SIGTERM.", show_default="30")
    ] = None,
    metrics_addr: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where /metrics is.", show_default="the main port")
    ] = None,
    wyoming_addr: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="For Home Assistant (Wyoming).", show_default="none")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(callback=absolute, help="A file with the token that clients must send.")
    ] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.", show_default="info")] = None,
    log_format: Annotated[
        str | None, typer.Option(help="json, console or auto: console on a terminal.", show_default="auto")
    ] = None,
    log_text: Annotated[
        bool | None, typer.Option("--log-text/--no-log-text", help="Write what is spoken to the log.")
    ] = None,
) -> None:
    """Speak over HTTP until Ctrl-C or SIGTERM: POST /tts, OpenAI's /v1/audio/speech, and a page to try a voice.

    Exits with 0 if all requests finished, with 1 if some had to be stopped. All settings: section `server` of
    `pockettts config show`.
    """
    flags = {
        "listen": listen,
        "workers": workers,
        "engine": engine,
        "precision": precision,
        "model": model,
        "voice": voice,
        "max_text_bytes": max_text_bytes,
        "queue": queue,
        "request_timeout": request_timeout,
        "shutdown_timeout": shutdown_timeout,
        "metrics_addr": metrics_addr,
        "wyoming_addr": wyoming_addr,
        "token_file": token_file,
        "log_level": log_level,
        "log_format": log_format,
        "log_text": log_text,
    }
    # A flag that is absent must not hide the option of the same name before the command.
    project, settings = open_with_settings(
        context, **{name: value for name, value in flags.items() if value is not None}
    )
    try:
        from pockettts.server import logs
        from pockettts.server.run import serve as run
    except ImportError as error:
        raise EnvironmentNotReady(f"The server needs {error.name}: run `pip install '.[server]'`.") from None
    logs.configure(settings.log.level, settings.server.log_format)
    raise typer.Exit(run(settings.server, project))


def health(
    context: typer.Context,
    address: Annotated[
        str | None, typer.Argument(metavar="[HOST:PORT]", help="Of the server.", show_default="that of `serve`")
    ] = None,
    ready: Annotated[bool, typer.Option("--ready", help="Check whether it can speak, not only that it runs.")] = False,
) -> None:
    """Check whether a server runs: prints ok, or exits with 1."""
    from pockettts.config.server import parse_address

    _, settings = open_with_settings(context)
    try:
        host, port = parse_address(address or settings.server.listen)
    except ValueError as error:
        raise UsageError(f"{str(error)[0].upper()}{str(error)[1:]}.") from None
    status = _status({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port, "/ready" if ready else "/health")
    if status != 200:
        raise PocketTTSError(f"The server at {host}:{port} is {'not ready' if ready else 'unhealthy'} (HTTP {status}).")
    print("ok")


def _status(host: str, port: int, path: str) -> int:
    """Return the HTTP status of a GET. Raises `PocketTTSError` when there is no answer."""
    import http.client

    connection = http.client.HTTPConnection(host, port, timeout=HEALTH_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise PocketTTSError(f"No server answers at {host}:{port} ({reason}).") from None
    finally:
        connection.close()
