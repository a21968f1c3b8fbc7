"""What every published file is made of: cues, tags and cover, as the rules hand them to their scripts."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path

from pockettts import files
from pockettts.audio.encode import Picture
from pockettts.config import PublishConfig, parse
from pockettts.errors import DamagedFile
from pockettts.publish.cover import load_cover
from pockettts.publish.cues import CueSheet
from pockettts.publish.tags import BookTags


@dataclass(frozen=True, slots=True)
class Material:
    """The cues, tags and cover of a book, and the section `publish` of the settings."""

    sheet: CueSheet
    tags: BookTags
    cover: Picture | None = None
    settings: PublishConfig = field(default_factory=PublishConfig)


def add_material_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a script that makes a published file."""
    parser.add_argument("--cues", type=Path, required=True)
    parser.add_argument("--tags", type=Path, required=True)
    parser.add_argument("--cover", type=Path, help="an empty file for none")
    parser.add_argument("--record", type=Path, help="where the sha256 of the file is written down")
    parser.add_argument("--settings", default="{}", help="JSON of what differs from the default configuration")


def add_recording_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a script that encodes the mastered recording."""
    parser.add_argument("audio", type=Path, help="the mastered recording")
    parser.add_argument("--mastering", type=Path, required=True, help="of this recording, with its sha256")
    add_material_options(parser)


def read_recording(args: argparse.Namespace) -> Path:
    """Return the mastered recording after a look at its sha256. Raises `DamagedFile`."""
    mastering = files.read_json(args.mastering, "the record of the mastering", DamagedFile)
    files.require_sha256(args.audio, mastering["sha256"], "The mastered recording")
    recording: Path = args.audio
    return recording


def read_material(args: argparse.Namespace) -> Material:
    """Read the files that the options name. Raises `AudioError` and `ConfigError`."""
    tags = BookTags.from_json(files.read_json(args.tags, "the tags"))
    return Material(
        CueSheet.from_json(files.read_json(args.cues, "the cues")),
        tags,
        load_cover(args.cover, tags.cover) if args.cover else None,
        parse(json.loads(args.settings), "--settings").publish,
    )
