"""Write an EPUB 3 that reads itself aloud: rule write_epub."""

import argparse
import json
from pathlib import Path

from pockettts import config, files
from pockettts.book import find_text, require_planned
from pockettts.errors import run_main
from pockettts.project import BookPaths, Project, add_project_option
from pockettts.publish.epub import write_book
from pockettts.publish.material import add_material_options, read_material


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("book", help="the name of a text in inputs/")
    parser.add_argument("parts", type=Path, nargs="+", help="an MP3 for each chapter, in order")
    parser.add_argument("--sums", type=Path, required=True, help="the folder of the records of these")
    parser.add_argument("--sha256", help="of the text that the build was planned for")
    parser.add_argument("--out", type=Path, required=True)
    add_material_options(parser)
    add_project_option(parser)
    args = parser.parse_args()
    project = Project(args.project, config.parse(json.loads(args.settings), "--settings"))
    source = find_text(args.book, project)
    require_planned(source, files.sha256_file(source), args.sha256)
    BookPaths(args.sums.parent).require_records(args.parts)
    done = write_book(source, project.config, read_material(args), args.parts, args.out)
    files.write_record(args.out, args.record)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:,.1f} MB, {done}")


if __name__ == "__main__":
    run_main(main)
