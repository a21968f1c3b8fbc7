"""Fetch the files of one model of the hub, or copy those of a model of the project: rule download_model."""

import argparse
from pathlib import Path

from pockettts import models
from pockettts.errors import run_main
from pockettts.project import Project, add_project_option


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="an id of models/manifest.json")
    parser.add_argument("--allow-ungated", action="store_true", help="take the ungated weights if the hub refuses")
    parser.add_argument("--out", type=Path, required=True, help="download.json; the files go beside it")
    add_project_option(parser)
    args = parser.parse_args()
    project = Project(args.project)
    entry = project.find_model(args.model)
    if entry.local:
        models.copy_model(entry, args.out.parent)
    else:
        models.download_model(
            entry, args.out.parent, allow_ungated=args.allow_ungated, committed_lock=project.model_lock
        )


if __name__ == "__main__":
    run_main(main)
