"""Write the figures of an evaluation into the model card.

python -m bundled.card ../models/bundled
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from bundled.common import atomic_path

_FIGURES = re.compile(r"(<!-- bench:figures -->\n).*?(<!-- /bench -->)", re.DOTALL)


def figures(model: Path) -> dict[str, Any]:
    """The evaluation beside a model, as `bundled.evaluate` wrote it."""
    result: dict[str, Any] = json.loads((model / "evaluation.json").read_text(encoding="utf-8"))
    return result


def table(evaluation: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        "| | word error rate | ended by itself | characters a second | DNSMOS |",
        "|---|---|---|---|---|",
        _row("the teacher", evaluation["teacher"], "-"),
    ]
    for result in evaluation["model"]:
        name = f"the model, temperature {result['temperature']:g}, engine {result['engine']}"
        lines.append(_row(name, result, f"{result['ended']:.1%}"))
    return (
        "\n".join(lines)
        + f"\n\nOn {evaluation['sentences']} sentences that were not trained on. A second of sound takes"
        + f" {evaluation['real_time_factor']:.3f} s of one core.\n"
    )


def _row(name: str, result: dict[str, Any], ended: str) -> str:
    dnsmos = "-" if result["dnsmos"] is None else f"{result['dnsmos']:.2f}"
    return f"| {name} | {result['word_error_rate']:.1%} | {ended} | {result['characters_a_second']:.1f} | {dnsmos} |"


def with_figures(card: str, evaluation: dict[str, Any]) -> str:
    """The card with these figures between its marks. Raises `ValueError` without one pair of marks."""
    filled, marks = _FIGURES.subn(lambda mark: f"{mark[1]}\n{table(evaluation)}\n{mark[2]}", card)
    if marks != 1:
        raise ValueError("The card needs one pair of marks <!-- bench:figures --> and <!-- /bench -->.")
    return filled


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder with evaluation.json and MODEL_CARD.md")
    args = parser.parse_args()
    path = args.model / "MODEL_CARD.md"
    text = with_figures(path.read_text(encoding="utf-8"), figures(args.model))
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
