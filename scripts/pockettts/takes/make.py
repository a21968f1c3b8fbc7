"""Making takes: from a text and its key to a take in the store, by as many seeds as it needs."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from pockettts.config import SynthConfig
from pockettts.engines import Engine
from pockettts.errors import EngineError, EngineFailed, EngineTimeout, NoEndOfSpeech, TakeRejected
from pockettts.takes.acceptance import MEASURE, Listener, Quality, Transcript, judge, measure_take
from pockettts.takes.recipe import seed_for
from pockettts.takes.store import RejectedAttempt, Take, TakeStore
from pockettts.values import Int16, quoted

T = TypeVar("T")

log = logging.getLogger(__name__)

_ADVICE = (
    "Reword the text, raise synth.attempts, look at synth.checks and qa, "
    "or set synth.allow_failed to use the best of them."
)
_ADVICE_LOUD = (
    "Every attempt is clipped, so the voice is at fault, not the text: make its recording quieter (a peak of -6 dBFS "
    "and less), export the voice again, or choose a different voice."
)


def reasons_against(take: Take | RejectedAttempt, text: str, synth: SynthConfig, ear: Listener | None) -> list[str]:
    """Return why an attempt fails the current checks, from its stored measurements."""
    reasons = judge(take.quality, text, synth.checks) if take.quality else []
    if ear is not None and take.heard is not None and take.heard.by == ear.name:
        reasons += ear.reasons(take.heard, text)
    return reasons


def _still_the_choice(take: Take, synth: SynthConfig, ear: Listener | None) -> bool:
    """Whether the current settings would choose this take; it may date from different ones."""
    if any(attempt.quality and not reasons_against(attempt, take.text, synth, ear) for attempt in take.refused):
        return False
    if take.accepted:
        return take.attempt < synth.attempts and not reasons_against(take, take.text, synth, ear)
    return len(take.refused) == synth.attempts and is_tolerated(take, synth, ear)


def is_tolerated(take: Take, synth: SynthConfig, ear: Listener | None) -> bool:
    """Whether a rejected take may be used where no attempt is better: by the settings, or if only the ear doubts it."""
    doubted = take.heard is not None and not judge(take.quality, take.text, synth.checks)
    return synth.allow_failed or (ear is not None and not ear.strict and doubted)


def _measured_again(take: Take, store: TakeStore) -> Take | None:
    """Return a stored take with current measurements; None if it can only be judged by speaking again."""
    if any(attempt.quality and attempt.quality.measure != MEASURE for attempt in take.refused):
        return None
    if take.quality.measure == MEASURE:
        return take
    measured = replace(take, quality=measure_take(store.load(take)))
    store.note(measured)
    return measured


def _stored_choice(key: str, store: TakeStore, synth: SynthConfig, ear: Listener | None) -> Take | None:
    """Return the take of the store if the current settings would choose it, transcribed if it never was."""
    take = store.get(key)
    take = None if take is None else _measured_again(take, store)
    if take is None:
        return None
    if ear is None or not take.accepted or (take.heard is not None and take.heard.by == ear.name):
        return take if _still_the_choice(take, synth, ear) else None
    transcribed = replace(take, heard=ear.hear(store.load(take), take.text))
    if not _still_the_choice(transcribed, synth, ear):
        return None
    store.note(transcribed)
    return transcribed


@dataclass
class _TakeAttempts:
    """The attempts at one take: each speaks with a seed of its own and is judged; rejected ones are remembered."""

    key: str
    text: str
    engine: Engine
    synth: SynthConfig
    recipe: Mapping[str, Any]
    ear: Listener | None
    rejected: list[RejectedAttempt] = field(default_factory=list)
    best: tuple[Int16, Take] | None = None
    began: float = field(default_factory=time.monotonic)

    def attempt(self, number: int) -> tuple[Int16, Take] | None:
        """Speak once and return the samples with an accepted take; None if the attempt is rejected."""
        seed = seed_for(self.key, number)
        try:
            samples = self.engine.synthesize(self.text, seed)
        except NoEndOfSpeech as error:
            self._reject(RejectedAttempt(seed, (str(error),)))
            return None
        take = self._judged(samples, number)
        if take.accepted:
            return samples, take
        self._reject(RejectedAttempt(seed, take.reasons, take.quality, take.heard))
        if self.best is None or _badness(take) < _badness(self.best[1]):
            self.best = samples, take
        return None

    def _judged(self, samples: Int16, number: int) -> Take:
        quality = measure_take(samples)
        reasons = judge(quality, self.text, self.synth.checks)
        transcript: Transcript | None = None
        # Listening costs far more than measuring, so a take that fails by measure is not transcribed.
        if self.ear is not None and not reasons:
            transcript = self.ear.hear(samples, self.text)
            reasons = self.ear.reasons(transcript, self.text)
        return self._take(samples, number, quality, reasons, transcript)

    def _take(
        self,
        samples: Int16,
        number: int,
        quality: Quality,
        reasons: Sequence[str],
        transcript: Transcript | None = None,
    ) -> Take:
        return Take(
            key=self.key,
            text=self.text,
            sha256="",
            bytes=0,
            samples=len(samples),
            engine=self.engine.name,
            seeded=self.engine.seeded,
            seed=seed_for(self.key, number),
            attempt=number,
            quality=quality,
            reasons=tuple(reasons),
            refused=tuple(self.rejected),
            heard=transcript,
            seconds=round(time.monotonic() - self.began, 3),
            recipe=self.recipe,
        )

    def _reject(self, attempt: RejectedAttempt) -> None:
        self.rejected.append(attempt)
        log.info("Attempt %d at %s is rejected: %s", len(self.rejected), quoted(self.text), "; ".join(attempt.reasons))

    def summary(self) -> str:
        """Return the reasons of all rejected attempts, for messages."""
        return "; ".join(f"attempt {n}: {', '.join(r.reasons)}" for n, r in enumerate(self.rejected, start=1))

    def advice(self) -> str:
        """Return what to do if all attempts are rejected."""
        limit = self.synth.checks.max_clipped
        clipped = [attempt.quality.clipped for attempt in self.rejected if attempt.quality]
        too_loud = limit is not None and len(clipped) == len(self.rejected) and min(clipped) > limit
        return _ADVICE_LOUD if too_loud else _ADVICE

    def least_bad(self) -> tuple[Int16, Take]:
        """Return the best rejected attempt; where no attempt ended, the first one up to the maximum length."""
        if self.best is None:
            samples = self.engine.synthesize(self.text, self.rejected[0].seed, accept_runaway=True)
            self.best = samples, self._take(samples, 0, measure_take(samples), self.rejected[0].reasons)
        samples, take = self.best
        return samples, replace(take, refused=tuple(self.rejected))


def _badness(take: Take) -> tuple[int, float]:
    """Sort key of rejected takes: number of reasons, then ASR error (inf if not transcribed)."""
    return len(take.reasons), take.heard.error if take.heard else math.inf


def make_take(
    key: str,
    text: str,
    engine: Engine,
    store: TakeStore,
    synth: SynthConfig,
    recipe: Mapping[str, Any] | None = None,
    ear: Listener | None = None,
) -> Take:
    """Return the take of a chunk: from the store, or the first of `synth.attempts` seeds that passes the checks.

    `ear`, if it wants this take, is the last of the checks. If no seed passes, raises `TakeRejected` with the text and
    every reason. With `synth.allow_failed`, or where only an ear that is not strict objects, the attempt with the
    fewest reasons (of those, the one with the best transcript) is stored instead, unaccepted; if generation never
    ended, its audio up to the maximum length. Raises other kinds of `EngineError` when the engine itself fails,
    `AudioError` when the take cannot be stored.
    """
    ear = ear if ear is not None and ear.wants(key) else None
    stored = _stored_choice(key, store, synth, ear)
    if stored is not None:
        return stored
    attempts = _TakeAttempts(key, text, engine, synth, recipe or {}, ear)
    for number in range(synth.attempts):
        accepted = attempts.attempt(number)
        if accepted is not None:
            return store.put(*accepted)
    if not synth.allow_failed and (attempts.best is None or not is_tolerated(attempts.best[1], synth, ear)):
        raise TakeRejected(
            f"No attempt at {quoted(text, 200)} was good enough ({attempts.summary()}). {attempts.advice()}"
        )
    least_bad = store.put(*attempts.least_bad())
    permission = "synth.allow_failed" if synth.allow_failed else "qa.asr: auto"
    log.warning("A rejected take of %s is used, as %s permits (%s).", quoted(text), permission, attempts.summary())
    return least_bad


def make_takes(
    chunks: Sequence[tuple[str, str]],
    engine: Engine,
    store: TakeStore,
    synth: SynthConfig,
    recipe: Mapping[str, Any] | None = None,
    progress: Callable[[int, int, float], None] | None = None,
    ear: Listener | None = None,
) -> dict[str, Take]:
    """Make the takes of (key, text) pairs; `progress` gets how many of how many are done, and the seconds left.

    An engine with several lanes is given as many chunks at once. A chunk that fails does not keep the others from being
    made: `TakeRejected` comes at the end and names them all. But an engine that fails twice running with the same words
    would fail at every chunk, and is not asked again.
    """
    takes: dict[str, Take] = {}
    failures: list[EngineError] = []
    last_words: str | None = None
    began = time.monotonic()
    jobs = [partial(make_take, key, text, engine, store, synth, recipe, ear) for key, text in chunks]
    for number, ((key, _), outcome) in enumerate(zip(chunks, in_lanes(jobs, engine.lanes), strict=True), start=1):
        try:
            takes[key] = outcome()
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
    return takes


def in_lanes(jobs: Sequence[Callable[[], T]], lanes: int) -> Iterator[Callable[[], T]]:
    """Yield, in order, a function for each job that returns its result or raises its error; `lanes` run at a time.

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
