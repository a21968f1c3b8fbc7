"""The text of a command: from an option, a file or standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pockettts.cli.context import absolute
from pockettts.errors import UsageError

if TYPE_CHECKING:
    from pockettts.project import Project
    from pockettts.text.chunks import Chunk

Text = Annotated[str | None, typer.Option("--text", "-t", help="The text; - or nothing for standard input.")]
File = Annotated[
    Path | None,
    typer.Option(
        "--file",
        "-f",
        callback=absolute,
        help="A text or a document: .txt, .md, .epub, ...",
    ),
]


def read_chunks(text: str | None, file: Path | None, project: Project, *, chunk: bool = True) -> list[Chunk]:
    """Return the chunks of the text. Raises `UsageError` for no text, two texts or one without a word."""
    from pockettts import speaking

    if file is not None and text is not None:
        raise UsageError("Use --text or --file, not both.")
    if file is not None and str(file) != "-":
        return speaking.chunks_of_file(file, project, chunk=chunk)
    if text not in (None, "-"):
        return speaking.chunks_of(text or "", project, chunk=chunk)
    if sys.stdin.isatty():
        raise UsageError("There is no text: use --text or --file, or pipe one to standard input.")
    return speaking.chunks_of_bytes(sys.stdin.buffer.read(), project, chunk=chunk)
