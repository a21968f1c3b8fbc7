import contextlib
import errno
import io
import os
import stat
import struct
import subprocess
import wave

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from pockettts.audio.wav import (
    WavWriter,
    decode_wav,
    parse_piped_wav,
    read_blocks,
    read_wav,
    wav_length,
    write_wav,
)
from pockettts.errors import AudioError
from pockettts.values import RATE

SAMPLES = np.arange(-500, 500, dtype=np.int16) * 60


def chunk(name, body, size=None):
    return name + struct.pack("<I", len(body) if size is None else size) + body + b"\0" * (len(body) % 2)


def form(tag=1, channels=1, rate=RATE, bits=16):
    return chunk(
        b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits)
    )


def riff(*chunks, size=None):
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def piped(samples=SAMPLES):
    """What `pocket-tts generate --output-path -` writes into a pipe."""
    return riff(form(), chunk(b"data", b"", 2_000_000_000), size=2_000_000_036) + samples.astype("<i2").tobytes()


EXTENSIBLE = chunk(
    b"fmt ", struct.pack("<HHIIHHHHI", 0xFFFE, 1, RATE, 2 * RATE, 2, 16, 22, 16, 4) + struct.pack("<H14x", 1)
)


@pytest.mark.parametrize(
    "data",
    [
        piped(),
        piped() + b"\x7f",
        riff(form(), chunk(b"data", SAMPLES.tobytes())),
        riff(form(), chunk(b"data", SAMPLES.tobytes(), 0), size=0),
        riff(form(), chunk(b"data", SAMPLES.tobytes(), 0xFFFF_FFFF), size=0xFFFF_FFFF),
        riff(chunk(b"LIST", b"odd"), form(), chunk(b"bext", bytes(602)), chunk(b"data", SAMPLES.tobytes())),
        riff(EXTENSIBLE, chunk(b"data", SAMPLES.tobytes())),
    ],
    ids=["pocket-tts", "half a sample", "honest", "zero sizes", "unknown sizes", "other chunks", "extensible"],
)
def test_piped_audio_is_what_follows_the_data_header(data):
    np.testing.assert_array_equal(parse_piped_wav(data), SAMPLES)


@given(st.lists(st.integers(-32_768, 32_767), max_size=50), st.integers(0, 0xFFFF_FFFF), st.integers(0, 0xFFFF_FFFF))
def test_piped_sizes_never_matter(values, riff_size, data_size):
    samples = np.array(values, np.int16)
    data = riff(form(), chunk(b"data", b"", data_size), size=riff_size) + samples.tobytes()
    np.testing.assert_array_equal(parse_piped_wav(data), samples)


def test_piped_without_audio_is_empty():
    assert parse_piped_wav(piped(SAMPLES[:0])).shape == (0,)


def test_piped_samples_can_be_changed():
    samples = parse_piped_wav(piped())
    samples[0] = 1
    assert samples.dtype == np.int16


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"Traceback (most recent call last):", "is not a WAV file"),
        (piped()[:40], "truncated header"),
        (riff(chunk(b"fmt ", b"\1\0")), "truncated format chunk"),
        (riff(chunk(b"data", bytes(8))), "no format chunk"),
        (riff(form(rate=44_100), chunk(b"data", b"")), "is 44100 Hz, mono, 16-bit PCM; 24000 Hz"),
        (riff(form(channels=2), chunk(b"data", b"")), "is 24000 Hz, stereo, 16-bit PCM"),
        (riff(form(tag=3, bits=32), chunk(b"data", b"")), "is 24000 Hz, mono, 32-bit float"),
    ],
)
def test_piped_error_says_what_it_was(data, message):
    with pytest.raises(AudioError) as caught:
        parse_piped_wav(data)
    assert message in str(caught.value)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=120))
def test_piped_garbage_is_refused_or_decoded(data):
    for candidate in (data, b"RIFF\0\0\0\0WAVE" + data):
        with contextlib.suppress(AudioError):
            assert parse_piped_wav(candidate).dtype == np.int16


def test_written_file_is_what_others_read(tmp_path):
    path = tmp_path / "new" / "a.wav"
    write_wav(path, SAMPLES)
    values, rate = soundfile.read(path, dtype="int16")
    np.testing.assert_array_equal(values, SAMPLES)
    assert rate == RATE
    with wave.open(str(path)) as file:
        assert file.getparams()[:4] == (1, 2, RATE, len(SAMPLES))
    assert path.stat().st_size == 44 + 2 * len(SAMPLES)
    np.testing.assert_array_equal(read_wav(path), SAMPLES)


def test_written_file_has_ordinary_rights(tmp_path):
    write_wav(tmp_path / "a.wav", SAMPLES)
    (tmp_path / "b").touch()
    assert stat.S_IMODE((tmp_path / "a.wav").stat().st_mode) == stat.S_IMODE((tmp_path / "b").stat().st_mode)


@pytest.mark.parametrize("announced", [None, 3000])
@pytest.mark.parametrize(("limit", "magic"), [(6071, b"RF64"), (6072, b"RIFF")])
def test_past_the_limit_it_is_rf64(tmp_path, announced, limit, magic):
    path = tmp_path / "a.wav"
    with WavWriter(path, announced, limit=limit) as writer:
        for _ in range(3):
            writer.write(SAMPLES)
    data = path.read_bytes()
    assert data[:4] == magic
    if magic == b"RF64":
        assert struct.unpack_from("<QQQ", data, 20) == (len(data) - 8, 6000, 3000)
    elif announced is None:
        assert struct.unpack_from("<I", data, 4) == (len(data) - 8,)
    np.testing.assert_array_equal(soundfile.read(path, dtype="int16")[0], np.tile(SAMPLES, 3))
    np.testing.assert_array_equal(np.concatenate(list(read_blocks(path, 700))), np.tile(SAMPLES, 3))


