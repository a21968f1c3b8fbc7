"""Draws the curves of the trainings: losses on the training data and on held-out utterances.

python -m bundled.curves CHECKPOINTS --out curves.png
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from bundled.common import atomic_path

# training -> the columns of its quality; each has a `held_` column beside it
SHOWN = {"encoder": ("loss",), "lm": ("energy", "error", "pointer", "names")}


def read(path: Path) -> dict[str, list[float]]:
    """The columns of a table of metrics."""
    with open(path, encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    return {name: [float(row[name]) for row in rows] for name in (rows[0] if rows else {})}


def draw(folder: Path, out: Path) -> None:
    """One panel for each column of `SHOWN` that a table in `folder` has."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    tables = {name: read(folder / f"{name}.csv") for name in SHOWN if (folder / f"{name}.csv").exists()}
    panels = [(name, column) for name, table in tables.items() for column in SHOWN[name] if column in table]
    if not panels:
        raise SystemExit(f"There are no tables of metrics in {folder}; train something first.")
    columns = 4
    rows = -(-len(panels) // columns)
    figure, axes = pyplot.subplots(rows, columns, figsize=(4 * columns, 3 * rows), squeeze=False, layout="constrained")
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    for axis, (name, column) in zip(axes.flat, panels, strict=False):
        table = tables[name]
        axis.plot(table["step"], table[column], label="training", color="tab:blue", alpha=0.6)
        axis.plot(table["step"], table[f"held_{column}"], label="held out", color="tab:orange")
        axis.set(title=f"{name}: {column}", xlabel="step")
        axis.grid(alpha=0.3)
    axes.flat[0].legend()
    with atomic_path(out) as temporary, open(temporary, "wb") as f:
        figure.savefig(f, format="png", dpi=90)
    pyplot.close(figure)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    draw(args.folder, args.out)


if __name__ == "__main__":
    main()
