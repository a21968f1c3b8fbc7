"""What all commands share: which project they work in, and the settings of this call."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pockettts import log
from pockettts.errors import UsageError

if TYPE_CHECKING:
    from pockettts.config.sources import Settings
    from pockettts.project import Project

CONFIG_FILE = "config.yaml"


@dataclass(frozen=True)
class Invocation:
    """The options that stand before the command; paths are absolute."""

    config: Path | None = None
    project: Path | None = None
    log_level: str | None = None


def is_project(folder: Path) -> bool:
    """Whether a folder is laid out as a project: config.yaml and inputs/, or models of its own."""
    laid_out = (folder / CONFIG_FILE).is_file() and (folder / "inputs").is_dir()
    return laid_out or (folder / "models/manifest.json").is_file()


def find_project(given: Path | None) -> Path | None:
    """Return the folder of the project: `given`, or the current one, or the nearest above; None outside of projects.

    Raises `UsageError` if `given` is not a project.
    """
    if given is not None:
        if is_project(given):
            return given
        raise UsageError(
            f"{given} is not a project folder: it has no {CONFIG_FILE} with inputs/ beside it. "
            f"`pockettts init {given}` makes one."
        )
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if is_project(folder)), None)


def read_settings(context: typer.Context, root: Path | None, **flags: Any) -> Settings:
    """Return the settings of this call: from `flags` (named with _ for -), the environment and a file.

    That is --config, else config.yaml of `root`. Sets the level of the messages on stderr. Raises `ConfigError`.
    """
    from pockettts.config.sources import load_settings

    invocation: Invocation = context.obj
    file = invocation.config
    if file is None and root is not None and (root / CONFIG_FILE).is_file():
        file = root / CONFIG_FILE
    values = {name.replace("_", "-"): value for name, value in flags.items()}
    settings = load_settings({"log-level": invocation.log_level, **values}, os.environ, file)
    log.to_stderr(logging.getLevelNamesMapping()[settings.log.level.upper()])
    return settings


def open_with_settings(context: typer.Context, **flags: Any) -> tuple[Project, Settings]:
    """Return the project of this call, with the settings that it was opened with. Raises `UsageError`.

    Outside of projects that is the user's cache folder, and there is no config.yaml.
    """
    from pockettts.project import Project, personal_folder

    invocation: Invocation = context.obj
    root = find_project(invocation.project)
    settings = read_settings(context, root, **flags)
    return Project(root or personal_folder(), settings.book_config()), settings


def open_project(context: typer.Context, **flags: Any) -> Project:
    """Return the project of this call. Raises `UsageError`."""
    return open_with_settings(context, **flags)[0]


def absolute(path: Path | None) -> Path | None:
    """Return the path of an option as an absolute one; - is standard output."""
    return path.absolute() if path is not None and str(path) != "-" else path
