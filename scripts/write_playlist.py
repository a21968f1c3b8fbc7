"""List the MP3 files of a book in a playlist: rule write_playlist."""

import argparse
import os
from pathlib import Path

from pockettts import files
from pockettts.errors import run_main
from pockettts.publish.material import add_material_options, read_material
from pockettts.publish.recordings import playlist


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", type=Path, nargs="+", help="an MP3 for each chapter, in order")
    parser.add_argument("--out", type=Path, required=True)
    add_material_options(parser)
    args = parser.parse_args()
    material = read_material(args)
    names = [os.path.relpath(part, args.out.parent) for part in args.parts]
    files.write_text(args.out, playlist(material.sheet, material.tags, names))
    files.write_record(args.out, args.record)
    print(f"{args.out}: {len(names)} chapters")


if __name__ == "__main__":
    run_main(main)
