"""First contact: everything that the README promises, tried on this machine with a model and a voice.

    download, lock -> voice -> thirty sentences by each engine -> checks, comparisons, speed -> report.json, report.html

For a machine that reaches the hub and has accepted its terms: what is promised of the released weights is proven or
disproven in one command. Above `speaking` and `export`; the command and a nightly workflow call `make_contact`.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import os
import platform
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pockettts import files, models
from pockettts.bundle import Precision
from pockettts.config import QaConfig
from pockettts.ear import Ear
from pockettts.errors import ConfigError, EnvironmentNotReady, GatedModelError, NoEndOfSpeech, PocketTTSError
from pockettts.export.listen import judge_level, judge_words, level
from pockettts.first_contact.sentences import SENTENCES
from pockettts.project import Project
from pockettts.speaking import chunks_of, make_ready, ready_model, ready_voice
from pockettts.takes import judge, measure_take
from pockettts.values import RATE, Int16

log = logging.getLogger(__name__)

Status = Literal["pass", "fail", "skip"]

SYSTEMS: tuple[tuple[str, Precision], ...] = (("cli", "fp32"), ("torch", "fp32"), ("onnx", "fp32"), ("onnx", "int8"))
NAMES = ("cli", "torch", "onnx fp32", "onnx int8")
ACCEPTED_SHARE = 0.9
"""Of first attempts. The others are what further attempts are for."""
LARGEST_WORD_ERROR = 0.1
REPEATED = 3
"""How many sentences are spoken twice."""
CLOSED = "http://127.0.0.1:9"
"""An address where no hub answers."""
SEND = "Attach report.json to an issue of the project: it holds no text of yours, no token and no path but of this run."


@dataclass(frozen=True, slots=True)
class PromiseResult:
    """One promise, whether it holds here, and the evidence; `remedy` is what to do if it does not."""

    promise: str
    status: Status
    evidence: str
    remedy: str = ""


@dataclass
class EngineReading:
    """What one system made of the texts: samples of each, None where generation did not end."""

    system: str
    texts: Sequence[str]
    takes: list[Int16 | None] = field(default_factory=list)
    first_seconds: float = 0.0
    later_seconds: float = 0.0

    @property
    def spoken(self) -> list[tuple[str, Int16]]:
        """The texts that have a take, with it."""
        return [(text, take) for text, take in zip(self.texts, self.takes, strict=True) if take is not None]

    @property
    def cold_rtf(self) -> float:
        """Seconds of work for a second of sound, of the first text: the model is loaded for it."""
        first = self.takes[0]
        return self.first_seconds / (len(first) / RATE) if first is not None and len(first) else float("nan")

    @property
    def warm_rtf(self) -> float:
        """The same of all texts but the first."""
        sound = sum(len(take) for take in self.takes[1:] if take is not None) / RATE
        return self.later_seconds / sound if sound else float("nan")


def make_contact(project: Project, folder: Path, sentences: int = len(SENTENCES)) -> list[PromiseResult]:
    """Try every promise with the model and voice of the settings, and write report.json and report.html to `folder`.

    `sentences` is how many of the thirty are spoken. A promise that fails is a result, never an exception.
    """
    figures: dict[str, Any] = {}
    results: list[PromiseResult] = []
    for result in _contact(project, sentences, figures):
        log.info("%s: %s (%s)", result.status, result.promise, result.evidence)
        results.append(result)
    document = {
        "passed": all(result.status != "fail" for result in results),
        "model": project.config.model,
        "voice": project.config.voice,
        "machine": _machine(),
        "promises": [asdict(result) for result in results],
        "figures": figures,
        "send": SEND,
    }
    files.write_json(folder / "report.json", document)
    files.write_text(folder / "report.html", _page(document))
    return results


def _contact(project: Project, sentences: int, figures: dict[str, Any]) -> Iterator[PromiseResult]:
    yield (fetched := _fetched(project))
    if fetched.status == "fail":
        yield PromiseResult("The model speaks by every engine", "skip", "there is no model", fetched.remedy)
        return
    yield from _voice(project)
    yield _offline(project)
    texts = [chunk.text for text in SENTENCES[:sentences] for chunk in chunks_of(text, project)]
    readings: dict[str, EngineReading] = {}
    for name, (engine, precision) in zip(NAMES, SYSTEMS, strict=True):
        try:
            readings[name] = _read(_with_engine(project, engine, precision), name, texts)
        except PocketTTSError as error:
            yield PromiseResult(f"Engine {name} speaks", "fail", str(error), "See the reason.")
    figures["speed"] = {
        name: {"cold_rtf": round(reading.cold_rtf, 3), "warm_rtf": round(reading.warm_rtf, 3)}
        for name, reading in readings.items()
    }
    for reading in readings.values():
        yield _accepted(reading, project)
    yield from _same_bytes(project, readings)
    errors = yield from _understood(readings, project)
    figures["word_error"] = errors
    yield from _bundles_match(readings, errors)
    yield from _fast_enough(readings)


def _with_engine(project: Project, engine: str, precision: Precision) -> Project:
    synth = project.config.synth.model_copy(update={"precision": precision})
    return project.with_config(project.config.model_copy(update={"engine": engine, "synth": synth}))


def _read(project: Project, name: str, texts: Sequence[str]) -> EngineReading:
    reading = EngineReading(name, texts)
    with make_ready(project).open_engine() as engine:
        for number, text in enumerate(texts):
            began = time.monotonic()
            try:
                take: Int16 | None = engine.synthesize(text, number)
            except NoEndOfSpeech:
                take = None
            reading.takes.append(take)
            if number == 0:
                reading.first_seconds = time.monotonic() - began
            else:
                reading.later_seconds += time.monotonic() - began
    return reading


# --- promises -----------------------------------------------------------------------------------------------------


def _fetched(project: Project) -> PromiseResult:
    promise = "The model is fetched, verified and locked"
    began = time.monotonic()
    try:
        lock = ready_model(project)
    except PocketTTSError as error:
        return PromiseResult(promise, "fail", str(error), _remedy(error))
    size = sum(facts["bytes"] for facts in lock.files.values())
    cloning = "with" if lock.voice_cloning else "without"
    evidence = f"{size:,} bytes in {time.monotonic() - began:.0f} s, lock {lock.digest}, {cloning} voice cloning"
    return PromiseResult(promise, "pass", evidence)


def _remedy(error: PocketTTSError) -> str:
    if isinstance(error, GatedModelError):
        return f"Accept the terms of the model at {models.HUB}, set HF_TOKEN, and run again; nothing else was tried."
    return "Run again: what was downloaded is resumed."


def _voice(project: Project) -> Iterator[PromiseResult]:
    promise = f"The voice {project.config.voice} is ready for the model"
    try:
        ready_voice(project, models.read_lock(project.of_model().lock))
    except PocketTTSError as error:
        yield PromiseResult(promise, "fail", str(error), "Choose a voice of `pockettts voices list`.")
        return
    sidecar = files.read_json(project.voice_state().with_suffix(".json"))
    yield PromiseResult(promise, "pass", f"{sidecar['frames']} frames, sha256 {sidecar['sha256']}")


def _offline(project: Project) -> PromiseResult:
    """Get ready again with a hub that does not answer: then nothing is requested."""
    promise = "Once fetched, nothing needs the network"
    try:
        with _environment(HF_ENDPOINT=CLOSED, HF_HUB_OFFLINE="1"):
            ready_model(project)
            make_ready(_with_engine(project, "torch", "fp32"))
    except PocketTTSError as error:
        return PromiseResult(promise, "fail", str(error), "See the reason.")
    return PromiseResult(promise, "pass", "model and voice were made ready again without a hub")


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _accepted(reading: EngineReading, project: Project) -> PromiseResult:
    checks = project.synth_for_voice().checks
    faults = [(text, reasons) for text, take in reading.spoken if (reasons := judge(measure_take(take), text, checks))]
    good = len(reading.spoken) - len(faults)
    share = good / len(reading.texts)
    evidence = f"{good} of {len(reading.texts)} first attempts pass the checks by measure"
    if faults:
        evidence += f"; {faults[0][1][0]}"
    status: Status = "pass" if share >= ACCEPTED_SHARE else "fail"
    return PromiseResult(f"Engine {reading.system} speaks, and its takes are sound", status, evidence, SEND)


def _same_bytes(project: Project, readings: Mapping[str, EngineReading]) -> Iterator[PromiseResult]:
    theirs, ours = readings.get("cli"), readings.get("torch")
    promise = "Engine torch gives the bytes of the command line"
    if theirs is None or ours is None:
        yield PromiseResult(promise, "skip", "one of the two did not speak")
    else:
        pairs = list(zip(theirs.takes, ours.takes, strict=True))
        same = sum(_equal(one, other) for one, other in pairs)
        yield PromiseResult(promise, "pass" if same == len(pairs) else "fail", f"{same} of {len(pairs)} takes", SEND)
    promise = "The same text and seed give the same bytes"
    for name, reading in readings.items():
        if name == "cli":
            continue  # what torch repeats, the command line does as well: their bytes were compared
        again = _read(_with_engine(project, *SYSTEMS[NAMES.index(name)]), name, reading.texts[:REPEATED])
        same = sum(_equal(one, other) for one, other in zip(again.takes, reading.takes, strict=False))
        status: Status = "pass" if same == len(again.takes) else "fail"
        yield PromiseResult(f"{promise}: {name}", status, f"{same} of {len(again.takes)} takes spoken again", SEND)


def _equal(one: Int16 | None, other: Int16 | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)


def _understood(
    readings: Mapping[str, EngineReading], project: Project
) -> Generator[PromiseResult, None, dict[str, float]]:
    """Yield whether each reading is understood, and return the word errors by system."""
    promise = "Every word is spoken"
    try:
        ear = Ear(QaConfig(asr="all"), project.language)
    except (EnvironmentNotReady, ConfigError) as error:
        yield PromiseResult(promise, "skip", str(error), "pip install 'pockettts-book[asr]'")
        return {}
    errors: dict[str, float] = {}
    for name, reading in readings.items():
        wrong = [ear.hear(take, text).error for text, take in reading.spoken]
        errors[name] = round(float(np.mean(wrong)) if wrong else 1.0, 4)
        status: Status = "pass" if errors[name] <= LARGEST_WORD_ERROR else "fail"
        evidence = f"{errors[name]:.1%} of the words of {len(wrong)} takes are missing, doubled or mistaken, by Whisper"
        yield PromiseResult(f"{promise}: {name}", status, evidence, SEND)
    return errors


def _bundles_match(readings: Mapping[str, EngineReading], errors: Mapping[str, float]) -> Iterator[PromiseResult]:
    torch = readings.get("torch")
    for name in ("onnx fp32", "onnx int8"):
        promise = f"The exported model speaks as PyTorch does: {name}"
        ours = readings.get(name)
        if torch is None or ours is None or not torch.spoken or not ours.spoken:
            yield PromiseResult(promise, "skip", "one of the two did not speak")
            continue
        loud, evidence = judge_level(*(level(np.concatenate([t for _, t in one.spoken])) for one in (torch, ours)))
        clear, words = judge_words(errors["torch"], errors[name]) if errors else (True, "words not compared")
        status: Status = "pass" if loud and clear else "fail"
        yield PromiseResult(promise, status, f"{evidence}; {words}; its graphs match PyTorch's figures", SEND)


def _fast_enough(readings: Mapping[str, EngineReading]) -> Iterator[PromiseResult]:
    for name, reading in readings.items():
        if name == "cli":
            continue  # it loads the model for every take
        status: Status = "pass" if reading.warm_rtf < 1 else "fail"
        evidence = f"RTF {reading.warm_rtf:.3f} warm, {reading.cold_rtf:.3f} for the first sentence with loading"
        yield PromiseResult(
            f"Faster than real time: {name}", status, evidence, "A faster machine, or engine onnx int8."
        )


# --- report -------------------------------------------------------------------------------------------------------


def _machine() -> dict[str, Any]:
    versions = {}
    for name in ("pockettts-book", "pocket-tts", "torch", "onnxruntime", "numpy", "faster-whisper"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "versions": versions,
    }


def _page(document: Mapping[str, Any]) -> str:
    import jinja2

    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True)
    return environment.get_template("report.html").render(**document)
