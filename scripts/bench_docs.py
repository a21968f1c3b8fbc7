"""Take the figures of README.md and docs/BENCHMARKS.md from a report: `make bench-docs`."""

import argparse
from pathlib import Path

from pockettts import files
from pockettts.bench import plots, report, results
from pockettts.errors import run_main

ROOT = Path(__file__).parents[1]
STORED = ROOT / "docs" / "bench" / "bench.json"
PAGES = (ROOT / "README.md", ROOT / "docs" / "BENCHMARKS.md")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path, nargs="?", default=STORED, help="report.json; default: the stored one")
    parser.add_argument("--page", type=Path, help="also write the report as HTML here, as `make bench` does")
    args = parser.parse_args()
    measured = results.read_results(files.read_json(args.report, "the report"))
    files.write_json(STORED, measured.as_dict())
    plots.draw(measured, STORED.parent)
    if args.page is not None:
        plots.draw(measured, args.page.parent / "plots")
        files.write_text(args.page, report.html_page(report.markdown_page(measured), args.page.parent))
    for page in PAGES:
        files.write_text(page, report.fill(page.read_text(encoding="utf-8"), measured))


if __name__ == "__main__":
    run_main(main)
