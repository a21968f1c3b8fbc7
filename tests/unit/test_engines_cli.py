import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pockettts.config import SynthConfig
from pockettts.engines import open_engine
from pockettts.engines.cli import CliEngine, check_tts_args, cut_tail, option_list
from pockettts.errors import (
    ConfigError,
    EngineFailed,
    EngineTimeout,
    ExecutableNotFound,
    NoEndOfSpeech,
    SynthesisCancelled,
    UsageError,
)
from pockettts.upstream import console_script_interpreter, describe_exit, find_command, last_error_line
from support import FAKES
from support.babble import write_runtime

FAKE = FAKES / "pocket-tts"
AUDIO = [1000 + index % 7 for index in range(6000)]


@pytest.fixture
def engine(tmp_path: Path) -> CliEngine:
    return CliEngine(write_runtime(tmp_path), tmp_path / "voice.safetensors", SynthConfig(executable=FAKE))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def choose(mode: str):
        monkeypatch.setenv("FAKE", mode)
        monkeypatch.setenv("FAKE_LOG", str(tmp_path / "calls"))
        return lambda: [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]

    return choose


def alive(pid: int) -> bool:
    """Whether a process runs: one that is dead but not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(*pids: int, within: float = 5.0) -> bool:
    deadline = time.monotonic() + within
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(alive, pids))


def test_header_sizes_are_ignored_and_the_tail_is_cut(engine: CliEngine, fake) -> None:
    fake("good")
    samples = engine.synthesize("Hello.", 1)
    assert samples.dtype == np.int16
    assert samples.tolist() == AUDIO


def test_sound_at_the_end_is_never_cut(engine: CliEngine, fake) -> None:
    fake("no tail")
    assert engine.synthesize("Hello.", 1).tolist() == AUDIO


def test_the_command_and_its_environment(tmp_path: Path, fake, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = fake("good")
    monkeypatch.setenv("POCKET_TTS_SAVE_WEIGHTS", "1")
    synth = SynthConfig(
        executable=FAKE, temperature=0.5, eos_threshold=-2.5, tts_args={"lang_id": 3, "k": 2, "fast": True}
    )
    runtime = write_runtime(tmp_path)
    with open_engine("cli", runtime, tmp_path / "v.safetensors", synth) as engine:
        assert not engine.seeded
        engine.synthesize("  Say “this”,\n é – now. ", 1)
        engine.synthesize("Again.", 1, accept_runaway=True)
    first, second = calls()
    assert first["text"] == "Say “this”, é – now."
    assert first["args"] == [
        "generate",
        *("--config", str(runtime), "--voice", str(tmp_path / "v.safetensors"), "--text", "-", "--output-path", "-"),
        *("--temperature=0.5", "--eos-threshold=-2.5", "--lang-id=3", "-k", "2", "--fast"),
    ]
    expected = {"TYPER_USE_RICH": "0", "PYTHONUTF8": "1", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    assert expected.items() <= first["env"].items()
    assert first["env"]["KPOCKET_TTS_ERROR_WITHOUT_EOS"] == "1"
    assert second["env"]["KPOCKET_TTS_ERROR_WITHOUT_EOS"] == "0"
    assert "POCKET_TTS_SAVE_WEIGHTS" not in first["env"]


def test_a_long_text_is_spoken_in_pieces(engine: CliEngine, fake) -> None:
    calls = fake("good")
    text = "Alice was beginning to get very tired of sitting by her sister on the bank. " * 3
    samples = engine.synthesize(text, 1)
    spoken = [call["text"] for call in calls()]
    assert len(spoken) > 1
    assert " ".join(spoken) == text.strip()
    assert len(samples) == 6000 * len(spoken) + 2400 * (len(spoken) - 1)


def test_a_failure_tells_code_and_reason(engine: CliEngine, fake) -> None:
    fake("traceback")
    with pytest.raises(EngineFailed, match="exit code 3") as caught:
        engine.synthesize("Hello.", 1)
    assert caught.value.code == 3
    assert caught.value.last_line == "ValueError: the voice is too green"
    assert '"Hello."' in str(caught.value)


def test_an_abort_after_complete_audio_is_forgiven_and_counted(engine: CliEngine, fake) -> None:
    calls = fake("abort after audio")
    assert engine.synthesize("Hello.", 1).tolist() == AUDIO
    assert engine.aborts == 1
    assert len(calls()) == 1


@pytest.mark.parametrize("mode", ["abort in audio", "another abort"])
def test_any_other_abort_is_tried_again_and_then_fails(engine: CliEngine, fake, mode: str) -> None:
    calls = fake(mode)
    with pytest.raises(EngineFailed, match="SIGABRT") as caught:
        engine.synthesize("Hello.", 1)
    assert caught.value.code == -signal.SIGABRT
    assert len(calls()) == 3


def test_a_killed_child_is_named_by_its_signal(engine: CliEngine, fake) -> None:
    calls = fake("killed")
    with pytest.raises(EngineFailed, match=r"SIGKILL.*memory") as caught:
        engine.synthesize("Hello.", 1)
    assert caught.value.code == -9
    assert len(calls()) == 1


@pytest.mark.parametrize("mode", ["runaway", "quiet runaway"])
def test_a_runaway_is_no_take(engine: CliEngine, fake, mode: str) -> None:
    fake(mode)
    with pytest.raises(NoEndOfSpeech, match=r"Hello\."):
        engine.synthesize("Hello.", 1)


def test_a_runaway_can_be_accepted(engine: CliEngine, fake) -> None:
    fake("quiet runaway")
    assert engine.synthesize("Hello.", 1, accept_runaway=True).tolist() == AUDIO


def test_success_without_audio_is_a_failure(engine: CliEngine, fake) -> None:
    fake("no audio")
    with pytest.raises(EngineFailed, match="is empty") as caught:
        engine.synthesize("Hello.", 1)
    assert caught.value.last_line == "ERROR: nothing to say"


def test_half_a_character_is_refused_before_anything_runs(engine: CliEngine, fake) -> None:
    with pytest.raises(UsageError, match=r"U\+D800"):
        engine.synthesize("a\ud800", 1)


def test_a_timeout_kills_the_whole_group_and_keeps_what_was_said(tmp_path: Path, fake) -> None:
    fake("forever")
    synth = SynthConfig(executable=FAKE, timeout_seconds=1.5)
    with pytest.raises(EngineTimeout, match=r"1\.5 s") as caught:
        CliEngine(write_runtime(tmp_path), tmp_path / "v", synth).synthesize("Hello.", 1)
    pids = [int(word) for word in caught.value.stderr.partition("pids ")[2].split()]
    assert len(pids) == 2
    assert gone(*pids)


def test_a_cancelled_process_is_killed_with_its_group(
    tmp_path: Path, fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake("forever")
    started: list[int] = []
    popen = subprocess.Popen

    def noted(*arguments: Any, **keywords: Any) -> Any:
        process = popen(*arguments, **keywords)
        started.append(process.pid)
        return process

    monkeypatch.setattr(subprocess, "Popen", noted)
    engine = CliEngine(write_runtime(tmp_path), tmp_path / "v", SynthConfig(executable=FAKE))
    began = time.monotonic()
    engine.cancelled = lambda: time.monotonic() > began + 0.5
    with pytest.raises(SynthesisCancelled):
        engine.synthesize("Hello.", 1)
    assert time.monotonic() - began < 5
    assert started
    assert gone(*started)


SPEAK = """
import sys
from pathlib import Path
from pockettts.config import SynthConfig
from pockettts.engines import open_engine
open_engine("cli", Path(sys.argv[1]), Path("v"), SynthConfig(executable=Path(sys.argv[2]))).synthesize("Hello.", 1)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="uses Linux's parent-death signal")
@pytest.mark.parametrize("blow", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_child_outlives_us(tmp_path: Path, fake, blow: signal.Signals) -> None:
    calls = fake("forever")
    parent = subprocess.Popen(
        [sys.executable, "-c", SPEAK, write_runtime(tmp_path), FAKE],
        stderr=subprocess.DEVNULL,
        # A shell starts what it puts into the background with Ctrl-C ignored, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 20
    while not (tmp_path / "calls").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)
    child = calls()[0]["pid"]
    assert alive(child)
    parent.send_signal(blow)
    parent.wait(10)
    assert gone(child)


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        ("", "it printed nothing"),
        ("INFO: a\nValueError: b\n", "ValueError: b"),
        ("KeyError: 'a'\n\nDuring handling\n\nOSError: b\n", "OSError: b"),
        (
            "huggingface_hub.errors.LocalEntryNotFoundError: no\nINFO: bye",
            "huggingface_hub.errors.LocalEntryNotFoundError: no",
        ),
        ("ERROR: No input received from stdin.", "ERROR: No input received from stdin."),
        ("Usage: pocket-tts generate\nTry this\n\nError: No such option: --foo", "Error: No such option: --foo"),
        ("A: b\nException ignored in: <f>\nTraceback:\n  File\nwave.Error: c\nlast", "last"),
        ("ValueError: a\nException ignored in: <f>\nTraceback:\n  File\nOSError: c\n", "ValueError: a"),
    ],
)
def test_the_reason_is_found(stderr: str, expected: str) -> None:
    assert last_error_line(stderr) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (3, "failed with exit code 3"),
        (-15, "was killed by SIGTERM"),
        (134, "was killed by SIGABRT"),
        (-200, "code -200"),
    ],
)
def test_exit_codes_have_names(code: int, expected: str) -> None:
    assert expected in describe_exit(code)


