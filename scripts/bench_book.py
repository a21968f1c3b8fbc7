"""Build a whole book and measure that: rule bench_book."""

import argparse
import json
import shutil
from pathlib import Path

from pockettts import files
from pockettts.bench.bench_models import read_bundles
from pockettts.bench.books import build_book
from pockettts.bench.environment import record_environment
from pockettts.bench.matrix import BookCase
from pockettts.bench.measure import SkippedSystem
from pockettts.bench.results import part
from pockettts.bench.systems import SYSTEMS
from pockettts.errors import EngineFailed, PocketTTSError, run_main


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=SYSTEMS, help="one of the engines of `bench`")
    parser.add_argument("--model", required=True, help="the model of the book")
    parser.add_argument("--chunks", type=int, required=True)
    parser.add_argument("--jobs", type=int, required=True, help="Snakemake's -j")
    parser.add_argument("--settings", default="{}", help="JSON: model and voice")
    parser.add_argument("--results", type=Path, default=Path("results"), help="has the model, the voice, the bundle")
    parser.add_argument(
        "--work", type=Path, required=True, help="a folder for the project: emptied first, then removed"
    )
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    case = BookCase(args.engine, args.chunks, args.jobs)
    environment = record_environment()
    _, failed_bundles = read_bundles(args.results / "bench" / "bundles" / args.model)
    try:
        precision = SYSTEMS[case.engine].precision
        if precision in failed_bundles:
            raise EngineFailed(failed_bundles[precision], 1)
        run = build_book(case, args.work, Path.cwd(), json.loads(args.settings), args.results)
        document = part(f"book {case.name}", environment, books=[run])
        print(f"{case.name}: {run.wall:.1f} s for {run.audio:.0f} s of audio, {run.peak_mb:.0f} MB")
    except PocketTTSError as error:
        skipped = SkippedSystem("books", args.model, case.engine, f"{case.chunks} chunks, -j{case.jobs}: {error}")
        document = part(f"book {case.name}", environment, skipped=[skipped])
        print(f"{case.name}: skipped: {error}")
    shutil.rmtree(args.work, ignore_errors=True)
    files.write_json(args.out, document)


if __name__ == "__main__":
    run_main(main)
