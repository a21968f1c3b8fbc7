"""Files that are whole or absent, and never altered unseen: seals, checked copies, change times."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pockettts import files
from pockettts.errors import DamagedFile, PocketTTSError

DOCUMENT = {"text": "It was a fine day.", "rows": [{"seal": "inner", "value": 1.5}, None], "é": '\n "seal": "x"'}


def test_a_sealed_document_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_json(path, DOCUMENT, seal=True)
    assert files.read_json(path) == DOCUMENT
    assert set(json.loads(path.read_text())) == {*DOCUMENT, "seal"}
    first = path.read_bytes()
    files.write_json(path, DOCUMENT, seal=True)
    assert path.read_bytes() == first
    assert not files.is_damaged(path)
    assert not files.is_damaged(tmp_path / "none.json")


def test_every_flipped_bit_of_a_sealed_document_is_refused_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_json(path, DOCUMENT, seal=True)
    data = path.read_bytes()
    harmless = 0
    for place in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        try:
            value = files.read_json(path)
        except PocketTTSError:
            continue
        # What is left are bits of the seal itself, and of the white space around values.
        assert {name: value[name] for name in DOCUMENT} == DOCUMENT
        harmless += 1
    assert harmless < 8 * 80


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text().filter(lambda name: name != "seal"), st.none() | st.text() | st.integers()))
def test_any_document_survives_its_seal(tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any]) -> None:
    path = tmp_path_factory.mktemp("seals") / "a.json"
    try:
        files.write_json(path, document, seal=True)
    except UnicodeEncodeError:  # a lone surrogate is not text
        return
    assert files.read_json(path) == document


def test_a_document_without_a_seal_is_read(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", [1, 2])
    assert files.read_json(tmp_path / "a.json") == [1, 2]


def test_a_broken_seal_names_the_file_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_json(path, DOCUMENT, seal=True)
    path.write_text(path.read_text().replace("fine", "wine"))
    assert files.is_damaged(path)
    with pytest.raises(PocketTTSError, match=r"The plan .*a\.json was altered .* delete it"):
        files.read_json(path, "the plan")


def flip(path: Path, *, keep_date: bool) -> None:
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    if keep_date:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("keep_date", [False, True])
def test_a_file_that_was_touched_is_told_from_one_that_was_not(tmp_path: Path, keep_date: bool) -> None:
    audio, witness = tmp_path / "a.wav", tmp_path / "a.json"
    audio.write_bytes(bytes(1000))
    witness.write_text("{}")
    assert files.untouched(audio, witness)
    time.sleep(0.05)  # change times have the resolution of the kernel's clock
    flip(audio, keep_date=keep_date)
    assert not files.untouched(audio, witness)
    before = witness.stat().st_mtime_ns
    files.touch_witness(witness)
    assert files.untouched(audio, witness)
    assert witness.stat().st_mtime_ns == before


@pytest.mark.parametrize("keep_date", [False, True])
def test_a_file_that_differs_from_its_sha256_is_deleted(tmp_path: Path, keep_date: bool) -> None:
    path = tmp_path / "joined.wav"
    path.write_bytes(bytes(1000))
    sha256 = files.sha256_file(path)
    files.require_sha256(path, sha256, "The recording")
    flip(path, keep_date=keep_date)
    with pytest.raises(DamagedFile, match=r"The recording .*joined\.wav was altered"):
        files.require_sha256(path, sha256, "The recording")
    assert not path.exists()
    with pytest.raises(DamagedFile, match="gone"):
        files.require_sha256(path, sha256, "The recording")


def test_a_copy_has_a_life_of_its_own(tmp_path: Path) -> None:
    source, target = tmp_path / "mastered.wav", tmp_path / "book.wav"
    source.write_bytes(os.urandom(3_000_000))
    target.write_bytes(b"an older book")
    sha256 = files.sha256_file(source)
    files.copy_checked(source, target, sha256, "The recording")
    assert target.read_bytes() == source.read_bytes()
    assert target.stat().st_ino != source.stat().st_ino
    with target.open("r+b") as stream:
        stream.write(b"a tagger writes in place")
    assert files.sha256_file(source) == sha256


def test_a_damaged_source_is_not_copied(tmp_path: Path) -> None:
    source, target = tmp_path / "mastered.wav", tmp_path / "book.wav"
    source.write_bytes(bytes(1000))
    target.write_bytes(b"an older book")
    sha256 = files.sha256_file(source)
    flip(source, keep_date=True)
    with pytest.raises(DamagedFile, match="altered"):
        files.copy_checked(source, target, sha256, "The recording")
    assert target.read_bytes() == b"an older book"
    assert not source.exists()
    with pytest.raises(DamagedFile, match="gone"):
        files.copy_checked(source, target, sha256, "The recording")
    assert [path.name for path in tmp_path.iterdir()] == ["book.wav"]
