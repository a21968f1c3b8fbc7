"""The command `pockettts`: the library without a workflow. Above all else; one module for each group.

Each module adds its commands by `register(app)`. Commands import slow modules when they run, so that help and
completion answer at once.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from pockettts import __version__
from pockettts.cli import bench, book, build, config, doctor, first_contact, model, serve, synth, text, voices
from pockettts.cli.context import Invocation
from pockettts.errors import run_main

GROUPS = (synth, build, serve, text, book, voices, model, config, bench, doctor, first_contact)

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich" if sys.stdout is not None and sys.stdout.isatty() else None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 failed, 2 misuse, 3 the environment is not ready.",
)


def _version(requested: bool) -> None:
    if requested:
        print(f"pockettts {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            envvar="POCKETTTS_CONFIG", help="Settings as YAML, TOML or JSON.", show_default="config.yaml of the project"
        ),
    ] = None,
    project: Annotated[
        Path | None,
        typer.Option(
            envvar="POCKETTTS_PROJECT",
            help="The folder with models/, voices/ and results/.",
            show_default="the current one, or the nearest above it",
        ),
    ] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Speak texts and books with Kyutai's Pocket TTS, the same bytes every time."""
    context.obj = Invocation(
        config=config.absolute() if config else None,
        project=project.absolute() if project else None,
        log_level=log_level,
    )


for group in GROUPS:
    group.register(app)


def _terminate(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def main() -> None:
    """Run as a program. SIGTERM raises `SystemExit`, so that unfinished work is cleaned up."""
    signal.signal(signal.SIGTERM, _terminate)
    run_main(app)
