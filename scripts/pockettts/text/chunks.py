"""From chapters to chunks, the unit of synthesis: normalize, find sentences, pack them, set the pauses.

Packing is local, so that an edit re-makes few chunks: it starts again in every paragraph, and inside a long paragraph
at sentences that their own text marks as a start (`_ANCHOR`), wherever the packing before them stands.
"""

from __future__ import annotations

import itertools
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil
from typing import Literal

from pockettts.config import PauseConfig, TextConfig
from pockettts.errors import ManuscriptError
from pockettts.text.dictionary import Dictionary, load_dictionary
from pockettts.text.manuscript import Manuscript, Paragraph
from pockettts.text.mapped import Mapped
from pockettts.text.normalize import normalize
from pockettts.text.sentences import sentence_spans
from pockettts.text.speakable import finish, tidy
from pockettts.values import language_code

Border = Literal["clause", "sentence", "paragraph", "heading", "chapter", "mark", "end"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one take says, the silence after it in seconds, and what it stands for in the source.

    `border` names what ends the chunk: a cut inside a sentence (`clause`), a sentence, a paragraph, a heading
    or a scene (`heading`), a chapter, a `[pause: ...]` mark, or the book. `start` and `end` are characters of
    the decoded source; the spans of chunks are in order and do not overlap.
    """

    text: str
    pause: float
    border: Border
    chapter: int
    start: int
    end: int


_ANCHOR = 3
_MARK_TRY = re.compile(r"\[\s*pause\s*(?:[:=\d.,+-][^\]\n]{0,40})?(?:\]|$)", re.I)
_MARK = re.compile(
    r"\[\s*pause\s*:?\s*(?P<value>\d{1,5}(?:\.\d{1,6})?|\.\d{1,6})\s*(?P<unit>ms|s|sec|seconds?)?\s*\]", re.I
)
_LONGEST_PAUSE = 60.0
# Where an over-long sentence may be cut, with a price. Models speak the last word before a cut well only before a
# terminal mark, and upstream replaces a comma there by a full stop. A full stop would sink the voice where the sentence
# goes on, so a piece ends in an ellipsis, the terminal mark of what goes on; only before a semicolon or colon it is a
# full stop.
_FALLING, _SUSPENDED = ".", "..."
_FALLS_AFTER = (";", ":")
# Somebody is interrupted: `If you only knew--`.
_BROKEN_OFF = re.compile(r"\w[\"'”’»]?\s?(?:--+|[—–―⸺]+)[\s\"'”’»)\]]*\Z")
_CLAUSES = {
    "en": (
        "because|when|while|where|if|though|although|until|unless|whereas",
        "and|but|or|nor|which|who|whom|whose|that",
        "for|so|yet|as|since|before|after|without|with|then|than",
    ),
    "de": (
        "weil|wenn|obwohl|während|bis|damit|dass|daß|ob|nachdem|bevor|indem",
        "und|oder|aber|sondern",
        "denn|als|wie|der|die|das",
    ),
    "fr": (
        "quand|lorsque|puisque|parce|quoique|tandis|où",
        "et|ou|mais|donc|ni|que|qui|dont",
        "car|comme|si|avec|sans|pour",
    ),
    "es": (
        "porque|cuando|aunque|mientras|donde",
        "y|e|o|u|pero|sino|ni|que|quien|cual",
        "pues|como|si|con|sin|para",
    ),
    "it": (
        "perché|quando|mentre|benché|dove",
        "e|ed|o|ma|né|che|cui",
        "come|se|con|senza|per",
    ),
    "pt": (
        "porque|quando|enquanto|embora|onde",
        "e|ou|mas|nem|que",
        "pois|como|se|com|sem|para",
    ),
    "nl": (
        "omdat|toen|terwijl|zodat|hoewel|waar|wanneer|nadat|voordat",
        "en|of|maar|noch|dat",
        "want|als|die|met|zonder|om",
    ),
}
# No clause ends on these: `the site of | which`, `he said that | if`.
_OPEN_END = re.compile(
    r"\b(?:of|in|on|at|to|for|from|with|by|upon|about|into|than|and|but|or|nor|that|which|who|if|as|because|when|the|a|an"
    r"|der|die|das|den|dem|des|ein|eine|und|oder|aber|von|mit|zu|in|auf|de|du|des|le|la|les|un|une|et|ou|que|qui|à|en"
    r"|el|los|las|y|o|con|por|il|lo|gli|e|di|da|che|os|as|do|da|em|het|een|van|op|te|dat),?\Z",
    re.I,
)
_OPEN_END_PRICE = 3.0


@cache
def _cuts(language: str) -> tuple[tuple[float, re.Pattern[str]], ...]:
    """Borders inside a sentence of a language, with the price of a cut there."""
    subordinate, coordinate, weak = _CLAUSES.get(language, _CLAUSES["en"])
    return (
        (0.0, re.compile(r"(?<=[;:.!?])\s")),
        (0.5, re.compile(rf"(?<=,)\s(?=(?:{subordinate}|{coordinate}|{weak})\s)")),
        (0.9, re.compile(rf"(?<![,;:])\s(?=(?:{subordinate})\s)")),
        (1.2, re.compile(r"(?<=,)\s")),
        (1.5, re.compile(rf"(?<![,;:])\s(?=(?:{coordinate})\s)")),
        (3.0, re.compile(r"\s")),
    )


# A dash or bracket of the source, which is spoken as a comma, divides more than a comma does.
_BREAK = re.compile(r"--|[—–―⸺()\[\]]")
_BREAK_PRICE = 0.3
_MORE_PIECES_PRICE = 1.5


# Models split what is longer than 50 tokens themselves, at any comma, with a seam inside the take. The tokens of a text
# are estimated from its words and marks; fitted on novels with the tokenizer of the English models, the estimate is
# within 5 tokens for 9 of 10 chunks, so that a limit of 48 keeps all but a few whole.
_MOST_TOKENS = 48
_SURELY_FEW_TOKENS = 100  # characters
_TOKEN_WORD = re.compile(r"[^\W_]+")
_TOKEN_MARK = re.compile(r"[^\w\s]")


def estimated_tokens(text: str) -> float:
    """About how many tokens of a Pocket TTS model a text has."""
    words = _TOKEN_WORD.findall(text)
    short = sum(len(word) <= 4 for word in words)
    long = sum(len(word) >= 7 for word in words)
    capitals = sum(word[0].isupper() for word in words)
    marks = len(_TOKEN_MARK.findall(text))
    tokens: float = 0.166 * len(text) + 0.77 * len(words) - 0.5 * short + 0.64 * long + 0.45 * capitals + 1.06 * marks
    return tokens


def _segments(paragraph: Paragraph, manuscript: Manuscript) -> list[tuple[Mapped, float | None]]:
    """The passages between pause marks, each with the pause that its mark sets; None after the last."""
    mapped = paragraph.mapped
    if "[" not in mapped.text:
        return [(mapped, None)]
    passages: list[tuple[Mapped, float | None]] = []
    done = 0
    for attempt in _MARK_TRY.finditer(mapped.text):
        offset = mapped.starts[attempt.start()]
        mark = _MARK.fullmatch(attempt[0])
        seconds = float(mark["value"]) / (1000 if (mark["unit"] or "").lower() == "ms" else 1) if mark else -1.0
        if not 0 <= seconds <= _LONGEST_PAUSE:
            raise ManuscriptError(
                f"{manuscript.name}, {manuscript.place(offset)}: {attempt[0]} is no pause mark; write [pause: 1.5] "
                f"for seconds, or [pause: 500ms], up to {_LONGEST_PAUSE:g} seconds."
            )
        passages.append((mapped[done : attempt.start()], seconds))
        done = attempt.end()
    passages.append((mapped[done:], None))
    return passages


def _sentences(
    mapped: Mapped, config: TextConfig, language: str, dictionary: Dictionary, heading: bool
) -> list[Mapped]:
    """The sentences of a passage in their final, speakable form; what has no sound is left out."""
    replacements: list[str] = []
    spoken = dictionary.protect(mapped, replacements)
    spoken = normalize(spoken, config.normalize, language, heading)
    spoken = dictionary.reveal(dictionary.protect(spoken, replacements), replacements)
    spans = sentence_spans(spoken.text)
    finished = (
        finish(
            tidy(spoken[begin:end], language), _SUSPENDED if _BROKEN_OFF.search(spoken.text, begin, end) else _FALLING
        )
        for begin, end in spans
    )
    return [sentence for sentence in finished if sentence.text]


def _joined(parts: list[Mapped]) -> Mapped:
    pieces = [parts[0]]
    for part in parts[1:]:
        pieces += [Mapped.inserted(" ", pieces[-1].ends[-1]), part]
    return Mapped.concat(pieces)


def _cut(mapped: Mapped, limit: int, shortest: int, language: str, source: str) -> list[tuple[Mapped, Border]]:
    """Cut an over-long passage into balanced pieces of up to `limit` characters, at the best borders there are."""
    room = max(8, limit - 5)  # a piece may gain an ellipsis, and its first letter may have a longer capital
    shortest = min(shortest, room // 3)
    pieces: list[Mapped] = []
    at, text = 0, mapped.text
    while len(text) - at > room:
        left = len(text) - at
        count = ceil(left / room)
        ideal = left / count
        best = (99.0, at + room)
        for price, pattern in _cuts(language):
            for match in pattern.finditer(text, at + 1, at + room + 1):
                place = match.start()
                cost = price + ((place - at - ideal) / ideal) ** 2 * 4
                if place - at < shortest or left - (place - at) < shortest:
                    cost += 3
                if left - (place - at) - 1 > room * (count - 1):
                    cost += _MORE_PIECES_PRICE
                if price > _BREAK_PRICE and text[place - 1] == "," and _breaks(mapped, place - 1, source):
                    cost += _BREAK_PRICE - price
                if (cost, place) < best and _OPEN_END.search(text, max(at, place - 12), place):
                    cost += _OPEN_END_PRICE
                best = min(best, (cost, place))
        pieces.append(mapped[at : best[1]])
        at = best[1]
        while at < len(text) and text[at].isspace():
            at += 1
    pieces.append(mapped[at:])
    borders = [_border(piece.text, after.text) for piece, after in itertools.pairwise(pieces)]
    tidied = [tidy(piece, language) for piece in pieces]
    finished = [finish(piece, _final_mark(raw.text)) for piece, raw in zip(tidied, pieces[:-1], strict=False)]
    finished.append(finish(tidied[-1]))
    return [(piece, border) for piece, border in zip(finished, [*borders, "sentence"], strict=True) if piece.text]


def _breaks(mapped: Mapped, place: int, source: str) -> bool:
    return _BREAK.search(source, mapped.starts[place], mapped.ends[place]) is not None


def _border(text: str, after: str) -> Border:
    """What a cut between two texts divides: sentences that were packed together, or the clauses of one."""
    return "sentence" if text.endswith((".", "!", "?")) and after[0].isupper() else "clause"


def _final_mark(text: str) -> str:
    """What ends a piece that the sentence goes on after."""
    return _FALLING if text.endswith(_FALLS_AFTER) else _SUSPENDED


def _pack(
    sentences: list[Mapped], longest: int, shortest: int, language: str, source: str
) -> list[tuple[Mapped, Border]]:
    """Whole sentences in groups of up to `longest` characters; none shorter than `shortest` alone, if possible.

    If `shortest` is 0, every sentence stands alone. `source` is what the maps of the sentences count in.
    """
    groups: list[list[Mapped]] = []
    size, tokens = 0, 0.0
    counted = sum(map(len, sentences)) > _SURELY_FEW_TOKENS
    for sentence in sentences:
        length = len(sentence)
        more = estimated_tokens(sentence.text) if counted else 0.0
        fits = shortest > 0 and size + 1 + length <= longest and tokens + more <= _MOST_TOKENS
        if groups and ((fits and not _anchors(sentence, size, longest)) or size < shortest):
            groups[-1].append(sentence)
            size, tokens = size + 1 + length, tokens + more
        else:
            groups.append([sentence])
            size, tokens = length, more
    if len(groups) > 1 and size < shortest:
        last, before = groups.pop(), groups[-1]
        moved = len(before[-1]) + 1 + size
        rest = sum(map(len, before[:-1])) + len(before) - 2
        if (
            sum(map(len, before)) + len(before) + size <= longest
            or len(before) == 1
            or moved > longest
            or rest < shortest
        ):
            before += last
        else:
            groups.append([before.pop(), *last])
    packed: list[tuple[Mapped, Border]] = []
    for group in groups:
        whole = _joined(group)
        limit = _room(whole.text, longest)
        packed += [(whole, "sentence")] if len(whole) <= limit else _cut(whole, limit, shortest, language, source)
    return packed


def _room(text: str, longest: int) -> int:
    """How many characters of `text` a chunk may have, so that it keeps to both limits."""
    tokens = estimated_tokens(text) if len(text) > _SURELY_FEW_TOKENS else 0.0
    return longest if tokens <= _MOST_TOKENS else min(longest, max(20, int(len(text) * _MOST_TOKENS / tokens)))


def _anchors(sentence: Mapped, size: int, longest: int) -> bool:
    return size * 2 >= longest and zlib.crc32(sentence.text.encode()) % _ANCHOR == 0


@dataclass(slots=True)
class _Draft:
    text: str
    chapter: int
    start: int
    end: int
    border: Border
    pause: float


def _pause(border: Border, pauses: PauseConfig) -> float:
    return 0.0 if border in ("end", "mark") else float(getattr(pauses, border))


# Models that garble so few words when they are spoken alone; 1 or 2 words in French fail in 40 of 100 takes.
_GARBLED_ALONE = {"fr": 2}


def _joins_next(sentences: list[Mapped], paragraphs: Sequence[Paragraph], config: TextConfig, language: str) -> bool:
    """Whether a paragraph is too short for the model to speak alone, and is spoken with the next one."""
    words = sum(len(sentence.text.split()) for sentence in sentences)
    return (
        0 < words <= _GARBLED_ALONE.get(language, 0)
        and config.min_chars > 0
        and len(paragraphs) == 2
        and all(paragraph.kind == "paragraph" for paragraph in paragraphs)
        and not paragraphs[0].scene_break
    )


def chunk_manuscript(manuscript: Manuscript, config: TextConfig, language: str) -> tuple[Chunk, ...]:
    """Chunks of a book in reading order.

    `language` is a code or a name ("en", "english", "french_24l"). Raises `ManuscriptError` for a malformed pause mark,
    for one before the first word, and for a book without a word to speak; `DictionaryError` for a bad dictionary.
    """
    code = language_code(language)
    dictionary = load_dictionary(config.dictionary)
    drafts: list[_Draft] = []
    for number, chapter in enumerate(manuscript.chapters):
        held: list[Mapped] = []
        for at, paragraph in enumerate(chapter.paragraphs):
            heading = paragraph.kind == "heading"
            border: Border = "heading" if heading or paragraph.scene_break else "paragraph"
            for passage, seconds in _segments(paragraph, manuscript):
                sentences = held + _sentences(passage, config, code, dictionary, heading)
                held = []
                if seconds is None and _joins_next(sentences, chapter.paragraphs[at : at + 2], config, code):
                    held = sentences
                    continue
                for piece, end in _pack(sentences, config.max_chars, config.min_chars, code, manuscript.source):
                    start = max(piece.span[0], drafts[-1].end if drafts else 0)
                    drafts.append(
                        _Draft(piece.text, number, start, max(start, piece.span[1]), end, _pause(end, config.pauses))
                    )
                if seconds is not None:
                    if not drafts:
                        raise ManuscriptError(
                            f"{manuscript.name}, {manuscript.place(paragraph.start)}: a pause mark stands before "
                            "the first word; audio.head_seconds sets the silence at the start."
                        )
                    last = drafts[-1]
                    last.pause = seconds + (last.pause if last.border == "mark" and not sentences else 0.0)
                    last.border = "mark"
            if drafts and drafts[-1].border != "mark" and not held:
                drafts[-1].border, drafts[-1].pause = border, _pause(border, config.pauses)
        if drafts and drafts[-1].border != "mark":
            drafts[-1].border, drafts[-1].pause = "chapter", config.pauses.chapter
    if not drafts:
        raise ManuscriptError(f"{manuscript.name} holds nothing to speak: not one word is left after normalizing.")
    if drafts[-1].border != "mark":
        drafts[-1].pause = 0.0
    drafts[-1].border = "end"
    return tuple(Chunk(d.text, d.pause, d.border, d.chapter, d.start, d.end) for d in drafts)
