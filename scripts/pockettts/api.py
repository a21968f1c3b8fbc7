"""The library in three calls: a text to samples, a folder to build books in, and a book to its recording.

Above everything but the command line. `pockettts` exports the names in `__all__`.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pockettts.errors import PocketTTSError, UsageError
from pockettts.project import Project, find_source, personal_folder

if TYPE_CHECKING:
    from pockettts.values import Int16

__all__ = ["Project", "build", "init", "synthesize"]

SNAKEFILE = """\
# The workflow of the installed package, with the settings of this folder. `snakemake -j8 results/NAME.wav` builds
# inputs/NAME.txt or .md.
import pockettts


configfile: "config.yaml"


module pockettts_book:
    snakefile:
        pockettts.SNAKEFILE
    config:
        config


use rule * from pockettts_book
"""
VOICES = "{}\n"
NOTE = """\
Recordings that become voices, and manifest.json, which says of each what it is and why you may use it:
`pockettts export-voice RECORDING --right "..."` prints the entry. Voices of the package are there without an entry.
"""


def synthesize(
    text: str,
    *,
    voice: str | None = None,
    model: str | None = None,
    engine: str = "torch",
    seed: int = 0,
    project: Project | None = None,
) -> Int16:
    """Return the samples of a text, mono int16 at 24 kHz, shape (samples,).

    They are those of a book with the same settings: in chunks, with pauses, checked, and the same for the same seed.
    Without `project`, models and voices are those of the package, kept in the user's cache folder. Raises
    `PocketTTSError` in one of its kinds, with a sentence for the user.
    """
    import numpy as np

    from pockettts.speaking import chunks_of, make_ready, speak

    base = project or Project(personal_folder())
    changes = {name: value for name, value in (("voice", voice), ("model", model)) if value is not None}
    opened = base.with_config(base.config.model_copy(update={**changes, "engine": engine})).with_seed(seed)
    chunks = chunks_of(text, opened)
    with make_ready(opened).open_engine() as running:
        return np.concatenate(list(speak(running, chunks, opened, lanes=running.lanes)))


def init(folder: Path) -> list[Path]:
    """Lay out a folder for books: inputs/, config.yaml, voices/, profiles/, Snakefile. Returns what was written.

    A file that exists stays as it is. Raises `UsageError` if `folder` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: name a folder to make.")
    source = find_source()
    texts = {
        "Snakefile": SNAKEFILE,
        "config.yaml": (source / "config.yaml").read_text(encoding="utf-8"),
        "profiles/default/config.yaml": (source / "profiles/default/config.yaml").read_text(encoding="utf-8"),
        "voices/manifest.json": VOICES,
        "voices/README.md": NOTE,
    }
    written = []
    for name, text in texts.items():
        path = folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            written.append(path)
    (folder / "inputs").mkdir(exist_ok=True)
    return written


def build(
    book: str | Path,
    *,
    folder: Path | None = None,
    jobs: int = 8,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Build a book with Snakemake and return its recording; what an earlier build has made is not made again.

    `book` is the name of a text in `folder`/inputs, or a file, which is copied there. `folder` is laid out by `init`
    if need be; by default it is named after the file, beside the current directory's files. `progress` is called with
    the chunks that are spoken and all chunks of the book. Raises `PocketTTSError` with the first error of the build,
    and `UsageError`.
    """
    name, folder = _placed(book, folder)
    project = _opened(folder)
    target = project.of_book(name).recording.relative_to(project.root)
    log = project.of_book(name).folder / "logs" / "build.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(project.source / "Snakefile")]
    command += ["--directory", str(project.root), "--jobs", str(jobs), "--", str(target)]
    with log.open("w", encoding="utf-8") as output:
        running = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            _watch(running, project, name, progress)
        finally:
            if running.poll() is None:
                running.terminate()
                running.wait()
    if running.returncode != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        raise PocketTTSError(f"{errors[0] if errors else f'The build of {name} failed.'} (All messages: {log})")
    return project.root / target


def _placed(book: str | Path, folder: Path | None) -> tuple[str, Path]:
    """Return the name of a book and the folder that it is built in, with its text in inputs/."""
    path = Path(book)
    if not path.suffix and folder is not None and path.name == str(book):
        return path.name, folder
    if not path.is_file():
        raise UsageError(f"There is no text {path}.")
    text = path.absolute()
    if folder is None:
        folder = text.parents[1] if text.parent.name == "inputs" else Path.cwd() / text.stem
    init(folder)
    copy = folder / "inputs" / text.name
    if copy.absolute() != text:
        shutil.copyfile(text, copy)
    return text.stem, folder


def _opened(folder: Path) -> Project:
    from pockettts.config import parse
    from pockettts.config.sources import read_file

    path = folder / "config.yaml"
    return Project(folder.absolute(), parse(read_file(path), str(path)) if path.is_file() else parse({}))


def _watch(
    running: subprocess.Popen[bytes], project: Project, name: str, progress: Callable[[int, int], None] | None
) -> None:
    """Wait for a build, and report about once a second how many of the book's chunks are in the store."""
    from pockettts.book import open_book

    keys = sorted(set(open_book(name, project).keys)) if progress is not None else []
    spoken: set[str] = set()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(timeout=1.0)
        if progress is not None:
            spoken |= {key for key in keys if key not in spoken and project.store.path(key).exists()}
            progress(len(spoken), len(keys))
        if running.returncode is not None:
            return
