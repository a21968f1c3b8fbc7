"""Put the parts of a benchmark together: rule bench_report."""

import argparse
from pathlib import Path

from pockettts import files
from pockettts.bench import baseline, plots, report, results
from pockettts.errors import run_main


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", type=Path, nargs="+", help="what the other steps wrote, in the order of the tables")
    parser.add_argument("--profile", required=True)
    parser.add_argument("--baseline", type=Path, help="a report.json of before")
    parser.add_argument("--tolerance", type=float, default=0.1)
    parser.add_argument("--out", type=Path, required=True, help="a folder: report.html, .md, .csv, .json and plots/")
    args = parser.parse_args()
    found = results.collect(args.parts, args.profile)
    comparisons = None
    if args.baseline is not None:
        comparisons = baseline.compare(results.rows(found), results.read_rows(args.baseline), args.tolerance)
        print(baseline.sentence(comparisons, args.tolerance))
    plots.draw_all(found, args.out / "plots")
    page = report.markdown(found, comparisons, args.tolerance)
    files.write_json(args.out / "report.json", found.as_dict())
    files.write_text(args.out / "report.csv", report.csv_text(found))
    files.write_text(args.out / "report.md", page)
    files.write_text(args.out / "report.html", report.html(page, args.out))
    for warning in found.warnings:
        print(f"warning: {warning}")


if __name__ == "__main__":
    run_main(main)
