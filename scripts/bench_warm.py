"""Measure warm systems in turns with one model: rule bench_warm."""

import argparse
from pathlib import Path

from pockettts import files
from pockettts.bench import bench_models, results, systems
from pockettts.bench.environment import record_environment
from pockettts.bench.measure import measure_warm
from pockettts.errors import run_main


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    bench_models.add_arguments(parser)
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="processors an engine may use")
    parser.add_argument("--chars", type=int, nargs="+", default=[75], help="lengths of text")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    environment = record_environment()
    chosen, model = systems.systems_named(args.systems), bench_models.model_from(args)
    runs, skipped = measure_warm(chosen, model, runs=args.runs, threads=args.threads, chars=args.chars)
    files.write_json(args.out, results.part(f"warm {args.model}", environment, warm=runs, skipped=skipped))
    for one in runs:
        cell = f"{one.threads} CPUs, {one.chars} characters"
        print(f"{one.model}, {one.system}, {cell}: RTF {one.wall / one.audio:.3f}")
    for missing in skipped:
        print(f"{args.model}, {missing.system}: skipped: {missing.reason}")


if __name__ == "__main__":
    run_main(main)
