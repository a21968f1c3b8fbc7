"""Make the architecture of a model with random weights, and a voice: rule bench_model."""

import argparse
from pathlib import Path

from pockettts import models
from pockettts.bench.bench_models import RANDOM, make_random_model
from pockettts.errors import run_main
from pockettts.project import Project


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help=f"{RANDOM}ID, for an id of models/manifest.json")
    parser.add_argument("--tokenizer", type=Path, required=True, help="a SentencePiece model")
    parser.add_argument("--out", type=Path, required=True, help="runtime.yaml; the rest lies beside it")
    args = parser.parse_args()
    entry = Project().find_model(args.model.removeprefix(RANDOM))
    make_random_model(args.out.parent, models.model_config(entry), args.tokenizer)


if __name__ == "__main__":
    run_main(main)
