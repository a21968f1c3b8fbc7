"""The model that tests speak with: small, and of the kind that every other test may rely on."""

from __future__ import annotations

from pathlib import Path

import pytest

from pockettts.config import BookConfig
from pockettts.engines import open_engine
from pockettts.takes import judge, measure_take
from pockettts.text.plan import plan_book
from support import ROOT
from support.babble import BABBLE, write_runtime, write_voice


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in BABBLE.iterdir()) < 3_000_000


@pytest.fixture(scope="module")
def speak(tmp_path_factory: pytest.TempPathFactory):
    folder: Path = tmp_path_factory.mktemp("babble")
    runtime = write_runtime(folder)
    with open_engine("torch", runtime, write_voice(folder, runtime), BookConfig().synth) as engine:
        yield lambda text: engine.synthesize(text, 7)


def test_the_shipped_book_passes_at_the_first_attempt(speak) -> None:
    config = BookConfig()
    chunks = plan_book(ROOT / "inputs/book.txt", config.text, "en").chunks
    for chunk in chunks[::24]:
        assert judge(measure_take(speak(chunk.text)), chunk.text, config.synth.checks) == []


def test_length_follows_the_text(speak) -> None:
    short, middling, long = (
        measure_take(speak(text)).seconds
        for text in ("Yes.", "The road was white and dry.", "The road was white and dry, " * 4 + "and it was long.")
    )
    assert short < 2
    assert short < middling < long
    assert 3 < long / middling < 7
