"""Put the takes of a book in order, with their pauses: rule join_takes."""

import argparse
import json
from pathlib import Path

from pockettts import config, files, takes
from pockettts.audio.join import JoinEntry, join_takes
from pockettts.errors import run_main


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=Path, required=True)
    parser.add_argument("--receipts", type=Path, required=True, help="the directory of the receipts")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--settings", default="{}", help="JSON of what differs from the default configuration")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--timeline", type=Path, required=True)
    args = parser.parse_args()
    document = files.read_json(args.chunks)
    audio = config.parse(json.loads(args.settings), "--settings").audio
    made = takes.read_receipts(args.receipts, document["batches"])
    store = takes.TakeStore(args.store)
    entries = [
        JoinEntry(
            key=chunk["key"],
            wav=store.path(chunk["key"]),
            sha256=made[chunk["key"]]["sha256"],
            pause=chunk["pause"],
            text=chunk["text"],
            chapter=chunk["chapter"],
        )
        for chunk in document["chunks"]
    ]
    timeline = join_takes(entries, args.out, audio)
    files.write_text(args.timeline, timeline.to_json())
    print(f"joined {len(entries):,} takes: {timeline.samples / timeline.rate:,.1f} s")


if __name__ == "__main__":
    run_main(main)
