"""Put the takes of a book in order, with their pauses: rule join_takes."""

import argparse
import json
from pathlib import Path

from pockettts import config, files, takes
from pockettts.audio.join import JoinEntry, join_takes
from pockettts.batches import BatchRecord, add_division_options
from pockettts.errors import DamagedFile, run_main


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=Path, required=True)
    add_division_options(parser)
    parser.add_argument("--settings", default="{}", help="JSON of what differs from the default configuration")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--timeline", type=Path, required=True)
    args = parser.parse_args()
    document = files.read_json(args.chunks)
    audio = config.parse(json.loads(args.settings), "--settings").audio
    batches = BatchRecord(args.batches).named(args.division)
    receipts = takes.read_receipts(args.receipts, batches)
    entries = [
        JoinEntry(
            key=chunk["key"],
            pack=receipts[chunk["key"]]["pack"],
            start=receipts[chunk["key"]]["start"],
            samples=receipts[chunk["key"]]["samples"],
            sha256=receipts[chunk["key"]]["sha256"],
            pause=chunk["pause"],
            text=chunk["text"],
            chapter=chunk["chapter"],
        )
        for chunk in document["chunks"]
    ]
    try:
        timeline = join_takes(entries, args.out, audio)
    except DamagedFile as error:
        count = len(takes.drop_damaged_packs(args.receipts, batches))
        raise DamagedFile(f"{error} Packs deleted: {count}. Run the same command again to make them again.") from None
    files.write_json(args.timeline, timeline.as_json(), seal=True)
    print(f"joined {len(entries):,} takes: {timeline.samples / timeline.rate:,.1f} s")


if __name__ == "__main__":
    run_main(main)
