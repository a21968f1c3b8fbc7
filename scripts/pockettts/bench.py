"""Measuring the engines side by side: speed, memory and the wait for the first sound.

Every engine is a process of its own that stays warm, and they take turns (A B C A B C), so that a busy machine slows
all of them alike. What counts is the median, and the ratio of medians.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from pockettts import files
from pockettts.config import SynthConfig
from pockettts.errors import EngineFailed, exit_with_sentence

RATE = 24_000
NEVER = 1e6
"""An EOS threshold that is never passed: every engine then speaks the maximum of frames, which the tokens give."""

TEXT = "The road was white and dry, and the old man walked slowly down to the inn."
WARM_UP = "Yes, it was."
BASE = "torch"


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to speak: `kind` is upstream (plain `TTSModel`) or an engine's id; `bundle` for engine onnx."""

    name: str
    kind: str
    bundle: Path | None = None


@dataclass(frozen=True, slots=True)
class Utterance:
    """What one text took, in seconds; `audio` is how long it lasts."""

    wall: float
    first: float
    cpu: float
    audio: float


@dataclass(frozen=True, slots=True)
class Result:
    """What an engine did in all rounds. `load` includes imports; memory is the peak of the whole process."""

    name: str
    load: float
    peak_mb: float
    rounds: tuple[Utterance, ...]

    def median(self, value: Callable[[Utterance], float]) -> float:
        """Return the median of a value over the rounds."""
        return statistics.median(map(value, self.rounds))

    @property
    def speed(self) -> float:
        """Seconds of audio in a second."""
        return self.median(lambda u: u.audio / u.wall)

    @property
    def first_ms(self) -> float:
        """Milliseconds to the first sound."""
        return 1000 * self.median(lambda u: u.first)

    @property
    def streams(self) -> bool:
        """Whether the first sound comes before the last."""
        return all(utterance.first < 0.99 * utterance.wall for utterance in self.rounds)

    @property
    def cpu(self) -> float:
        """Seconds of processor time for a second of audio."""
        return self.median(lambda u: u.cpu / u.audio)


# --- the model ----------------------------------------------------------------------------------------------------


def random_model(folder: Path, config: Mapping[str, Any], tokenizer: Path, bins: int) -> tuple[Path, Path]:
    """Make a model of the architecture `config` with random weights, and a voice; returns runtime.yaml and the voice.

    Random weights cost as much as trained ones. The tokenizer is one of the project, with its `bins` pieces. Imports
    PyTorch.
    """
    import numpy as np
    import torch
    from pocket_tts import TTSModel, export_model_state
    from safetensors.torch import save_file

    runtime, voice = folder / "runtime.yaml", folder / "voice.safetensors"
    if voice.exists():
        return runtime, voice
    folder.mkdir(parents=True, exist_ok=True)
    content = {key: value for key, value in config.items() if not key.startswith("weights_path")}
    table = {**content["flow_lm"]["lookup_table"], "n_bins": bins, "tokenizer": "sentencepiece"}
    table["tokenizer_path"] = str(tokenizer.absolute())
    content["flow_lm"] = {**content["flow_lm"], "lookup_table": table}
    files.write_text(runtime, yaml.safe_dump(content, allow_unicode=True))
    torch.manual_seed(0)
    model = TTSModel.load_model(config=runtime)
    save_file(model.state_dict(), folder / "model.safetensors")
    content["weights_path"] = str((folder / "model.safetensors").absolute())
    files.write_text(runtime, yaml.safe_dump(content, allow_unicode=True))
    noise = np.random.default_rng(0).normal(0, 0.1, 10 * RATE).astype(np.float32)
    model = TTSModel.load_model(config=runtime)
    export_model_state(model.get_state_for_audio_prompt(torch.from_numpy(noise)[None]), voice)
    return runtime, voice


# --- one engine, in a process of its own --------------------------------------------------------------------------

Speak = Callable[[str, int], Iterator[int]]


