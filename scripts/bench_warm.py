"""Measure warm engines in turns with one model: rule bench_warm."""

import argparse
from pathlib import Path

from pockettts import files
from pockettts.bench import contenders, results, subjects
from pockettts.bench.environment import record_environment
from pockettts.bench.measure import measure
from pockettts.errors import run_main


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    subjects.add_arguments(parser)
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="processors an engine may use")
    parser.add_argument("--chars", type=int, nargs="+", default=[75], help="lengths of text")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    environment = record_environment()
    series = measure(
        contenders.find(tuple(args.contenders)),
        subjects.subject_of(args),
        runs=args.runs,
        threads=args.threads,
        chars=args.chars,
    )
    files.write_json(args.out, results.part(f"warm {args.model}", environment, warm=series))
    for one in series:
        told = f"RTF {one.median(lambda u: u.rtf):.3f}" if one.rounds else one.obstacle
        print(f"{args.model}, {one.name}, {one.threads} CPUs, {one.chars} characters: {told}")


if __name__ == "__main__":
    run_main(main)
