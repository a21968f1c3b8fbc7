"""The OpenAPI document against the server, by schemathesis: each answer is one that it has, and none a 5xx."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from support.servers import Running, fake_server


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with fake_server(queue=64, max_text_bytes=2_000) as running:
        running.wait_ready()
        yield running
        # What no answer showed: a worker that was lost and a request that met a defect.
        assert not [line for line in running.log if line["level"] == "error" or line["event"] == "a worker is replaced"]


@pytest.fixture(scope="module")
def document(server: Running) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{server.address}/openapi.json")


# The document cannot say which voices and models there are.
EXCLUDED: Any = [positive_data_acceptance]


def probe(document: schemathesis.BaseSchema, mode: GenerationMode, examples: int, number: int = 0) -> int:
    """Try examples of every operation, different ones for each number; returns how many were tried."""
    tried = 0
    for found in document.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if mode.is_negative and "requestBody" not in operation.definition.raw:
            continue

        @seed(number)
        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def try_one(case: schemathesis.Case) -> None:
            nonlocal tried
            tried += 1
            case.call_and_validate(excluded_checks=EXCLUDED)

        try_one()
    return tried


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_answers_are_as_documented(document: schemathesis.BaseSchema, mode: GenerationMode) -> None:
    assert probe(document, mode, 20) >= 20


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_answers_are_as_documented_for_minutes(document: schemathesis.BaseSchema, mode: GenerationMode) -> None:
    """A minute and a half in each mode; `pytest -s` shows the number of requests."""
    until, rounds, tried = time.monotonic() + 90, 0, 0
    while time.monotonic() < until:
        rounds += 1
        tried += probe(document, mode, 50, rounds)
    print(f"{mode.value}: {tried} requests in {rounds} rounds")
    assert tried > rounds * 50


def test_the_document_tells_of_every_route(server: Running) -> None:
    paths = server.ask("/openapi.json").json["paths"]
    assert set(paths) == {
        "/health",
        "/ready",
        "/voices",
        "/metrics",
        "/tts",
        "/v1/audio/speech",
        "/v1/audio/voices",
        "/v1/audio/models",
        "/v1/models/{name}",
        "/v1/models",
    }
