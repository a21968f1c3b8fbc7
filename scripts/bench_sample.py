"""Speak one sentence for the report: rule bench_sample."""

import argparse
from pathlib import Path

from pockettts.audio.wav import write_wav
from pockettts.bench.contenders import SAMPLE
from pockettts.bench.measure import text_of
from pockettts.bench.subjects import synth_of
from pockettts.engines import open_engine
from pockettts.errors import run_main


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runtime", type=Path, required=True)
    parser.add_argument("--voice", type=Path, required=True)
    parser.add_argument("--chars", type=int, default=75)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    with open_engine(SAMPLE.engine, args.runtime, args.voice, synth_of(SAMPLE)) as engine:
        write_wav(args.out, engine.synthesize(text_of(args.chars), 0, accept_runaway=True))


if __name__ == "__main__":
    run_main(main)