def test_read_past_4_gib(tmp_path):
    path = tmp_path / "long.wav"
    samples = (5 << 30) // 2
    size = 2 * samples
    header = b"RF64\xff\xff\xff\xffWAVE" + chunk(b"ds64", struct.pack("<QQQI", size + 72, size, samples, 0))
    with path.open("wb") as file:
        file.write(header + form() + b"data\xff\xff\xff\xff" + b"\x01\x00\x02\x00")
        file.truncate(80 + size)
    assert soundfile.info(path).frames == samples
    assert wav_length(path) == samples
    np.testing.assert_array_equal(next(read_blocks(path, 3)), [1, 2, 0])
    with path.open("r+b") as file:
        file.truncate(80 + size - 2)
    with pytest.raises(AudioError, match="truncated"):
        wav_length(path)


@pytest.mark.slow
def test_write_past_4_gib(tmp_path):
    path = tmp_path / "long.wav"
    samples = (1 << 31) + 1000
    with WavWriter(path) as writer:
        writer.silence(samples - 1)
        writer.write(np.array([7], np.int16))
    info = soundfile.info(path)
    assert (info.format, info.frames) == ("RF64", samples)
    with soundfile.SoundFile(path) as file:
        file.seek(samples - 1)
        assert file.read(dtype="int16") == [7]
    path.unlink()


def test_reading_stops_at_the_end_of_the_data_chunk(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(riff(form(), chunk(b"data", SAMPLES.tobytes()), chunk(b"LIST", bytes(100))))
    np.testing.assert_array_equal(read_wav(path), SAMPLES)
    np.testing.assert_array_equal(np.concatenate(list(read_blocks(path, 99))), SAMPLES)
    assert wav_length(path) == len(SAMPLES)


@pytest.mark.parametrize("read", [read_wav, wav_length, lambda path: list(read_blocks(path))])
def test_reading_a_bad_file_names_it(tmp_path, read):
    path = tmp_path / "bad.wav"
    with pytest.raises(AudioError, match=r"bad\.wav cannot be read: No such file"):
        read(path)
    path.write_bytes(riff(form(), chunk(b"data", SAMPLES.tobytes()))[:-1])
    with pytest.raises(AudioError, match=r"bad\.wav is truncated: its header promises 2000 bytes .* 1999"):
        read(path)
    path.write_bytes(b"")
    with pytest.raises(AudioError, match=r"bad\.wav is empty"):
        read(path)


def test_decode_names_its_source():
    with pytest.raises(AudioError, match=r"^Take 3 is not a WAV file\.$"):
        decode_wav(b"ID3", "Take 3")


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "a.wav"
    write_wav(path, SAMPLES)
    with pytest.raises(KeyError), WavWriter(path) as writer:  # noqa: PT012
        writer.write(SAMPLES[:10])
        raise KeyError
    np.testing.assert_array_equal(read_wav(path), SAMPLES)
    assert os.listdir(tmp_path) == ["a.wav"]


def test_nothing_appears_before_the_end(tmp_path):
    path = tmp_path / "a.wav"
    with WavWriter(path) as writer:
        writer.write(SAMPLES)
        assert not path.exists()
    assert path.exists()


def test_another_count_than_announced_is_refused(tmp_path):
    with (
        pytest.raises(AudioError, match="999 samples were written where 1000 were announced"),
        WavWriter(tmp_path / "a.wav", 1000) as writer,
    ):
        writer.write(SAMPLES[:999])
    assert not os.listdir(tmp_path)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("count", [1000, 10_000_000])
def test_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch, count):
    def open_full(handle, mode):
        os.close(handle)
        return open("/dev/full", mode)

    monkeypatch.setattr("pockettts.audio.wav.os.fdopen", open_full)
    with pytest.raises(AudioError) as caught:
        write_wav(tmp_path / "a.wav", np.zeros(count, np.int16))
    assert str(caught.value) == (
        f"{tmp_path / 'a.wav'} cannot be written: the disk is full; free some space and start again."
    )
    assert not os.listdir(tmp_path)


def test_full_file_system(tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        write_wav(tmp_path / "a.wav", SAMPLES)
        with pytest.raises(AudioError, match="disk is full"), WavWriter(tmp_path / "b.wav") as writer:
            writer.silence(100_000)
        assert os.listdir(tmp_path) == ["a.wav"]
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_failing_sync_leaves_nothing(tmp_path, monkeypatch):
    def fail(handle):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("pockettts.audio.wav.os.fsync", fail)
    with pytest.raises(AudioError, match=r"a\.wav cannot be written: Input/output error\."):
        write_wav(tmp_path / "a.wav", SAMPLES)
    assert not os.listdir(tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(AudioError, match="cannot be written"):
        write_wav(tmp_path / "file" / "a.wav", SAMPLES)


@given(st.lists(st.integers(1, 40), max_size=8))
def test_blocks_put_together_are_the_file(sizes):
    whole = np.arange(sum(sizes), dtype=np.int16)
    data = riff(form(), chunk(b"data", whole.tobytes()))
    np.testing.assert_array_equal(decode_wav(data, "it"), whole)
    np.testing.assert_array_equal(soundfile.read(io.BytesIO(data), dtype="int16")[0], whole)
