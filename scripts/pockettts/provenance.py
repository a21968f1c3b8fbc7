"""What a recording was made of: enough to make the same bytes again, and to see why two differ."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pockettts import files
from pockettts.models import Lock
from pockettts.processor import read_cpu_facts
from pockettts.project import Project
from pockettts.voices import licence_notice

# The packages whose version can change a sample or a chunk.
PACKAGES = (
    "av",
    "charset-normalizer",
    "huggingface-hub",
    "lxml",
    "mammoth",
    "markdown-it-py",
    "num2words",
    "numpy",
    "onnx",
    "onnx-ir",
    "onnxruntime",
    "onnxscript",
    "pocket-tts",
    "pockettts-book",
    "safetensors",
    "scipy",
    "sentencepiece",
    "snakemake",
    "tokenizers",
    "torch",
)


def package_versions() -> dict[str, str]:
    """Return the installed versions of `PACKAGES`; one that is not installed is left out."""
    return installed_versions(PACKAGES)


def installed_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the installed versions of distributions; one that is not installed is left out."""
    versions = {}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def write_provenance(
    out: Path,
    project: Project,
    lock: Lock,
    chunks: Mapping[str, Any],
    receipts: Mapping[str, Mapping[str, Any]],
    mastering: Mapping[str, Any],
) -> None:
    """Write results/{book}.provenance.json.

    `chunks` is chunks.json, `receipts` the takes by key, `mastering` what the last step decided. The file holds
    no date and no path of the machine: the same build on the same machine gives the same file.
    """
    voice, model = project.voice, project.model
    rejected = [chunk for chunk in chunks["chunks"] if not receipts[chunk["key"]]["accepted"]]
    notices = [
        *([f"model {model.id}: {model.notice}"] if model.notice else []),
        *([notice] if (notice := licence_notice(voice)) else []),
        *([f"{len(rejected)} rejected takes are in this recording; the report names them."] if rejected else []),
    ]
    content = {
        "book": chunks["book"],
        "audio": {"sha256": mastering["sha256"], "samples": mastering["samples"], "rate": 24_000},
        "input": chunks["source"],
        "settings": project.config.model_dump(mode="json", exclude={"bench"}),
        "model": {
            "id": model.id,
            "licence": model.licence,
            "notice": model.notice,
            "lock": lock.as_dict(),
            "lock_digest": lock.digest,
        },
        "voice": {
            "id": voice.id,
            "licence": voice.licence,
            "commercial": voice.commercial,
            "attribution": voice.attribution,
            "right": voice.right,
        },
        "recipe": chunks["recipe"],
        "takes": [
            {"key": chunk["key"], **{name: receipts[chunk["key"]][name] for name in ("sha256", "seed", "attempt")}}
            for chunk in chunks["chunks"]
        ],
        "mastering": mastering["steps"],
        "versions": {"python": platform.python_version(), **package_versions()},
        "machine": {
            "system": platform.system(),
            "architecture": platform.machine(),
            "processor": read_cpu_facts().as_dict(),
        },
        "byte_order": sys.byteorder,
        "notices": notices,
    }
    files.write_json(out, content, seal=True)
