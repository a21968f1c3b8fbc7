"""What stands at a place of a book, and why it was or will be made: above `book`, read by `pockettts book explain`.

A place is a moment of the recording, found in timeline.json, or a take's key. What was built is compared with what
would be built now.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pockettts import book, files
from pockettts.audio.join import Span, Timeline
from pockettts.book import Book, Setup
from pockettts.config import SynthConfig
from pockettts.ear import Ear, open_ear
from pockettts.errors import AudioError, UsageError
from pockettts.takes import Take, TakeStore, content_key, reasons_against

_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d*)?)s?")
_KEY = re.compile(r"[0-9a-f]{4,32}")


@dataclass(frozen=True)
class Explanation:
    """One take of a book. Numbers count from 1; times are seconds from the start, None where it was not built.

    `made` tells how the audio came to be, a sentence each; `next` what the next build will do with it, and why.
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
    """Return the seconds of 1:23:45, 23:45.5, 83 or 83.5s; None for what is no time."""
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def explain(opened: Book, setup: Setup, place: str) -> Explanation:
    """Explain the take at a moment of the recording or of a key, of which the first characters are enough.

    Raises `UsageError` for a place that is none, or not in this book.
    """
    built = _Built.read(opened.name)
    # Many digits and nothing else are the beginning of a key.
    seconds = None if place.isdigit() and len(place) >= 8 else parse_time(place)
    if seconds is not None:
        key = built.at(seconds).key
    elif _KEY.fullmatch(place.lower()):
        key = _whole_key(place.lower(), [*opened.keys, *(chunk["key"] for chunk in built.chunks)])
    else:
        raise UsageError(f"{place!r} is neither a time such as 1:23:45 nor the key of a take.")
    return _Explainer(opened, setup, built, key).explanation()


def _whole_key(start: str, keys: Sequence[str]) -> str:
    found = sorted({key for key in keys if key.startswith(start)})
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(f"No take of this book has a key that begins with {start}.")
    raise UsageError(
        f"{len(found)} takes have a key that begins with {start}; give more of it: {', '.join(found[:5])}."
    )


@dataclass(frozen=True)
class _Built:
    """What the last build left in results/{book}; empty where it left nothing."""

    name: str
    chunks: Sequence[Mapping[str, Any]]
    timeline: Timeline | None

    @classmethod
    def read(cls, name: str) -> _Built:
        folder = book.RESULTS / name
        chunks = folder / "chunks.json"
        timeline = folder / "timeline.json"
        return cls(
            name,
            files.read_json(chunks, "the list of chunks")["chunks"] if chunks.exists() else [],
            Timeline.from_json(timeline.read_text(encoding="utf-8")) if timeline.exists() else None,
        )

    def at(self, seconds: float) -> Span:
        """Return the take that sounds at a moment, or whose pause does."""
        if self.timeline is None:
            raise UsageError(f"{book.RESULTS / self.name}/timeline.json is not there: build the book to have times.")
        rate, entries = self.timeline.rate, self.timeline.entries
        if seconds > self.timeline.samples / rate:
            raise UsageError(f"The recording of {self.name} ends at {clock(self.timeline.samples / rate)}.")
        begun = [span for span in entries if span.start <= seconds * rate]
        if not begun:
            raise UsageError(
                f"At {clock(seconds)} is the silence before the first word ({clock(entries[0].start / rate)})."
            )
        return begun[-1]

    def span(self, key: str) -> Span | None:
        """Return where a take sounds first."""
        return next((span for span in self.timeline.entries if span.key == key), None) if self.timeline else None


def clock(seconds: float) -> str:
    """Write seconds as 1:23:45.6."""
    whole, tenths = divmod(round(seconds * 10), 10)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}.{tenths}"


