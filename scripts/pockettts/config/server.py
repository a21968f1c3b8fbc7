"""The settings of the server: the section `server` of all settings. Needs none of the server's packages."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, SecretStr

from pockettts.config import Section

Seconds = Annotated[float, Field(gt=0, le=86_400)]
MIN_TOKEN = 8
LogFormat = Literal["auto", "json", "console"]


class Address(NamedTuple):
    """A host and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse_address(text: str) -> Address:
    """Parse HOST:PORT, [IPV6]:PORT or :PORT (every interface). Raises `ValueError` with the reason."""
    host, colon, port = text.strip().rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ValueError(f"an address is HOST:PORT with a port from 0 to 65535, such as 127.0.0.1:8080, not {text!r}")
    bracketed = host.startswith("[") and host.endswith("]")
    if ":" in host and not bracketed:
        raise ValueError(f"write an IPv6 address in brackets, such as [::1]:8080, not {text!r}")
    return Address(host[1:-1] if bracketed else host or "0.0.0.0", int(port))


def _checked(text: str) -> str:
    parse_address(text)
    return text


AddressText = Annotated[str, AfterValidator(_checked)]


class ServerConfig(Section):
    """The HTTP server (`pockettts serve`)."""

    listen: AddressText = Field("127.0.0.1:8080", description="HOST:PORT; the default serves this machine only")
    workers: int = Field(2, ge=1, le=64, description="processes with an engine each")
    queue: int = Field(32, ge=0, le=10_000, description="requests that may wait for a worker; more get 429")
    max_text_bytes: int = Field(4096, ge=1, le=1_000_000, description="longest text, in bytes of UTF-8")
    request_timeout: Seconds = Field(60, description="seconds for a request, waiting included")
    shutdown_timeout: Seconds = Field(30, description="seconds that running requests get after SIGTERM")
    metrics_addr: AddressText | None = Field(None, description="HOST:PORT for /metrics; null: the main port")
    wyoming_addr: AddressText | None = Field(None, description="HOST:PORT for Home Assistant (Wyoming); null: none")
    max_connections: int = Field(256, ge=1, le=100_000, description="open connections; more get 503")
    header_timeout: Seconds = Field(10, description="seconds to send the headers")
    body_timeout: Seconds = Field(10, description="seconds to send a body, or to read part of an answer")
    worker_memory_mb: int = Field(4096, ge=64, description="a worker that uses more is replaced after its request")
    start_timeout: Seconds = Field(300, description="seconds for a worker to load its model")
    token: SecretStr | None = Field(None, min_length=MIN_TOKEN, description="clients must send it as a bearer token")
    token_file: Path | None = Field(None, description="a file that holds the token")
    cors_origins: tuple[str, ...] = Field((), description="origins of web pages that may call the server; * allows all")
    voice_aliases: dict[str, str] = Field(
        {}, description="voices for names that clients of OpenAI's service send, such as {alloy: bundled}"
    )
    log_format: LogFormat = Field("auto", description="json, console, or auto: console on a terminal")
    log_text: bool = Field(False, description="write texts, and the output of workers, to the log")

    @property
    def max_body_bytes(self) -> int:
        """The longest request body: JSON may escape each byte of the text as six."""
        return 6 * self.max_text_bytes + 4096


def settings_table() -> str:
    """Return all settings as a Markdown table, for docs/SERVER.md."""
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in ServerConfig.model_fields.items():
        default = json.dumps(field.default).strip('"')
        lines.append(f"| `{name}` | `{default}` | {field.description} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(settings_table())
