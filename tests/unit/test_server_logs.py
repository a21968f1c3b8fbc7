"""What the server writes to standard error: JSON or lines, from a level on, and the warnings of other libraries."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROGRAM = """
import logging, sys, structlog
from pockettts.server import logs
ours = structlog.get_logger("pockettts.server")
for arguments in (["debug"], ["info"], ["warning"], ["error"], ["info", "console"]):
    print("---", *arguments, file=sys.stderr, flush=True)
    logs.configure(*arguments)
    ours.debug("small")
    ours.info("request", id="a", seconds=0.5)
    ours.warning("great")
    logging.getLogger("other").info("chatter")
    logging.getLogger("other").warning("trouble")
    try:
        raise ValueError("no")
    except ValueError:
        ours.exception("defect")
"""


@pytest.fixture(scope="module")
def logged() -> dict[str, list[str]]:
    """The lines of the log by the arguments of `configure`."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    parts = [part.partition("\n") for part in done.stderr.split("--- ")[1:]]
    return {arguments: lines.splitlines() for arguments, _, lines in parts}


@pytest.mark.parametrize(
    ("level", "events"),
    [
        ("debug", ["small", "request", "great", "trouble", "defect"]),
        ("info", ["request", "great", "trouble", "defect"]),
        ("warning", ["great", "trouble", "defect"]),
        ("error", ["trouble", "defect"]),
    ],
)
def test_json_from_a_level_on(logged: dict[str, list[str]], level: str, events: list[str]) -> None:
    lines = [json.loads(line) for line in logged[level]]
    assert [line["event"] for line in lines] == events
    assert all({"level", "timestamp"} <= set(line) for line in lines)
    assert "ValueError: no" in lines[-1]["exception"]


def test_lines_for_people(logged: dict[str, list[str]]) -> None:
    lines = logged["info console"]
    assert "request" in lines[0]
    assert "id=a" in lines[0]
    assert "{" not in lines[0]
