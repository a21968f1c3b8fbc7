"""Measure cold starts with one model: rule bench_cold."""

import argparse
from pathlib import Path

from pockettts import files
from pockettts.bench import bench_models, results, systems
from pockettts.bench.environment import record_environment
from pockettts.bench.measure import measure_cold
from pockettts.errors import run_main


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    bench_models.add_arguments(parser)
    parser.add_argument("--chars", type=int, default=75, help="length of the text")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    environment = record_environment()
    chosen, model = systems.systems_named(args.systems), bench_models.model_from(args)
    starts, skipped = measure_cold(chosen, model, runs=args.runs, chars=args.chars)
    files.write_json(args.out, results.part(f"cold {args.model}", environment, cold=starts, skipped=skipped))
    for start in starts:
        print(f"{args.model}, {start.system}: {start.total:.2f} s")
    for one in skipped:
        print(f"{args.model}, {one.system}: skipped: {one.reason}")


if __name__ == "__main__":
    run_main(main)
