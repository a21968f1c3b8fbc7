"""Explains what is spoken at a place of a book and why. Above `book`; `pockettts book explain` shows it.

A place is a moment of the recording, looked up in timeline.json, or a take's key. The last build is compared with what
the next one would make.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pockettts import files
from pockettts.audio.join import Span, Timeline
from pockettts.book import Book, recorded_division
from pockettts.config import SynthConfig
from pockettts.ear import open_ear
from pockettts.errors import AudioError, PocketTTSError, UsageError
from pockettts.project import BookPaths, Project
from pockettts.takes import Listener, Take, content_key, is_tolerated, is_whole, reasons_against

_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d*)?)s?")
_KEY = re.compile(r"[0-9a-f]{4,32}")


@dataclass(frozen=True)
class Explanation:
    """One take of a book. Numbers count from 1; times are seconds from the start, None where it was not built.

    `made` is the history of the audio in sentences; `next` is what the next build will do with it, and why.
    """

    book: str
    key: str
    text: str
    number: int | None
    chunks: int
    chapter: str | None
    source: str | None
    start: float | None
    end: float | None
    file: str
    seed: int | None
    attempt: int | None
    engine: str | None
    made: Sequence[str]
    next: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def parse_time(text: str) -> float | None:
    """Return the seconds of 1:23:45, 23:45.5, 83 or 83.5s; None if it is not a time."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def explain(opened: Book, project: Project, place: str) -> Explanation:
    """Explain the take at a moment of the recording, or of a key, of which the first characters are enough.

    Raises `UsageError` for a place that is not in this book.
    """
    built = _Built.read(opened.name, project.of_book(opened.name))
    # Many digits and nothing else are the beginning of a key.
    seconds = None if place.isdigit() and len(place) >= 8 else parse_time(place)
    if seconds is not None:
        key = built.at(seconds).key
    elif _KEY.fullmatch(place.lower()):
        key = _whole_key(place.lower(), [*opened.keys, *(chunk["key"] for chunk in built.chunks)])
    else:
        raise UsageError(f"{place!r} is neither a time such as 1:23:45 nor the key of a take.")
    return _Explainer(opened, project, built, key).explanation()


def _whole_key(start: str, keys: Sequence[str]) -> str:
    matches = sorted({key for key in keys if key.startswith(start)})
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise UsageError(f"No take of this book has a key that begins with {start}.")
    raise UsageError(
        f"{len(matches)} takes have a key that begins with {start}; give more characters: {', '.join(matches[:5])}."
    )


@dataclass(frozen=True)
class _Built:
    """What the last build left in results/{book}; empty where it left nothing."""

    name: str
    chunks: Sequence[Mapping[str, Any]]
    timeline: Timeline | None

    @classmethod
    def read(cls, name: str, paths: BookPaths) -> _Built:
        chunks, timeline = paths.chunks, paths.timeline
        return cls(
            name,
            files.read_json(chunks, "the list of chunks")["chunks"] if chunks.exists() else [],
            Timeline.from_json(files.read_json(timeline, "the timeline", AudioError)) if timeline.exists() else None,
        )

    def at(self, seconds: float) -> Span:
        """Return the take that plays at a moment; a pause belongs to the take before it."""
        if self.timeline is None:
            raise UsageError(f"{self.name} has no timeline yet: build the book first.")
        rate, entries = self.timeline.rate, self.timeline.entries
        if seconds > self.timeline.samples / rate:
            raise UsageError(f"The recording of {self.name} ends at {clock(self.timeline.samples / rate)}.")
        earlier = [span for span in entries if span.start <= seconds * rate]
        if not earlier:
            raise UsageError(
                f"At {clock(seconds)} there is silence before the first word ({clock(entries[0].start / rate)})."
            )
        return earlier[-1]

    def span(self, key: str) -> Span | None:
        """Return where a take plays first."""
        return next((span for span in self.timeline.entries if span.key == key), None) if self.timeline else None


def clock(seconds: float) -> str:
    """Write seconds as 1:23:45.6."""
    whole, tenths = divmod(round(seconds * 10), 10)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}.{tenths}"


