"""Match the text of a book with its recording: rule write_cues."""

import argparse
from pathlib import Path

from pockettts import files
from pockettts.audio.join import Timeline
from pockettts.errors import run_main
from pockettts.publish.cues import make_cues
from pockettts.text.chapters import Manuscript


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manuscript", type=Path, required=True)
    parser.add_argument("--chunks", type=Path, required=True)
    parser.add_argument("--timeline", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    manuscript = Manuscript.from_json(files.read_json(args.manuscript, "the manuscript"))
    timeline = Timeline.from_json(files.read_json(args.timeline, "the timeline"))
    document = files.read_json(args.chunks)
    sheet = make_cues(manuscript, document["chunks"], timeline)
    files.write_json(args.out, sheet.as_json(), seal=True)
    print(f"{document['book']}: {len(sheet.cues):,} cues in {len(sheet.chapters)} chapters")


if __name__ == "__main__":
    run_main(main)
