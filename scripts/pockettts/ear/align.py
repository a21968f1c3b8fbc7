"""The quick check by ear: Whisper is not asked what it hears, but whether the words of the text are in the sound.

    samples -> log_mel -> encoder -> how probable each word of the text is -> how probable the text is without a
    doubtful word, and with a word doubled -> the most probable of these texts is the Transcript -> takes

To write down a take costs a pass of the decoder for each word, five times over, and the encoder reads 30 s however
short the take is. Here it reads the take's own frames, and one pass judges all words of a text. A language model also
heals what it writes down, and it cannot heal a text that it is given.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pockettts.config import QaConfig
from pockettts.ear.compare import compare
from pockettts.ear.listen import Ear
from pockettts.ear.whisper import LISTENING, MODEL_PACKAGE, PAD_SECONDS, check_ready, load_whisper
from pockettts.ear.words import runs_of
from pockettts.takes.acceptance import Transcript
from pockettts.values import FULL_SCALE, RATE, Int16, language_code, quoted

VERSION = 1
"""Part of the name of this listener: raise it when the same samples may give different words."""

# Whisper reads spectra of 25 ms every 10 ms, of sound at 16 kHz. Those of 25 ms at 24 kHz have bins of the same
# frequencies and 4 kHz more, so nothing has to be resampled.
_WINDOW, _HOP, _BINS, _WHISPER_WINDOW = RATE // 40, RATE // 100, 201, 400
_LEAST = 1e-10
_FAR_BELOW = 1e-4  # 40 dB
_FRAME_SECONDS = 0.02  # of the encoder
_LONGEST_SECONDS = 29.0  # of a take, with silence around it, that the encoder can read

# All likelihoods are natural logarithms. These limits were measured: docs/BOOKS.md has the table.
# Below the first mean of a word a take does not have the text. Below the second it has not, if more than this share of
# what Whisper writes down is wrong.
_LEAST_MEAN, _DOUBTFUL_MEAN, _NOT_THE_TEXT = -4.0, -2.5, 0.5
_MISSING_GAIN, _MISSING_GAIN_OF_LITTLE, _MISSING_GAIN_WITH_TIME = 3.5, 5.0, 12.0
_DOUBLED_GAIN, _DOUBLED_GAIN_AT_END = -5.0, 0.5
# What is tried: a word this improbable may be missing; one before a piece this improbable may be doubled.
_MAYBE_MISSING, _MOST_MISSING, _LONGEST_RUN = -2.5, 4, 6
_MAYBE_DOUBLED, _MOST_DOUBLED = -0.07, 6
# A word that is missing takes no time. One that is spelled in a way that Whisper does not expect takes its time.
_LETTERS, _SECONDS_PER_LETTER = 6, 0.045
# An edit shows in the words behind it. Edits that are further apart are tried in one pass.
_REACH, _DISTANCE = 3, 4

Kind = Literal["missing", "doubled"]


@dataclass(frozen=True, slots=True)
class Edit:
    """A way in which a take may differ from its text: the word at a place is missing, or several, or it is doubled."""

    kind: Kind
    at: int
    count: int = 1

    @property
    def last(self) -> int:
        """The place of its last word."""
        return self.at + self.count - 1


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a sequence of words fits a take: for each word its likelihood, that of its first piece, and its start.

    `end` is the likelihood of the mark behind the last word. Starts, and `end_start` of the mark, are in seconds.
    """

    words: tuple[float, ...]
    firsts: tuple[float, ...]
    starts: tuple[float, ...]
    end: float
    end_start: float

    @property
    def mean(self) -> float:
        """The mean likelihood of a word."""
        return sum(self.words) / max(1, len(self.words))

    def seconds(self, first: int, last: int) -> float:
        """How long words last, with the pause behind them."""
        return (*self.starts, self.end_start)[last + 1] - self.starts[first]


