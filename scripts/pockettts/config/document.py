"""Generates config.yaml: every key with its default and its meaning."""

from __future__ import annotations

import json

from pydantic import BaseModel

from pockettts.config.schema import BookConfig, Section

HEADER = """\
# The one file to edit. Every key is here with its default: `python -m pockettts.config` prints this file.
# For a book with its own settings, put the differences into a file and add `--configfile mine.yaml` to the command.
"""


def _yaml_lines(section: BaseModel, indent: str) -> list[str]:
    lines = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            purpose = (type(value).__doc__ or "").splitlines()[0]
            lines += ["", f"{indent}# {purpose}", f"{indent}{name}:", *_yaml_lines(value, indent + "  ")]
            continue
        plain = json.dumps(list(value) if isinstance(value, tuple) else value, default=str)
        comment = f"  # {field.description}" if field.description else ""
        lines.append(f"{indent}{name}: {plain.strip(chr(34))}{comment}")
    return lines


def default_yaml() -> str:
    """Return config.yaml: every key with its default and its meaning."""
    return HEADER + "\n".join(_yaml_lines(BookConfig(), "")) + "\n"
