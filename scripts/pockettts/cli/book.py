"""`pockettts book`: questions about a book that was or will be built."""

from __future__ import annotations

from typing import Annotated

import typer

from pockettts.cli.context import in_project
from pockettts.cli.output import print_json


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Ask about a book.")
    group.command()(explain)
    app.add_typer(group, name="book")


def explain(
    context: typer.Context,
    place: Annotated[str, typer.Argument(metavar="KEY|TIME", help="A time such as 1:23:45, or the key of a take.")],
    book: Annotated[
        str | None, typer.Option(help="A text of inputs/.", show_default="book of the configuration")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Tell which text, take, seed and file stand at a place, and why they were or will be made again."""
    from pockettts import book as books
    from pockettts.explain import clock
    from pockettts.explain import explain as explain_place

    with in_project(context, book=book) as settings:
        setup = books.open_setup(settings)
        found = explain_place(books.open_book(settings.book, setup), setup, place)
    if as_json:
        print_json(found.as_dict())
        return
    where = f"chunk {found.number} of {found.chunks}" if found.number else "a chunk of an earlier build"
    when = f"{clock(found.start)} to {clock(found.end)}" if found.start is not None and found.end is not None else None
    lines = {
        "text": found.text,
        "place": f"{where}, {found.chapter}" if found.chapter else where,
        "source": found.source,
        "time": when or "not in the recording",
        "key": found.key,
        "file": found.file,
        "seed": found.seed,
        "attempt": found.attempt,
        "engine": found.engine,
        "made": "; ".join(found.made) or None,
        "next build": found.next,
    }
    for name, value in lines.items():
        if value is not None:
            print(f"{name + ':':<12}{value}")
