"""Read back every published file of a book: rule verify_outputs."""

import argparse
from pathlib import Path

from pockettts import files
from pockettts.audio.encode import library_versions
from pockettts.errors import run_main
from pockettts.project import BookPaths
from pockettts.publish.material import add_material_options, read_material
from pockettts.publish.outputs import verify_outputs


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("outputs", type=Path, nargs="+", help="the files that were made")
    parser.add_argument("--sums", type=Path, required=True, help="the folder of their records")
    parser.add_argument("--provenance", type=Path, required=True)
    parser.add_argument("--shelf", type=Path, required=True, help="the folder of all books")
    parser.add_argument("--out", type=Path, required=True)
    add_material_options(parser)
    args = parser.parse_args()
    listed = verify_outputs(args.outputs, read_material(args), args.shelf)
    BookPaths(args.sums.parent).require_records(args.outputs)
    provenance = {"path": str(args.provenance), "sha256": files.sha256_file(args.provenance)}
    machine = files.read_json(args.provenance).get("machine", {})
    document = {"files": listed, "provenance": provenance, "ffmpeg": library_versions(), "machine": machine}
    files.write_json(args.out, document)
    for name, facts in listed.items():
        print(f"{name}: {facts['bytes'] / 1e6:,.1f} MB, valid")


if __name__ == "__main__":
    run_main(main)
