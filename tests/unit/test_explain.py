"""`book explain`: what stands at a time or a key, and what the next build would do with it and why."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pockettts import book, files, takes
from pockettts.audio.join import JoinEntry, join_takes
from pockettts.config import BookConfig, QaConfig
from pockettts.ear import open_ear
from pockettts.explain import clock, parse_time
from pockettts.project import Project
from support.cli import Call, caller
from support.projects import Singer, make_project

CONFIG = BookConfig(engine="torch")


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> book.Book:
    """A book as the rules of the build leave it, sung; the project is the current directory."""
    monkeypatch.chdir(make_project(tmp_path / "project", engine="torch", qa={"asr": "off"}))
    project = Project(Path(), CONFIG)
    opened = book.open_book("book", project)
    paths, store = project.of_book("book"), project.store
    document = book.chunks_document(opened, project)
    files.write_json(paths.chunks, document)
    for batch, keys in opened.batches.items():
        texts = {chunk["key"]: chunk["text"] for chunk in document["chunks"]}
        done = takes.make_takes(
            [(key, texts[key]) for key in keys], Singer(), store, CONFIG.synth, project.recipe.as_dict()
        )
        files.write_json(paths.receipt(batch), takes.write_pack(paths.pack(batch), done, store))
    rows = takes.read_receipts(paths.receipts, opened.batches)
    entries = [
        JoinEntry(
            key=key,
            pack=rows[key]["pack"],
            start=rows[key]["start"],
            samples=rows[key]["samples"],
            sha256=rows[key]["sha256"],
            pause=chunk.pause,
            text=chunk.text,
            chapter=chunk.chapter,
        )
        for key, chunk in zip(opened.keys, opened.plan.chunks, strict=True)
    ]
    files.write_json(paths.timeline, join_takes(entries, paths.joined, CONFIG.audio).as_json())
    return opened


@pytest.fixture
def pockettts(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Call:
    return caller(monkeypatch, capsysbinary)


def explained(pockettts: Call, place: str, *options: str) -> dict[str, object]:
    answer = pockettts("book", "explain", place, "--json", *options)
    assert answer.code == 0, answer.err
    found: dict[str, object] = json.loads(answer.out)
    return found


def test_a_time_and_a_key_lead_to_the_same_take(built: book.Book, pockettts: Call) -> None:
    by_time = explained(pockettts, "0:04")
    by_key = explained(pockettts, str(by_time["key"])[:8])
    assert by_time == by_key
    assert by_time["text"] == "Mister Holmes had walked twelve miles before noon."
    assert (by_time["number"], by_time["chunks"]) == (3, 4)
    assert by_time["chapter"] == "CHAPTER I. The Road"
    take = Project().store.get(str(by_time["key"]))
    assert take is not None
    assert (by_time["seed"], by_time["attempt"], by_time["engine"]) == (take.seed, 1, "torch")
    assert Path(str(by_time["file"])).is_file()
    assert "accepted" in str(by_time["made"])
    assert str(by_time["next"]).startswith("nothing: the receipt")
    start, end = float(str(by_time["start"])), float(str(by_time["end"]))
    assert start <= 4 < end + 0.6
    # The pause belongs to the take before it.
    assert explained(pockettts, f"{end + 0.1:.3f}")["key"] == by_time["key"]


def test_every_moment_of_the_book_is_explained(built: book.Book, pockettts: Call) -> None:
    spans = json.loads(Path("results/book/timeline.json").read_text())["entries"]
    for span in spans:
        assert explained(pockettts, str(span["start"] / 24_000 + 0.01))["key"] == span["key"]


def test_for_readers(built: book.Book, pockettts: Call) -> None:
    answer = pockettts("book", "explain", "0:04", "--book", "book")
    assert answer.code == 0
    lines = dict(line.split(":", 1) for line in answer.out.splitlines())
    assert lines["place"].strip() == "chunk 3 of 4, CHAPTER I. The Road"
    assert {"text", "time", "key", "file", "seed", "made", "next build"} <= set(lines)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("receipt", "it is taken from the store, and its job writes the receipt"),
        ("pack", "it is taken from the store, and its job writes the receipt"),
        ("deleted", "it is spoken: its audio is not in the store"),
        ("damaged", "it is spoken: its audio is damaged"),
        ("sidecar", "it is spoken: its audio has no sidecar"),
    ],
)
def test_why_a_take_will_be_made_again(built: book.Book, pockettts: Call, damage: str, sentence: str) -> None:
    key = built.keys[1]
    audio = Project().store.path(key)
    for path in Path("results/book/takes").glob("*.wav" if damage == "pack" else "*.json"):
        path.unlink()
    if damage in ("pack", "receipt"):
        pass
    elif damage == "deleted":
        audio.unlink()
    elif damage == "damaged":
        audio.write_bytes(audio.read_bytes()[:-2])
    else:
        audio.with_suffix(".json").unlink()
    assert str(explained(pockettts, key)["next"]).startswith(sentence)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"POCKETTTS_SYNTH__CHECKS__MAX_CHARS_PER_SECOND": "8"},
            "spoken again: under the current checks, it lasts",
        ),
        ({"POCKETTTS_SEED": "5"}, "no longer part of the book.*seed: 0 -> 5"),
        ({"POCKETTTS_TEMPERATURE": "0.5"}, "no longer part of the book.*decode.temperature: None -> 0.5"),
    ],
)
def test_settings_that_changed(
    built: book.Book, pockettts: Call, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], sentence: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert re.search(sentence, str(explained(pockettts, "0:04")["next"]))


def test_a_sentence_that_is_gone(built: book.Book, pockettts: Call) -> None:
    Path("inputs/book.txt").write_text("CHAPTER I. The Road\n\nThe road was white and dry.\n")
    found = explained(pockettts, built.keys[2])
    assert found["number"] is None
    assert "its text is not in it" in str(found["next"])
    assert found["text"] == built.plan.chunks[2].text


def test_attempts_that_were_refused_are_told(built: book.Book, pockettts: Call) -> None:
    sidecar = Project().store.path(built.keys[1]).with_suffix(".json")
    content = json.loads(sidecar.read_text())
    content["refused"] = [{"seed": 1, "reasons": ["it falls silent"], "quality": None}]
    content["attempt"] = 1
    sidecar.write_text(json.dumps(content))
    files.write_json(Path("results/book/repairs.json"), list(built.batches))
    found = explained(pockettts, built.keys[1])
    assert found["attempt"] == 2
    assert "attempt 1 was rejected: it falls silent" in str(found["made"])
    assert "repairs.json" in str(found["made"])


def test_what_was_heard_counts(built: book.Book, pockettts: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POCKETTTS_QA__ASR", "all")
    assert "it is checked by speech recognition, as qa.asr requires" in str(explained(pockettts, built.keys[1])["next"])
    ear = open_ear(QaConfig(asr="all"), "english")
    assert ear is not None
    sidecar = Project().store.path(built.keys[1]).with_suffix(".json")
    content = json.loads(sidecar.read_text())
    content["heard"] = {"words": "something else", "error": 1.0, "by": ear.name}
    sidecar.write_text(json.dumps(content))
    assert "it was heard as" in str(explained(pockettts, built.keys[1])["next"])


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("9:00:00", "ends at 0:00:1"),
        ("0", "silence before the first word"),
        ("ffffffff", "No take of this book"),
        ("hello", "neither a time"),
        ("", "neither a time"),
    ],
)
def test_places_that_are_none(built: book.Book, pockettts: Call, place: str, sentence: str) -> None:
    answer = pockettts("book", "explain", place)
    assert answer.code == 2
    assert sentence in answer.err


def test_a_book_that_was_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pockettts: Call) -> None:
    monkeypatch.chdir(make_project(tmp_path / "project"))
    assert "build the book" in pockettts("book", "explain", "0:01").err
    assert "Did you mean book" in pockettts("book", "explain", "0:01", "--book", "bok").err
    key = book.open_book("book", Project()).keys[0]
    assert "it is spoken: its audio is not in the store" in pockettts("book", "explain", key).out


@given(st.integers(0, 100 * 3600 * 10))
def test_times_are_read_as_they_are_written(tenths: int) -> None:
    assert parse_time(clock(tenths / 10)) == pytest.approx(tenths / 10)


@pytest.mark.parametrize(
    ("text", "seconds"), [("83", 83), ("83.5s", 83.5), ("1:23", 83), ("1:02:03.5", 3723.5), ("1:2:3:4", None)]
)
def test_ways_to_write_a_time(text: str, seconds: float | None) -> None:
    assert parse_time(text) == seconds
