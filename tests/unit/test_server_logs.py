"""What the server writes to standard error: JSON or lines, from a level on, and the warnings of other libraries."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROGRAM = """
import logging, sys, structlog
from pockettts.server import logs
logs.configure(*sys.argv[1:])
ours = structlog.get_logger("pockettts.server")
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


def logged(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize(
    ("level", "events"),
    [
        ("debug", ["small", "request", "great", "trouble", "defect"]),
        ("info", ["request", "great", "trouble", "defect"]),
        ("warning", ["great", "trouble", "defect"]),
        ("error", ["trouble", "defect"]),
    ],
)
def test_json_from_a_level_on(level: str, events: list[str]) -> None:
    lines = [json.loads(line) for line in logged(level).splitlines()]
    assert [line["event"] for line in lines] == events
    assert all({"level", "timestamp"} <= set(line) for line in lines)
    assert "ValueError: no" in lines[-1]["exception"]


def test_lines_for_people() -> None:
    lines = logged("info", "console").splitlines()
    assert "request" in lines[0]
    assert "id=a" in lines[0]
    assert "{" not in lines[0]
