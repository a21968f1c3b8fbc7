"""Models: from a manifest of pinned files to verified bytes on disk and a configuration that needs no network.

    models/manifest.json -> download_model -> lock_model -> write_runtime
                            download.json     lock.json     runtime.yaml      in results/models/{id}/

The manifest names every file by repository, commit and path; it is generated from the installed pocket-tts package by
`python -m pockettts.models manifest` and from the hand-kept `models/*/model.json` of models that lie in the project.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import difflib
import hashlib
import importlib.metadata
import importlib.util
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pockettts.errors import (
    ChecksumError,
    GatedModelError,
    HubUnreachable,
    ModelError,
    UnknownModel,
    run_main,
)
from pockettts.files import read_json, sha256_file, write_json, write_text
from pockettts.values import digest

log = logging.getLogger(__name__)

HUB = "https://huggingface.co"
HEAD_TIMEOUT = 10.0  # seconds to wait for the hub's answer about a file
MAX_RESTARTS = 3
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a hub repository at one commit; `size` (bytes) and `sha256` where they are known."""

    repo: str
    revision: str
    path: str
    licence: str = "unknown"
    gated: bool = False
    size: int | None = None
    sha256: str | None = None

    @property
    def pin(self) -> dict[str, str]:
        """What identifies the bytes: a commit is itself a hash."""
        return {"repo": self.repo, "revision": self.revision, "path": self.path}

    def __str__(self) -> str:
        return f"{self.repo}/{self.path} at {self.revision[:12]}"


@dataclass(frozen=True, slots=True)
class LocalFile:
    """One file of the project."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model of the manifest.

    `config` is pocket-tts's own configuration without paths; a local model has it in a file instead. `voices` is the
    pin of its predefined voices, with `{name}` in the path. Chunks longer than `max_chars` are more than it can speak,
    and sentences of `min_chars` and more want chunks of their own: at most what the settings say.
    """

    id: str
    language: str
    licence: str
    weights: HubFile | LocalFile
    tokenizer: HubFile | LocalFile
    ungated: HubFile | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    config_file: LocalFile | None = None
    voices: HubFile | None = None
    notice: str | None = None
    max_chars: int | None = None
    min_chars: int | None = None

    @property
    def local(self) -> bool:
        """Whether all files lie in the project."""
        return isinstance(self.weights, LocalFile)


@dataclass(frozen=True, slots=True)
class Manifest:
    """All models, by id, and the names that stand for one of them."""

    models: Mapping[str, ModelEntry]
    aliases: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fetched:
    """One file on disk: where it is, where it came from and the hub's own checksum (`etag`) when there is one."""

    file: Path
    source: HubFile | LocalFile
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Downloaded:
    """The files of a model. `ungated`: the weights came from the open repository, so voices cannot be cloned."""

    model: str
    files: Mapping[str, Fetched]
    ungated: bool = False


@dataclass(frozen=True, slots=True)
class Lock:
    """The proven bytes of a model: for each role its source, sha256 and size; the digest names them all."""

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


def blob_sha1(path: Path) -> str:
    """Return the git object id of a file: the hub's etag of files that are not in large-file storage."""
    result = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            result.update(block)
    return result.hexdigest()


# --- manifest -----------------------------------------------------------------------------------------------------


