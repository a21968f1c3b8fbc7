"""List the MP3 files of a book in a playlist: rule write_playlist."""

import argparse
import os
from pathlib import Path

from pockettts import files
from pockettts.errors import run_main
from pockettts.publish.cues import CueSheet
from pockettts.publish.recordings import playlist
from pockettts.publish.tags import BookTags


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", type=Path, nargs="+", help="an MP3 for each chapter, in order")
    parser.add_argument("--cues", type=Path, required=True)
    parser.add_argument("--tags", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    sheet = CueSheet.from_json(files.read_json(args.cues))
    tags = BookTags.from_json(files.read_json(args.tags))
    names = [os.path.relpath(part, args.out.parent) for part in args.parts]
    files.write_text(args.out, playlist(sheet, tags, names))
    print(f"{args.out}: {len(names)} chapters")


if __name__ == "__main__":
    run_main(main)
