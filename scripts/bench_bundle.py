"""Export a model for ONNX Runtime and verify the bundle: rule bench_bundle."""

import argparse
import shutil
from pathlib import Path

from pockettts.bench.bench_models import is_random, write_bundle_report
from pockettts.bundle import Precision
from pockettts.errors import PocketTTSError, run_main
from pockettts.export import require_export_packages

RECORDING = Path("voices/bundled.wav")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="its name in the tables; one with random weights is not verified")
    parser.add_argument("--runtime", type=Path, required=True)
    parser.add_argument("--precision", choices=("fp32", "int8"), required=True)
    parser.add_argument("--recording", type=Path, default=RECORDING, help="any voice, to verify with")
    parser.add_argument("--out", type=Path, required=True, help="the report; the bundle goes into a folder beside it")
    args = parser.parse_args()
    folder = args.out.with_suffix("")
    error = None
    try:
        export_and_verify(args.runtime, folder, args.precision, None if is_random(args.model) else args.recording)
    except PocketTTSError as failure:
        error = str(failure)
        shutil.rmtree(folder, ignore_errors=True)
        print(f"{args.model}, {args.precision}: {error}")
    write_bundle_report(args.out, error)


def export_and_verify(runtime: Path, folder: Path, precision: Precision, recording: Path | None) -> None:
    """Make the bundle in `folder`, and its report FOLDER.verify.json. Raises `PocketTTSError` if either fails."""
    require_export_packages()
    from pockettts.export.export import export_onnx
    from pockettts.export.verify import verify_onnx

    export_onnx(runtime, folder, precision=precision)
    if recording is not None:
        report = verify_onnx(folder, runtime, recording, folder.with_name(f"{precision}.verify.json"))
        report.require(folder)


if __name__ == "__main__":
    run_main(main)
