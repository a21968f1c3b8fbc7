"""`doctor`: each thing that can be wrong is found, told with a remedy, and makes the exit code 3 if it is a failure."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from pockettts import doctor, files
from pockettts.server import audio
from support import FAKES
from support.cli import Call, caller
from support.projects import copy_of_ready

FAKE = FAKES / "pocket-tts"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(copy_of_ready(tmp_path / "project"))
    return tmp_path / "project"


@pytest.fixture
def pockettts(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Call:
    return caller(monkeypatch, capsysbinary)


def found(pockettts: Call, *options: str) -> tuple[int, dict[str, dict[str, str]]]:
    answer = pockettts("doctor", "--quick", "--json", *options)
    findings = json.loads(answer.out)
    for finding in findings:
        assert set(finding) == {"name", "status", "reason", "remedy"}
        assert finding["status"] in ("pass", "warn", "fail")
        assert finding["reason"]
        assert finding["remedy"] or finding["status"] == "pass"
    return answer.code, {finding["name"]: finding for finding in findings}


def test_nothing_fails_where_all_is_there(project: Path, pockettts: Call) -> None:
    code, findings = found(pockettts)
    assert code == 0
    assert "fail" not in {finding["status"] for finding in findings.values()}
    for name in ("python", "packages", "libsndfile", "disk", "memory", "port", "model", "voice bundled"):
        assert name in findings
    assert "pocket-tts 4.0.1" in findings["packages"]["reason"]


def test_for_readers(project: Path, pockettts: Call) -> None:
    answer = pockettts("doctor", "--quick")
    assert answer.code == 0
    assert "pass  python: 3.11" in answer.out
    assert "\x1b" not in answer.out, "no color in a pipe"


def test_weights_that_are_not_as_locked(project: Path, pockettts: Call) -> None:
    weights = Path("models/bundled/model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    code, findings = found(pockettts)
    assert code == 3
    assert findings["model"]["status"] == "fail"
    assert "sha256" in findings["model"]["reason"]


def test_a_model_that_is_not_fetched(project: Path, pockettts: Call) -> None:
    code, findings = found(pockettts, "--model", "english", "--voice", "alba")
    assert code == 0
    assert findings["model"]["status"] == "warn"
    assert "model download" in findings["model"]["remedy"]


@pytest.mark.parametrize(
    ("damage", "name", "reason"),
    [
        ("truncated", "voice bundled", "damaged"),
        ("other lock", "voice bundled", "different state of the model"),
        ("unknown", "voice", "There is no voice"),
        ("of the hub", "voice", "only for the models of the hub"),
    ],
)
def test_voices(project: Path, pockettts: Call, damage: str, name: str, reason: str) -> None:
    voice = Path("results/voices/bundled/bundled.safetensors")
    options = []
    if damage == "truncated":
        os.truncate(voice, 2000)
    elif damage == "other lock":
        sidecar = json.loads(voice.with_suffix(".json").read_text())
        voice.with_suffix(".json").write_text(json.dumps(sidecar | {"model_lock": "0" * 32}))
    else:
        options = ["--voice", "nobody" if damage == "unknown" else "alba"]
    code, findings = found(pockettts, *options)
    assert code == 3
    assert findings[name]["status"] == "fail"
    assert reason in findings[name]["reason"]


def test_a_licence_that_forbids_commercial_use(project: Path, pockettts: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    _, findings = found(pockettts, "--model", "english", "--voice", "cosette")
    assert findings["licence of the voice"]["status"] == "warn"
    monkeypatch.setenv("POCKETTTS_COMMERCIAL", "true")
    code, findings = found(pockettts, "--model", "english", "--voice", "cosette")
    assert (code, findings["voice"]["status"]) == (3, "fail")


@pytest.mark.parametrize(("package", "version"), [("numpy", None), ("pocket-tts", "3.0.0")])
def test_packages_that_are_missing_or_old(
    project: Path, pockettts: Call, monkeypatch: pytest.MonkeyPatch, package: str, version: str | None
) -> None:
    real = importlib.metadata.version

    def pretended(name: str) -> str:
        if name != package:
            return real(name)
        if version is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(importlib.metadata, "version", pretended)
    code, findings = found(pockettts)
    assert (code, findings["packages"]["status"]) == (3, "fail")
    assert package in findings["packages"]["reason"]
    assert "make env" in findings["packages"]["remedy"]


@pytest.mark.parametrize(("engine", "status"), [("torch", "warn"), ("onnx", "fail")])
def test_an_extra_is_needed_only_where_it_is_used(
    project: Path, pockettts: Call, monkeypatch: pytest.MonkeyPatch, engine: str, status: str
) -> None:
    real = importlib.metadata.version

    def pretended(name: str) -> str:
        if name == "onnxscript":
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", pretended)
    _, findings = found(pockettts, "--engine", engine)
    assert findings["packages of engine onnx"]["status"] == status


@pytest.mark.parametrize(("free", "status"), [(10**8, "fail"), (10**9, "warn"), (10**11, "pass")])
def test_disk(project: Path, pockettts: Call, monkeypatch: pytest.MonkeyPatch, free: int, status: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**12, 10**12 - free, free))
    assert found(pockettts)[1]["disk"]["status"] == status


def test_an_encoder_that_pyav_does_not_have(project: Path, pockettts: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(pockettts)[1]["audio formats"]["reason"] == "the server can write wav, pcm, mp3, opus, aac, flac"
    monkeypatch.setitem(audio._CODECS, "opus", ("ogg", "no_such_codec", {}))
    finding = found(pockettts)[1]["audio formats"]
    assert finding["status"] == "warn"
    assert finding["reason"].startswith("the server cannot write opus (")


def test_a_port_that_is_taken(project: Path, pockettts: Call) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        _, findings = found(pockettts, "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert findings["port"]["status"] == "warn"


@pytest.mark.parametrize("listen", ["nonsense", "127.0.0.1:99999999", "nohost.invalid:1", ":x"])
def test_addresses_that_are_none(project: Path, pockettts: Call, listen: str) -> None:
    assert found(pockettts, "--listen", listen)[1]["port"]["status"] == "warn"


@pytest.mark.parametrize(("engine", "status"), [("torch", "warn"), ("onnx", "fail")])
def test_an_exported_model_that_does_not_run(
    project: Path, pockettts: Call, monkeypatch: pytest.MonkeyPatch, engine: str, status: str
) -> None:
    folder = Path("results/onnx/bundled/fp32")
    files.write_json(folder / "manifest.json", {})
    monkeypatch.setattr("pockettts.bundle.read_bundle", lambda folder: SimpleNamespace(folder=folder))
    checks = [SimpleNamespace(name="flow", passed=False, note="no such operator")]
    monkeypatch.setattr("pockettts.export.verify.check_graphs", lambda _: checks)
    finding = found(pockettts, "--engine", engine)[1]["onnx fp32"]
    assert (finding["status"], finding["reason"]) == (status, "flow: no such operator")
    assert str(folder) in finding["remedy"]


@pytest.mark.parametrize(("wrong", "status"), [(0, "pass"), (3, "warn")])
def test_a_processor_that_adds_integers_wrongly(
    project: Path, pockettts: Call, monkeypatch: pytest.MonkeyPatch, wrong: int, status: str
) -> None:
    monkeypatch.setattr("pockettts.engines.onnx.integers.wrong_sums", lambda: wrong)
    finding = found(pockettts)[1]["int8"]
    assert finding["status"] == status
    assert ("fp32" in finding.get("remedy", "")) == bool(wrong)


@pytest.mark.parametrize("path", ["models/bundled/config.yaml", "results/models/bundled/lock.json"])
@pytest.mark.parametrize("content", [b"\xff{", b"{}", None])
def test_whatever_is_broken_the_other_checks_are_told(
    project: Path, pockettts: Call, path: str, content: bytes | None
) -> None:
    Path(path).unlink()
    Path(path).mkdir() if content is None else Path(path).write_bytes(content)
    code, findings = found(pockettts)
    assert code == 3
    assert findings["disk"]["status"] == "pass"
    assert findings["licence of the voice"]["status"] == "pass"


def test_an_exported_model_that_was_altered(project: Path, pockettts: Call) -> None:
    folder = Path("results/onnx/bundled/fp32")
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    assert found(pockettts)[1]["onnx fp32"]["status"] == "warn"
    code, findings = found(pockettts, "--engine", "onnx")
    assert (code, findings["onnx fp32"]["status"]) == (3, "fail")


def test_flags_that_pocket_tts_does_not_have(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pockettts.config import BookConfig, SynthConfig
    from pockettts.project import Project

    monkeypatch.setenv("FAKE", "good")
    findings = list(doctor._flags(Project(config=BookConfig(synth=SynthConfig(executable=FAKE, temperature=0.5)))))
    assert [finding.status for finding in findings] == ["fail"]
    assert "--temperature" in findings[0].reason


def test_the_whole_examination_speaks_a_word(project: Path, pockettts: Call) -> None:
    answer = pockettts("doctor", "--json", "--engine", "torch")
    findings = {finding["name"]: finding for finding in json.loads(answer.out)}
    assert answer.code == 0, answer.out
    assert "has every flag" in findings["pocket-tts"]["reason"]
    assert findings["speech by engine torch"]["reason"].startswith("one word")
    assert not Path("results/takes").exists(), "nothing is kept of it"
