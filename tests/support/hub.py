"""A stand-in for the hub on loopback: real HTTP, spoken to by the real huggingface_hub client.

It answers as huggingface.co does: `resolve` by HEAD and GET, small files directly with the git object id as ETag,
large ones by a redirect to another origin (the CDN) with their sha256 in X-Linked-Etag. Every fault that a download
can meet is a switch on a file, and every request is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHUNK = 64 * 1024


@dataclass
class Stored:
    """One file of the hub and how it misbehaves."""

    content: bytes
    large: bool = True
    gated: bool = False
    served: bytes | None = None  # other bytes than the metadata says
    cut_at: int | None = None  # the body breaks off here ...
    cuts: int = 0  # ... this many times
    ranges: bool = True
    head_status: int = 200
    get_status: int = 200
    etag: str | None = None  # instead of the right one; "" for none
    xet: bool = True  # offered by Xet, too, as all large files of the hub are; here nothing answers to it

    @property
    def checksum(self) -> str:
        """What the hub says in (X-Linked-)ETag."""
        if self.etag is not None:
            return self.etag
        if self.large:
            return hashlib.sha256(self.content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content).hexdigest()


@dataclass(frozen=True)
class Seen:
    """One request."""

    method: str
    path: str
    range: str | None
    authorization: str | None
    cdn: bool


@dataclass
class Hub:
    """The files by (repository, revision, path), the one token that may read gated ones, and the requests so far."""

    token: str = "hf_accepted"
    files: dict[tuple[str, str, str], Stored] = field(default_factory=dict)
    requests: list[Seen] = field(default_factory=list)
    url: str = ""
    cdn_url: str = ""

    def put(self, source: object, content: bytes, **faults: object) -> Stored:
        """Store a file under the pin of a `HubFile`."""
        stored = Stored(content, gated=source.gated, **faults)  # type: ignore[attr-defined, arg-type]
        self.files[source.repo, source.revision, source.path] = stored  # type: ignore[attr-defined]
        return stored

    def seen(self, method: str, part: str = "") -> list[Seen]:
        """The requests of one method whose path contains `part`."""
        return [request for request in self.requests if request.method == method and part in request.path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub
    cdn: bool

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the requests are kept in the hub."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        authorization = self.headers.get("Authorization")
        self.hub.requests.append(Seen(self.command, self.path, self.headers.get("Range"), authorization, self.cdn))
        repo, _, rest = self.path.lstrip("/").partition("/resolve/")
        revision, _, path = rest.partition("/")
        stored = self.hub.files.get((repo, revision, path))
        if self.cdn and stored is not None:
            return self._send_content(stored, body, {"ETag": f'"{stored.checksum}"'})
        if authorization not in (None, f"Bearer {self.hub.token}"):
            return self._error(401, None, "Invalid credentials in Authorization header")
        if stored is None:
            repos = {key[0] for key in self.hub.files}
            revisions = {key[:2] for key in self.hub.files}
            if repo not in repos:
                return self._error(401, "RepoNotFound", "Repository not found")
            known = (repo, revision) in revisions
            return self._error(404, "EntryNotFound" if known else "RevisionNotFound", "Not found")
        if stored.gated and authorization is None:
            return self._error(401, "GatedRepo", f"Access to model {repo} is restricted. You must have access to it.")
        if stored.gated and self.hub.token == "hf_without_access":
            return self._error(403, "GatedRepo", f"Access to model {repo} is restricted and you are not in the list.")
        status = stored.get_status if body else stored.head_status
        if status != 200:
            return self._error(status, None, "Internal Error - We're working hard to fix this as soon as possible!")
        commit = {"X-Repo-Commit": revision, "Accept-Ranges": "bytes"}
        if not stored.large:
            etag = {"ETag": f'"{stored.checksum}"'} if stored.checksum else {}
            return self._send_content(stored, body, {**commit, **etag})
        headers = {**commit, "X-Linked-Size": str(len(stored.content)), "Location": self.hub.cdn_url + self.path}
        if stored.checksum:
            headers["X-Linked-Etag"] = f'"{stored.checksum}"'
        if stored.xet:
            headers["X-Xet-Hash"] = hashlib.sha256(b"xet" + stored.content).hexdigest()
            headers["X-Xet-Refresh-Route"] = f"{self.hub.url}/api/models/{repo}/xet-read-token/{revision}"
        return self._send(302, headers, b"", body)

    def _send_content(self, stored: Stored, body: bool, headers: dict[str, str]) -> None:
        content = stored.content if stored.served is None else stored.served
        if body and stored.get_status != 200:
            return self._error(stored.get_status, None, "storage is away")
        start, status = 0, 200
        wanted = self.headers.get("Range")
        if wanted and stored.ranges:
            start, status = int(wanted.removeprefix("bytes=").partition("-")[0]), 206
            headers = {**headers, "Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        cut = None
        if body and stored.cut_at is not None and stored.cuts > 0 and stored.cut_at >= start:
            stored.cuts -= 1
            cut = stored.cut_at - start
        return self._send(status, headers, content[start:], body, cut)

    def _send(self, status: int, headers: dict[str, str], content: bytes, body: bool, cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            with contextlib.suppress(ConnectionError):
                self.wfile.write(content[:cut])
        if cut is not None:
            self.close_connection = True

    def _error(self, status: int, code: str | None, message: str) -> None:
        headers = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {})}
        self._send(status, headers, message.encode(), body=self.command == "GET")


@contextlib.contextmanager
def running_hub(hub: Hub | None = None) -> Iterator[Hub]:
    """Serve a hub and its CDN on two free ports of 127.0.0.1."""
    hub = hub or Hub()
    servers = []
    for cdn in (False, True):
        handler = type("Handler", (_Handler,), {"hub": hub, "cdn": cdn})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
    hub.url, hub.cdn_url = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    try:
        yield hub
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
