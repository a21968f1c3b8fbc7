"""Addresses and limits of the server, and the table of its settings in the docs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pockettts.config.server import Address, ServerConfig, parse_address, settings_table
from pockettts.config.sources import SHORT, load_settings
from pockettts.errors import ConfigError
from support import ROOT

DOCS = ROOT / "docs" / "SERVER.md"


@pytest.mark.parametrize(
    ("text", "address", "loopback"),
    [
        ("127.0.0.1:8080", Address("127.0.0.1", 8080), True),
        ("localhost:0", Address("localhost", 0), True),
        (":80", Address("0.0.0.0", 80), False),
        ("0.0.0.0:80", Address("0.0.0.0", 80), False),
        ("[::1]:9", Address("::1", 9), True),
        ("[::]:9", Address("::", 9), False),
        ("tts.example:65535", Address("tts.example", 65535), False),
    ],
)
def test_addresses(text: str, address: Address, loopback: bool) -> None:
    assert parse_address(text) == address
    assert address.loopback is loopback
    if not text.startswith(":"):
        assert str(address) == text


@pytest.mark.parametrize("text", ["", "8080", "host:", "host:port", "host:65536", "host:-1", "::1:80", "host:٣"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        parse_address(text)


def test_a_text_of_the_greatest_length_fits_into_a_body_however_it_is_escaped() -> None:
    settings = ServerConfig(max_text_bytes=1_000)
    assert settings.max_body_bytes > len('{"text": ""}') + 1_000 * len("\\u0001")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"server": {"queu": 1}}, "unknown key server.queu. Did you mean queue?"),
        ({"server": {"workers": 0}}, "server.workers: input should be greater than or equal to 1"),
        ({"server": {"metrics_addr": "9090"}}, "server.metrics_addr: value error, an address is HOST:PORT"),
    ],
)
def test_a_wrong_setting_gets_a_sentence(values: dict, words: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(values))
    with pytest.raises(ConfigError) as error:
        load_settings(file=file)
    assert words in str(error.value)


def test_every_short_name_is_a_setting() -> None:
    names = [key.removeprefix("server.") for key in SHORT.values() if key.startswith("server.")]
    assert len(names) > 10
    assert set(names) <= set(ServerConfig.model_fields)


def test_the_docs_have_the_table_of_the_settings() -> None:
    assert settings_table() in DOCS.read_text(encoding="utf-8")
