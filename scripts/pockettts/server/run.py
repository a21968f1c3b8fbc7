"""A server from start to end: sockets, workers, application, signals. Above all else in this package.

SIGTERM or SIGINT: no new connections, running requests get `shutdown_timeout`, then the workers are stopped. A second
signal ends the server at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import importlib.util
import resource
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import structlog
import uvicorn
from pydantic import SecretStr
from starlette.types import ASGIApp

from pockettts import __version__
from pockettts.config import BookConfig, differences
from pockettts.config.server import MIN_TOKEN, Address, ServerConfig, parse_address
from pockettts.errors import ConfigError, EnvironmentNotReady
from pockettts.models import read_lock
from pockettts.project import Project
from pockettts.server.app import build_app, metrics_app
from pockettts.server.connections import limited_protocol
from pockettts.server.metrics import ServerMetrics
from pockettts.server.pool import Pool, PoolLimits
from pockettts.server.service import Service, check_aliases, offered_voices
from pockettts.voices import Voice

if TYPE_CHECKING:
    from pockettts.server.wyoming import WyomingListener

log = structlog.get_logger("pockettts.server")

WORKER = (sys.executable, "-m", "pockettts.server.worker")
FILES_PER_WORKER = 8
FILES_BESIDE = 64
"""Open files that a server needs besides its connections: pipes of workers, sockets, the log, files being read."""
LAST_ANSWERS_SECONDS = 2.0
"""How long requests that are stopped at shutdown may take to send their error."""


def bind(text: str, option: str) -> socket.socket:
    """Return a listening socket. Raises `EnvironmentNotReady` for an address that is in use or not of this machine."""
    address = parse_address(text)
    try:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        return socket.create_server((address.host, address.port), family=family, backlog=512)
    except OSError as error:
        reasons = {
            errno.EADDRINUSE: "another program listens there: end it, or choose a different port",
            errno.EACCES: "permission denied: choose a port above 1023",
            errno.EADDRNOTAVAIL: "this machine does not have that address",
        }
        reason = reasons.get(error.errno or 0, error.strerror or str(error))
        raise EnvironmentNotReady(f"The server cannot listen at {address}: {reason} ({option}).") from None


def with_token(settings: ServerConfig) -> ServerConfig:
    """Return the settings with the token of `token_file`, if there is one. Raises `ConfigError`."""
    if settings.token_file is None:
        return settings
    if settings.token is not None:
        raise ConfigError("server.token and server.token_file both name the token: choose one of them.")
    try:
        token = settings.token_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ConfigError(f"The token file {settings.token_file} cannot be read: {reason}.") from None
    if len(token) < MIN_TOKEN:
        raise ConfigError(f"The token in {settings.token_file} is too short: it needs at least {MIN_TOKEN} characters.")
    return settings.model_copy(update={"token": SecretStr(token)})


def serve(settings: ServerConfig, project: Project) -> int:
    """Prepare model and voice, serve until a signal comes, and return the exit code.

    0 when all requests were done, 1 when some were stopped. Raises `EnvironmentNotReady` for a port in use, and the
    errors of `make_ready` and of a worker that cannot start.
    """
    settings = with_token(settings)
    listeners = Listeners.bind(settings)
    # These import scipy, and errors in the settings should come first.
    from pockettts.speaking import make_ready

    make_ready(project)
    config = project.config
    voices = offered_voices(project.voices, project.model, read_lock(project.of_model().lock), config.commercial)
    worker = WorkerCommand(WORKER, {"config": differences(config), "root": str(project.root.absolute())})
    return asyncio.run(run(settings, config, project.model.language, voices, worker, listeners))


@dataclass(frozen=True)
class Listeners:
    """The sockets of a server; those of addresses that are not set are None."""

    main: socket.socket
    metrics: socket.socket | None = None
    wyoming: socket.socket | None = None

    @classmethod
    def bind(cls, settings: ServerConfig) -> Self:
        """Listen at all addresses of the settings. Raises `EnvironmentNotReady`."""
        if settings.wyoming_addr and importlib.util.find_spec("wyoming") is None:
            raise EnvironmentNotReady("--wyoming-addr needs the package wyoming: run `pip install '.[wyoming]'`.")
        return cls(
            bind(settings.listen, "--listen"),
            bind(settings.metrics_addr, "--metrics-addr") if settings.metrics_addr else None,
            bind(settings.wyoming_addr, "--wyoming-addr") if settings.wyoming_addr else None,
        )


@dataclass(frozen=True)
class WorkerCommand:
    """How a worker is started: its command, and the values of its first message."""

    command: Sequence[str]
    start: Mapping[str, Any]


async def run(
    settings: ServerConfig,
    config: BookConfig,
    language: str,
    voices: Mapping[str, Voice],
    worker: WorkerCommand,
    listeners: Listeners,
) -> int:
    """Serve with workers of this command until a signal comes, and return the exit code as `serve` does."""
    check_aliases(settings, voices)
    _allow_open_files(settings)
    metrics = ServerMetrics()
    pool = open_pool(settings, config, worker, metrics)
    service = Service(settings, config, language, voices, pool, metrics)
    servers = [_Server(build_app(service), settings, metrics)]
    if listeners.metrics is not None:
        servers.append(_Server(metrics_app(metrics), settings, metrics))
    wyoming = None if listeners.wyoming is None else await _open_wyoming(service, listeners.wyoming)
    try:
        sockets = filter(None, (listeners.main, listeners.metrics))
        running = [asyncio.create_task(server.serve([place])) for server, place in zip(servers, sockets, strict=True)]
        with _signals(servers, wyoming) as stopping:
            _announce(settings, config, listeners)
            ends: list[asyncio.Future[Any]] = [pool.failed, stopping, *running]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if pool.failed.done():
                # Requests that wait for a worker would wait in vain.
                await pool.close()
            for server in servers:
                server.should_exit = True
            if wyoming is not None:
                running.append(asyncio.create_task(wyoming.close(settings.shutdown_timeout)))
            await asyncio.gather(*running)
        unfinished = frozenset().union(*(server.unfinished for server in servers))
        if unfinished:
            await asyncio.wait(unfinished, timeout=LAST_ANSWERS_SECONDS)
    finally:
        await pool.close()
    if pool.failed.done():
        raise pool.failed.result()
    stopped = len(unfinished) + (0 if wyoming is None else wyoming.stopped)
    if stopped:
        log.error("stopped before all requests were done", requests=stopped, seconds=settings.shutdown_timeout)
    return 1 if stopped else 0


async def _open_wyoming(service: Service, listener: socket.socket) -> WyomingListener:
    from pockettts.server.wyoming import WyomingListener

    wyoming = WyomingListener(service)
    await wyoming.open(listener)
    return wyoming


def _allow_open_files(settings: ServerConfig) -> None:
    """Raise the soft limit of open files to what `max_connections` needs; warn where the hard limit is lower."""
    needed = settings.max_connections + FILES_PER_WORKER * settings.workers + FILES_BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    allowed = max(soft, needed if hard == resource.RLIM_INFINITY else min(needed, hard))
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except (OSError, ValueError):
        # The system has a limit of its own.
        allowed = soft
    if allowed < needed:
        log.warning("max_connections needs more open files than are allowed", needed=needed, allowed=allowed)


def open_pool(settings: ServerConfig, config: BookConfig, worker: WorkerCommand, metrics: ServerMetrics) -> Pool:
    """Begin to start the workers."""
    limits = PoolLimits(
        workers=settings.workers,
        queue=settings.queue,
        memory_bytes=settings.worker_memory_mb << 20,
        start_seconds=settings.start_timeout,
        # Engine cli keeps nothing warm, so a new worker is cheap.
        cancel_seconds=0.5 if config.engine == "cli" else 5.0,
    )

    def log_line(pid: int, line: str) -> None:
        # It may quote the text.
        if settings.log_text:
            log.info("output of a worker", worker=pid, line=line)

    pool = Pool(worker.command, worker.start, limits, metrics.restart, log_line)
    metrics.watch(pool)
    pool.open()
    return pool


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling, which would end the process by the signal that it received."""

    unfinished: frozenset[asyncio.Task[None]] = frozenset()
    """Requests that were stopped because the time to shut down was up."""

    def __init__(self, app: ASGIApp, settings: ServerConfig, metrics: ServerMetrics) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=limited_protocol(settings, metrics),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=max(1, round(settings.shutdown_timeout)),
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        self.unfinished = frozenset(self.server_state.tasks)
        # After a timeout uvicorn has cancelled them; after a second signal it has not.
        for task in self.unfinished:
            task.cancel()


