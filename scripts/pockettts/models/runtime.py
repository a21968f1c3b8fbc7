"""The configuration that a model is opened with: local paths only, so that nothing needs the network."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pockettts.errors import ModelError
from pockettts.files import read_json, sha256_file, write_json, write_text
from pockettts.models.download import Downloaded
from pockettts.models.manifest import ModelEntry, model_config, read_yaml
from pockettts.values import digest


def read_runtime(path: Path) -> dict[str, Any]:
    """Return the configuration that `write_runtime` wrote; raise `ModelError` if a file it names is not there."""
    config = read_yaml(path)
    for file in (config["weights_path"], config["flow_lm"]["lookup_table"]["tokenizer_path"]):
        if not Path(file).is_file():
            raise ModelError(f"{path} names {file}, which is not there; delete {path.parent} and run again.")
    return config


def write_runtime(entry: ModelEntry, downloaded: Downloaded, path: Path) -> None:
    """Write the configuration for `pocket-tts --config`: absolute local paths, so no network.

    Absolute, because pocket-tts resolves relative paths against the directory it is started in.
    """
    write_text(path, downloaded_runtime(entry, downloaded))


def downloaded_runtime(entry: ModelEntry, downloaded: Downloaded) -> str:
    """Return the content of runtime.yaml for the files of a download."""
    return runtime_text(model_config(entry), downloaded.files["weights"].file, downloaded.files["tokenizer"].file)


def runtime_text(config: Mapping[str, Any], weights: Path, tokenizer: Path) -> str:
    """Return a model's configuration with absolute paths, as YAML."""
    content = copy.deepcopy(dict(config))
    content["weights_path"] = str(weights.absolute())
    content["flow_lm"]["lookup_table"]["tokenizer_path"] = str(tokenizer.absolute())
    return str(yaml.safe_dump(content, sort_keys=True, allow_unicode=True))


def mark_runtime(path: Path) -> None:
    """Write beside runtime.yaml the sha256 of the lock.json that it was made of: an output of the same rule.

    And a digest of its own content, but for the paths, which change when a project is moved.
    """
    facts = {"lock": sha256_file(path.with_name("lock.json")), "config": _digest_without_paths(read_yaml(path))}
    write_json(path.with_suffix(".json"), facts, seal=True)


def check_runtime(path: Path) -> dict[str, Any]:
    """Return the configuration in runtime.yaml, held against `mark_runtime`. Raises `ModelError`."""
    config = read_runtime(path)
    facts = read_json(path.with_suffix(".json"), "the record of the configuration", ModelError)
    # The oldest records have no digest.
    if facts.get("config", _digest_without_paths(config)) != _digest_without_paths(config):
        path.unlink(missing_ok=True)
        raise ModelError(f"{path} was altered after it was written and is deleted: run again, and it is made again.")
    return config


def _digest_without_paths(config: dict[str, Any]) -> str:
    lm = config["flow_lm"]
    table = {**lm["lookup_table"], "tokenizer_path": ""}
    return digest({**config, "weights_path": "", "flow_lm": {**lm, "lookup_table": table}})
