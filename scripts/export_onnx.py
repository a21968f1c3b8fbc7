"""Export a model as ONNX graphs: rule export_onnx."""

import argparse
from pathlib import Path

from pockettts import models
from pockettts.errors import run_main
from pockettts.export import require_export_packages
from pockettts.project import Project, add_project_option


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="an id of models/manifest.json")
    parser.add_argument("--precision", choices=("fp32", "int8"), default="fp32")
    parser.add_argument("--runtime", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="manifest.json; its folder is replaced")
    add_project_option(parser)
    args = parser.parse_args()
    project = Project(args.project)
    entry = project.find_model(args.model)
    require_export_packages()
    from pockettts.export.export import export_onnx

    models.check_model(args.runtime, models.read_lock(args.runtime.with_name("lock.json")))
    bundle = export_onnx(args.runtime, args.out.parent, precision=args.precision, language=entry.language)
    for name, facts in bundle.manifest["files"].items():
        print(f"{name}: {facts['bytes']:,} bytes, sha256 {facts['sha256']}")


if __name__ == "__main__":
    run_main(main)