@pytest.mark.parametrize(
    ("length", "zeros", "cut"), [(9000, 4800, 4200), (9000, 4799, 9000), (4800, 4800, 0), (4799, 4799, 4799), (0, 0, 0)]
)
def test_only_a_whole_tail_is_cut(length: int, zeros: int, cut: int) -> None:
    samples = np.ones(length, np.int16)
    samples[length - zeros :] = 0
    assert len(cut_tail(samples)[0]) == cut
    assert cut_tail(samples)[1] == (cut < length)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"text": "x"}, "the text comes from the book"),
        ({"--voice": "x"}, "set voice"),
        ({"output_path": "x"}, "where audio goes"),
        ({"config": "x"}, "set model"),
        ({"language": "x"}, "set model"),
        ({"quiet": True}, "messages"),
        ({"q": True}, "messages"),
        ({"quantize": True}, r"synth\.quantize"),
        ({"no-quantize": True}, r"synth\.quantize"),
        ({"temperature": 1}, r"synth\.temperature"),
        ({"a b": 1}, "not the name of a flag"),
        ({"": 1}, "not the name of a flag"),
        ({"max-tokens": "many"}, "whole number"),
        ({"max-tokens": True}, "whole number"),
    ],
)
def test_flags_that_are_ours_are_refused(args: dict, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        check_tts_args(args)


def test_flags_are_passed_through() -> None:
    args = {"max_tokens": 25, "checkpoint": "a b", "fast": True, "slow": False, "k": -1}
    assert option_list(SynthConfig(tts_args=args)) == ["--max-tokens=25", "--checkpoint=a b", "--fast", "-k", "-1"]
    assert option_list(SynthConfig()) == []
    every = SynthConfig(temperature=0, decode_steps=2, noise_clamp=1.5, frames_after_eos=0, quantize=True)
    assert option_list(every) == [
        *("--temperature=0.0", "--sampler-decode-steps=2", "--noise-clamp=1.5", "--frames-after-eos=0", "--quantize"),
    ]


CONSOLE = "import sys\nfrom pocket_tts.main import cli_app\nsys.exit(cli_app())\n"


@pytest.mark.parametrize(
    ("head", "known"),
    [
        (f"#!{sys.executable}\n{CONSOLE}", True),
        (f"#!/usr/bin/env -S {sys.executable}\n{CONSOLE}", True),
        (f"#!/bin/sh\n'''exec' \"{sys.executable}\" \"$0\" \"$@\"\n' '''\n{CONSOLE}", True),
        (f"#!{sys.executable}\nprint('from pocket_tts, not')\n", False),
        (f'#!/bin/sh\nexec {sys.executable} -m pocket_tts "$@"\n', False),
        (f"#!/nowhere/python3\n{CONSOLE}", False),
        ("\x7fELF\x02\x01from pocket_tts", False),
        ("", False),
    ],
)
def test_only_the_console_script_of_the_package_is_seeded(tmp_path: Path, head: str, known: bool) -> None:
    program = tmp_path / "pocket-tts"
    program.write_text(head)
    program.chmod(0o755)
    assert console_script_interpreter(program) == (Path(sys.executable) if known else None)
    command = find_command(program)
    assert command.seeded == known
    if known:
        assert command.identity() == find_command().identity()
    else:
        before = command.identity()
        program.write_text(head + "\n")
        assert before.keys() == {"executable"}
        assert find_command(program).identity() != before


def test_a_missing_program_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ExecutableNotFound, match=r"does not exist; correct synth\.executable"):
        find_command(tmp_path / "nothing")
    (tmp_path / "plain").write_text("")
    with pytest.raises(ExecutableNotFound, match="is not executable"):
        find_command(tmp_path / "plain")


def test_a_program_for_another_machine_is_not_found(tmp_path: Path) -> None:
    program = tmp_path / "pocket-tts"
    program.write_bytes(b"\x7fELF nonsense")
    program.chmod(0o755)
    engine = CliEngine(write_runtime(tmp_path), tmp_path / "v", SynthConfig(executable=program))
    with pytest.raises(ExecutableNotFound, match="Exec format error"):
        engine.synthesize("Hello.", 1)


def test_an_interpreter_without_pocket_tts_is_named(tmp_path: Path) -> None:
    interpreter = tmp_path / "python3"
    interpreter.write_text("#!/bin/sh\nexit 1\n")
    program = tmp_path / "pocket-tts"
    program.write_text(f"#!{interpreter}\n{CONSOLE}")
    for file in (interpreter, program):
        file.chmod(0o755)
    with pytest.raises(ExecutableNotFound, match="not installed for"):
        find_command(program)


def test_an_unknown_engine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cli, torch, onnx"):
        open_engine("rust", tmp_path, tmp_path, SynthConfig())
