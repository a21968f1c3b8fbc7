"""Hand over the finished book, a copy of the mastered recording: rule publish."""

import argparse
from pathlib import Path

from pockettts import files
from pockettts.book import publish
from pockettts.errors import AudioError, run_main


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mastered", type=Path)
    parser.add_argument("--mastering", type=Path, required=True, help="of the mastered file, with its sha256")
    parser.add_argument("--provenance", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    provenance = files.read_json(args.provenance, "the provenance")
    sha256 = files.read_json(args.mastering, "the record of the mastering")["sha256"]
    if provenance["audio"]["sha256"] != sha256:
        raise AudioError(f"{args.provenance} does not belong to {args.mastered}: delete it and run again.")
    publish(args.mastered, args.out, sha256)
    print(f"{args.out} is ready; its report is {args.report}, its provenance {args.provenance}.")
    for notice in provenance["notices"]:
        print(f"NOTE: {notice}")


if __name__ == "__main__":
    run_main(main)
