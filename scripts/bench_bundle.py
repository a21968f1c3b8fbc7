"""Export a model with random weights for ONNX Runtime: rule bench_bundle."""

import argparse
from pathlib import Path

from pockettts.errors import run_main
from pockettts.export import require_export_packages


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runtime", type=Path, required=True)
    parser.add_argument("--precision", choices=("fp32", "int8"), required=True)
    parser.add_argument("--out", type=Path, required=True, help="manifest.json; its folder is replaced")
    args = parser.parse_args()
    require_export_packages()
    from pockettts.export.export import export_onnx

    export_onnx(args.runtime, args.out.parent, precision=args.precision)


if __name__ == "__main__":
    run_main(main)
