"""Encode a book as one FLAC file with chapters: rule encode_flac."""

import argparse
import json
from pathlib import Path

from pockettts import config, files
from pockettts.errors import run_main
from pockettts.publish.cover import load_cover
from pockettts.publish.cues import CueSheet
from pockettts.publish.recordings import encode_book
from pockettts.publish.tags import BookTags


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("audio", type=Path, help="the mastered recording")
    parser.add_argument("--cues", type=Path, required=True)
    parser.add_argument("--tags", type=Path, required=True)
    parser.add_argument("--cover", type=Path, required=True, help="the cover; an empty file for none")
    parser.add_argument("--settings", default="{}", help="JSON of what differs from the default configuration")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    publish = config.parse(json.loads(args.settings), "--settings").publish
    sheet = CueSheet.from_json(files.read_json(args.cues))
    tags = BookTags.from_json(files.read_json(args.tags))
    encode_book("flac", args.audio, args.out, publish, sheet, tags, load_cover(args.cover))
    print(f"{args.out}: {args.out.stat().st_size / 1e6:,.1f} MB, {len(sheet.chapters)} chapters")


if __name__ == "__main__":
    run_main(main)
