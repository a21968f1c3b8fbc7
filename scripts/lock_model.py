"""Check the bytes of a model and write its lock: rule lock_model."""

import argparse
from pathlib import Path

from pockettts import models
from pockettts.errors import run_main
from pockettts.project import Project, add_project_option


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="an id of models/manifest.json")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--commit", action="store_true", help="also write the lock into models/lock.json")
    parser.add_argument("--out", type=Path, required=True, help="lock.json; the record of a download lies beside it")
    add_project_option(parser)
    args = parser.parse_args()
    project = Project(args.project)
    entry = project.find_model(args.model)
    if entry.notice:
        print(f"model {entry.id}: {entry.notice}")
    files = {"weights": args.weights, "tokenizer": args.tokenizer}
    lock = models.lock_model(entry, args.out.parent, project.model_lock, files=files, commit=args.commit)
    for role, file in lock.files.items():
        print(f"{lock.model} {role}: {file['bytes']:,} bytes, sha256 {file['sha256']}")


if __name__ == "__main__":
    run_main(main)
