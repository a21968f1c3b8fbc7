"""Measure cold starts with one model: rule bench_cold."""

import argparse
import json
from pathlib import Path

from pockettts import config, files
from pockettts.bench import bench_models, results, systems
from pockettts.bench.environment import record_environment
from pockettts.bench.measure import measure_cold
from pockettts.errors import run_main
from pockettts.project import Project


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help=f"its name in the tables; {bench_models.RANDOM}ID has fixed lengths")
    parser.add_argument("--systems", nargs="+", required=True, help="engines, and pocket-tts")
    parser.add_argument("--settings", default="{}", help="JSON: model and voice")
    parser.add_argument("--chars", type=int, default=75, help="length of the text")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    environment = record_environment()
    model = bench_models.read_model(args.model, Project(Path(), config.parse(json.loads(args.settings))))
    starts, skipped = measure_cold(systems.systems_named(args.systems), model, runs=args.runs, chars=args.chars)
    document = results.part(f"cold {args.model}", environment, cold=starts, skipped=skipped)
    results.print_part(document)
    files.write_json(args.out, document)


if __name__ == "__main__":
    run_main(main)
