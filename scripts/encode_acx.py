"""Encode a file of the set for ACX, and mend its levels: rule encode_acx."""

import argparse
from pathlib import Path

from pockettts import files
from pockettts.errors import run_main
from pockettts.publish.acx import encode_acx
from pockettts.publish.material import add_recording_options, read_material, read_recording


def main() -> None:
    """Command line. The recording and the cues are those of the book, or of its credits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--section", required=True, help="opening, closing, sample, or the number of a chapter's part")
    parser.add_argument("--out", type=Path, required=True)
    add_recording_options(parser)
    args = parser.parse_args()
    material = read_material(args)
    changes = encode_acx(args.section, read_recording(args), args.out, material.sheet, material.tags)
    files.write_record(args.out, args.record)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:,.1f} MB", *changes, sep="\n")


if __name__ == "__main__":
    run_main(main)
