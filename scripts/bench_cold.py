"""Measure starts from nothing with one model: rule bench_cold."""

import argparse
from pathlib import Path

from pockettts import files
from pockettts.bench import contenders, results, subjects
from pockettts.bench.cold import measure_starts
from pockettts.bench.environment import record_environment
from pockettts.errors import run_main


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    subjects.add_arguments(parser)
    parser.add_argument("--chars", type=int, default=75, help="length of the text")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    environment = record_environment()
    who = contenders.find(tuple(args.contenders))
    starts = measure_starts(who, subjects.subject_of(args), runs=args.runs, chars=args.chars)
    files.write_json(args.out, results.part(f"cold {args.model}", environment, cold=starts))
    for one in starts:
        print(f"{args.model}, {one.name}: {one.median('total'):.2f} s" if one.runs else f"{one.name}: {one.obstacle}")


if __name__ == "__main__":
    run_main(main)