class _Explainer:
    def __init__(self, opened: Book, project: Project, built: _Built, key: str) -> None:
        self.book, self.project, self.built, self.key = opened, project, built, key
        self.paths, self.store = project.of_book(opened.name), project.store
        self.take = self._sidecar()

    def explanation(self) -> Explanation:
        opened, key, take = self.book, self.key, self.take
        place = opened.keys.index(key) if key in opened.keys else None
        former = next((dict(chunk) for chunk in self.built.chunks if chunk["key"] == key), None)
        if place is not None:
            chunk = asdict(opened.plan.chunks[place])
        elif former is not None:
            chunk = former
        else:
            raise UsageError(f"The timeline names {key}, but the list of chunks does not: build the book again.")
        span = self.built.span(key)
        rate = self.built.timeline.rate if self.built.timeline else 1
        chapters = opened.plan.chapters
        return Explanation(
            book=opened.name,
            key=key,
            text=chunk["text"],
            number=None if place is None else place + 1,
            chunks=len(opened.keys),
            chapter=chapters[chunk["chapter"]] if chunk["chapter"] < len(chapters) else None,
            source=None if place is None else f"{opened.source}, characters {chunk['start']} to {chunk['end']}",
            start=span.start / rate if span else None,
            end=span.end / rate if span else None,
            file=str(self.store.path(key)),
            seed=take.seed if take else None,
            attempt=take.attempt + 1 if take else None,
            engine=take.engine if take else None,
            made=self._made(),
            next=self._next(place is not None, chunk["text"]),
        )

    def _sidecar(self) -> Take | None:
        """Return the sidecar of the take, even where its audio is missing; None if there is no valid one."""
        try:
            return Take.from_dict(files.read_json(self.store.path(self.key).with_suffix(".json")))
        except (PocketTTSError, OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def _made(self) -> list[str]:
        take = self.take
        if take is None:
            return []
        history = [f"attempt {n} was rejected: {', '.join(one.reasons)}" for n, one in enumerate(take.refused, start=1)]
        if take.accepted:
            history.append(f"attempt {take.attempt + 1} was accepted after {take.seconds:.1f} s of work")
        else:
            history.append("the best rejected attempt is used, as synth.allow_failed allows")
        batch = self._batch()
        repairs = self.paths.repairs
        if batch and repairs.exists() and batch in files.read_json(repairs, "the list of repairs"):
            history.append("its job ran again once, because its pack was missing or damaged (repairs.json)")
        return history

    def _batch(self) -> str | None:
        division = recorded_division(self.book, self.project)
        return next((name for name, keys in division.items() if self.key in keys), None)

    def _next(self, planned: bool, text: str) -> str:
        """Return what the next build does with the take."""
        if not planned:
            return f"nothing: it is no longer part of the book, {self._why_replaced(text)}"
        receipt = self.paths.receipt(str(self._batch()))
        if is_whole(receipt, [self.key]):
            return f"nothing: the receipt {receipt} and its pack agree"
        fault = self._fault()
        if self.take is None or fault:
            return f"it is spoken: {fault or 'it is not in the store'}"
        ear = open_ear(self.project.qa, self.project.language, of_book=True)
        ear = ear if ear is not None and ear.wants(self.key) else None
        objection = _against(self.take, self.project.synth_for_voice(), ear)
        if objection:
            return f"it is spoken again: {objection}"
        unchecked = ear is not None and (self.take.heard is None or self.take.heard.by != ear.name)
        first = "checked by speech recognition, as qa.asr requires, and if it passes " if unchecked else ""
        return f"it is {first}taken from the store, and its job writes the receipt {receipt}"

    def _fault(self) -> str | None:
        audio = self.store.path(self.key)
        if not audio.exists():
            return "its audio is not in the store"
        if self.take is None:
            return "its audio has no sidecar"
        if files.sha256_file(audio) != self.take.sha256:
            return "its audio is damaged: the sha256 is not that of its sidecar"
        return None

    def _why_replaced(self, text: str) -> str:
        if text not in {chunk.text for chunk in self.book.plan.chunks}:
            return "since its text is not in it"
        changed = sorted(_differences(self.take.recipe if self.take else {}, self.project.recipe.as_dict()))
        replacement = content_key(text, self.project.recipe)
        return f"since its text is now the take {replacement}, whose recipe differs ({', '.join(changed) or 'unknown'})"


def _against(take: Take, synth: SynthConfig, ear: Listener | None) -> str | None:
    """Return why the current settings would not choose this take; `ear` if it must be checked by speech recognition."""
    if take.attempt >= synth.attempts:
        return f"it is attempt {take.attempt + 1}, and synth.attempts is now {synth.attempts}"
    if reasons := reasons_against(take, take.text, synth, ear):
        return (
            None
            if not take.accepted and is_tolerated(take, synth, ear)
            else f"under the current checks, {', '.join(reasons)}"
        )
    for number, one in enumerate(take.refused, start=1):
        if one.quality is not None and not reasons_against(one, take.text, synth, ear):
            return f"attempt {number}, which was rejected, passes the current checks"
    return None


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], path: str = "") -> list[str]:
    """Return the differences between two recipes, each with both values."""
    rows = []
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            rows += _differences(before, after, f"{path}{name}.")
        elif before != after:
            rows.append(f"{path}{name}: {before} -> {after}")
    return rows
