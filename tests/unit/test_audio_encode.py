"""Recordings to M4B, MP3, Opus and FLAC: the same sample at the same place, chapters, tags, cover, and equal bytes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pockettts.audio.encode import ChapterMark, Encoding, Excerpt, Picture, cut_title, encode, read_picture
from pockettts.audio.wav import write_wav
from pockettts.errors import AudioError
from pockettts.values import RATE

SECONDS = 8
CLICKS = (12_345, 40_001, 77_777, 150_003)
FORMATS = {
    "m4b": Encoding("m4b", 64_000),
    "mp3": Encoding("mp3", 64_000),
    "mp3 at 44.1 kHz": Encoding("mp3", 192_000, 44_100),
    "opus": Encoding("opus", 32_000, 48_000),
    "flac": Encoding("flac"),
}
# A JPEG of one pixel.
JPEG = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffdb004300"
    + "01" * 64
    + "ffc0000b080001000101011100ffc400140001000000000000000000000000000000"
    + "09ffc40014100100000000000000000000000000000000ffda0008010100003f00d2cf20ffd9"
)


@pytest.fixture(scope="module")
def wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Quiet noise with loud clicks, each the rise of a step that lasts 2 ms."""
    noise = np.random.default_rng(0).standard_normal(SECONDS * RATE) * 30
    samples = noise.astype(np.int16)
    for click in CLICKS:
        samples[click : click + 48] = 28_000
    path = tmp_path_factory.mktemp("wav") / "clicks.wav"
    write_wav(path, samples)
    return path


def decoded(path: Path) -> tuple[np.ndarray[Any, Any], int]:
    import av

    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        parts = [frame.to_ndarray().astype(np.float64).reshape(-1) for frame in container.decode(stream)]
        return np.concatenate(parts), int(stream.rate)


def opened(path: Path) -> tuple[list[Any], dict[str, str]]:
    import av

    with av.open(str(path)) as container:
        return list(container.chapters()), {**container.metadata, **container.streams.audio[0].metadata}


def shift(samples: np.ndarray[Any, Any], rate: int, click: int) -> float:
    """By how many samples of 24 kHz the decoded click stands away from where it was: by the center of its power."""
    place, room = round(click * rate / RATE), rate // 50
    window = np.square(samples[place - room : place + room])
    window[window < window.max() / 20] = 0
    center = float((np.arange(len(window)) * window).sum() / window.sum()) - room
    return center * RATE / rate - 23.5


@pytest.mark.parametrize("name", FORMATS)
def test_a_click_is_decoded_where_it_was(name: str, wav: Path, tmp_path: Path) -> None:
    out = tmp_path / f"x.{FORMATS[name].format}"
    encode(Excerpt(wav), out, FORMATS[name], {})
    samples, rate = decoded(out)
    assert abs(len(samples) * RATE / rate - SECONDS * RATE) <= (1024 if name == "m4b" else 2)
    assert max(abs(shift(samples, rate, click)) for click in CLICKS) < 3


@pytest.mark.parametrize("name", FORMATS)
def test_two_runs_give_the_same_bytes(name: str, wav: Path, tmp_path: Path) -> None:
    chapters = [ChapterMark("One", 0, 50_000), ChapterMark("Two", 50_000, SECONDS * RATE)]
    kind = FORMATS[name].format
    tags = {"TIT2": "Ünï"} if kind == "mp3" else {"title": "Ünï"}
    cover = read_picture(JPEG, "cover")
    for run in ("a", "b"):
        encode(Excerpt(wav), tmp_path / f"{run}.{kind}", FORMATS[name], tags, chapters, cover)
    assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


@pytest.mark.parametrize("kind", ["m4b", "opus", "flac"])
def test_four_hundred_chapters_with_long_titles(kind: str, wav: Path, tmp_path: Path) -> None:
    long = "é" * 150
    assert len(long.encode()) == 300
    step = SECONDS * RATE // 400
    chapters = [ChapterMark(f"{number} {long}", number * step, (number + 1) * step) for number in range(400)]
    out = tmp_path / f"x.{kind}"
    encode(Excerpt(wav), out, FORMATS[kind], {"title": "Book"}, chapters)
    found, tags = opened(out)
    assert len(found) == 400
    assert {name.lower(): text for name, text in tags.items()}["title"] == "Book"
    exact = 0 if kind == "m4b" else 0.0006
    for mark, chapter in zip(chapters, found, strict=True):
        title = chapter["metadata"]["title"]
        assert title == (cut_title(mark.title) if kind == "m4b" else mark.title)
        assert abs(float(chapter["start"] * chapter["time_base"]) - mark.start / RATE) <= exact
    assert len(cut_title(chapters[0].title).encode()) <= 250


