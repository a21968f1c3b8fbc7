"""`pockettts book`: questions about a book that was or will be built."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pockettts.cli.context import absolute, open_project
from pockettts.cli.output import print_json


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Ask about a book.")
    group.command()(explain)
    group.command()(contents)
    app.add_typer(group, name="book")


def contents(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(callback=absolute, help="A book: .epub, .docx, .html, .fb2, .txt or .md.")],
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """List the chapters of a file with their words, and what of it is not spoken, why and where."""
    from pockettts.text.contents import contents_of
    from pockettts.text.manuscript import read_manuscript

    text = open_project(context).config.text
    answer = contents_of(read_manuscript(file, text.encoding, text.epub))
    if as_json:
        print_json(answer.as_json())
        return
    authors = ", ".join(answer.metadata.authors)
    print(f"{answer.title}{f' by {authors}' if authors else ''}", *answer.lines(), sep="\n")


def explain(
    context: typer.Context,
    place: Annotated[str, typer.Argument(metavar="KEY|TIME", help="A time such as 1:23:45, or the key of a take.")],
    book: Annotated[
        str | None, typer.Option(help="A text of inputs/.", show_default="book of the configuration")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Show the text, take, seed and file at a place, and why they were or will be made again."""
    from pockettts import book as books
    from pockettts.explain import clock
    from pockettts.explain import explain as explain_place

    project = open_project(context, book=book)
    project.checked()
    answer = explain_place(books.open_book(project.config.book, project), project, place)
    if as_json:
        print_json(answer.as_dict())
        return
    where = f"chunk {answer.number} of {answer.chunks}" if answer.number else "a chunk of an earlier build"
    when = (
        f"{clock(answer.start)} to {clock(answer.end)}" if answer.start is not None and answer.end is not None else None
    )
    lines = {
        "text": answer.text,
        "place": f"{where}, {answer.chapter}" if answer.chapter else where,
        "source": answer.source,
        "time": when or "not in the recording",
        "key": answer.key,
        "file": answer.file,
        "seed": answer.seed,
        "attempt": answer.attempt,
        "engine": answer.engine,
        "made": "; ".join(answer.made) or None,
        "next build": answer.next,
    }
    for name, value in lines.items():
        if value is not None:
            print(f"{name + ':':<12}{value}")
