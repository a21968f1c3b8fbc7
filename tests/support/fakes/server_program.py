"""The server as a program, with fake workers: `python server_program.py '{"listen": ...}'`, settings as JSON."""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

from pockettts.config import BookConfig
from pockettts.config.server import ServerConfig, parse_address
from pockettts.errors import run_main
from pockettts.server import logs
from pockettts.server.run import WorkerCommand, bind, run, with_token
from pockettts.voices import load_voices

WORKER = (sys.executable, str(Path(__file__).with_name("server_worker.py")))
VOICE = load_voices(Path(__file__).parents[3] / "voices" / "manifest.json")["bundled"]
VOICES = {"bundled": VOICE, "other": replace(VOICE, id="other", commercial=False)}


def main() -> int:
    values = json.loads(sys.argv[1])
    start = values.pop("start", {})
    settings = with_token(ServerConfig(**values))
    logs.configure("debug", "json")
    listener = bind(parse_address(settings.listen))
    for_metrics = bind(parse_address(settings.metrics_addr)) if settings.metrics_addr else None
    config = BookConfig(engine="torch")
    return asyncio.run(run(settings, config, "english", VOICES, WorkerCommand(WORKER, start), listener, for_metrics))


if __name__ == "__main__":
    run_main(main)