def test_an_mp3_has_its_tag_before_sound_that_says_its_length(wav: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.mp3"
    tags = {"TIT2": "Title", "COMM": "Said of it", "TXXX:SERIES": "Saga", "TLAN": "eng"}
    marks = [ChapterMark("One", 0, 48_000), ChapterMark("Zwei ü", 48_000, SECONDS * RATE)]
    encode(Excerpt(wav), out, FORMATS["mp3"], tags, marks, read_picture(JPEG, "cover"))
    assert out.read_bytes().startswith(b"ID3\x03\x00")
    chapters, found = opened(out)
    assert [chapter["metadata"]["title"] for chapter in chapters] == ["One", "Zwei ü"]
    assert (found["title"], found["comment"], found["SERIES"]) == ("Title", "Said of it", "Saga")


def test_a_part_with_silence_around_it(wav: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.flac"
    encode(Excerpt(wav, 40_000, 80_000, head=2_400, tail=4_800), out, FORMATS["flac"], {})
    samples, rate = decoded(out)
    assert len(samples) == 40_000 + 2_400 + 4_800
    assert not samples[:2_400].any()
    assert not samples[-4_800:].any()
    assert abs(shift(samples, rate, 40_001 - 40_000 + 2_400)) < 0.01


def test_a_cover_is_kept_byte_for_byte(wav: Path, tmp_path: Path) -> None:
    import av

    cover = read_picture(JPEG, "cover")
    assert cover == Picture(JPEG, "image/jpeg", 1, 1)
    for kind in ("m4b", "flac", "opus", "mp3"):
        out = tmp_path / f"x.{kind}"
        encode(Excerpt(wav), out, FORMATS[kind], {}, (), cover)
        with av.open(str(out)) as container:
            packet = next(container.demux(container.streams.video[0]))
            assert bytes(packet) == JPEG


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\xff\xd8\xff\xd9", b"\x89PNG\r\n", b"\xff\xd8" + b"\xff" * 50])
def test_what_is_not_a_picture_is_refused(data: bytes) -> None:
    with pytest.raises(AudioError, match="not a JPEG or PNG"):
        read_picture(data, "cover.jpg")


def test_a_failure_leaves_what_was_there(wav: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.m4b"
    out.write_bytes(b"old")
    with pytest.raises(AudioError):
        encode(Excerpt(tmp_path / "none.wav"), out, FORMATS["m4b"], {})
    assert out.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    program = """
import resource, sys
from pathlib import Path
from pockettts.audio.encode import Encoding, Excerpt, encode
from pockettts.audio.wav import WavWriter
path = Path(sys.argv[1])
with WavWriter(path / "long.wav") as writer:
    writer.silence(int(sys.argv[2]) * 24_000)
encode(Excerpt(path / "long.wav"), path / "long.m4b", Encoding("m4b", 64_000, coder="fast"), {})
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
    short, long = (
        int(subprocess.run([sys.executable, "-c", program, tmp_path, seconds], capture_output=True, check=True).stdout)
        for seconds in ("60", "3600")
    )
    assert long - short < 30


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["m4b", "opus", "flac", "mp3"])
def test_other_programs_read_the_same(kind: str, wav: Path, tmp_path: Path) -> None:
    """ffprobe, mediainfo, mkvmerge and AtomicParsley, as far as they are installed."""
    marks = [ChapterMark("One", 0, 48_001), ChapterMark("Zwei ü", 48_001, SECONDS * RATE)]
    out = tmp_path / f"x.{kind}"
    tags = {"TIT2": "Ünï Book", "TPE1": "Ann"} if kind == "mp3" else {"title": "Ünï Book", "artist": "Ann"}
    encode(
        Excerpt(wav),
        out,
        FORMATS[kind],
        {**tags, **({"media_type": "2"} if kind == "m4b" else {})},
        marks,
        read_picture(JPEG, "cover"),
    )

    def run(*command: str) -> str:
        return subprocess.run([*command, str(out)], capture_output=True, text=True, check=True).stdout

    programs = 0
    if shutil.which("ffprobe"):
        programs += 1
        found = json.loads(
            run(*["ffprobe", "-v", "error", "-of", "json", "-show_chapters", "-show_format", "-show_streams"])
        )
        assert [chapter["tags"]["title"] for chapter in found["chapters"]] == ["One", "Zwei ü"]
        assert abs(float(found["chapters"][1]["start_time"]) - 48_001 / RATE) < (0.00005 if kind == "m4b" else 0.001)
        assert abs(float(found["format"]["duration"]) - SECONDS) < (0.1 if kind == "mp3" else 0.01)
        everything = json.dumps(found, ensure_ascii=False)
        assert "Ünï Book" in everything
    if shutil.which("mediainfo"):
        programs += 1
        text = run("mediainfo")
        assert "Ünï Book" in text
        assert "8 s" in text
    if shutil.which("mkvmerge") and kind in ("m4b", "flac"):
        programs += 1
        found = json.loads(run("mkvmerge", "-J"))
        assert found["container"]["recognized"]
        if kind == "m4b":
            assert found["chapters"][0]["num_entries"] == 2
    if shutil.which("AtomicParsley") and kind == "m4b":
        programs += 1
        text = subprocess.run(["AtomicParsley", out, "-t"], capture_output=True, text=True, check=True).stdout
        assert "Audiobook" in text
        assert "Ann" in text
    if not programs:
        pytest.skip("none of the programs is installed")
