"""Write the configuration that `pocket-tts --config` reads without a network: rule write_runtime."""

import argparse
from pathlib import Path

from pockettts import models
from pockettts.errors import run_main
from pockettts.project import Project, add_project_option


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="an id of models/manifest.json")
    parser.add_argument("--out", type=Path, required=True, help="runtime.yaml; download and lock lie beside it")
    add_project_option(parser)
    args = parser.parse_args()
    project = Project(args.project)
    entry = project.find_model(args.model)
    models.write_runtime(entry, models.read_download(entry, args.out.parent), args.out)
    models.mark_runtime(args.out)


if __name__ == "__main__":
    run_main(main)
