"""Decide the tags of a book, and find its cover: rule write_tags."""

import argparse
import json
from pathlib import Path

from pockettts import config, files
from pockettts.book import find_text
from pockettts.errors import run_main
from pockettts.project import Project, add_project_option
from pockettts.publish.cover import find_cover
from pockettts.publish.tags import make_tags, read_metadata
from pockettts.text.manuscript import manuscript_from_bytes, read_source
from pockettts.text.source import Metadata
from pockettts.values import language_code
from pockettts.voices import licence_notice


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("book", help="the name of a text in inputs/")
    parser.add_argument("--settings", default="{}", help="JSON of what differs from the default configuration")
    parser.add_argument("--cover", type=Path, required=True, help="the cover, an empty file if there is none")
    parser.add_argument("--out", type=Path, required=True)
    add_project_option(parser)
    args = parser.parse_args()
    project = Project(args.project, config.parse(json.loads(args.settings), "--settings"))
    source = find_text(args.book, project)
    data = read_source(source)
    manuscript = manuscript_from_bytes(data, source, project.config.text.encoding, project.config.text.epub)
    own = read_metadata(project.inputs / f"{args.book}.yaml")
    chosen = project.config.publish.metadata
    voice = project.voice
    notice = " ".join(
        [
            f"Synthetic voice: Pocket TTS, voice {voice.id} ({voice.attribution}; licence: {voice.licence}).",
            *([licence_notice(voice) or ""]),
        ]
    ).strip()
    metadata = manuscript.document.metadata if manuscript.document else Metadata()
    language = language_code(project.language)
    tags = make_tags(metadata, manuscript.title, own, chosen, voice.id, notice, language)
    if tags.language != language:
        print(f"WARNING: the book is in {tags.language!r}, and the model speaks {project.language!r}.")
    files.write_json(args.out, tags.as_json())
    given = chosen.cover or own.cover
    cover = find_cover(project.inputs, args.book, project.root / given if given else None, manuscript, data)
    files.write_bytes(args.cover, cover)
    author = tags.author or "an unnamed author"
    print(f"{args.book}: {tags.title} by {author}, {'with' if cover else 'without'} a cover")


if __name__ == "__main__":
    run_main(main)
