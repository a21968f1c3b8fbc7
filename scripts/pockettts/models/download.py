"""The files of a model on disk, and the record of where they came from: dest/download.json."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pockettts.errors import GatedModelError, ModelError
from pockettts.files import copy_checked, link_or_copy, read_json, sha256_file, write_json
from pockettts.models.hub import Fetched, fetch, hub_path, matches
from pockettts.models.manifest import HubFile, LocalFile, ModelEntry, existing, sources

log = logging.getLogger(__name__)

FILE_NAMES = {"weights": "weights.safetensors", "tokenizer": "tokenizer"}
"""The files of a model of the hub in results/models/{model}/, by role. A rule can name them: no model has others."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """The files of a model. `ungated`: the weights came from the open repository, so voices cannot be cloned."""

    model: str
    files: Mapping[str, Fetched]
    ungated: bool = False

    def moved(self, files: Mapping[str, Path]) -> Downloaded:
        """Return the same download with some of its files, by role, at other paths."""
        moved = {role: replace(item, file=files.get(role, item.file)) for role, item in self.files.items()}
        return replace(self, files=moved)

    def lock_role(self, role: str) -> str:
        """Return the name of a file in the lock, where the ungated weights have an entry of their own."""
        return "ungated" if role == "weights" and self.ungated else role


def read_lock_file(path: Path | None) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the committed lock: model id -> role -> {repo, revision, path, sha256, bytes}; empty if there is none."""
    if path is None or not path.exists():
        return {}
    content = read_json(path, "the model lock", ModelError, unique=True)
    if not isinstance(content, dict):
        raise ModelError(f"The model lock {path} is not an object; restore it from version control.")
    return content


def download_model(
    entry: ModelEntry, dest: Path, *, allow_ungated: bool = False, committed_lock: Path | None = None
) -> Downloaded:
    """Fetch the files of a model below `dest` and record them in dest/download.json.

    They lie below dest/hub/ under the names of the hub, and are dest/weights.safetensors and dest/tokenizer, too. A
    file that is there and verified opens no connection; a local model has nothing to fetch and no record. Gated weights
    that the hub refuses raise `GatedModelError`, unless `allow_ungated`: then the open repository's file is fetched and
    a warning is logged. Also raises `HubUnreachable`, `ChecksumError` and `ModelError`.
    """
    if isinstance(entry.weights, LocalFile) or isinstance(entry.tokenizer, LocalFile):
        return _local(entry)
    locked = read_lock_file(committed_lock).get(entry.id, {})
    etags = _recorded_etags(dest)

    def get(source: HubFile, role: str) -> Fetched:
        return fetch(source, dest, expectation(source, locked, role, etags))

    tokenizer = get(entry.tokenizer, "tokenizer")
    ungated = entry.ungated
    if allow_ungated and ungated is not None and _is_there(ungated, dest, locked, etags):
        log.warning(
            "The weights of %s come from %s, fetched earlier; delete %s to request the gated file again.",
            entry.id,
            ungated,
            dest,
        )
        weights = get(ungated, "ungated")
    else:
        try:
            weights = get(entry.weights, "weights")
            ungated = None
        except GatedModelError as error:
            if not allow_ungated or ungated is None:
                raise
            log.warning(
                "%s The ungated file %s is taken instead, as hub.allow_ungated allows: predefined voices work, but "
                "no voice can be made from a recording.",
                error,
                ungated,
            )
            weights = get(ungated, "ungated")
    files = {"tokenizer": tokenizer, "weights": weights}
    return _record(Downloaded(entry.id, files, ungated=ungated is not None), dest)


def _is_there(source: HubFile, dest: Path, locked: Mapping[str, Any], etags: Mapping[str, str]) -> bool:
    """Whether an earlier download left this file and no gated one; the hub is not contacted to find out."""
    expected = expectation(source, locked, "ungated", etags)
    return str(source) in etags and expected is not None and matches(hub_path(source, dest), expected)


def expectation(
    source: HubFile, locked: Mapping[str, Any], role: str, etags: Mapping[str, str] | None = None
) -> str | None:
    """Return the checksum a file must have: by the lock, else the manifest, else the etag of an earlier download.

    None if there is none of these. A lock entry of a different commit does not count.
    """
    entry = locked.get(role)
    if entry is not None and {key: entry.get(key) for key in source.pin} == source.pin:
        return str(entry["sha256"])
    return source.sha256 or (etags or {}).get(str(source))


def copy_model(entry: ModelEntry, dest: Path) -> None:
    """Copy the files of a model of the project below `dest`, as `download_model` leaves those of a model of the hub.

    For machines that do not share the project's folder: they get the files as outputs of a rule. Raises `ModelError`.
    """
    dest.mkdir(parents=True, exist_ok=True)
    for role, item in _local(entry).files.items():
        if role in FILE_NAMES:
            copy_checked(item.file, dest / FILE_NAMES[role], sha256_file(item.file), "The model file")
    write_json(dest / "download.json", {"model": entry.id, "ungated": False, "files": {}})


def _local(entry: ModelEntry) -> Downloaded:
    """Return the files of a model that is part of the project. Raises `ModelError` if one is missing."""
    local = {**sources(entry), "config": entry.config_file}
    return Downloaded(
        entry.id, {role: Fetched(existing(one), one) for role, one in local.items() if isinstance(one, LocalFile)}
    )


def _record(downloaded: Downloaded, dest: Path) -> Downloaded:
    """Write down where the files come from, and give them names that do not depend on the model."""
    files: dict[str, Any] = {}
    for role, item in downloaded.files.items():
        files[role] = {"file": os.path.relpath(item.file, dest), "etag": item.etag}
        if isinstance(item.source, HubFile):
            files[role] |= item.source.pin
        link_or_copy(item.file, dest / FILE_NAMES[role])
    write_json(dest / "download.json", {"model": downloaded.model, "ungated": downloaded.ungated, "files": files})
    return downloaded


def _recorded_etags(dest: Path) -> dict[str, str]:
    """Return the checksums the hub gave for the files of an earlier download; none from a damaged record."""
    try:
        files = read_json(dest / "download.json", "the record of the download", ModelError)["files"].values()
        return {str(HubFile(item["repo"], item["revision"], item["path"])): item["etag"] for item in files}
    except (ModelError, KeyError, TypeError, AttributeError):
        return {}


def read_download(entry: ModelEntry, dest: Path) -> Downloaded:
    """Return what `download_model` recorded in dest/download.json; a local model has no record. Raises `ModelError`."""
    if entry.local:
        return _local(entry)
    path = dest / "download.json"
    document = read_json(path, "the record of the download", ModelError)
    try:
        ungated = document["ungated"]
        expected: dict[str, HubFile | LocalFile | None] = {**sources(entry), "config": entry.config_file}
        if ungated:
            expected["weights"] = entry.ungated
        files = {role: _fetched(dest, expected[role], values) for role, values in document["files"].items()}
    except (KeyError, TypeError, AttributeError, ValueError):
        path.unlink()
        raise ModelError(f"{path} does not match the model {entry.id} and was deleted; run again.") from None
    return Downloaded(entry.id, files, ungated)


def _fetched(dest: Path, source: HubFile | LocalFile | None, values: Mapping[str, Any]) -> Fetched:
    if source is None or (isinstance(source, HubFile) and source.pin != {key: values[key] for key in source.pin}):
        raise ValueError("the record is of a different file")
    return Fetched(Path(os.path.normpath(dest / values["file"])), source, values.get("etag"))
