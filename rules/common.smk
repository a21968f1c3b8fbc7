"""Input functions, params and constants that several stages share. No rules.

The library in scripts/ reads, normalizes and chunks the text here, while the Snakefile is parsed: it is fast, kept by
content hash in results/plans/, and it lets a dry run show every job. Paths come from `pockettts.project.Project`, whose
root is the working directory; only patterns with wildcards are spelled out in the rules.
"""

import json
import os
import shlex
import sys
from functools import cache, wraps
from pathlib import Path

import psutil
from snakemake.settings.types import DeploymentMethod

# The checkout or the installed package: with `snakemake -s`, `-d` or `module` it is not the working directory.
SOURCE = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parent
# Relative where that is possible, so that the command of a job can be read and copied.
SCRIPTS = Path("scripts") if SOURCE == Path.cwd() else SOURCE / "scripts"

if (SOURCE / "scripts" / "pockettts").is_dir():
    sys.path.insert(0, str(SOURCE / "scripts"))
# The scripts run in the interpreter that runs snakemake, whether or not its environment was activated, unless conda makes
# an environment for them. A prefix takes the place of the strict mode that snakemake sets, without which a failure in
# front of `| tee` would pass.
STRICT = "set -euo pipefail; "
# Where snakemake was started with a closed standard output, tee would fail.
OPEN_OUTPUT = "(true 3>&1) 2> /dev/null || exec > /dev/null; "
OWN_PYTHON = f"PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; "
with_conda = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
shell.prefix(STRICT + OPEN_OUTPUT if with_conda else STRICT + OPEN_OUTPUT + OWN_PYTHON)

from pockettts import book as books
from pockettts import config as settings
from pockettts.config.sources import read_file
from pockettts.errors import PocketTTSError
from pockettts.forecast import forecast
from pockettts.project import Project
from pockettts.publish.credits import CREDITS
from pockettts.publish.sections import CLOSING, OPENING, section_names
from pockettts.values import short_digest


wildcard_constraints:
    book=r"[^/]+(?:/credits)?",
    kind="m4b|opus|flac",
    captions="srt|vtt",
    section="opening|closing|sample|[0-9]+",
    model=r"[^/]+",
    voice=r"[^/]+",
    batch=r"[0-9a-f-]+",
    part=r"[0-9]+",


def exit_on_error(function):
    """Wrap a function so that an error of the library ends the run with its sentence, not with a traceback of rules."""

    @wraps(function)
    def wrapped(*args):
        try:
            return function(*args)
        except PocketTTSError as error:
            print(f"error: {error}", file=sys.stderr)
            raise SystemExit(error.exit_code) from None

    return wrapped


# Read once: a job parses the rules again, and each reading of the settings costs it about 14 ms.
read_settings = cache(read_file)


@exit_on_error
def settings_file() -> str:
    """Return the settings of the working directory, or where it has none, those of the source.

    They are read before snakemake reads them, which drops a key that occurs twice and ends in a traceback where they
    are nested too deeply.
    """
    path = (
        Path("config.yaml") if Path("config.yaml").exists() else SOURCE / "config.yaml"
    )
    read_settings(path)
    return str(path)


@cache
@exit_on_error
def project() -> Project:
    """Return the project in the working directory, with the settings of this run."""
    # Those of --configfile snakemake has read already, and where a key occurs twice it took the last one.
    for path in workflow.configfiles:
        read_settings(Path(path))
    return Project(Path(), settings.parse(config)).checked()


@cache
@exit_on_error
def open_book(name: str) -> books.Book:
    """Return a book of the project, planned."""
    return books.open_book(name, project())


@cache
def changed_settings(*sections: str) -> str:
    """Return the settings of these sections that differ from the defaults, as JSON; by default all but `bench`."""
    values = settings.differences(project().config)
    chosen = sections or [name for name in values if name != "bench"]
    return json.dumps(
        {name: values[name] for name in chosen if name in values}, sort_keys=True
    )


def script(name: str):
    """Return a param function for the program of a rule.

    It takes `output` because snakemake does not compare params of such functions with those of the last run: the path
    differs after a move, the results do not.
    """

    def path(wildcards, output) -> str:
        return str(SCRIPTS / f"{name}.py")

    return path


@exit_on_error
def recording(wildcards) -> str:
    """Return the target of a run that names none."""
    books.check_name(project().config.book)
    return str(project().of_book(project().config.book).recording)


@exit_on_error
def outputs(wildcards) -> list[str]:
    """Return the list of what was published, if the settings publish more than the recording."""
    paths = project().of_book(project().config.book)
    published = paths.folder.with_name(f"{paths.folder.name}.outputs.json")
    return [str(published)] if project().config.publish.formats else []


def model_lock(wildcards) -> str:
    return str(project().of_model().lock)


def runtime_sidecar(wildcards) -> str:
    return str(project().of_model().runtime_sidecar)


def voice_state(wildcards) -> str:
    return str(project().voice_state())


def voice_sidecar(wildcards) -> str:
    return str(project().voice_state().with_suffix(".json"))


@cache
@exit_on_error
def refresh_runtime() -> None:
    """Correct the absolute paths in runtime.yaml of a project that has moved.

    Only before jobs start: on a different machine a job parses the rules again, while running jobs may read the file.
    """
    if workflow.is_main_process:
        books.refresh_runtime(project().model, project())


def runtime(wildcards):
    """Return the model's runtime.yaml. It is `ancient`: its sidecar states the lock that it was made from."""
    refresh_runtime()
    return ancient(str(project().of_model().runtime))


requested = []


@cache
@exit_on_error
def inspected(name: str) -> books.Book:
    """Return a book after a check of its files: damaged ones are deleted, and receipts without their takes are noted.

    Only before jobs start. A job that parses the rules on a different machine may not see every take yet, and must not
    undo the work of running jobs.
    """
    book = open_book(name)
    requested.append(book)
    if workflow.is_main_process:
        books.drop_damaged_files(book, project())
        books.drop_stale_receipts(book, project())
    return book


def receipts(wildcards) -> list[str]:
    paths = project().of_book(wildcards.book)
    return [str(paths.receipt(batch)) for batch in inspected(wildcards.book).batches]


@cache
@exit_on_error
def engine_mb() -> int:
    """Return the memory of a process that has the model loaded, in MB."""
    return books.memory_mb(project().model)


@cache
@exit_on_error
def synth_mb() -> int:
    """Return the memory of a synthesis job, in MB."""
    return books.synth_memory_mb(project())


def forecasts() -> list[str]:
    """Return a line for each book of this run: what will be spoken, and how long that may take."""
    if not workflow.is_main_process:
        return []
    jobs = max(1, (workflow.cores or 1) // engine_threads(None))
    return [forecast(book, project(), jobs) for book in requested]


def engine_memory(wildcards) -> int:
    return engine_mb()


def engine_threads(wildcards) -> int:
    """Return the cores that a job with an engine claims: one on a remote machine, here enough to prevent overload."""
    if not workflow.local_exec:
        return 1
    memory = psutil.virtual_memory().total // 2**20
    return books.job_threads(
        workflow.cores or 1, os.cpu_count() or 1, memory, synth_mb()
    )
