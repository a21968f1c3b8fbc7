"""Build a whole book and measure that: rule bench_book."""

import argparse
import json
import shutil
from pathlib import Path

from pockettts import files
from pockettts.bench import books, results
from pockettts.bench.environment import record_environment
from pockettts.bench.matrix import BookCase
from pockettts.errors import run_main


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", help="one of the engines of `bench`")
    parser.add_argument("--chunks", type=int, required=True)
    parser.add_argument("--jobs", type=int, required=True, help="snakemake's -j")
    parser.add_argument("--settings", default="{}", help="JSON: model and voice")
    parser.add_argument("--results", type=Path, default=Path("results"), help="has the model, the voice, the export")
    parser.add_argument("--work", type=Path, required=True, help="a folder for the project: emptied before, gone after")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    case = BookCase(args.engine, args.chunks, args.jobs)
    environment = record_environment()
    run = books.make_book(case, args.work, Path.cwd(), json.loads(args.settings), args.results)
    shutil.rmtree(args.work)
    files.write_json(args.out, results.part(f"book {case.name}", environment, books=[run]))
    print(f"{case.name}: {run.wall:.1f} s for {run.audio:.0f} s of audio, {run.peak_mb:.0f} MB")


if __name__ == "__main__":
    run_main(main)