def plain_words(text: str) -> tuple[str, ...]:
    """Return a text as Whisper would write it: words with the marks of a plain sentence, and a mark at its end."""
    plain = re.sub(r"[“”\"()\[\]«»„*_]|(?<!\w)'|'(?!\w)", "", text.replace("’", "'").replace("‘", "'"))
    plain = re.sub(r"\s*(?:--+|[—–;:])\s*", ", ", plain)
    plain = re.sub(r"\.\.\.+|…", ".", plain)
    plain = re.sub(r"\b([Tt])o-(day|night|morrow)\b", r"\1o\2", plain)
    plain = re.sub(r"\bMister\b", "Mr.", re.sub(r"\bMissus\b", "Mrs.", plain))
    words = [_calm(word) for word in plain.split() if bare(word)]
    return _ended(words)


def _calm(word: str) -> str:
    """Return a word in capitals as it is written without emphasis; an abbreviation has no vowel, or stays unlikely."""
    return word.capitalize() if word.isupper() and len(bare(word)) > 1 and re.search("[AEIOUY]", word) else word


def _ended(words: Sequence[str]) -> tuple[str, ...]:
    """Return words with a mark at the end, whose likelihood shows whether the speech ends there, too."""
    if not words or words[-1][-1] in ".!?":
        return tuple(words)
    return (*words[:-1], f"{words[-1].rstrip(',')}.")


