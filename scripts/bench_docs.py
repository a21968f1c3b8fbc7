"""Take the figures of README.md and docs/BENCHMARKS.md from reports: `make bench-docs`."""

import argparse
from pathlib import Path

from pockettts import files
from pockettts.bench import docs, plots, results
from pockettts.bench.goals import goals_tables
from pockettts.errors import run_main

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "docs" / "bench" / "bench.json"
ENGINES = ROOT / "docs" / "bench" / "engines.json"
PAGES = (ROOT / "README.md", ROOT / "docs" / "BENCHMARKS.md")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path, nargs="?", default=REPORT, help="report.json; default: what is stored")
    parser.add_argument("engines", type=Path, nargs="?", default=ENGINES, help="engines.json; default: what is stored")
    args = parser.parse_args()
    report = results.read_results(files.read_json(args.report, "the report"))
    engines = files.read_json(args.engines, "the report on the engines")
    files.write_json(REPORT, report.as_dict())
    files.write_json(ENGINES, engines)
    plots.draw("rtf", report, REPORT.with_name("rtf.svg"))
    goals = goals_tables(results.read_results(engines), engines["book"])
    for page in PAGES:
        files.write_text(page, docs.fill(page.read_text(encoding="utf-8"), report, goals))


if __name__ == "__main__":
    run_main(main)
