"""How commands answer: tables and JSON on stdout, progress on stderr; rich on a terminal, plain text elsewhere."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    print(json.dumps(value, indent=1, ensure_ascii=False, default=str))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table: with rules on a terminal, else a line a row with tabs between, which `cut` and `awk` can read."""
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        print("\n".join("\t".join(row) for row in [list(columns), *cells]))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        # Whatever the width of the terminal, nothing is left out.
        table.add_column(column, overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    Console().print(table)


def yes(value: bool) -> str:
    """Return yes or no."""
    return "yes" if value else "no"


@contextlib.contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Show on stderr how far a task of `total` steps is and how long it will take; yields what to call after each."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda: bar.advance(task)
        return
    yield _Lines(what, total)


class _Lines:
    """A line of text a step, with the time that is left at the pace so far."""

    def __init__(self, what: str, total: int) -> None:
        import time

        self.what, self.total, self.done = what, total, 0
        self._clock = time.monotonic
        self._began = self._clock()

    def __call__(self) -> None:
        self.done += 1
        left = (self._clock() - self._began) / self.done * (self.total - self.done)
        tail = f", about {left:.0f} s left" if self.done < self.total else ""
        print(f"{self.what}: {self.done} of {self.total}{tail}", file=sys.stderr, flush=True)
