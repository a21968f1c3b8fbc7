"""Speak the chunks of one batch that have no accepted take in the store, and pack them: rule synth."""

import argparse
import time
from pathlib import Path

from pockettts import files, models, takes, voices
from pockettts.batches import BatchRecord
from pockettts.config import QaConfig, SynthConfig
from pockettts.ear import Aligner, open_ear
from pockettts.engines import open_engine
from pockettts.errors import run_main
from pockettts.project import Project, add_model_options, add_project_option


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("batch", help="a batch of batches.json")
    parser.add_argument("--chunks", type=Path, required=True)
    parser.add_argument("--batches", type=Path, required=True, help="batches.json")
    parser.add_argument("--voice", type=Path, required=True, help="the exported voice")
    parser.add_argument("--bundle", type=Path, help="the folder of the exported model: engine onnx")
    parser.add_argument("--store", type=Path, required=True, help="takes of earlier jobs, which need not be there")
    parser.add_argument("--pack", type=Path, required=True, help="the takes, end to end")
    parser.add_argument("--out", type=Path, required=True, help="the receipt")
    add_model_options(parser)
    add_project_option(parser)
    args = parser.parse_args()
    began = time.monotonic()
    document, record = files.read_json(args.chunks), BatchRecord(args.batches)
    synth = SynthConfig(**document["synth"])
    ear = open_ear(QaConfig(**document["qa"]), document["language"], of_book=True)
    texts = {chunk["key"]: chunk["text"] for chunk in document["chunks"]}
    chunks = [(key, texts[key]) for key in record.keys(args.batch)]
    store = takes.TakeStore(args.store)
    missing = [text for key, text in chunks if not store.path(key).exists()]
    entry = Project(args.project).find_model(args.model)
    with models.open_model(entry, args.lock, args.weights, args.tokenizer) as model:
        models.check_pins(model.lock, document["recipe"]["model"])
        sidecar = voices.check_voice(args.voice, model.lock, model.config)
        voices.check_source(args.voice, sidecar, document["recipe"]["voice"])
        judged = takes.with_own_limits(synth, sidecar.get("rate"))
        with open_engine(document["engine"], model.runtime, args.voice, synth, args.bundle) as engine:
            report = print_batch_progress if len(chunks) > 1 else None
            batch_takes = takes.make_takes(chunks, engine, store, judged, document["recipe"], report, ear)
    if isinstance(ear, Aligner):
        print(f"  {ear.cost()}")
    files.write_json(args.out, takes.write_pack(args.pack, batch_takes, store), seal=True)
    characters, seconds = sum(map(len, missing)), time.monotonic() - began
    takes.record_speed(args.store.with_name("speeds.tsv"), args.model, document["engine"], characters, seconds)
    print(progress(args.out.parent, args.chunks, record.companions(args.batch)))


def print_batch_progress(done: int, total: int, seconds_left: float) -> None:
    """Print how far a batch is. A job of engine cli has one chunk and prints no progress."""
    print(f"  {done} of {total} chunks of this job, about {seconds_left:.0f} s left", flush=True)


def progress(receipts: Path, chunks: Path, batches: tuple[str, ...]) -> str:
    """Return how far the book is, and how long it will take at the pace since `chunks` was written."""
    began, total = chunks.stat().st_mtime, len(batches)
    done = [path for batch in batches if (path := receipts / f"{batch}.json").exists()]
    fresh = [path for path in done if path.stat().st_mtime > began]
    left = (total - len(done)) * (time.time() - began) / max(1, len(fresh))
    remaining = f", about {left / 60:.0f} min left" if len(done) < total else ""
    return f"{receipts.parent.name}: {len(done)} of {total} jobs spoken{remaining}"


if __name__ == "__main__":
    run_main(main)
