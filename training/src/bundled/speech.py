"""The teacher reads the sentences: the tokenizer's phones in, sound and the length of every phone out.

    python -m bundled.speech --sentences sentences.txt --tokenizer T --voice V.onnx --out DIR --count 4000

The teacher is a Piper voice, which is a VITS model in ONNX; it is run here by onnxruntime, without Piper or espeak-ng.
One of its inner values becomes an output: the lengths of its symbols, which guide the language model. A stopped run
continues where it stopped. Files: speech.i16 (24 kHz mono) and speech.jsonl, a line an utterance: text, phones, start
and samples in speech.i16, and `ends`, the place in the utterance's samples where each phone ends.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import scipy.signal
import sentencepiece
from numpy.typing import NDArray

from bundled import phones
from bundled.common import read_table, write_summary

SAMPLE_RATE = 24_000
TONES = "tones"  # instead of a voice: no speech, for tests
Row = dict[str, Any]


class Reader(Protocol):
    """A voice that reads: phones in, sound at 24 kHz and the ends of the phones out."""

    def read(self, text: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """See `Teacher.read`."""


class Tones:
    """Stands in for a teacher in tests, where there is none: a hum for a vowel, a hiss for the rest, 80 ms each."""

    def read(self, text: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """See `Teacher.read`."""
        random, length = np.random.default_rng(0), SAMPLE_RATE * 2 // 25
        vowels = "".join(phone[0] + phone[1] for phone in phones.VOWELS.values())
        time = np.arange(length) / SAMPLE_RATE
        parts = [np.zeros(length)]
        for phone in text.replace(" ", ""):
            hum = np.sign(np.sin(2 * np.pi * (110 + 2 * vowels.find(phone)) * time))
            sound = hum if phone in vowels else random.standard_normal(length)
            parts.append(sound * (0 if phone in phones.PAUSES else 0.1))
        return np.concatenate(parts), length * (1 + np.arange(len(parts)))


class Teacher:
    """A Piper voice without randomness: a sentence always sounds the same, which is far easier to learn."""

    def __init__(self, voice: Path, length_scale: float, threads: int = 1) -> None:
        import onnx
        import onnxruntime

        settings = json.loads(Path(f"{voice}.json").read_text(encoding="utf-8"))
        self.rate = int(settings["audio"]["sample_rate"])
        self.ids: dict[str, list[int]] = settings["phoneme_id_map"]
        self.scales = np.array([0.0, length_scale, 0.0], np.float32)
        self.hop = 256  # samples a unit of length, in every Piper voice
        graph = onnx.load(str(voice))
        # The lengths are the only values that the graph rounds up.
        (lengths,) = [node.output[0] for node in graph.graph.node if node.op_type == "Ceil"]
        graph.graph.output.append(onnx.helper.make_tensor_value_info(lengths, onnx.TensorProto.FLOAT, None))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(graph.SerializeToString(), options, ["CPUExecutionProvider"])

    def read(self, text: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The sound of phones at 24 kHz, and where each phone ends in it; the first one is the initial silence."""
        symbols = phones.teacher_symbols(text)
        ids, owner = [*self.ids["^"], *self.ids["_"]], [0, 0]
        for symbol, number in symbols:
            ids += [*self.ids[symbol], *self.ids["_"]]
            owner += [number + 1] * 2
        ids += self.ids["$"]
        owner.append(owner[-1])
        audio, lengths = self.session.run(
            None,
            {
                "input": np.array([ids], np.int64),
                "input_lengths": np.array([len(ids)], np.int64),
                "scales": self.scales,
            },
        )
        each = np.bincount(owner, lengths.reshape(-1))
        ends = np.round(np.cumsum(each) * self.hop * SAMPLE_RATE / self.rate).astype(np.int64)
        divisor = math.gcd(self.rate, SAMPLE_RATE)
        sound = scipy.signal.resample_poly(audio.reshape(-1), SAMPLE_RATE // divisor, self.rate // divisor)
        return normalize(sound.astype(np.float64)), np.minimum(ends, len(sound))


def reader(voice: str, length_scale: float) -> Reader:
    """The Piper voice at that path, with its .json beside it; or `Tones` if the path is `TONES`."""
    return Tones() if voice == TONES else Teacher(Path(voice), length_scale)


def to_int16(audio: NDArray[np.float64]) -> NDArray[np.int16]:
    """Samples as they are stored."""
    return (audio * 32767).astype("<i2")


def normalize(audio: NDArray[np.float64], rms: float = 0.1, floor_db: float = 40.0) -> NDArray[np.float64]:
    """Brings the level of the loud frames to `rms`; the teacher's sentences differ by a few dB."""
    frame = SAMPLE_RATE // 50
    count = len(audio) // frame
    power = np.mean(audio[: count * frame].reshape(count, frame) ** 2, axis=1)
    active = power[power > power.max() * 10 ** (-floor_db / 10)]
    audio = audio * (rms / math.sqrt(float(active.mean())))
    return audio / max(1.0, float(np.abs(audio).max()) / 0.99)


def add_voice_flags(parser: argparse.ArgumentParser) -> None:
    """Flags for the voice and its pace."""
    parser.add_argument("--voice", required=True, help=f"a Piper voice, with its .json beside it; or {TONES!r}")
    parser.add_argument("--length-scale", type=float, default=1.0)


def index(folder: Path) -> list[Row]:
    """The utterances read so far; a line that a kill cut off is dropped."""
    return read_table(folder / "speech.jsonl")


def samples(folder: Path) -> NDArray[np.int16]:
    """All speech as one read-only memory map."""
    return np.memmap(folder / "speech.i16", dtype=np.int16, mode="r")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    add_voice_flags(parser)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--summary", type=Path)
    args = parser.parse_args()

    args.out.mkdir(parents=True, exist_ok=True)
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(args.tokenizer))
    lines = args.sentences.read_text(encoding="utf-8").splitlines()[: args.count]
    rows = index(args.out)
    end = rows[-1]["start"] + rows[-1]["samples"] if rows else 0
    audio_path = args.out / "speech.i16"
    audio_path.touch()
    with open(audio_path, "r+b") as audio_file:
        audio_file.truncate(end * 2)
    (args.out / "speech.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    teacher = reader(args.voice, args.length_scale)
    with open(audio_path, "ab") as audio_file, open(args.out / "speech.jsonl", "a", encoding="utf-8") as table:
        for number, text in enumerate(lines[len(rows) :], len(rows) + 1):
            spoken = phones.spoken(tokenizer, text)
            audio, ends = teacher.read(spoken)
            audio_file.write(to_int16(audio).tobytes())
            audio_file.flush()  # before the line that refers to it
            row = {"text": text, "phones": spoken, "start": end, "samples": len(audio), "ends": ends.tolist()}
            table.write(json.dumps(row, ensure_ascii=False) + "\n")
            table.flush()
            end += len(audio)
            if number % 250 == 0:
                print(f"{number} sentences, {end / SAMPLE_RATE / 3600:.2f} hours", flush=True)
    write_summary(args.summary, sentences=len(index(args.out)), hours=round(end / SAMPLE_RATE / 3600, 3))


if __name__ == "__main__":
    main()
