"""Write the page about a recording: rule write_report."""

import argparse
from pathlib import Path

from pockettts import files, takes
from pockettts.audio.join import Timeline
from pockettts.audio.measure import Measurement
from pockettts.audio.report import write_report
from pockettts.batches import BatchRecord, add_division_options
from pockettts.errors import run_main


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measurement", type=Path, help="the figures of the recording")
    parser.add_argument("--chunks", type=Path, required=True)
    parser.add_argument("--timeline", type=Path, required=True)
    add_division_options(parser)
    parser.add_argument("--provenance", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    chunks = files.read_json(args.chunks)
    provenance = files.read_json(args.provenance)
    summaries = takes.read_receipts(args.receipts, BatchRecord(args.batches).named(args.division))
    write_report(
        args.out,
        title=chunks["title"] or chunks["book"],
        measurement=Measurement.from_json(files.read_json(args.measurement)),
        timeline=Timeline.from_json(files.read_json(args.timeline, "the timeline")),
        takes=[{"text": chunk["text"], **takes.report_row(summaries[chunk["key"]])} for chunk in chunks["chunks"]],
        voice=provenance["voice"],
        model_notice=provenance["model"]["notice"],
        provenance=provenance,
        audio=args.out.with_name(f"{chunks['book']}.wav"),
        chapters=chunks["chapters"],
    )


if __name__ == "__main__":
    run_main(main)
