"""Take the figures of README.md and docs/BENCHMARKS.md from a report: `make bench-docs`."""

import argparse
from pathlib import Path

from pockettts import files
from pockettts.bench import docs, plots, results
from pockettts.bench.report import PLOTS
from pockettts.errors import run_main

ROOT = Path(__file__).parents[1]
STORED = ROOT / "docs" / "bench" / "bench.json"
PAGES = (ROOT / "README.md", ROOT / "docs" / "BENCHMARKS.md")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path, nargs="?", default=STORED, help="report.json; default: the stored one")
    args = parser.parse_args()
    report = results.read_results(files.read_json(args.report, "the report"))
    files.write_json(STORED, report.as_dict())
    for name in PLOTS:
        plots.draw(name, report, STORED.with_name(f"{name}.svg"))
    for page in PAGES:
        files.write_text(page, docs.fill(page.read_text(encoding="utf-8"), report))


if __name__ == "__main__":
    run_main(main)
