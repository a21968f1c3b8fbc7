"""The kept plan: taken again for the same inputs, made for any other, never trusted when damaged."""

import hashlib
import json
import os
import stat
from pathlib import Path

import pytest

from pockettts.config import TextConfig
from pockettts.errors import DictionaryError, ManuscriptError
from pockettts.text import plan as plan_module
from pockettts.text.chunks import chunk_manuscript
from pockettts.text.manuscript import Manuscript, read_manuscript
from pockettts.text.plan import BookPlan, plan_book

TEXT = "CHAPTER I\n\nMr. Holmes left at 5 p.m. He was “late”.\n\nCHAPTER II\n\nThe é end."


@pytest.fixture
def book(tmp_path: Path) -> Path:
    file = tmp_path / "book.txt"
    file.write_text(TEXT, encoding="utf-8")
    return file


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one each time that a plan is really made."""
    calls: list[int] = []
    real = chunk_manuscript

    def counting(*arguments: object) -> object:
        calls.append(1)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(plan_module, "chunk_manuscript", counting)
    return calls


def only_file(cache: Path) -> Path:
    (file,) = cache.iterdir()
    return file


def test_a_plan_holds_the_chapters_and_chunks(book: Path) -> None:
    plan = plan_book(book, TextConfig(), "english")
    assert plan.chapters == ("CHAPTER I", "CHAPTER II")
    assert [chunk.text for chunk in plan.chunks] == [
        "Chapter one.",
        "Mister Holmes left at five p m. He was late.",
        "Chapter two.",
        "The é end.",
    ]
    assert len(plan.source_sha256) == len(plan.digest) == 64


def test_the_second_time_it_is_loaded_and_equal(book: Path, tmp_path: Path, made: list[int]) -> None:
    first = plan_book(book, TextConfig(), "english", tmp_path / "cache")
    second = plan_book(book, TextConfig(), "english", tmp_path / "cache")
    assert first == second == plan_book(book, TextConfig(), "english")
    assert len(made) == 2
    assert isinstance(second, BookPlan)


def test_anything_that_decides_the_plan_makes_it_anew(book: Path, tmp_path: Path, made: list[int]) -> None:
    cache = tmp_path / "cache"
    words = tmp_path / "words.toml"
    words.write_text('[words]\nHolmes = "Homes"\n')

    def plan(language: str = "english", **config: object) -> BookPlan:
        return plan_book(book, TextConfig.model_validate(config), language, cache)

    plans = [plan(), plan("german"), plan(max_chars=60), plan(normalize={"times": False}), plan(dictionary=words)]
    words.write_text('[words]\nHolmes = "Hulmes"\n')
    plans.append(plan(dictionary=words))
    book.write_text(TEXT + " More.", encoding="utf-8")
    plans.append(plan())
    assert len(made) == len(plans) == len(list(cache.iterdir()))
    assert len({plan.digest for plan in plans}) > 3
    assert all((a.digest == b.digest) == (a.chunks == b.chunks) for a in plans for b in plans)


def test_a_change_of_the_code_makes_it_anew(
    book: Path, tmp_path: Path, made: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_book(book, TextConfig(), "english", tmp_path / "cache")
    monkeypatch.setattr(plan_module, "code_digest", lambda: "different")
    plan_book(book, TextConfig(), "english", tmp_path / "cache")
    assert len(made) == 2


def test_the_code_digest_covers_sub_packages(tmp_path: Path) -> None:
    def digest(name: str, **modules: str) -> str:
        for module, content in modules.items():
            file = tmp_path / name / f"{module.replace('__', '/')}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        return plan_module.code_digest(tmp_path / name)

    first = digest("first", top="a = 1", inner__deep="b = 1")
    assert first == digest("same", top="a = 1", inner__deep="b = 1")
    assert len({first, digest("second", top="a = 1", inner__deep="b = 2"), digest("third", top="a = 1")}) == 3


def test_the_place_and_the_age_of_files_do_not_matter(book: Path, tmp_path: Path, made: list[int]) -> None:
    (tmp_path / "elsewhere").mkdir()
    other = tmp_path / "elsewhere" / "book.txt"
    other.write_text(TEXT, encoding="utf-8")
    plan_book(book, TextConfig(), "english", tmp_path / "cache")
    os.utime(book, (1, 1))
    plan_book(other, TextConfig(), "english", tmp_path / "cache")
    assert len(made) == 1


def _rechecksummed(data: bytes) -> bytes:
    body = json.dumps({"title": "x"}).encode()
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-5],
        lambda data: data.replace(b"late", b"last"),
        _rechecksummed,
        lambda data: b"\xff\n{}",
    ],
)
def test_a_damaged_cache_is_made_anew(book: Path, tmp_path: Path, damage: object) -> None:
    cache = tmp_path / "cache"
    plan = plan_book(book, TextConfig(), "english", cache)
    file = only_file(cache)
    good = file.read_bytes()
    file.write_bytes(damage(good))  # type: ignore[operator]
    assert plan_book(book, TextConfig(), "english", cache) == plan
    assert file.read_bytes() == good


def test_an_unwritable_cache_is_no_error(book: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert plan_book(book, TextConfig(), "english", tmp_path / "file").chunks
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert plan_book(book, TextConfig(), "english", closed).chunks
    closed.chmod(stat.S_IRWXU)


def test_nothing_half_written_stays_behind(book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert plan_book(book, TextConfig(), "english", tmp_path / "cache").chunks
    assert list((tmp_path / "cache").iterdir()) == []


def test_errors_pass_through(book: Path, tmp_path: Path) -> None:
    with pytest.raises(ManuscriptError, match="is not there"):
        plan_book(tmp_path / "none.txt", TextConfig(), "english", tmp_path / "cache")
    with pytest.raises(DictionaryError, match="is not there"):
        plan_book(book, TextConfig(dictionary=tmp_path / "none.toml"), "english", tmp_path / "cache")


def test_the_manuscript_is_written_as_read(book: Path) -> None:
    content = json.loads(json.dumps(read_manuscript(book).as_json()))
    assert [chapter["title"] for chapter in content["chapters"]] == ["CHAPTER I", "CHAPTER II"]
    last = content["chapters"][1]["paragraphs"][1]
    begin = TEXT.index("The é")
    place = {"start": begin, "end": len(TEXT), "map": [[0, begin, begin + 1]]}
    assert last == {"kind": "paragraph", "text": "The é end.", **place}


def test_a_manuscript_is_restored_with_its_map(book: Path) -> None:
    written = read_manuscript(book)
    restored = Manuscript.from_json(json.loads(json.dumps(written.as_json())))
    assert restored.chapters == written.chapters
    for one, two in zip(restored.chapters, written.chapters, strict=True):
        for left, right in zip(one.paragraphs, two.paragraphs, strict=True):
            assert (left.mapped.text, left.mapped.starts, left.mapped.ends) == (
                right.mapped.text,
                right.mapped.starts,
                right.mapped.ends,
            )
    with pytest.raises(ManuscriptError, match="format of this version"):
        Manuscript.from_json({"title": "x"})
