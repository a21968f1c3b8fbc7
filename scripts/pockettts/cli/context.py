"""What all commands share: where the project is, and the settings that hold for this call."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pockettts import log
from pockettts.errors import UsageError

if TYPE_CHECKING:
    from pockettts.config.sources import Settings

MARKS = ("models/manifest.json", "voices/manifest.json")


@dataclass(frozen=True)
class Invocation:
    """The options that stand before the command; paths are absolute."""

    config: Path | None = None
    project: Path | None = None
    log_level: str | None = None


def find_project(given: Path | None) -> Path:
    """Return the folder of the project: `given`, or the current one, or the nearest above. Raises `UsageError`."""

    def is_project(folder: Path) -> bool:
        return all((folder / mark).is_file() for mark in MARKS)

    if given is not None:
        if is_project(given):
            return given
        raise UsageError(f"{given} is no project: it has no {' and no '.join(MARKS)}.")
    here = Path.cwd()
    for folder in (here, *here.parents):
        if is_project(folder):
            return folder
    raise UsageError(
        f"There is no project in {here} or above it, that is a folder with {' and '.join(MARKS)}: go to one, or name "
        "it by --project DIR."
    )


def read_settings(context: typer.Context, root: Path | None, **flags: Any) -> Settings:
    """Return the settings of this call: from `flags` (named with _ for -), the environment and a file.

    That is --config, else config.yaml of `root`. Messages go to stderr from the level that the settings say. Raises
    `ConfigError`.
    """
    from pockettts.config.sources import load_settings

    invocation: Invocation = context.obj
    file = invocation.config
    if file is None and root is not None and (root / "config.yaml").is_file():
        file = root / "config.yaml"
    given = {name.replace("_", "-"): value for name, value in flags.items()}
    settings = load_settings({"log-level": invocation.log_level, **given}, os.environ, file)
    log.to_stderr(logging.getLevelNamesMapping()[settings.log.level.upper()])
    return settings


def read_settings_anywhere(context: typer.Context) -> Settings:
    """Return the settings of a command that needs no project; outside one there is no config.yaml.

    Raises `UsageError` for a --project that is none, and `ConfigError`.
    """
    invocation: Invocation = context.obj
    try:
        root = find_project(invocation.project)
    except UsageError:
        if invocation.project is not None:
            raise
        root = None
    return read_settings(context, root)


@contextlib.contextmanager
def in_project(context: typer.Context, **flags: Any) -> Iterator[Settings]:
    """Give the settings, with the project as the current directory until the command ends. Raises `UsageError`."""
    invocation: Invocation = context.obj
    root = find_project(invocation.project)
    settings = read_settings(context, root, **flags)
    with contextlib.chdir(root):
        yield settings


def absolute(path: Path | None) -> Path | None:
    """Callback of options that are paths: they mean the caller's directory, not the project's."""
    return path.absolute() if path is not None and str(path) != "-" else path
