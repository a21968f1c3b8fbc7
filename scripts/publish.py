"""Hand over the finished book: rule publish.

The mastered recording gets its final name by a hard link, which costs no space; where the file system has none, it is
copied.
"""

import argparse
import os
import shutil
from pathlib import Path

from pockettts import files
from pockettts.errors import run_main


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mastered", type=Path)
    parser.add_argument("--provenance", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    link_or_copy(args.mastered, args.out)
    provenance = files.read_json(args.provenance)
    print(f"{args.out} is ready; its report is {args.report}, its provenance {args.provenance}.")
    for notice in provenance["notices"]:
        print(f"NOTE: {notice}")


def link_or_copy(source: Path, target: Path) -> None:
    """Make `target` the same file as `source`, or a copy of it, replacing what was there in one step."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        os.link(source, temporary)
    except OSError:
        shutil.copyfile(source, temporary)
    temporary.replace(target)


if __name__ == "__main__":
    run_main(main)
