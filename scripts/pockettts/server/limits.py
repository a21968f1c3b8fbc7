"""Limits on a request before the application sees it: its token, its size, its time, and a client that waits for it.

Connections are limited one layer further out, in `connections`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import time
from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pockettts.server.record import fail, record_of
from pockettts.server.replies import GONE, Problem, send_problem


class PlainRequests:
    """ASGI middleware: HEAD is answered as GET without the body, and a slash at the end of a path means nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # uvicorn leaves the body out, by the method in its own scope.
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        plain = {**scope, "method": method, "path": scope["path"].rstrip("/") or "/"}
        try:
            await self.app(plain, receive, send)
        finally:
            scope["route"] = plain.get("route")


class TokenCheck:
    """ASGI middleware: only the `public` paths are served without the bearer token."""

    def __init__(self, app: ASGIApp, token: str, public: Collection[str]) -> None:
        self.app = app
        self._token = token.encode()
        self._public = frozenset(public)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in self._public or self._has_token(scope):
            await self.app(scope, receive, send)
            return
        sentence = "This server needs its token: send the header Authorization: Bearer TOKEN."
        problem = fail(scope, Problem(401, "unauthorized", sentence, headers={"WWW-Authenticate": "Bearer"}))
        await send_problem(scope, send, problem, record_of(scope).id)

    def _has_token(self, scope: Scope) -> bool:
        header = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        scheme, _, token = header.partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(token.strip(), self._token)


class BodyLimit:
    """ASGI middleware: reads the whole body, bounded in bytes and seconds; cancels a request whose client leaves."""

    def __init__(self, app: ASGIApp, max_bytes: int, seconds: float) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            body = await self._read(scope, receive)
        except Problem as problem:
            fail(scope, problem)
            if problem.status != GONE:
                await send_problem(scope, send, problem, record_of(scope).id)
            return
        gone = asyncio.ensure_future(receive())
        sent = complete = False

        async def replay() -> Message:
            nonlocal sent
            if not sent:
                sent = True
                return {"type": "http.request", "body": body, "more_body": False}
            return await asyncio.shield(gone)

        async def watched_send(message: Message) -> None:
            nonlocal complete
            complete = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        async def answer() -> None:
            await self.app(scope, replay, watched_send)

        answering = asyncio.create_task(answer())
        try:
            await asyncio.wait({answering, gone}, return_when=asyncio.FIRST_COMPLETED)
            # uvicorn also reports a disconnect when all is sent.
            if not complete:
                answering.cancel()
            await asyncio.wait({answering})
            if answering.cancelled():
                fail(scope, _left())
            else:
                await answering
        finally:
            answering.cancel()
            gone.cancel()

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        """Return the body. Raises `Problem`: 413, 408, or `GONE`."""
        too_long = Problem(
            413,
            "too_long",
            f"The body is longer than {self.max_bytes} bytes, the most that this server takes.",
            headers={"Connection": "close"},
        )
        headers = dict(scope["headers"])
        encoding = headers.get(b"content-encoding", b"identity").decode("latin-1").strip().lower()
        if int(headers.get(b"content-length", b"0")) > self.max_bytes:
            # A client that sent `Expect: 100-continue` gets the reply at once.
            if headers.get(b"expect", b"").lower() != b"100-continue":
                await self._discard_body(receive)
            raise too_long
        body = bytearray()
        try:
            async with asyncio.timeout(self.seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _left()
                    body += message.get("body", b"")
                    if len(body) > self.max_bytes:
                        break
                    if not message.get("more_body", False):
                        break
                if len(body) <= self.max_bytes:
                    if encoding not in ("", "identity"):
                        sentence = f"The body is compressed ({encoding}): send it as it is, without Content-Encoding."
                        raise Problem(415, "unsupported", sentence)
                    return bytes(body)
        except TimeoutError:
            sentence = f"The body did not arrive within {self.seconds:g} s."
            raise Problem(408, "slow_client", sentence, headers={"Connection": "close"}) from None
        await self._discard_body(receive)
        raise too_long

    async def _discard_body(self, receive: Receive) -> None:
        """Read on for as long as a body may take: a client that is still sending would miss the answer."""
        until = time.monotonic() + self.seconds
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.seconds):
                # If data is always ready, nothing awaits and the timeout never fires.
                while time.monotonic() < until:
                    message = await receive()
                    if message["type"] == "http.disconnect" or not message.get("more_body", False):
                        return


def _left() -> Problem:
    return Problem(GONE, "client_left", "The client left before it got its answer.")
