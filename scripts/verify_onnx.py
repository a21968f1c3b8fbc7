"""Compare an exported model with PyTorch and write the report: rule verify_onnx."""

import argparse
from pathlib import Path

from pockettts import models
from pockettts.errors import run_main
from pockettts.export import require_export_packages
from pockettts.project import Project, add_model_options, add_project_option


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path, help="the folder of the exported model")
    parser.add_argument("--recording", type=Path, required=True, help="any voice, as a WAV of 24 kHz")
    parser.add_argument("--out", type=Path, required=True, help="the report as JSON; its table goes beside it")
    add_model_options(parser)
    add_project_option(parser)
    args = parser.parse_args()
    entry = Project(args.project).find_model(args.model)
    require_export_packages()
    from pockettts.export.verify import verify_onnx

    with models.open_model(entry, args.lock, args.weights, args.tokenizer) as model:
        report = verify_onnx(args.bundle, model.runtime, args.recording, args.out)
    print(report.table(), end="")
    report.require(args.bundle)


if __name__ == "__main__":
    run_main(main)
