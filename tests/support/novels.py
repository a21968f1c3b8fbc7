"""How long the text of a book takes: read, normalised and chunked, and then loaded from the cache.

    python tests/bench_text.py [BOOK]

Without a book it makes up a novel of 150,000 words. The limits are asserted by tests/unit/test_text_speed.py.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from pockettts.config import TextConfig
from pockettts.text.chunks import chunk_manuscript
from pockettts.text.manuscript import read_manuscript
from pockettts.text.plan import plan_book

WORDS = (
    "the of and a to in he was that it his her with as had for she not at but on be him they which all so this "
    "from were said have by one when there or if out no what up would been their we could them who more then time "
    "very into some man little about only now like did before upon made house hand any old great well over again "
    "long must these own never people door young after himself room other down face eyes looked night away going "
    "nothing without thought "
)
LISTED = WORDS.split()
SPECIALS = (
    "Mr. Holmes",
    "in 1865",
    "on 4 July 1862",
    "$3.50",
    "at 5 p.m.",
    "Dr. Watson",
    "St. James",
    "12,000",
    "Henry VIII",
)
_LOAD = (
    "import sys,time; start=time.perf_counter(); from pathlib import Path; from pockettts.config import TextConfig; "
    "from pockettts.text.plan import plan_book; loaded=time.perf_counter(); "
    "plan_book(Path(sys.argv[1]), TextConfig(), 'english', Path(sys.argv[2])); "
    "print(loaded-start, time.perf_counter()-loaded)"
)


def synthetic_novel(words: int = 150_000, seed: int = 1) -> str:
    """A hard-wrapped novel of about so many words: chapters, dialogue, figures, long sentences."""
    generator = random.Random(seed)
    parts: list[str] = []
    written = chapter = 0
    while written < words:
        if written >= chapter * 5_000:
            chapter += 1
            parts.append(f"CHAPTER {chapter}. The {generator.choice(LISTED).title()}")
        sentences = []
        for _ in range(generator.randint(1, 8)):
            some = generator.choices(LISTED, k=generator.randint(3, 40))
            if generator.random() < 0.15:
                some[generator.randrange(len(some))] = generator.choice(SPECIALS)
            if len(some) > 12:
                some[6] += generator.choice([",", ";", "--", ","])
            sentence = " ".join(some)
            sentence = sentence[0].upper() + sentence[1:] + generator.choice("..?!")
            sentences.append(f"“{sentence}”" if generator.random() < 0.3 else sentence)
            written += len(some)
        paragraph, lines = " ".join(sentences), []
        while len(paragraph) > 72 and (at := paragraph.rfind(" ", 0, 72)) > 0:
            lines.append(paragraph[:at])
            paragraph = paragraph[at + 1 :]
        parts.append("\n".join([*lines, paragraph]))
    return "\n\n".join(parts) + "\n"


@dataclass(frozen=True)
class Timing:
    """Seconds for each step, and the number of chunks; `load` is in a fresh process, without its imports."""

    read: float
    chunk: float
    imports: float
    load: float
    chunks: int


def measure(book: Path, cache: Path) -> Timing:
    """Time the steps on one book; `cache` is an empty folder."""
    start = time.perf_counter()
    manuscript = read_manuscript(book)
    read = time.perf_counter()
    chunks = chunk_manuscript(manuscript, TextConfig(), "english")
    chunked = time.perf_counter()
    plan_book(book, TextConfig(), "english", cache)
    command = [sys.executable, "-c", _LOAD, str(book), str(cache)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    imports, load = map(float, output.split())
    return Timing(read - start, chunked - read, imports, load, len(chunks))


def main() -> None:
    """Print one line of figures for a book."""
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) > 1:
            book = Path(sys.argv[1])
        else:
            book = Path(folder) / "novel.txt"
            book.write_text(synthetic_novel(), encoding="utf-8")
        timing = measure(book, Path(folder) / "cache")
        words = len(book.read_text(encoding="utf-8", errors="replace").split())
    print(
        f"{book.name}: {words} words, {timing.chunks} chunks; read {timing.read:.2f} s, normalised and chunked "
        f"{timing.chunk:.2f} s; from the cache {timing.load:.3f} s (imports {timing.imports:.2f} s)"
    )


if __name__ == "__main__":
    main()
