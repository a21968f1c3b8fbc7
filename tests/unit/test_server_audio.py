"""Encoders of the server's formats: what goes in comes out, in parts or at once."""

from __future__ import annotations

import io
import struct
import wave

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pockettts.server.audio import MEDIA_TYPES, Format, encode, open_encoder

SECONDS = 2


def tone() -> bytes:
    time = np.arange(24_000 * SECONDS) / 24_000
    return (12_000 * np.sin(2 * np.pi * 440 * time)).astype("<i2").tobytes()


def in_parts(form: Format, audio: bytes, size: int) -> bytes:
    encoder = open_encoder(form)
    parts = [encoder.feed(audio[at : at + size]) for at in range(0, len(audio), size)]
    return b"".join([*parts, encoder.end()])


def decoded(data: bytes) -> tuple[np.ndarray, int]:
    with av.open(io.BytesIO(data), "r") as container:
        rate = container.streams.audio[0].rate
        resampler = av.AudioResampler("flt", "mono", rate)
        frames = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    return np.concatenate(frames), rate


@pytest.mark.parametrize("form", ["mp3", "opus", "aac", "flac"])
@pytest.mark.parametrize("size", [None, 4_800, 1_000])
def test_a_tone_survives(form: Format, size: int | None) -> None:
    data = encode(form, tone()) if size is None else in_parts(form, tone(), size)
    samples, rate = decoded(data)
    assert len(samples) / rate == pytest.approx(SECONDS, abs=0.1)
    spectrum = np.abs(np.fft.rfft(samples[: rate * SECONDS]))
    assert np.argmax(spectrum) * rate / min(len(samples), rate * SECONDS) == pytest.approx(440, abs=2)
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(12_000 / 32_768 / np.sqrt(2), rel=0.1)


@pytest.mark.parametrize("form", ["mp3", "opus", "aac", "flac"])
def test_bytes_come_before_the_end(form: Format) -> None:
    encoder = open_encoder(form)
    early = sum(len(encoder.feed(tone()[at : at + 4_800])) for at in range(0, 48_000, 4_800))
    assert early > 1_000


@settings(deadline=None, max_examples=30)
@given(audio=st.binary(max_size=400).map(lambda data: data[: len(data) // 2 * 2]), size=st.integers(1, 50))
def test_wav_pcm_and_flac_lose_nothing(audio: bytes, size: int) -> None:
    assert in_parts("pcm", audio, 2 * size) == encode("pcm", audio) == audio
    assert in_parts("wav", audio, 2 * size)[44:] == audio
    with wave.open(io.BytesIO(encode("wav", audio))) as sound:
        assert sound.readframes(sound.getnframes()) == audio
    if len(audio) >= 64:
        samples, _ = decoded(encode("flac", audio))
        assert (samples * 32_768).astype("<i2").tobytes() == audio


@pytest.mark.parametrize("form", ["wav", "flac"])
def test_a_whole_file_states_its_length(form: Format) -> None:
    with av.open(io.BytesIO(encode(form, tone()))) as container:
        stream = container.streams.audio[0]
        assert stream.duration
        assert stream.time_base
        assert float(stream.duration * stream.time_base) == SECONDS


def test_a_wav_that_grows_says_so_in_both_sizes() -> None:
    head = in_parts("wav", tone(), 4_800)[:44]
    assert struct.unpack_from("<I", head, 4)[0] == struct.unpack_from("<I", head, 40)[0] == 0xFFFFFFFF


def test_every_format_has_a_type_and_takes_nothing_at_all() -> None:
    for form in MEDIA_TYPES:
        assert isinstance(encode(form, b""), bytes)