def edited(words: Sequence[str], edits: Iterable[Edit]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the words of a sentence with edits, and for each the place it comes from; a double is the later of two."""
    missing, doubled = set[int](), set[int]()
    for edit in edits:
        (missing if edit.kind == "missing" else doubled).update(range(edit.at, edit.last + 1))
    result: list[tuple[str, int]] = []
    for at, word in enumerate(words):
        if at not in missing:
            result += [(word.rstrip(",.!?"), at), (word, at)] if at in doubled else [(word, at)]
    return _ended([word for word, _ in result]), tuple(at for _, at in result)


def is_spoken(edit: Edit, words: Sequence[str], fit: Fit) -> bool:
    """Whether words take as much time as their letters need, which speaks against their being missing."""
    letters = sum(character.isalnum() for word in words[edit.at : edit.last + 1] for character in word)
    return letters >= _LETTERS and fit.seconds(edit.at, edit.last) >= letters * _SECONDS_PER_LETTER


def doubtful(words: Sequence[str], fit: Fit) -> list[Edit]:
    """Return the edits that are worth trying, the likeliest first: only words that do not fit well give reason to."""
    improbable = [at for at in range(len(words)) if fit.words[at] < _MAYBE_MISSING]
    missing = sorted(improbable, key=lambda at: (is_spoken(Edit("missing", at), words, fit), fit.words[at]))[
        :_MOST_MISSING
    ]
    behind = (*fit.firsts[1:], fit.end)
    doubled = sorted(
        (at for at in range(len(words)) if behind[at] < _MAYBE_DOUBLED and not _is_repeated(words, at)),
        key=lambda at: behind[at],
    )
    edits = [
        *(Edit("missing", at) for at in missing),
        *(Edit("missing", run[0], len(run)) for run in runs_of(improbable) if 1 < len(run) <= _LONGEST_RUN),
        *(Edit("doubled", at) for at in doubled[:_MOST_DOUBLED]),
    ]
    return [edit for edit in edits if edit.kind == "doubled" or edit.count < len(words)]


def _is_repeated(words: Sequence[str], at: int) -> bool:
    """Whether a text itself has a word twice within a few words, as in "again and again": Whisper does not count."""
    near = [bare(word) for word in words[max(0, at - _REACH) : at + _REACH + 1]]
    return near.count(bare(words[at])) > 1


def bare(word: str) -> str:
    """Return a word without marks and case."""
    return "".join(character for character in word.casefold() if character.isalnum())


def passes(edits: Iterable[Edit]) -> list[list[Edit]]:
    """Divide edits into a few passes, in each of which they are far enough from each other."""
    groups: list[list[Edit]] = []
    for edit in edits:
        apart = (g for g in groups if all(max(edit.at - e.last, e.at - edit.last) >= _DISTANCE for e in g))
        group = next(apart, None)
        if group is None:
            groups.append([edit])
        else:
            group.append(edit)
    return groups


def gain(edit: Edit, fit: Fit, other: Fit, origins: Sequence[int]) -> float:
    """Return how much more probable a take's words are with an edit: `other` is the fit of the edited words.

    Only the word itself and those behind it count, since an edit changes nothing before it. `origins` are the places
    in the text of the edited words.
    """
    last = min(edit.last + _REACH, len(fit.words) - 1)
    here = range(edit.at, last + 1)
    total = sum(value for value, at in zip(other.words, origins, strict=True) if at in here)
    total -= sum(fit.words[at] for at in here)
    return total + (other.end - fit.end if last == len(fit.words) - 1 else 0.0)


def needed_gain(edit: Edit, words: Sequence[str], fit: Fit) -> float:
    """Return the gain from which an edit is believed."""
    if edit.kind == "doubled":
        return _DOUBLED_GAIN_AT_END if edit.at == len(words) - 1 else _DOUBLED_GAIN
    if is_spoken(edit, words, fit):
        return _MISSING_GAIN_WITH_TIME
    # Whisper is less sure of a word that nothing stands before or behind, and of "a" and "I".
    little = edit.at == 0 or edit.last == len(words) - 1 or len(bare(words[edit.at])) == 1
    return _MISSING_GAIN_OF_LITTLE if little and edit.count == 1 else _MISSING_GAIN


def log_mel(samples: Int16, filters: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the spectra that Whisper reads of a take, int16 at 24 kHz, shape (n,): shape (bands, frames), frames even.

    `filters` are those of the model, shape (bands, 201). Formula: log_mel_spectrogram of openai/whisper.
    """
    sound = np.pad(samples.astype(np.float32) / np.float32(FULL_SCALE), round(PAD_SECONDS * RATE))
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(sound, _WINDOW // 2, mode="reflect"), _WINDOW)[:-1:_HOP]
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32) * np.float32(_WHISPER_WINDOW / _WINDOW)
    powers = np.square(np.abs(np.fft.rfft(frames[: len(frames) // 2 * 2] * window, axis=1)[:, :_BINS]))
    mels = np.log10(np.maximum(filters @ powers.T.astype(np.float32), _LEAST))
    return np.ascontiguousarray((np.maximum(mels, mels.max() - 8) + 4) / 4, np.float32)


def onset(samples: Int16) -> float:
    """Return the time of the first sound in a take, in seconds: of 10 ms that are at most 40 dB below the loudest."""
    powers = np.square(samples[: len(samples) // _HOP * _HOP].astype(np.float64)).reshape(-1, _HOP).mean(axis=1)
    return float(np.argmax(powers > powers.max() * _FAR_BELOW)) * _HOP / RATE if len(powers) else 0.0


class _Aligned:
    """A take as the encoder has read it, and the fits of words to it."""

    def __init__(self, whisper: Any, language: str, samples: Int16) -> None:
        from ctranslate2 import StorageView  # type: ignore[import-untyped]
        from faster_whisper.tokenizer import Tokenizer

        mels = log_mel(samples, whisper.feature_extractor.mel_filters)
        self._onset = PAD_SECONDS + onset(samples)
        self._model, self._frames = whisper.model, mels.shape[1]
        self._encoded = self._model.encode(StorageView.from_array(mels[None]))
        multilingual = self._model.is_multilingual
        self._tokenizer = Tokenizer(
            whisper.hf_tokenizer, multilingual, task="transcribe" if multilingual else None, language=language
        )

    def fit(self, words: Sequence[str]) -> Fit:
        """Return how well words fit the take, all of them in one pass."""
        pieces = [self._tokenizer.encode(f" {word}") for word in words]
        tokens = [token for word in pieces for token in word]
        sequence = list(self._tokenizer.sot_sequence)
        (result,) = self._model.align(self._encoded, sequence, [tokens], self._frames)
        likelihoods = np.log(np.maximum(result.text_token_probs, _LEAST))
        starts: dict[int, float] = {}
        for token, frame in result.alignments:
            starts.setdefault(token, frame * _FRAME_SECONDS)
        ends = np.cumsum([len(word) for word in pieces])
        spoken = [
            (end - len(word), max(end - self._marks(word), end - len(word) + 1))
            for end, word in zip(ends, pieces, strict=True)
        ]
        return Fit(
            words=tuple(float(likelihoods[first:last].sum()) for first, last in spoken),
            firsts=tuple(float(likelihoods[first]) for first, _ in spoken),
            # Whisper gives the silence before the first word to it.
            starts=tuple(max(self._onset, starts.get(first, 0.0)) for first, _ in spoken),
            end=float(likelihoods[-1]),
            end_start=starts.get(len(tokens) - 1, self._frames * _FRAME_SECONDS / 2),
        )

    def _marks(self, pieces: Sequence[int]) -> int:
        """Return how many pieces at the end of a word are marks."""
        spoken = [any(character.isalnum() for character in self._tokenizer.decode([piece])) for piece in pieces]
        return spoken[::-1].index(True) if any(spoken) else 0


class Aligner:
    """Looks for the words of a text in its take; the model is loaded by the first one, once a process.

    If it is not `strict`, a take that it doubts is used where no attempt is better.
    """

    def __init__(self, config: QaConfig, language: str) -> None:
        check_ready(config, language)
        self.config = config
        self.language = language_code(language)
        self.strict = config.asr != "auto"
        self.name = f"{config.model or MODEL_PACKAGE}, aligned {VERSION}"
        self._spent, self._checked_seconds = 0.0, 0.0
        self._ear = Ear(config, language)

    def wants(self, key: str) -> bool:
        """Whether the take of this content key is to be checked: all are."""
        return True

    def hear(self, samples: Int16, text: str) -> Transcript:
        """Return the words of a take of `text`, int16 at 24 kHz, shape (n,): the text, or what fits the sound better.

        A take that does not have the text at all is written down. The same samples give the same words.
        """
        words = plain_words(text)
        if not words:
            return Transcript(text, 0.0, self.name)
        mean, likeliest = -math.inf, words
        if len(samples) <= _LONGEST_SECONDS * RATE:
            mean, likeliest = LISTENING.submit(self._fitted, samples, words).result()
        if mean < _DOUBTFUL_MEAN:
            written = self._ear.hear(samples, text)
            if mean < _LEAST_MEAN or written.error > _NOT_THE_TEXT:
                return Transcript(written.words, written.error, self.name)
        if likeliest == words:
            return Transcript(text, 0.0, self.name)
        transcript = " ".join(likeliest)
        return Transcript(transcript, compare(text, transcript, self.language).error, self.name)

    def _fitted(self, samples: Int16, words: tuple[str, ...]) -> tuple[float, tuple[str, ...]]:
        """Return the mean likelihood of words in a take, and the words that fit it best."""
        began = time.perf_counter()
        try:
            take = _Aligned(load_whisper(self.config.model), self.language, samples)
            fit = take.fit(words)
            if fit.mean < _LEAST_MEAN:
                return fit.mean, words
            believed = []
            for edits in passes(doubtful(words, fit)):
                changed, origins = edited(words, edits)
                other = take.fit(changed)
                believed += [e for e in edits if gain(e, fit, other, origins) >= needed_gain(e, words, fit)]
            return fit.mean, edited(words, believed)[0]
        finally:
            self._spent += time.perf_counter() - began
            self._checked_seconds += len(samples) / RATE

    def cost(self) -> str:
        """Return how long the check has taken so far, for a log."""
        return f"checked by ear: {self._checked_seconds:.0f} s of speech in {self._spent:.1f} s"

    def reasons(self, transcript: Transcript, text: str) -> list[str]:
        """Return why a take of `text` with this transcript is rejected, a phrase each; empty if it is accepted."""
        comparison = compare(text, transcript.words, self.language)
        if not comparison.faults:
            return []
        return [f"it was heard as {quoted(transcript.words, 120)}: {comparison.describe_faults()}"]
