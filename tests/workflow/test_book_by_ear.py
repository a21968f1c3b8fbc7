"""The check by ear in a whole build. What tests speak with babbles, so every take of it must be refused by name."""

from __future__ import annotations

import re

import pytest

from pockettts.files import read_json
from support.workflow import Project

SENTENCE = "The old man sat down by the river and was silent."


def test_takes_without_the_words_of_their_text_stop_the_build(built: Project) -> None:
    built.write_text(SENTENCE)
    (built.root / "config.yaml").write_text("engine: torch\nsynth: {attempts: 1}\nqa: {asr: all}\n")
    output = built.fails("results/book.wav")
    # What is heard in babble differs from processor to processor, and so does which words are missing or mistaken.
    assert f'No attempt at "{SENTENCE}" was good enough (attempt 1: it was heard as ' in output
    assert re.search('it was heard as ".*": (missing|not in the text|mistaken): ', output), output


def test_switching_the_check_on_hears_what_is_there_and_off_is_as_before(built: Project) -> None:
    batches = len(list((built.root / "results/book/takes").glob("*.json")))
    assert batches
    (built.root / "config.yaml").write_text("qa:\n  asr: off\n")
    assert built.plan("results/book.wav") == {}
    built.configure(qa={"asr": "all"})
    assert built.plan("results/book.wav")["synth"] == batches


@pytest.mark.slow
def test_a_take_that_was_heard_otherwise_is_in_the_report(built: Project) -> None:
    built.write_text(SENTENCE)
    built.configure(engine="torch", synth={"attempts": 2, "allow_failed": True}, qa={"asr": "all"})
    receipts = built.root / "results/book/takes"
    before = set(receipts.glob("*.json"))
    built.build()
    (receipt,) = set(receipts.glob("*.json")) - before
    (take,) = read_json(receipt)["takes"].values()
    assert take["heard"]["error"] > 0.3
    report = (built.root / "results/book.report.html").read_text()
    assert "it was heard as" in report
    assert "1 of 1 takes were checked by ear; 0 matched their text exactly." in report


@pytest.mark.slow
def test_the_default_check_stops_no_build(built: Project) -> None:
    """Babble has no words: every attempt is doubted, and the best is used and shown."""
    built.write_text(SENTENCE)
    built.configure(engine="torch", synth={"attempts": 2}, qa={"asr": "auto"})
    output = built.build()
    assert "as qa.asr: auto permits" in output
    assert "checked by ear: " in output
    assert "it was heard as" in (built.root / "results/book.report.html").read_text()
    assert built.plan("results/book.wav") == {}
