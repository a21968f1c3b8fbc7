"""Describes every utterance in the format of the vocoder, with every phone stretched to whole half-frames of the codec.

    python -m bundled.analysis --speech DIR

A codec frame is 80 ms, about one phone. The language model need not learn where in a frame a phone begins,
because here it always begins at the start or in the middle. A stopped run continues where it stopped. Files
beside the speech: description.f16 ([frames, steps, bands + 1]: levels and voicing), pitch.u1 ([frames]) and
analysis.jsonl (a line an utterance: text, phones, start and number of its frames, and `lengths`, the parts of frames
that each phone fills).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from bundled import phones, speech
from bundled.common import Array, read_table, write_summary
from bundled.rhythm import Rhythm
from bundled.speech import Row
from bundled.vocoder import Vocoder

PARTS = 2  # of a frame; a phone fills whole ones
LONGEST = 3 * PARTS  # parts a phone; a pause may take a frame more
SMOOTHING = (0.25, 0.5, 0.25)  # over descriptions: faster changes are hard to learn and are not missed


def part_lengths(symbols: str, samples: NDArray[np.float64], part: int) -> NDArray[np.int64]:
    """Whole parts of that many samples for each phone; all together fill whole frames."""
    whole = np.floor(samples / part + 0.5).astype(np.int64)
    most = np.array([LONGEST + PARTS * (symbol in phones.PAUSES) for symbol in symbols])
    whole = np.clip(whole, 1, most)
    whole[0] = PARTS  # the silence before the first phone: enough to start from
    if symbols[-1] in phones.PAUSES:
        whole[-1] = 2 * PARTS
    whole[-1] += -whole.sum() % PARTS
    return whole


def stretch(count: int, ends: NDArray[np.float64], lengths: NDArray[np.int64], steps: int) -> NDArray[np.float64]:
    """The place in `count` descriptions of each description of the stretched speech.

    `ends` are the phones' ends in descriptions, `lengths` their new lengths in parts of `steps`. Of the silence before
    the first phone, only the last part is kept, without stretching.
    """
    starts = np.concatenate([[max(0.0, ends[0] - steps * lengths[0])], ends[:-1]])
    phone = np.repeat(np.arange(len(lengths)), lengths * steps)
    place = np.concatenate([(np.arange(n * steps) + 0.5) / (n * steps) for n in lengths])
    return np.asarray(np.clip(starts[phone] + place * (ends - starts)[phone] - 0.5, 0, count - 1))


def describe(audio: Array, row: Row, vocoder: Vocoder, rhythm: Rhythm) -> tuple[Array, Array, Array]:
    """Descriptions [steps n, bands + 1], pitch classes [n] and the parts of each phone, of one utterance."""
    symbols = phones.START + row["phones"].replace(" ", "")
    voiced = np.array([symbol not in phones.VOICELESS for symbol in symbols])
    ends, steps = np.array(row["ends"]) / vocoder.hop, vocoder.steps // PARTS
    count = max(1, len(audio) // vocoder.hop)
    phone = np.searchsorted(ends, np.arange(count) + 0.5).clip(max=len(symbols) - 1)
    level, f0 = vocoder.analyze(audio, voiced[phone])
    lengths = part_lengths(symbols, rhythm.lengths(row), vocoder.frame // PARTS)
    at = stretch(count, ends, lengths, steps)
    low = np.floor(at).astype(np.int64)
    high, share = np.minimum(low + 1, count - 1), (at - low)[:, None].astype(np.float32)
    classes = vocoder.pitch_classes(f0[np.round(at).astype(np.int64)].reshape(-1, vocoder.steps))
    stretched = level[low] * (1 - share) + level[high] * share
    both = np.concatenate([stretched, np.repeat(voiced, lengths * steps)[:, None]], 1, dtype=np.float32)
    return scipy.ndimage.convolve1d(both, SMOOTHING, axis=0, mode="nearest"), classes, lengths


def index(folder: Path) -> list[Row]:
    """The utterances described so far."""
    return read_table(folder / "analysis.jsonl")


def load(folder: Path, vocoder: Vocoder) -> tuple[Array, Array]:
    """The descriptions and pitch classes of all utterances, as read-only memory maps."""
    shape = (-1, vocoder.steps, vocoder.bands + 1)
    description = np.memmap(folder / "description.f16", dtype=np.float16, mode="r").reshape(shape)
    return description, np.memmap(folder / "pitch.u1", dtype=np.uint8, mode="r")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--held-out", type=int, default=100, help="the first utterances are never learned from")
    parser.add_argument("--summary", type=Path)
    args = parser.parse_args()

    vocoder = Vocoder()
    rows = index(args.speech)
    frame = rows[-1]["frame"] + rows[-1]["frames"] if rows else 0
    width = vocoder.steps * (vocoder.bands + 1) * 2
    for name, size in (("description.f16", width), ("pitch.u1", 1)):
        (args.speech / name).touch()
        with open(args.speech / name, "r+b") as f:
            f.truncate(frame * size)
    read = speech.index(args.speech)
    rhythm, todo = Rhythm.of(read[args.held_out :]), read[len(rows) :]
    audio = speech.samples(args.speech)
    with (
        open(args.speech / "description.f16", "ab") as descriptions,
        open(args.speech / "pitch.u1", "ab") as pitches,
        open(args.speech / "analysis.jsonl", "a", encoding="utf-8") as table,
    ):
        for number, row in enumerate(todo, len(rows) + 1):
            sound = audio[row["start"] : row["start"] + row["samples"]].astype(np.float32) / 32768
            description, classes, lengths = describe(sound, row, vocoder, rhythm)
            descriptions.write(description.astype(np.float16).tobytes())
            pitches.write(classes.astype(np.uint8).tobytes())
            descriptions.flush()  # before the line that refers to it
            pitches.flush()
            entry = {"text": row["text"], "phones": row["phones"], "frame": frame, "frames": len(classes)}
            table.write(json.dumps({**entry, "lengths": lengths.tolist()}, ensure_ascii=False) + "\n")
            table.flush()
            frame += len(classes)
            if number % 250 == 0:
                print(f"{number} utterances, {frame} frames", flush=True)
    write_summary(args.summary, utterances=len(rows) + len(todo), frames=frame)


if __name__ == "__main__":
    main()
