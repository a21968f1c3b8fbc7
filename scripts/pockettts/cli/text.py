"""`pockettts text`: a preview of what will be spoken."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from pockettts.cli.context import open_project
from pockettts.cli.output import print_json, print_table
from pockettts.cli.texts import File, Text, read_chunks

Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="See what will be spoken.")
    group.command()(normalize)
    group.command()(chunk)
    app.add_typer(group, name="text")


def normalize(context: typer.Context, text: Text = None, file: File = None) -> None:
    """Print a text as it will be spoken, a paragraph a line: numbers and abbreviations in words."""
    project = open_project(context)
    chunks = read_chunks(text, file, project)
    paragraph: list[str] = []
    for part in chunks:
        paragraph.append(part.text)
        if part.border not in ("clause", "sentence", "mark"):
            print(" ".join(paragraph))
            paragraph = []
    if paragraph:
        print(" ".join(paragraph))


def chunk(
    context: typer.Context,
    text: Text = None,
    file: File = None,
    max_chunk_chars: Annotated[int | None, typer.Option(help="Longest chunk, in characters.")] = None,
    as_json: Json = False,
) -> None:
    """Print the chunks of a text, which are spoken one by one, and the pause after each in seconds."""
    project = open_project(context, max_chunk_chars=max_chunk_chars)
    chunks = read_chunks(text, file, project)
    if as_json:
        print_json([asdict(part) for part in chunks])
        return
    rows = [(n, len(part.text), f"{part.pause:g}", part.border, part.text) for n, part in enumerate(chunks, start=1)]
    print_table(("chunk", "characters", "pause", "border", "text"), rows)
