"""The limits on time: a novel of 150,000 words in 5 s, and in 0.3 s from the cache."""

from pathlib import Path

import pytest

from support.novels import measure, synthetic_novel


@pytest.mark.slow
def test_a_novel_is_chunked_in_five_seconds_and_loaded_in_a_third_of_one(tmp_path: Path) -> None:
    book = tmp_path / "novel.txt"
    book.write_text(synthetic_novel(), encoding="utf-8")
    assert len(book.read_text(encoding="utf-8").split()) > 150_000
    best = min((measure(book, tmp_path / f"cache{attempt}") for attempt in range(2)), key=lambda timing: timing.chunk)
    assert best.read + best.chunk < 5
    assert best.load < 0.3
