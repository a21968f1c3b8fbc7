"""Write an EPUB 3 that reads itself aloud: rule write_epub."""

import argparse
import json
from pathlib import Path

from pockettts import config, files
from pockettts.book import find_text
from pockettts.errors import run_main
from pockettts.project import Project, add_project_option
from pockettts.publish.cover import load_cover
from pockettts.publish.cues import CueSheet
from pockettts.publish.epub import write_book
from pockettts.publish.tags import BookTags


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("book", help="the name of a text in inputs/")
    parser.add_argument("parts", type=Path, nargs="+", help="an MP3 for each chapter, in order")
    parser.add_argument("--cues", type=Path, required=True)
    parser.add_argument("--tags", type=Path, required=True)
    parser.add_argument("--cover", type=Path, required=True, help="the cover; an empty file for none")
    parser.add_argument("--settings", default="{}", help="JSON of what differs from the default configuration")
    parser.add_argument("--out", type=Path, required=True)
    add_project_option(parser)
    args = parser.parse_args()
    project = Project(args.project, config.parse(json.loads(args.settings), "--settings"))
    sheet = CueSheet.from_json(files.read_json(args.cues))
    tags = BookTags.from_json(files.read_json(args.tags))
    source = find_text(args.book, project)
    done = write_book(source, project.config, sheet, tags, args.parts, load_cover(args.cover), args.out)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:,.1f} MB, {done}")


if __name__ == "__main__":
    run_main(main)
