"""The configuration that a model is opened with: local paths only, so that nothing needs the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from pockettts.errors import ModelError
from pockettts.files import sha256_file, write_json, write_text
from pockettts.models.download import Downloaded
from pockettts.models.manifest import ModelEntry, model_config, read_yaml


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
    config = model_config(entry)
    config["weights_path"] = str(downloaded.files["weights"].file.absolute())
    config["flow_lm"]["lookup_table"]["tokenizer_path"] = str(downloaded.files["tokenizer"].file.absolute())
    write_text(path, yaml.safe_dump(config, sort_keys=True, allow_unicode=True))


def mark_runtime(path: Path) -> None:
    """Write beside runtime.yaml the sha256 of the lock.json that it was made of: an output of the same rule."""
    write_json(path.with_suffix(".json"), {"lock": sha256_file(path.with_name("lock.json"))})
