"""The commands beside synth: what they answer, to readers and to programs, and how they refuse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from pockettts import __version__
from pockettts.cli import app
from pockettts.cli.context import find_project
from pockettts.errors import UsageError
from support import ROOT
from support.cli import Call, caller, on_terminal
from support.projects import copy_of_ready, make_project


def commands(command: Any = None, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command that there is, by its words."""
    children = getattr(command or typer.main.get_command(app), "commands", None)
    if children is None:
        return [path]
    return [found for name, child in children.items() for found in commands(child, (*path, name))]


@pytest.fixture
def pockettts(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Call:
    return caller(monkeypatch, capsysbinary)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in which nothing is built; it is the current directory."""
    monkeypatch.chdir(make_project(tmp_path / "project"))
    return tmp_path / "project"


@pytest.fixture
def ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with model and voice ready; it is the current directory."""
    monkeypatch.chdir(copy_of_ready(tmp_path / "project"))
    return tmp_path / "project"


def parsed(answer: Any) -> Any:
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


# --- the program --------------------------------------------------------------------------------------------------


def test_help_and_version_answer_without_what_is_slow_to_import() -> None:
    slow = "{'torch', 'numpy', 'scipy', 'pydantic', 'fastapi', 'matplotlib', 'snakemake'}"
    code = f"import sys, pockettts.cli; print(sorted({slow} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    shown = subprocess.run(
        [sys.executable, "-m", "pockettts.cli", "--version"], capture_output=True, text=True, check=True
    )
    assert shown.stdout == f"pockettts {__version__}\n"


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_has_help(pockettts: Call, command: tuple[str, ...]) -> None:
    answer = pockettts(*command, "--help")
    assert answer.code == 0
    assert answer.out.startswith(f"Usage: pockettts {' '.join(command)}")


def test_the_reference_is_that_of_the_commands() -> None:
    page = (ROOT / "docs/CLI.md").read_text().partition("<!-- made by make cli-docs -->\n")[2]
    program = [sys.executable, "-m", "typer", "pockettts.cli", "utils", "docs", "--name", "pockettts"]
    made = subprocess.run(program, capture_output=True, text=True, check=True).stdout
    assert page == made, "run `make cli-docs`"


@pytest.mark.parametrize("arguments", [["nonsense"], ["voices", "show"], ["model", "nonsense"], ["--nonsense"]])
def test_misuse_is_exit_code_2(pockettts: Call, arguments: list[str]) -> None:
    assert pockettts(*arguments).code == 2


def test_shell_completion_is_there(pockettts: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    program = [sys.executable, "-m", "pockettts.cli"]
    # Otherwise the shell is the one that the tests were started from, which there may be none of.
    environment = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    command = [*program, "--show-completion", "bash"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert "COMPLETE" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("package", "command", "sentence"),
    [
        ("numpy", "doctor", "The package numpy cannot be loaded"),
        ("fastapi", "serve", "The server needs fastapi: run `pip install '.[server]'`."),
    ],
)
def test_a_package_that_is_missing_is_exit_code_3(package: str, command: str, sentence: str) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; from pockettts.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, command], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 3
    assert done.stderr.startswith(f"error: {sentence}")
    assert "Traceback" not in done.stderr


def test_a_terminal_gets_colors_rules_and_nothing_left_out(ready: Path) -> None:
    program = [sys.executable, "-m", "pockettts.cli"]
    code, seen = on_terminal(*program, "doctor", "--quick")
    assert code == 0
    assert "\x1b[32mpass" in seen
    code, seen = on_terminal(*program, "config", "show", "--changed")
    assert code == 0
    assert "───" in seen
    Path("config.yaml").write_text("voice: alba\n")
    _, seen = on_terminal(*program, "config", "show", "--changed")
    assert "…" not in seen
    assert "Refusing to write audio to a terminal" in on_terminal(*program, "synth", "--text", "a", "--out", "-")[1]


def test_progress_is_a_bar_on_a_terminal() -> None:
    code = "from pockettts.cli.output import progress\nwith progress('chunk', 3) as step: step(); step(); step()"
    ended, seen = on_terminal(sys.executable, "-c", code, columns=80)
    assert ended == 0
    assert "3/3" in seen
    assert "━━━" in seen
    assert "of 3" not in seen


# --- the project --------------------------------------------------------------------------------------------------


def test_a_project_is_found_from_within_and_by_name(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project / "inputs")
    assert find_project(None) == project
    monkeypatch.chdir("/")
    assert find_project(project) == project
    with pytest.raises(UsageError, match="is not a project folder"):
        find_project(project / "inputs")
    assert find_project(None) is None


