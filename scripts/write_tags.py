"""Decide the tags of a book, and find its cover: rule write_tags."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from pockettts import config, files
from pockettts.book import read_plan, require_planned
from pockettts.errors import run_main
from pockettts.project import Project, add_project_option
from pockettts.publish.cover import find_cover
from pockettts.publish.tags import book_tags, read_metadata
from pockettts.values import language_code


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("book", help="the name of a text in inputs/")
    parser.add_argument("--sha256", help="of the text that the build was planned for")
    parser.add_argument("--settings", default="{}", help="JSON of what differs from the default configuration")
    parser.add_argument("--cover", type=Path, required=True, help="the cover, an empty file if there is none")
    parser.add_argument("--out", type=Path, required=True)
    add_project_option(parser)
    args = parser.parse_args()
    project = Project(args.project, config.parse(json.loads(args.settings), "--settings"))
    source, plan = read_plan(args.book, project)
    require_planned(source, plan.source_sha256, args.sha256)
    tags = book_tags(args.book, plan, project)
    if tags.language != language_code(project.language):
        print(f"WARNING: the book is in {tags.language!r}, and the model speaks {project.language!r}.")
    given = project.config.publish.metadata.cover or read_metadata(project.inputs / f"{args.book}.yaml").cover
    member = plan.metadata.cover
    cover = find_cover(project.inputs, args.book, project.root / given if given else None, member, source)
    files.write_bytes(args.cover, cover)
    tags = replace(tags, cover=files.sha256_file(args.cover))
    files.write_json(args.out, tags.as_json(), seal=True)
    author = tags.author or "an unnamed author"
    print(f"{args.book}: {tags.title} by {author}, {'with' if cover else 'without'} a cover")


if __name__ == "__main__":
    run_main(main)
