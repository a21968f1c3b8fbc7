"""Measure the engines side by side on the full-size architecture, against the goals: `make bench-engines`.

Random weights cost as much as trained ones, and the lengths are fixed, so nothing is downloaded.
"""

import argparse
from pathlib import Path

from pockettts import files
from pockettts.bench import books, goals, plots
from pockettts.bench.contenders import BASE, Subject, find
from pockettts.bench.environment import record_environment
from pockettts.bench.matrix import BookCase
from pockettts.bench.measure import measure
from pockettts.bench.results import Results
from pockettts.bench.subjects import PRECISIONS, random_subject
from pockettts.errors import UsageError, run_main

ROOT = Path(__file__).parents[1]
PARAGRAPH = "On page {number} the road was white and dry, and he was not tired."


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="a folder with a model, a voice and bundles, of rule bench_model")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2, help="processors an engine may use (default: 2)")
    parser.add_argument("--book-chunks", type=int, default=60, help="0: no book")
    parser.add_argument("--jobs", type=int, default=2, help="snakemake's -j for the book")
    parser.add_argument("--out", type=Path, default=Path("results/bench"), help="gets engines.json, .md and .png")
    parser.add_argument("--work", type=Path, default=Path("results/bench/work"), help="for the projects of the books")
    args = parser.parse_args()
    subject = full_size(args.model)
    environment = record_environment()
    who = find((BASE, "torch", "onnx-fp32", "onnx-fp32-x2", "onnx-int8"))
    series = measure(who, subject, runs=args.rounds, threads=(args.threads,), chars=(75,))
    results = Results("engines", {"engines": environment}, warm=tuple(series))
    # The books take minutes: what is known before is written before.
    write(args.out, results, None)
    if args.book_chunks:
        write(args.out, results, time_books(args.work, args.book_chunks, args.jobs))


def write(out: Path, results: Results, book: dict[str, float] | None) -> None:
    """Write the table, the numbers and the plot, and print the table."""
    page = goals.goals_page(results, book)
    found = [goal.as_dict() for goal in goals.find_goals(results.warm, book)]
    files.write_json(out / "engines.json", {**results.as_dict(), "book": book, "goals": found})
    files.write_text(out / "engines.md", page)
    plots.draw("rtf", results, out / "engines.png")
    print(page, flush=True)


def full_size(folder: Path) -> Subject:
    """Return the model with random weights in a folder. Raises `UsageError` if it or its bundles are not there."""
    subject = random_subject(folder)
    if not subject.voice.exists() or set(subject.bundles or {}) != set(PRECISIONS):
        raise UsageError(f"{folder} has no model, voice and bundles of both precisions: run `make bench-engines`.")
    return subject


def time_books(work: Path, chunks: int, jobs: int) -> dict[str, float]:
    """Return the seconds that snakemake takes for a book of `chunks` chunks, from nothing, by engine."""
    seconds: dict[str, float] = {"chunks": chunks, "jobs": jobs}
    for name, engine in (("onnx", "onnx-fp32"), ("cli", "cli")):
        run = books.make_book(BookCase(engine, chunks, jobs), work / engine, ROOT, {}, None, paragraph=PARAGRAPH)
        seconds[name] = run.wall
    return seconds


if __name__ == "__main__":
    run_main(main)
