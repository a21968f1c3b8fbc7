"""Takes: what one is named by, where it is kept, when it is good enough, and how often it is tried.

    (text, recipe) -> content key -> seeds -> engine -> acceptance (by measure, by ear) -> store

The key names everything that decides the samples and nothing else, so a take in the store is never asked for twice.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from pockettts import files
from pockettts.audio.wav import decode_wav, write_wav
from pockettts.config import CheckConfig, SynthConfig
from pockettts.ear import Ear, Heard
from pockettts.engines import Engine, onnx
from pockettts.engines import torch as torch_engine
from pockettts.engines.cli import check_tts_args
from pockettts.engines.pieces import PIECES_VERSION
from pockettts.errors import AudioError, EngineError, EngineFailed, EngineTimeout, NoEndOfSpeech, TakeRejected
from pockettts.upstream import find_command
from pockettts.values import FULL_SCALE, RATE, Int16, canonical_json, digest, quoted, sha256_text

T = TypeVar("T")

log = logging.getLogger(__name__)

FORMAT = 1
_END_SECONDS = 0.04
_WINDOW = RATE // 50


# --- names --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recipe:
    """All that decides the samples of a take but its text."""

    values: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return dict(self.values)

    @cached_property
    def canonical(self) -> str:
        """The one JSON text of these values."""
        return canonical_json(self.as_dict(), escaped=True)


def make_recipe(engine: str, synth: SynthConfig, *, model: Mapping[str, Any], voice: Mapping[str, Any]) -> Recipe:
    """Collect the recipe from the settings and the pins of the model and the voice.

    The engines `cli` and `torch` give the same bytes, so they share their takes; those of `onnx` are others. Raises
    `ConfigError` for settings that the engine cannot follow and `ExecutableNotFound`.
    """
    decode: dict[str, Any] = {
        "temperature": synth.temperature,
        "decode_steps": synth.decode_steps,
        "noise_clamp": synth.noise_clamp,
        "eos_threshold": synth.eos_threshold,
        "frames_after_eos": synth.frames_after_eos,
    }
    if engine == "onnx":
        onnx.check_settings(synth)
        # Upstream makes the voice, and its weights the bundle.
        program = {**find_command().identity(), **onnx.identity()}
        decode["precision"] = synth.precision
    else:
        if engine == "torch":
            torch_engine.check_settings(synth)
        program = find_command(synth.executable).identity()
        decode["quantize"] = synth.quantize
    return Recipe(
        {
            "format": FORMAT,
            "program": program,
            "pieces": PIECES_VERSION,
            "model": dict(model),
            "voice": dict(voice),
            "decode": decode,
            "seed": synth.seed,
            "tts_args": check_tts_args(synth.tts_args),
        }
    )


def content_key(text: str, recipe: Recipe) -> str:
    """Return the name of the take that speaks `text` by `recipe`: 32 hex characters of a sha256."""
    # The canonical JSON of {"recipe": ..., "text": ...}; a book has thousands of texts and one recipe.
    document = f'{{"recipe":{recipe.canonical},"text":{canonical_json(text, escaped=True)}}}'
    return sha256_text(document)[:32]


def seed_for(key: str, attempt: int) -> int:
    """Return the seed of an attempt (from 0) at a take, below 2**31."""
    return int(digest([key, attempt])[:8], 16) >> 1


# --- acceptance ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Quality:
    """What the acceptance checks look at; levels in dBFS, None for digital silence. Rounded, so that JSON keeps them.

    `seconds` is from the first to the last sound, `clipped` the share of samples at full scale.
    """

    seconds: float
    level_dbfs: float | None
    clipped: float
    gap_seconds: float
    end_dbfs: float | None


def _dbfs(values: npt.NDArray[np.float64]) -> float | None:
    power = float(np.mean(np.square(values))) if len(values) else 0.0
    return round(10 * float(np.log10(power)), 2) if power > 0 else None


def measure_take(samples: Int16) -> Quality:
    """Measure a take of int16 samples at 24 kHz, shape (n,).

    Sound is a window of 20 ms that is at most 40 dB below the loudest one; a gap is a run of others between sounds.
    """
    values = samples.astype(np.float64) / FULL_SCALE
    windows = len(values) // _WINDOW
    powers = np.square(values[: windows * _WINDOW]).reshape(windows, _WINDOW).mean(axis=1)
    loud = np.flatnonzero(powers > (powers.max(initial=0.0) * 1e-4))
    gap = int(np.diff(loud).max(initial=1)) - 1 if len(loud) else 0
    return Quality(
        seconds=round(int(loud[-1] - loud[0] + 1) * _WINDOW / RATE, 2) if len(loud) else 0.0,
        level_dbfs=_dbfs(values),
        clipped=round(float(np.mean(np.abs(samples.astype(np.int32)) >= FULL_SCALE - 1)), 6) if len(samples) else 0.0,
        gap_seconds=round(gap * _WINDOW / RATE, 3),
        end_dbfs=_dbfs(values[-int(_END_SECONDS * RATE) :]),
    )


def judge(quality: Quality, text: str, checks: CheckConfig) -> list[str]:
    """Return why a take of `text` is refused, a phrase each; empty if it is accepted."""
    spoken = sum(character.isalnum() for character in text)
    reasons = []
    if quality.seconds == 0:
        return ["it holds no sound"]
    if checks.min_chars_per_second is not None:
        longest = spoken / checks.min_chars_per_second + checks.slack_seconds
        if quality.seconds > longest:
            reasons.append(
                f"it lasts {quality.seconds:.1f} s, and {spoken} characters should take {longest:.1f} at most"
            )
    if checks.max_chars_per_second is not None:
        shortest = spoken / checks.max_chars_per_second
        if quality.seconds < shortest:
            reasons.append(f"it lasts {quality.seconds:.1f} s, and {spoken} characters need {shortest:.1f} at least")
    if checks.min_level_dbfs is not None and (quality.level_dbfs is None or quality.level_dbfs < checks.min_level_dbfs):
        level = "digital silence" if quality.level_dbfs is None else f"{quality.level_dbfs:.1f} dBFS"
        reasons.append(f"its level is {level}, below {checks.min_level_dbfs:.1f} dBFS")
    if checks.max_clipped is not None and quality.clipped > checks.max_clipped:
        reasons.append(f"{quality.clipped:.2%} of its samples are clipped, more than {checks.max_clipped:.2%}")
    if checks.max_gap_seconds is not None and quality.gap_seconds > checks.max_gap_seconds:
        reasons.append(f"it falls silent for {quality.gap_seconds:.1f} s, longer than {checks.max_gap_seconds:.1f} s")
    if checks.max_end_dbfs is not None and quality.end_dbfs is not None and quality.end_dbfs > checks.max_end_dbfs:
        reasons.append(f"it is cut off: its end is at {quality.end_dbfs:.1f} dBFS, above {checks.max_end_dbfs:.1f}")
    return reasons


# --- store --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Refused:
    """An attempt that was not good enough; `quality` is None if there was no audio, `heard` if nobody listened."""

    seed: int
    reasons: tuple[str, ...]
    quality: Quality | None = None
    heard: Heard | None = None


@dataclass(frozen=True)
class Take:
    """What the sidecar of a take says. Attempts count from 0; `refused` are those before `attempt`.

    `heard` is None if nobody listened.
    """

    key: str
    text: str
    sha256: str
    bytes: int
    samples: int
    engine: str
    seeded: bool
    seed: int
    attempt: int
    quality: Quality
    reasons: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()
    heard: Heard | None = None
    seconds: float = 0.0
    recipe: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def accepted(self) -> bool:
        """Whether the checks had nothing against it."""
        return not self.reasons

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Take:
        """Read a sidecar's content. Raises `TypeError` or `KeyError` for anything else."""
        refused = tuple(
            Refused(r["seed"], tuple(r["reasons"]), Quality(**r["quality"]) if r["quality"] else None, _heard(r))
            for r in values["refused"]
        )
        quality, reasons = Quality(**values["quality"]), tuple(values["reasons"])
        return cls(**{**values, "quality": quality, "reasons": reasons, "refused": refused, "heard": _heard(values)})

    def summary(self) -> dict[str, Any]:
        """Return what a receipt says: nothing that differs between two runs of the same build."""
        return {
            "sha256": self.sha256,
            "bytes": self.bytes,
            "samples": self.samples,
            "seed": self.seed,
            "attempt": self.attempt,
            "accepted": self.accepted,
            "reasons": list(self.reasons),
            "refused": [list(refused.reasons) for refused in self.refused],
            "heard": asdict(self.heard) if self.heard else None,
        }


