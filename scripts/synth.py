"""Speak the chunks of one batch that have no accepted take in the store: rule synth."""

import argparse
import time
from pathlib import Path

from pockettts import files, models, takes, voices
from pockettts.config import QaConfig, SynthConfig
from pockettts.ear import open_ear
from pockettts.engines import open_engine
from pockettts.errors import ManuscriptError, run_main


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("batch", help="a batch of chunks.json")
    parser.add_argument("--chunks", type=Path, required=True)
    parser.add_argument("--lock", type=Path, required=True)
    parser.add_argument("--runtime", type=Path, required=True)
    parser.add_argument("--voice", type=Path, required=True, help="the exported voice")
    parser.add_argument("--bundle", type=Path, help="the folder of the exported model: engine onnx")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="the receipt")
    args = parser.parse_args()
    began = time.monotonic()
    document = files.read_json(args.chunks)
    synth = SynthConfig(**document["synth"])
    ear = open_ear(QaConfig(**document["qa"]), document["language"])
    if args.batch not in document["batches"]:
        raise ManuscriptError(f"{args.chunks} has no batch {args.batch}: delete it and run the same command again.")
    keys = document["batches"][args.batch]
    texts = {chunk["key"]: chunk["text"] for chunk in document["chunks"]}
    lock = models.read_lock(args.lock)
    models.check_pins(lock, document["recipe"]["model"])
    sidecar = voices.check_voice(args.voice, lock, models.check_model(args.runtime, lock))
    voices.check_source(args.voice, sidecar, document["recipe"]["voice"])
    store = takes.TakeStore(args.store)
    missing = [key for key in keys if not store.path(key).exists()]
    with open_engine(document["engine"], args.runtime, args.voice, synth, args.bundle) as engine:
        chunks = [(key, texts[key]) for key in keys]
        report = print_batch_progress if len(keys) > 1 else None
        judged = takes.with_own_limits(synth, sidecar.get("rate"))
        batch_takes = takes.make_takes(chunks, engine, store, judged, document["recipe"], report, ear)
    files.write_json(args.out, takes.receipt(batch_takes), seal=True)
    characters, seconds = sum(len(texts[key]) for key in missing), time.monotonic() - began
    takes.record_speed(args.store.with_name("speeds.tsv"), lock.model, document["engine"], characters, seconds)
    done = sum(1 for batch in document["batches"] if (args.out.parent / f"{batch}.json").exists())
    print(progress(args.out.parent, args.chunks, done, len(document["batches"])))


def print_batch_progress(done: int, total: int, seconds_left: float) -> None:
    """Print how far a batch is. A job of engine cli has one chunk and prints no progress."""
    print(f"  {done} of {total} chunks of this job, about {seconds_left:.0f} s left", flush=True)


def progress(receipts: Path, chunks: Path, done: int, total: int) -> str:
    """Return how far the book is, and how long it will take at the pace since `chunks` was written."""
    began = chunks.stat().st_mtime
    fresh = [path for path in receipts.glob("*.json") if path.stat().st_mtime > began]
    left = (total - done) * (time.time() - began) / max(1, len(fresh))
    remaining = f", about {left / 60:.0f} min left" if done < total else ""
    return f"{receipts.parent.name}: {done} of {total} jobs spoken{remaining}"


if __name__ == "__main__":
    run_main(main)