def peak_mb() -> float:
    """Return the most memory that this process has held, in MB: of this program alone, not of what started it."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _upstream(runtime: Path, voice: Path) -> Speak:
    from pocket_tts import TTSModel

    model = TTSModel.load_model(config=runtime, eos_threshold=NEVER)
    state = model.get_state_for_audio_prompt(voice)

    def speak(text: str, seed: int) -> Iterator[int]:
        import torch

        torch.manual_seed(seed)
        for part in model.generate_audio_stream(state, text):
            yield part.shape[-1]

    return speak


def _engine(kind: str, runtime: Path, voice: Path, bundle: Path | None) -> Speak:
    synth = SynthConfig(eos_threshold=NEVER)
    if bundle is not None:
        from pockettts.engines.onnx import OnnxEngine
        from pockettts.onnx.bundle import read_bundle

        precision = read_bundle(bundle, check=False).precision
        onnx = OnnxEngine(runtime, voice, synth.model_copy(update={"precision": precision}), bundle)
        onnx.load()
        return lambda text, seed: map(len, onnx.stream(text, seed, accept_runaway=True))
    from pockettts.engines import open_engine

    engine = open_engine(kind, runtime, voice, synth)
    return lambda text, seed: iter([len(engine.synthesize(text, seed, accept_runaway=True))])


def serve(kind: str, runtime: Path, voice: Path, bundle: Path | None) -> None:
    """Answer requests on standard input, a line of JSON each, until it ends."""
    began = time.monotonic()
    speak = _upstream(runtime, voice) if kind == "upstream" else _engine(kind, runtime, voice, bundle)
    list(speak(WARM_UP, 0))
    print(json.dumps({"load": time.monotonic() - began}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        began, cpu = time.perf_counter(), time.process_time()
        first, samples = 0.0, 0
        for part in speak(request["text"], request["seed"]):
            first = first or time.perf_counter() - began
            samples += part
        wall = time.perf_counter() - began
        answer = Utterance(wall, first, time.process_time() - cpu, samples / RATE)
        print(json.dumps({**asdict(answer), "peak_mb": peak_mb()}), flush=True)


class Worker:
    """A process that speaks as one contender does."""

    def __init__(self, contender: Contender, runtime: Path, voice: Path) -> None:
        command = [sys.executable, "-m", "pockettts.bench", contender.kind, str(runtime), str(voice)]
        command += ["--bundle", str(contender.bundle)] if contender.bundle else []
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "KPOCKET_TTS_ERROR_WITHOUT_EOS": "0"}
        began = time.monotonic()
        self.name = contender.name
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self._read()
        self.load = time.monotonic() - began
        self.peak_mb = 0.0
        self.rounds: list[Utterance] = []

    def _read(self) -> dict[str, float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise EngineFailed(f"The process of {self.name} ended with exit code {self._process.wait()}.", 1)
        values: dict[str, float] = json.loads(line)
        return values

    def speak(self, text: str, seed: int) -> None:
        """Speak a text, and note what it took."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"text": text, "seed": seed}) + "\n")
        self._process.stdin.flush()
        answer = self._read()
        self.peak_mb = answer.pop("peak_mb")
        self.rounds.append(Utterance(**answer))

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def measure(contenders: Sequence[Contender], runtime: Path, voice: Path, rounds: int, text: str = TEXT) -> list[Result]:
    """Let all contenders speak `text` in turns, `rounds` times. Raises `EngineFailed`, also if their lengths differ."""
    workers: list[Worker] = []
    try:
        for contender in contenders:
            workers.append(Worker(contender, runtime, voice))  # noqa: PERF401 what was started is to be ended
        for seed in range(rounds):
            for worker in workers:
                worker.speak(text, seed)
    finally:
        for worker in workers:
            worker.close()
    lengths = {utterance.audio for worker in workers for utterance in worker.rounds}
    if len(lengths) != 1:
        raise EngineFailed(f"The engines spoke for different times ({sorted(lengths)} s), so nothing can be said.", 1)
    return [Result(worker.name, worker.load, worker.peak_mb, tuple(worker.rounds)) for worker in workers]


# --- report -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Goal:
    """Something to reach: `value` is at least (or, if `most`, at most) `limit`."""

    what: str
    value: float
    limit: float
    unit: str
    most: bool = False

    @property
    def reached(self) -> bool:
        """Whether it is."""
        return self.value <= self.limit if self.most else self.value >= self.limit

    def __str__(self) -> str:
        sign, verdict = "≤" if self.most else "≥", "yes" if self.reached else "NO"
        return f"| {self.what} | {sign} {self.limit:g}{self.unit} | {self.value:.2f}{self.unit} | {verdict} |"


def goals(results: Sequence[Result], book: Mapping[str, float] | None = None) -> list[Goal]:
    """Return the goals of the project for results named torch, onnx fp32 and onnx int8, and for the two books."""
    by_name = {result.name: result for result in results}
    base, found = by_name[BASE], []
    for name, limit in (("onnx fp32", 1.7), ("onnx int8", 3.0)):
        if (result := by_name.get(name)) is None:
            continue
        found.append(Goal(f"{name}: speed, times {BASE}", result.speed / base.speed, limit, ""))
        found.append(Goal(f"{name}: peak memory", result.peak_mb, round(base.peak_mb), " MB", most=True))
        found.append(Goal(f"{name}: first audio, warm", result.first_ms, 100, " ms", most=True))
    if book:
        found.append(Goal("book: wall time, share of engine cli", book["onnx"] / book["cli"], 0.25, "", most=True))
    return found


