"""Write the captions of a book as SubRip: rule write_srt."""

import argparse
import json
from pathlib import Path

from pockettts import config, files
from pockettts.errors import run_main
from pockettts.publish.captions import make_captions, srt
from pockettts.publish.cues import CueSheet


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cues", type=Path)
    parser.add_argument("--settings", default="{}", help="JSON of what differs from the default configuration")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    sheet = CueSheet.from_json(files.read_json(args.cues))
    captions = make_captions(sheet, config.parse(json.loads(args.settings), "--settings").publish.captions)
    files.write_text(args.out, srt(captions))
    print(f"{args.out}: {len(captions):,} captions")


if __name__ == "__main__":
    run_main(main)
