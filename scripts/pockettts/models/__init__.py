"""Models: from a manifest of pinned files to verified bytes on disk and a configuration that needs no network.

models/manifest.json -> download_model -> lock_model -> open_model (in a job), write_runtime (for commands)
download.json     lock.json     runtime.yaml      in results/models/{id}/
"""

from pockettts.models.download import (
    FILE_NAMES,
    Downloaded,
    copy_model,
    download_model,
    expectation,
    read_download,
    read_lock_file,
)
from pockettts.models.hub import HUB, Fetched, blob_sha1, checksum, fetch, gated_sentence, hub_path, matches, verify
from pockettts.models.lock import (
    Lock,
    OpenedModel,
    check_model,
    check_pins,
    fetch_locked,
    lock_model,
    open_model,
    read_lock,
    verify_files,
)
from pockettts.models.manifest import (
    HubFile,
    LocalFile,
    Manifest,
    ModelEntry,
    load_manifest,
    model_config,
    model_pins,
    require_files,
    resolve,
    sources,
    strip_paths,
)
from pockettts.models.runtime import downloaded_runtime, mark_runtime, read_runtime, write_runtime

__all__ = [
    "FILE_NAMES",
    "HUB",
    "Downloaded",
    "Fetched",
    "HubFile",
    "LocalFile",
    "Lock",
    "Manifest",
    "ModelEntry",
    "OpenedModel",
    "blob_sha1",
    "check_model",
    "check_pins",
    "checksum",
    "copy_model",
    "download_model",
    "downloaded_runtime",
    "expectation",
    "fetch",
    "fetch_locked",
    "gated_sentence",
    "hub_path",
    "load_manifest",
    "lock_model",
    "mark_runtime",
    "matches",
    "model_config",
    "model_pins",
    "open_model",
    "read_download",
    "read_lock",
    "read_lock_file",
    "read_runtime",
    "require_files",
    "resolve",
    "sources",
    "strip_paths",
    "verify",
    "verify_files",
    "write_runtime",
]
