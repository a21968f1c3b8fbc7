"""Put a book into a folder for an audiobook server: rule write_shelf."""

import argparse
from pathlib import Path

from pockettts import files
from pockettts.errors import run_main
from pockettts.publish.material import add_material_options, read_material
from pockettts.publish.shelf import write_shelf


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("book", help="the name of the book")
    parser.add_argument("audio", type=Path, help="the M4B")
    parser.add_argument("--shelf", type=Path, required=True, help="the folder of all books")
    parser.add_argument("--out", type=Path, required=True, help="what was put there, with its sha256")
    parser.add_argument("--previous", type=Path, required=True, help="the same of the run before; may not exist")
    add_material_options(parser)
    args = parser.parse_args()
    sha256 = files.require_record(args.audio, args.record)
    books = sorted(path for path in args.out.parents[1].glob("*/shelf.json") if path != args.out)
    listed = write_shelf(args.shelf, args.book, books, read_material(args), args.audio, sha256, args.previous)
    files.write_json(args.out, listed, seal=True)
    files.write_json(args.previous, listed, seal=True)
    print(f"{args.shelf / listed['folder']}: {len(listed['files'])} files")


if __name__ == "__main__":
    run_main(main)
