"""Limits on connections: their number, the time to send headers, the time to read an answer.

The outermost layer of all: uvicorn's protocol with the limits that it lacks, and errors in JSON.
"""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from pockettts.config.server import ServerConfig
from pockettts.server.metrics import ServerMetrics
from pockettts.server.record import reject
from pockettts.server.replies import Problem, error_body

SEND_BUFFER = 64 * 1024
"""Bytes of an answer that the kernel buffers. By default it takes megabytes, which hides for minutes that a client does
not read."""


def limited_protocol(settings: ServerConfig, metrics: ServerMetrics) -> type[H11Protocol]:
    """Return the class that uvicorn uses for every connection."""

    class LimitedProtocol(H11Protocol):
        """One connection."""

        _reading: asyncio.TimerHandle | None = None
        _writing: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            # With this, any byte that waits, also the last of an answer, calls `pause_writing`.
            transport.set_write_buffer_limits(high=0)
            if len(self.connections) > settings.max_connections:
                self._reject(503, "busy", "The server has reached its limit of connections. Try again later.")
                return
            self._await_headers()

        def data_received(self, data: bytes) -> None:
            if self.transport.is_closing():
                return
            super().data_received(data)
            self._await_headers()

        def connection_lost(self, exc: Exception | None) -> None:
            for timer in (self._reading, self._writing):
                if timer is not None:
                    timer.cancel()
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._await_reader()

        def resume_writing(self) -> None:
            super().resume_writing()
            if self._writing is not None:
                self._writing.cancel()

        def send_400_response(self, msg: str) -> None:
            self._reject(400, "bad_request", msg)

        def _await_headers(self) -> None:
            """Run a timer while the headers of a request are awaited, and none while it is answered."""
            awaited = self.cycle is None or self.cycle.response_complete
            if not awaited and self._reading is not None:
                self._reading.cancel()
                self._reading = None
            elif awaited and self._reading is None:
                self._reading = self.loop.call_later(settings.header_timeout, self._too_slow)

        def _await_reader(self) -> None:
            """Check again later whether the client has read anything; players read slowly."""
            waiting = self.transport.get_write_buffer_size()
            self._writing = self.loop.call_later(settings.body_timeout, self._check_reader, waiting)

        def _check_reader(self, waiting_before: int) -> None:
            if self.transport.get_write_buffer_size() < waiting_before:
                self._await_reader()
            else:
                self.transport.abort()

        def _too_slow(self) -> None:
            self._reading = None
            self._reject(408, "slow_client", f"The headers did not arrive within {settings.header_timeout:g} s.")

        def _reject(self, status: int, kind: str, sentence: str) -> None:
            """Answer before a request was read, and close."""
            if self.transport.is_closing():
                return
            problem = Problem(status, kind, sentence)
            request_id = reject(problem, metrics)
            body = json.dumps(error_body("", problem, request_id)).encode()
            headers = [
                ("content-type", "application/json"),
                ("content-length", str(len(body))),
                ("connection", "close"),
                ("x-request-id", request_id),
            ]
            answer: list[Any] = [h11.Response(status_code=status, headers=headers), h11.Data(data=body)]
            # A fresh state machine, since that of the connection may not allow an answer any more.
            connection = h11.Connection(h11.SERVER)
            for event in answer:
                self.transport.write(connection.send(event) or b"")
            self.transport.close()

    return LimitedProtocol
