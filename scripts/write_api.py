"""Write docs/API.md from the docstrings of the public library: what `make docs` runs.

python scripts/write_api.py docs/API.md
"""

from __future__ import annotations

import argparse
import inspect
import re
from pathlib import Path

import pockettts


def entry(name: str) -> str:
    """Return the section of one public name: its signature and its docstring."""
    value = getattr(pockettts, name)
    if isinstance(value, str):
        return f"## `{name}`\n\nThe path of the workflow, a string.\n"
    signature = inspect.signature(value)
    public = signature.replace(parameters=[one for one in signature.parameters.values() if one.name[0] != "_"])
    # Annotations are kept as strings, which the signature prints with quotes.
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", f"{name}{public}").removesuffix(" -> None")
    parts = [f"## `{name}`", f"```python\n{text}\n```", inspect.getdoc(value) or ""]
    if inspect.isclass(value):
        members = [
            f"- `{member}`: {(inspect.getdoc(attribute) or '').splitlines()[0]}"
            for member, attribute in vars(value).items()
            if not member.startswith("_") and inspect.getdoc(attribute)
        ]
        parts.append("\n".join(members))
    return "\n\n".join(parts) + "\n"


def document() -> str:
    """Return the whole page."""
    names = [name for name in pockettts.__all__ if not name.startswith("_")]
    head = f"# The library\n\n<!-- made by make docs -->\n\n```text\n{inspect.getdoc(pockettts)}\n```\n"
    return "\n".join([head, *(entry(name) for name in names)])


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.parse_args().out.write_text(document(), encoding="utf-8")


if __name__ == "__main__":
    main()
