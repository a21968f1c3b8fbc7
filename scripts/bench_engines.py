"""Measure the engines side by side on the full-size architecture: `make bench-engines`.

Random weights cost as much as trained ones, and the lengths are fixed, so nothing is downloaded.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pockettts import bench, files, models
from pockettts.errors import EngineFailed, exit_with_sentence
from pockettts.onnx.export import export_onnx
from pockettts.provenance import cpu_name

ROOT = Path(__file__).parents[1]
TOKENIZER = ROOT / "models" / "bundled" / "tokenizer.model"
TOKENIZER_PIECES = 900
PARAGRAPH = "On page {number} of the old book the road was white and dry, and he was not tired."


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="english_2026-10", help="whose architecture (default: english_2026-10)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--book-chunks", type=int, default=60, help="0: no book")
    parser.add_argument("--jobs", type=int, default=2, help="snakemake's -j for the book")
    parser.add_argument("--out", type=Path, default=Path("results/bench"), help="gets engines.json, .md and .png")
    parser.add_argument("--work", type=Path, default=Path("results/bench/work"), help="for the model and its bundles")
    args = parser.parse_args()
    load = os.getloadavg()[0]
    runtime, voice, bundles = prepare(args.model, args.work / args.model)
    contenders = [
        bench.Contender("torch", "upstream"),
        bench.Contender("torch (engine)", "torch"),
        *(bench.Contender(f"onnx {name}", "onnx", bundle) for name, bundle in bundles.items()),
    ]
    results = bench.measure(contenders, runtime, voice, args.rounds)
    facts = {
        "model": f"Architecture of {args.model}, random weights",
        "cpu": cpu_name(),
        "cpus": os.cpu_count(),
        "load": load,
        "command": " ".join(["python", *sys.argv]),
        "versions": bench.versions(),
    }
    # The books take minutes: what is known before is written before.
    write(args.out, facts, results, None)
    if args.book_chunks:
        write(args.out, facts, results, time_books(args.work, args.book_chunks, args.jobs))


def write(out: Path, facts: Mapping[str, Any], results: Sequence[bench.Result], book: dict[str, float] | None) -> None:
    """Write the table, the numbers and the plot, and print the table."""
    document = {
        **facts,
        "book": book,
        "results": [bench.as_dict(result) for result in results],
        "goals": [bench.as_dict(goal) for goal in bench.goals(results, book)],
    }
    page = bench.markdown(document, results)
    files.write_json(out / "engines.json", document)
    files.write_text(out / "engines.md", page)
    bench.plot(results, out / "engines.png")
    print(page, flush=True)


def prepare(model_id: str, folder: Path) -> tuple[Path, Path, dict[str, Path]]:
    """Return runtime.yaml, the voice and the bundles by precision; what is there is used again."""
    entry = models.resolve(models.load_manifest(ROOT / "models" / "manifest.json"), model_id)
    runtime, voice = bench.random_model(folder, models.model_config(entry), TOKENIZER, TOKENIZER_PIECES)
    bundles = {}
    for precision in ("fp32", "int8"):
        bundles[precision] = folder / precision
        if not (bundles[precision] / "manifest.json").exists():
            export_onnx(runtime, bundles[precision], precision=precision)
    return runtime, voice, bundles


def time_books(work: Path, chunks: int, jobs: int) -> dict[str, float]:
    """Return the seconds that snakemake takes for a book of `chunks` chunks, from nothing, by engine."""
    seconds: dict[str, float] = {"chunks": chunks, "jobs": jobs}
    for engine in ("onnx", "cli"):
        project = work / f"book-{engine}"
        shutil.rmtree(project, ignore_errors=True)
        (project / "inputs").mkdir(parents=True)
        for name in ("Snakefile", "rules", "scripts", "profiles", "envs", "models", "voices"):
            (project / name).symlink_to(ROOT / name)
        text = "\n\n".join(PARAGRAPH.format(number=number) for number in range(1, chunks + 1))
        files.write_text(project / "inputs" / "book.txt", text + "\n")
        # What the bundled model babbles has no right length: with other checks the engines would differ in attempts.
        checks = dict.fromkeys(("min_chars_per_second", "max_chars_per_second", "max_gap_seconds", "max_end_dbfs"))
        synth = {"attempts": 1, "allow_failed": True, "checks": checks}
        files.write_text(project / "config.yaml", yaml.safe_dump({"engine": engine, "synth": synth}))
        command = [str(Path(sys.executable).with_name("snakemake")), f"-j{jobs}", "--quiet", "all"]
        began = time.monotonic()
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise EngineFailed(f"The book of engine {engine} failed: {done.stderr[-500:]}", done.returncode)
        seconds[engine] = time.monotonic() - began
        plan = json.loads((project / "results" / "book" / "chunks.json").read_text(encoding="utf-8"))
        if len(plan["chunks"]) != chunks:
            raise EngineFailed(f"The book has {len(plan['chunks'])} chunks and not {chunks}.", 1)
    return seconds


if __name__ == "__main__":
    exit_with_sentence(main)
