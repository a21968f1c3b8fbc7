"""Measure a recording: rule measure_book."""

import argparse
from pathlib import Path

from pockettts import files
from pockettts.audio.measure import measure_book
from pockettts.errors import run_main


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("audio", type=Path, help="the mastered recording")
    parser.add_argument("--mastering", type=Path, required=True, help="of the recording, with its sha256")
    parser.add_argument("--out", type=Path, required=True, help="the figures as JSON")
    args = parser.parse_args()
    sha256 = files.read_json(args.mastering, "the record of the mastering")["sha256"]
    files.require_sha256(args.audio, sha256, "The mastered recording")
    measurement = measure_book(args.audio)
    files.write_json(args.out, measurement.as_json(), seal=True)
    for verdict in measurement.acx():
        print(f"ACX {verdict.name}: {verdict.value:.1f}, {verdict.limit}: {'pass' if verdict.passed else 'FAIL'}")


if __name__ == "__main__":
    run_main(main)
