"""One file of the hub at a time: fetched, resumed, verified, and every failure turned into one sentence."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pockettts.errors import ChecksumError, GatedModelError, HubUnreachable, ModelError
from pockettts.files import sha256_file
from pockettts.models.manifest import HubFile, LocalFile
from pockettts.values import describe_error

log = logging.getLogger(__name__)
HUB = "https://huggingface.co"
HEAD_TIMEOUT = 10.0  # seconds to wait for the hub's answer about a file
MAX_RESTARTS = 3
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Fetched:
    """One file on disk: where it is, where it came from and the hub's own checksum (`etag`) when there is one."""

    file: Path
    source: HubFile | LocalFile
    etag: str | None = None


def blob_sha1(path: Path) -> str:
    """Return the git object id of a file: the hub's etag of files that are not in large-file storage."""
    result = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            result.update(block)
    return result.hexdigest()


def checksum(path: Path, like: str) -> str:
    """Return the checksum of a file, of the same kind as `like`: 64 hex digits are a sha256, 40 a git object id."""
    return sha256_file(path) if len(like) == 64 else blob_sha1(path)


def matches(path: Path, expected: str) -> bool:
    """Whether a file exists and has this checksum."""
    return path.is_file() and checksum(path, expected) == expected


def set_aside(path: Path) -> Path:
    """Rename a file to NAME.bad, so that its bytes can be looked at."""
    bad = path.with_name(path.name + ".bad")
    path.replace(bad)
    return bad


def verify(path: Path, expected: str, what: str) -> None:
    """Raise `ChecksumError` for a file with a different checksum, and move it to NAME.bad."""
    actual = checksum(path, expected)
    if actual == expected:
        return
    size = path.stat().st_size
    raise ChecksumError(
        f"{what}: the checksum should be {expected} but is {actual} ({size} bytes). The file is kept as "
        f"{set_aside(path)}; run again to download it again; if it differs once more, do not trust its source."
    )


def _repo_folder(source: HubFile, dest: Path) -> Path:
    """Return the folder of a repository: the gated and the open one use the same paths, so each has its own."""
    return dest / "hub" / source.repo.replace("/", "--")


def hub_path(source: HubFile, dest: Path) -> Path:
    """Return the place of a file of the hub below `dest`."""
    return _repo_folder(source, dest) / source.path


def fetch(source: HubFile, dest: Path, expected: str | None) -> Fetched:
    """Get one file of the hub to `hub_path`, verified; no connection is opened if it is there with the right checksum.

    Without `expected` the hub's own metadata decides: the etag, which is the sha256 of a large file and
    the git object id of a small one. Wrong bytes are moved to NAME.bad. Raises `GatedModelError`, `HubUnreachable`,
    `ChecksumError` and `ModelError`.
    """
    target = hub_path(source, dest)
    if expected is not None and matches(target, expected):
        return Fetched(target, source, expected)
    expected = _download(source, target, dest, expected)
    verify(target, expected, str(source))
    return Fetched(target, source, expected)


def _client() -> Any:
    """Import huggingface_hub, set to request nothing but what the manifest names.

    By default it also fetches a list of coding agents for its telemetry, and large files by the Xet protocol: from
    other hosts, which a mirror or a firewall may not have, and with 100 seconds of silence if they do not answer.
    Variables that are already set are kept.
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
        # Requested first: if the hub does not answer, hf_hub_download retries for half a minute.
        etag = hub.get_hf_file_metadata(url, timeout=HEAD_TIMEOUT, endpoint=endpoint).etag or ""
        if expected is None:
            if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", etag):
                raise ModelError(
                    f"{endpoint} gives no checksum for {source} (etag {etag!r}), and models/lock.json has none: fetch "
                    "it from the hub itself, or add the file to the lock."
                )
            expected = etag
        if target.exists() and not matches(target, expected):
            log.warning(
                "Checksum mismatch: %s was moved to %s and is downloaded again.", target, set_aside(target).name
            )
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
    """Return huggingface_hub's progress bar, which also ends a download that would start over for ever.

    The client resumes a body that breaks off. If the server ignores ranges it starts over, and each start counts as
    progress; the bar sees it as a step back.
    """
    from huggingface_hub.utils.tqdm import tqdm

    class Bar(tqdm):
        restarts = 0

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            # Also into a pipe or a file, where tqdm is silent by default; but rarely.
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


@contextlib.contextmanager
def _hub_errors(source: HubFile, endpoint: str) -> Iterator[None]:
    """Turn the errors of the hub's client into sentences; errors of the disk pass."""
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
        if status == 429:
            hint = "wait some minutes" + ("" if os.environ.get("HF_TOKEN") else ", or set HF_TOKEN for a higher limit")
            raise HubUnreachable(
                f"{endpoint} limits requests and refused {source} (429): {hint}; then run again."
            ) from None
        raise HubUnreachable(f"{endpoint} answered {status} for {source}; try again later.") from None
    except errors.OfflineModeIsEnabled:
        raise HubUnreachable(f"{source} is not on this machine, and HF_HUB_OFFLINE forbids downloads.") from None
    except (httpx2.HTTPError, OSError, RuntimeError) as error:  # hf_xet raises RuntimeError only
        if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError):
            raise
        raise HubUnreachable(
            f"{source} could not be fetched from {endpoint} ({_reason(error)}). Check the connection and, if they "
            "are set, HF_ENDPOINT and HTTPS_PROXY; then run again."
        ) from None


def _reason(error: BaseException) -> str:
    return describe_error(error.__cause__ or error)


def _missing_sentence(source: HubFile, endpoint: str) -> str:
    return (
        f"{endpoint} has no file {source.path} in the repository {source.repo} at revision {source.revision}; if "
        "HF_ENDPOINT is set, the mirror may be incomplete."
    )


def gated_sentence(source: HubFile) -> str:
    """Return what to accept, where, and how to pass the token."""
    page = f"{HUB}/{source.repo}"
    if not source.gated:
        return f"The hub refuses {source}, which is open to all: the token in HF_TOKEN is not valid; renew or unset it."
    if os.environ.get("HF_TOKEN"):
        return (
            f"The hub refuses {source}: accept its terms at {page} with the account of HF_TOKEN, and let the token "
            f"read public gated repositories ({HUB}/settings/tokens)."
        )
    return (
        f"{source} is gated: log in and accept its terms at {page}, make a token with read access at "
        f"{HUB}/settings/tokens, and set HF_TOKEN to it."
    )
