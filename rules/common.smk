"""Input functions, params and constants that several stages share. No rules.

The library in scripts/ reads, normalizes and chunks the text here, while the Snakefile is parsed: it is fast, kept by
content hash in results/plans/, and it lets a dry run show every job. Paths come from `pockettts.project.Project`, whose
root is the working directory; only patterns with wildcards are spelled out in the rules.
"""

import json
import os
import shlex
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache, wraps
from pathlib import Path

import psutil
from snakemake.settings.types import DeploymentMethod, SharedFSUsage

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
CONFIG_FILES = tuple(workflow.configfiles)

from pockettts import book as books
from pockettts import config as settings
from pockettts.batches import division_name
from pockettts.config.sources import read_file
from pockettts.errors import ConfigError, PocketTTSError
from pockettts.forecast import forecast
from pockettts.models import FILE_NAMES, sources
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
    for path in CONFIG_FILES:
        read_settings(Path(path))
    opened = Project(Path(), settings.parse(config))
    # To a node, the files of a model come as inputs of its job.
    return opened.checked() if workflow.is_main_process else opened


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


LARGEST_SOURCE = 10_000_000


def sources_travel() -> bool:
    """Whether jobs run on machines that do not share this disk. Known when the rules are read, not while."""
    return SharedFSUsage.SOURCES not in workflow.storage_settings.shared_fs_usage


@exit_on_error
def own_file(path):
    """Mark an input that the user or the product brings, or that is written while the rules are parsed.

    No storage has it, so snakemake runs the job where it was started. To other machines, which read the rules too, it
    travels with the sources: snakemake takes what is in git and what it calls configuration files, if it is not large.
    """
    path = Path(path)
    if sources_travel() and workflow.is_main_process:
        if path.exists() and path.stat().st_size > LARGEST_SOURCE:
            raise ConfigError(
                f"{path} has {path.stat().st_size / 1e6:.1f} MB, and snakemake sends files of at most 10 MB to machines"
                " that do not share this disk: make it smaller, or build the book here."
            )
        if str(path) not in workflow.configfiles:
            workflow.configfiles.append(str(path))
    return local(str(path))


def source_file(path) -> list:
    """Return such an input of a job that runs anywhere: where the disk is not shared, it is a source and no input."""
    marked = own_file(path)
    return [] if sources_travel() else [ancient(marked)]


def model_lock(wildcards) -> str:
    return str(project().of_model(wildcards.get("model")).lock)


@exit_on_error
def model_file(wildcards, role: str):
    """Return the weights or the tokenizer of a model: its own of the project, or as download_model leaves it.

    They are `ancient`: the lock has their sha256.
    """
    model = wildcards.get("model")
    entry = project().find_model(model) if model else project().model
    if entry.local and not sources_travel():
        return ancient(local(str(sources(entry)[role].path)))
    return ancient(str(project().of_model(entry.id).folder / FILE_NAMES[role]))


def model_weights(wildcards):
    return model_file(wildcards, "weights")


def model_tokenizer(wildcards):
    return model_file(wildcards, "tokenizer")


def model_id(wildcards) -> str:
    return project().model.id


def voice_state(wildcards) -> str:
    return str(project().voice_state())


def voice_sidecar(wildcards) -> str:
    return str(project().voice_state().with_suffix(".json"))


def file_exists(path) -> bool:
    """Whether a file is here or in the storage of this run."""
    # snakemake reads the rules in an event loop and asks a storage in one, and a thread runs one at a time.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: exists(str(path))).result()


def is_spoken(name: str, batch: str) -> bool:
    paths = project().of_book(name)
    return file_exists(paths.receipt(batch)) and file_exists(paths.pack(batch))


requested = []


@cache
@exit_on_error
def divided(name: str):
    """Return the batches of a book by name, after a check of its files: damaged ones are deleted.

    Only before jobs start. A job that parses the rules on a different machine may not see every file yet, and must not
    undo the work of running jobs: it takes the division that is recorded.
    """
    book = open_book(name)
    requested.append(book)
    if not workflow.is_main_process:
        return books.recorded_division(book, project())
    dropped = books.drop_damaged_files(book, project())
    division = books.divide_book(book, project(), lambda batch: is_spoken(name, batch))
    paths = project().of_book(name)
    changed = [paths.batches, paths.repairs, *dropped, *map(paths.receipt, division)]
    # snakemake may have listed the folder before, and would not see what was written or deleted since.
    for path in [*changed, *(path.parent for path in dropped)]:
        workflow.iocache.exists_local[str(path)] = path.exists()
    return division


def batch_record(wildcards) -> list:
    """Return the file with the keys of each batch. It is `ancient`: the names of batches say what they hold."""
    if workflow.is_main_process:
        divided(wildcards.book)
    return source_file(project().of_book(wildcards.book).batches)


def batch_file(wildcards) -> str:
    return str(project().of_book(wildcards.book).batches)


def receipts(wildcards) -> list[str]:
    paths = project().of_book(wildcards.book)
    return [str(paths.receipt(batch)) for batch in divided(wildcards.book)]


def packs(wildcards) -> list:
    """Return the takes of a book. They are `ancient`: the receipts have their sha256."""
    paths = project().of_book(wildcards.book)
    return [ancient(str(paths.pack(batch))) for batch in divided(wildcards.book)]


def division(wildcards) -> str:
    return division_name(open_book(wildcards.book).batches)


def receipt_folder(wildcards, input) -> str:
    """Return the folder of the receipts as the job sees it: a storage plugin puts them elsewhere."""
    return os.path.dirname(input.receipts[0])


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
    if workflow.local_exec:
        jobs = (workflow.cores or 1) // engine_threads(None)
    else:
        jobs = workflow.resource_settings.nodes or 1
    return [forecast(book, project(), max(1, jobs)) for book in requested]


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
