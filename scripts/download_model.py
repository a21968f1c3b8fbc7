"""Fetch the files of one model: rule download_model."""

import argparse
from pathlib import Path

from pockettts import book, models
from pockettts.errors import run_main


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="an id of models/manifest.json")
    parser.add_argument("--allow-ungated", action="store_true", help="take the ungated weights if the hub refuses")
    parser.add_argument("--out", type=Path, required=True, help="download.json; the files go beside it")
    args = parser.parse_args()
    entry = models.resolve(models.load_manifest(book.MODEL_MANIFEST), args.model)
    if entry.notice:
        print(f"model {entry.id}: {entry.notice}")
    models.download_model(entry, args.out.parent, allow_ungated=args.allow_ungated, committed_lock=book.MODEL_LOCK)


if __name__ == "__main__":
    run_main(main)
