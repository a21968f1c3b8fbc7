"""Decode and measure every file of the set for ACX: rule measure_acx."""

import argparse
from pathlib import Path

from pockettts import files
from pockettts.errors import run_main
from pockettts.project import BookPaths
from pockettts.publish.acx import measure_acx
from pockettts.publish.cover import load_cover
from pockettts.publish.tags import BookTags


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", help="the MP3 files of the set")
    parser.add_argument("--sums", type=Path, required=True, help="the folder of their records")
    parser.add_argument("--tags", type=Path, required=True)
    parser.add_argument("--cover", type=Path, required=True, help="the cover; an empty file for none")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    BookPaths(args.sums.parent).require_records(args.files)
    tags = BookTags.from_json(files.read_json(args.tags, "the tags"))
    document = measure_acx(args.files, load_cover(args.cover, tags.cover))
    files.write_json(args.out, document, seal=True)
    for name, figures in document["files"].items():
        print(f"{name}: RMS {figures['rms_db']:.1f} dB, peak {figures['true_peak_dbtp']:.2f} dB, {figures['title']}")
    print(*document["notes"], sep="\n")


if __name__ == "__main__":
    run_main(main)
