"""`pockettts doctor`: checks of everything that speaking needs, with remedies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pockettts.cli.context import open_with_settings
from pockettts.cli.output import print_json

if TYPE_CHECKING:
    from pockettts.doctor import Finding

COLORS = {"pass": "green", "warn": "yellow", "fail": "red"}
NOT_READY = 3


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(
    context: typer.Context,
    engine: Annotated[str | None, typer.Option(help="cli, torch or onnx.")] = None,
    model: Annotated[str | None, typer.Option(help="An id of `pockettts model list`.")] = None,
    voice: Annotated[str | None, typer.Option(help="An id of `pockettts voices list`.")] = None,
    listen: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Where the server would listen.", show_default="that of `serve`"),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Do not start pocket-tts, nor speak a word.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Check everything that speaking needs: pass, warn or fail, with the reason and the remedy.

    Exits with 3 if a check failed.
    """
    from pockettts.doctor import examine

    findings = []
    project, settings = open_with_settings(context, engine=engine, model=model, voice=voice)
    for finding in examine(project, listen or settings.server.listen, speak=not quick):
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        print_json([finding.as_dict() for finding in findings])
    if any(finding.status == "fail" for finding in findings):
        raise typer.Exit(NOT_READY)


def _print(finding: Finding) -> None:
    mark = typer.style(f"{finding.status:<5}", fg=COLORS[finding.status])
    typer.echo(f"{mark} {finding.name}: {finding.reason}")
    if finding.status != "pass" and finding.remedy:
        typer.echo(f"      {finding.remedy}")
