"""Build a whole book and measure that: rule bench_book."""

import argparse
import json
import shutil
from pathlib import Path

from pockettts import config, files
from pockettts.bench import bench_models, results
from pockettts.bench.books import build_book
from pockettts.bench.environment import record_environment
from pockettts.bench.matrix import BookCase
from pockettts.bench.measure import SkippedSystem
from pockettts.bench.systems import SYSTEMS
from pockettts.errors import EngineFailed, PocketTTSError, run_main
from pockettts.project import Project


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=SYSTEMS, help="one of the engines of `bench`")
    parser.add_argument("--chunks", type=int, required=True)
    parser.add_argument("--jobs", type=int, required=True, help="Snakemake's -j")
    parser.add_argument("--settings", default="{}", help="JSON: model and voice")
    parser.add_argument("--work", type=Path, required=True, help="a folder for the book: emptied first, then removed")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    environment = record_environment()
    settings = json.loads(args.settings)
    project = Project(Path(), config.parse(settings))
    case = BookCase(args.engine, args.chunks, args.jobs)
    failed_bundles = bench_models.read_model(project.model.id, project).failed_bundles
    books, skipped = [], []
    try:
        precision = SYSTEMS[case.engine].precision
        if precision and precision in failed_bundles:
            raise EngineFailed(failed_bundles[precision], 1)
        books.append(build_book(case, args.work, Path.cwd(), settings, project.results))
    except PocketTTSError as error:
        reason = f"{case.chunks} chunks, -j{case.jobs}: {error}"
        skipped.append(SkippedSystem("books", project.model.id, case.engine, reason))
    shutil.rmtree(args.work, ignore_errors=True)
    document = results.part(f"book {case.name}", environment, books=books, skipped=skipped)
    results.print_part(document)
    files.write_json(args.out, document)


if __name__ == "__main__":
    run_main(main)
