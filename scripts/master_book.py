"""Run the book chain over the joined takes: rule master_book."""

import argparse
import json
from pathlib import Path

from pockettts import config, files
from pockettts.audio.master import master_book
from pockettts.errors import run_main


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("joined", type=Path)
    parser.add_argument("--timeline", type=Path, required=True, help="of the joined file, with its sha256")
    parser.add_argument("--settings", default="{}", help="JSON of what differs from the default configuration")
    parser.add_argument("--threads", type=int, help="which do not change the bytes; default: all processors")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--figures", type=Path, required=True, help="what each step decided")
    args = parser.parse_args()
    audio = config.parse(json.loads(args.settings), "--settings").audio
    files.require_sha256(args.joined, files.read_json(args.timeline, "the timeline")["sha256"], "The joined recording")
    figures = master_book(args.joined, args.out, audio, threads=args.threads)
    files.write_json(args.figures, figures, seal=True)
    for step in figures["steps"]:
        print(" ".join(f"{name}={value}" for name, value in step.items()))


if __name__ == "__main__":
    run_main(main)
