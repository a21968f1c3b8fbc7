"""Measure the engines side by side on the full-size architecture, against the goals: `make bench-engines`.

Random weights cost as much as trained ones, and the lengths are fixed, so nothing is downloaded.
"""

import argparse
from pathlib import Path

from pockettts import files, models
from pockettts.bench import books, goals, plots
from pockettts.bench.contenders import BASE, Subject, find
from pockettts.bench.environment import record_environment
from pockettts.bench.matrix import BookCase
from pockettts.bench.measure import measure
from pockettts.bench.results import Results
from pockettts.bench.subjects import PRECISIONS, RANDOM, bundles_in, make_random_model, random_subject
from pockettts.errors import exit_with_sentence
from pockettts.onnx.export import export_onnx

ROOT = Path(__file__).parents[1]
TOKENIZER = ROOT / "models" / "bundled" / "tokenizer.model"
PARAGRAPH = "On page {number} of the old book the road was white and dry, and he was not tired."


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="english_2026-10", help="whose architecture (default: english_2026-10)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2, help="processors an engine may use (default: 2)")
    parser.add_argument("--book-chunks", type=int, default=60, help="0: no book")
    parser.add_argument("--jobs", type=int, default=2, help="snakemake's -j for the book")
    parser.add_argument("--out", type=Path, default=Path("results/bench"), help="gets engines.json, .md and .png")
    parser.add_argument("--work", type=Path, default=Path("results/bench"), help="for the model and its bundles")
    args = parser.parse_args()
    subject = prepare(args.model, args.work / "models" / f"{RANDOM}{args.model}")
    environment = record_environment()
    who = find((BASE, "torch", "onnx-fp32", "onnx-int8"))
    series = measure(who, subject, runs=args.rounds, threads=(args.threads,), chars=(75,))
    results = Results("engines", {"engines": environment}, warm=tuple(series))
    # The books take minutes: what is known before is written before.
    write(args.out, results, None)
    if args.book_chunks:
        write(args.out, results, time_books(args.work / "work", args.book_chunks, args.jobs))


def write(out: Path, results: Results, book: dict[str, float] | None) -> None:
    """Write the table, the numbers and the plot, and print the table."""
    page = goals.goals_page(results, book)
    found = [goal.as_dict() for goal in goals.find_goals(results.warm, book)]
    files.write_json(out / "engines.json", {**results.as_dict(), "book": book, "goals": found})
    files.write_text(out / "engines.md", page)
    plots.draw("rtf", results, out / "engines.png")
    print(page, flush=True)


def prepare(model_id: str, folder: Path) -> Subject:
    """Return the model with its bundles; what is there is used again."""
    entry = models.resolve(models.load_manifest(ROOT / "models" / "manifest.json"), model_id)
    subject = make_random_model(folder, models.model_config(entry), TOKENIZER)
    for precision in PRECISIONS:
        if precision not in bundles_in(folder):
            export_onnx(subject.runtime, folder / precision, precision=precision)
    return random_subject(folder)


def time_books(work: Path, chunks: int, jobs: int) -> dict[str, float]:
    """Return the seconds that snakemake takes for a book of `chunks` chunks, from nothing, by engine."""
    seconds: dict[str, float] = {"chunks": chunks, "jobs": jobs}
    for name, engine in (("onnx", "onnx-fp32"), ("cli", "cli")):
        run = books.make_book(BookCase(engine, chunks, jobs), work / engine, ROOT, {}, None, paragraph=PARAGRAPH)
        seconds[name] = run.wall
    return seconds


if __name__ == "__main__":
    exit_with_sentence(main)
