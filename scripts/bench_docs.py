"""Take the figures of README.md and docs/BENCHMARKS.md from a report: `make bench-docs`."""

import argparse
from pathlib import Path

from pockettts import files
from pockettts.bench import docs, plots, results
from pockettts.errors import exit_with_sentence

ROOT = Path(__file__).parents[1]
STORED = ROOT / "docs" / "bench" / "bench.json"
PAGES = (ROOT / "README.md", ROOT / "docs" / "BENCHMARKS.md")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path, nargs="?", help="report.json; default: the figures that are stored")
    args = parser.parse_args()
    if args.report is not None:
        found = results.read_results(files.read_json(args.report, "the report"))
        files.write_json(STORED, found.as_dict())
    stored = results.read_results(files.read_json(STORED, "the stored report"))
    plots.draw("rtf", stored, STORED.with_name("rtf.svg"))
    for page in PAGES:
        files.write_text(page, docs.fill(page.read_text(encoding="utf-8"), stored))


if __name__ == "__main__":
    exit_with_sentence(main)
