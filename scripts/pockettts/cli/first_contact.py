"""`pockettts first-contact`: every promise of the README, tried here with a model and a voice."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pockettts.cli.context import absolute, open_project

SENTENCES = 30


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(first_contact)


def first_contact(
    context: typer.Context,
    model: Annotated[str, typer.Option(help="An id of `pockettts model list`.")] = "english",
    voice: Annotated[str, typer.Option(help="An id of `pockettts voices list`.")] = "alba",
    sentences: Annotated[int, typer.Option(min=1, max=SENTENCES, help="How many sentences are spoken.")] = SENTENCES,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", callback=absolute, help="A folder.", show_default="results/first-contact"),
    ] = None,
) -> None:
    """Fetch a model, speak with every engine, check and compare what is heard, and write a report: pass or fail.

    For a machine that reaches the hub. Exits with 1 if a promise fails; report.json is what to send to the project.
    """
    from pockettts.first_contact import make_contact

    project = open_project(context, model=model, voice=voice)
    folder = out or (project.results / "first-contact").absolute()
    results = make_contact(project, folder, sentences)
    for result in results:
        typer.echo(f"{result.status:<5} {result.promise}: {result.evidence}")
        if result.status == "fail" and result.remedy:
            typer.echo(f"      {result.remedy}")
    typer.echo(f"wrote {folder / 'report.html'} and report.json", err=True)
    if any(result.status == "fail" for result in results):
        raise typer.Exit(1)
