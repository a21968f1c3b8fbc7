"""Match the text of a book with its recording: rule write_cues."""

import argparse
import json
from pathlib import Path

from pockettts import config, files
from pockettts.audio.join import Timeline
from pockettts.book import find_text
from pockettts.errors import run_main
from pockettts.project import Project, add_project_option
from pockettts.publish.cues import make_cues
from pockettts.text.manuscript import read_manuscript


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("book", help="the name of a text in inputs/")
    parser.add_argument("--chunks", type=Path, required=True)
    parser.add_argument("--timeline", type=Path, required=True)
    parser.add_argument("--settings", default="{}", help="JSON of what differs from the default configuration")
    parser.add_argument("--out", type=Path, required=True)
    add_project_option(parser)
    args = parser.parse_args()
    project = Project(args.project, config.parse(json.loads(args.settings), "--settings"))
    text = project.config.text
    manuscript = read_manuscript(find_text(args.book, project), text.encoding, text.epub)
    timeline = Timeline.from_json(files.read_json(args.timeline, "the timeline"))
    sheet = make_cues(manuscript, files.read_json(args.chunks)["chunks"], timeline)
    files.write_json(args.out, sheet.as_json())
    print(f"{args.book}: {len(sheet.cues):,} cues in {len(sheet.chapters)} chapters")


if __name__ == "__main__":
    run_main(main)
