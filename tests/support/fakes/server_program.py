"""The server with fake workers, from settings to its exit code."""

from __future__ import annotations

import asyncio
import resource
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from pockettts.config import BookConfig
from pockettts.config.server import ServerConfig
from pockettts.server import logs
from pockettts.server.run import Listeners, WorkerCommand, run, with_token
from pockettts.voices import load_voices
from support import ROOT

WORKER = (sys.executable, str(Path(__file__).with_name("server_worker.py")))
VOICE = load_voices(ROOT / "voices" / "manifest.json")["bundled"]
VOICES = {"bundled": VOICE, "other": replace(VOICE, id="other", commercial=False)}


def serve(values: dict[str, Any]) -> int:
    """Serve with these settings of the section `server`; `start` is the first message to each worker, `engine`
    what they pretend to be, and `nofile` how many files the server may open."""
    start = values.pop("start", {})
    if files := values.pop("nofile", 0):
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    config = BookConfig(engine=values.pop("engine", "torch"))
    settings = with_token(ServerConfig(**values))
    logs.configure("debug", "json")
    listeners = Listeners.bind(settings)
    return asyncio.run(run(settings, config, "english", VOICES, WorkerCommand(WORKER, start), listeners))
