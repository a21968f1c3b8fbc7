"""Inputs and settings that cannot be used: one sentence, no traceback, nothing written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.workflow import Project


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b" \n\t\n", "white space", id="whitespace"),
        pytest.param(bytes(range(256)) * 40, "binary", id="binary"),
        pytest.param("😀 🎉\n\n🚀".encode(), "nothing to speak", id="emoji-only"),
    ],
)
def test_an_unusable_text_is_a_sentence(project: Project, content: bytes, sentence: str) -> None:
    (project.root / "inputs/book.txt").write_bytes(content)
    output = project.fails("-n")
    assert sentence in output
    assert "inputs/book.txt" in output


def test_one_word_is_a_book(project: Project) -> None:
    project.write_text("Hello")
    assert project.plan("results/book.wav")["synth"] == 1


def test_a_line_of_a_million_characters_is_planned(project: Project) -> None:
    project.write_text("and so on " * 100_000)
    # The same words again and again: chunks repeat, so far fewer are spoken.
    assert 0 < project.plan("results/book.wav")["synth"] < 400


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        pytest.param({"vioce": "alba"}, "unknown key vioce. Did you mean voice?", id="unknown-key"),
        pytest.param({"text": {"max_char": 9}}, "unknown key text.max_char. Did you mean max_chars?", id="nested-key"),
        pytest.param({"voice": "bundeld"}, "Did you mean bundled?", id="unknown-voice"),
        pytest.param({"model": "englsh"}, "Did you mean english", id="unknown-model"),
        pytest.param({"engine": "piper"}, "engine", id="unknown-engine"),
        pytest.param({"synth": {"attempts": 0}}, "synth.attempts", id="value-out-of-range"),
        pytest.param({"synth": {"tts_args": {"voice": "x"}}}, "voice", id="flag-that-is-ours"),
        pytest.param({"text": {"dictionary": "none.toml"}}, "none.toml", id="missing-dictionary"),
        pytest.param({"model": "english", "voice": "bundled_typo"}, "bundled_typo", id="voice-of-a-hub-model"),
    ],
)
def test_a_wrong_setting_is_a_sentence(project: Project, values: dict[str, Any], sentence: str) -> None:
    project.configure(**values)
    assert sentence in project.fails("-n", "results/book.wav")


def test_an_unknown_book_is_named_with_those_that_exist(project: Project) -> None:
    assert "There is no inputs/bok.txt" in project.fails("-n", "results/bok.wav")


def test_a_text_in_both_formats_is_refused(project: Project) -> None:
    project.write_text("One.", name="book.md")
    assert "both" in project.fails("-n")


def test_a_model_from_an_unreachable_hub_is_a_sentence(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    project.configure(model="english", voice="alba")
    assert "could not be fetched" in project.fails("results/models/english_2026-10/download.json")
    assert not list(Path(project.root, "results").rglob("*.safetensors"))