def test_outside_a_project_nothing_is_written_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pockettts: Call
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert "bundled" in {row["id"] for row in parsed(pockettts("voices", "list", "--json"))}
    assert parsed(pockettts("model", "list", "--json"))[0]["here"] is False
    lock = pockettts("model", "download").out
    assert "model.safetensors" in lock
    assert (tmp_path / "cache/pockettts/results/models/bundled/lock.json").is_file()
    assert list(Path.cwd().iterdir()) == []


# --- config -------------------------------------------------------------------------------------------------------


def test_config_show_tells_where_each_value_came_from(
    project: Path, monkeypatch: pytest.MonkeyPatch, pockettts: Call
) -> None:
    Path("config.yaml").write_text("voice: alba\nsynth: {seed: 3}\n")
    monkeypatch.setenv("POCKETTTS_SEED", "4")
    shown = parsed(pockettts("--log-level", "debug", "config", "show", "--json"))
    assert shown["voice"] == {
        "value": "alba",
        "origin": f"file {project / 'config.yaml'}",
        "variable": "POCKETTTS_VOICE",
    }
    assert shown["synth.seed"] == {"value": 4, "origin": "environment POCKETTTS_SEED", "variable": "POCKETTTS_SEED"}
    assert shown["log.level"] == {"value": "debug", "origin": "flag --log-level", "variable": "POCKETTTS_LOG_LEVEL"}
    assert shown["model"] == {"value": "bundled", "origin": "default", "variable": "POCKETTTS_MODEL"}
    table = pockettts("config", "show", "--changed").out.splitlines()
    assert [line.split("\t")[0] for line in table] == ["key", "voice", "synth.seed"]


@pytest.mark.parametrize("suffix", ["yaml", "toml", "json"])
def test_another_configuration(project: Path, pockettts: Call, suffix: str) -> None:
    content = {"yaml": "voice: alba", "toml": 'voice = "alba"', "json": '{"voice": "alba"}'}[suffix]
    Path(f"inputs/mine.{suffix}").write_text(content)
    shown = parsed(pockettts("--config", f"inputs/mine.{suffix}", "config", "show", "--json"))
    assert shown["voice"]["value"] == "alba"


def test_config_show_outside_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pockettts: Call) -> None:
    monkeypatch.chdir(tmp_path)
    assert pockettts("config", "show").code == 0
    assert pockettts("--project", "nowhere", "config", "show").code == 2


def test_health_asks_where_the_projects_server_listens(project: Path, pockettts: Call) -> None:
    Path("config.yaml").write_text("server: {listen: '127.0.0.1:1'}\n")
    answer = pockettts("health")
    assert answer.code == 1
    assert "No server answers at 127.0.0.1:1 " in answer.err


def test_a_wrong_configuration_is_refused_by_every_command(project: Path, pockettts: Call) -> None:
    Path("config.yaml").write_text("voise: alba\n")
    for command in (["voices", "list"], ["config", "show"], ["synth", "--text", "a"]):
        answer = pockettts(*command)
        assert answer.code == 2
        assert "unknown key voise. Did you mean voice?" in answer.err


# --- text ---------------------------------------------------------------------------------------------------------


def test_text_normalize_says_what_will_be_spoken(project: Path, pockettts: Call) -> None:
    answer = pockettts("text", "normalize", stdin="Mr. Holmes paid £20. He left.\n\nIt was 1984.".encode())
    assert answer.out == "Mister Holmes paid twenty pounds. He left.\nIt was nineteen eighty-four.\n"


def test_text_chunk(project: Path, pockettts: Call) -> None:
    text = "The road was white and dry. The sun stood high over the fields."
    chunks = parsed(pockettts("text", "chunk", "--text", text, "--max-chunk-chars", "40", "--json"))
    assert [chunk["text"] for chunk in chunks] == [part + "." for part in text.rstrip(".").split(". ")]
    assert chunks[0]["pause"] == 0.3
    table = pockettts("text", "chunk", "--text", text).out.splitlines()
    assert table[0].split("\t") == ["chunk", "characters", "pause", "border", "text"]
    assert [line.split("\t")[-1] for line in table[1:]] == [chunk["text"] for chunk in chunks]


# --- voices -------------------------------------------------------------------------------------------------------


