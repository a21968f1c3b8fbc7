"""The server's log on stderr: JSON for machines or lines for people, with messages of other libraries."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import Processor

from pockettts.config.server import LogFormat


def configure(level: str = "info", form: LogFormat = "auto") -> None:
    """Send the log of the server to stderr, and warnings of other libraries."""
    as_json = form == "json" or (form == "auto" and not sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: Processor = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    if as_json:
        shared.append(structlog.processors.format_exc_info)
        last = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(sys.stderr)
    clean = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[clean, last]))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("pockettts").setLevel(level.upper())
    # Its warnings are about requests, which have a line of their own, and give advice that does not apply here.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
