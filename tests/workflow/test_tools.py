"""Files that are made from others are what their source makes."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pockettts.config import BookConfig, parse
from pockettts.config.document import default_yaml
from pockettts.project import Project
from support import BIN, ROOT


def test_config_yaml_holds_every_key_with_its_default() -> None:
    text = (ROOT / "config.yaml").read_text()
    assert text == default_yaml()
    assert parse(yaml.safe_load(text)) == BookConfig()


def test_the_conda_environment_has_the_pins_of_the_lock() -> None:
    subprocess.run([BIN / "python", "scripts/pin_env.py", "--check"], cwd=ROOT, check=True)


def test_every_rule_has_a_script_of_its_name() -> None:
    rules = {
        line.removeprefix("rule ").rstrip(":\n")
        for path in (ROOT / "rules").glob("*.smk")
        for line in path.open()
        if line.startswith("rule ")
    }
    assert rules
    # bench is a target.
    assert rules - {"bench"} <= {path.stem for path in (ROOT / "scripts").glob("*.py")}


@pytest.mark.parametrize("path", sorted((ROOT / "scripts").glob("*.py")), ids=lambda path: path.stem)
def test_every_script_explains_itself(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [str(path), "--help"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(path))["main"]()
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("usage:")


def test_rules_and_the_project_agree_on_every_path() -> None:
    """The rules spell patterns with wildcards; `Project` has the same paths."""
    project = Project(Path())
    book, model = project.of_book("{book}"), project.of_model("{model}")
    paths = {
        *(book.manuscript, book.chunks, book.plan, book.reading, book.receipt("{batch}"), book.pack("{batch}")),
        *(book.joined, book.timeline),
        *(book.mastered, book.mastering, book.measurement, book.provenance, book.report, book.recording),
        *(model.download, model.lock, model.runtime, model.runtime_sidecar),
        project.bundle_manifest("{precision}", "{model}"),
        *(project.voice_state("{voice}", "{model}"), project.bundle_report("{precision}", "{model}")),
    }
    text = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    text = text.replace("{MODEL}", "results/models/{model}").replace("{EXPORTED}", "results/onnx/{model}/{precision}")
    assert not [str(path) for path in paths if f'"{path}"' not in text]


def test_every_rule_says_what_it_needs() -> None:
    for path in (ROOT / "rules").glob("*.smk"):
        for rule in path.read_text().split("\nrule ")[1:]:
            name, _, body = rule.partition(":")
            if name == "bench":
                continue
            assert body.lstrip().startswith('"""'), f"{name} has no docstring"
            for directive in ("log:", "benchmark:", "conda:", "mem_mb=", "disk_mb=", "runtime="):
                assert directive in body, f"{name} has no {directive}"
