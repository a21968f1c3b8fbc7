"""Encode a book as one file with chapters and cover, M4B, Opus or FLAC: rule encode_book."""

import argparse
from pathlib import Path

from pockettts.errors import run_main
from pockettts.publish.material import add_material_options, read_material
from pockettts.publish.recordings import KINDS, encode_book


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("audio", type=Path, help="the mastered recording")
    parser.add_argument("--kind", choices=KINDS, required=True)
    parser.add_argument("--out", type=Path, required=True)
    add_material_options(parser)
    args = parser.parse_args()
    material = read_material(args)
    encode_book(args.kind, args.audio, args.out, material)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:,.1f} MB, {len(material.sheet.chapters)} chapters")


if __name__ == "__main__":
    run_main(main)
