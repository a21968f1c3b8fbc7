"""Encode one chapter as MP3: rule encode_chapter."""

import argparse
from pathlib import Path

from pockettts import files
from pockettts.errors import run_main
from pockettts.publish.material import add_recording_options, read_material, read_recording
from pockettts.publish.recordings import encode_chapter


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", type=int, required=True, help="the number of the chapter, from 1")
    parser.add_argument("--out", type=Path, required=True)
    add_recording_options(parser)
    args = parser.parse_args()
    material = read_material(args)
    encode_chapter(args.part, read_recording(args), args.out, material)
    files.write_record(args.out, args.record)
    title = material.sheet.chapters[args.part - 1].title
    print(f"{args.out}: {args.out.stat().st_size / 1e6:,.1f} MB, {title}")


if __name__ == "__main__":
    run_main(main)
