"""Proof of a model's bytes: dest/lock.json of one build, held against the committed models/lock.json."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pockettts.errors import ChecksumError, ModelError
from pockettts.files import read_json, sha256_file, touch_witness, untouched, write_json, write_text
from pockettts.models.download import Downloaded, expectation, read_download, read_lock_file
from pockettts.models.hub import Fetched, fetch, verify
from pockettts.models.manifest import HubFile, LocalFile, ModelEntry, model_config, source_suffix
from pockettts.models.runtime import check_runtime, runtime_text
from pockettts.values import digest


@dataclass(frozen=True, slots=True)
class Lock:
    """The verified bytes of a model: for each role its source, sha256 and size; the digest covers them all."""

    model: str
    files: Mapping[str, Mapping[str, Any]]
    config: str
    voice_cloning: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the content of lock.json: no time, no path of this machine."""
        files = {role: dict(values) for role, values in self.files.items()}
        return {"model": self.model, "files": files, "config": self.config, "voice_cloning": self.voice_cloning}

    @property
    def digest(self) -> str:
        """32 hex characters of the sha256 of lock.json's content."""
        return digest(self.as_dict())


@dataclass(frozen=True, slots=True)
class OpenedModel:
    """A model whose files were held against its lock. `runtime` exists as long as `open_model` runs."""

    runtime: Path
    lock: Lock
    config: Mapping[str, Any]


def lock_model(
    entry: ModelEntry,
    dest: Path,
    committed_lock: Path | None = None,
    *,
    files: Mapping[str, Path] | None = None,
    commit: bool = False,
) -> Lock:
    """Verify the files of a download and write dest/lock.json; `files` are those that lie elsewhere, by role.

    A file must have the sha256 of the committed lock; a file that is not in it, the hub's own checksum.
    With `commit` the result is also written to the committed lock, and a changed file of the project is accepted.
    Raises `ChecksumError`, with the bad bytes moved to NAME.bad (a file of the project stays where it is), and
    `ModelError`; after either, the next download starts again.
    """
    downloaded = read_download(entry, dest).moved(files or {})
    locks = read_lock_file(committed_lock)
    locked = locks.get(entry.id, {})
    facts: dict[str, dict[str, Any]] = {}
    try:
        for role, item in downloaded.files.items():
            key = downloaded.lock_role(role)
            facts[key] = _locked_file(item, key, locked, accept=commit)
    except ModelError:
        (dest / "download.json").unlink(missing_ok=True)
        raise
    lock = Lock(entry.id, facts, digest(model_config(entry)), voice_cloning=not downloaded.ungated)
    if commit and committed_lock is not None:
        write_json(committed_lock, {**locks, entry.id: {**locked, **facts}})
    # The same lock keeps its date, so that what was built with it stays younger.
    write_json(dest / "lock.json", lock.as_dict(), keep_same=True, seal=True)
    touch_witness(dest / "lock.json")
    return lock


def _locked_file(item: Fetched, key: str, locked: Mapping[str, Any], *, accept: bool) -> dict[str, Any]:
    """Return the lock's entry of a verified file. `accept`: a file of the project may have changed."""
    if not item.file.is_file():
        raise ModelError(f"The model file {item.file} is gone; run again to fetch it.")
    actual = sha256_file(item.file)
    if isinstance(item.source, LocalFile):
        committed = locked.get(key, {}).get("sha256", actual)
        if committed != actual and not accept:
            raise ChecksumError(
                f"{item.file}: the sha256 should be {committed} by models/lock.json but is {actual}. If the change is "
                "intended, lock the model again with --commit; if not, restore the file from version control."
            )
        identity = {"path": item.source.path.name}
    else:
        expected = expectation(item.source, locked, key) or item.etag
        if expected is None:
            raise ModelError(f"No checksum is known for {item.source}; run again to get it from the hub.")
        verify(item.file, expected, str(item.source))
        identity = item.source.pin
    return {**identity, "sha256": actual, "bytes": item.file.stat().st_size}


def verify_files(downloaded: Downloaded, lock: Lock) -> list[Path]:
    """Return the files of a model, each read and compared with the lock. Raises `ModelError`; moves nothing."""
    for role, item in downloaded.files.items():
        facts = lock.files.get(downloaded.lock_role(role))
        if facts is None:
            raise ModelError(f"The lock of {lock.model} has no entry for {item.file}; lock the model again.")
        if not item.file.is_file():
            raise ModelError(f"The model file {item.file} is gone; run again to fetch it.")
        if (actual := sha256_file(item.file)) != facts["sha256"]:
            raise ChecksumError(f"{item.file}: the sha256 should be {facts['sha256']} but is {actual}.")
    return [item.file for item in downloaded.files.values()]


