"""`pockettts config`: the settings in effect."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from pockettts.cli.context import open_with_settings
from pockettts.cli.output import print_json, print_table


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="The settings.")
    group.command()(show)
    app.add_typer(group, name="config")


def show(
    context: typer.Context,
    changed: Annotated[bool, typer.Option("--changed", help="Leave out defaults.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Print every setting: its value, where that came from (a flag, the environment, a file), and its variable."""
    from pockettts.config.sources import effective, variable

    rows = [row for row in effective(open_with_settings(context)[1]) if not changed or row[2] != "default"]
    if as_json:
        print_json({key: {"value": value, "origin": origin, "variable": variable(key)} for key, value, origin in rows})
        return
    cells = [(key, json.dumps(value, ensure_ascii=False), origin, variable(key)) for key, value, origin in rows]
    print_table(("key", "value", "origin", "variable"), cells)