def test_voices_list(project: Path, pockettts: Call) -> None:
    voices = {voice["id"]: voice for voice in parsed(pockettts("voices", "list", "--json"))}
    assert voices["bundled"]["usable with bundled"] is True
    assert voices["alba"]["usable with bundled"] is False
    assert voices["cosette"]["commercial"] is False
    lines = pockettts("voices", "list").out.splitlines()
    assert len(lines) == len(voices) + 1


def test_voices_show(ready: Path, pockettts: Call) -> None:
    shown = parsed(pockettts("voices", "show", "bundled", "--json"))
    assert shown["exported"] == [str(Path("results/voices/bundled/bundled.safetensors").absolute())]
    assert shown["licence"] == "MIT"
    assert "CC-BY-4.0" in pockettts("voices", "show", "alba").out
    assert pockettts("voices", "show", "albo").code == 2


def test_export_voice_prints_an_entry_that_works(ready: Path, pockettts: Call) -> None:
    os.rename("voices/bundled.wav", "voices/My voice.wav")
    answer = pockettts("export-voice", "voices/My voice.wav", "--right", "made by a program", "--licence", "MIT")
    entry = parsed(answer)
    assert Path("results/voices/bundled/My-voice.safetensors").is_file()
    assert entry["My-voice"]["source"]["path"] == "My voice.wav"
    Path("voices/manifest.json").write_text(json.dumps(entry))
    shown = parsed(pockettts("voices", "show", "My-voice", "--json"))
    assert (shown["right"], shown["licence"], shown["commercial"]) == ("made by a program", "MIT", False)


@pytest.mark.parametrize("recording", ["missing.wav", "config.yaml", "voices"])
def test_export_voice_of_what_is_no_recording(ready: Path, pockettts: Call, recording: str) -> None:
    answer = pockettts("export-voice", recording)
    assert answer.code == 1
    assert "cannot be read" in answer.err
    assert sorted(os.listdir("results/voices/bundled")) == ["bundled.json", "bundled.safetensors"]


# --- models -------------------------------------------------------------------------------------------------------


def test_model_list(ready: Path, pockettts: Call) -> None:
    models = {model["id"]: model for model in parsed(pockettts("model", "list", "--json"))}
    assert models["bundled"] == models["bundled"] | {"here": True, "token needed": False, "language": "en"}
    assert "english" in {model["alias"] for model in models.values()}
    assert len(pockettts("model", "list").out.splitlines()) == len(models) + 1


def test_model_download_lock_verify(project: Path, pockettts: Call) -> None:
    assert "does not exist" in pockettts("model", "verify").err
    fetched = pockettts("model", "download", "bundled")
    assert fetched.code == 0, fetched.err
    assert {line.split("\t")[0] for line in fetched.out.splitlines()} == {"config", "tokenizer", "weights"}
    assert Path("results/models/bundled/runtime.yaml").is_file()
    lock = Path("results/models/bundled/lock.json")
    before = lock.stat().st_mtime_ns
    assert pockettts("model", "lock").out == fetched.out
    assert lock.stat().st_mtime_ns == before, "a build would make again what is older than the lock"
    assert pockettts("model", "verify").code == 0
    weights = Path("models/bundled/model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    refused = pockettts("model", "verify")
    assert refused.code == 1
    assert "model.safetensors: the sha256 should be" in refused.err
    assert weights.exists(), "what is found wrong is left where it is"
    assert pockettts("model", "lock", "--commit").code == 0
    assert pockettts("model", "verify").code == 0
    assert "bundled" in json.loads(Path("models/lock.json").read_text())


def test_models_that_are_not_there(project: Path, pockettts: Call) -> None:
    answer = pockettts("model", "download", "engli")
    assert answer.code == 2
    assert "Did you mean english" in answer.err


def test_a_hub_that_cannot_be_reached_is_exit_code_3(
    project: Path, pockettts: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    answer = pockettts("model", "download", "english")
    assert answer.code == 3
    assert "127.0.0.1:9" in answer.err
    assert not Path("results/models/english_2026-10/lock.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_model_export_and_verify(ready: Path, pockettts: Call, precision: str) -> None:
    answer = pockettts("model", "export", *(["--int8"] if precision == "int8" else []))
    assert answer.code == 0, answer.err
    assert Path(f"results/onnx/bundled/{precision}/manifest.json").is_file()
    verified = pockettts("model", "verify", "--onnx")
    assert verified.code == 0, verified.err
    assert "ok" in verified.out
    graph = next(Path(f"results/onnx/bundled/{precision}").glob("flow_lm_main*.onnx"))
    graph.write_bytes(graph.read_bytes()[:-1] + b"x")
    assert "was altered" in pockettts("model", "verify").err