class _Explainer:
    def __init__(self, opened: Book, setup: Setup, built: _Built, key: str) -> None:
        self.book, self.setup, self.built, self.key = opened, setup, built, key
        self.store = TakeStore(book.STORE)
        self.take = self._sidecar()

    def explanation(self) -> Explanation:
        opened, key, take = self.book, self.key, self.take
        place = opened.keys.index(key) if key in opened.keys else None
        was = next((dict(chunk) for chunk in self.built.chunks if chunk["key"] == key), None)
        if place is not None:
            chunk = asdict(opened.plan.chunks[place])
        elif was is not None:
            chunk = was
        else:
            raise UsageError(f"The list of chunks does not name {key}, which the timeline does: build the book again.")
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
        """Return what the store says of the take, whether or not its audio is there."""
        try:
            return Take.from_dict(json.loads(self.store.path(self.key).with_suffix(".json").read_text("utf-8")))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def _made(self) -> list[str]:
        take = self.take
        if take is None:
            return []
        told = [f"attempt {n} was refused: {', '.join(one.reasons)}" for n, one in enumerate(take.refused, start=1)]
        if take.accepted:
            told.append(f"attempt {take.attempt + 1} was accepted after {take.seconds:.1f} s of work")
        else:
            told.append("the best refused attempt is used, as synth.allow_failed says")
        batch = self._batch()
        repairs = book.RESULTS / self.book.name / book.REPAIRS
        if batch and repairs.exists() and batch in files.read_json(repairs, "the list of repairs"):
            told.append("its job ran again once, since a take of it was gone or damaged (repairs.json)")
        return told

    def _batch(self) -> str | None:
        return next((name for name, keys in self.book.batches.items() if self.key in keys), None)

    def _next(self, planned: bool, text: str) -> str:
        """Say what the next build does with the take."""
        if not planned:
            return f"nothing: it is no part of the book any more, {self._why_other(text)}"
        receipt = book.RESULTS / self.book.name / "takes" / f"{self._batch()}.json"
        fault = self._fault(receipt)
        if self.take is None or (fault and fault.startswith("its audio")):
            return f"it is spoken: {fault or 'the store has no such take'}"
        ear = open_ear(self.setup.config.qa, self.setup.language)
        ear = ear if ear is not None and ear.wants(self.key) else None
        refused = _against(self.take, self.setup.config.synth, ear)
        if refused:
            return f"it is spoken again: {refused}"
        if not receipt.exists():
            unheard = ear is not None and (self.take.heard is None or self.take.heard.by != ear.name)
            first = "heard, since qa.asr asks for it, and if it is good " if unheard else ""
            return f"it is {first}taken from the store, and its job writes a receipt ({receipt} is not there)"
        return f"nothing: the receipt {receipt} and the store agree"

    def _fault(self, receipt: Path) -> str | None:
        audio = self.store.path(self.key)
        if not audio.exists():
            return "its audio is not in the store"
        if self.take is None:
            return "its audio has no sidecar"
        if files.sha256_file(audio) != self.take.sha256:
            return "its audio is damaged: the sha256 is not that of its sidecar"
        if receipt.exists():
            summary = files.read_json(receipt, "the receipt", AudioError).get(self.key, {})
            if summary.get("sha256") != self.take.sha256:
                return "its audio is another than its receipt says"
        return None

    def _why_other(self, text: str) -> str:
        if text not in {chunk.text for chunk in self.book.plan.chunks}:
            return "since its text is not in it"
        changed = sorted(_differences(self.take.recipe if self.take else {}, self.setup.recipe.as_dict()))
        now = content_key(text, self.setup.recipe)
        return f"since its text is now the take {now}, by another recipe ({', '.join(changed) or 'unknown'})"


def _against(take: Take, synth: SynthConfig, ear: Ear | None) -> str | None:
    """Say why the settings of now would not choose this take, if so; `ear` where it is to be heard."""
    if take.attempt >= synth.attempts:
        return f"it is attempt {take.attempt + 1}, and synth.attempts is now {synth.attempts}"
    if reasons := reasons_against(take, take.text, synth, ear):
        return None if synth.allow_failed and not take.accepted else f"by the checks of now {', '.join(reasons)}"
    for number, one in enumerate(take.refused, start=1):
        if one.quality is not None and not reasons_against(one, take.text, synth, ear):
            return f"attempt {number}, which was refused, passes the checks of now"
    return None


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], path: str = "") -> list[str]:
    """Name what differs between two recipes, with both values."""
    told = []
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            told += _differences(before, after, f"{path}{name}.")
        elif before != after:
            told.append(f"{path}{name}: {before} -> {after}")
    return told
