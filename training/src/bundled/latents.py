"""The codec's latents, as a linear function of the description.

    python -m bundled.latents fit --speech DIR --out space.npz
    python -m bundled.latents encode --speech DIR --space space.npz --out DIR

One latent a codec frame (80 ms):

    0                  a clock: always one. The decoder derives the place in the frame from it
    1 .. pitches       the pitch class, one of `pitches`
    the rest           principal components of the frame's levels and voicing

The latents are known before any network is trained, so the encoder and the language model can be trained at the same
time, and the decoder need not be trained at all.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bundled import analysis
from bundled.common import Array, atomic_path
from bundled.vocoder import Vocoder

LATENTS = 135  # of the codec in all
VOICING_WEIGHT = 3.0  # a wrong voicing is more audible than a wrong level
PITCH_STD = 0.35


@dataclass
class Space:
    """The map between descriptions and normalized latents, and its `mean` and `std` as upstream stores them."""

    weights: Array  # [bands + 1] importance of each part of a description
    centre: Array  # [steps * (bands + 1)]
    components: Array  # [k, steps * (bands + 1)], rows of length one
    spread: Array  # [k] standard deviation along each component
    pitch_mean: Array  # [pitches]

    @property
    def dimension(self) -> int:
        """Latents in all."""
        return 1 + len(self.pitch_mean) + len(self.components)

    @property
    def mean(self) -> Array:
        """`emb_mean`: raw latent = normalized * std + mean."""
        return np.concatenate([[1.0], self.pitch_mean, np.zeros(len(self.components))]).astype(np.float32)

    @property
    def std(self) -> Array:
        """`emb_std`: components keep some of their natural sizes.

        So a distance between raw latents is about a distance between sounds.
        """
        sizes = np.sqrt(self.spread / self.spread[0])
        return np.concatenate([[0.02], np.full(len(self.pitch_mean), PITCH_STD), sizes]).astype(np.float32)

    @classmethod
    def fit(cls, description: Array, pitch: Array, vocoder: Vocoder) -> Space:
        """The principal components of a corpus: descriptions [n, steps, bands + 1] and pitch classes [n]."""
        at = [0, vocoder.bands // 10, vocoder.bands // 4, vocoder.bands * 3 // 4, vocoder.bands - 1]
        weights = np.interp(np.arange(vocoder.bands), at, [0.6, 1.0, 1.0, 1.0, 0.5])
        weights = np.append(weights, VOICING_WEIGHT).astype(np.float32)
        flat = (description.astype(np.float32) * weights).reshape(len(description), -1)
        centre = flat.mean(0)
        covariance = np.cov(flat - centre, rowvar=False)
        values, vectors = np.linalg.eigh(covariance)
        order = np.argsort(values)[::-1][: LATENTS - 1 - vocoder.pitches]
        share = np.bincount(pitch, minlength=vocoder.pitches) / len(pitch)
        print(f"{len(order)} components hold {values[order].sum() / values.sum():.1%} of the variance")
        return cls(
            weights,
            centre.astype(np.float32),
            np.ascontiguousarray(vectors[:, order].T.astype(np.float32)),
            np.sqrt(values[order]).astype(np.float32),
            share.astype(np.float32),
        )

    def save(self, path: Path) -> None:
        """Write the arrays as .npz."""
        with atomic_path(path) as temporary, open(temporary, "wb") as f:
            np.savez(f, **self.__dict__)

    @classmethod
    def load(cls, path: Path) -> Space:
        """Read what `save` wrote."""
        with np.load(path) as arrays:
            return cls(**arrays)

    def encode(self, description: Array, pitch: Array) -> Array:
        """Normalized latents [n, dimension]."""
        flat = (description.astype(np.float32) * self.weights).reshape(len(description), -1)
        parts = (flat - self.centre) @ self.components.T / self.spread
        one_hot = np.eye(len(self.pitch_mean), dtype=np.float32)[pitch]
        return np.concatenate(
            [np.zeros((len(pitch), 1), np.float32), (one_hot - self.pitch_mean) / PITCH_STD, parts], 1
        )

    def change(self, other: Space) -> Array:
        """[dimension, dimension there]: the matrix from raw latents to those of a different space, approximately.

        The clock, which is always one, carries the difference of the means.
        """
        first = 1 + len(self.pitch_mean)
        size, size_there = self.std[first:], other.std[first:]
        there = other.components.T / other.spread * size_there
        result = np.eye(self.dimension, other.dimension, dtype=np.float32)
        result[first:, first:] = (self.components * (self.spread / size)[:, None]) @ there
        result[0, first:] = (self.centre - other.centre) @ there
        return result

    def decode(self, latents: Array) -> tuple[Array, Array, Array]:
        """Levels [16 n, bands], voicing [16 n] and pitch classes [n], as `Vocoder.synthesize` takes them."""
        pitches = len(self.pitch_mean)
        classes = (latents[:, 1 : 1 + pitches] * PITCH_STD + self.pitch_mean).argmax(1)
        flat = (latents[:, 1 + pitches :] * self.spread) @ self.components + self.centre
        rows = flat.reshape(-1, len(self.weights)) / self.weights
        return rows[:, :-1], np.clip(rows[:, -1], 0, 1), classes


def index(folder: Path) -> list[dict[str, Any]]:
    """The utterances whose latents are in `folder`: text, phones, lengths, first frame and frames."""
    return [json.loads(line) for line in (folder / "latents.jsonl").read_text(encoding="utf-8").splitlines()]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["fit", "encode"])
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--space", type=Path)
    parser.add_argument("--held-out", type=int, default=100, help="the first utterances are never trained on")
    args = parser.parse_args()

    vocoder = Vocoder()
    description, pitch = analysis.load(args.speech, vocoder)
    rows = analysis.index(args.speech)
    if args.command == "fit":
        span = slice(rows[args.held_out]["frame"], rows[-1]["frame"] + rows[-1]["frames"])
        Space.fit(description[span][::2], pitch[span][::2], vocoder).save(args.out)
        return

    space = Space.load(args.space)
    args.out.mkdir(parents=True, exist_ok=True)
    total = rows[-1]["frame"] + rows[-1]["frames"]
    latents = space.encode(description[:total], pitch[:total])
    with atomic_path(args.out / "latents.f16") as temporary:
        latents.astype(np.float16).tofile(temporary)
    with atomic_path(args.out / "latents.jsonl") as temporary:
        keep = [{k: row[k] for k in ("text", "phones", "frame", "frames", "lengths")} for row in rows]
        temporary.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in keep), encoding="utf-8")
    print(f"{len(rows)} utterances, {total} latents of {space.dimension}", flush=True)


if __name__ == "__main__":
    main()