def _heard(values: Mapping[str, Any]) -> Heard | None:
    """What was heard, of a sidecar's mapping; those from before there was a check by ear say nothing of it."""
    return Heard(**values["heard"]) if values.get("heard") else None


class TakeStore:
    """Takes by key: `root/ab/abcdef….wav` with a sidecar .json. Several processes may use it at once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: str) -> Path:
        """Return where the audio of a take is, or would be."""
        return self.root / key[:2] / f"{key}.wav"

    def get(self, key: str) -> Take | None:
        """Return a take whose audio is what its sidecar says, else None.

        A damaged one is moved to the folder `damaged` beside the store, with a warning.
        """
        audio = self.path(key)
        sidecar = audio.with_suffix(".json")
        if not audio.exists() and not sidecar.exists():
            return None
        with self._locked(key):
            try:
                take = Take.from_dict(json.loads(sidecar.read_text(encoding="utf-8")))
                if take.format == FORMAT and take.key == key and files.sha256_file(audio) == take.sha256:
                    return take
            except (OSError, ValueError, TypeError, KeyError, AttributeError):
                pass
            self._move_aside(audio, sidecar)
        return None

    def _move_aside(self, *paths: Path) -> None:
        folder = self.root.parent / "damaged"
        log.warning("the take %s is damaged; it is moved to %s and made again", paths[0].stem, folder)
        # In a store that cannot be written it stays, and what is to replace it says why.
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            mark = time.time_ns()
            for path in paths:
                with contextlib.suppress(FileNotFoundError):
                    path.replace(folder / f"{path.stem}.{mark}{path.suffix}")

    def _locked(self, key: str) -> contextlib.AbstractContextManager[None]:
        """Keep a reader from taking audio whose sidecar is still to come for damaged, and two writers from mixing."""
        return files.alone(self.root / key[:2] / ".lock")

    def put(self, samples: Int16, take: Take) -> Take:
        """Keep a take under its key, audio first; returns it with the sha256 and size of the file.

        Raises `AudioError` when it cannot be written; then nothing half-written has the take's name.
        """
        audio = self.path(take.key)
        try:
            audio.parent.mkdir(parents=True, exist_ok=True)
            with self._locked(take.key):
                for left in audio.parent.glob(f".{take.key}.*"):
                    left.unlink(missing_ok=True)
                write_wav(audio, samples)
                kept = replace(take, sha256=files.sha256_file(audio), bytes=audio.stat().st_size)
                files.write_json(audio.with_suffix(".json"), asdict(kept))
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            reason = "the disk is full; free some space and start again" if full else error.strerror or str(error)
            raise AudioError(f"The take {audio} cannot be written: {reason}. Takes that are done are kept.") from None
        return kept

    def note(self, take: Take) -> None:
        """Write what is now known of a take that is in the store into its sidecar; its audio stays as it is."""
        # What is known is in the receipt, too: a store that cannot be written is no reason to stop.
        with contextlib.suppress(OSError), self._locked(take.key):
            files.write_json(self.path(take.key).with_suffix(".json"), asdict(take))

    def intact(self, key: str, sha256: str, size: int) -> bool:
        """Tell quickly whether the audio of a take is still what a receipt says.

        The sidecar is written after the audio. Audio that is no younger and has the right size is trusted; any other
        is read, and if it is right, its sidecar is made the younger one again.
        """
        audio = self.path(key)
        sidecar = audio.with_suffix(".json")
        try:
            found = audio.stat()
            if found.st_size != size:
                return False
            if found.st_mtime_ns <= sidecar.stat().st_mtime_ns:
                return True
            if files.sha256_file(audio) != sha256:
                return False
        except OSError:
            return False
        try:
            os.utime(sidecar, ns=(found.st_atime_ns, found.st_mtime_ns))
        except OSError:
            log.debug("the store is read-only; %s will be read again", audio)
        return True

    def load(self, take: Take) -> Int16:
        """Return the samples of a take, shape (n,). Raises `AudioError`."""
        path = self.path(take.key)
        return decode_wav(path.read_bytes(), str(path))


# --- making -------------------------------------------------------------------------------------------------------


def refusals(take: Take | Refused, text: str, synth: SynthConfig, ear: Ear | None) -> list[str]:
    """Return why the settings of now refuse an attempt with audio, by what is known of it."""
    reasons = judge(take.quality, text, synth.checks) if take.quality else []
    if ear is not None and take.heard is not None and take.heard.by == ear.name:
        reasons += ear.reasons(take.heard, text)
    return reasons


def _still_the_choice(take: Take, synth: SynthConfig, ear: Ear | None) -> bool:
    """Whether the settings of now would have chosen this take: those of its day may have been other ones."""
    if not all(r.quality is None or refusals(r, take.text, synth, ear) for r in take.refused):
        return False
    if take.accepted:
        return take.attempt < synth.attempts and not refusals(take, take.text, synth, ear)
    return synth.allow_failed and len(take.refused) == synth.attempts


def _stored_choice(key: str, store: TakeStore, synth: SynthConfig, ear: Ear | None) -> Take | None:
    """Return the take of the store, if it would be chosen today; one that was never heard is heard now."""
    take = store.get(key)
    if take is None:
        return None
    if ear is not None and take.accepted and (take.heard is None or take.heard.by != ear.name):
        heard = replace(take, heard=ear.hear(store.load(take), take.text))
        if not _still_the_choice(heard, synth, ear):
            return None
        store.note(heard)
        return heard
    return take if _still_the_choice(take, synth, ear) else None


def make_take(
    key: str,
    text: str,
    engine: Engine,
    store: TakeStore,
    synth: SynthConfig,
    recipe: Mapping[str, Any] | None = None,
    ear: Ear | None = None,
) -> Take:
    """Return the take of a chunk: from the store, or the first of `synth.attempts` seeds that passes the checks.

    `ear`, if it wants this take, is the last of the checks. If no seed passes, raises `TakeRejected` with the text and
    every reason; with `synth.allow_failed` the attempt with the fewest reasons (of those, the one that was heard best)
    is kept instead, unaccepted; if the model never came to an end, what it said until its maximum length. Raises other
    `EngineError` when the engine itself fails, `AudioError` when the take cannot be kept.
    """
    ear = ear if ear is not None and ear.wants(key) else None
    stored = _stored_choice(key, store, synth, ear)
    if stored is not None:
        return stored
    refused: list[Refused] = []
    best: tuple[Int16, Take] | None = None
    began = time.monotonic()

    def take_of(
        samples: Int16, attempt: int, quality: Quality, reasons: Sequence[str], heard: Heard | None = None
    ) -> Take:
        return Take(
            key=key,
            text=text,
            sha256="",
            bytes=0,
            samples=len(samples),
            engine=engine.name,
            seeded=engine.seeded,
            seed=seed_for(key, attempt),
            attempt=attempt,
            quality=quality,
            reasons=tuple(reasons),
            refused=tuple(refused),
            heard=heard,
            seconds=round(time.monotonic() - began, 3),
            recipe=recipe or {},
        )

    for attempt in range(synth.attempts):
        seed = seed_for(key, attempt)
        try:
            samples = engine.synthesize(text, seed)
        except NoEndOfSpeech as error:
            refused.append(Refused(seed, (str(error),)))
            log.info("attempt %d at %s is refused: %s", attempt + 1, quoted(text), error)
            continue
        quality = measure_take(samples)
        reasons = judge(quality, text, synth.checks)
        # Listening costs far more than measuring: what is refused already is not heard.
        heard = ear.hear(samples, text) if ear is not None and not reasons else None
        if ear is not None and heard is not None:
            reasons = ear.reasons(heard, text)
        take = take_of(samples, attempt, quality, reasons, heard)
        if take.accepted:
            return store.put(samples, take)
        refused.append(Refused(seed, tuple(reasons), quality, heard))
        log.info("attempt %d at %s is refused: %s", attempt + 1, quoted(text), "; ".join(reasons))
        if best is None or _badness(take) < _badness(best[1]):
            best = samples, take
    told = "; ".join(f"attempt {n}: {', '.join(r.reasons)}" for n, r in enumerate(refused, start=1))
    if not synth.allow_failed:
        raise TakeRejected(f"No attempt at {quoted(text, 200)} was good enough ({told}). {_ADVICE}")
    if best is None:
        samples = engine.synthesize(text, refused[0].seed, accept_runaway=True)
        best = samples, take_of(samples, 0, measure_take(samples), refused[0].reasons)
    samples, take = best
    log.warning("a refused take of %s is used, as synth.allow_failed says (%s)", quoted(text), told)
    return store.put(samples, replace(take, refused=tuple(refused)))


def _badness(take: Take) -> tuple[int, float]:
    """An order of refused takes: by reasons, then by what was heard; all that was not heard is alike."""
    return len(take.reasons), take.heard.error if take.heard else math.inf


_ADVICE = (
    "Reword the text, raise synth.attempts, look at synth.checks and qa, "
    "or set synth.allow_failed to use the best of them."
)


def make_takes(
    chunks: Sequence[tuple[str, str]],
    engine: Engine,
    store: TakeStore,
    synth: SynthConfig,
    recipe: Mapping[str, Any] | None = None,
    progress: Callable[[int, int, float], None] | None = None,
    ear: Ear | None = None,
) -> dict[str, Take]:
    """Make the takes of (key, text) pairs; `progress` hears how many of how many are done, and the seconds left.

    An engine with several lanes is given as many chunks at once. A chunk that fails does not keep the others from being
    made: `TakeRejected` comes at the end and names them all. But an engine that fails twice running with the same words
    would fail at every chunk, and is not asked again.
    """
    made: dict[str, Take] = {}
    failures: list[EngineError] = []
    last_words: str | None = None
    began = time.monotonic()
    jobs = [partial(make_take, key, text, engine, store, synth, recipe, ear) for key, text in chunks]
    for number, ((key, _), outcome) in enumerate(zip(chunks, in_lanes(jobs, engine.lanes), strict=True), start=1):
        try:
            made[key] = outcome()
            last_words = None
        except (TakeRejected, EngineTimeout) as error:
            failures.append(error)
            last_words = None
        except EngineFailed as error:
            if error.last_line == last_words:
                raise
            failures.append(error)
            last_words = error.last_line
        if progress is not None:
            progress(number, len(chunks), (time.monotonic() - began) / number * (len(chunks) - number))
    if len(failures) == 1:
        raise failures[0]
    if failures:
        listed = " ".join(f"({number}) {error}" for number, error in enumerate(failures, start=1))
        raise TakeRejected(f"{len(failures)} of {len(chunks)} chunks failed, the others are done: {listed}")
    return made


def in_lanes(jobs: Sequence[Callable[[], T]], lanes: int) -> Iterator[Callable[[], T]]:
    """Yield, in order, what gives the result of each job or raises what it raised; `lanes` of them run at a time.

    With one lane a job runs when its result is asked for, in the thread that asks, where Ctrl-C reaches it.
    """
    if lanes == 1:
        yield from jobs
        return
    pool = ThreadPoolExecutor(lanes, "lane")
    try:
        for future in [pool.submit(job) for job in jobs]:
            yield future.result
    finally:
        pool.shutdown(cancel_futures=True)


# --- receipts -----------------------------------------------------------------------------------------------------


def receipt(made: Mapping[str, Take]) -> dict[str, Any]:
    """Return the content of a receipt: key -> what is said of the take."""
    return {key: take.summary() for key, take in made.items()}


def told(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a report tells of a take: which attempt it is, why others were refused, and what was heard in it."""
    refused = [f"attempt {n}: {', '.join(reasons)}" for n, reasons in enumerate(summary["refused"], start=1)]
    heard = summary.get("heard")  # not in receipts from before there was a check by ear
    return {"attempt": summary["attempt"], "accepted": summary["accepted"], "reasons": refused, "heard": heard}


def read_receipts(folder: Path, batches: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
    """Read the receipts of all batches, and return what they say by key. Raises `AudioError` if one is missing."""
    takes: dict[str, dict[str, Any]] = {}
    for batch in batches:
        takes |= files.read_json(folder / f"{batch}.json", "the receipt", AudioError)
    return takes


def drop_stale_receipts(folder: Path, batches: Mapping[str, Sequence[str]], store: TakeStore) -> list[str]:
    """Delete each receipt of which a take is gone or no longer what it was; returns the batches concerned.

    Quick: a take whose size and date are right is not read.
    """
    stale = []
    for batch, keys in batches.items():
        path = folder / f"{batch}.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            good = all(store.intact(key, content[key]["sha256"], content[key]["bytes"]) for key in keys)
        except FileNotFoundError:
            continue
        except (ValueError, TypeError, KeyError):
            good = False
        if not good:
            path.unlink(missing_ok=True)
            stale.append(batch)
    return stale
