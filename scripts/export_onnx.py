"""Export a model as ONNX graphs: rule export_onnx."""

import argparse
from pathlib import Path

from pockettts import models
from pockettts.bundle import copy_manifest
from pockettts.errors import run_main
from pockettts.export import require_export_packages
from pockettts.project import Project, add_model_options, add_project_option


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--precision", choices=("fp32", "int8"), default="fp32")
    parser.add_argument("--out", type=Path, required=True, help="a folder, which is replaced")
    parser.add_argument("--manifest", type=Path, required=True, help="a copy of the bundle's manifest")
    add_model_options(parser)
    add_project_option(parser)
    args = parser.parse_args()
    entry = Project(args.project).find_model(args.model)
    require_export_packages()
    from pockettts.export.export import export_onnx

    with models.open_model(entry, args.lock, args.weights, args.tokenizer) as model:
        bundle = export_onnx(model.runtime, args.out, precision=args.precision, language=entry.language)
    copy_manifest(args.out, args.manifest)
    for name, facts in bundle.manifest["files"].items():
        print(f"{name}: {facts['bytes']:,} bytes, sha256 {facts['sha256']}")


if __name__ == "__main__":
    run_main(main)
