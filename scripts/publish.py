"""Hand over the finished book: rule publish."""

import argparse
from pathlib import Path

from pockettts import files
from pockettts.book import publish
from pockettts.errors import run_main


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mastered", type=Path)
    parser.add_argument("--provenance", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    publish(args.mastered, args.out)
    provenance = files.read_json(args.provenance)
    print(f"{args.out} is ready; its report is {args.report}, its provenance {args.provenance}.")
    for notice in provenance["notices"]:
        print(f"NOTE: {notice}")


if __name__ == "__main__":
    run_main(main)