@contextlib.contextmanager
def _signals(servers: Sequence[uvicorn.Server], wyoming: WyomingListener | None) -> Iterator[asyncio.Future[None]]:
    """Handle SIGTERM and SIGINT inside the block; the future is done at the first."""
    loop = asyncio.get_running_loop()
    stopping: asyncio.Future[None] = loop.create_future()
    numbers = (signal.SIGTERM, signal.SIGINT)

    def stop() -> None:
        second = any(server.should_exit for server in servers)
        log.info("shutting down", at_once=second)
        if not stopping.done():
            stopping.set_result(None)
        for server in servers:
            server.should_exit = True
            server.force_exit = second
        if second and wyoming is not None:
            wyoming.cancel()

    for number in numbers:
        loop.add_signal_handler(number, stop)
    try:
        yield stopping
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _announce(settings: ServerConfig, config: BookConfig, listeners: Listeners) -> None:
    address = _address_of(listeners.main)
    log.info(
        "listening",
        address=f"http://{address}",
        version=__version__,
        model=config.model,
        voice=config.voice,
        engine=config.engine,
        workers=settings.workers,
    )
    if config.engine == "cli":
        log.warning("engine cli starts pocket-tts for every chunk; --engine torch or onnx answers much sooner")
    if listeners.wyoming is not None:
        wyoming = _address_of(listeners.wyoming)
        log.info("listening for Wyoming", address=f"tcp://{wyoming}")
        if not wyoming.loopback:
            log.warning("other machines can reach the Wyoming listener, and its protocol has no token")
    if not address.loopback and settings.token is None:
        log.warning("other machines can reach this server, and it needs no token")


def _address_of(listener: socket.socket) -> Address:
    return Address(*listener.getsockname()[:2])
