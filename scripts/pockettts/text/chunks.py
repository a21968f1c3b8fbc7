"""From chapters to chunks, the unit of synthesis: normalise, find sentences, pack them, set the pauses.

Packing is local, so that an edit re-makes few chunks: it starts afresh in every paragraph, and inside a long paragraph
at sentences that their own text marks as a start (`_ANCHOR`), wherever the packing before them stands.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
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
_CUTS = (
    (0.0, re.compile(r"(?<=[;:.!?])\s")),
    (
        0.15,
        re.compile(r"(?<=,)(?<!\band,)(?<!\bbut,)(?<!\bor,)(?<!\bthat,)(?<!\bwhich,)(?<!\bwho,)(?<!\bif,)(?<!\bas,)\s"),
    ),
    (0.5, re.compile(r"(?<=,)\s")),
    (
        0.6,
        re.compile(
            r"\s(?=(?:and|but|or|nor|for|so|yet|because|which|who|whom|whose|that|when|while|where|if|as|than|though|"
            r"although|"
            r"until|unless|since|before|after|with|without|und|oder|aber|et|ou|mais|y|o|pero|e|ma|mas|en|of|maar)\s)"
        ),
    ),
    (1.0, re.compile(r"\s")),
)


def _segments(paragraph: Paragraph, manuscript: Manuscript) -> list[tuple[Mapped, float | None]]:
    """The passages between pause marks, each with the pause that its mark sets; None after the last."""
    mapped = paragraph.mapped
    if "[" not in mapped.text:
        return [(mapped, None)]
    found: list[tuple[Mapped, float | None]] = []
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
        found.append((mapped[done : attempt.start()], seconds))
        done = attempt.end()
    found.append((mapped[done:], None))
    return found


def _sentences(
    mapped: Mapped, config: TextConfig, language: str, dictionary: Dictionary, heading: bool
) -> list[Mapped]:
    """The sentences of a passage in their final, speakable form; what has no sound is left out."""
    kept: list[str] = []
    spoken = dictionary.protect(mapped, kept)
    spoken = normalize(spoken, config.normalize, language, heading)
    spoken = dictionary.reveal(dictionary.protect(spoken, kept), kept)
    finished = (finish(tidy(spoken[begin:end], language)) for begin, end in sentence_spans(spoken.text))
    return [sentence for sentence in finished if sentence.text]


def _joined(parts: list[Mapped]) -> Mapped:
    pieces = [parts[0]]
    for part in parts[1:]:
        pieces += [Mapped.inserted(" ", pieces[-1].ends[-1]), part]
    return Mapped.concat(pieces)


def _cut(mapped: Mapped, limit: int, shortest: int) -> list[Mapped]:
    """Cut an over-long passage into balanced pieces of up to `limit` characters, at the best borders there are."""
    room = max(8, limit - 3)  # a piece may gain a full stop, and its first letter may have a longer capital
    shortest = min(shortest, room // 3)
    pieces: list[Mapped] = []
    at, text = 0, mapped.text
    while len(text) - at > room:
        left = len(text) - at
        ideal = left / ceil(left / room)
        best = (9.0, at + room)
        for price, pattern in _CUTS:
            for match in pattern.finditer(text, at + 1, at + room + 1):
                place = match.start()
                cost = price + ((place - at - ideal) / ideal) ** 2 * 4
                if place - at < shortest or left - (place - at) < shortest:
                    cost += 3
                best = min(best, (cost, place))
        pieces.append(mapped[at : best[1]])
        at = best[1]
        while at < len(text) and text[at].isspace():
            at += 1
    pieces.append(mapped[at:])
    finished = (finish(tidy(piece)) for piece in pieces)
    return [piece for piece in finished if piece.text]


def _pack(sentences: list[Mapped], longest: int, shortest: int) -> list[tuple[Mapped, Border]]:
    """Whole sentences in groups of up to `longest` characters; none shorter than `shortest` alone, if possible.

    If `shortest` is 0, every sentence stands alone.
    """
    groups: list[list[Mapped]] = []
    size = 0
    for sentence in sentences:
        length = len(sentence)
        fits = shortest > 0 and size + 1 + length <= longest and not _anchors(sentence, size, longest)
        if groups and (fits or size < shortest):
            groups[-1].append(sentence)
            size += 1 + length
        else:
            groups.append([sentence])
            size = length
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
        pieces = [whole] if len(whole) <= longest else _cut(whole, longest, shortest)
        packed += [(piece, "clause") for piece in pieces[:-1]]
        packed.append((pieces[-1], "sentence"))
    return packed


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


def chunk_manuscript(manuscript: Manuscript, config: TextConfig, language: str) -> tuple[Chunk, ...]:
    """Chunks of a book in reading order.

    `language` is a code or a name ("en", "english", "french_24l"). Raises `ManuscriptError` for a malformed pause mark,
    for one before the first word, and for a book without a word to speak; `DictionaryError` for a bad dictionary.
    """
    code = language_code(language)
    dictionary = load_dictionary(config.dictionary)
    drafts: list[_Draft] = []
    for number, chapter in enumerate(manuscript.chapters):
        for paragraph in chapter.paragraphs:
            heading = paragraph.kind == "heading"
            border: Border = "heading" if heading or paragraph.scene_break else "paragraph"
            for passage, seconds in _segments(paragraph, manuscript):
                sentences = _sentences(passage, config, code, dictionary, heading)
                for piece, end in _pack(sentences, config.max_chars, config.min_chars):
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
            if drafts and drafts[-1].border != "mark":
                drafts[-1].border, drafts[-1].pause = border, _pause(border, config.pauses)
        if drafts and drafts[-1].border != "mark":
            drafts[-1].border, drafts[-1].pause = "chapter", config.pauses.chapter
    if not drafts:
        raise ManuscriptError(f"{manuscript.name} holds nothing to speak: not one word is left after normalising.")
    if drafts[-1].border != "mark":
        drafts[-1].pause = 0.0
    drafts[-1].border = "end"
    return tuple(Chunk(d.text, d.pause, d.border, d.chapter, d.start, d.end) for d in drafts)
