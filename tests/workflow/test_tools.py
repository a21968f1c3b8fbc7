"""Files that are made from others are what their source makes."""

from __future__ import annotations

import subprocess

import yaml

from pockettts.config import BookConfig, parse
from pockettts.config.document import default_yaml
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


def test_every_script_explains_itself() -> None:
    for path in (ROOT / "scripts").glob("*.py"):
        result = subprocess.run([BIN / "python", path, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
        assert "usage:" in result.stdout
