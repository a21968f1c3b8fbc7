"""Export a model for ONNX Runtime and verify the bundle: rule bench_bundle."""

import argparse
import shutil
from pathlib import Path

from pockettts import files
from pockettts.bench.bench_models import is_random
from pockettts.errors import PocketTTSError, run_main
from pockettts.export import require_export_packages


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="its name in the tables; one with random weights is not verified")
    parser.add_argument("--runtime", type=Path, required=True)
    parser.add_argument("--precision", choices=("fp32", "int8"), required=True)
    parser.add_argument("--recording", type=Path, default=Path("voices/bundled.wav"), help="any voice, to verify with")
    parser.add_argument("--out", type=Path, required=True, help="the report; the bundle goes into a folder beside it")
    args = parser.parse_args()
    bundle = args.out.with_suffix("")
    error = None
    try:
        require_export_packages()
        from pockettts.export.export import export_onnx
        from pockettts.export.verify import verify_onnx

        export_onnx(args.runtime, bundle, precision=args.precision)
        if not is_random(args.model):
            verify_onnx(bundle, args.runtime, args.recording, args.out.with_suffix(".verify.json")).require(bundle)
    except PocketTTSError as failure:
        error = str(failure)
        shutil.rmtree(bundle, ignore_errors=True)
        print(f"{args.model}, {args.precision}: {error}")
    files.write_json(args.out, {"error": error})


if __name__ == "__main__":
    run_main(main)
