"""Read, normalize and chunk one text: rule plan_book."""

import argparse
import json
from pathlib import Path

from pockettts import book, config, files
from pockettts.errors import run_main
from pockettts.project import Project, add_project_option
from pockettts.text.plan import reading_of


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("book", help="the name of a text in inputs/")
    parser.add_argument("--digest", help="of the plan that the build was made for")
    parser.add_argument("--settings", default="{}", help="JSON of what differs from the default configuration")
    parser.add_argument("--manuscript", type=Path, required=True)
    parser.add_argument("--chunks", type=Path, required=True)
    parser.add_argument("--plan", type=Path, required=True, help="a digest of the chunks")
    parser.add_argument("--reading", type=Path, required=True, help="what of the text is spoken, and what is left out")
    add_project_option(parser)
    args = parser.parse_args()
    project = Project(args.project, config.parse(json.loads(args.settings), "--settings")).checked()
    opened = book.open_book(args.book, project)
    book.require_planned(opened.source, opened.plan.digest, args.digest)
    manuscript = book.open_manuscript(args.book, project)
    files.write_json(args.manuscript, manuscript.as_json(), seal=True)
    files.write_json(args.chunks, book.chunks_document(opened, project), seal=True)
    files.write_json(args.plan, book.plan_document(opened, project))
    reading = reading_of(manuscript, opened.plan.chunks)
    files.write_json(args.reading, reading.as_json())
    characters = sum(len(chunk.text) for chunk in opened.plan.chunks)
    print(
        f"{args.book}: {len(opened.plan.chapters)} chapters, {len(opened.keys):,} chunks, {characters:,} characters, "
        f"{len(opened.batches):,} jobs",
        *reading.summary(),
        sep="\n",
    )


if __name__ == "__main__":
    run_main(main)
