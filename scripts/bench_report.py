"""Put the parts of a benchmark together: rule bench_report."""

import argparse
from pathlib import Path

from pockettts import files
from pockettts.bench import plots, report, results
from pockettts.errors import run_main


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", type=Path, nargs="+", help="what the other steps wrote, in the order of the tables")
    parser.add_argument("--profile", required=True)
    parser.add_argument("--baseline", type=Path, help="an earlier report.json")
    parser.add_argument("--tolerance", type=float, default=0.1)
    parser.add_argument("--out", type=Path, required=True, help="a folder: report.html, .md, .json and plots/")
    args = parser.parse_args()
    measured = results.collect(args.parts, args.profile)
    comparison = None
    if args.baseline is not None:
        old = results.read_rows(args.baseline)
        comparison = results.compare_baseline(results.rows(measured), old, args.tolerance)
        print(results.describe_comparison(comparison))
    plots.draw(measured, args.out / "plots")
    page = report.markdown_page(measured, comparison)
    files.write_json(args.out / "report.json", measured.as_dict())
    files.write_text(args.out / "report.md", page)
    files.write_text(args.out / "report.html", report.html_page(page, args.out))
    for warning in measured.warnings:
        print(f"warning: {warning}")


if __name__ == "__main__":
    run_main(main)
