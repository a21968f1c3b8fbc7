"""The content of models/manifest.json, for maintainers: from the installed pocket-tts and `models/*/model.json`.

Called by scripts/write_manifest.py; no build needs it.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pockettts.errors import ModelError
from pockettts.files import read_json
from pockettts.models.manifest import HubFile, read_yaml, strip_paths
from pockettts.values import language_code

_MODEL_LICENCE = "CC-BY-4.0"  # of both kyutai repositories, by their model cards


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
    return {path.stem: read_yaml(path) for path in sorted(folder.glob("*.yaml"))}


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

    The package has no sizes and checksums; models/known.json holds those from other public sources. Imports pocket_tts,
    and so torch.
    """
    from pocket_tts.utils.utils import get_predefined_voice

    configs = package_configs()
    facts_of = read_json(models / "known.json", "the table of known files", ModelError)
    twins = {name: _dated_twin(name, configs) for name in configs}
    entries: dict[str, Any] = {}
    for name, config in configs.items():
        if twins[name] is not None:
            continue
        settings, paths = strip_paths(config)
        files = {role: parse_hub_path(path) for role, path in paths.items()}
        files["voices"] = parse_hub_path(get_predefined_voice(name, "{name}"))
        entry: dict[str, Any] = {
            "language": language_code(name),
            "licence": _MODEL_LICENCE,
            "config": settings,
        }
        for role, file in files.items():
            facts = facts_of.get(f"{file.repo}/{file.path}@{file.revision}", {})
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