def load_manifest(path: Path) -> Manifest:
    """Read models/manifest.json; paths of local models are relative to it. Raises `ModelError`."""
    document = read_json(path, "the model manifest", ModelError)
    try:
        models = {name: _entry(name, values, path.parent) for name, values in document["models"].items()}
        return Manifest(models=models, aliases=dict(document["aliases"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{path} is not a model manifest ({error!r}); make it anew with `python -m pockettts.models manifest`."
        ) from None


def _entry(name: str, values: Mapping[str, Any], folder: Path) -> ModelEntry:
    language, licence = values["language"], values["licence"]
    if "files" in values:
        files = {role: LocalFile(folder / file) for role, file in values["files"].items()}
        return ModelEntry(
            id=name,
            language=language,
            licence=licence,
            weights=files["weights"],
            tokenizer=files["tokenizer"],
            config_file=files["config"],
            notice=values.get("notice"),
            max_chars=values.get("max_chars"),
            min_chars=values.get("min_chars"),
        )
    return ModelEntry(
        id=name,
        language=language,
        licence=licence,
        weights=HubFile(**values["weights"]),
        ungated=HubFile(**values["ungated"]),
        tokenizer=HubFile(**values["tokenizer"]),
        voices=HubFile(**values["voices"]),
        config=values["config"],
    )


def resolve(manifest: Manifest, model_id: str) -> ModelEntry:
    """Return the entry of an id or of an alias. Raises `UnknownModel` naming near ids."""
    entry = manifest.models.get(manifest.aliases.get(model_id, model_id))
    if entry is not None:
        return entry
    known = [*manifest.models, *manifest.aliases]
    near = difflib.get_close_matches(model_id, known, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Known ids: {', '.join(sorted(known))}."
    raise UnknownModel(f"There is no model {model_id!r} in models/manifest.json. {hint}")


def model_config(entry: ModelEntry) -> dict[str, Any]:
    """Return pocket-tts's configuration of a model, without paths. Raises `ModelError`."""
    if entry.config_file is None:
        return copy.deepcopy(dict(entry.config))
    return strip_paths(_read_yaml(entry.config_file.path))[0]


def model_pins(entry: ModelEntry) -> dict[str, Any]:
    """Return what decides the samples of a model, for the content key: known before anything is downloaded.

    Hub files by repository, commit and path (both twins of the weights: they speak alike, so which of them was
    allowed does not change a take), local files by sha256, and a digest of the configuration.
    """
    pins: dict[str, Any] = {"config": digest(model_config(entry))}
    for role, source in _sources(entry).items():
        pins[role] = {"sha256": sha256_file(_existing(source))} if isinstance(source, LocalFile) else source.pin
    return pins


def _sources(entry: ModelEntry) -> dict[str, HubFile | LocalFile]:
    sources: dict[str, HubFile | LocalFile | None] = {
        "weights": entry.weights,
        "ungated": entry.ungated,
        "tokenizer": entry.tokenizer,
    }
    return {role: source for role, source in sources.items() if source is not None}


def _existing(source: LocalFile) -> Path:
    if not source.path.is_file():
        raise ModelError(f"The model file {source.path} does not exist; restore it from version control.")
    return source.path


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"The model configuration {path} does not exist.") from None
    except yaml.YAMLError as error:
        raise ModelError(f"The model configuration {path} is not valid YAML ({error}).") from None
    if not isinstance(content, dict):
        raise ModelError(f"The model configuration {path} is not a mapping.")
    return content


def strip_paths(config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Split a pocket-tts configuration into itself without paths, and the paths by role."""
    content = copy.deepcopy(dict(config))
    paths = {
        "weights": content.pop("weights_path", None),
        "ungated": content.pop("weights_path_without_voice_cloning", None),
        "tokenizer": content["flow_lm"]["lookup_table"].pop("tokenizer_path", None),
    }
    return content, {role: path for role, path in paths.items() if path is not None}


# --- download -----------------------------------------------------------------------------------------------------


def read_lock_file(path: Path | None) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the committed lock: model id -> role -> {repo, revision, path, sha256, bytes}; empty if there is none."""
    if path is None or not path.exists():
        return {}
    content = read_json(path, "the model lock", ModelError)
    if not isinstance(content, dict):
        raise ModelError(f"The model lock {path} is not an object; restore it from version control.")
    return content


def download_model(
    entry: ModelEntry, dest: Path, *, allow_ungated: bool = False, committed_lock: Path | None = None
) -> Downloaded:
    """Fetch the files of a model below `dest` and record them in dest/download.json.

    A file that is there and right opens no connection; a local model has nothing to fetch. Gated weights that the hub
    refuses raise `GatedModelError`, unless `allow_ungated`: then the open repository's file is fetched and a warning
    is logged. Raises also `HubUnreachable`, `ChecksumError` and `ModelError`.
    """
    if isinstance(entry.weights, LocalFile) or isinstance(entry.tokenizer, LocalFile):
        local = {**_sources(entry), "config": entry.config_file}
        files = {role: Fetched(_existing(s), s) for role, s in local.items() if isinstance(s, LocalFile)}
        return _record(Downloaded(entry.id, files), dest)
    locked = read_lock_file(committed_lock).get(entry.id, {})
    known = _recorded_etags(dest)

    def get(source: HubFile, role: str) -> Fetched:
        return fetch(source, dest, expectation(source, locked, role, known))

    tokenizer = get(entry.tokenizer, "tokenizer")
    ungated = entry.ungated
    if allow_ungated and ungated is not None and _is_there(ungated, dest, locked, known):
        log.warning(
            "The weights of %s come from %s, fetched earlier; delete %s to ask for the gated file again.",
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


def _is_there(source: HubFile, dest: Path, locked: Mapping[str, Any], known: Mapping[str, str]) -> bool:
    """Whether an earlier download left this file, and left no gated one: nothing is asked of the hub to find out."""
    expected = expectation(source, locked, "ungated", known)
    return str(source) in known and expected is not None and matches(hub_path(source, dest), expected)


def expectation(
    source: HubFile, locked: Mapping[str, Any], role: str, known: Mapping[str, str] | None = None
) -> str | None:
    """Return the checksum a file must have: by the lock, else the manifest, else as the hub gave it earlier.

    None if it is not known. A lock entry of another commit says nothing about this one.
    """
    entry = locked.get(role)
    if entry is not None and {key: entry.get(key) for key in source.pin} == source.pin:
        return str(entry["sha256"])
    return source.sha256 or (known or {}).get(str(source))


def _repo_folder(source: HubFile, dest: Path) -> Path:
    """Return a folder of each repository's own: the gated and the open one use the same paths."""
    return dest / "hub" / source.repo.replace("/", "--")


def hub_path(source: HubFile, dest: Path) -> Path:
    """Return where a file of the hub lies below `dest`."""
    return _repo_folder(source, dest) / source.path


def fetch(source: HubFile, dest: Path, expected: str | None) -> Fetched:
    """Have one file of the hub at `hub_path`, verified; no connection is opened if it is there as `expected`.

    Without an expectation the hub's own metadata is the measure: the etag, which is the sha256 of a large file and
    the git object id of a small one. Wrong bytes are kept as NAME.bad. Raises `GatedModelError`, `HubUnreachable`,
    `ChecksumError` and `ModelError`.
    """
    target = hub_path(source, dest)
    if expected is not None and matches(target, expected):
        return Fetched(target, source, expected)
    expected = _download(source, target, dest, expected)
    verify(target, expected, str(source))
    return Fetched(target, source, expected)


def _client() -> Any:
    """Import huggingface_hub, set to ask the hub for what the manifest names and for nothing else.

    Left to itself it also looks up a list of coding agents, for its telemetry, and takes large files by the Xet
    protocol: from other hosts, which a mirror or a firewall need not have, and with 100 seconds of silence if they are
    away. Who sets these variables otherwise has the last word.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
    import huggingface_hub

    return huggingface_hub


def _download(source: HubFile, target: Path, dest: Path, expected: str | None) -> str:
    hub = _client()
    endpoint = os.environ.get("HF_ENDPOINT", HUB).rstrip("/")
    with _hub_errors(source, endpoint):
        url = hub.hf_hub_url(source.repo, source.path, revision=source.revision, endpoint=endpoint)
        # Asked for first: hf_hub_download would meet a hub that is away with half a minute of retries.
        etag = hub.get_hf_file_metadata(url, timeout=HEAD_TIMEOUT, endpoint=endpoint).etag or ""
        if expected is None:
            if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", etag):
                raise ModelError(
                    f"{endpoint} gives no checksum for {source} (etag {etag!r}), and models/lock.json has none: fetch "
                    "it from the hub itself, or add the file to the lock."
                )
            expected = etag
        if target.exists() and not matches(target, expected):
            log.warning("%s is not as it should be; kept as %s and fetched anew.", target, set_aside(target))
        log.info("Fetching %s from %s.", source, endpoint)
        hub.hf_hub_download(
            source.repo,
            source.path,
            revision=source.revision,
            local_dir=_repo_folder(source, dest),
            endpoint=endpoint,
            tqdm_class=_progress_bar(source, endpoint),
        )
    return expected


def _progress_bar(source: HubFile, endpoint: str) -> Any:
    """huggingface_hub's progress bar, which also ends a download that would start over for ever.

    The client resumes a body that breaks off. If the server ignores ranges it starts over, and each start counts as
    progress; the bar hears of it as a step back.
    """
    from huggingface_hub.utils.tqdm import tqdm

    class Bar(tqdm):
        restarts = 0

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            # Also into a pipe or a file, where tqdm is silent unless told otherwise; but rarely.
            if kwargs.get("disable") is None and not sys.stderr.isatty():
                kwargs |= {"disable": False, "mininterval": 5}
            super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]

        def update(self, n: float | None = 1) -> bool | None:
            if n is not None and n < 0:
                self.restarts += 1
                if self.restarts >= MAX_RESTARTS:
                    raise HubUnreachable(
                        f"{endpoint} broke off {source} {MAX_RESTARTS} times and cannot resume it; try again later."
                    )
            shown: bool | None = super().update(n)
            return shown

    return Bar


def checksum(path: Path, like: str) -> str:
    """Return the checksum of a file, of the kind of `like`: 64 hex digits are a sha256, 40 a git object id."""
    return sha256_file(path) if len(like) == 64 else blob_sha1(path)


def matches(path: Path, expected: str) -> bool:
    """Whether a file is there and has this checksum."""
    return path.is_file() and checksum(path, expected) == expected


def set_aside(path: Path) -> Path:
    """Rename a file to NAME.bad, so that its bytes can be looked at."""
    bad = path.with_name(path.name + ".bad")
    path.replace(bad)
    return bad


def verify(path: Path, expected: str, what: str) -> None:
    """Raise `ChecksumError` for a file of other bytes, and keep those as NAME.bad."""
    actual = checksum(path, expected)
    if actual == expected:
        return
    size = path.stat().st_size
    raise ChecksumError(
        f"{what}: the checksum should be {expected} but is {actual} ({size} bytes). The file is kept as "
        f"{set_aside(path)}; run again to fetch it anew, and if it differs again, do not trust its source."
    )


@contextlib.contextmanager
def _hub_errors(source: HubFile, endpoint: str) -> Iterator[None]:
    """Turn what the hub's client raises into sentences; errors of the disk pass."""
    import httpx2
    from huggingface_hub import errors

    missing = (errors.RevisionNotFoundError, errors.RemoteEntryNotFoundError, errors.RepositoryNotFoundError)
    try:
        yield
    except errors.GatedRepoError:
        raise GatedModelError(gated_sentence(source)) from None
    except missing:
        raise ModelError(_missing_sentence(source, endpoint)) from None
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise GatedModelError(gated_sentence(source)) from None
        if status == 404:
            raise ModelError(_missing_sentence(source, endpoint)) from None
        raise HubUnreachable(f"{endpoint} answered {status} for {source}; try again later.") from None
    except errors.OfflineModeIsEnabled:
        raise HubUnreachable(f"{source} is not on this machine, and HF_HUB_OFFLINE forbids to fetch it.") from None
    except (httpx2.HTTPError, OSError, RuntimeError) as error:  # hf_xet, if it is on, knows RuntimeError only
        if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError):
            raise
        raise HubUnreachable(
            f"{source} could not be fetched from {endpoint} ({_reason(error)}). Check the connection and, if it is "
            "set, HF_ENDPOINT; then run again."
        ) from None


def _reason(error: BaseException) -> str:
    cause = error.__cause__ or error
    return " ".join(str(cause).split()).rstrip(".") or type(cause).__name__


def _missing_sentence(source: HubFile, endpoint: str) -> str:
    return (
        f"{endpoint} has no file {source.path} in the repository {source.repo} at revision {source.revision}; if "
        "HF_ENDPOINT is set, the mirror may be incomplete."
    )


def gated_sentence(source: HubFile) -> str:
    """Say what to accept, where, and how to give the token."""
    page = f"{HUB}/{source.repo}"
    if not source.gated:
        return f"The hub refuses {source}, which is open to all: the token in HF_TOKEN is not valid; renew or unset it."
    if os.environ.get("HF_TOKEN"):
        return (
            f"The hub refuses {source}: accept its terms at {page} with the account of HF_TOKEN, and let the token "
            f"read public gated repositories ({HUB}/settings/tokens)."
        )
    return (
        f"The hub hands out {source} only to those who accepted its terms: log in and accept them at {page}, make a "
        f"token that may read at {HUB}/settings/tokens, and set HF_TOKEN to it."
    )


def _record(downloaded: Downloaded, dest: Path) -> Downloaded:
    files: dict[str, Any] = {}
    for role, item in downloaded.files.items():
        files[role] = {"file": os.path.relpath(item.file, dest)}
        if isinstance(item.source, HubFile):
            files[role] |= {**item.source.pin, "etag": item.etag}
    write_json(dest / "download.json", {"model": downloaded.model, "ungated": downloaded.ungated, "files": files})
    return downloaded


def _recorded_etags(dest: Path) -> dict[str, str]:
    """Return the checksums the hub gave for the files of an earlier download; a damaged record has none."""
    try:
        files = read_json(dest / "download.json", "the record of the download", ModelError)["files"].values()
        return {str(HubFile(item["repo"], item["revision"], item["path"])): item["etag"] for item in files}
    except (ModelError, KeyError, TypeError, AttributeError):
        return {}


def read_download(entry: ModelEntry, dest: Path) -> Downloaded:
    """Return what `download_model` recorded in dest/download.json. Raises `ModelError`."""
    path = dest / "download.json"
    document = read_json(path, "the record of the download", ModelError)
    try:
        ungated = document["ungated"]
        sources: dict[str, HubFile | LocalFile | None] = {**_sources(entry), "config": entry.config_file}
        if ungated:
            sources["weights"] = entry.ungated
        files = {role: _fetched(dest, sources[role], values) for role, values in document["files"].items()}
    except (KeyError, TypeError, AttributeError, ValueError):
        path.unlink()
        raise ModelError(f"{path} was not of the model {entry.id} as it now is, and is deleted; run again.") from None
    return Downloaded(entry.id, files, ungated)


def _fetched(dest: Path, source: HubFile | LocalFile | None, values: Mapping[str, Any]) -> Fetched:
    if source is None or (isinstance(source, HubFile) and source.pin != {key: values[key] for key in source.pin}):
        raise ValueError("the record is of another file")
    return Fetched(Path(os.path.normpath(dest / values["file"])), source, values.get("etag"))


# --- lock ---------------------------------------------------------------------------------------------------------


def lock_model(entry: ModelEntry, dest: Path, committed_lock: Path | None = None, *, commit: bool = False) -> Lock:
    """Verify the files of a download and write dest/lock.json.

    A file must have the sha256 of the committed lock; one that is not in it, the checksum that the hub itself gave.
    With `commit` the result is also written to the committed lock, and a changed file of the project is accepted.
    Raises `ChecksumError`, with the bad bytes kept as NAME.bad (a file of the project stays where it is), and
    `ModelError`; after either, the next download starts afresh.
    """
    downloaded = read_download(entry, dest)
    locks = read_lock_file(committed_lock)
    locked = locks.get(entry.id, {})
    files: dict[str, dict[str, Any]] = {}
    try:
        for role, item in downloaded.files.items():
            key = "ungated" if role == "weights" and downloaded.ungated else role
            files[key] = _locked_file(item, key, locked, accept=commit)
    except ModelError:
        (dest / "download.json").unlink()
        raise
    lock = Lock(entry.id, files, digest(model_config(entry)), voice_cloning=not downloaded.ungated)
    if commit and committed_lock is not None:
        write_json(committed_lock, {**locks, entry.id: {**locked, **files}})
    # The same lock keeps its date, so that what a build made with it is still the younger.
    write_json(dest / "lock.json", lock.as_dict(), keep_same=True)
    return lock


def _locked_file(item: Fetched, key: str, locked: Mapping[str, Any], *, accept: bool) -> dict[str, Any]:
    """Return the lock's entry of a verified file. `accept`: a file of the project is right as it is."""
    if not item.file.is_file():
        raise ModelError(f"The model file {item.file} is gone; run again to fetch it.")
    actual = sha256_file(item.file)
    if isinstance(item.source, LocalFile):
        wanted = locked.get(key, {}).get("sha256", actual)
        if wanted != actual and not accept:
            raise ChecksumError(
                f"{item.file}: the sha256 should be {wanted} by models/lock.json but is {actual}. If the change is "
                "meant, lock the model again with --commit; if not, restore the file from version control."
            )
        identity = {"path": item.source.path.name}
    else:
        expected = expectation(item.source, locked, key) or item.etag
        if expected is None:
            raise ModelError(f"Nothing says what the checksum of {item.source} is; run again to ask the hub.")
        verify(item.file, expected, str(item.source))
        identity = item.source.pin
    return {**identity, "sha256": actual, "bytes": item.file.stat().st_size}


def verify_files(downloaded: Downloaded, lock: Lock) -> list[Path]:
    """Return the files of a model, each read and found to be what the lock says. Raises `ModelError`; moves nothing."""
    for role, item in downloaded.files.items():
        facts = lock.files.get("ungated" if role == "weights" and downloaded.ungated else role)
        if facts is None:
            raise ModelError(f"The lock of {lock.model} says nothing of {item.file}; lock the model again.")
        if not item.file.is_file():
            raise ModelError(f"The model file {item.file} is gone; run again to fetch it.")
        if (actual := sha256_file(item.file)) != facts["sha256"]:
            raise ChecksumError(f"{item.file}: the sha256 should be {facts['sha256']} but is {actual}.")
    return [item.file for item in downloaded.files.values()]


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


def read_runtime(path: Path) -> dict[str, Any]:
    """Return the configuration that `write_runtime` wrote; raise `ModelError` if a file it names is not there."""
    config = _read_yaml(path)
    for file in (config["weights_path"], config["flow_lm"]["lookup_table"]["tokenizer_path"]):
        if not Path(file).is_file():
            raise ModelError(f"{path} names {file}, which is not there; delete {path.parent} and run again.")
    return config


def write_runtime(entry: ModelEntry, downloaded: Downloaded, path: Path) -> None:
    """Write the configuration for `pocket-tts --config`: absolute local paths, so no network.

    Absolute, because pocket-tts resolves relative paths against the directory it is started in.
    """
    config = model_config(entry)
    config["weights_path"] = str(downloaded.files["weights"].file.absolute())
    config["flow_lm"]["lookup_table"]["tokenizer_path"] = str(downloaded.files["tokenizer"].file.absolute())
    write_text(path, yaml.safe_dump(config, sort_keys=True, allow_unicode=True))


def mark_runtime(path: Path) -> None:
    """Write beside runtime.yaml which lock.json there it was made of: an output of the same rule."""
    write_json(path.with_suffix(".json"), {"lock": sha256_file(path.with_name("lock.json"))})


# --- generating the manifest --------------------------------------------------------------------------------------

_MODEL_LICENCE = "CC-BY-4.0"  # of both kyutai repositories, by their model cards
_LANGUAGES = {
    "dutch": "nl",
    "english": "en",
    "french": "fr",
    "german": "de",
    "italian": "it",
    "portuguese": "pt",
    "spanish": "es",
}


def parse_hub_path(text: str) -> HubFile:
    """Parse pocket-tts's `hf://owner/repo/path@commit`. Raises `ModelError` for anything else."""
    match = re.fullmatch(r"hf://([^/@]+/[^/@]+)/([^@]+)@([0-9a-f]{40})", text)
    if match is None:
        raise ModelError(f"{text!r} is not hf://owner/repository/path@commit with a commit of 40 hex digits.")
    return HubFile(repo=match[1], revision=match[3], path=match[2])


def package_configs() -> dict[str, dict[str, Any]]:
    """Return the configurations that the installed pocket-tts ships, by name. Imports nothing of it."""
    spec = importlib.util.find_spec("pocket_tts")
    if spec is None or not spec.submodule_search_locations:
        raise ModelError("pocket-tts is not installed, so there is nothing to make the model manifest from.")
    folder = Path(spec.submodule_search_locations[0]) / "config"
    return {path.stem: _read_yaml(path) for path in sorted(folder.glob("*.yaml"))}


def _dated_twin(name: str, configs: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the dated configuration that an undated one stands for: same settings, same commit."""

    def identity(config: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        settings, paths = strip_paths(config)
        return settings, parse_hub_path(paths["weights"]).revision

    dated = [other for other in configs if re.fullmatch(rf"{name}_\d{{4}}-\d\d(_\d+)?", other)]
    twins = [other for other in dated if identity(configs[other]) == identity(configs[name])]
    if dated and len(twins) != 1:
        raise ModelError(f"The configuration {name!r} of pocket-tts has {len(twins)} dated twins instead of one.")
    return twins[0] if twins else None


def generate_manifest(models: Path) -> dict[str, Any]:
    """Return the content of models/manifest.json: the package's models, and those of `models/*/model.json`.

    The package says nothing of sizes; models/known.json holds what is known from elsewhere. Imports pocket_tts, and
    so torch: for maintainers, never during a build.
    """
    from pocket_tts.utils.utils import get_predefined_voice

    configs = package_configs()
    known = read_json(models / "known.json", "the table of known files", ModelError)
    twins = {name: _dated_twin(name, configs) for name in configs}
    entries: dict[str, Any] = {}
    for name, config in configs.items():
        if twins[name] is not None:
            continue
        settings, paths = strip_paths(config)
        files = {role: parse_hub_path(path) for role, path in paths.items()}
        files["voices"] = parse_hub_path(get_predefined_voice(name, "{name}"))
        entry: dict[str, Any] = {
            "language": _LANGUAGES[name.split("_")[0]],
            "licence": _MODEL_LICENCE,
            "config": settings,
        }
        for role, file in files.items():
            facts = known.get(f"{file.repo}/{file.path}@{file.revision}", {})
            values = {**asdict(file), "licence": _MODEL_LICENCE, "gated": role == "weights"}
            entry[role] = {**values, **{key: facts[key] for key in ("size", "sha256") if key in facts}}
        entries[name] = entry
    for path in sorted(models.glob("*/model.json")):
        local = read_json(path, "the description of a local model", ModelError)
        local["files"] = {role: f"{path.parent.name}/{name}" for role, name in local["files"].items()}
        entries[path.parent.name] = {"gated": False, **local}
    return {
        "package": f"pocket-tts {importlib.metadata.version('pocket-tts')}",
        "aliases": {name: twin for name, twin in twins.items() if twin is not None},
        "models": entries,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m pockettts.models manifest [--check]`."""
    parser = argparse.ArgumentParser(prog="python -m pockettts.models", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    manifest = commands.add_parser("manifest", help="write models/manifest.json from the installed pocket-tts")
    manifest.add_argument("--check", action="store_true", help="write nothing; exit 1 if the file would change")
    manifest.add_argument("--models", type=Path, default=Path("models"), help="the directory (default: models)")
    options = parser.parse_args(arguments)
    path = options.models / "manifest.json"
    content = generate_manifest(options.models)
    if not options.check:
        write_json(path, content)
    elif read_json(path, "the model manifest", ModelError) != content:
        raise ModelError(f"{path} is not what {content['package']} gives; run `{parser.prog} manifest`.")
    return 0


if __name__ == "__main__":
    run_main(main)
