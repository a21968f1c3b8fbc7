"""Write down what a recording was made of: rule write_provenance."""

import argparse
import json
from pathlib import Path

from pockettts import book, config, files, models, takes
from pockettts.errors import run_main
from pockettts.provenance import make_provenance


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=Path, required=True)
    parser.add_argument("--lock", type=Path, required=True)
    parser.add_argument("--receipts", type=Path, required=True, help="the directory of the receipts")
    parser.add_argument("--mastering", type=Path, required=True)
    parser.add_argument("--settings", default="{}", help="JSON of what differs from the default configuration")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    chunks = files.read_json(args.chunks)
    setup = book.open_setup(config.parse(json.loads(args.settings), "--settings"))
    provenance = make_provenance(
        setup,
        models.read_lock(args.lock),
        chunks,
        takes.read_receipts(args.receipts, chunks["batches"]),
        files.read_json(args.mastering),
    )
    files.write_json(args.out, provenance)


if __name__ == "__main__":
    run_main(main)
