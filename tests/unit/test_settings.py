"""Settings: who wins, where each value came from, and what is said of a wrong one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pockettts.config import BookConfig
from pockettts.config.sources import SHORT, Settings, effective, load_settings, variable
from pockettts.errors import ConfigError
from support import ROOT


def write(path: Path, values: Any) -> Path:
    path.write_text(yaml.safe_dump(values))
    return path


@given(given=st.sets(st.sampled_from(["flag", "environment", "file"])))
def test_flags_win_over_the_environment_over_the_file_over_defaults(
    given: set[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = write(tmp_path_factory.getbasetemp() / "config.yaml", {"synth": {"seed": 1}} if "file" in given else {})
    environ = {"POCKETTTS_SEED": "2"} if "environment" in given else {}
    flags = {"seed": 3 if "flag" in given else None}
    settings = load_settings(flags, environ, file)
    winner = next((name for name in ("flag", "environment", "file") if name in given), "default")
    origins = {
        "flag": (3, "flag --seed"),
        "environment": (2, "environment POCKETTTS_SEED"),
        "file": (1, f"file {file}"),
        "default": (0, "default"),
    }
    assert (settings.synth.seed, settings.origin("synth.seed")) == origins[winner]


def test_layers_do_not_hide_each_others_keys(tmp_path: Path) -> None:
    file = write(tmp_path / "c.yaml", {"synth": {"seed": 1, "attempts": 5, "tts_args": {"a": 1}}, "voice": "alba"})
    settings = load_settings({"engine": "torch", "tts-arg": {"b": 2}}, {"POCKETTTS_SYNTH__SEED": "7"}, file)
    assert (settings.synth.seed, settings.synth.attempts, settings.voice, settings.engine) == (7, 5, "alba", "torch")
    assert settings.synth.tts_args == {"a": 1, "b": 2}
    assert settings.origin("synth.attempts") == f"file {file}"
    assert settings.origin("synth.seed") == "environment POCKETTTS_SYNTH__SEED"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.yaml", "voice: alba\nsynth: {seed: 4}\n"),
        ("a.yml", "voice: alba\nsynth: {seed: 4}\n"),
        ("a.toml", 'voice = "alba"\n[synth]\nseed = 4\n'),
        ("a.json", '{"voice": "alba", "synth": {"seed": 4}}'),
    ],
)
def test_kinds_of_files(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    settings = load_settings(file=tmp_path / name)
    assert (settings.voice, settings.synth.seed) == ("alba", 4)


def test_the_workflows_configuration_is_valid() -> None:
    settings = load_settings(file=ROOT / "config.yaml")
    assert settings.model_dump(include=set(BookConfig.model_fields)) == BookConfig().model_dump()


@pytest.mark.parametrize(
    ("name", "text", "key", "value"),
    [
        ("POCKETTTS_VOICE", "alba", "voice", "alba"),
        ("POCKETTTS_VOICE", "123", "voice", "123"),
        ("POCKETTTS_LANGUAGE", "null", "language", None),
        ("POCKETTTS_COMMERCIAL", "true", "commercial", True),
        ("POCKETTTS_LOG_LEVEL", "debug", "log.level", "debug"),
        ("POCKETTTS_MAX_CHUNK_CHARS", "90", "text.max_chars", 90),
        ("POCKETTTS_TEXT__PAUSES__CLAUSE", "0.2", "text.pauses.clause", 0.2),
        ("POCKETTTS_AUDIO__TAKE_CHAIN", "[fade, trim]", "audio.take_chain", ["fade", "trim"]),
        ("POCKETTTS_SYNTH__CHECKS__MAX_CLIPPED", "null", "synth.checks.max_clipped", None),
        ("POCKETTTS_SYNTH__TTS_ARGS", "{max-tokens: 40}", "synth.tts_args", {"max-tokens": 40}),
        ("POCKETTTS_SYNTH__TTS_ARGS__MAX_TOKENS", "40", "synth.tts_args", {"max_tokens": 40}),
    ],
)
def test_variables(name: str, text: str, key: str, value: Any) -> None:
    shown = {key: (value, origin) for key, value, origin in effective(load_settings(environ={name: text}))}
    assert shown[key] == (value, f"environment {name}")


@pytest.mark.parametrize(
    ("flags", "environ", "content", "sentence"),
    [
        ({}, {"POCKETTTS_VOIEC": "x"}, None, "environment POCKETTTS_VOIEC: .*Did you mean POCKETTTS_VOICE"),
        ({}, {"POCKETTTS_SYNTH__SEDE": "1"}, None, "POCKETTTS_SYNTH__SEDE: unknown key synth.sede. Did you mean seed"),
        ({}, {"POCKETTTS_SEED": "x"}, None, "environment POCKETTTS_SEED: synth.seed: .*it is 'x'"),
        ({"engine": "tape"}, {}, None, "flag --engine: engine: .*it is 'tape'"),
        ({"max-chunk-chars": 5}, {}, None, "flag --max-chunk-chars: text.max_chars"),
        ({}, {}, {"sinth": {}}, "c.yaml: unknown key sinth. Did you mean synth"),
        ({}, {}, {"synth": {"seed": -1}}, "c.yaml: synth.seed: .*it is -1"),
        ({}, {}, {"synth": None}, "c.yaml: synth: it must hold keys and values .it is None"),
        ({}, {}, ["voice"], "must hold keys and values"),
    ],
)
def test_what_is_wrong_is_named_with_its_source(
    tmp_path: Path, flags: dict[str, Any], environ: dict[str, str], content: Any, sentence: str
) -> None:
    file = None if content is None else write(tmp_path / "c.yaml", content)
    with pytest.raises(ConfigError, match=sentence):
        load_settings(flags, environ, file)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.yaml", "a: [1", "not valid YAML"),
        ("a.toml", "a = ", "not valid TOML"),
        ("a.json", "{", "not valid JSON"),
        ("a.ini", "", "must end in"),
        ("a.yaml", b"\xff\xfe", "not valid YAML"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: str | bytes, sentence: str) -> None:
    (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ConfigError, match=sentence):
        load_settings(file=tmp_path / name)
    with pytest.raises(ConfigError, match="No such file"):
        load_settings(file=tmp_path / "missing.yaml")


def test_the_variable_of_every_key_sets_it() -> None:
    for key, value, _ in effective(load_settings()):
        text = "null" if value is None else json.dumps(value) if not isinstance(value, str) else value
        settings = load_settings(environ={variable(key): text})
        assert settings.origin(key) == f"environment {variable(key)}"


def test_variables_that_are_no_settings_are_left_alone() -> None:
    load_settings(environ={"POCKETTTS_PARENT": "1", "POCKETTTS_CONFIG": "x", "HOME": "/", "PATH": ""})


def test_what_is_shown_is_every_key_and_can_be_read_again() -> None:
    shown = effective(load_settings())
    assert {origin for _, _, origin in shown} == {"default"}
    again: dict[str, Any] = {}
    for key, value, _ in shown:
        *parents, leaf = key.split(".")
        place = again
        for part in parents:
            place = place.setdefault(part, {})
        place[leaf] = value
    assert Settings.model_validate(json.loads(json.dumps(again))) == Settings()
    assert set(SHORT.values()) <= {key for key, _, _ in shown}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("twice.yaml", "seed: 1\nbook: a\nseed: 2\n", "'seed' occurs twice"),
        ("section.yaml", "synth: {seed: 1}\nsynth: {attempts: 2}\n", "'synth' occurs twice"),
        ("deep.yaml", "text:\n pauses:\n  clause: 1\n  clause: 2\n", "'clause' occurs twice"),
        ("twice.json", '{"synth": {"seed": 1, "seed": 2}}', "'seed' occurs twice"),
        ("octal.yaml", "synth: {seed: 010}", "octal number, 8"),
        ("sixty.yaml", "synth: {seed: 1:30}", "base of 60, 90"),
        ("time.yaml", "synth: {timeout_seconds: 1:30.5}", "base of 60, 90.5"),
        ("merged.yaml", "synth: &a {seed: 1}\ntext: {<<: *a, <<: *a, max_chars: 90, max_chars: 91}", "occurs twice"),
        ("boolean.yaml", "language: no", "language: .*it is False"),
        ("date.yaml", "book: 2001-01-01", "book: .*date"),
        ("endless.yaml", "synth: {timeout_seconds: .inf}", "finite number"),
        ("none.toml", "[audio]\npeak_dbfs = nan", "finite number"),
        ("endless.json", '{"audio": {"head_seconds": Infinity}}', "finite number"),
        ("itself.yaml", "voice: &a [*a]", "voice: .*valid string"),
        ("nested.yaml", "[" * 600, "nested too deeply"),
        ("nested.json", '{"a":' * 200_000, "nested too deeply"),
        ("nested.toml", "a = " + "[" * 20_000, "nested.toml"),
    ],
)
def test_what_a_file_would_silently_change_is_refused(tmp_path: Path, name: str, content: str, words: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError, match=words):
        load_settings(file=tmp_path / name)


def test_a_few_lines_that_stand_for_gigabytes_are_refused_in_a_short_sentence(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 10)]
    (tmp_path / "a.yaml").write_text("\n".join(["voice:", *(f"  {line}" for line in lines)]))
    with pytest.raises(ConfigError, match="valid string") as refused:
        load_settings(file=tmp_path / "a.yaml")
    assert len(str(refused.value)) < 2_000


def test_numbers_that_mean_what_they_look_like_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("synth: {seed: 10, attempts: 3}\nbook: '010'\n")
    settings = load_settings(file=tmp_path / "a.yaml")
    assert (settings.synth.seed, settings.synth.attempts, settings.book) == (10, 3, "010")


@pytest.mark.parametrize("text", ["https://a.example, https://b.example", '["https://a.example", "https://b.example"]'])
def test_a_variable_may_hold_a_list_with_commas(text: str) -> None:
    settings = load_settings(environ={"POCKETTTS_CORS_ORIGINS": text})
    assert settings.server.cors_origins == ("https://a.example", "https://b.example")
    assert load_settings(environ={"POCKETTTS_CORS_ORIGINS": "https://a.example"}).server.cors_origins == (
        "https://a.example",
    )


LISTS = {
    "POCKETTTS_TEXT__EPUB__INCLUDE": ("text.epub.include", "Imprint, c*.xhtml", ["Imprint", "c*.xhtml"]),
    "POCKETTTS_TEXT__EPUB__EXCLUDE": ("text.epub.exclude", "one", ["one"]),
    "POCKETTTS_AUDIO__TAKE_CHAIN": ("audio.take_chain", "fade,trim", ["fade", "trim"]),
    "POCKETTTS_AUDIO__BOOK_CHAIN": ("audio.book_chain", "", []),
    "POCKETTTS_PUBLISH__FORMATS": ("publish.formats", "m4b, mp3,", ["m4b", "mp3"]),
    "POCKETTTS_CORS_ORIGINS": ("server.cors_origins", "*", ["*"]),
    "POCKETTTS_BENCH__ENGINES": ("bench.engines", "cli, torch", ["cli", "torch"]),
    "POCKETTTS_BENCH__MODELS": ("bench.models", "bundled", ["bundled"]),
    "POCKETTTS_BENCH__THREADS": ("bench.threads", "1, 2", [1, 2]),
    "POCKETTTS_BENCH__TEXT_CHARS": ("bench.text_chars", "40", [40]),
    "POCKETTTS_BENCH__BOOK_ENGINES": ("bench.book_engines", "onnx-int8", ["onnx-int8"]),
    "POCKETTTS_BENCH__BOOK_CHUNKS": ("bench.book_chunks", "8,16", [8, 16]),
    "POCKETTTS_BENCH__JOBS": ("bench.jobs", "1,2", [1, 2]),
}


def test_every_list_can_be_a_variable_with_commas() -> None:
    shown = effective(load_settings(environ={name: text for name, (_, text, _) in LISTS.items()}))
    values = {key: value for key, value, origin in shown if origin != "default"}
    assert values == {key: value for key, _, value in LISTS.values()}
    assert {key for key, value, _ in shown if isinstance(value, list)} == set(values)