def check_model(runtime: Path, lock: Lock) -> dict[str, Any]:
    """Hold the files that runtime.yaml names against the lock beside it, and return the configuration in it.

    Raises `ModelError`, and `ChecksumError` for a file that was altered.
    """
    config = check_runtime(runtime)
    named = {"weights": config["weights_path"], "tokenizer": config["flow_lm"]["lookup_table"]["tokenizer_path"]}
    check_files({role: Path(name) for role, name in named.items()}, lock, runtime.with_name("lock.json"))
    return config


def check_files(files: Mapping[str, Path], lock: Lock, witness: Path) -> None:
    """Hold weights and tokenizer against the lock. Raises `ModelError`, and `ChecksumError` for one that was altered.

    A file that was not touched since `witness`, the lock's own file, was written is not read again.
    """
    for role, file in files.items():
        facts = lock.files.get(role) or lock.files.get("ungated")
        if facts is None:
            raise ModelError(f"The lock of {lock.model} has no entry for {file}; lock the model again.")
        if file.stat().st_size == facts["bytes"] and untouched(file, witness):
            continue
        if sha256_file(file) != facts["sha256"]:
            # Without the lock, the next build verifies the file as after a download, and fetches it again.
            witness.unlink(missing_ok=True)
            raise ChecksumError(f"{file} was altered after it was locked. Run again: it is verified, then replaced.")
        touch_witness(witness)


@contextlib.contextmanager
def open_model(entry: ModelEntry, lock_file: Path, weights: Path, tokenizer: Path) -> Iterator[OpenedModel]:
    """Hold a model's files against its lock, and give them the configuration that pocket-tts reads, for a while.

    The configuration lies in a temporary folder: pocket-tts wants absolute paths, and those are a matter of one machine
    and one job. Raises `ModelError`, and `ChecksumError` for a file that was altered.
    """
    lock, config = read_lock(lock_file), model_config(entry)
    if (lock.model, lock.config) != (entry.id, digest(config)):
        lock_file.unlink(missing_ok=True)
        raise ModelError(f"{lock_file} was made of a different model or configuration, and is deleted: run again.")
    files = {"weights": weights, "tokenizer": tokenizer}
    check_files(files, lock, lock_file)
    with tempfile.TemporaryDirectory(prefix="pockettts-") as folder:
        for role, file in files.items():
            # pocket-tts tells the kinds of tokenizers apart by their suffixes, which the names of outputs lack.
            link = Path(folder) / f"{role}{source_suffix(entry, role)}"
            link.symlink_to(file.absolute())
            files[role] = link
        runtime = Path(folder) / "runtime.yaml"
        write_text(runtime, runtime_text(config, files["weights"], files["tokenizer"]))
        yield OpenedModel(runtime, lock, config)


def check_pins(lock: Lock, pins: Mapping[str, Any]) -> None:
    """Hold the locked files against the pins that name the takes of a build. Raises `ModelError`."""
    for role, facts in lock.files.items():
        pin = pins.get(role)
        if isinstance(pin, Mapping) and any(facts.get(name) != value for name, value in pin.items()):
            raise ModelError(
                f"{facts.get('path', role)}, the {role} of the model {lock.model!r}, changed while the book was built."
                " Run the same command again."
            )


def read_lock(path: Path) -> Lock:
    """Return the build's lock, as `lock_model` wrote it. Raises `ModelError`."""
    try:
        return Lock(**read_json(path, "the lock", ModelError))
    except TypeError:
        raise ModelError(f"{path} is not the lock of a model; delete it and run again.") from None


def fetch_locked(
    source: HubFile, model: str, role: str, dest: Path, committed_lock: Path | None = None, commit: bool = False
) -> Path:
    """Fetch one further file of a model, such as a voice, verified against the lock as the model's own files are."""
    locks = read_lock_file(committed_lock)
    item = fetch(source, dest, expectation(source, locks.get(model, {}), role))
    if commit and committed_lock is not None:
        values = {**source.pin, "sha256": sha256_file(item.file), "bytes": item.file.stat().st_size}
        write_json(committed_lock, {**locks, model: {**locks.get(model, {}), role: values}})
    return item.file
