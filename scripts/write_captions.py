"""Write the captions of a book as SubRip or WebVTT: rule write_captions."""

import argparse
import json
from pathlib import Path

from pockettts import config, files
from pockettts.errors import run_main
from pockettts.publish.captions import make_captions, srt, vtt
from pockettts.publish.cues import CueSheet


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cues", type=Path)
    parser.add_argument("--settings", default="{}", help="JSON of what differs from the default configuration")
    parser.add_argument("--out", type=Path, required=True, help="a file whose suffix is .srt or .vtt")
    parser.add_argument("--record", type=Path, required=True, help="where the sha256 of the file is written down")
    args = parser.parse_args()
    sheet = CueSheet.from_json(files.read_json(args.cues, "the cues"))
    captions = make_captions(sheet, config.parse(json.loads(args.settings), "--settings").publish.captions)
    files.write_text(args.out, srt(captions) if args.out.suffix == ".srt" else vtt(captions, sheet))
    files.write_record(args.out, args.record)
    print(f"{args.out}: {len(captions):,} captions")


if __name__ == "__main__":
    run_main(main)
