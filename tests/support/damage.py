"""Damage to an exported model, as tests do it."""

import json
from pathlib import Path
from typing import Any

from pockettts.files import sha256_file


def reseal(bundle: Path, **changes: Any) -> None:
    """Write the manifest again, as if the damage had been made before it."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    for name, facts in manifest["files"].items():
        if (bundle / name).exists():
            facts.update(bytes=(bundle / name).stat().st_size, sha256=sha256_file(bundle / name))
    (bundle / "manifest.json").write_text(json.dumps({**manifest, **changes}))


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
