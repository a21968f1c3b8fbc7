"""Encode a book as one file with chapters and cover, M4B, Opus or FLAC: rule encode_book."""

import argparse
from pathlib import Path

from pockettts import files
from pockettts.errors import run_main
from pockettts.publish.material import add_recording_options, read_material, read_recording
from pockettts.publish.recordings import KINDS, encode_book


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=KINDS, required=True)
    parser.add_argument("--out", type=Path, required=True)
    add_recording_options(parser)
    args = parser.parse_args()
    material = read_material(args)
    encode_book(args.kind, read_recording(args), args.out, material)
    files.write_record(args.out, args.record)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:,.1f} MB, {len(material.sheet.chapters)} chapters")


if __name__ == "__main__":
    run_main(main)
