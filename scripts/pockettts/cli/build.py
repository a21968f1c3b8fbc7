"""`pockettts init` and `build`: a folder for books, and a book in one step."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from pockettts.cli.context import absolute
from pockettts.cli.output import progress


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(init)
    app.command()(build)


def init(folder: Annotated[Path, typer.Argument(callback=absolute, help="The folder to make.")]) -> None:
    """Make a folder for books: inputs/, config.yaml, voices/ and a Snakefile. Files that exist stay as they are."""
    from pockettts.api import init as lay_out

    for path in lay_out(folder):
        print(path)
    typer.echo(f"Put a text into {folder / 'inputs'}, then: pockettts build {folder / 'inputs'}/NAME.txt", err=True)


def build(
    text: Annotated[Path, typer.Argument(callback=absolute, help="The text, .txt or .md.")],
    folder: Annotated[
        Path | None,
        typer.Option(
            callback=absolute, help="Where to build.", show_default="that of inputs/, else named after the text"
        ),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Jobs at once.")] = 8,
) -> None:
    """Build the book of a text: recording, report and provenance. Keeps what an earlier build has made."""
    from pockettts.api import build as build_book

    with contextlib.ExitStack() as stack:
        steps: list[Callable[[], None]] = []
        shown = 0

        def show(done: int, total: int) -> None:
            nonlocal shown
            if not steps:
                steps.append(stack.enter_context(progress("chunk", total)))
            for _ in range(done - shown):
                steps[0]()
            shown = done

        recording = build_book(text, folder=folder, jobs=jobs, progress=show)
    print(recording)
