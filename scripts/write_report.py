"""Measure a recording and write its report: rule write_report."""

import argparse
import json
from pathlib import Path

from pockettts import book, config, files, takes
from pockettts.audio.join import Timeline
from pockettts.audio.measure import measure
from pockettts.audio.report import write_report
from pockettts.errors import run_main


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("audio", type=Path, help="the mastered recording")
    parser.add_argument("--chunks", type=Path, required=True)
    parser.add_argument("--timeline", type=Path, required=True)
    parser.add_argument("--receipts", type=Path, required=True, help="the directory of the receipts")
    parser.add_argument("--provenance", type=Path, required=True)
    parser.add_argument("--settings", default="{}", help="JSON of what differs from the default configuration")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    setup = book.open_setup(config.parse(json.loads(args.settings), "--settings"))
    chunks = files.read_json(args.chunks)
    provenance = files.read_json(args.provenance)
    made = takes.read_receipts(args.receipts, chunks["batches"])
    measurement = measure(args.audio)
    write_report(
        args.out,
        title=chunks["title"] or chunks["book"],
        measurement=measurement,
        timeline=Timeline.from_json(args.timeline.read_text(encoding="utf-8")),
        takes=[{"text": chunk["text"], **takes.report_row(made[chunk["key"]])} for chunk in chunks["chunks"]],
        voice=provenance["voice"],
        model_notice=setup.model.notice,
        provenance=provenance,
        audio=args.out.with_name(f"{chunks['book']}.wav"),
        chapters=chunks["chapters"],
    )
    for verdict in measurement.acx():
        print(f"ACX {verdict.name}: {verdict.value:.1f}, {verdict.limit}: {'pass' if verdict.passed else 'FAIL'}")


if __name__ == "__main__":
    run_main(main)
