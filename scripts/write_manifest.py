"""Write models/manifest.json from the installed pocket-tts: for maintainers, by `make manifest`."""

import argparse
from pathlib import Path

from pockettts.errors import ModelError, run_main
from pockettts.files import read_json, write_json
from pockettts.models.generate import generate_manifest


def main() -> None:
    """Write the manifest, or with --check compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the file would change")
    parser.add_argument("--models", type=Path, default=Path("models"), help="the directory (default: models)")
    args = parser.parse_args()
    path = args.models / "manifest.json"
    content = generate_manifest(args.models)
    if not args.check:
        write_json(path, content)
    elif read_json(path, "the model manifest", ModelError) != content:
        raise ModelError(f"{path} differs from what {content['package']} gives; run `make manifest`.")


if __name__ == "__main__":
    run_main(main)
