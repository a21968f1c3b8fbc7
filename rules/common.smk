"""Settings and input functions that all stages share. No rules.

The library in scripts/ reads, normalises and chunks the text here, while the Snakefile is parsed: it is fast, kept by
content hash in results/plans/, and it lets a dry run show every job.
"""

import json
import os
import shlex
import sys
from functools import cache
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))
# The scripts run in the interpreter that runs snakemake, whether or not its environment was activated. A prefix takes the
# place of the strict mode that snakemake sets, without which a failure in front of `| tee` would pass.
shell.prefix(
    f"set -euo pipefail; PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; "
)

from pockettts import book as books
from pockettts import config as settings
from pockettts import models, takes
from pockettts.errors import PocketTTSError
from pockettts.values import short_digest


wildcard_constraints:
    book=r"[^/]+",
    model=r"[^/]+",
    voice=r"[^/]+",
    batch=r"[0-9a-f-]+",


def in_a_sentence(function):
    """End with the sentence of an error of the library: snakemake would add a traceback of its rules."""

    def wrapped(*args):
        try:
            return function(*args)
        except PocketTTSError as error:
            print(f"error: {error}", file=sys.stderr)
            raise SystemExit(error.exit_code) from None

    return wrapped


@cache
@in_a_sentence
def setup():
    return books.open_setup(settings.parse(config))


@cache
@in_a_sentence
def open_book(name):
    return books.open_book(name, setup())


def differing(*sections):
    """The settings of these sections that differ from the defaults, as JSON; if none is named, all but bench."""
    values = settings.differences(setup().config)
    return json.dumps(
        {
            key: values[key]
            for key in values
            if (key in sections if sections else key != "bench")
        },
        sort_keys=True,
    )


def published(wildcards):
    return f"results/{setup().config.book}.wav"


def source(wildcards):
    return ancient(open_book(wildcards.book).source)


def model_file(name):
    return lambda wildcards: f"results/models/{setup().model.id}/{name}"


@in_a_sentence
def committed_lock(wildcards):
    """What models/lock.json says of a model: a lock that is changed by hand is compared anew."""
    return short_digest(books.committed_lock(wildcards.model))


@in_a_sentence
def voice_source(wildcards):
    return books.voice_source(wildcards.voice, wildcards.model)


def voice_file(wildcards):
    return f"results/voices/{setup().model.id}/{setup().voice.id}.safetensors"


def bundle_folder():
    """Where the exported model of engine onnx is; None for the other engines."""
    if setup().config.engine != "onnx":
        return None
    return f"results/onnx/{setup().model.id}/{setup().config.synth.precision}"


def bundle(wildcards):
    """Named by its folder's place in the keys: model pins, precision and exporter are in them."""
    folder = bundle_folder()
    if folder is None:
        return []
    # Nothing is spoken with a bundle before it has said what the model says.
    return [ancient(f"{folder}/manifest.json"), ancient(f"{folder}.verify.json")]


def bundle_option(wildcards):
    folder = bundle_folder()
    return f"--bundle {shlex.quote(folder)}" if folder else ""


def executable_option(wildcards):
    executable = setup().config.synth.executable
    return f"--executable {str(executable)!r}" if executable else ""


def engine_memory(wildcards):
    return books.memory_mb(setup().model)


def synth_memory(wildcards):
    return books.synth_memory_mb(setup())


def engine_threads(wildcards):
    memory = psutil.virtual_memory().total // 2**20
    return books.job_threads(
        workflow.cores or 1, os.cpu_count() or 1, memory, books.synth_memory_mb(setup())
    )


@cache
@in_a_sentence
def inspected(name):
    """A book whose receipts are all good: what is gone or damaged is noted, and its job runs again."""
    book = open_book(name)
    books.drop_stale_receipts(book)
    return book


def receipts(wildcards):
    return [
        f"results/{wildcards.book}/takes/{batch}.json"
        for batch in inspected(wildcards.book).batches
    ]


def repairs(wildcards):
    inspected(wildcards.book)
    path = f"results/{wildcards.book}/{books.REPAIRS}"
    return [path] if os.path.exists(path) else []


@cache
@in_a_sentence
def refresh_runtime():
    books.refresh_runtime(setup().model)


def runtime(wildcards):
    refresh_runtime()
    return ancient(f"results/models/{setup().model.id}/runtime.yaml")


def voice_sidecar(wildcards):
    return f"results/voices/{setup().model.id}/{setup().voice.id}.json"
