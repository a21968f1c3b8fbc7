"""Write down what a recording was made of: rule write_provenance."""

import argparse
import json
from pathlib import Path

from pockettts import config, files, models, takes
from pockettts.batches import BatchRecord, add_division_options
from pockettts.errors import run_main
from pockettts.project import Project, add_project_option
from pockettts.provenance import write_provenance


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=Path, required=True)
    parser.add_argument("--lock", type=Path, required=True)
    add_division_options(parser)
    parser.add_argument("--mastering", type=Path, required=True)
    parser.add_argument("--settings", default="{}", help="JSON of what differs from the default configuration")
    parser.add_argument("--out", type=Path, required=True)
    add_project_option(parser)
    args = parser.parse_args()
    chunks = files.read_json(args.chunks)
    project = Project(args.project, config.parse(json.loads(args.settings), "--settings"))
    write_provenance(
        args.out,
        project,
        models.read_lock(args.lock),
        chunks,
        takes.read_receipts(args.receipts, BatchRecord(args.batches).named(args.division)),
        files.read_json(args.mastering),
    )


if __name__ == "__main__":
    run_main(main)
