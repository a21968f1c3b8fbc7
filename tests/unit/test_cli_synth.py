"""`pockettts synth`: what it writes, what it refuses, and that nothing is left of what did not come to an end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pockettts import takes
from pockettts.audio.dsp import to_float
from pockettts.audio.measure import LoudnessMeter
from pockettts.audio.wav import read_wav
from pockettts.cli.synth import mastering, pairs
from pockettts.config import AudioConfig
from pockettts.engines import Engine
from pockettts.errors import EngineFailed, UsageError
from support import FAKES
from support.cli import Call, caller
from support.projects import Singer, stand_beside

FAKE = FAKES / "pocket-tts"
PROGRAM = [sys.executable, "-m", "pockettts.cli"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return stand_beside(tmp_path, monkeypatch)


@pytest.fixture
def pockettts(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Call:
    return caller(monkeypatch, capsysbinary)


@pytest.fixture
def singer(monkeypatch: pytest.MonkeyPatch) -> Singer:
    """An engine that is quick, for the calls of the test."""
    engine = Singer()
    monkeypatch.setattr("pockettts.speaking.open_engine", lambda *_: contextlib.nullcontext(engine))
    return engine


def test_a_text_becomes_a_file_of_the_takes_of_a_book(project: Path, singer: Singer, pockettts: Call) -> None:
    answer = pockettts("synth", "--text", "Mr. Holmes slept well.\n\nThe road was white.", "--out", "sub/a.wav")
    assert answer.code == 0, answer.err
    assert answer.out == ""
    assert "2 of 2" in answer.err
    assert "is a toy" in answer.err, "what is to be known of a model is said"
    assert [text for text, _ in singer.asked] == ["Mister Holmes slept well.", "The road was white."]
    kept = sorted(path.stem for path in (project / "results/takes").rglob("*.wav"))
    store = takes.TakeStore(project / "results/takes")
    assert len(kept) == 2
    assert all(store.get(key) for key in kept)
    assert os.listdir("sub") == ["a.wav"]
    again = pockettts("synth", "--text", "Mr. Holmes slept well.\n\nThe road was white.", "--out", "b.wav")
    assert again.code == 0
    assert len(singer.asked) == 2, "takes are spoken once"
    assert Path("b.wav").read_bytes() == Path("sub/a.wav").read_bytes()


@pytest.mark.parametrize("given", ["option", "dash", "stdin", "file", "markdown", "latin"])
def test_where_a_text_may_come_from(project: Path, singer: Singer, pockettts: Call, given: str) -> None:
    Path("t.txt").write_text("The café was white.")
    Path("t.md").write_text("The *café* was white.")
    arguments, stdin = {
        "option": (["--text", "The café was white."], b""),
        "dash": (["--text", "-"], "The café was white.".encode()),
        "stdin": ([], "The café was white.".encode()),
        "file": (["--file", "t.txt"], b""),
        "markdown": (["-f", "t.md"], b""),
        "latin": ([], "The café was white.".encode("latin-1")),
    }[given]
    answer = pockettts("synth", *arguments, stdin=stdin)
    assert answer.code == 0, answer.err
    assert [text for text, _ in singer.asked] == ["The café was white."]
    assert Path("out.wav").exists()


def test_standard_output_has_a_wav_whose_header_is_right(project: Path, singer: Singer, pockettts: Call) -> None:
    pockettts("synth", "--text", "The road was white.", "--out", "a.wav")
    answer = pockettts("synth", "--text", "The road was white.", "--out", "-")
    assert answer.code == 0
    assert answer.out == Path("a.wav").read_bytes().decode("utf-8", "replace")
    assert sorted(os.listdir()) == ["a.wav"]


def test_chunks_are_as_asked_for(project: Path, singer: Singer, pockettts: Call) -> None:
    text = "The road was white and dry, and the sun stood high over the fields. It was noon. "
    text += "He slept under a tree and dreamed of ships. No one came by, and nothing was heard but the bees."
    pockettts("synth", "--text", text, "--no-chunk")
    assert len(singer.asked) == 1
    singer.asked.clear()
    pockettts("synth", "--text", text, "--max-chunk-chars", "50")
    assert len(singer.asked) >= 5
    assert max(len(text) for text, _ in singer.asked) <= 50


def test_seeds_and_settings_decide_the_take(project: Path, singer: Singer, pockettts: Call) -> None:
    for arguments in ([], ["--seed", "1"], ["--seed", "1"], ["--tts-arg", "max-tokens=40"]):
        assert pockettts("synth", "--text", "The road was white.", *arguments).code == 0
    assert len({seed for _, seed in singer.asked}) == len(singer.asked) == 3


def test_levels_and_fades(project: Path, singer: Singer, pockettts: Call) -> None:
    def samples(*options: str) -> np.ndarray:
        assert pockettts("synth", "--text", "The road was white and dry.", "-o", "x.wav", *options).code == 0
        return to_float(read_wav(Path("x.wav")))

    plain, peaked, faded = samples(), samples("--normalize"), samples("--fade-in-ms", "500")
    meter = LoudnessMeter()
    meter.push(samples("--loudness", "-23"))
    assert meter.integrated() == pytest.approx(-23, abs=0.2)
    assert 20 * np.log10(np.abs(peaked).max()) == pytest.approx(AudioConfig().peak_dbfs, abs=0.01)
    assert np.abs(faded[:2000]).max() < np.abs(plain[:2000]).max()
    assert np.array_equal(faded[12_000:], plain[12_000:]), "only the asked end is faded"


def test_the_order_of_the_audio_steps() -> None:
    audio = mastering(AudioConfig(), dc_block=True, normalize=True, fade_in_ms=1, fade_out_ms=0, loudness=None)
    assert audio.book_chain == ("dc_block", "normalize", "fade")
    quiet = mastering(AudioConfig(), dc_block=False, normalize=False, fade_in_ms=0, fade_out_ms=0, loudness=None)
    assert quiet.book_chain == ()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--text", ""], "nothing to speak"),
        (["--text", " \n"], "nothing to speak"),
        (["--text", "..."], "nothing to speak"),
        ([], "nothing to speak"),
        (["--text", "a", "--file", "b.txt"], "not both"),
        (["--file", "missing.txt"], "missing.txt is not there"),
        (["--text", "a", "--out", "a.mp3"], "writes WAV"),
        (["--text", "a", "--out", "."], "is a folder"),
        (["--text", "a", "--normalize", "--loudness", "-20"], "choose one"),
        (["--text", "a", "--loudness", "-90"], "-40"),
        (["--text", "a", "--fade-in-ms", "-1"], "--fade-in-ms"),
        (["--text", "a", "--voice", "albo"], "Did you mean alba"),
        (["--text", "a", "--voice", "../../etc/passwd"], "There is no voice"),
        (["--text", "a", "--model", "engli"], "Did you mean english"),
        (["--text", "a", "--engine", "tape"], "flag --engine"),
        (["--text", "a", "--seed", "-1"], "flag --seed"),
        (["--text", "a", "--max-chunk-chars", "1"], "flag --max-chunk-chars"),
        (["--text", "a", "--tts-arg", "x"], "KEY=VALUE"),
        (["--text", "a", "--tts-arg", "voice=x"], "set voice in config.yaml"),
        (["--nonsense"], "No such option"),
        (["--text", "[pause: 1] a"], "before the first word"),
    ],
)
def test_misuse_is_exit_code_2_and_writes_nothing(
    project: Path, singer: Singer, pockettts: Call, arguments: list[str], sentence: str
) -> None:
    answer = pockettts("synth", *arguments)
    assert answer.code == 2, answer.err
    assert sentence in " ".join(answer.err.split())
    assert os.listdir() == []


@pytest.mark.parametrize(("arguments", "values"), [(["a=1", "-b=x", "--c-d=true", "e="], [1, "x", True, None])])
def test_further_arguments(arguments: list[str], values: list[object]) -> None:
    assert list(pairs(arguments).values()) == values
    with pytest.raises(UsageError, match="KEY=VALUE"):
        pairs(["=1"])


class Broken(Singer):
    def synthesize(self, text: str, seed: int, *, accept_runaway: bool = False) -> np.ndarray:
        if self.asked:
            raise EngineFailed("pocket-tts failed.", 1, "ValueError: x")
        return super().synthesize(text, seed)


class Mute(Singer):
    def synthesize(self, text: str, seed: int, *, accept_runaway: bool = False) -> np.ndarray:
        return np.zeros(24_000, np.int16)


@pytest.mark.parametrize("engine", [Broken(), Mute()], ids=["broken", "mute"])
def test_a_failure_leaves_the_old_file(
    project: Path, monkeypatch: pytest.MonkeyPatch, pockettts: Call, engine: Engine
) -> None:
    monkeypatch.setattr("pockettts.speaking.open_engine", lambda *_: contextlib.nullcontext(engine))
    Path("out.wav").write_bytes(b"old")
    answer = pockettts("synth", "--text", "The road was white.\n\nThe road was dry.")
    assert answer.code == 1
    assert answer.err.splitlines()[-1].startswith("error: ")
    assert Path("out.wav").read_bytes() == b"old"
    assert os.listdir() == ["out.wav"]


def test_an_environment_that_is_not_ready_is_exit_code_3(
    project: Path, monkeypatch: pytest.MonkeyPatch, pockettts: Call
) -> None:
    monkeypatch.setenv("POCKETTTS_EXECUTABLE", "/no/such/pocket-tts")
    answer = pockettts("synth", "--text", "Hello.")
    assert answer.code == 3
    assert "/no/such/pocket-tts does not exist" in answer.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing_behind(project: Path, number: signal.Signals) -> None:
    environment = {
        **os.environ,
        "POCKETTTS_EXECUTABLE": str(FAKE),
        "FAKE": "forever",
        "FAKE_LOG": str(project.parent / "calls"),
    }
    # A shell has Ctrl-C ignored in what it runs in the background, and children inherit that.
    process = subprocess.Popen(
        [*PROGRAM, "synth", "--text", "Hello there.", "--loudness", "-20"],
        env=environment,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    while not (project.parent / "calls").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True).stdout
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert b"Traceback" not in err
    assert os.listdir() == []
    assert children.split()
    assert not any(Path(f"/proc/{pid}").exists() for pid in children.split())
    assert not list((project / "results").glob("takes/**/*.wav"))


def test_the_real_program_speaks(project: Path) -> None:
    command = [*PROGRAM, "synth", "--engine", "torch", "-o", "-"]
    done = subprocess.run(command, input=b"The road was white.", capture_output=True, timeout=120, check=True)
    assert done.stdout[:4] == b"RIFF"
    assert int.from_bytes(done.stdout[4:8], "little") == len(done.stdout) - 8
    Path("a.wav").write_bytes(done.stdout)
    assert len(read_wav(Path("a.wav"))) > 12_000