def table(results: Sequence[Result]) -> str:
    """Return the results as a table of Markdown."""
    base = next(result for result in results if result.name == BASE)
    lines = [
        f"| engine | times real time | times {BASE} | CPU s a second | first audio, ms | peak memory, MB | start, s |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {r.name} | {r.speed:.2f} | {r.speed / base.speed:.2f} | {r.cpu:.3f} | {_first(r)} | {r.peak_mb:.0f}"
        f" | {r.load:.1f} |"
        for r in results
    ]
    return "\n".join(lines) + "\n"


def _first(result: Result) -> str:
    return f"{result.first_ms:.0f}" if result.streams else "–"


def markdown(document: Mapping[str, Any], results: Sequence[Result]) -> str:
    """Return the page that goes with the plot."""
    book = document["book"]
    verdicts = "\n".join(
        ["| goal | limit | measured | reached |", "|---|---:|---:|---|", *map(str, goals(results, book))]
    )
    about = (
        f"{document['model']}, {results[0].rounds[0].audio:.1f} s of audio a text, {len(results[0].rounds)} rounds in"
        f" turns, medians. {document['cpu']}, {document['cpus']} CPUs, load {document['load']:.1f} at the start.\n"
        f"`torch` is plain pocket-tts, `torch (engine)` our engine, which decodes a frame a call and does not stream.\n"
    )
    books = ""
    if book:
        books = (
            f"\nA book of {book['chunks']:.0f} chunks with the bundled model at -j{book['jobs']:.0f}, from nothing to"
            f" the finished recording: engine cli {book['cli']:.0f} s, engine onnx {book['onnx']:.0f} s (its export"
            " included).\n"
        )
    return (
        f"# Engines\n\n{about}\n{table(results)}{books}\n{verdicts}\n\n![speed, memory and first audio](engines.png)\n"
    )


# Okabe and Ito's colours, which people with any colour vision tell apart.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
_HATCHES = ("", "//", "..", "xx", "--", "oo")


def plot(results: Sequence[Result], path: Path) -> None:
    """Draw speed, memory and first audio beside each other; a dot is one round."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    streaming = [result for result in results if result.streams]
    panels: list[tuple[str, Sequence[Result], Callable[[Result], float], Callable[[Utterance], float] | None]] = [
        ("speed, seconds of audio a second", results, lambda r: r.speed, lambda u: u.audio / u.wall),
        ("peak memory, MB", results, lambda r: r.peak_mb, None),
        ("first audio when warm, ms", streaming, lambda r: r.first_ms, lambda u: u.first * 1000),
    ]
    looks = {r.name: look for r, look in zip(results, zip(_COLOURS, _HATCHES, strict=True), strict=False)}
    figure, axes = pyplot.subplots(1, len(panels), figsize=(4 * len(panels), 4), layout="constrained")
    for axis, (title, shown, height, dot) in zip(axes, panels, strict=True):
        for place, result in enumerate(shown):
            colour, hatch = looks[result.name]
            value = height(result)
            bar = axis.bar(place, value, color=colour, hatch=hatch, edgecolor="black", linewidth=0.6)
            axis.bar_label(bar, fmt="%.2f" if value < 10 else "%.0f", padding=3)
            if dot is not None:
                values = [dot(utterance) for utterance in result.rounds]
                axis.plot([place] * len(values), values, "k.", markersize=4, alpha=0.6)
        axis.set_xticks(range(len(shown)), [result.name for result in shown], rotation=20)
        axis.set_ylabel(title)
        axis.margins(y=0.12)
        axis.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, metadata={"Software": None})
    pyplot.close(figure)


def versions() -> dict[str, str]:
    """Return the versions of what was measured."""
    return {name: importlib.metadata.version(name) for name in ("numpy", "onnxruntime", "pocket-tts", "torch")}


def as_dict(value: Result | Goal) -> dict[str, Any]:
    """Return plain JSON values; of a result, with its medians."""
    if isinstance(value, Goal):
        return {**asdict(value), "reached": value.reached}
    return {**asdict(value), "speed": value.speed, "first_ms": value.first_ms, "cpu": value.cpu}


def main() -> None:
    """One engine as a process, for `Worker`."""
    parser = argparse.ArgumentParser(
        prog="python -m pockettts.bench", description="Speak what standard input asks for."
    )
    parser.add_argument("kind", choices=("upstream", "torch", "cli", "onnx"))
    parser.add_argument("runtime", type=Path)
    parser.add_argument("voice", type=Path)
    parser.add_argument("--bundle", type=Path)
    args = parser.parse_args()
    serve(args.kind, args.runtime, args.voice, args.bundle)


if __name__ == "__main__":
    exit_with_sentence(main)
